"""The tree under every comparison: four neighbours to one, from dealt monomials.

Paper:     docs/explanation/masked-evaluation.md, section 5 (ours); the prefix form is Brent and Kung, "A
           regular layout for parallel adders", 1982; multi-operand gates as in ABY2.0, Patra et al., USENIX
           Security 2021, section 3.1.4.
Computes:  shares of G[j] = g[j] xor p[j] G[j-1] and P[j] = p[j] P[j-1], j = 0..3, for groups of four
           pairs (g, p).
Parties:   P0, P1 online; the helper ahead of time.
Secure:    semi-honest, one of three corrupted.
Learns:    nobody anything: no message. The results are opened under fresh masks by the caller.
Cost:      0 rounds; offline 15 bits helper -> P1 a group at the leaves, 30 above them (22 without P).

A pair says what a bit does to the borrow of a subtraction: it makes one (g), it passes one on (p); never
both, so that "or" is "exclusive or". With p = p' xor r (p' public, r known to the helper) every product of
the p's is a polynomial in the r's whose coefficients are public: the helper deals the monomials, and no
message is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from junto.mpc.bits import Planes
from junto.mpc.protocol.demands import Mixed, Monomials
from junto.mpc.protocol.planes import MaskedPlanes
from junto.mpc.protocol.role import Role
from junto.native import Kernels, SeedTree, kernels

RADIX = 4
_BLOCK = 512
"""Words of each plane that are treated at once: they stay in a core's cache."""

_ALL = tuple(range(1, 1 << RADIX))
"""The sets of the four positions that are not empty, as bits of a number."""


@dataclass(frozen=True, slots=True, repr=False)
class Prefixes:
    """Shares of G[j] and P[j] of each group: [groups, words] each; P is empty where it was not asked for."""

    generate: Sequence[Planes]
    propagate: Sequence[Planes]


def above(j: int) -> tuple[int, ...]:
    """The sets of positions above `j`."""
    return tuple(range(0, 1 << RADIX, 2 << j))


def leaves(role: Role, a: Planes | None, m: Planes | None, groups: int, lanes: int) -> Prefixes | None:
    """From the bits of a subtraction D - m: a = not D is public, m the helper's; g = a m, p = a xor m.

    Args:
        role: this node's.
        a: [4 * groups, words], lowest bit first; None at the helper.
        m: the same, None at the compute parties.
        groups: how many groups of four.
        lanes: bits in a plane.
    """
    dealt = _deal_monomials(role, m, _ALL, groups, lanes)
    return None if a is None else _leaves(role, a, dealt)


def leaves_of_each(
    role: Role, several: Sequence[Planes] | None, m: Planes | None, groups: int, lanes: int
) -> Prefixes | None:
    """The last position of `leaves` for several a and one m: the lanes of each, one after the other."""
    dealt = _deal_monomials(role, m, _ALL, groups, lanes)
    if several is None:
        return None
    found = [_leaves(role, a, dealt) for a in several]
    if len(found) == 1:
        return found[0]
    made, passing = zip(*[(each.generate[-1], each.propagate[-1]) for each in found], strict=True)
    return Prefixes([np.concatenate(made, axis=1)], [np.concatenate(passing, axis=1)])


def _leaves(role: Role, a: Planes, dealt: Planes) -> Prefixes:
    if (native := kernels()) is not None:
        return _folded(native, SeedTree(a, None, _flat(dealt), None, role.first), propagate=True)
    p = a.reshape(dealt.shape[1], RADIX, -1).swapaxes(0, 1)

    def own(j: int, block: slice) -> Planes:
        """A share of g[j] times the monomial of each set above j: p[j] and the set with j in it."""
        return p[j, :, block] & dealt[(1 << j) - 1 :: 2 << j, :, block]

    return _in_blocks(role, p, dealt, own, propagate=True)


def inner(role: Role, g: MaskedPlanes, p: MaskedPlanes, groups: int, *, propagate: bool) -> Prefixes | None:
    """From pairs that were opened under masks: [4 * groups, words] each, lowest first."""
    sets = _ALL if propagate else _ALL[1::2]
    dealt = _deal_monomials(role, p.mask if role.deals else None, sets, groups, p.lanes)
    mixed = _deal_mixed(role, g.mask, p.mask, groups, p.lanes)
    if g.public is None or p.public is None:
        return None
    if (native := kernels()) is not None:
        tree = SeedTree(p.public, g.public, _flat(dealt), _flat(mixed), role.first)
        return _folded(native, tree, propagate=propagate)
    known = p.public.reshape(groups, RADIX, -1).swapaxes(0, 1)
    made = g.public.reshape(groups, RADIX, -1).swapaxes(0, 1)
    above_lowest = dealt[1::2] if propagate else dealt

    def own(j: int, block: slice) -> Planes:
        part = mixed[_MIXED.index((j, 0)) :][: len(above(j)), :, block].copy()
        part[1:] ^= made[j, :, block] & above_lowest[(1 << j) - 1 :: 1 << j, :, block]
        if role.first:
            part[0] ^= made[j, :, block]
        return part

    return _in_blocks(role, known, dealt, own, propagate=propagate)


