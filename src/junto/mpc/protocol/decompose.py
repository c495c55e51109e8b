"""The bits of a secret.

Paper:     docs/explanation/masked-evaluation.md, section 5; carries by the prefix tree of `borrow`, whose
           inner results say what every single place makes and passes on.
Computes:  <bit j of x>, j < bits, from <x>: bit j of D xor bit j of m xor the borrow into place j.
Parties:   P0, P1 online; the helper ahead of time.
Secure:    semi-honest, one of three corrupted.
Learns:    P0 and P1 see bits xor uniform, fresh ones. The helper sees shapes.
Cost:      5 rounds for more than 16 bits, else 3. For all 64: 8 bits a group of four, 8 a group of sixteen,
           then 3, 16 and 64 bits each way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from junto.mpc import bits as kernel
from junto.mpc.bits import Planes
from junto.mpc.protocol import borrow
from junto.mpc.protocol.demands import BitsOf
from junto.mpc.protocol.planes import MaskedPlanes, conjunction, reshare
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Masked, MaskedBits

_RADIX = borrow.RADIX


Gate = Callable[[Role, Masked, int], Awaitable[MaskedPlanes]]


async def decompose(role: Role, x: Masked, bits: int, block: int) -> MaskedBits:
    """The lowest `bits` bits in a new last axis, lowest first."""
    return await in_blocks(role, x, bits, block, _places)


async def in_blocks(role: Role, x: Masked, bits: int, block: int, gate: Gate) -> MaskedBits:
    """The same by a gate that takes a flat array and gives a plane for each bit."""
    size = x.mask.size
    mask = np.empty((size, bits), np.bool_)
    public = None if x.public is None else np.empty((size, bits), np.bool_)
    flat_mask, flat = x.mask.reshape(-1), None if x.public is None else x.public.reshape(-1)
    for start in range(0, size, block):
        part = slice(start, start + block)
        piece = Masked(None if flat is None else flat[part], flat_mask[part])
        planes = await gate(role, piece, bits)
        for j in range(bits):
            mask[part, j] = kernel.unpack(planes.mask[j], planes.lanes)
            if public is not None and planes.public is not None:
                public[part, j] = kernel.unpack(planes.public[j], planes.lanes)
    shape = (*x.shape, bits)
    return MaskedBits(None if public is None else public.reshape(shape), mask.reshape(shape))


async def _places(role: Role, x: Masked, bits: int) -> MaskedPlanes:
    whole = _RADIX**2 if bits <= _RADIX**3 else _RADIX**3  # groups of so many bits
    groups = -(-bits // whole) * whole // _RADIX
    lanes, d, m = _operands(role, x, groups * _RADIX)
    dealt = role.deal_planes(bits, lanes, BitsOf(None if m is None else m[:bits]))
    places = await _local(
        role, borrow.leaves(role, None if d is None else ~d, m, groups, lanes), groups, lanes
    )
    into_groups = await _carries(role, places, groups)
    share = _sums(role, places, into_groups)
    if share is None or d is None:
        return await reshare(role, None, bits, lanes)
    share = share[:bits] ^ dealt
    return await reshare(role, share ^ d[:bits] if role.first else share, bits, lanes)


class _Pairs:
    """What each place of each group makes and passes on, with all places below it in its group."""

    def __init__(self, opened: MaskedPlanes, groups: int) -> None:
        self._opened = opened
        self._groups = groups
        self.lanes = opened.lanes

    def generate(self, j: int) -> MaskedPlanes:
        return self._opened.rows(slice(j * self._groups, (j + 1) * self._groups))

    def propagate(self, j: int) -> MaskedPlanes:
        return self._opened.rows(slice((_RADIX + j) * self._groups, (_RADIX + j + 1) * self._groups))


async def _local(role: Role, tree: borrow.Prefixes | None, groups: int, lanes: int) -> _Pairs:
    share = None if tree is None else np.concatenate([*tree.generate, *tree.propagate])
    return _Pairs(await reshare(role, share, 2 * _RADIX * groups, lanes), groups)


async def _carries(role: Role, places: _Pairs, groups: int) -> MaskedPlanes:
    """The borrow into each group: [groups] planes."""
    supers = groups // _RADIX
    tree = borrow.inner(role, places.generate(3), places.propagate(3), supers, propagate=True)
    inside = await _local(role, tree, supers, places.lanes)
    if supers == 1:
        return _shifted([inside.generate(j) for j in range(_RADIX - 1)], 1, None)
    top = await _into_supers(role, inside, supers)
    parts = [conjunction(role, inside.propagate(j), top) for j in range(_RADIX - 1)]
    share = _joined([_xor(role, part, inside.generate(j)) for j, part in enumerate(parts)])
    carried = await reshare(role, share, (_RADIX - 1) * supers, places.lanes)
    rows = [carried.rows(slice(j * supers, (j + 1) * supers)) for j in range(_RADIX - 1)]
    return _shifted(rows, supers, top)


async def _into_supers(role: Role, inside: _Pairs, supers: int) -> MaskedPlanes:
    """The borrow into each group of sixteen: [supers] planes, the first of them zero."""
    if supers > _RADIX:
        return await _carries(role, inside, supers)
    g, p = _padded(inside.generate(3)), _padded(inside.propagate(3))
    tree = borrow.inner(role, g, p, 1, propagate=True)
    share = None if tree is None else np.concatenate(tree.generate[: supers - 1])
    opened = await reshare(role, share, supers - 1, inside.lanes)
    return _below(opened, 1)


def _sums(role: Role, places: _Pairs, carry: MaskedPlanes) -> Planes | None:
    """Shares of the borrow into each place, in the order of places."""
    shares = [_as_share(role, carry)]
    for j in range(_RADIX - 1):
        part = conjunction(role, places.propagate(j), carry)
        shares.append(_xor(role, part, places.generate(j)))
    known = [share for share in shares if share is not None]
    if len(known) < _RADIX:
        return None
    return np.stack(known, axis=1).reshape(-1, known[0].shape[-1])


def _shifted(rows: Sequence[MaskedPlanes], supers: int, first: MaskedPlanes | None) -> MaskedPlanes:
    """Interleave: the borrow into group 4 s is that into s, into 4 s + j + 1 it is row j's."""
    lanes, words = rows[0].lanes, rows[0].mask.shape[1]
    nothing = np.zeros((supers, words), np.uint64)
    masks = [nothing if first is None else first.mask, *[row.mask for row in rows]]
    known = [row.public for row in rows if row.public is not None]
    if len(known) < len(rows):
        return MaskedPlanes(None, _interleave(masks), lanes)
    lowest = nothing if first is None or first.public is None else first.public
    return MaskedPlanes(_interleave([lowest, *known]), _interleave(masks), lanes)


