"""Wire: the closed codec, the one door between values and the bytes of another silo."""
