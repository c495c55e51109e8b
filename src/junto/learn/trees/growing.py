"""Grow a tree level by level on shares.

Paper:     Fang et al., "Large-scale Secure XGB for Vertical Federated Learning" (SS-XGB), CIKM 2021, arXiv
           2005.08479, sections 4 and 5: sums of gradients by products with secret indicators; the owner of a
           split tells the sides of its rows. One half of each two siblings is a difference, as in LightGBM
           and Squirrel (Lu et al., USENIX Security 2023).
Computes:  a level from the one before: who is in which node, sums of slopes for each candidate, the best.
Parties:   those of the SPU.
Secure:    as the SPU.
Learns:    nobody anything. What `picked` returns for an owner is shown to this owner alone: for each node the
           number of its candidate, or `NONE` if the best split is another party's, or there is none.
Cost:      for each level as many rounds as `tests/cost` says; bytes for each row and node of the level
           before, and for each candidate and node.

`sides` are the owners' `candidates.sides`, `lefts` their `candidates.taken`. Nodes of a level stand from
left to right; a node that is not split sends all its rows to the right, so that its left child is empty, has
the weight 0, and is never split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from junto.learn.families import Family
from junto.learn.trees.candidates import NONE

LEAST_HESSIAN = 2.0**-10
"""Of a child: less is next to nothing, and would be divided by."""

EDGE = 2.0**-12
"""By so much a split must be better than none: more than roundings make of a split that parts nothing."""

ROOM = 9
"""Bits before the point of a sum of slopes of all rows, as gains are computed with."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What decides a split and a leaf's weight; XGBoost's.

    Attributes:
        penalty: `reg_lambda`.
        least: `min_child_weight`.
        rate: `learning_rate`.
        scale: sums of slopes are multiplied by it before gains are computed.
    """

    penalty: float
    least: float
    rate: float
    scale: float


def scale_for(rows: int) -> float:
    """A power of two by which sums over so many rows come to less than ``2**ROOM``."""
    return float(2.0 ** min(0, ROOM - rows.bit_length()))


class Rows(NamedTuple):
    """Of each row and node [rows, nodes].

    Attributes:
        member: 1 if the row is in the node.
        slope: its gradient there, else 0; with the sign of XGBoost's.
        weight: its hessian there, else 0; None: as `member`.
    """

    member: Any
    slope: Any
    weight: Any


class TreeLevel(NamedTuple):
    """A level of a tree.

    Attributes:
        rows: see `Rows`.
        sums: slopes and hessians of rows that go left, of each candidate and node [candidates, nodes, 2].
        totals: of all rows [nodes, 2].
    """

    rows: Rows
    sums: Any
    totals: Any


def slopes(score: Any, label: Any, weights: Sequence[Any], family: Family) -> tuple[Any, Any]:
    """Gradient and hessian of each row; the latter None if it is 1 everywhere."""
    residual, hessian = family.slopes(score, label)
    known = [each for each in weights if each is not None]
    if not known and family.constant is not None:
        return -residual, None
    for each in known:
        residual, hessian = residual * each, hessian * each
    return -residual, hessian


def root(
    sides: Sequence[Any], score: Any, label: Any, weights: Sequence[Any], *, family: Family
) -> TreeLevel:
    """The first level: one node with all rows.

    Args:
        sides: see the module.
        score: [rows] so far.
        label: [rows].
        weights: factors of the rows' weights, each [rows] or None.
        family: of the label.
    """
    slope, hessian = slopes(score, label, weights, family)
    member = jnp.ones((len(label), 1), jnp.float32)
    rows = Rows(member, slope[:, None], None if hessian is None else hessian[:, None])
    return TreeLevel(rows, *_summed(sides, rows))


def below(sides: Sequence[Any], level: TreeLevel, lefts: Sequence[Any]) -> TreeLevel:
    """The next level."""
    rows = level.rows
    left = _left(rows, lefts)
    sums, totals = _summed(sides, left)
    return TreeLevel(
        Rows(*[None if all is None else _siblings(one, all, 1) for one, all in zip(left, rows, strict=True)]),
        _siblings(sums, level.sums, 1),
        _siblings(totals, level.totals, 0),
    )


def picked(
    level: TreeLevel, gamma: Any, allowed: Any, *, rule: Rule, widths: tuple[int, ...]
) -> tuple[Any, ...]:
    """For each owner, and each node, the number of its candidate that is the best, or `NONE`.

    Args:
        level: of the tree.
        gamma: by how much a split must be better than none.
        allowed: 1 for each candidate that a node may use [candidates, nodes or 1]; None: all of them.
        rule: see `Rule`.
        widths: how many candidates each owner has.
    """
    left, totals = level.sums * rule.scale, level.totals * rule.scale
    both = jnp.stack([left, totals - left])
    every = jnp.concatenate([both.reshape(-1, *totals.shape), totals[None]])
    gains = every[..., 0] * (every[..., 0] / (every[..., 1] + rule.penalty * rule.scale))
    count = len(left)
    gain, none = gains[:count] + gains[count:-1], gains[-1:] + (gamma * rule.scale + EDGE)
    fair = jnp.all(both[..., 1] >= max(rule.least, LEAST_HESSIAN) * rule.scale, axis=0)
    if allowed is not None:
        fair = fair & (jnp.concatenate(allowed) > 0)
    best = jnp.argmax(jnp.concatenate([none, jnp.where(fair, gain, 0)]).T, axis=1)
    begins = np.cumsum((1, *widths[:-1])).tolist()
    passed = [(best >= begin).astype(jnp.int32) for begin in begins]
    mine = [one - other for one, other in zip(passed, [*passed[1:], 0], strict=True)]
    return tuple(each * (best - begin - NONE) + NONE for each, begin in zip(mine, begins, strict=True))


def leaves(level: TreeLevel, lefts: Sequence[Any], score: Any, *, rule: Rule) -> tuple[Any, Any]:
    """The weights of the leaves [leaves] under the last level, and the scores with them."""
    rows, side = level.rows, _together(lefts)
    weigh = rows.member if rows.weight is None else rows.weight
    parts = [jnp.einsum("nk,nk->k", each, side) for each in (rows.slope, weigh)]
    totals = _siblings(jnp.stack(parts, axis=1), level.totals, 0) * rule.scale
    slope, hessian = totals[:, 0], totals[:, 1]
    some = hessian >= LEAST_HESSIAN * rule.scale
    weight = jnp.where(some, slope / (hessian + rule.penalty * rule.scale) * -rule.rate, 0)
    lower, upper = weight[0::2], weight[1::2]
    return weight, score + rows.member @ upper + (rows.member * side) @ (lower - upper)


def stacked(weights: Sequence[Any]) -> Any:
    """The weights of the leaves of all trees [trees, leaves]."""
    return jnp.stack(weights)


def scores(parts: Sequence[Any], weights: Any, scale: Any) -> Any:
    """The score of each row.

    Args:
        parts: the owners' `candidates.reachable`.
        weights: of the leaves [trees, leaves].
        scale: of the label, with the score without a tree.
    """
    here = parts[0]
    for each in parts[1:]:
        here = here & each
    return jnp.sum(jnp.where(here, weights.reshape(-1), 0), axis=1) + scale["start"]


def joined(blocks: Sequence[Any]) -> Any:
    """Blocks of rows, one after the other."""
    return jnp.concatenate(blocks)


def _left(rows: Rows, lefts: Sequence[Any]) -> Rows:
    side = _together(lefts)
    return Rows(*[None if each is None else each * side for each in rows])


def _together(lefts: Sequence[Any]) -> Any:
    """A node is split by one party: the others say 0."""
    total = lefts[0].astype(jnp.float32)
    for each in lefts[1:]:
        total = total + each.astype(jnp.float32)
    return total


def _summed(sides: Sequence[Any], rows: Rows) -> tuple[Any, Any]:
    """Sums of slopes and hessians: of each candidate and node, and of each node."""
    weigh = rows.member if rows.weight is None else rows.weight
    both = jnp.concatenate([rows.slope, weigh], axis=1)
    sums = jnp.concatenate([each.astype(jnp.float32) @ both for each in sides])
    return _apart(sums), _apart(jnp.sum(both, axis=0))


def _apart(both: Any) -> Any:
    """Slopes of all nodes, then hessians of all nodes, as pairs in a new last axis."""
    return jnp.swapaxes(both.reshape(*both.shape[:-1], 2, -1), -1, -2)


def _siblings(left: Any, parent: Any, axis: int) -> Any:
    """Left child and right child of each node, one after the other."""
    both = jnp.stack([left, parent - left], axis=axis + 1)
    return both.reshape(*parent.shape[:axis], 2 * parent.shape[axis], *parent.shape[axis + 1 :])


def probabilities(score: Any) -> Any:
    """Of 0 and 1 [rows, 2]."""
    p = jax.nn.sigmoid(score)
    return jnp.stack([1 - p, p], axis=1)


def likelier(score: Any) -> Any:
    """The likelier class."""
    return (score > 0).astype(jnp.int32)
