"""The rows of a table that does not fit into memory, in another order.

The table comes by blocks. Each row that is wanted goes to the temporary file of the range in which it will
stand; then one range at a time is put in order. In memory at once: one block, one range, and two whole
numbers a row of the result.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from junto.join.join_tables import Positions, take_arrow
from junto.join.spool import Scratch

RANGE_ROWS, MOST_RANGES = 1 << 16, 256
_PLACE = "place in the result"


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
        schema = _distribute(blocks, positions, size, paths)
        for number, (wanted, path) in enumerate(zip(ranges, paths, strict=True)):
            yield _in_order(_read(path, schema), number * size, len(wanted))
    finally:
        scratch.close()


def _distribute(blocks: Iterable[Any], positions: Positions, size: int, paths: Sequence[Path]) -> Any:
    """Append each wanted row, with its place, to its range's file; the table's schema."""
    import pyarrow as pa

    order = np.argsort(positions, kind="stable")
    rows = positions[order]
    first, schema = 0, None
    with ExitStack() as stack:
        writers: dict[int, Any] = {}
        for block in blocks:
            schema = block.schema
            low, high = np.searchsorted(rows, [first, first + block.num_rows])
            places = order[low:high]
            ranges = places // size
            for number in np.unique(ranges):
                mine = ranges == number
                taken = take_arrow(block, rows[low:high][mine] - first)
                taken = taken.append_column(_PLACE, pa.array(places[mine]))
                if number not in writers:
                    writers[number] = stack.enter_context(pa.ipc.new_stream(paths[number], taken.schema))
                writers[number].write_table(taken)
            first += block.num_rows
    return schema


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
