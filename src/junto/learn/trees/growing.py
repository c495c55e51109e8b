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

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from junto.learn import scaled
from junto.learn.families import Family
from junto.learn.trees.candidates import NONE
from junto.learn.trees.quantile_leaves import leaf_quantiles

LEAST_HESSIAN = 2.0**-10
"""Of a child: less is next to nothing, and would be divided by."""

LARGEST_LIMIT = 2.0**20
"""No split is better than that by so much, and no sum of hessians is larger."""

EDGE, PART = 2.0**-15, 2.0**14
"""By so much, and by this part of it, a split must be better than one before it: more than roundings make."""

AT_ONCE, IN_TWO = 32, 4096
"""So many candidates meet in one turn, all pairs at once, and in two: more would be too many pairs."""

LARGEST_STEP = 2.0**12
"""Of a node whose weight nothing bounds; on the label's scale none comes near."""

ROOM = 9
"""Bits before the point of a sum of slopes of all rows, as gains are computed with."""

FINER, CONCENTRATED = 6, 17
"""Bits by which gains are made larger, and the bits that they may have so if one row has all of a label."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What decides a split and a leaf's weight; XGBoost's.

    Attributes:
        rate: `learning_rate`.
        scale: sums of slopes are multiplied by it before gains are computed.
        finer: what gains are multiplied by, besides: see `finer_for`.
        sparse: whether there is a `reg_alpha`.
        step: `max_delta_step`; 0: leaves of any size.
        corrects: whether each tree corrects those before it; else all are grown for the label alone.
        quantile: of the residuals of a leaf's rows, which its weight is; None: it is that of one Newton step.
    """

    rate: float
    scale: float
    step: float = 0.0
    corrects: bool = True
    quantile: float | None = None
    finer: float = 1.0
    sparse: bool = False


class SplitTerms(NamedTuple):
    """What a split and a leaf have to be; see `GradientBoosting`."""

    gamma: float
    penalty: float
    least: float
    alpha: float = 0.0


def limits(asked: SplitTerms, scale: float) -> NDArray[np.float64]:
    """`gamma`, `reg_lambda`, `min_child_weight` and `reg_alpha` on the scale of sums.

    They are public, or secret where the label's scale is in them.
    """
    held = asked._replace(least=max(asked.least, LEAST_HESSIAN))
    return np.minimum(held, LARGEST_LIMIT) * scale


def scale_for(rows: int) -> float:
    """A power of two by which sums over so many rows come to less than ``2**ROOM``."""
    return float(2.0 ** min(0, ROOM - rows.bit_length()))


def finer_for(rows: int, bounded: bool) -> float:
    """A power of two by which gains on the scale of `scale_for` can be multiplied, to be told apart.

    Args:
        rows: how many there are.
        bounded: whether squared slopes over hessians come to no more than so many, in all; else they may
            come to the square of it.
    """
    return float(2.0 ** (FINER if bounded else min(FINER, max(0, CONCENTRATED - rows.bit_length()))))


class Rows(NamedTuple):
    """Of each row and node.

    Attributes:
        member: 1 if the row is in the node [rows, nodes].
        slope: its gradients there, else 0 [rows, outputs, nodes]; with the sign of XGBoost's.
        weight: its hessian there, else 0 [rows, nodes]; None: as `member`.
    """

    member: Any
    slope: Any
    weight: Any


class TreeLevel(NamedTuple):
    """A level of a tree.

    Attributes:
        rows: see `Rows`.
        sums: slopes and hessian of rows that go left, of each candidate and node
            [candidates, nodes, outputs + 1].
        totals: of all rows [nodes, outputs + 1].
        middle: from what the weights of leaves are measured [nodes, outputs], before the sign is changed:
            the weight of the parent as a leaf; None: from 0.
        held: of the nodes above, see `Held`; None: this is the first level, or there are no constraints.
    """

    rows: Rows
    sums: Any
    totals: Any
    middle: Any = None
    held: Any = None


class Held(NamedTuple):
    """What monotone constraints ask of the children of nodes; steps are weights with the other sign.

    Attributes:
        bounds: between which a node's step is, and the same times the rate, by which leaves are held to it to
            the last bit [nodes, 4].
        turns: of each owner its `monotone.turns`.
    """

    bounds: Any
    turns: Sequence[Any]


def slopes(score: Any, label: Any, weights: Sequence[Any], family: Family) -> tuple[Any, Any]:
    """Gradient and hessian of each row, and of each output.

    There is one hessian a row [rows] if all outputs have the same, and None if it is 1 everywhere.
    """
    residual, own = family.slopes(score, label)
    hessian: Any = own if family.constant is None else None
    for each in [weight for weight in weights if weight is not None]:
        residual = residual * each.reshape(-1, *[1] * (residual.ndim - 1))
        hessian = each if hessian is None else hessian * each.reshape(-1, *[1] * (hessian.ndim - 1))
    return -residual, hessian