def conjunctions(role: Role, p: MaskedPlanes, groups: int) -> Planes | None:
    """Shares of the product of each group of four: [groups, words]."""
    dealt = _deal_monomials(role, p.mask if role.deals else None, _ALL, groups, p.lanes)
    if p.public is None:
        return None
    return _all_of(role, p.public, dealt)


def leaf_conjunctions(
    role: Role, a: Planes | None, m: Planes | None, groups: int, lanes: int
) -> Planes | None:
    """The same for the leaves' p = a xor m."""
    dealt = _deal_monomials(role, m, _ALL, groups, lanes)
    if a is None:
        return None
    return _all_of(role, a, dealt)


def _all_of(role: Role, p: Planes, dealt: Planes) -> Planes:
    if (native := kernels()) is not None:
        tree = SeedTree(p, None, _flat(dealt), None, role.first)
        _, passing = native.prefixes(tree, generate=False, propagate=True)
        if passing is not None:
            product: Planes = passing[-1]
            return product
    return all_of(role, p.reshape(-1, RADIX, p.shape[1]).swapaxes(0, 1), dealt)


def _folded(native: Kernels, tree: SeedTree, *, propagate: bool) -> Prefixes:
    generate, passing = native.prefixes(tree, generate=True, propagate=propagate)
    return Prefixes([] if generate is None else list(generate), [] if passing is None else list(passing))


def _flat(planes: Planes) -> Planes:
    return planes.reshape(-1, planes.shape[-1])


def all_of(role: Role, p: Planes, dealt: Planes) -> Planes:
    """The share of p[0] p[1] p[2] p[3] from the monomials of its masks, in blocks."""
    result = np.empty(p.shape[1:], np.uint64)
    for block in _blocks(p.shape[-1]):
        q = _first(role, p[0, :, block], dealt[:, :, block])
        for j in range(1, RADIX):
            q = (p[j, :, block] & q[0::2]) ^ q[1::2]
        result[:, block] = q[0]
    return result


def _in_blocks(
    role: Role, p: Planes, dealt: Planes, own: Callable[[int, slice], Planes], *, propagate: bool
) -> Prefixes:
    """Evaluate the polynomials, one position after the other.

    After position j there is a share of G[j] (and one of P[j]) times the monomial of each set of positions
    above j, the empty one first. Of those sets every second one has the next position in it: with that and
    without it, times its public part, it makes the next position's.
    """
    generate = [np.empty(p.shape[1:], np.uint64) for _ in range(RADIX)]
    passing = [np.empty(p.shape[1:], np.uint64) for _ in range(RADIX if propagate else 0)]
    for block in _blocks(p.shape[-1]):
        e = own(0, block)
        generate[0][:, block] = e[0]
        for j in range(1, RADIX):
            made = own(j, block)
            made ^= p[j, :, block] & e[0::2]
            made ^= e[1::2]
            e = made
            generate[j][:, block] = e[0]
        if propagate:
            q = _first(role, p[0, :, block], dealt[:, :, block])
            passing[0][:, block] = q[0]
            for j in range(1, RADIX):
                q = (p[j, :, block] & q[0::2]) ^ q[1::2]
                passing[j][:, block] = q[0]
    return Prefixes(generate, passing)


def _first(role: Role, p: Planes, dealt: Planes) -> Planes:
    """A share of p[0] times the monomial of each set above it; that of the empty one is 1: P0's to add."""
    q = dealt[0::2].copy()
    q[1:] ^= p & dealt[1::2]
    if role.first:
        q[0] ^= p
    return q


def _deal_monomials(role: Role, m: Planes | None, sets: Sequence[int], groups: int, lanes: int) -> Planes:
    """Deal the products of the helper's bits over each of `sets`: [sets, groups, words]."""
    dealt = role.deal_planes(len(sets) * groups, lanes, Monomials(m, sets, groups, RADIX))
    return dealt.reshape(len(sets), groups, -1)


def _deal_mixed(role: Role, g: Planes, p: Planes, groups: int, lanes: int) -> Planes:
    """Deal each g[j]'s mask times the monomials of the p's above it: [those of _MIXED, groups, words]."""
    dealt = role.deal_planes(len(_MIXED) * groups, lanes, Mixed(g, p, _MIXED, groups, RADIX))
    return dealt.reshape(len(_MIXED), groups, -1)


_MIXED = tuple((j, s) for j in range(RADIX) for s in above(j))


def _blocks(words: int) -> Sequence[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, words, _BLOCK)]
