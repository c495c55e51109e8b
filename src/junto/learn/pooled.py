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
from junto.device.revealed_facts import fact, real
from junto.errors import LearnError
from junto.federated.secure_sum import LEAST_PARTIES, SecureAggregator
from junto.frame.frame_steps import FrameStep
from junto.frame.horizontal import HorizontalFrame
from junto.learn import dataset, examine
from junto.learn.examine import Floats
from junto.learn.families import Family
from junto.learn.faults import TableFault

LARGEST: Final = 2.0**100
"""Of a number that is added up; resolution is below 2**-145 then."""

WORDS: Final = 4
"""Of a number on its way: columns may have any units."""

MOST_ROWS: Final = 2.0**40
"""Counts are whole numbers, which one word holds."""


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

    @property
    def first(self) -> PYU:
        """One of the parties, the same for all."""
        return next(iter(self.found))

    def at(self, party: PYU | str) -> PYUObject:
        """The model at a party.

        Raises:
            LearnError: it had no part in it.
        """
        owner = party if isinstance(party, PYU) else PYU(party)
        if owner not in self.found:
            raise LearnError(
                f"{owner.party} had no part in this model", fix="name a party whose rows were in fit"
            )
        return self.found[owner]

    def each(
        self, function: Callable[[Any, Any], Any], X: Any, to: Any, look: Callable[[Any, Any], Any]
    ) -> Any:
        """`function` of the model and of each party's own rows.

        Args:
            function: of what `found` is and of [rows, columns].
            X: a frame of the columns of `fit`.
            to: who sees the results of all rows; None: each party those of its own.
            look: see `complete`.

        Returns:
            Without `to` a dict from each party to a handle at it; else one handle at `to`, of all rows, party
            by party in the order of X.

        Raises:
            LearnError: X is no frame of these columns.
        """
        tables = frame_of(X, "X").partitions
        for party, table in tables.items():
            dataset.believed(f"X {party.party}", reveal(party(look)(table, self.columns)))
        step = FrameStep(matrix_of, self.columns)
        made = {party: party(function)(self.at(party), party(step)(table)) for party, table in tables.items()}
        if to is None:
            return made
        receiver = to if isinstance(to, PYU) else PYU(to)
        return receiver(_one_below_the_other)([each.to(receiver) for each in made.values()])


@dataclass(frozen=True, slots=True, repr=False)
class RowPart:
    """A party's rows in numbers, at that party.

    Attributes:
        x: [rows, columns], in the order of the frame; NaN where one is missing.
        y: [rows], of classes 0, 1, ...; without a label 0.
        weight: [rows].
    """

    x: Floats
    y: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class RowsTask:
    """Rows of several parties that a model is trained on.

    Attributes:
        parts: by party a handle of its `RowPart`.
        counts: how many rows each has.
        columns: names, the same at each.
        mass: the sum of all rows' weights.
        weighted: whether they have weights; else each weighs 1.
        adder: of sums.
    """

    parts: Mapping[PYU, PYUObject]
    counts: Mapping[PYU, int]
    columns: tuple[str, ...]
    mass: float
    weighted: bool
    adder: SecureAggregator

    @property
    def rows(self) -> int:
        """Of all parties."""
        return sum(self.counts.values())

    @property
    def first(self) -> PYU:
        """Where what all know is computed, so that it is the same to the last bit."""
        return self.adder.parties[0]

    def total(
        self, function: Callable[..., Any], *given: Mapping[PYU, PYUObject], whole: bool = False
    ) -> PYUObject:
        """The sum over all parties of a tree that each computes of its `RowPart`, at the first.

        Args:
            function: of the part, and of each of `given` at that party.
            given: handles by party.
            whole: the numbers are counts of rows.

        Raises:
            LearnError: a party failed.
        """
        made = {
            party: party(function)(part, *(each[party] for each in given))
            for party, part in self.parts.items()
        }
        bound, words = (MOST_ROWS, 1) if whole else (LARGEST, WORDS)
        found = self.adder.sum(made, bound=bound, words=words)[self.first]
        if self.adder.dropped:
            raise LearnError(
                f"{', '.join(self.adder.dropped)} failed in training: its rows would be missing",
                fix="see why it failed, at that party, and train again",
            )
        return found

    def everywhere(self, value: PYUObject) -> Mapping[PYU, PYUObject]:
        """A value of the first party's at all parties."""
        return {party: value.to(party) for party in self.parts}


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


