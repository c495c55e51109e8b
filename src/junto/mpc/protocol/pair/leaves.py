"""Compare digits of two private numbers: the leaves of every comparison of a pair.

Paper:     Rathee et al., "CrypTFlow2: Practical 2-party secure inference", CCS 2020, section 3.1 (a digit by
           one oblivious transfer out of sixteen), with pads made ahead of time: P1's choices are known then.
Computes:  <a < b> and <a = b> for digits of four bits of a = D - m0, which P0 has, and b = m1, P1's.
Parties:   P0, P1.
Secure:    semi-honest, one of two corrupted.
Learns:    P1 sees sixteen entries a digit, all but its own under pads that it has not, its own under a mask
           of P0's; P0 sees that entry under a mask of P1's, too: uniform bits, fresh ones.
Cost:      2 rounds; for each digit 4 bytes P0 -> P1 (2 where only equality is wanted) for each layer, and as
           many bits P1 -> P0 as are opened. Offline 4 oblivious transfers a digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc import bits
from junto.mpc.bits import Planes
from junto.mpc.gates import Words
from junto.mpc.protocol.demands import DigitPads
from junto.mpc.protocol.planes import MaskedPlanes
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Masked
from junto.mpc.ring128 import bit_field

DIGIT = 4
_ENTRIES = 1 << DIGIT

_Packed = NDArray[np.uint16] | NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class DigitComparison:
    """What is asked of a pair of digits.

    Attributes:
        width: bits of an answer.
        tables: for each layer a word for each value of P0's digit: sixteen answers, one for each of P1's.
    """

    width: int
    tables: tuple[_Packed, ...]

    def planes(self, digits: int) -> int:
        """How many bits a number has in all."""
        return len(self.tables) * digits * self.width


def _answers(bits_seen: int, *, less: bool) -> _Packed:
    """Of the lowest bits of two digits: is one less than the other (where `less`), are they equal."""
    values = np.arange(_ENTRIES) & ((1 << bits_seen) - 1)
    width = 2 if less else 1
    words = np.zeros(_ENTRIES, np.uint64)
    for entry, b in enumerate(values):
        answer = (values == b).astype(np.uint64)
        if less:
            answer = (values < b).astype(np.uint64) | answer << np.uint64(1)
        words |= answer << np.uint64(width * entry)
    return words.astype(np.uint32) if less else words.astype(np.uint16)


ORDER = DigitComparison(2, (_answers(DIGIT, less=True),))
"""Less, and equal."""

EQUALITY = DigitComparison(1, (_answers(DIGIT, less=False),))
"""Equal."""

PREFIXES = DigitComparison(2, tuple(_answers(seen, less=True) for seen in range(1, DIGIT + 1)))
"""Less and equal of the lowest bit, of the lowest two, three and four."""


def private(role: Role, x: Masked) -> Words:
    """Flat: what P0 alone has, a = D - m0, and P1, b = m1; x = a - b. While preparing only b is known."""
    mask = x.mask.reshape(-1)
    return x.public.reshape(-1) - mask if role.first and x.public is not None else mask


async def compare_digits(
    role: Role, own: Words, digits: int, leaf: DigitComparison, unwanted: Sequence[int] = ()
) -> MaskedPlanes:
    """The answers for each layer and digit: plane (layer * digits + digit) * width + bit.

    Args:
        role: this node's.
        own: the party's number, see `private`.
        digits: how many digits are compared, lowest first; what is above them counts as equal.
        leaf: what is asked.
        unwanted: planes that need not be opened; they hold anything.
    """
    lanes, count = len(own), leaf.planes(digits)
    mask = role.mask_planes(count, lanes)
    pads = role.pads(DigitPads(own, digits, len(leaf.tables), leaf.width))
    size = len(leaf.tables) * digits * lanes * leaf.tables[0].itemsize
    sent = None
    if role.first:
        sent = _octets(_questions(own, digits, leaf, mask, pads))
    heard = await role.tell(0, sent, size)
    share = None
    if heard is not None:
        asked = np.frombuffer(heard, leaf.tables[0].dtype).reshape(len(leaf.tables), digits, lanes)
        share = mask ^ _chosen(own, asked, leaf, pads)
    return await _back(role, share, mask, lanes, unwanted)


def _questions(a: Words, digits: int, leaf: DigitComparison, mask: Planes, pads: _Packed) -> _Packed:
    """P0's words: all answers for its digit, under its mask and the pads."""
    words = np.empty(pads.shape, leaf.tables[0].dtype)
    rows = mask.reshape(len(leaf.tables), digits * leaf.width, -1)
    spread = np.uint64((1 << _ENTRIES * leaf.width) - 1) // np.uint64((1 << leaf.width) - 1)
    for table, own, made in zip(leaf.tables, rows, words, strict=True):
        masks = bits.unplanes(own, len(a))
        for place in range(digits):
            of_digit = (masks >> np.uint64(leaf.width * place)) & np.uint64((1 << leaf.width) - 1)
            np.take(table, bit_field(a, DIGIT * place, DIGIT).view(np.int64), out=made[place])
            made[place] ^= (of_digit * spread).astype(made.dtype)
    words ^= pads
    return words


def _chosen(b: Words, asked: NDArray[Any], leaf: DigitComparison, pads: NDArray[np.uint8]) -> Planes:
    """At P1: the entries at its digits."""
    _, digits, lanes = asked.shape
    rows: list[Planes] = []
    for words, own in zip(asked, pads, strict=True):
        found: Words = np.zeros(lanes, np.uint64)
        for place in range(digits):
            at = bit_field(b, DIGIT * place, DIGIT) * np.uint64(leaf.width)
            entry = words[place].astype(np.uint64) >> at
            entry ^= own[place].astype(np.uint64)
            found |= (entry & np.uint64((1 << leaf.width) - 1)) << np.uint64(leaf.width * place)
        rows.append(bits.planes(found, digits * leaf.width))
    return np.concatenate(rows)


async def _back(
    role: Role, share: Planes | None, mask: Planes, lanes: int, unwanted: Sequence[int]
) -> MaskedPlanes:
    """P1 tells P0 what is public now."""
    wanted = [row for row in range(len(mask)) if row not in unwanted]
    size = len(wanted) * bits.wire_size(lanes)
    heard = await role.tell(1, None if share is None else bits.to_wire(share[wanted], lanes), size)
    if heard is not None:
        share = np.zeros(mask.shape, np.uint64)
        share[wanted] = bits.from_wire(heard, len(wanted), lanes)
    return MaskedPlanes(share, mask, lanes)


def _octets(words: _Packed) -> memoryview:
    return words.reshape(-1).view(np.uint8).data
