"""Without a helper: two parties make what a plan asks to be dealt, ahead of its online phase."""
