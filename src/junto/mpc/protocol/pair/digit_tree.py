"""From digits to numbers: the tree above the leaves, two to one.

Paper:     Rathee et al., "CrypTFlow2: Practical 2-party secure inference", CCS 2020, section 3.1; as a prefix
           network: Sklansky, "Conditional-sum addition logic", 1960.
Computes:  <less> and <equal> of pairs of neighbours: less = less' xor equal' less'', equal = equal' equal''.
Parties:   P0, P1.
Secure:    semi-honest, one of two corrupted.
Learns:    P0 and P1 see each bit xor a uniform, fresh one.
Cost:      1 round a level, 1 bit each way for each bit that is left; offline one conjunction for each, of
           which those with a common factor share their oblivious transfers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from junto.mpc.bits import Planes
from junto.mpc.protocol.demands import Conjunction
from junto.mpc.protocol.planes import MaskedPlanes, conjunction, reshare
from junto.mpc.protocol.role import Role


async def less(role: Role, lower: MaskedPlanes, equal: MaskedPlanes) -> Planes | None:
    """A share of whether the whole numbers are less: [1, words].

    Args:
        role: this node's.
        lower: for each digit, lowest first, whether it is less: a power of two of them.
        equal: whether it is equal; of the lowest digit it is not looked at.
    """
    while True:
        count = len(lower.mask) // 2
        low, high = lower.rows(slice(0, None, 2)), lower.rows(slice(1, None, 2))
        low_equal, high_equal = equal.rows(slice(0, None, 2)), equal.rows(slice(1, None, 2))
        products = times(role, high_equal, [low, low_equal])
        share = None if products is None else np.concatenate(products)
        if share is not None:
            share[:count] ^= known(as_share(role, high))
        if count == 1:
            return None if share is None else share[:1]
        # the lowest pair's "equal" would say what nobody asks
        rows = [row for row in range(2 * count) if row != count]
        opened = await reshare(role, None if share is None else share[rows], 2 * count - 1, lower.lanes)
        lower = opened.rows(slice(count))
        equal = with_zeros(opened.rows(slice(count, None)), 1)


async def all_of(role: Role, equal: MaskedPlanes) -> Planes | None:
    """A share of whether all digits are equal: [1, words]; a power of two of them."""
    while True:
        share = conjunction(role, equal.rows(slice(0, None, 2)), equal.rows(slice(1, None, 2)))
        count = len(equal.mask) // 2
        if count == 1:
            return share
        equal = await reshare(role, share, count, equal.lanes)


async def prefixes(role: Role, lower: MaskedPlanes, equal: MaskedPlanes) -> MaskedPlanes:
    """For each digit whether the numbers up to and with it are less."""
    total, lanes, reach = len(lower.mask), lower.lanes, 1
    while reach < total:
        upper = [i for i in range(total) if i // reach % 2]
        below = [i // reach * reach - 1 for i in upper]
        inner = [i for i, k in zip(upper, below, strict=True) if k >= reach]
        products = times(role, equal.rows(upper), [lower.rows(below), equal.rows(below)])
        share = None
        if products is not None:
            first = products[0] ^ known(as_share(role, lower.rows(upper)))
            share = np.concatenate([first, products[1][[upper.index(i) for i in inner]]])
        opened = await reshare(role, share, len(upper) + len(inner), lanes)
        lower = replaced(lower, upper, opened.rows(slice(len(upper))))
        equal = replaced(equal, inner, opened.rows(slice(len(upper), None)))
        reach *= 2
    return lower


def times(role: Role, a: MaskedPlanes, factors: Sequence[MaskedPlanes]) -> list[Planes] | None:
    """Shares of a and each of `factors`, whose products with a cost hardly more than one."""
    count = len(a.mask)
    demand = Conjunction(a.mask, np.stack([b.mask for b in factors]), a.lanes)
    dealt = role.deal_planes(count * len(factors), a.lanes, demand)
    made: list[Planes] = []
    for number, b in enumerate(factors):
        if a.public is None or b.public is None:
            return None
        share = (a.public & b.mask) ^ (b.public & a.mask) ^ dealt[number * count : (number + 1) * count]
        made.append(share ^ (a.public & b.public) if role.first else share)
    return made


def as_share(role: Role, planes: MaskedPlanes) -> Planes | None:
    """A party's piece as an exclusive or; None at who deals."""
    if planes.public is None:
        return None
    return planes.public ^ planes.mask if role.first else planes.mask


def with_zeros(planes: MaskedPlanes, below: int) -> MaskedPlanes:
    """With planes of zeros below the others."""
    nothing = np.zeros((below, planes.mask.shape[1]), np.uint64)
    public = None if planes.public is None else np.concatenate([nothing, planes.public])
    return MaskedPlanes(public, np.concatenate([nothing, planes.mask]), planes.lanes)


def replaced(planes: MaskedPlanes, rows: Sequence[int], by: MaskedPlanes) -> MaskedPlanes:
    """With other planes in those rows."""
    mask = planes.mask.copy()
    mask[rows] = by.mask
    if planes.public is None or by.public is None:
        return MaskedPlanes(None, mask, planes.lanes)
    public = planes.public.copy()
    public[rows] = by.public
    return MaskedPlanes(public, mask, planes.lanes)


def known(planes: Planes | None) -> Planes:
    """What a compute party has."""
    if planes is None:
        raise TypeError("a compute party lacks planes")
    return planes
