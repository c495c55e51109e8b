"""Bits in bulk: planes of 64 lanes a word, masked like everything else.

Paper:     ABY2.0, Patra et al., USENIX Security 2021, section 3.2 (the same as for rings, modulo 2).
Computes:  <a and b> from <a>, <b>; the opening of shared planes under a fresh mask.
Parties:   P0, P1 online; the helper ahead of time.
Secure:    semi-honest, one of three corrupted.
Learns:    P0 and P1 see each bit xor a uniform, fresh one. The helper sees shapes.
Cost:      1 round, 1 bit each way for each opened bit; offline 1 bit helper -> P1 for each conjunction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from junto.mpc import bits
from junto.mpc.bits import Planes
from junto.mpc.protocol.demands import Conjunction
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import MaskedBits


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MaskedPlanes:
    """Masked bits, packed: [count, words] each; `public` is None at the helper."""

    public: Planes | None
    mask: Planes
    lanes: int

    def rows(self, index: slice | list[int]) -> MaskedPlanes:
        """Some of the planes."""
        return MaskedPlanes(None if self.public is None else self.public[index], self.mask[index], self.lanes)


async def reshare(role: Role, share: Planes | None, count: int, lanes: int) -> MaskedPlanes:
    """Open shared planes under a fresh mask."""
    mask = role.mask_planes(count, lanes)
    opened = await role.open_planes(None if share is None else share ^ mask, lanes)
    return MaskedPlanes(opened, mask, lanes)


def conjunction(role: Role, a: MaskedPlanes, b: MaskedPlanes) -> Planes | None:
    """A share of a and b."""
    dealt = role.deal_planes(len(a.mask), a.lanes, Conjunction(a.mask, b.mask, a.lanes))
    if a.public is None or b.public is None:
        return None
    share = (a.public & b.mask) ^ (b.public & a.mask) ^ dealt
    return share ^ (a.public & b.public) if role.first else share


async def both(role: Role, a: MaskedBits, b: MaskedBits) -> MaskedBits:
    """`a and b`, element by element, broadcasting."""
    shape = np.broadcast_shapes(a.shape, b.shape)
    left, right = packed(a, shape), packed(b, shape)
    share = conjunction(role, left, right)
    return unpacked(await reshare(role, share, 1, left.lanes), shape)


def packed(a: MaskedBits, shape: tuple[int, ...]) -> MaskedPlanes:
    """One plane of all bits."""
    mask = bits.pack(np.broadcast_to(a.mask, shape).reshape(-1))
    public = None if a.public is None else bits.pack(np.broadcast_to(a.public, shape).reshape(-1))
    lanes = int(np.prod(shape, dtype=np.int64))
    return MaskedPlanes(None if public is None else public[None], mask[None], lanes)


def unpacked(plane: MaskedPlanes, shape: tuple[int, ...]) -> MaskedBits:
    """The bits of one plane."""
    public = None if plane.public is None else bits.unpack(plane.public[0], plane.lanes).reshape(shape)
    return MaskedBits(public, bits.unpack(plane.mask[0], plane.lanes).reshape(shape))