def root(
    sides: Sequence[Any], score: Any, label: Any, weights: Sequence[Any], *, family: Family
) -> TreeLevel:
    """The first level: one node with all rows.

    Outputs with hessians of their own have a tree each, all grown side by side: there are as many nodes.

    Args:
        sides: see the module.
        score: [rows] so far, or [rows, outputs].
        label: likewise.
        weights: factors of the rows' weights, each [rows] or None.
        family: of the label.
    """
    slope, hessian = slopes(score, label, weights, family)
    apart = hessian is not None and hessian.ndim == 2
    slope = slope[:, None, :] if apart else slope.reshape(len(slope), -1, 1)
    member = jnp.ones((len(slope), slope.shape[2]), jnp.float32)
    rows = Rows(member, slope, None if hessian is None else hessian.reshape(member.shape))
    return TreeLevel(rows, *_summed(sides, rows))


def below(
    sides: Sequence[Any], level: TreeLevel, lefts: Sequence[Any], middle: Any, held: Any = None
) -> TreeLevel:
    """The next level; `middle`: what `picked` found of this one; `held`: see `TreeLevel`."""
    rows = level.rows
    left = _left(rows, lefts)
    sums, totals = _summed(sides, left)
    return TreeLevel(
        Rows(
            *[
                None if all is None else _siblings(one, all, all.ndim - 1)
                for one, all in zip(left, rows, strict=True)
            ]
        ),
        _siblings(sums, level.sums, 1),
        _siblings(totals, level.totals, 0),
        jnp.repeat(middle, 2, axis=0),
        held,
    )


def picked(
    level: TreeLevel,
    limits: Any,
    allowed: Any,
    directions: Any = None,
    *,
    rule: Rule,
    widths: tuple[int, ...],
) -> tuple[tuple[Any, ...], Any, Any]:
    """For each owner, and each node, the number of its candidate that is the best, or `NONE`.

    Besides, the nodes' weights as leaves, which are the `TreeLevel.middle` of their children; and, if there
    are constraints, the `Held.bounds` of the nodes. Gains are computed from what weights are beyond the
    parent's, so that all gains of a node lack the same: roundings are then a part of what a split makes
    better, not of all that its leaves do. (With a `reg_alpha` the same would not cancel.)

    Args:
        level: of the tree.
        limits: see `limits`.
        allowed: 1 for each candidate that a node may use [candidates, nodes or 1]; None: all of them.
        directions: of each owner's candidates 1, -1 or 0: see `monotone`; None: there are no constraints.
        rule: see `Rule`.
        widths: how many candidates each owner has.
    """
    left, totals = level.sums * rule.scale, level.totals * rule.scale
    count, every = len(left), jnp.concatenate([left, totals - left, totals[None]])
    enough, hessian = every[..., -1] >= limits[2], every[..., -1:] + limits[1]
    lacking: Any = 0.0
    from_here = None if rule.sparse else level.middle
    slope, other, whole = left[..., :-1], totals[..., :-1] - left[..., :-1], totals[..., :-1]
    if from_here is not None:
        slope, whole, under = _moved(slope, whole, hessian, limits[1], from_here)
        other = whole + under - slope
        lacking = -jnp.sum(from_here * under, axis=-1) * rule.finer
    every = jnp.concatenate([slope, other, whole[None]])
    gains, steps, bounds = _gains(every, hessian, rule, limits, (from_here, level.held))
    gain, none = gains[:count] + gains[count:-1], gains[-1:] + lacking + limits[0] * rule.finer
    fair = enough[:count] & enough[count:-1]
    if allowed is not None:
        fair = fair & (jnp.concatenate(allowed) > 0)
    if directions is not None:
        ahead = jnp.concatenate(directions)[:, None] * (steps[:count] - steps[count:-1])[..., 0]
        fair = fair & (ahead >= 0)
        if bounds is None:
            bounds = jnp.tile(jnp.array([-1, 1, -1, 1], jnp.float32) * LARGEST_STEP, (len(totals), 1))
    found = _first_of_best(jnp.concatenate([none, jnp.where(fair, gain, 0)]).T, _numbered(widths))
    middle = jnp.where(enough[-1][:, None], steps[-1] / rule.finer, 0)
    return found, middle if from_here is None else from_here + middle, bounds


