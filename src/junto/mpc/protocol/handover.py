"""A secret goes from one pair of compute parties to another, or comes back from where its pieces were kept.

Paper:     Desmedt and Jajodia, "Redistributing secret shares to new access structures and its
           applications", George Mason University, 1997: whoever has a piece shares it among the new holders.
Computes:  <x> at the receivers from [x] at the senders, times a power of two, in the receivers' ring.
Parties:   the senders are P0 and P1 of one SPU, each with its piece; the receivers those of another one.
Secure:    semi-honest, one of the senders' three and one of the receivers' three corrupted, or one party
           that is of both.
Learns:    P0 gets keys, P1 uniform pieces; then both see x + m, m uniform and fresh. The helper sees shapes.
Cost:      1 element to P1 from each sender (P0 gets a key); then 1 round, 1 element each way; from the
           smaller ring with bits to be cut off, 2 rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np

from junto.mpc.gates import BITS, Words
from junto.mpc.magnitudes import in_range
from junto.mpc.protocol.inout import InputKind, Parcel, Plain, Secret, masked, pieces_of, split
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Additive, MaskedBits, RingSecret, piece, scale
from junto.mpc.protocol.truncate import truncate
from junto.mpc.protocol.widths import narrowed, widened
from junto.mpc.ring import shift_right
from junto.mpc.ring128 import WIDE_BITS, elements, is_wide
from junto.mpc.rounds import Rounds, together

Share = bytes | Sequence[Parcel] | None
"""What one sender gives a node: a key, pieces, or nothing to the helper."""


class Change(NamedTuple):
    """What an array becomes.

    Attributes:
        shift: the power of two by which it is multiplied; divided where it is negative.
        width: bits of the ring into which it goes.
    """

    shift: int
    width: int = BITS


def depart(role: Role, secrets: Sequence[Secret]) -> tuple[bytes, list[Parcel]]:
    """At a sender: a key for the new P0, and for the new P1 what is left of its pieces."""
    return split([own_piece(role, x) for x in secrets])


def own_piece(role: Role, x: Secret) -> Plain:
    """A compute party's piece of a secret."""
    if isinstance(x, MaskedBits):
        if x.public is None:
            raise TypeError("the helper has no pieces to give")
        return x.public ^ x.mask if role.first else x.mask
    share = piece(role, x)
    if share is None:
        raise TypeError("the helper has no pieces to give")
    return share


def arrive(
    role: Role, kinds: Sequence[InputKind], shares: Sequence[Share], changes: Sequence[Change]
) -> list[Secret]:
    """At every node: the secrets whose pieces these are. One round, the same for all arrays.

    Args:
        role: this node's.
        kinds: of the arrays, in the senders' rings.
        shares: from each sender, what it gave this node.
        changes: what becomes of each array.

    Raises:
        ProtocolViolation: a piece is not of its array's shape.
    """
    return list(Rounds(role.flush).run(entering(role, kinds, shares, changes)))


async def entering(
    role: Role, kinds: Sequence[InputKind], shares: Sequence[Share], changes: Sequence[Change]
) -> tuple[Secret, ...]:
    """What `arrive` runs; who prepares it has no shares (None)."""
    given = [pieces_of(kinds, share) for share in shares]
    entered = [
        (_entered if change.width == kind.width else _entered_elsewhere)(
            role.in_ring(kind.width), kind, pieces, change.shift
        )
        for kind, pieces, change in zip(kinds, zip(*given, strict=True), changes, strict=True)
    ]
    return await together(*entered)


async def _entered(role: Role, kind: InputKind, pieces: Sequence[Plain | None], shift: int) -> Secret:
    total = _sum(kind, pieces)
    if kind.bits or shift == 0:
        return await masked(role, kind, total)
    words: Words | None = None if total is None else cast(Words, total)
    if shift > 0:
        return await masked(role, kind, None if words is None else words << np.uint64(shift))
    return await truncate(role, Additive(words, kind.shape), -shift)


async def _entered_elsewhere(
    role: Role, kind: InputKind, pieces: Sequence[Plain | None], shift: int
) -> Secret:
    """Into the other ring: what is cut is cut in the larger one, whose numbers may have no room before."""
    if role.width == WIDE_BITS or kind.bits:
        found = await _entered(role, kind, pieces, min(shift, 0))
        return found if isinstance(found, MaskedBits) else _enlarged(role, narrowed(found), max(shift, 0))
    total = _sum(kind, pieces)
    x: RingSecret = Additive(None if total is None else cast(Words, total), kind.shape)
    x = await truncate(role, x, -shift) if shift < 0 else x
    return _enlarged(role, await widened(role, x), max(shift, 0))


def _enlarged(role: Role, x: RingSecret, bits: int) -> RingSecret:
    return scale(role, x, np.asarray(1 << bits, np.uint64)) if bits else x


def whole(kinds: Sequence[InputKind], shares: Sequence[Share]) -> list[Plain]:
    """What the pieces of all senders, and of both sides of each, add up to: for the debug mode."""
    given = [pieces_of(kinds, share) for share in shares if share is not None]
    made: list[Plain] = []
    for kind, pieces in zip(kinds, zip(*given, strict=True), strict=True):
        total = _sum(kind, pieces)
        if total is None:
            raise TypeError("a piece is missing")
        made.append(total)
    return made


def shifted(array: Plain, bits: int, width: int) -> tuple[Plain, bool]:
    """A public array times 2**bits, rounded down, in the ring modulo 2**width; and whether it fits there."""
    if array.dtype == np.bool_:
        return array, True
    words = cast(Words, array)
    words = shift_right(words, -bits) if bits < 0 else words
    fits = is_wide(width) or not words.size or in_range(words, 1 << (width - 2 - max(bits, 0)))
    words = elements(words, width)
    return (words << np.uint64(bits) if bits > 0 else words), fits


def _sum(kind: InputKind, pieces: Sequence[Plain | None]) -> Plain | None:
    """What several senders gave, as one piece."""
    total = pieces[0]
    for other in pieces[1:]:
        if total is None or other is None:
            return None
        total = np.asanyarray(np.logical_xor(total, other) if kind.bits else np.add(total, other))
    return total
