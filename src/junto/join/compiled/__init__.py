"""Curve25519 in vector instructions, compiled by LLVM when it is first used."""