def task_of(
    X: Any,
    y: Any,
    family: Family | None,
    look: Callable[[Any, Any], Any],
    weight: Any = None,
    columns: tuple[str, ...] | None = None,
) -> RowsTask:
    """Look at the parties' tables, labels and weights.

    Args:
        X: the rows.
        y: a frame of one column, of the same rows; None: there is no label.
        family: of the label.
        look: at a table at its owner; see `examine.Facts`.
        weight: likewise, numbers from 0 on; None: all rows weigh 1.
        columns: those of `fit`, which X must have; None: this is one.

    Raises:
        LearnError: they cannot be used; the same at every party, before anything is added up.
    """
    given = {"X": frame_of(X, "X").partitions}
    looks: dict[str, tuple[Callable[..., Any], Any]] = {"X": (look, columns)}
    if y is not None:
        given["y"], looks["y"] = frame_of(y, "y").partitions, (_label_examined, family)
    if weight is not None:
        given["sample_weight"] = frame_of(weight, "sample_weight").partitions
        looks["sample_weight"] = (_weight_examined, None)
    tables = given["X"]
    for what, parts in given.items():
        if set(parts) != set(tables):
            raise LearnError(
                f"{what} is not at the parties of X", fix="a column of the same frame: frame['y']"
            )
    if len(tables) < LEAST_PARTIES:
        raise LearnError(
            f"of {len(tables)} parties each would work out the other's sums from the totals",
            fix="put the rows together on the SPU, and fit those: "
            "spu(lambda a, b: jnp.concatenate([a, b]))(hers, his)",
        )
    adder = SecureAggregator(list(tables))
    counts = {party: _rows_of(party, {what: given[what][party] for what in given}, looks) for party in tables}
    names = tuple(frame_of(X, "X").columns) if columns is None else columns
    step, parts = FrameStep(_part, names, family), {}
    for party in tables:
        parts[party] = party(step)(*(given[what][party] if what in given else None for what in ORDER))
    task = RowsTask(parts, counts, names, float(sum(counts.values())), weight is not None, adder)
    if weight is None:
        return task
    mass = fact(task.total(_weight_sum), real)
    if not mass > 0:
        raise LearnError("all sample_weight is 0", fix="weights are numbers from 0 on, some above")
    return RowsTask(parts, counts, names, mass, True, adder)


ORDER: Final = ("X", "y", "sample_weight")
"""Of the arguments of `_part`."""


def _rows_of(party: PYU, given: Mapping[str, PYUObject], looks: Mapping[str, tuple[Any, Any]]) -> int:
    """How many rows a party has, once it has said what it has of each of X, y and weights."""
    seen = reveal({what: party(looks[what][0])(each, looks[what][1]) for what, each in given.items()})
    told = {what: dataset.believed(f"{what} {party.party}", facts)[1] for what, facts in seen.items()}
    for what, rows in told.items():
        if rows != told["X"]:
            raise LearnError(
                f"{party.party} has {told['X']} rows in X and {rows} in {what}",
                fix="give X, y and sample_weight of the same rows",
            )
    return told["X"]


def refuse(model: Any) -> NoReturn:
    """Say what a model of rows has not.

    Raises:
        LearnError: always.
    """
    raise LearnError(
        f"{type(model).__name__} was trained on rows of several parties: all know it, no part is on the SPU",
        fix="see docs/how-to/federated.md for what there is",
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


def _weight_examined(weight: Any, _: None) -> examine.Facts:
    """Facts of one party's weights, which may all be 0."""
    try:
        numbers = examine.vector_of(weight)
        if (numbers < 0).any():
            raise TableFault("negative", "sample_weight")
        if (numbers > LARGEST_WEIGHT).any():
            raise TableFault("large", "sample_weight")
    except TableFault as fault:
        return examine.facts(0, 1, fault)
    return examine.facts(len(numbers), 1)


LARGEST_WEIGHT: Final = 2.0**40
"""Of a row: sums of what is weighed stay in range."""


def _part(table: Any, label: Any, weight: Any, names: tuple[str, ...], family: Any) -> RowPart:
    x = matrix_of(table, names)
    y = np.zeros(len(x)) if label is None else examine.numbers_of(label, family)
    return RowPart(x, y, np.ones(len(x)) if weight is None else examine.vector_of(weight))


def _weight_sum(part: RowPart) -> float:
    return float(part.weight.sum())


def matrix_of(table: Any, names: tuple[str, ...]) -> Floats:
    """The columns of a table [rows, columns] in the order of `fit`."""
    found, values = examine.matrix(table, gaps=True)
    return values[:, examine.places(found, names)]


def attribute(found: Any, name: str) -> Any:
    """One of a model's numbers."""
    return getattr(found, name)


def _one_below_the_other(parts: list[Any]) -> Any:
    return np.concatenate(parts)
