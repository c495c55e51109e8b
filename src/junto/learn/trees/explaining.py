"""What trees say of their columns and of single rows: importances, leaves, and SHAP values.

Paper:     Lundberg et al., "From local explanations to global understanding with explainable AI for trees",
           Nature Machine Intelligence 2020, algorithm 1: Shapley values of a row's score, where a column that
           is not known sends a row to both children by their covers. A leaf adds for each column of its path,

               weight * (o - z) * integral from 0 to 1 of the product over the others of (t o + (1 - t) z) dt

           with o whether the row goes that way at all nodes of that column, z the product of their parts of
           the covers (Shapley's weights as an integral: Owen, "Multilinear extensions of games", 1972). It is
           a polynomial in t, so the quadrature of Gauss and Legendre is exact.
Computes:  as above; sums of gains and covers over the nodes that a column splits.
Parties:   those of the SPU.
Secure:    as the SPU.
Learns:    who is shown a result learns it, and of importances the names of columns; nobody else anything.
Cost:      for each row, leaf and level some ten products; rounds grow with the logarithm of the depth.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import jax.numpy as jnp
import numpy as np

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.learn import own_units
from junto.learn.dataset import Table
from junto.learn.estimator import Estimator, Handed, require, run_at, shown
from junto.learn.families import IDENTITY, Family
from junto.learn.scaled import DIGITS, EXPONENT
from junto.learn.trees import candidates, paths, secret_columns
from junto.learn.trees.ensemble import BLOCK, Learned, Worth, in_blocks

KINDS: Final = ("gain", "cover", "weight", "total_gain", "total_cover")

LEAST_COVER: Final = 2.0**-10
"""A node with less is empty."""


@dataclass(frozen=True, eq=False, repr=False)
class ExplainedTrees(Estimator[Learned]):
    """Base of the models of trees: what they say of columns and rows."""

    @property
    @abstractmethod
    def family(self) -> Family:
        """The label's distribution."""

    def feature_importances(self, to: PYU | str, *, importance_type: str = "gain") -> PYUObject:
        """How much each column says, at one party, as ``get_score`` of XGBoost has it.

        Args:
            to: who sees it, and the names of all columns.
            importance_type: ``total_gain``: by how much the splits of a column lessen the loss, in units of
                the label; ``total_cover``: the hessians of the rows that they part (of squares: how many
                rows); ``gain`` and ``cover``: the means of both; ``weight``: how many splits there are.

        Returns:
            A handle of a dict from names to numbers, owner by owner; 0 for a column that splits nothing. That
            of ``total_gain``, divided by its sum, is what scikit-learn shows of a single tree.

        Raises:
            LearnError: there is no such type; the model came without; or `fit` was not called.
        """
        receiver = to if isinstance(to, PYU) else PYU(to)
        return importances(self.spu, self._fitted(), importance_type, receiver)

    def apply(self, X: Table, to: PYU | str | None = None) -> Any:
        """The leaf of each row in each tree: shown to the party `to` alone; else nobody sees it.

        Leaves are counted from the left of a whole tree of depth `max_depth`, from 0 on.

        Args:
            X: tables of their owners; the columns of `fit`.
            to: the party that sees it; None: nobody.

        Returns:
            A handle of whole numbers [rows, trees]; boosted classes have trees in turn.

        Raises:
            LearnError: the columns are not those of `fit`; or `fit` was not called.
        """
        return shown(leaves(self.spu, self._fitted(), X), to)

    def shap_values(self, X: Table, to: PYU | str | None = None) -> Any:
        """What each column adds to the score of each row: shown to the party `to` alone; else nobody sees it.

        Shapley values as XGBoost's ``predict(pred_contribs=True)`` has them: a column that is not known sends
        a row to both children of a node, by their parts of its cover. With the last number they add up to the
        score: a logit, the logarithm of a mean, or a number in the label's own units.

        Args:
            X: tables of their owners; the columns of `fit`.
            to: the party that sees it, and so how much the columns of others say of each row; None: nobody.

        Returns:
            A handle of numbers [rows, columns + 1], columns owner by owner, and last the expected score; of
            more than two classes [rows, classes, columns + 1].

        Raises:
            LearnError: the columns are not those of `fit`; the model came without covers; or `fit` was not
                called.
        """
        return contributions(self.spu, self._fitted(), X, self.family).to(to)


