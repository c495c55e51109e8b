"""Models of rows that several parties have: what they need of the tables, and what they have learned.

Each party computes sums over its own rows, which are added up by a `SecureAggregator`: see there who sees
what. All parties see the totals, and so the model, which is in the clear at each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn

import numpy as np

from junto.device.disclosure import reveal
from junto.device.pyu import PYU, PYUObject
from junto.errors import LearnError
from junto.federated.secure_sum import LEAST_PARTIES, SecureAggregator
from junto.frame.horizontal import HorizontalFrame
from junto.learn import dataset, examine
from junto.learn.examine import Floats
from junto.learn.families import Family
from junto.learn.faults import TableFault

LARGEST: Final = 2.0**100
"""Of a number that is added up; resolution is below 2**-145 then."""

WORDS: Final = 4
"""Of a number on its way: columns may have any units."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A model that all parties know.

    Attributes:
        found: at each party, the same.
        columns: their names.
        rows: of all parties.
        count: steps or trees that were taken.
    """

    found: Mapping[PYU, PYUObject]
    columns: tuple[str, ...]
    rows: int
    count: int

    def at(self, party: PYU | str) -> PYUObject:
        """The model at a party.

        Raises:
            LearnError: it had no part in it.
        """
        owner = party if isinstance(party, PYU) else PYU(party)
        if owner not in self.found:
            raise LearnError(f"{owner.party} had no part in this model")
        return self.found[owner]

    def each(
        self, function: Callable[[Any, Any], Any], X: Any, to: Any, look: Callable[[Any, Any], Any]
    ) -> dict[PYU, PYUObject]:
        """`function` of the model and of each party's own rows, at that party.

        Args:
            function: of what `found` is and a table.
            X: a frame of the columns of `fit`.
            to: None.
            look: see `complete`.

        Raises:
            LearnError: X is no frame of these columns; somebody else is to see it.
        """
        if to is not None:
            raise LearnError("each party predicts its own rows, which nobody else sees", fix="leave out to=")
        tables = frame_of(X, "X").partitions
        for party, table in tables.items():
            dataset.believed(f"X {party.party}", reveal(party(look)(table, self.columns)))
        return {party: party(function)(self.at(party), table) for party, table in tables.items()}


@dataclass(frozen=True, slots=True)
class RowsTask:
    """Rows of several parties that a model is trained on.

    Attributes:
        tables, labels: by party.
        columns: names, the same at each.
        rows: of all.
        adder: of sums.
    """

    tables: Mapping[PYU, PYUObject]
    labels: Mapping[PYU, PYUObject]
    columns: tuple[str, ...]
    rows: int
    adder: SecureAggregator

    @property
    def first(self) -> PYU:
        """Where what all know is computed, so that it is the same to the last bit."""
        return self.adder.parties[0]

    def total(self, function: Callable[..., Any], *given: Mapping[PYU, PYUObject]) -> PYUObject:
        """The sum over all parties of a tree that each computes of its table and label, at the first."""
        parts = {
            party: party(function)(table, self.labels[party], *(each[party] for each in given))
            for party, table in self.tables.items()
        }
        whole = self.adder.sum(parts, bound=LARGEST, words=WORDS)[self.first]
        if self.adder.dropped:
            raise LearnError(f"{', '.join(self.adder.dropped)} failed in training: its rows would be missing")
        return whole

    def everywhere(self, value: PYUObject) -> Mapping[PYU, PYUObject]:
        """A value of the first party's at all parties."""
        return {party: value.to(party) for party in self.tables}


def frame_of(given: Any, what: str) -> HorizontalFrame:
    """A frame of rows.

    Raises:
        LearnError: it is something else.
    """
    if not isinstance(given, HorizontalFrame):
        raise LearnError(
            f"{what} is {type(given).__name__}, and the rows of the model are those of several parties",
            fix="pass a HorizontalFrame, with the label as one: fit(frame.drop('y'), frame['y'])",
        )
    return given


def task_of(X: HorizontalFrame, y: Any, family: Family, look: Callable[[Any, Any], Any]) -> RowsTask:
    """Look at the parties' tables and labels.

    Args:
        X: the rows.
        y: a frame of one column, of the same rows.
        family: of the label.
        look: at a table at its owner; see `examine.Facts`.

    Raises:
        LearnError: they cannot be used; the same at every party, before anything is added up.
    """
    tables, labels = X.partitions, frame_of(y, "y").partitions
    if set(tables) != set(labels):
        raise LearnError("y is not at the parties of X", fix="a column of the same frame: frame['y']")
    if len(tables) < LEAST_PARTIES:
        raise LearnError(
            f"of {len(tables)} parties each would work out the other's sums from the totals",
            fix="put the rows together on the SPU, and fit those: "
            "spu(lambda a, b: jnp.concatenate([a, b]))(hers, his)",
        )
    adder = SecureAggregator(list(tables))
    rows = 0
    for party, table in tables.items():
        seen = reveal((party(look)(table, None), party(_label_examined)(labels[party], family)))
        (_, mine, *_), (_, theirs, *_) = (
            dataset.believed(f"{what} {party.party}", facts) for what, facts in zip("Xy", seen, strict=True)
        )
        if mine != theirs:
            raise LearnError(f"{party.party} has {mine} rows in X and {theirs} in y")
        rows += mine
    return RowsTask(tables, labels, tuple(X.columns), rows, adder)


def refuse(model: Any) -> NoReturn:
    """Say what a model of rows has not.

    Raises:
        LearnError: always.
    """
    raise LearnError(
        f"{type(model).__name__} was trained on rows of several parties: all know it, no part is on the SPU",
        fix="coef_of(party), intercept_of(party), export, predict, predict_proba, decision_function",
    )


# -------------------------------------------------------------------- at the parties


class Wanted(NamedTuple):
    """Columns that a table must have."""

    names: tuple[str, ...]
    named: bool = True


def complete(table: Any, names: tuple[str, ...] | None) -> examine.Facts:
    """Facts of a table in which nothing is missing; it has these columns, if they are given."""
    known: Any = None if names is None else Wanted(names)
    return examine.examine(table, True, known)


def with_gaps(table: Any, names: tuple[str, ...] | None) -> examine.Facts:
    """Facts of a table in which numbers may be missing, likewise."""
    return examine.examine_with_gaps(table, None if names is None else Wanted(names))


def _label_examined(label: Any, family: Family) -> examine.Facts:
    """Facts of one party's part of a label, which may be constant."""
    try:
        y = examine.numbers_of(label, family)
        if family.domain in ("nonnegative", "positive") and (y < 0).any():
            raise TableFault("negative", "y")
        if family.domain == "positive" and (y == 0).any():
            raise TableFault("zero", "y")
        if not len(y):
            raise TableFault("empty")
    except TableFault as fault:
        return examine.facts(0, 1, fault)
    return examine.facts(len(y), 1)


def matrix_of(table: Any, names: tuple[str, ...]) -> Floats:
    """The columns of a table [rows, columns] in the order of `fit`."""
    found, values = examine.matrix(table, gaps=True)
    return values[:, examine.places(found, names)]


def rows_and_sums(table: Any, label: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Of each column the sum, and that of absolute values."""
    x = matrix_of(table, names)
    return {"sum": x.sum(axis=0), "size": np.abs(x).sum(axis=0)}
