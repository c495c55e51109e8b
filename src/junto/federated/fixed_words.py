"""Numbers as whole multiples of a power of two, modulo 2**(64 words): sums of them are exact.

A number x becomes the integer nearest to x * 2**fraction, in two's complement, as `words` words of 64 bits,
the lowest first. So many parties may add numbers below a bound that the total is in range: see `fitting`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

WORD: Final = 64
WIDEST: Final = 4
"""Words of a number: 256 bits hold sums of floats of any size that a table has."""

_DIGITS: Final = 53
"""Bits of a float's integer part that `frexp` gives."""


@dataclass(frozen=True, slots=True)
class FixedWords:
    """How numbers are written.

    Args:
        words: of 64 bits, for each number.
        fraction: bits after the point; 0: whole numbers.
        bound: what the absolute value of no number exceeds.
    """

    words: int
    fraction: int
    bound: float

    @classmethod
    def fitting(cls, bound: float, terms: int, words: int = 1, *, whole: bool = False) -> Self:
        """The finest in which a sum of `terms` numbers up to `bound` is in range.

        Raises:
            ValueError: whole numbers are not.
        """
        above = math.frexp(bound)[1] + terms.bit_length()  # |sum| < 2**above
        fraction = WORD * words - 2 - above
        if whole and fraction < 0:
            raise ValueError("sums of these whole numbers leave the range")
        return cls(words, 0 if whole else fraction, bound)

    @property
    def resolution(self) -> float:
        """A number is off by half of it at most, a sum by half of it for each term."""
        return math.ldexp(1.0, -self.fraction)

    def encode(self, numbers: NDArray[np.float64]) -> Words:
        """[words, numbers] of finite numbers up to the bound."""
        scaled = np.rint(np.ldexp(numbers, self.fraction))
        part, exponent = np.frexp(scaled)
        digits = np.ldexp(np.abs(part), _DIGITS).astype(np.uint64)
        place = exponent.astype(np.int64) - _DIGITS  # |scaled| is digits * 2**place
        made = np.stack([_moved(digits, place - WORD * word) for word in range(self.words)])
        return np.where(scaled < 0, negative(made), made)

    def decode(self, words: Words) -> NDArray[Any]:
        """The numbers of [words, numbers]: floats; of whole numbers in one word integers of 64 bits."""
        if self.fraction == 0 and self.words == 1:
            whole: NDArray[Any] = words[0].view(np.int64)
            return whole
        below = words[-1] >> np.uint64(WORD - 1) == 1
        size = np.where(below, negative(words), words)
        found = np.zeros(words.shape[1])
        for place, word in enumerate(size):
            found += np.ldexp(word.astype(np.float64), WORD * place - self.fraction)
        return np.where(below, -found, found)


def plus(a: Words, b: Words) -> Words:
    """The sums of [words, numbers]."""
    total, carry = np.empty_like(a), np.zeros(a.shape[1], np.uint64)
    for place, (x, y) in enumerate(zip(a, b, strict=True)):
        once = x + y
        total[place] = once + carry
        carry = ((once < x) | (total[place] < carry)).astype(np.uint64)
    return total


def negative(a: Words) -> Words:
    """What gives 0 together with [words, numbers]."""
    one = np.zeros_like(a)
    one[0] = 1
    return plus(~a, one)


def _moved(digits: Words, shift: NDArray[np.int64]) -> Words:
    """The lowest word of ``digits * 2**shift``, without what is below 1."""
    up = digits << np.clip(shift, 0, WORD - 1).astype(np.uint64)
    down = digits >> np.clip(-shift, 0, WORD - 1).astype(np.uint64)
    made = np.where(shift >= 0, up, down)
    return np.where(np.abs(shift) < WORD, made, np.uint64(0))
