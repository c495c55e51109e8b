"""The rows of a table that does not fit into memory, in another order.

The table comes by blocks. Each row that is wanted goes to the temporary file of the range in which it will
stand; then one range at a time is put in order. In memory at once: one block, one range, and two whole
numbers a row of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from junto.join.join_tables import Positions, take_arrow
from junto.join.spool import Scratch

RANGE_ROWS, MOST_RANGES = 1 << 16, 256
_PLACE = "place in the result"
Wanted = Callable[[int, int], tuple[Positions, Positions]]


def gather(blocks: Iterable[Any], positions: Positions, folder: str | None) -> Generator[Any]:
    """Arrow tables that make up the result, one at least.

    Args:
        blocks: Arrow tables of one schema, one at least: the rows, numbered from 0.
        positions: which rows, in which order; -1 stands for a row of nulls.
        folder: for the temporary files.
    """
    size = max(RANGE_ROWS, -(-len(positions) // MOST_RANGES))
    scratch = Scratch(folder)
    try:
        ranges = [positions[start : start + size] for start in range(0, max(len(positions), 1), size)]
        paths = [scratch.file() for _ in ranges]
        schema = _distribute(blocks, _wanted(positions, scratch), size, paths)
        for number, (wanted, path) in enumerate(zip(ranges, paths, strict=True)):
            yield _in_order(_read(path, schema), number * size, len(wanted))
    finally:
        scratch.close()


def _distribute(blocks: Iterable[Any], wanted: Wanted, size: int, paths: Sequence[Path]) -> Any:
    """Append each wanted row, with its place, to its range's file; the table's schema."""
    import pyarrow as pa

    first, schema = 0, None
    with ExitStack() as stack:
        writers: dict[int, Any] = {}
        for block in blocks:
            schema = block.schema
            rows, places = wanted(first, block.num_rows)
            order = np.argsort((places // size).astype(np.uint8), kind="stable")
            rows, places = rows[order], places[order]
            taken = take_arrow(block, rows).append_column(_PLACE, pa.array(places))
            numbers, starts = np.unique(places // size, return_index=True)
            for number, (start, end) in zip(numbers, pairwise([*starts, len(places)]), strict=True):
                if number not in writers:
                    writers[number] = stack.enter_context(pa.ipc.new_stream(paths[number], taken.schema))
                writers[number].write_table(taken.slice(start, end - start))
            first += block.num_rows
    return schema


def _wanted(positions: Positions, scratch: Scratch) -> Wanted:
    """What finds, of some rows that follow each other, those that are wanted, and where each will stand."""
    count = int(positions.max(initial=-1)) + 1
    place = scratch.full((count,), -1)
    for start in range(0, len(positions), RANGE_ROWS):
        some = positions[start : start + RANGE_ROWS]
        held = np.flatnonzero(some >= 0)
        place[some[held]] = start + held
    once = sum(
        np.count_nonzero(place[start : start + RANGE_ROWS] >= 0) for start in range(0, count, RANGE_ROWS)
    )
    if once == np.count_nonzero(positions >= 0):

        def of_each(first: int, rows: int) -> tuple[Positions, Positions]:
            places = np.array(place[first : first + rows])
            held = np.flatnonzero(places >= 0)
            return held, places[held]

        return of_each
    order = np.argsort(positions, kind="stable")
    ordered = positions[order]

    def of_repeated(first: int, rows: int) -> tuple[Positions, Positions]:
        low, high = np.searchsorted(ordered, [first, first + rows])
        return ordered[low:high] - first, order[low:high]

    return of_repeated


def _read(path: Path, schema: Any) -> Any:
    import pyarrow as pa

    if not path.exists():
        return schema.append(pa.field(_PLACE, pa.int64())).empty_table()
    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_stream(file).read_all()


def _in_order(rows: Any, first: int, count: int) -> Any:
    """A range: its rows where they belong, nulls where nothing does."""
    source = np.full(count, -1, np.int64)
    places = rows.column(_PLACE).to_numpy() - first
    source[places] = np.arange(len(places))
    return take_arrow(rows.drop_columns([_PLACE]), source)