def _moved(slope: Any, whole: Any, hessian: Any, penalty: Any, middle: Any) -> tuple[Any, Any, Any]:
    """Slopes of left children and of nodes, less hessians times the `middle`; less the penalty times it.

    In one product, whose few digits do no harm: with any middle the gains differ by the same.
    """
    penalised = jnp.zeros_like(hessian[:1]) + penalty
    slopes = jnp.concatenate([slope, whole[None], jnp.zeros((1, *middle.shape))])
    given = jnp.concatenate(
        [slopes, jnp.concatenate([hessian[: len(slope)], hessian[-1:], penalised])], axis=2
    )
    outputs = middle.shape[1]
    own = jnp.broadcast_to(jnp.eye(outputs), (len(middle), outputs, outputs))
    found = jnp.einsum("cnk,nko->cno", given, jnp.concatenate([own, -middle[:, None]], axis=1))
    return found[:-2], found[-2], found[-1]


def _numbered(widths: tuple[int, ...]) -> list[NDArray[np.int32]]:
    """For each owner what its candidates are called, `NONE` for all others; the first is no candidate."""
    begins, count = np.cumsum((1, *widths)), 1 + sum(widths)
    numbers = []
    for begin, width in zip(begins.tolist(), widths, strict=False):
        each = np.full(count, NONE, np.int32)
        each[begin : begin + width] = np.arange(width)
        numbers.append(each)
    return numbers


