"""Tables of a masked secret that change at few places only.

Paper:     one-time truth tables as in `dealt` (Ishai et al., TCC 2013), of bits: the one-hot vector of a
           digit is turned by what is public, and its sums say which places the digit has reached.
Computes:  [T[digit of x]] from <x>.
Parties:   P0, P1 online; the helper ahead of time.
Secure:    semi-honest, one of three corrupted.
Learns:    P0 and P1 see bits xor uniform, fresh ones. The helper sees shapes.
Cost:      1 round, a bit each way for each place where some table changes; offline, helper -> P1, 2**width
           bits and a ring element for each of these places, however many tables there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from junto.mpc import bits
from junto.mpc.bits import LANES, Planes
from junto.mpc.gates import Digit, Words
from junto.mpc.protocol.dealt import to_ring
from junto.mpc.protocol.decompose import in_blocks
from junto.mpc.protocol.demands import HotBits
from junto.mpc.protocol.planes import MaskedPlanes, reshare
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Masked, RingSecret, linear, shift
from junto.mpc.ring import RowSums
from junto.mpc.ring128 import bit_field, elements

MANY = 1 << 12
"""Of more numbers than these, what `dealt.lookup` has to be dealt takes longer than one round, far apart."""


def changes(tables: Sequence[Words], digit: Digit) -> list[int]:
    """The places where an entry of some table is not that of the place before; none if that is no gain."""
    rows = np.stack(tables)
    places = np.flatnonzero(np.asarray(rows[:, 1:] != rows[:, :-1]).any(0)) + 1
    few = 3 * len(places) < 1 << digit.width <= LANES
    return [int(place) for place in places] if few else []


async def lookup(
    role: Role, x: Masked, digit: Digit, tables: Sequence[Words], places: Sequence[int], block: int
) -> list[RingSecret]:
    """For each table, which changes at `places` alone, the entry at the digit of x: as `dealt.lookup`."""
    gate = partial(reached_places, digit=digit, places=places)
    reached = to_ring(role, await in_blocks(role, x, len(places), block, gate))
    rows = elements(np.stack(tables), role.width)
    steps = rows[:, list(places)] - rows[:, [place - 1 for place in places]]
    parts = [linear(role, reached, RowSums(each)) for each in steps]
    return [shift(role, part, row[0]) for part, row in zip(parts, rows, strict=True)]


async def reached_places(
    role: Role, x: Masked, count: int, *, digit: Digit, places: Sequence[int]
) -> MaskedPlanes:
    """A plane for each place: whether the digit is that one, or one above it."""
    lanes, entries = x.mask.size, 1 << digit.width
    own = bit_field(x.mask if x.public is None else x.public, digit.low, digit.width)
    hot = role.deal_planes(1, LANES * lanes, HotBits(own, entries))
    share = None if x.public is None else reached(hot[0], own, entries)[list(places)]
    return await reshare(role, share, count, lanes)


def reached(hot: Words, turns: Words, entries: int) -> Planes:
    """Words of so many bits, turned: the exclusive or of all from each place on, planes [entries, words]."""
    own = np.uint64((1 << entries) - 1)  # a share has others, too
    sums = hot & own
    sums = sums << turns | sums >> ((0 - turns) & np.uint64(entries - 1))
    sums &= own
    distance = 1
    while distance < entries:
        sums ^= sums >> np.uint64(distance)
        distance *= 2
    return bits.planes(sums, entries)
