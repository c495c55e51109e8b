"""Compare a secret with zero.

Paper:     docs/explanation/masked-evaluation.md, section 5: D - m has its sign in the last borrow of a
           subtraction of which one operand is public and the other dealt; radix-4 tree of `borrow`.
Computes:  <x < 0>, <x = 0> and several <x < bound> from <x>.
Parties:   P0, P1 online; the helper ahead of time.
Secure:    semi-honest, one of three corrupted.
Learns:    P0 and P1 see bits xor uniform, fresh ones. The helper sees shapes.
Cost:      sign: 3 rounds, 39 bits each way (31, 7, 1); zero: 3 rounds, 21 bits (16, 4, 1), of a masked
           operand. Offline, helper -> P1: 383 bits for a sign (240 + 120 + 22 + 1), 315 for zero. Of fewer
           bits: a group for each four of them, and a round less for each level that the tree has not. Of
           several bounds: the 15 bits of each group of four are dealt once for all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import overload

import numpy as np

from junto.mpc import bits
from junto.mpc.bits import Planes
from junto.mpc.gates import BITS, Words
from junto.mpc.protocol import borrow
from junto.mpc.protocol.decompose import in_blocks as in_planes
from junto.mpc.protocol.demands import ONES, BitsOf
from junto.mpc.protocol.planes import MaskedPlanes, reshare, unpacked
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Masked, MaskedBits
from junto.mpc.ring128 import as_ring, bit_field, number, ring_bits


async def negative(role: Role, x: Masked, block: int, places: int | None = None) -> MaskedBits:
    """`x < 0` in two's complement of its lowest `places` bits, `block` elements at a time."""
    return await in_blocks(role, x, block, partial(_sign, places=min(places or role.width, role.width)))


async def zero(role: Role, x: Masked, block: int, places: int | None = None) -> MaskedBits:
    """Whether the lowest `places` bits of x are 0, `block` elements at a time."""
    return await in_blocks(role, x, block, partial(_zero, places=min(places or role.width, role.width)))


NEAR = 3
"""Bits below the highest one of a bound that are looked at: so what is an eighth less is never above it."""


async def outside(role: Role, x: Masked, bits: int, block: int) -> MaskedBits:
    """Two bits, in a new first axis, of which one is set if |x| >= 2**bits, and none if |x| < 7/8 2**bits.

    Without its lowest places D - m is right or one too high, for nobody resolves their borrow. Cost: that of
    two signs of the places that are left; a compute party's piece of the mask is not needed for them.
    """
    drop = max(bits - NEAR, 0)
    left = role.width - drop
    least, most = 1 if drop else 0, (1 << (bits + 1 - drop)) - 1
    lift, shift = number(1 << bits, role.width), np.uint64(drop)
    public = None if x.public is None else (x.public + lift) >> shift
    mask = x.mask >> shift
    ends = (number(least, role.width), number(most, role.width))
    both = None if public is None else as_ring(np.stack([public - ends[0], ends[1] - public]))
    return await negative(role, Masked(both, as_ring(np.stack([mask, 0 - mask]))), block, left)


@dataclass(frozen=True, slots=True)
class Places:
    """Which bits of a difference are looked at: from `drop` on those below `end`; the last is its sign."""

    drop: int
    end: int


FEWEST = 1 << 10
"""Fewer numbers that fill no whole words waste more in the words of each than what is dealt once saves."""


def in_whole_words(count: int) -> bool:
    """Whether `below` is for so many numbers."""
    return count >= FEWEST or not count % bits.LANES


