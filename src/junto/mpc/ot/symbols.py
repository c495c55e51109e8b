"""GF(64) by planes of bits, and a code over it in which words differ in at least 22 symbols.

A vector over GF(64) is six planes [6, width] of bits: plane a has the coefficients of z**a, modulo
z**6 + z + 1. The code is systematic, with a Cauchy matrix behind the identity: all square parts of that are
invertible, so each word that is not zero has more than PARITY symbols that are not (MacWilliams, Sloane, "The
theory of error-correcting codes", chapter 11, theorem 8).
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Words

BITS: Final = 6
"""Of a symbol."""
PARITY: Final = 21
"""Symbols that follow a message: 22 symbols that differ, of 6 bits each, make 132 bits of security."""
MOST_SYMBOLS: Final = (1 << BITS) - PARITY
"""Of a message: there are no more different elements for the matrix."""

_MODULUS: Final = 0b1000011
_ORDER: Final = (1 << BITS) - 1
_PIECE: Final = 1 << 10
"""Words of a plane at once: what is summed up stays in a core's cache."""


def scaled(number: int, planes: Words) -> Words:
    """An element of the field times each symbol of [6, width]."""
    made = np.zeros_like(planes)
    for a, plane in enumerate(planes):
        image = product(number, 1 << a)
        for b in range(BITS):
            if image >> b & 1:
                made[b] ^= plane
    return made


def parities(message: Words) -> Words:
    """The symbols that follow a message [symbols, 6, width]: [PARITY, 6, width].

    Raises:
        ValueError: the message has more than MOST_SYMBOLS symbols.
    """
    if len(message) > MOST_SYMBOLS:
        raise ValueError(f"a message has at most {MOST_SYMBOLS} symbols, not {len(message)}")
    made = np.empty((PARITY, *message.shape[1:]), np.uint64)
    planes, out = message.reshape(-1, message.shape[2]), made.reshape(-1, message.shape[2])
    for start in range(0, message.shape[2], _PIECE):
        piece = np.ascontiguousarray(planes[:, start : start + _PIECE])
        for plane, taken in zip(out, _sources(len(message)), strict=True):
            np.bitwise_xor.reduce(piece[taken], axis=0, out=plane[start : start + _PIECE])
    return made


def product(a: int, b: int) -> int:
    """Of two elements of the field."""
    made = 0
    for bit in range(BITS):
        if b >> bit & 1:
            made ^= a << bit
    for bit in reversed(range(BITS, 2 * BITS - 1)):
        if made >> bit & 1:
            made ^= _MODULUS << (bit - BITS)
    return made


@cache
def _sources(symbols: int) -> list[NDArray[np.intp]]:
    """For each plane of the parities, of which planes of a message of so many symbols it is the sum."""
    made = []
    for number in range(PARITY):
        images = [
            product(_inverse(number ^ place), 1 << a)  # different elements: their sum is not zero
            for place in range(PARITY, PARITY + symbols)
            for a in range(BITS)
        ]
        made += [np.flatnonzero(np.array(images) >> b & 1) for b in range(BITS)]
    return made


@cache
def _inverse(number: int) -> int:
    """Its power of 2**6 - 2."""
    made = 1
    for _ in range(_ORDER - 1):
        made = product(made, number)
    return made
