"""The gates of two parties without a helper, where those with one would cost too many oblivious transfers."""