async def below(role: Role, x: Masked, bounds: Sequence[int], places: Places, block: int) -> MaskedBits:
    """`x < bound` for each of several bounds, in a new last axis: the signs of (D - bound) - m, for one m.

    Where bits are left out, 0 in each bound, they are so from D and m: without their borrow what is left of x
    is right or one too high.
    """
    gate = partial(_below, ends=[bound >> places.drop for bound in bounds], places=places)
    return await in_planes(role, x, len(bounds), max(bits.LANES, block // len(bounds)), gate)


async def _below(role: Role, x: Masked, count: int, *, ends: Sequence[int], places: Places) -> MaskedPlanes:
    lanes, kept = x.mask.size, min(places.end, role.width) - places.drop
    several, m = None, None
    if x.public is None:
        m = bits.planes(_without(x.mask, places.drop, kept), kept)
    else:
        public = _without(x.public, places.drop, kept)
        several = [~bits.planes(public - number(end, ring_bits(public)), kept) for end in ends]
    found = await _signs(role, several, m, lanes, count)
    apart = (count, bits.word_count(lanes))
    opened = None if found.public is None else found.public.reshape(apart)
    return MaskedPlanes(opened, found.mask.reshape(apart), lanes)


def _without(x: Words, drop: int, kept: int) -> Words:
    """`kept` bits of x, those below left out; as words, if they fit in one."""
    if kept <= BITS:
        return bit_field(x, drop, kept)
    return x >> np.uint64(drop) if drop else x


async def _sign(role: Role, x: Masked, places: int) -> MaskedPlanes:
    lanes, a, m = _operands(role, x, places)
    return await _signs(role, None if a is None else [a], m, lanes, 1)


async def _signs(
    role: Role, several: Sequence[Planes] | None, m: Planes | None, lanes: int, count: int
) -> MaskedPlanes:
    """Of D - m for `count` D and one m: a plane with the lanes of each, in whole words if they are several.

    Args:
        role: this node's.
        several: the planes of each `not D`, whose last one is overwritten; None at the helper.
        m: the helper's, likewise; None at the compute parties.
        lanes: of each.
        count: how many D.
    """
    top = None if several is None else np.concatenate([a[-1] for a in several])
    high = role.deal_planes(1, lanes, BitsOf(None if m is None else m[-1:].copy()))
    for a in several or ():
        a[-1] = ONES  # the last borrow goes through the sign's own place unchanged, and through those above
    if m is not None:
        m[-1] = 0
    places = 0 if several is None else len(several[0])
    several = None if several is None else [_whole_groups(a, ONES) for a in several]
    groups = -(-(places if m is None else len(m)) // borrow.RADIX)
    tree = borrow.leaves_of_each(role, several, _whole_groups(m, np.uint64(0)), groups, lanes)
    lanes = lanes if count == 1 else count * bits.word_count(lanes) * bits.LANES
    while groups > 1:
        g, p = await _reopen(role, tree, groups, lanes)
        groups = len(g.mask) // borrow.RADIX
        tree = borrow.inner(role, g, p, groups, propagate=groups > 1)
    if tree is None or top is None:
        return await reshare(role, None, 1, lanes)
    share = tree.generate[-1] ^ np.tile(high, count)
    return await reshare(role, share ^ ~top if role.first else share, 1, lanes)


async def _zero(role: Role, x: Masked, places: int) -> MaskedPlanes:
    lanes, a, m = _operands(role, x, places)
    a, m = _whole_groups(a, ONES), _whole_groups(m, np.uint64(0))
    groups = -(-places // borrow.RADIX)
    share = borrow.leaf_conjunctions(role, a, m, groups, lanes)
    while groups > 1:
        p = _completed(await reshare(role, share, groups, lanes), ones=True)
        groups = len(p.mask) // borrow.RADIX
        share = borrow.conjunctions(role, p, groups)
    return await reshare(role, share, 1, lanes)


async def _reopen(
    role: Role, tree: borrow.Prefixes | None, groups: int, lanes: int
) -> tuple[MaskedPlanes, MaskedPlanes]:
    """Open each group's G and P, without the lowest group's P: nothing comes from below it."""
    share = None if tree is None else np.concatenate([tree.generate[-1], tree.propagate[-1][1:]])
    opened = await reshare(role, share, 2 * groups - 1, lanes)
    g, p = opened.rows(slice(groups)), opened.rows(slice(groups, None))
    nothing = np.zeros((1, p.mask.shape[1]), np.uint64)
    public = None if p.public is None else np.concatenate([nothing, p.public])
    p = MaskedPlanes(public, np.concatenate([nothing, p.mask]), lanes)
    return _completed(g, ones=False), _completed(p, ones=True)


def _completed(x: MaskedPlanes, *, ones: bool) -> MaskedPlanes:
    """With known planes above, up to whole groups of four: G = 0 and P = 1 let pass what comes from below."""
    lacking = -len(x.mask) % borrow.RADIX
    if not lacking:
        return x
    known = np.full((lacking, x.mask.shape[1]), ONES if ones else 0, np.uint64)
    public = None if x.public is None else np.concatenate([x.public, known])
    return MaskedPlanes(public, np.concatenate([x.mask, np.zeros_like(known)]), x.lanes)


@overload
def _whole_groups(planes: Planes, filling: np.uint64) -> Planes: ...
@overload
def _whole_groups(planes: Planes | None, filling: np.uint64) -> Planes | None: ...
def _whole_groups(planes: Planes | None, filling: np.uint64) -> Planes | None:
    """With known planes above, up to whole groups of four."""
    lacking = 0 if planes is None else -len(planes) % borrow.RADIX
    if planes is None or not lacking:
        return planes
    return np.concatenate([planes, np.full((lacking, planes.shape[1]), filling)])


def _operands(role: Role, x: Masked, places: int) -> tuple[int, Planes | None, Planes | None]:
    """The lowest planes of `not D` at the compute parties, of m at the helper."""
    if x.public is None:
        flat = x.mask.reshape(-1)
        return len(flat), None, bits.planes(flat, places)
    flat = x.public.reshape(-1)
    return len(flat), ~bits.planes(flat, places), None


async def in_blocks(
    role: Role, x: Masked, block: int, gate: Callable[[Role, Masked], Awaitable[MaskedPlanes]]
) -> MaskedBits:
    """One block after the other: the dealt planes of a block are 50 times its size in bits."""
    size = x.mask.size
    if size <= block:
        return unpacked(await gate(role, x), x.shape) if size else _nothing(role, x)
    mask = np.empty(size, np.bool_)
    public = None if x.public is None else np.empty(size, np.bool_)
    flat_mask, flat = x.mask.reshape(-1), None if x.public is None else x.public.reshape(-1)
    for start in range(0, size, block):
        part = slice(start, start + block)
        piece = Masked(None if flat is None else flat[part], flat_mask[part])
        done = unpacked(await gate(role, piece), piece.shape)
        mask[part] = done.mask
        if public is not None and done.public is not None:
            public[part] = done.public
    return MaskedBits(None if public is None else public.reshape(x.shape), mask.reshape(x.shape))


def _nothing(role: Role, x: Masked) -> MaskedBits:
    empty = np.empty(x.shape, np.bool_)
    return MaskedBits(None if role.deals else empty, empty)
