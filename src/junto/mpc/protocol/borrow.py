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
from typing import Any

import numpy as np

from junto.mpc.bits import Planes
from junto.mpc.protocol.demands import ONES, Mixed, Monomials
from junto.mpc.protocol.planes import MaskedPlanes
from junto.mpc.protocol.role import Role

RADIX = 4
_ALL = tuple(range(1 << RADIX))
_BLOCK = 512
"""Words of each plane that are treated at once: they stay in a core's cache."""

BySet = dict[int, Planes]
"""For each set of the four positions (as bits of a number), its monomial: [groups, words]."""


@dataclass(frozen=True, slots=True, repr=False)
class Prefixes:
    """Shares of G[j] and P[j] of each group: [groups, words] each; P is empty where it was not asked for."""

    generate: Sequence[Planes]
    propagate: Sequence[Planes]


def above(j: int) -> tuple[int, ...]:
    """The sets of positions above `j`."""
    low = (1 << (j + 1)) - 1
    return tuple(s for s in _ALL if not s & low)


def leaves(role: Role, a: Planes | None, m: Planes | None, groups: int, lanes: int) -> Prefixes | None:
    """From the bits of a subtraction D - m: a = not D is public, m the helper's; g = a m, p = a xor m.

    Args:
        role: this node's.
        a: [4 * groups, words], lowest bit first; None at the helper.
        m: the same, None at the compute parties.
        groups: how many groups of four.
        lanes: bits in a plane.
    """
    dealt = _deal_monomials(role, m, _ALL[1:], groups, lanes)
    if a is None:
        return None
    p = a.reshape(groups, RADIX, -1).swapaxes(0, 1)
    return _in_blocks(role, p, dealt, lambda j, s, p_, r: p_[j] & r[s | 1 << j], {}, True)


def inner(role: Role, g: MaskedPlanes, p: MaskedPlanes, groups: int, *, propagate: bool) -> Prefixes | None:
    """From pairs that were opened under masks: [4 * groups, words] each, lowest first."""
    sets = tuple(s for s in _ALL[1:] if propagate or not s & 1)
    dealt = _deal_monomials(role, p.mask if role.deals else None, sets, groups, p.lanes)
    mixed = _deal_mixed(role, g.mask, p.mask, groups, p.lanes)
    if g.public is None or p.public is None:
        return None
    known = p.public.reshape(groups, RADIX, -1).swapaxes(0, 1)
    made = g.public.reshape(groups, RADIX, -1).swapaxes(0, 1)
    extra = dict(mixed)
    extra.update({(j, -1): made[j] for j in range(RADIX)})
    return _in_blocks(role, known, dealt, _mixed_term, extra, propagate)


def _mixed_term(j: int, s: int, p: Planes, r: dict[Any, Planes]) -> Planes:
    return (r[j, -1] & r[s]) ^ r[j, s]


def conjunctions(role: Role, p: MaskedPlanes, groups: int) -> Planes | None:
    """Shares of the product of each group of four: [groups, words]."""
    dealt = _deal_monomials(role, p.mask if role.deals else None, _ALL[1:], groups, p.lanes)
    if p.public is None:
        return None
    return all_of(role, p.public.reshape(groups, RADIX, -1).swapaxes(0, 1), dealt)


def leaf_conjunctions(
    role: Role, a: Planes | None, m: Planes | None, groups: int, lanes: int
) -> Planes | None:
    """The same for the leaves' p = a xor m."""
    dealt = _deal_monomials(role, m, _ALL[1:], groups, lanes)
    if a is None:
        return None
    return all_of(role, a.reshape(groups, RADIX, -1).swapaxes(0, 1), dealt)


def all_of(role: Role, p: Planes, dealt: BySet) -> Planes:
    """The share of p[0] p[1] p[2] p[3] from the monomials of its masks, in blocks."""
    result = np.empty(p.shape[1:], np.uint64)
    for block in _blocks(p.shape[-1]):
        q = _with_one(role, dealt, block)
        for j in range(RADIX):
            q = {s: (p[j, :, block] & q[s]) ^ q[s | 1 << j] for s in above(j)}
        result[:, block] = q[0]
    return result


def _in_blocks(
    role: Role,
    p: Planes,
    dealt: BySet,
    own: Callable[[int, int, Planes, dict[Any, Planes]], Planes],
    extra: dict[tuple[int, int], Planes],
    propagate: bool,
) -> Prefixes:
    """Evaluate the polynomials: `own(j, s, ...)` is the share of g[j] times the monomial of `s`."""
    generate = [np.empty(p.shape[1:], np.uint64) for _ in range(RADIX)]
    passing = [np.empty(p.shape[1:], np.uint64) for _ in range(RADIX if propagate else 0)]
    for block in _blocks(p.shape[-1]):
        here = p[:, :, block]
        q = _with_one(role, dealt, block)
        terms: dict[Any, Planes] = dict(q)
        terms.update({key: part[:, block] for key, part in extra.items()})
        e: BySet = {}
        for j in range(RADIX):
            made = {s: own(j, s, here, terms) for s in above(j)}
            if e:
                for s in made:
                    made[s] ^= here[j] & e[s]
                    made[s] ^= e[s | 1 << j]
            e = made
            generate[j][:, block] = e[0]
            if propagate:
                q = {s: (here[j] & q[s]) ^ q[s | 1 << j] for s in above(j)}
                passing[j][:, block] = q[0]
    return Prefixes(generate, passing)


def _with_one(role: Role, dealt: BySet, block: slice) -> BySet:
    """The monomials and the empty one, which is 1: P0's to add."""
    some = next(iter(dealt.values()))[:, block]
    one = np.full(some.shape, ONES if role.first else 0, np.uint64)
    return {0: one, **{s: plane[:, block] for s, plane in dealt.items()}}


def _deal_monomials(role: Role, m: Planes | None, sets: Sequence[int], groups: int, lanes: int) -> BySet:
    """Deal the products of the helper's bits over each of `sets`."""
    dealt = role.deal_planes(len(sets) * groups, lanes, Monomials(m, sets, groups, RADIX))
    split = dealt.reshape(len(sets), groups, -1)
    return {s: split[i] for i, s in enumerate(sets)}


def _deal_mixed(role: Role, g: Planes, p: Planes, groups: int, lanes: int) -> dict[tuple[int, int], Planes]:
    """Deal each g[j]'s mask times the monomials of the p's above it."""
    keys = [(j, s) for j in range(RADIX) for s in above(j)]
    dealt = role.deal_planes(len(keys) * groups, lanes, Mixed(g, p, keys, groups, RADIX))
    split = dealt.reshape(len(keys), groups, -1)
    return {key: split[i] for i, key in enumerate(keys)}


def _blocks(words: int) -> Sequence[slice]:
    return [slice(start, start + _BLOCK) for start in range(0, words, _BLOCK)]