def _meetings(count: int) -> Iterator[int]:
    """How many candidates meet at a time in each turn: of two turns those with the fewest pairs in both."""
    while count > IN_TWO:
        yield 4
        count = -(-count // 4)
    if count > AT_ONCE:
        yield (first := math.ceil((2 * count) ** (1 / 3)))
        count = -(-count // first)
    yield count


def _first_of_best(gains: Any, numbers: Sequence[Any]) -> tuple[Any, ...]:
    """Of each of the numbers the one that stands where the first is that no other exceeds by so much: `EDGE`.

    A tournament, in each turn of which all pairs of a group meet at once. Where roundings would decide, the
    first wins, as XGBoost has it; where nobody wins all pairs, the first of the group.

    Args:
        gains: [nodes, candidates], not below 0.
        numbers: of each candidate [candidates].
    """
    for size in _meetings(gains.shape[1]):
        spare = ((0, 0), (0, -gains.shape[1] % size))
        shape = (len(gains), -1, size)
        apart = jnp.pad(gains, spare).reshape(shape)
        numbers = [
            jnp.pad(jnp.broadcast_to(each, gains.shape), spare, constant_values=NONE).reshape(shape)
            for each in numbers
        ]
        early, late = (list(side) for side in zip(*combinations(range(size), 2), strict=True))
        pairs, sign = np.arange(len(early)), np.zeros((len(early), size), np.int32)
        least = np.zeros((size, len(early)), np.float32)  # whole numbers: no rounding
        least[late, pairs], least[early, pairs] = PART, -PART - 1
        ahead = apart @ least > EDGE * PART
        sign[pairs, late], sign[pairs, early] = 1, -1
        wins = ahead.astype(jnp.int32) @ sign[:, 1:] + np.arange(size - 2, -1, -1, dtype=np.int32)
        won = wins == size - 1
        gains, *numbers = [
            each[..., 0] + jnp.sum(jnp.where(won, each[..., 1:] - each[..., :1], 0), axis=2)
            for each in (apart, *numbers)
        ]
    return tuple(each[:, 0] for each in numbers)


def _gains(
    slope: Any, hessian: Any, rule: Rule, limits: Any, given: tuple[Any, Any] = (None, None)
) -> tuple[Any, Any, Any]:
    """By how much the best leaves lessen the loss, of all outputs together; and their weights, without sign.

    Both are multiplied by `Rule.finer`. They are from the `TreeLevel.middle` that is `given`, if any.
    Nodes that are held have their own numbers last, and their bounds are the third result.
    """
    middle, held = given
    lessened = _lessened(slope, limits, rule)
    step, from_here = lessened * rule.finer / hessian, 0.0 if middle is None else middle * rule.finer
    if rule.step:
        most = rule.step * rule.finer
        step = jnp.clip(step, -most - from_here, most - from_here)
    bounds = None
    if held is not None:
        bounds = _narrowed(held, (step[-1] + from_here)[:, 0] / rule.finer, rule.rate)
        lower, upper = (bounds[:, side, None] * rule.finer - from_here for side in (0, 1))
        step = _within(step, lower, upper)
    each = lessened * step
    if rule.step or held is not None:
        each = step * (2 * slope - hessian * step / rule.finer)
    return each[..., 0] if each.shape[-1] == 1 else jnp.sum(each, axis=-1), step, bounds


def _lessened(slope: Any, limits: Any, rule: Rule) -> Any:
    """Slopes nearer to 0 by `reg_alpha`."""
    if not rule.sparse:
        return slope
    above, below = jnp.maximum(jnp.stack([slope, -slope]) - limits[3], 0)
    return above - below


def _narrowed(held: Held, steps: Any, rate: float) -> Any:
    """The bounds of the children of nodes, of what their steps would be: see `Held`.

    The steps of two siblings are parted by one number, and so are all below them, whatever is rounded.
    """
    bounds, turns = held
    rising, falling = _together(turns) > 0
    both = _within(steps.reshape(-1, 2), bounds[:, :1], bounds[:, 1:2])
    half = (both[:, 0] + both[:, 1]) / 2
    paid = _within(half * rate, bounds[:, 2], bounds[:, 3])
    parted = jnp.stack([half, half, paid, paid], axis=1)
    lower = np.array([True, False, True, False])
    above = jnp.where(lower, rising[:, None], falling[:, None])  # of the left child: its weight is the less
    below = jnp.where(lower, falling[:, None], rising[:, None])
    children = [jnp.where(each, parted, bounds) for each in (above, below)]
    return jnp.stack(children, axis=1).reshape(-1, 4)


def _within(numbers: Any, lower: Any, upper: Any) -> Any:
    """`jnp.clip`, by two comparisons at once; of several numbers at the bound each is the bound."""
    less, more = jnp.stack([numbers - lower, upper - numbers]) < 0
    return jnp.where(less, lower, jnp.where(more, upper, numbers))


def leaves(
    level: TreeLevel,
    lefts: Sequence[Any],
    score: Any,
    limits: Any,
    given: tuple[Any, Held | None] = (None, None),
    *,
    rule: Rule,
) -> tuple[Any, Any, Any]:
    """Of the leaves under the last level the weights [leaves, outputs]; scores with them; their totals.

    Args:
        level: the last one with splits.
        lefts: see the module.
        score: of each row so far.
        limits: see `limits`.
        given: the label, and which rows count (1; None: all), if leaves are quantiles; and what constraints
            ask of the leaves, if there are some.
        rule: see `Rule`.
    """
    sought, held = given
    rows, side = level.rows, _together(lefts)
    weigh = rows.member if rows.weight is None else rows.weight
    each = [rows.slope[:, output] for output in range(rows.slope.shape[1])] + [weigh]
    parts = [jnp.einsum("nk,nk->k", one, side) for one in each]
    sums = _siblings(jnp.stack(parts, axis=1), level.totals, 0)
    totals = sums * rule.scale
    hessian = totals[:, -1:]
    some = hessian >= LEAST_HESSIAN * rule.scale
    if rule.quantile is None:
        step = -_lessened(totals[:, :-1], limits, rule) / (hessian + limits[1])
        step = jnp.clip(step, -rule.step, rule.step) if rule.step else step
    else:
        step = _quantiles(rows.member, side, score, sought, (sums[:, -1], rule.quantile))
    weight = step * rule.rate
    if held is not None:
        bounds = _narrowed(held, -step[:, 0], rule.rate)
        weight = _within(weight, -bounds[:, 3:], -bounds[:, 2:3])
    weight = jnp.where(some, weight, 0)
    if not rule.corrects:
        return weight, score, sums
    lower, upper = weight[0::2, 0], weight[1::2, 0]
    if score.ndim == 1:
        return weight, score + rows.member @ upper + (rows.member * side) @ (lower - upper), sums
    apart = (len(score), score.shape[1], -1)
    steps = [
        jnp.einsum("nkj,kj->nk", one.reshape(apart), by.reshape(apart[1:]))
        for one, by in ((rows.member, upper), (rows.member * side, lower - upper))
    ]
    return weight, score + steps[0] + steps[1], sums


def _quantiles(member: Any, side: Any, score: Any, sought: Any, of: tuple[Any, float]) -> Any:
    """See `leaf_quantiles`; `of`: rows of each leaf, and which quantile."""
    label, drawn = sought
    member = member if drawn is None else member * drawn[:, None]
    inside = _siblings(member * side, member, 1)
    return leaf_quantiles(label - score, inside, of[0], alpha=of[1])[:, None]


def stacked(weights: Sequence[Any], *, outputs: int) -> Any:
    """The weights of the leaves of all trees [trees, leaves], or [trees, leaves, outputs]."""
    whole = jnp.stack(weights)
    if outputs == 1:
        return whole[..., 0]
    if whole.shape[-1] == outputs:
        return whole
    apart = whole.reshape(len(weights), outputs, -1, 1)
    own = np.eye(outputs, dtype=bool)[:, None, :]
    return jnp.where(own, apart, 0).reshape(len(weights) * outputs, -1, outputs)


def worth(
    trees: Sequence[Sequence[Any]], limits: Any, units: Any, steps: Any = None, *, rule: Rule
) -> dict[str, Any]:
    """What each node of each tree is worth, to whoever is shown it.

    ``gain`` [trees, nodes]: by how much its split lessens the loss; ``cover`` [trees, nodes and leaves]: the
    sum of the hessians of its rows. Nodes stand level by level; ``gain_exponent`` and ``cover_exponent``:
    see `scaled`.

    Args:
        trees: of each its totals, level after level and those of its leaves.
        limits: see `limits`.
        units: see `units_of`.
        steps: likewise, level after level, of each node its step, and of each leaf its weight, if there are
            constraints; None: they follow from the totals.
        rule: see `Rule`.
    """
    totals = _side_by_side(trees)
    sums = totals * rule.scale
    hessian = jnp.maximum(sums[..., -1:] + limits[1], LEAST_HESSIAN * rule.scale)
    if steps is None:
        each, *_ = _gains(sums[..., :-1], hessian, replace(rule, finer=1.0), limits)
    else:
        step = _side_by_side([[*levels, last / -rule.rate] for *levels, last in steps])[..., 0]
        each = step * (2 * sums[..., 0] - hessian[..., 0] * step)
    gain = each[:, 1::2] + each[:, 2::2] - each[:, : totals.shape[1] // 2]
    return {
        "gain": jnp.maximum(gain, 0) * units["gain"],
        "cover": totals[..., -1] * units["cover"],
        "gain_exponent": units["gain_exponent"],
        "cover_exponent": units["cover_exponent"],
    }


def _side_by_side(trees: Sequence[Sequence[Any]]) -> Any:
    """[trees, nodes, ...], of each tree's levels, which may be those of several that were grown together."""
    return jnp.concatenate(
        [
            jnp.concatenate([each.reshape(len(levels[0]), -1, each.shape[1]) for each in levels], axis=1)
            for levels in trees
        ]
    )


def units_of(gain: float, cover: float, scale: float) -> dict[str, Any]:
    """By what gains on the scale of `Rule`, and hessians, are multiplied for the label's own units."""
    found = dict[str, Any]()
    for name, factor in (("gain", gain / scale), ("cover", cover)):
        exponent = scaled.exponent_of(factor)
        found |= {name: math.ldexp(factor, -exponent), f"{name}_exponent": np.int32(exponent)}
    return found


def worth_joined(before: Any, after: Any) -> dict[str, Any]:
    """What the nodes of two models are worth, one after the other."""
    found = {}
    for name in ("gain", "cover"):
        exponent = f"{name}_exponent"
        *both, found[exponent] = scaled.aligned(before[name], before[exponent], after[name], after[exponent])
        found[name] = jnp.concatenate(both)
    return found


def _left(rows: Rows, lefts: Sequence[Any]) -> Rows:
    side = _together(lefts)
    weight = None if rows.weight is None else rows.weight * side
    return Rows(rows.member * side, rows.slope * side[:, None, :], weight)


def _together(lefts: Sequence[Any]) -> Any:
    """A node is split by one party: the others say 0."""
    total = lefts[0].astype(jnp.float32)
    for each in lefts[1:]:
        total = total + each.astype(jnp.float32)
    return total


def _summed(sides: Sequence[Any], rows: Rows) -> tuple[Any, Any]:
    """Sums of slopes and hessians: of each candidate and node, and of each node."""
    weigh = rows.member if rows.weight is None else rows.weight
    both = jnp.concatenate([rows.slope.reshape(len(weigh), -1), weigh], axis=1)
    sums = jnp.concatenate([each.astype(jnp.float32) @ both for each in sides])
    nodes = weigh.shape[1]
    return _apart(sums, nodes), _apart(jnp.sum(both, axis=0), nodes)


def _apart(both: Any, nodes: int) -> Any:
    """Slopes of all nodes, output after output, then hessians of all nodes: in a new last axis."""
    return jnp.swapaxes(both.reshape(*both.shape[:-1], -1, nodes), -1, -2)


def _siblings(left: Any, parent: Any, axis: int) -> Any:
    """Left child and right child of each node, one after the other."""
    both = jnp.stack([left, parent - left], axis=axis + 1)
    return both.reshape(*parent.shape[:axis], 2 * parent.shape[axis], *parent.shape[axis + 1 :])
