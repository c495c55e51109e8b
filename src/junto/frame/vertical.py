"""VerticalFrame: the columns are split between parties, row i means the same at each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from junto.device.disclosure import reveal
from junto.device.pyu import PYU, PYUObject
from junto.errors import FrameError
from junto.frame import column_functions as at_owner
from junto.frame import numeric, rows, summary
from junto.frame.facts import Facts
from junto.frame.frame import Frame, Known, Names, Part, Rows, Seed, require_distinct
from junto.frame.frame_steps import FrameStep
from junto.parameters import Consent

if TYPE_CHECKING:
    from junto.device.spu.spu import SPU


class VerticalFrame(Frame):
    """Tables of several parties with the same rows, in the same order, and different columns.

    See `Frame` for what all frames do, and `junto.frame.read_csv` for one made of files.

    Columns stand in the order of the parties. All parties keep the same rows: a method that chooses rows
    chooses them by public numbers (`head`, `sample`, `train_test_split`), or shows the others which
    (`filter`, `dropna`), and then only if it is told so.
    """

    __slots__ = ()

    def _require_fit(self, known: Known) -> None:
        counts = {party.party: told.rows for party, told in known.items()}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{count} at {party}" for party, count in counts.items())
            raise FrameError(
                f"the tables have different numbers of rows: {listed}",
                fix='join them, so that row i means the same at every party: read_csv({...}, on="id")',
            )
        owners: dict[str, str] = {}
        for party, told in known.items():
            for name in told.names:
                if name in owners:
                    raise FrameError(
                        f"column {name!r} is at {owners[name]} and at {party.party}",
                        fix="rename one of them, or drop it, in the task that loads the table",
                    )
                owners[name] = party.party

    @property
    def columns(self) -> list[str]:
        """Names of all columns, party by party; known to all."""
        return [name for told in self.facts.values() for name in told.names]

    @property
    def owners(self) -> dict[str, PYU]:
        """Who has each column; known to all."""
        return {name: party for party, told in self.facts.items() for name in told.names}

    @property
    def rows(self) -> int:
        """How many rows each table has; known to all."""
        return next(iter(self.facts.values())).rows

    @property
    def dtypes(self) -> dict[str, str]:
        """The type of each column, as its table's library writes it; known to all."""
        return {column.name: column.dtype for told in self.facts.values() for column in told.columns}

    def owned(self, names: Sequence[str]) -> dict[PYU, list[str]]:
        owners = self.owners
        for name in names:
            if name not in owners:
                raise FrameError(f"no party has a column {name!r}", fix=f"there are {', '.join(owners)}")
        require_distinct(names)
        mine = {party: [name for name in names if owners[name] == party] for party in self.partitions}
        return {party: found for party, found in mine.items() if found}

    def _party(self, party: PYU) -> PYUObject:
        if party not in self.partitions:
            raise FrameError(
                f"{party!r} has no columns in {self!r}",
                fix="name one of the frame's parties: frame.partitions",
            )
        return self.partitions[party]

    # ---------------------------------------------------------------- columns

    def assign(self, party: PYU, **columns: Any) -> Self:
        """New columns at one party, or others in the place of its own.

        Args:
            party: whose table gets them.
            **columns: by name, one value, or a function of the party's table (as pandas) that returns a
                column: ``frame.assign(alice, ratio=lambda t: t["debt"] / t["income"])``.

        Raises:
            FrameError: another party has a column of that name.
        """
        table = self._party(party)
        for name in columns:
            if self.owners.get(name, party) != party:
                raise FrameError(
                    f"column {name!r} is at {self.owners[name].party}, not at {party.party}",
                    fix="name it under the party that has it",
                )
        partitions = dict(self.partitions)
        partitions[party] = party(FrameStep(at_owner.assign, about=tuple(columns)))(table, columns)
        return self._made(partitions)

    # ---------------------------------------------------------------- at the owner

    def count(self) -> dict[PYU, PYUObject]:
        """How many values of each column are there, at each owner."""
        return self._summaries(summary.count)

    def sum(self) -> dict[PYU, PYUObject]:
        """Sums of each party's columns of numbers and truth values, at the owner."""
        return self._summaries(summary.total)

    def mean(self) -> dict[PYU, PYUObject]:
        """Means of each party's columns of numbers and truth values, at the owner."""
        return self._summaries(summary.mean)

    def std(self) -> dict[PYU, PYUObject]:
        """Sample deviations of each party's columns of numbers and truth values, at the owner."""
        return self._summaries(summary.std)

    def min(self) -> dict[PYU, PYUObject]:
        """Least values of each party's columns of numbers and truth values, at the owner."""
        return self._summaries(summary.least)

    def max(self) -> dict[PYU, PYUObject]:
        """Greatest values of each party's columns of numbers and truth values, at the owner."""
        return self._summaries(summary.greatest)

    def value_counts(self, column: str) -> PYUObject:
        """How often each value of a column is there: a handle at its owner, shown to nobody."""
        ((party, names),) = self.owned([column]).items()
        counted: PYUObject = party(FrameStep(summary.value_counts, *names))(self.partitions[party])
        return counted

    # ---------------------------------------------------------------- rows

    def head(self, n: Rows = 5) -> Self:
        """The first `n` rows."""
        count = min(n, self.rows)
        partitions = self._each(FrameStep(rows.head, count)).partitions
        return self._made(partitions, _with_rows(self.facts, count))

    def sample(
        self, n: Rows | None = None, frac: Part | None = None, random_state: Seed | None = None
    ) -> Self:
        """`n` rows, or a fraction of them, chosen alike at all parties, without repetition.

        Args:
            n: how many (default 1).
            frac: which part, instead.
            random_state: of the choice; None: the first party draws one and tells the others.

        Raises:
            FrameError: both n and frac are given, or there are not so many rows.
        """
        if frac is not None and n is not None:
            raise FrameError("sample takes n or frac, not both", fix="leave one of them out")
        count = round(self.rows * frac) if frac is not None else 1 if n is None else n
        if count > self.rows:
            raise FrameError(
                f"there are {self.rows} rows, not {count} to choose from",
                fix="take a smaller n, or replace rows yourself at each owner",
            )
        return self._span(0, count, random_state, True)

    def _span(self, first: int, last: int, random_state: int | None, shuffle: bool) -> Self:
        """Rows `first` to `last` of a public order."""
        (made,) = self._spans([(first, last)], random_state, shuffle)
        return made

    def _spans(self, spans: Sequence[tuple[int, int]], random_state: int | None, shuffle: bool) -> list[Self]:
        """Several parts of one public order."""
        drawn = None
        if random_state is None and shuffle:
            drawer = next(iter(self.partitions))
            drawn = drawer(rows.drawn_seed)()
        made = []
        for first, last in spans:
            partitions = {}
            for party, table in self.partitions.items():
                if drawn is None:
                    step = FrameStep(rows.part, random_state, first, last, shuffle)
                    partitions[party] = party(step)(table)
                else:
                    step = FrameStep(rows.part, first, last, shuffle)
                    partitions[party] = party(step)(table, drawn.to(party))
            made.append(self._made(partitions, _with_rows(self.facts, last - first)))
        return made

    def _stratified(
        self, column: str, train: int, test: int, random_state: int | None, disclose_rows: Consent
    ) -> tuple[Self, Self]:
        """See `train_test_split`."""
        ((owner, names),) = self.owned([column]).items()
        if random_state is not None:
            what = f"much of {owner.party}'s {column!r}, from which rows go where and random_state"
            self._require_consent(disclose_rows, what, owner)
        step = FrameStep(rows.stratified, *names, train, test, random_state)
        chosen: PYUObject = owner(step)(self.partitions[owner])
        parts = []
        for name, count in (("train", train), ("test", test)):
            partitions = {
                party: party(FrameStep(rows.taken, name))(table, chosen.to(party))
                for party, table in self.partitions.items()
            }
            parts.append(self._made(partitions, _with_rows(self.facts, count)))
        return parts[0], parts[1]

    def filter(
        self, columns: Names, condition: Callable[[Any], Any], *, disclose_rows: Consent = False
    ) -> Self:
        """The rows for which a condition on one party's columns is true; missing counts as not true.

        Args:
            columns: of one party.
            condition: a function of the column, or of a table of the columns, that returns truth values:
                ``frame.filter("age", lambda age: age >= 18, disclose_rows=True)``.
            disclose_rows: the other parties keep the same rows, so each of them learns for each row whether
                the condition is true. Say True if they may.

        Raises:
            FrameError: the others would learn it and `disclose_rows` is not True; or the columns are not
                one party's.
        """
        owned = self.owned([columns] if isinstance(columns, str) else list(columns))
        if len(owned) > 1:
            raise FrameError(
                f"the columns are those of {', '.join(party.party for party in owned)}",
                fix="filter by one party's columns, then by the other's",
            )
        ((owner, names),) = owned.items()
        self._require_consent(disclose_rows, f"for each row whether {owner.party}'s condition is true", owner)
        mask = owner(FrameStep(rows.where, names))(self.partitions[owner], condition)
        return self._keep([mask])

    def dropna(
        self, columns: Names | None = None, *, disclose_rows: Consent = False, spu: SPU | None = None
    ) -> Self:
        """The rows in which nothing is missing.

        Args:
            columns: the ones that count; default: all.
            disclose_rows: every party learns for each row whether another party has all of it. Say True if
                they may.
            spu: where the parties' answers are combined first, so that all learn which rows are complete, and
                no more. Default: each party's answer is shown to all.

        Raises:
            FrameError: others would learn it and `disclose_rows` is not True.
        """
        names = self.columns if columns is None else [columns] if isinstance(columns, str) else list(columns)
        owned = self.owned(names)
        only = next(iter(owned)) if len(owned) == 1 else None
        self._require_consent(disclose_rows, "for each row whether a value is missing in it", only)
        masks = [
            party(FrameStep(rows.complete, mine))(self.partitions[party]) for party, mine in owned.items()
        ]
        if spu is not None and len(masks) > 1:
            masks = [spu(rows.all_true)(*masks)]
        return self._keep(masks)

    def _require_consent(self, disclose_rows: Consent, what: str, owner: PYU | None) -> None:
        others = [party.party for party in self.partitions if party != owner]
        if others and disclose_rows is not True:
            raise FrameError(
                f"{', '.join(others)} would learn {what}",
                fix="if they may: disclose_rows=True; or give the rows that do not count a weight of 0",
            )

    def _keep(self, masks: Sequence[Any]) -> Self:
        step = FrameStep(rows.kept)
        return self._made(
            {
                party: party(step)(table, *(mask.to(party) for mask in masks))
                for party, table in self.partitions.items()
            }
        )

    # ---------------------------------------------------------------- for learning

    def to_numpy_parts(self, dtype: Any = float) -> dict[PYU, PYUObject]:
        """Each party's columns as an array of numbers, [rows, its columns], at the party.

        Args:
            dtype: of numpy, a type of floats or whole numbers.

        All parties learn which column is the first of its party that has something missing or infinite.

        Raises:
            FrameError: a column is not of numbers or truth values, or has missing or infinite values; the
                message, at every party, names party and column.
        """
        named = str(numeric.checked_dtype(dtype))
        self.require_numbers(self.columns, "to_numpy_parts")
        self.require_complete()
        step = FrameStep(numeric.array, named)
        return {party: party(step)(table) for party, table in self.partitions.items()}

    def require_numbers(self, names: Sequence[str], who: str) -> None:
        """Raise FrameError unless these columns are of numbers or truth values; `who` needs them."""
        numeric.require_kinds(self.facts, self.owned(names), who)

    def require_complete(self) -> None:
        """Raise FrameError if a column of numbers has missing or infinite values.

        All parties learn which column is the first of its party that has.
        """
        told = {party.party: party(numeric.first_fault)(table) for party, table in self.partitions.items()}
        faults = reveal(told)
        for party in self.partitions:
            numeric.require_none(party.party, faults[party.party], self.facts[party].names)


def _with_rows(known: Known, count: int) -> dict[PYU, Facts]:
    return {party: Facts(told.columns, count) for party, told in known.items()}