def importances(spu: SPU, learned: Learned, kind: str, receiver: PYU) -> PYUObject:
    """How much each column says, by name, at one party.

    Args:
        spu: where the model is.
        learned: what `fit` found.
        kind: one of `KINDS`.
        receiver: the only one that sees it.
    """
    require(kind in KINDS, f"there is no importance_type {kind!r}", ", ".join(KINDS))
    uses, names = list[Any](), list[Any]()
    for owner, known in learned.scales.by_owner.items():
        uses.append(run_at(owner, paths.used, known, learned.picks[owner]).to(spu))
        names.append(run_at(owner, paths.names_of, known).to(receiver))
    parties = [owner.party for owner in learned.scales.by_owner]
    if learned.hidden is not None:
        uses, parties = [spu(secret_columns.used)(learned.hidden["column"])], [spu.name]
        names = [secret_columns.names_of(*learned.scales.widths)]
    worth: Mapping[str, Any] = {} if kind == "weight" else known_worth(learned)
    found = spu(_importances, static_argnames="kind", num_returns_policy="single")(uses, worth, kind=kind)
    return run_at(receiver, _named, parties, names, found.to(receiver))


def known_worth(learned: Learned) -> Worth:
    """What nodes are worth.

    Raises:
        LearnError: the model came without.
    """
    require(
        learned.worth is not None,
        "the model came without gains and covers of its nodes",
        "a model that was saved by xgboost has them, and one that export(..., with_stats=True) wrote",
    )
    return learned.worth  # type: ignore[return-value]


