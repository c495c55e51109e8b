"""HorizontalFrame: the rows are split between parties, the columns are the same at each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from junto.device.pyu import PYU
from junto.errors import FrameError
from junto.frame import aggregate, rows
from junto.frame import column_functions as at_owner
from junto.frame.aggregate import Aggregate, ColumnRanges
from junto.frame.frame import Frame, Known, Names, Rows, require_distinct
from junto.frame.frame_steps import FrameStep
from junto.frame.native_tables import NUMBER, TRUTH
from junto.frame.numeric import require_kinds
from junto.parameters import Consent

if TYPE_CHECKING:
    from junto.device.spu.spu import SPU


class HorizontalFrame(Frame):
    """Tables of several parties with the same columns, each with rows of its own.

    See `Frame` for what all frames do. Methods that choose rows choose them at each party; nothing moves.
    Statistics over all rows are computed on an SPU and shown when they are revealed, to whom they are:
    ``frame.mean(spu).reveal(to=["alice"])``; see `junto.frame.aggregate` for what all learn before. Of each
    statistic `spu` is the device that adds up what the parties have counted or summed of their own rows.

    Whoever is shown a total can take its own rows off it. So a statistic of a column of which the others have
    some values, but less than 8, is a `FrameError`, unless the script says ``disclose_rows=True``: that all
    may work out these values. What two statistics show together, such as those of a frame and of one that a
    `filter` has made of it, nobody checks: their difference is about the rows in which they differ.

    Args:
        partitions: each party's table, a handle under the PYU where it lives.
    """

    __slots__ = ("_checked", "_ranges")

    _checked: frozenset[str]
    _ranges: ColumnRanges | None

    def _require_fit(self, known: Known) -> None:
        (first, expected), *others = known.items()
        for party, told in others:
            if told.names != expected.names:
                differ = sorted(set(told.names) ^ set(expected.names))
                what = f"{', '.join(map(repr, differ))} is at one of them only" if differ else "another order"
                raise FrameError(
                    f"the tables of {first.party} and {party.party} have different columns: {what}",
                    fix="select the same columns at each, in the same order",
                )
            for ours, theirs in zip(expected.columns, told.columns, strict=True):
                if ours.kind != theirs.kind:
                    both = f"{ours.dtype} at {first.party} and {theirs.dtype} at {party.party}"
                    raise FrameError(
                        f"column {ours.name!r} is {both}",
                        fix="cast it in the task that loads the table",
                    )

    @property
    def columns(self) -> list[str]:
        """Names of the columns; known to all."""
        return list(next(iter(self.facts.values())).names)

    @property
    def rows(self) -> int:
        """How many rows all tables have; how many each has is known to all, too."""
        return sum(told.rows for told in self.facts.values())

    @property
    def dtypes(self) -> dict[str, str]:
        """The type of each column at the first party; known to all."""
        return {column.name: column.dtype for column in next(iter(self.facts.values())).columns}

    def owned(self, names: Sequence[str]) -> dict[PYU, list[str]]:
        for name in names:
            if name not in self.columns:
                raise FrameError(f"there is no column {name!r}", fix=f"there are {', '.join(self.columns)}")
        require_distinct(names)
        return {party: list(names) for party in self.partitions}

    def assign(self, **columns: Any) -> Self:
        """New columns, or others in the place of columns; see `VerticalFrame.assign`."""
        return self._each(FrameStep(at_owner.assign, about=tuple(columns)), columns)

    # ---------------------------------------------------------------- rows

    def head(self, n: Rows = 5) -> Self:
        """The first `n` rows, of the first party as far as it has so many.

        Raises:
            FrameError: `n` is no whole number from 0 on.
        """
        partitions, left = {}, n
        for party, told in self.facts.items():
            taken = min(left, told.rows)
            partitions[party] = party(FrameStep(rows.head, taken))(self.partitions[party])
            left -= taken
        return self._made(partitions)

    def filter(self, columns: Names, condition: Callable[[Any], Any]) -> Self:
        """The rows for which a condition is true; see `VerticalFrame.filter`. No row is shown to anybody.

        Args:
            columns: what the condition is given: one column, or a table of several.
            condition: runs at each party, and says true or false of each row.

        Raises:
            FrameError: there is no such column.
        """
        names = [columns] if isinstance(columns, str) else list(columns)
        self.owned(names)
        return self._each(FrameStep(_filtered, names), condition)

    def dropna(self, columns: Names | None = None) -> Self:
        """The rows in which nothing is missing, or nothing of these columns."""
        names = self.columns if columns is None else [columns] if isinstance(columns, str) else list(columns)
        self.owned(names)
        return self._each(FrameStep(_complete, names))

    # ---------------------------------------------------------------- over all rows

    def sum(self, spu: SPU, *, disclose_rows: Consent = False) -> Aggregate:
        """Sums over all rows of columns of numbers and truth values, on `spu`; what is missing counts 0.

        Args:
            spu, disclose_rows: see the class.

        Raises:
            FrameError: see the class.
        """
        return aggregate.total(spu, self.partitions, self._agreed(spu, disclose_rows), mean=False)

    def mean(self, spu: SPU, *, disclose_rows: Consent = False) -> Aggregate:
        """Means over all rows, on `spu`; NaN of a column without values.

        Args:
            spu, disclose_rows: see the class.

        Raises:
            FrameError: see the class.
        """
        return aggregate.total(spu, self.partitions, self._agreed(spu, disclose_rows), mean=True)

    def std(self, spu: SPU, *, disclose_rows: Consent = False) -> Aggregate:
        """Sample deviations over all rows, on `spu`; NaN of a column with less than two values.

        Args:
            spu, disclose_rows: see the class.

        Raises:
            FrameError: see the class.
        """
        return aggregate.deviation(spu, self.partitions, self._agreed(spu, disclose_rows))

    def min(self, spu: SPU, *, disclose_rows: Consent = False) -> Aggregate:
        """Least values over all rows, on `spu`.

        Args:
            spu, disclose_rows: see the class.

        Raises:
            FrameError: see the class.
        """
        return aggregate.extreme(spu, self.partitions, self._agreed(spu, disclose_rows), greatest=False)

    def max(self, spu: SPU, *, disclose_rows: Consent = False) -> Aggregate:
        """Greatest values over all rows, on `spu`.

        Args:
            spu, disclose_rows: see the class.

        Raises:
            FrameError: see the class.
        """
        return aggregate.extreme(spu, self.partitions, self._agreed(spu, disclose_rows), greatest=True)

    def count(self, spu: SPU, *, disclose_rows: Consent = False) -> Aggregate:
        """How many values there are in each column, over all rows; added up on `spu`.

        Args:
            spu, disclose_rows: see the class.

        Raises:
            FrameError: see the class.
        """
        self._require_others(spu, self.columns, disclose_rows)
        return aggregate.counts(spu, self.partitions, self.columns)

    def value_counts(
        self, column: str, values: Sequence[Any], spu: SPU, *, disclose_rows: Consent = False
    ) -> Aggregate:
        """How often each of `values` is in a column, over all rows.

        Args:
            column: its name.
            values: all parties know them; others are not counted, so that nobody learns that they are there.
            spu, disclose_rows: see the class.

        Raises:
            FrameError: no such column; or see the class.
        """
        self.owned([column])
        self._require_others(spu, [column], disclose_rows)
        return aggregate.value_counts(spu, self.partitions, column, values)

    def _require_others(self, spu: SPU, names: Sequence[str], disclose_rows: Consent) -> None:
        checked: frozenset[str] = getattr(self, "_checked", frozenset())
        if disclose_rows is not True and not checked.issuperset(names):
            aggregate.require_others(spu, self.partitions, names)
            self._checked = checked.union(names)

    def _agreed(self, spu: SPU, disclose_rows: Consent) -> ColumnRanges:
        columns = next(iter(self.facts.values())).columns
        names = [each.name for each in columns if each.kind in (NUMBER, TRUTH)]
        self._require_others(spu, names, disclose_rows)
        known = getattr(self, "_ranges", None)
        if known is None:
            require_kinds(self.facts, self.owned(names), "a statistic")
            known = aggregate.ranges(spu, self.partitions, names, [self._whole(name) for name in names])
            self._ranges = known
        return known

    def _whole(self, name: str) -> bool:
        found = [told.select([name]).columns[0] for told in self.facts.values()]
        return all(each.dtype.lower().startswith(("int", "uint", "bool")) for each in found)


def _filtered(native: Any, condition: Callable[[Any], Any], names: Sequence[str]) -> Any:
    return rows.kept(native, rows.where(native, condition, names))


def _complete(native: Any, names: Sequence[str]) -> Any:
    return rows.kept(native, rows.complete(native, names))
