"""What every party may know of a table: names and types of columns, and how many rows there are.

An owner tells it (`facts`), the others check what they are told (`believed`). Nothing else about a table
leaves its owner without being asked for by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from junto.errors import FrameError, ProtocolViolation
from junto.frame.native_tables import KINDS, opened

LONGEST_NAME = 1000
MOST_COLUMNS = 1 << 20
MOST_ROWS = 1 << 48

WORDS = 5
"""Different ones in a made-up column of text."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as all parties know it.

    Attributes:
        name: within its table.
        dtype: as the table's library writes it, ``int64``, ``Float64``, ``string``.
        kind: ``number``, ``truth``, ``text``, ``time`` or ``other``.
    """

    name: str
    dtype: str
    kind: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A table as all parties know it.

    Attributes:
        columns: in their order.
        rows: how many there are.
    """

    columns: tuple[Column, ...]
    rows: int

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in their order."""
        return tuple(column.name for column in self.columns)

    def select(self, names: Sequence[str]) -> Facts:
        """With these columns only."""
        by_name = {column.name: column for column in self.columns}
        return replace(self, columns=tuple(by_name[name] for name in names))

    def rename(self, names: Mapping[str, str]) -> Facts:
        """With other names."""
        renamed = (replace(column, name=names.get(column.name, column.name)) for column in self.columns)
        return replace(self, columns=tuple(renamed))


def facts(native: Any) -> dict[str, Any]:
    """What the owner of a table tells of it; ``problem`` is empty, or why it cannot be used."""
    try:
        table = opened(native)
    except FrameError as error:
        return {"columns": [], "rows": 0, "problem": error.message}
    names, problem = table.names, ""
    if not all(isinstance(name, str) and name for name in names):
        problem = "a column has no name, or one that is no text (to_csv(index=False) writes no such column)"
    elif len(set(names)) < len(names):
        problem = "two of its columns have the same name"
    if problem:
        return {"columns": [], "rows": 0, "problem": problem}
    columns = [list(each) for each in zip(names, table.dtypes, table.kinds(), strict=True)]
    return {"columns": columns, "rows": table.rows, "problem": ""}


def made_up(known: Facts) -> Any:
    """A table of pandas of which this is known, with something in it: for a plan, before it is run."""
    import pandas as pd

    return pd.DataFrame({each.name: _made_up(each, known.rows, i) for i, each in enumerate(known.columns)})


def _made_up(column: Column, rows: int, place: int) -> Any:
    places = np.arange(rows)
    match column.kind:
        case "text":
            return [f"text {each}" for each in places % WORDS]
        case "time":
            return np.datetime64("2000-01-01") + places.astype("timedelta64[D]")
        case "truth":
            return places % 2 == 0
    if "int" in column.dtype.lower():
        return places % 2
    return np.random.default_rng(place).uniform(0.5, 1.5, rows)


def believed(party: str, told: Any) -> Facts:
    """What `party` told, once it makes sense.

    Raises:
        FrameError: its table cannot be used.
        ProtocolViolation: it makes no sense.
    """
    if not _makes_sense(told):
        raise ProtocolViolation(f"what {party} says of its table makes no sense")
    if told["problem"]:
        raise FrameError(
            f"the table of {party} cannot be used: {told['problem']}",
            fix="a frame is made of tables of pandas, polars or Arrow, each column with a name of its own",
        )
    return Facts(tuple(Column(*each) for each in told["columns"]), told["rows"])


def _makes_sense(told: Any) -> bool:
    if not isinstance(told, dict) or set(told) != {"columns", "rows", "problem"}:
        return False
    columns, rows = told["columns"], told["rows"]
    return (
        isinstance(columns, list)
        and len(columns) <= MOST_COLUMNS
        and all(_is_column(each) for each in columns)
        and len({each[0] for each in columns}) == len(columns)
        and type(rows) is int
        and 0 <= rows <= MOST_ROWS
        and _is_text(told["problem"])
    )


def _is_column(told: Any) -> bool:
    return isinstance(told, list) and len(told) == 3 and all(map(_is_text, told)) and told[2] in KINDS


def _is_text(told: Any) -> bool:
    return isinstance(told, str) and len(told) <= LONGEST_NAME
