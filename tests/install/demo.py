"""What `junto[demo]` promises: the demo."""

import sys

from junto.cli.main import main

sys.argv = ["junto", "demo", "--no-progress"]
main()
