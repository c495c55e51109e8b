"""The carries of a sum whose summands are known to one party each.

Paper:     Rathee et al., "CrypTFlow2: practical 2-party secure inference", CCS 2020, section 3 (tables of
           four bits at the leaves, a tree of conjunctions above them); the tree is that of Brent and Kung, "A
           regular layout for parallel adders", 1982.
Computes:  shares by exclusive or of the carries out of some places of x + y, with x at P0 and y at P1.
Parties:   P0, P1.
Secure:    semi-honest.
Learns:    nobody anything.
Cost:      2 transfers and 16 bits each way for four places at the leaves, 1 transfer and 2 bits each way for
           a join of two groups: 47 transfers for all 64 places. Exchanges: one more than there are blocks,
           for the leaves and for each of up to 4 levels.

Four neighbouring places make a carry (g) if their digits' sum is 16 or more, and pass one on (p) if it is 15;
never both. A lower group with g, p and a higher one with G, P are one with G + P g and P p, where + is
exclusive or.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.mpc import bits
from junto.mpc.bits import Planes
from junto.mpc.gates import Words
from junto.mpc.ot.conjunctions import conjunctions
from junto.mpc.ot.extension import Extension
from junto.mpc.ot.table_transfers import evaluate
from junto.mpc.ring128 import bit_field

DIGIT: Final = 4
"""Places of a group at the leaves."""
_GENERATE: Final = np.uint64(1)
_PROPAGATE: Final = np.uint64(2)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Groups:
    """Neighbouring groups, the lowest first: whether each makes a carry, and whether it passes one on.

    Args:
        generate, propagate: our shares, [groups, words].
    """

    generate: Planes
    propagate: Planes

    def __len__(self) -> int:
        return len(self.generate)


def ranges(extension: Extension, own: Words, cuts: Sequence[int]) -> list[Groups]:
    """Our share of each range of places, as one group: whether it makes a carry, and passes one on.

    Args:
        extension: with the other party.
        own: our summands, [n].
        cuts: where the ranges begin and end: the first from cuts[0] to below cuts[1], and so on; ascending.
    """
    digits, sizes = [], []
    for low, high in pairwise(cuts):
        digits += [_digit(own, at, min(DIGIT, high - at), extension.index) for at in range(low, high, DIGIT)]
        sizes.append(-(-(high - low) // DIGIT))
    leaves = _leaves(extension, digits, len(own))
    ends = np.cumsum(sizes)
    whole = [
        Groups(leaves.generate[end - size : end], leaves.propagate[end - size : end])
        for size, end in zip(sizes, ends, strict=True)
    ]
    while any(len(each) > 1 for each in whole):
        whole = _level(extension, whole)
    return whole


def join(extension: Extension, high: Groups, low: Planes) -> Planes:
    """Our share of the carry out of one group [1, words], given that of the carry into it [1, words]."""
    return high.generate ^ conjunctions(extension, high.propagate[0], low)


def _digit(own: Words, low: int, size: int, index: int) -> NDArray[np.uint8]:
    """Places of a number; if they are fewer than DIGIT, with others above them that pass a carry on."""
    digit = bit_field(own, low, size)
    if index == 0:
        digit |= np.uint64((1 << DIGIT) - (1 << size))
    return digit.astype(np.uint8)


def _leaves(extension: Extension, digits: Sequence[NDArray[np.uint8]], lanes: int) -> Groups:
    sums = np.add.outer(np.arange(1 << DIGIT), np.arange(1 << DIGIT))
    function = np.where(sums >= 1 << DIGIT, _GENERATE, np.uint64(0))
    function |= np.where(sums == (1 << DIGIT) - 1, _PROPAGATE, np.uint64(0))
    found = evaluate(extension, function, np.concatenate(digits), 2)
    made = planes_of(found.reshape(len(digits), lanes), 2)
    return Groups(made[0], made[1])


def planes_of(numbers: NDArray[np.unsignedinteger[Any]], count: int) -> Planes:
    """The lowest bits of short numbers [groups, lanes], as planes [count, groups, words]."""
    groups, lanes = numbers.shape
    made = np.empty((count, groups, bits.word_count(lanes)), np.uint64)
    for bit, planes in enumerate(made):
        for row, plane in zip(numbers, planes, strict=True):
            plane[...] = bits.pack((row >> bit & 1).astype(np.bool_))
    return made


def _level(extension: Extension, whole: list[Groups]) -> list[Groups]:
    """Join neighbours in pairs, of all ranges at once; an odd one out stays as it is."""
    low = [Groups(each.generate[0:-1:2], each.propagate[0:-1:2]) for each in whole]
    high = [Groups(each.generate[1::2], each.propagate[1::2]) for each in whole]
    over = np.concatenate([each.propagate for each in high])
    under = np.stack(
        [np.concatenate([each.generate for each in low]), np.concatenate([each.propagate for each in low])]
    )
    found = conjunctions(extension, over.reshape(-1), under.reshape(2, -1)).reshape(under.shape)
    made, start = [], 0
    for each, upper in zip(whole, high, strict=True):
        stop = start + len(upper)
        rest = slice(2 * len(upper), None)
        made.append(
            Groups(
                np.concatenate([found[0, start:stop] ^ upper.generate, each.generate[rest]]),
                np.concatenate([found[1, start:stop], each.propagate[rest]]),
            )
        )
        start = stop
    return made