def leaves(spu: SPU, learned: Learned, X: Table) -> SPUObject:
    """The place of each row's leaf in each tree, from the left [rows, trees]."""
    size = max(1, BLOCK // math.prod(learned.weights.shape[:2]))
    split = [run_at(owner, paths.split, picks).to(spu) for owner, picks in learned.picks.items()]
    if learned.hidden is not None:
        split = [spu(secret_columns.split)(learned.hidden["column"])]
    find = partial(spu(_places), places=spu(_places_of_leaves)(split))
    return in_blocks(spu, learned, X, size, candidates.reachable, find)


def contributions(spu: SPU, learned: Learned, X: Table, family: Family) -> Handed:
    """SHAP values of each row, columns owner by owner and the expected score last."""
    require(
        learned.hidden is None,
        "columns on the SPU have no SHAP values: which of them a path has, nobody knows",
        "model.export(to=party, with_stats=True) leaves, and xgboost computes them there",
    )
    worth, parts, uses = known_worth(learned), [], []
    for owner, known in learned.scales.by_owner.items():
        parts.append(run_at(owner, paths.groups, known, learned.picks[owner]).to(spu))
        uses.append(run_at(owner, paths.group_columns, known, learned.picks[owner]).to(spu))
    trees, leaves, *_ = learned.weights.shape
    size = max(1, BLOCK // (8 * trees * leaves * leaves.bit_length()))
    expected = spu(_expected)(parts, uses, worth["cover"], learned.weights, learned.label.scale)
    find = partial(spu(_contributions), expected=expected[:2])
    found = in_blocks(spu, learned, X, size, paths.strayed, find)
    compute = spu(_in_own_units, static_argnames=("family", "told"), num_returns_policy="single")
    whole = partial(compute, found, expected[2], learned.label.scale, family=family)
    own = family.link == IDENTITY
    return Handed(partial(whole, told=True) if own else None, partial(whole, told=False), learned.known)


# -------------------------------------------------------------------- what runs on the SPU


def _importances(uses: Sequence[Any], worth: Any, kind: str) -> dict[str, Any]:
    used = jnp.concatenate([each.astype(jnp.float32) for each in uses], axis=1)
    count = jnp.sum(used, axis=0)
    if kind == "weight":
        return {DIGITS: count, EXPONENT: np.int32(0)}
    name = kind.removeprefix("total_")
    nodes = len(used) // len(worth[name])
    total = worth[name][:, :nodes].reshape(-1) @ used
    if kind == name:
        total = total / jnp.maximum(count, 1)
    return {DIGITS: total, EXPONENT: worth[f"{name}_exponent"]}


def _places_of_leaves(split: Sequence[Any]) -> Any:
    """The place of each leaf [trees, leaves]; 0 for those left of a node that is not split."""
    every = _sum(split)
    depth = every.shape[1].bit_length()
    wanted = np.asarray(paths.children(depth) % 2, np.float32)
    ways = wanted + every[:, paths.nodes(depth)] * (1 - wanted)
    return (_product([ways[..., level] for level in range(depth)]) * np.arange(2**depth)).astype(jnp.int32)


def _places(parts: Sequence[Any], places: Any) -> Any:
    here = parts[0]
    for each in parts[1:]:
        here = here & each
    return jnp.sum(here.reshape(len(here), *places.shape).astype(jnp.int32) * places, axis=2)


def _expected(
    parts: Sequence[Any], uses: Sequence[Any], cover: Any, weights: Any, scale: Any
) -> tuple[Any, Any, Any]:
    """What a leaf's path comes to where no column is known.

    Returns:
        The part of the covers of each group of a leaf's path [trees, leaves, levels]; the leaves' weights by
        place and column [trees * leaves * levels, outputs * columns]; the score of a row of which nothing is
        known [outputs].
    """
    trees, leaves, depth, _ = parts[0].shape
    part = cover[:, 1:] / jnp.maximum(jnp.repeat(cover[:, : leaves - 1], 2, axis=1), LEAST_COVER)
    ways = part[:, paths.children(depth)]  # [trees, leaves, levels]
    member = _sum(parts)
    each = 1 + member * (ways - 1)[..., None]
    known = _product([each[:, :, place] for place in range(depth)])
    by_output = weights.reshape(trees, leaves, -1)
    owned = jnp.concatenate([each.astype(jnp.float32) for each in uses], axis=1)
    spread = owned.reshape(trees * leaves, depth, 1, -1) * by_output.reshape(trees * leaves, 1, -1, 1)
    reached = _product([known[..., place] for place in range(depth)])
    mean = jnp.einsum("tl,tlo->o", reached, by_output) + scale["start"]
    return known, spread.reshape(trees * leaves * depth, -1), mean


def _contributions(parts: Sequence[Any], expected: Any) -> Any:
    """[rows, outputs * columns]."""
    known, spread = expected
    trees, leaves, depth = known.shape
    here = 1 - _sum(parts).reshape(-1, trees, leaves, depth)
    points, factors = np.polynomial.legendre.leggauss((depth + 1) // 2)
    points, factors = ((points + 1) / 2).astype(np.float32), (factors / 2).astype(np.float32)
    away = here - known
    mixed = known[..., None] + away[..., None] * points
    others, _ = _others([mixed[:, :, :, place] for place in range(depth)])
    mean = 1 if depth == 1 else jnp.sum(jnp.stack(others, axis=3) * factors, axis=-1)
    return (away * mean).reshape(len(here), -1) @ spread


def _others(parts: Sequence[Any]) -> tuple[list[Any], Any]:
    """For each part the product of all others; and the product of all."""
    if len(parts) == 1:
        return [None], parts[0]
    half = len(parts) // 2
    (lower, low), (upper, high) = _others(parts[:half]), _others(parts[half:])
    found = [high if each is None else each * high for each in lower]
    found += [low if each is None else each * low for each in upper]
    return found, low * high


def _product(parts: Sequence[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return _product(parts[:half]) * _product(parts[half:])


def _sum(parts: Sequence[Any]) -> Any:
    total = parts[0].astype(jnp.float32)
    for each in parts[1:]:
        total = total + each.astype(jnp.float32)
    return total


def _in_own_units(found: Any, mean: Any, scale: Any, family: Family, told: bool) -> Any:
    """[rows, columns + 1], or [rows, outputs, columns + 1]."""
    outputs = len(mean)
    apart = found.reshape(len(found), outputs, -1)
    zero = {**scale, "middle": 0, "shift": 0}
    differences = own_units.scored(apart, zero, family=family, told=told)
    last = own_units.scored(mean, scale, family=family, told=told)
    exponent = None
    if told:
        exponent, differences, last = last[EXPONENT], differences[DIGITS], last[DIGITS]
    whole = jnp.concatenate([differences, jnp.broadcast_to(last[:, None], (len(found), outputs, 1))], axis=2)
    whole = whole if family.outputs else whole[:, 0]
    return {DIGITS: whole, EXPONENT: exponent} if told else whole


# -------------------------------------------------------------------- at the receiver


def _named(parties: Sequence[str], names: Sequence[Sequence[str]], shown: Any) -> dict[str, float]:
    values = np.ldexp(np.asarray(shown[DIGITS], np.float64), shown[EXPONENT])
    every = candidates.column_names(parties, names)
    return dict(zip(every, values.tolist(), strict=True))
