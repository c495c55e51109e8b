"""The command `junto`: thin over library functions; see `junto --help`."""
