"""The doctor: why the parties of a job do not get together, found from both sides."""
