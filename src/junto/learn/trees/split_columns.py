"""Columns by which trees split nodes: at their owners, or on the SPU already."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, TypeAlias

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.learn.dataset import Columns, Scales
from junto.learn.estimator import require, run_at
from junto.learn.trees import candidates, monotone, secret_columns
from junto.learn.trees.monotone import Constraints

Secret: TypeAlias = Mapping[str, SPUObject]
"""See `secret_columns.splits`."""

Splits: TypeAlias = tuple[Mapping[PYU, PYUObject], Secret | None]
"""Of each owner a handle of `candidates.in_one`; of columns on the SPU what nobody sees."""


class SplitColumns(ABC):
    """Columns of all rows from which trees are grown.

    Attributes:
        sides: 0s and 1s of all candidates, on the SPU: see `growing`.
        widths: how many candidates there are in each of `sides`.
        directions: of each of them [candidates], 1, -1 or 0; None: there are no constraints.
    """

    sides: tuple[SPUObject, ...]
    directions: Sequence[Any] | None

    @property
    def widths(self) -> tuple[int, ...]:
        """See above."""
        return tuple(each.shape[0] for each in self.sides)

    @abstractmethod
    def split(self, found: Sequence[SPUObject]) -> tuple[Any, list[SPUObject]]:
        """What is kept of a level for which `growing.picked` has found this, and which rows go left."""

    @abstractmethod
    def turns(self, level: Any) -> list[SPUObject]:
        """See `monotone.turns`; `level`: what was kept of it."""

    @abstractmethod
    def allowed(self, chosen: Sequence[Sequence[int]]) -> list[Any]:
        """1 for each candidate that a node may use, of these columns."""

    @abstractmethod
    def kept(self, trees: Sequence[Sequence[Any]]) -> Splits:
        """What is kept of trees, of each of their levels."""


class OwnedColumns(SplitColumns):
    """Columns at their owners, each of whom learns where it splits which node.

    Args:
        spu: where trees are grown.
        columns: the tables.
        scales: of each owner's columns its `candidates.Candidates`.
        constraints: see `monotone`.
        field: the ring in which trees are grown.
    """

    def __init__(
        self, spu: SPU, columns: Columns, scales: Scales, constraints: Constraints, field: str | None
    ) -> None:
        self._spu, self._share = spu, partial(spu.share, field=field)
        self._known, self._columns = scales.by_owner, scales.widths
        self._turned = monotone.directions_at(constraints, scales)
        self._rows = {
            owner: run_at(owner, candidates.sides, table, self._known[owner])
            for owner, table in columns.tables.items()
        }
        self.sides: tuple[SPUObject, ...] = tuple(self._share(each) for each in self._rows.values())
        turned = self._turned
        self.directions: Sequence[Any] | None = (
            None if turned is None else [self._share(each) for each in turned.values()]
        )

    def split(self, found: Sequence[SPUObject]) -> tuple[Any, list[SPUObject]]:
        """Each owner is shown its candidates."""
        picks = {owner: each.to(owner) for owner, each in zip(self._known, found, strict=True)}
        lefts = [
            self._share(run_at(owner, candidates.taken, self._rows[owner], each))
            for owner, each in picks.items()
        ]
        return picks, lefts

    def turns(self, level: Any) -> list[SPUObject]:
        known = self._turned or {}
        return [run_at(owner, monotone.turns, known[owner], level[owner]).to(self._spu) for owner in known]

    def allowed(self, chosen: Sequence[Sequence[int]]) -> list[Any]:
        begins = [0, *accumulate(self._columns)]
        return [
            self._share(run_at(owner, candidates.allowed, known, begin, chosen))
            for (owner, known), begin in zip(self._known.items(), begins, strict=False)
        ]

    def kept(self, trees: Sequence[Sequence[Any]]) -> Splits:
        picks = {
            owner: run_at(owner, candidates.in_one, [[level[owner] for level in levels] for levels in trees])
            for owner in self._known
        }
        return picks, None


class SecretColumns(SplitColumns):
    """Columns on the SPU: nobody learns where a node is split.

    Args:
        spu: where trees are grown.
        columns: the array.
        bins: of each column.
        weight: of the rows: those that weigh nothing do not count for quantiles; None: all do.
        constraints: see `monotone`; by place.
        field: the ring in which trees are grown.
    """

    def __init__(
        self,
        spu: SPU,
        columns: Columns,
        bins: int,
        weight: SPUObject | None,
        constraints: Constraints,
        field: str | None,
    ) -> None:
        require(
            columns.rows * bins < 2**31, f"{columns.rows} rows on the SPU in {bins} bins", "take fewer bins"
        )
        self._small: Any = spu if field is None else partial(spu, field=field)
        self._spu, (self._count,), self._width = spu, columns.widths, bins - 1
        self._thresholds = spu(secret_columns.cuts, static_argnames="bins")(columns.array, weight, bins=bins)
        self.sides: tuple[SPUObject, ...] = (
            self._small(secret_columns.sides)(columns.array, self._thresholds),
        )
        self.directions = None
        turned = monotone.directions_of(constraints, [str(place) for place in range(self._count)])
        if turned is not None:
            self._turned = turned
            self.directions = [secret_columns.each_candidate(turned, self._width)]

    def split(self, found: Sequence[SPUObject]) -> tuple[Any, list[SPUObject]]:
        """It stays on the SPU."""
        return found[0], [self._small(secret_columns.taken)(self.sides[0], found[0])]

    def turns(self, level: Any) -> list[SPUObject]:
        compute = self._spu(secret_columns.turns, static_argnames=("directions", "width"))
        return [compute(level, directions=self._turned, width=self._width)]

    def allowed(self, chosen: Sequence[Sequence[int]]) -> list[Any]:
        return [secret_columns.allowed(chosen, self._count, self._width)]

    def kept(self, trees: Sequence[Sequence[Any]]) -> Splits:
        return {}, self._spu(secret_columns.splits)(trees, self._thresholds)


def parts_of(
    spu: SPU, scales: Scales, splits: Splits, columns: Columns, told: Any, rows: tuple[int, int]
) -> list[SPUObject]:
    """What is told of each row and leaf: by owners, or by the SPU itself.

    Args:
        spu: where.
        scales: of `fit`.
        splits: of the trees.
        columns: the table.
        told: a function as `candidates.reachable`, at owners.
        rows: from which to which.
    """
    picks, secret = splits
    if secret is not None:
        reached = spu(secret_columns.reached, static_argnames="rows")
        return [reached(columns.array, secret, rows=rows)]
    return [
        run_at(owner, told, columns.tables[owner], known, picks[owner], *rows).to(spu)
        for owner, known in scales.by_owner.items()
    ]
