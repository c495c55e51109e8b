"""`python -m junto` is the command `junto`."""

from junto.cli.main import main

if __name__ == "__main__":
    main()
