"""Frames made of files, of which each party reads its own, and of tables that are joined by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from junto.device.boundary import public
from junto.device.pyu import PYU, PYUObject
from junto.errors import FrameError
from junto.frame import column_functions as at_owner
from junto.frame.frame_steps import FrameStep
from junto.frame.horizontal import HorizontalFrame
from junto.frame.native_tables import opened
from junto.frame.vertical import VerticalFrame
from junto.join.on import Names, checked_on
from junto.join.outputs import CSV, PARQUET
from junto.tree import listed

PANDAS, POLARS, ARROW = "pandas", "polars", "arrow"
LIBRARIES: Final = (PANDAS, POLARS, ARROW)

Paths = Mapping[PYU, Any]
Keys = Names | Mapping[PYU, Names]
Chosen = Mapping[PYU, Sequence[str]]


@public
def align(
    tables: Mapping[PYU, PYUObject],
    on: Keys,
    *,
    how: str = "inner",
    keep_keys: bool = False,
    helper: PYU | str | bool = True,
) -> VerticalFrame:
    """Tables that the parties have, as one frame: their rows joined by key.

    Args:
        tables: for each party, a handle of its table of pandas, polars or Arrow.
        on: as for `read_csv`.
        how: of the join.
        keep_keys: as for `read_csv`.
        helper: of the join, as for `junto.join.join`.

    Raises:
        FrameError: a column at two parties; raised at every party.
        JoinError: the tables cannot be joined.
    """
    frame = VerticalFrame(_joined(tables, on, how, keep_keys, helper))
    _ = frame.facts
    return frame


@public
def read_csv(
    paths: Paths,
    on: Keys | None = None,
    *,
    how: str = "inner",
    columns: Chosen | None = None,
    library: Annotated[str, LIBRARIES] = PANDAS,
    keep_keys: bool = False,
    helper: PYU | str | bool = True,
) -> VerticalFrame:
    """Each party's CSV file as its columns of one frame.

    Args:
        paths: for each party, where its file is; only the party itself looks at it.
        on: key columns by which the rows are joined (`junto.join.join`, which says what each party learns and
            how keys of a CSV file are read: as text, unless ``on={"id": int}`` says otherwise); None: row i
            means the same in all files already, which must have the same number of rows.
        how: of the join.
        columns: the columns that a party takes from its file, by party; default: all.
        library: ``pandas``, ``polars`` or ``arrow``: of which the tables are. One reader reads for all of
            them: ``NA``, ``null`` and such are null, dates stay text save for Arrow, and so do whole numbers
            that neither 64 bits nor a float hold.
        keep_keys: whether the key columns stay in the frame; their names must then differ between parties.
        helper: of the join: a party without a table; True: the helper of an SPU of all owners, if the script
            has made one; False: nobody.

    All parties learn names and types of the columns and the number of rows (`Frame.facts`).

    Raises:
        FrameError: different numbers of rows, or a column at two parties; raised at every party.
        RemoteError: a file cannot be read; it names the party and the kind of error.
        JoinError: the tables cannot be joined, or a file that is to be joined cannot be read.
    """
    return _vertical(CSV, paths, (on, how, keep_keys, helper), columns, library)


@public
def read_parquet(
    paths: Paths,
    on: Keys | None = None,
    *,
    how: str = "inner",
    columns: Chosen | None = None,
    library: Annotated[str, LIBRARIES] = PANDAS,
    keep_keys: bool = False,
    helper: PYU | str | bool = True,
) -> VerticalFrame:
    """Each party's Parquet file as its columns of one frame.

    Args:
        paths: by party, as for `read_csv`; types are those that the file says.
        on: as for `read_csv`.
        how: of the join.
        columns: as for `read_csv`.
        library: as for `read_csv`.
        keep_keys: as for `read_csv`.
        helper: as for `read_csv`.

    Raises:
        FrameError, RemoteError, JoinError: see `read_csv`.
    """
    return _vertical(PARQUET, paths, (on, how, keep_keys, helper), columns, library)


@public
def h_read_csv(
    paths: Paths, *, columns: Sequence[str] | None = None, library: Annotated[str, LIBRARIES] = PANDAS
) -> HorizontalFrame:
    """Each party's CSV file as its rows of one frame.

    Args:
        paths: by party, as for `read_csv`.
        columns: the ones that are taken from each file; default: all.
        library: as for `read_csv`.

    Raises:
        FrameError: different columns.
        RemoteError: a file cannot be read.
    """
    return _horizontal(CSV, paths, columns, library)


@public
def h_read_parquet(
    paths: Paths, *, columns: Sequence[str] | None = None, library: Annotated[str, LIBRARIES] = PANDAS
) -> HorizontalFrame:
    """Each party's Parquet file as its rows of one frame.

    Args:
        paths: by party, as for `read_csv`; types are those that the file says.
        columns: the ones that are taken from each file; default: all.
        library: as for `read_csv`.

    Raises:
        FrameError, RemoteError: see `h_read_csv`.
    """
    return _horizontal(PARQUET, paths, columns, library)


def _vertical(
    kind: str,
    paths: Paths,
    joining: tuple[Keys | None, str, bool, PYU | str | bool],
    columns: Chosen | None,
    library: str,
) -> VerticalFrame:
    on, how, keep_keys, helper = joining
    if on is None:
        frame = VerticalFrame(_tables(_whole, kind, paths, columns or {}, library))
        _ = frame.facts  # now, where the files are named, not at the first use
        return frame
    chosen = dict(columns or {})
    if keep_keys:
        keys, _kinds = checked_on(on, list(paths))
        chosen = {party: list(dict.fromkeys([*keys[party], *chosen[party]])) for party in chosen}
    tables = _tables(_file, kind, paths, chosen, library)
    return align(tables, on, how=how, keep_keys=keep_keys, helper=helper)


def _horizontal(kind: str, paths: Paths, columns: Sequence[str] | None, library: str) -> HorizontalFrame:
    chosen = dict.fromkeys(paths, columns) if columns is not None else {}
    frame = HorizontalFrame(_tables(_whole, kind, paths, chosen, library))
    _ = frame.facts
    return frame


def _tables(
    reader: Callable[..., Any], kind: str, paths: Paths, columns: Mapping[PYU, Any], library: str
) -> dict[PYU, PYUObject]:
    if not paths:
        raise FrameError("paths names no party", fix='read_csv({alice: "a.csv", bob: "b.csv"})')
    chosen = {party: None if names is None else listed(names) for party, names in columns.items()}
    return {party: party(reader)(path, chosen.get(party), library, kind) for party, path in paths.items()}


def _joined(
    tables: Mapping[PYU, PYUObject], on: Keys, how: str, keep_keys: bool, helper: PYU | str | bool
) -> Mapping[PYU, PYUObject]:
    from junto.join import join

    parts: Mapping[PYU, PYUObject] = join(tables, on=on, how=how, helper=helper).parts
    if keep_keys:
        return parts
    keys, _kinds = checked_on(on, list(tables))
    return {party: party(FrameStep(_without, keys[party]))(part) for party, part in parts.items()}


def _without(native: Any, keys: Sequence[str]) -> Any:
    return at_owner.select(native, [name for name in opened(native).names if name not in keys])


def _file(path: Any, columns: Sequence[str] | None, library: str, kind: str) -> Any:
    """A file as a join takes it: its keys are read as the parties agree, the rest as `library` does."""
    from junto.join.table_files import File

    return File(path, None if columns is None else tuple(columns), library, kind)


def _whole(path: Any, columns: Sequence[str] | None, library: str, kind: str) -> Any:
    from junto.join.table_files import FileTable

    if kind != PARQUET or library == ARROW:
        return FileTable(_file(path, columns, library, kind), None).whole()
    chosen = None if columns is None else list(columns)
    if library == PANDAS:
        import pandas as pd

        return pd.read_parquet(path, columns=chosen)
    import polars as pl

    return pl.read_parquet(path, columns=chosen)
