"""What vertical and horizontal frames have in common: handles, what is known of them, columns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, NoReturn, Self

from junto.config.plaintext import require_private
from junto.device.boundary import Scripted, trimmed
from junto.device.current import current
from junto.device.disclosure import reveal
from junto.device.handle import OPERATORS
from junto.device.pyu import PYU, PYUObject, put
from junto.errors import FrameError
from junto.frame import column_functions as at_owner
from junto.frame import facts as telling
from junto.frame import summary
from junto.frame.facts import Facts
from junto.frame.frame_steps import FrameStep
from junto.frame.pandas_names import instead
from junto.markup import card
from junto.tree import listed

Known = Mapping[PYU, Facts]
Names = str | Sequence[str]
Rows = Annotated[int, "[0, inf)"]
Part = Annotated[float, "[0, 1]"]
Seed = Annotated[int, "[0, 4294967295]"]
"""Of numpy's generators."""


class Frame(metaclass=Scripted):
    """Tables of several parties that are treated as one. It never changes; every method makes another.

    Names and types of columns and numbers of rows are known to all parties: when a method needs them they are
    revealed, once (`facts`). What else leaves its owner, the method that does it says.

    Functions that a script passes see pandas, whatever library a table is of; their results become columns of
    the table's own library. They run at the owner.

    Args:
        partitions: each party's table of pandas, polars or Arrow, a handle under the PYU where it lives.

    Raises:
        FrameError: no partitions, or something that is no handle at its party.
        ConfigError: a party is not on loopback, and there is no TLS.
    """

    __slots__ = ("_known", "_partitions")

    def __init__(self, partitions: Mapping[PYU, PYUObject]) -> None:
        if not isinstance(partitions, Mapping) or not partitions:
            raise FrameError(
                f"{type(self).__name__} takes a mapping from PYU to table, not {type(partitions).__name__}",
                fix="VerticalFrame({alice: alice(load)(path), bob: bob(load)(path)})",
            )
        for party, table in partitions.items():
            if not isinstance(party, PYU) or not isinstance(table, PYUObject) or table.device != party:
                raise FrameError(
                    f"there is {table!r} under {party!r}",
                    fix="each table is a handle under the PYU where it lives: {alice: alice(load)(path)}",
                )
        require_private(current().settings, f"a {type(self).__name__}")
        self._partitions = MappingProxyType(dict(partitions))
        self._known: Known | None = None

    def __getattr__(self, name: str) -> Any:
        from junto.secretflow import explained

        column = "" if name.startswith("_") else f"; a column is frame[{name!r}]"
        more = explained(f"VDataFrame.{name}") or instead(name) or column
        raise AttributeError(f"a {type(self).__name__} has no attribute {name!r}{more}", name=name, obj=self)

    def made_up(self) -> Self:
        """For `junto.explain`: a frame of the same columns and rows, with something made up in them.

        Raises:
            FrameError: nothing is known of the tables yet.
        """
        if self._known is None:
            raise FrameError(f"nothing is known of {self!r} yet", fix="ask for frame.shape before explain")
        partitions = {party: put(party, telling.made_up(each)) for party, each in self._known.items()}
        return self._made(partitions, self._known)

    # ---------------------------------------------------------------- what is known

    @property
    def partitions(self) -> Mapping[PYU, PYUObject]:
        """Each party's table."""
        return self._partitions

    @property
    def facts(self) -> Known:
        """What all parties know of each table. The first time it is asked for, the owners tell it.

        Raises:
            FrameError: the tables do not fit together; raised at every party.
            RemoteError: a table could not be made (its file is missing, a function failed).
        """
        if self._known is None:
            told = reveal(
                {party.party: party(telling.facts)(table) for party, table in self._partitions.items()}
            )
            known = {party: telling.believed(party.party, told[party.party]) for party in self._partitions}
            self._require_fit(known)
            self._known = MappingProxyType(known)
        return self._known

    @abstractmethod
    def _require_fit(self, known: Known) -> None:
        """Raise FrameError unless the tables fit together."""

    @property
    @abstractmethod
    def columns(self) -> list[str]:
        """Names of all columns; known to all parties."""

    @property
    @abstractmethod
    def rows(self) -> int:
        """How many rows there are; known to all parties."""

    @property
    @abstractmethod
    def dtypes(self) -> dict[str, str]:
        """The type of each column, as its table's library writes it; known to all parties."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, len(self.columns)

    def __len__(self) -> int:
        return self.rows

    @trimmed
    def _elsewhere(self, *_: object, **__: object) -> NoReturn:
        raise FrameError(
            f"{self!r} cannot be computed with, compared or changed here: its columns are at their owners",
            fix='frame.assign(alice, ratio=lambda table: table["debt"] / table["income"]); for rows '
            'frame.filter("age", lambda age: age > 30, disclose_rows=True)',
        )

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise FrameError("a frame has no truth value", fix="ask for frame.rows, or for its columns")

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    # ---------------------------------------------------------------- columns

    @abstractmethod
    def owned(self, names: Sequence[str]) -> dict[PYU, list[str]]:
        """Each party that has some of these columns, with those it has.

        Args:
            names: of columns.

        Raises:
            FrameError: nobody has one of them.
        """

    def __getitem__(self, names: Names) -> Self:
        """The columns of that name or those names; a party that has none of them is left out."""
        chosen = self.owned([names] if isinstance(names, str) else listed(names))
        partitions = {
            party: party(FrameStep(at_owner.select, mine))(self._partitions[party])
            for party, mine in chosen.items()
        }
        return self._made(
            partitions, {party: self.facts[party].select(mine) for party, mine in chosen.items()}
        )

    def drop(self, columns: Names) -> Self:
        """All but these columns.

        Args:
            columns: a name or several.

        Raises:
            FrameError: there is no such column, or none would be left.
        """
        gone = [columns] if isinstance(columns, str) else list(columns)
        self.owned(gone)
        return self[[name for name in self.columns if name not in gone]]

    def rename(self, columns: Mapping[str, str]) -> Self:
        """The same with other names.

        Args:
            columns: new names by old ones; the others stay.

        Raises:
            FrameError: there is no such column, or two would have the same name.
        """
        after = [columns.get(name, name) for name in self.columns]
        doubled = sorted({name for name in after if after.count(name) > 1})
        if doubled:
            raise FrameError(f"two columns would be called {doubled[0]!r}", fix="rename one of them")
        owned = {
            party: {name: columns[name] for name in mine} for party, mine in self.owned(list(columns)).items()
        }
        partitions = dict(self._partitions)
        known = dict(self.facts)
        for party, names in owned.items():
            partitions[party] = party(FrameStep(at_owner.rename, names))(partitions[party])
            known[party] = known[party].rename(names)
        return self._made(partitions, known)

    def map(self, functions: Mapping[str, Callable[[Any], Any]]) -> Self:
        """Columns with a function applied to each of their values, as `pandas.Series.map` does.

        Args:
            functions: by column; they run at the owner.

        Raises:
            FrameError: there is no such column.
            RemoteError: when the column is used: a function failed at the owner.
        """
        return self._changed(at_owner.each, functions)

    def fillna(self, value: Any) -> Self:
        """What is missing, filled.

        Args:
            value: one for all columns, or by column. A function makes it of the column, at the owner:
                ``fillna({"age": lambda age: age.median()})``.

        Raises:
            FrameError: there is no such column.
        """
        values = value if isinstance(value, Mapping) else dict.fromkeys(self.columns, value)
        return self._changed(at_owner.fillna, values)

    def astype(self, dtype: Any) -> Self:
        """Columns of other types.

        Args:
            dtype: as pandas names it; one for all columns, or by column.

        Raises:
            FrameError: there is no such column, or no such type.
            RemoteError: when the column is used: a value has no form in that type.
        """
        dtypes = dtype if isinstance(dtype, Mapping) else dict.fromkeys(self.columns, dtype)
        for each in dtypes.values():
            at_owner.require_dtype(each)
        return self._changed(at_owner.astype, dtypes)

    def replace(self, values: Mapping[str, Mapping[Any, Any]]) -> Self:
        """Columns with some values replaced.

        Args:
            values: new values by old ones, by column: ``{"sex": {"m": 0, "f": 1}}``.

        Raises:
            FrameError: there is no such column.
        """
        return self._changed(at_owner.replace, values)

    def isna(self) -> Self:
        """True where a value is missing."""
        return self._each(FrameStep(at_owner.isna))

    def _changed(self, function: Callable[..., Any], by_name: Mapping[str, Any]) -> Self:
        """Columns changed at their owners; the arguments by column stay out of the step's name."""
        partitions = dict(self._partitions)
        for party, names in self.owned(list(by_name)).items():
            values = {name: by_name[name] for name in names}
            partitions[party] = party(FrameStep(function, about=(names,)))(partitions[party], values)
        return self._made(partitions)

    # ---------------------------------------------------------------- rows

    @abstractmethod
    def head(self, n: Rows = 5) -> Self:
        """The first `n` rows."""

    # ---------------------------------------------------------------- at the owner

    def describe(self) -> dict[PYU, PYUObject]:
        """`pandas.DataFrame.describe` of each party's table: handles there, shown to nobody."""
        return self._summaries(summary.describe)

    def quantile(self, q: Part | Sequence[Part] = 0.5) -> dict[PYU, PYUObject]:
        """Quantiles of each party's columns of numbers: handles there, shown to nobody.

        Args:
            q: one or several, from 0 to 1, as `pandas.DataFrame.quantile` takes them.
        """
        return self._summaries(summary.quantile, q if isinstance(q, int | float) else list(q))

    def _summaries(self, function: Callable[..., Any], *given: Any) -> dict[PYU, PYUObject]:
        return {party: party(function)(table, *given) for party, table in self._partitions.items()}

    # ---------------------------------------------------------------- making others

    def _each(self, step: FrameStep, *given: Any) -> Self:
        return self._made({party: party(step)(table, *given) for party, table in self._partitions.items()})

    def _made(self, partitions: Mapping[PYU, PYUObject], known: Known | None = None) -> Self:
        made = type(self)(partitions)
        made._known = None if known is None else MappingProxyType(dict(known))
        return made

    def __repr__(self) -> str:  # it asks nobody: a debugger may call it at one party only
        if self._known is None:
            return f"<{type(self).__name__} of {', '.join(party.party for party in self._partitions)}>"
        each = [f"{party.party} ({_listed(known.names)})" for party, known in self._known.items()]
        return f"<{type(self).__name__}: {', '.join(each)}; {self.rows} rows>"

    def _repr_html_(self) -> str:
        if self._known is None:
            return card(type(self).__name__, {party.party: "" for party in self._partitions})
        names = {party.party: _listed(known.names) for party, known in self._known.items()}
        return card(f"{type(self).__name__}: {self.rows} rows", names)


def require_distinct(names: Sequence[str]) -> None:
    """Raise FrameError unless there is a column, and none twice."""
    if not names:
        raise FrameError("no columns are left", fix="keep one column at least")
    if len(set(names)) < len(names):
        raise FrameError(
            f"column {max(names, key=list(names).count)!r} is named twice", fix="name each column once"
        )


for _name in (*OPERATORS.split(), "eq", "ne", "setitem", "delitem", "array", "array_ufunc", "reversed"):
    if f"__{_name}__" not in vars(Frame):  # outside of it, so that a type checker, too, refuses `x + y`
        setattr(Frame, f"__{_name}__", Frame._elsewhere)


def _listed(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, ... {len(names)} columns"
