"""Functions of secret fixed-point numbers, built from the gates alone."""
