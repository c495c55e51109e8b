"""Frames for tests: tables of any library at any party, and what a frame holds as one pandas table."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa

import junto as sf
from junto.frame import VerticalFrame
from junto.frame.native_tables import opened

LIBRARIES = ("pandas", "polars", "arrow")


def made_by(library: str, table: pd.DataFrame) -> Any:
    """A pandas table as one of `library`."""
    if library == "pandas":
        return table
    plain = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata()
    return pl.from_arrow(plain) if library == "polars" else plain


def at(party: str, value: Any) -> Any:
    """A handle of a value at a party."""
    return sf.PYU(party)(lambda: value)()


def split(table: pd.DataFrame, cut: int, libraries: tuple[str, str] = ("pandas", "pandas")) -> VerticalFrame:
    """The first `cut` columns at alice, the rest at bob."""
    halves = table.iloc[:, :cut], table.iloc[:, cut:]
    parties = ("alice", "bob")
    return VerticalFrame(
        {
            sf.PYU(party): at(party, made_by(library, half))
            for party, library, half in zip(parties, libraries, halves, strict=True)
        }
    )


def shown(frame: Any) -> dict[str, Any]:
    """Each party's own table, by its name."""
    return sf.reveal({party.party: table for party, table in frame.partitions.items()})


def whole(frame: Any) -> pd.DataFrame:
    """The columns of all parties side by side, whatever they are made by."""
    parts = [opened(table).pandas().reset_index(drop=True) for table in shown(frame).values()]
    return pd.concat(parts, axis=1)


def values(table: pd.DataFrame) -> dict[str, list[Any]]:
    """A table's columns as lists, None in place of what is missing."""
    return {name: [None if pd.isna(value) else value for value in column] for name, column in table.items()}
