"""The bits of a sum whose summands are known to one party each, and products of four neighbouring bits.

Paper:     Sklansky, "Conditional-sum addition logic", 1960, for the carries into groups of four places, and
           for taking each group's sum with and without a carry from a table; `tables` and `conjunctions`.
Computes:  the bits of r0 + r1 modulo 2**64, shared by exclusive or, from r0 at P0 and r1 at P1; the products
           of all sets of four shared bits.
Parties:   P0, P1.
Secure:    semi-honest.
Learns:    nobody anything.
Cost:      all 64 bits: 75 transfers and 1125 bits each way, in 6 steps. The products: 2 transfers and 128
           bits each way for four bits.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from junto.mpc import bits
from junto.mpc.bits import Planes
from junto.mpc.gates import BITS, Words
from junto.mpc.ot.carries import DIGIT, Groups, planes_of
from junto.mpc.ot.conjunctions import conjunctions
from junto.mpc.ot.extension import Extension
from junto.mpc.ot.table_transfers import evaluate

_SIZE: Final = 1 << DIGIT


def decompose(extension: Extension, own: Words, count: int = BITS) -> Planes:
    """Our share of the lowest `count` bits of the sums, lowest first: [count, words].

    Args:
        extension: with the other party.
        own: our summands, [n].
        count: 1 to 64.
    """
    lanes, groups = len(own), -(-count // DIGIT)
    shifts = np.arange(0, DIGIT * groups, DIGIT, dtype=np.uint64)[:, None]
    digits = (own >> shifts & np.uint64(_SIZE - 1)).astype(np.uint8)
    found = evaluate(extension, _conditional_sums(), digits.reshape(-1), 8).reshape(groups, lanes)
    planes = planes_of(found, 8)
    lowest = planes_of(digits, 1)[0]
    made = np.concatenate([lowest[None], planes[2:5]])  # the sums without a carry
    if groups > 1:
        carry = _prefixes(extension, Groups(planes[0, :-1], planes[1, :-1]))
        made[0, 1:] ^= carry
        changed = planes[5:8, 1:].reshape(DIGIT - 1, -1)
        made[1:, 1:] ^= conjunctions(extension, carry.reshape(-1), changed).reshape(DIGIT - 1, *carry.shape)
    return np.ascontiguousarray(made.swapaxes(0, 1)).reshape(DIGIT * groups, -1)[:count]


def monomials(extension: Extension, planes: Planes, lanes: int) -> Planes:
    """Our share of the products of all sets of each four bits.

    Args:
        extension: with the other party.
        planes: our shares [4 * groups, words].
        lanes: bits of a plane.

    Returns:
        [15, groups, words]: number s - 1 is the product of those that are set in s.
    """
    groups = len(planes) // DIGIT
    flags = [bits.unpack(plane, lanes).view(np.uint8) for plane in planes]
    digits = np.empty((groups, lanes), np.uint8)
    for group in range(groups):
        first, *others = flags[DIGIT * group : DIGIT * (group + 1)]
        digits[group] = first
        for place, flag in enumerate(others, 1):
            digits[group] |= flag << place
    found = evaluate(extension, _products(), digits.reshape(-1), _SIZE)
    return planes_of(found.reshape(groups, lanes), _SIZE)[1:]


def _conditional_sums() -> Words:
    """Of two digits: carry, propagation, bits 1 to 3 of the sum, and how a carry changes them."""
    sums = np.add.outer(np.arange(_SIZE), np.arange(_SIZE))
    changes = sums ^ sums + 1
    made = (sums >> DIGIT) | (sums == _SIZE - 1) << 1 | (sums >> 1 & 7) << 2 | (changes >> 1 & 7) << 5
    words: Words = made.astype(np.uint64)
    return words


def _products() -> Words:
    """Of two shares of four bits: for each set of them, as a bit of the result, whether all are 1."""
    whole = np.bitwise_xor.outer(np.arange(_SIZE), np.arange(_SIZE))
    made: Words = np.zeros(whole.shape, np.uint64)
    for s in range(_SIZE):
        made |= (whole & s == s).astype(np.uint64) << np.uint64(s)
    return made


def _prefixes(extension: Extension, groups: Groups) -> Planes:
    """The carry out of each group [groups, words], with all below it."""
    generate, propagate = groups.generate.copy(), groups.propagate.copy()
    count = len(generate)
    distance = 1
    while distance < count:
        upper = [i for i in range(count) if i & distance]
        below = [i - i % distance - 1 for i in upper]
        under = np.stack([generate[below], propagate[below]])
        found = conjunctions(extension, propagate[upper].reshape(-1), under.reshape(2, -1)).reshape(
            under.shape
        )
        generate[upper] ^= found[0]
        propagate[upper] = found[1]
        distance *= 2
    return generate
