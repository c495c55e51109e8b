"""The multi-controller program: numbered operations that all parties derive alike."""