def _interleave(parts: Sequence[Planes]) -> Planes:
    return np.stack(parts, axis=1).reshape(-1, parts[0].shape[-1])


def _below(planes: MaskedPlanes, count: int) -> MaskedPlanes:
    """With `count` planes of zeros below the others."""
    nothing = np.zeros((count, planes.mask.shape[1]), np.uint64)
    public = None if planes.public is None else np.concatenate([nothing, planes.public])
    return MaskedPlanes(public, np.concatenate([nothing, planes.mask]), planes.lanes)


def _padded(planes: MaskedPlanes) -> MaskedPlanes:
    """With planes of zeros above the others, up to one group of four."""
    nothing = np.zeros((_RADIX - len(planes.mask), planes.mask.shape[1]), np.uint64)
    public = None if planes.public is None else np.concatenate([planes.public, nothing])
    return MaskedPlanes(public, np.concatenate([planes.mask, nothing]), planes.lanes)


def _xor(role: Role, share: Planes | None, other: MaskedPlanes) -> Planes | None:
    mine = _as_share(role, other)
    return None if share is None or mine is None else share ^ mine


def _as_share(role: Role, planes: MaskedPlanes) -> Planes | None:
    if planes.public is None:
        return None
    return planes.public ^ planes.mask if role.first else planes.mask


def _joined(shares: Sequence[Planes | None]) -> Planes | None:
    known = [share for share in shares if share is not None]
    return np.concatenate(known) if len(known) == len(shares) else None


def _operands(role: Role, x: Masked, places: int) -> tuple[int, Planes | None, Planes | None]:
    if x.public is None:
        flat = x.mask.reshape(-1)
        return len(flat), None, kernel.planes(flat, places)
    flat = x.public.reshape(-1)
    return len(flat), kernel.planes(flat, places), None
