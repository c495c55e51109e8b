"""Conjunctions of bits that are shared by exclusive or.

Paper:     Asharov, Lindell, Schneider, Zohner, "More efficient oblivious transfer and extensions for faster
           secure computation", CCS 2013, section 5.
Computes:  [a b] from [a], [b].
Parties:   P0, P1, who do the same: each chooses with its a, and offers its b.
Secure:    semi-honest.
Learns:    nobody anything: what is sent is uniform to its receiver.
Cost:      1 transfer each way a bit a, and 1 bit each way for each b that it is multiplied with.

Bits are planes of 64 lanes a word (`bits`); the lanes beyond the last one hold anything, here too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from junto.mpc import bits
from junto.mpc.bits import LANES, Planes
from junto.mpc.gates import Words
from junto.mpc.ot.extension import Extension
from junto.mpc.ot.jobs import TransferJob, octets, parts
from junto.mpc.ot.pads import Chosen, Offered


def conjunctions(extension: Extension, a: Planes, b: Planes) -> Planes:
    """Our share of a b.

    Args:
        extension: with the other party.
        a: our shares [words].
        b: our shares [count, words] of what a is multiplied with; at most 64 of them.

    Returns:
        [count, words].
    """
    made = a & b

    def add(part: slice, products: Planes) -> None:
        made[:, part] ^= products

    extension.run(
        _Conjunction(a[part], b[:, part], partial(add, part))
        for part in parts(len(a), extension.settings.block // LANES)
    )
    return made


class _Conjunction(TransferJob):
    """Our a with the other party's b, and the other way round."""

    def __init__(self, a: Words, b: Planes, done: Callable[[Planes], None]) -> None:
        self._a = a
        self._b = b
        self._done = done
        self.chooses = self.offers = LANES * len(a)
        self.due = 8 * b.size

    def choices(self) -> Words:
        return self._a

    def give(self, pads: Offered) -> Sequence[memoryview]:
        zero, one = (lowest(each, len(self._b)) for each in pads.words())
        self._done(zero)
        one ^= zero
        one ^= self._b
        return [octets(one)]

    def take(self, pads: Chosen, data: memoryview) -> None:
        made = lowest(pads.words(), len(self._b))
        made ^= np.frombuffer(data, np.uint64).reshape(made.shape) & self._a
        self._done(made)


def lowest(numbers: Words, count: int) -> Planes:
    """The lowest bits of numbers, as planes [count, words]; quickest for few of them."""
    if count > 8:
        return bits.planes(numbers, count)
    octet = numbers.astype(np.uint8)
    made = np.empty((count, bits.word_count(len(numbers))), np.uint64)
    for bit, plane in enumerate(made):
        plane[...] = bits.pack(((octet >> bit) & 1).view(np.bool_))
    return made
