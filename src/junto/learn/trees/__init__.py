"""Trees on the columns of several parties, grown on shares; see ``docs/how-to/trees.md``."""
