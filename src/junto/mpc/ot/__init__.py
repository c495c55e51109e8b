"""Oblivious transfer between the two parties of an SPU, and the correlated randomness made of it."""
