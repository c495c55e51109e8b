"""What junto costs, measured beside what this machine can do: ``make bench``."""
