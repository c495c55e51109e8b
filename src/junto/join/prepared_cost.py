"""What a prepared table would cost, and what to ask one: found with small ones of made-up keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from junto.accounting.units import bytes_text
from junto.device.pyu import put
from junto.device.rehearsal import Rehearsal
from junto.errors import JoinError, ProtocolViolation
from junto.join import hashed_dh
from junto.join.fuse_table import FuseShape
from junto.join.join_cost import SAMPLES, Trend, parts_of, sample_of, table_of, tell
from junto.join.joining import Joined
from junto.join.keys import DIGEST_BYTES
from junto.join.point_function import key_bytes, levels_of
from junto.join.point_reading import SLOTS
from junto.join.prepared_file import PreparedFile, file_bytes, record_bytes
from junto.join.prepared_table import PreparedTable
from junto.join.preparing import PreparedLimits, PreparedWriter
from junto.join.protocol import batch_sizes
from junto.join.request import Request
from junto.join.row_words import Form, words_of
from junto.program.callsite import call_site

_FEW: Final = 512
"""Keys whose time is measured."""

Run = Callable[[Request, PreparedTable], Any]


def explained_preparation(
    rehearsal: Rehearsal, request: Request, prepared: PreparedTable, names: Sequence[str]
) -> PreparedTable:
    """What `prepare` would return, once it is told what that takes."""
    (owner,) = request.parties
    table = table_of(owner, request.tables[owner])
    row = record_bytes(words_of(table, names)[0] if names else {})
    began = time.process_time()
    hashed_dh.values(hashed_dh.new_scalar(), _made_up_keys(_FEW))
    seconds = (time.process_time() - began) / _FEW * len(table)
    rehearsal.notes[
        f"the table of {owner.party} takes about {seconds:.3g} s of one processor to prepare, at the rate of "
        f"this machine just now, and {bytes_text(file_bytes(len(table), row))}; nothing is sent"
    ] = None
    return PreparedTable(owner, prepared.paths, len(table), row)


def explained_join(rehearsal: Rehearsal, request: Request, prepared: PreparedTable, run: Run) -> Joined:
    """What a join would return, once it is told what that takes."""
    told(rehearsal, request, prepared, run, "join")
    (asks,) = request.goal.receivers
    rows = len(table_of(asks, request.tables[asks]))
    return Joined(parts_of(request, rows), rows, {})


def told(
    rehearsal: Rehearsal,
    request: Request,
    prepared: PreparedTable,
    run: Run,
    what: str,
    forms: Mapping[str, Form] | None = None,
) -> None:
    """Say what it takes to ask a prepared table, and to fetch it once.

    Args:
        rehearsal: is told.
        request: what is asked.
        prepared: the table.
        run: asks.
        what: its name in the account.
        forms: of columns that are looked up.

    Raises:
        JoinError: how many keys the table has, is not known.
    """
    (asks,), owner, keeper = request.goal.receivers, prepared.owner, request.helper
    keys, row = _known_of(prepared)
    count, size = len(table_of(asks, request.tables[asks])), file_bytes(keys, row)
    fetches = keeper or asks
    samples = [min(each, max(count, 1)) for each in SAMPLES]
    with TemporaryDirectory() as folder:
        paths = {owner.party: f"{folder}/table", fetches.party: f"{folder}/copy"}
        said = _as_wide_as(forms, row) if forms else {}
        _write_small(paths[owner.party], [kind or "integer" for kind in request.kinds], said)
        small = PreparedTable(owner, paths)

        def trial(rows: int) -> Any:
            tables = {asks: put(asks, sample_of(rows, request, asks, ())), owner: paths[owner.party]}
            order = {party: tables[party] for party in request.parties}
            return rehearsal.measured(
                partial(run, replace(request, tables=order, outputs={}, keys={}), small)
            )

        trial(1)  # which fetches the file
        less, more = [trial(each) for each in samples]
    batches = [len(batch_sizes(each)) for each in (*samples, count)]
    trend = Trend(less, more, [*samples, count], batches)
    points, seconds = _of_points(keys, row, count) if keeper else (0, 0.0)
    sent = {party: trend.sent(party) for party in dict.fromkeys([asks.party, owner.party, fetches.party])}
    sent[asks.party] += points
    once = f"{fetches.party} fetches {bytes_text(size)} once, if it has a path where it keeps them"
    tell(rehearsal, what, sent, trend.rounds, seconds + trend.seconds / 2, once)
    rehearsal.passes(call_site(), "prepared table, once", owner.party, size)


def _write_small(path: str, kinds: Sequence[str], forms: Mapping[str, Form]) -> None:
    writer = PreparedWriter(path, PreparedLimits(), None)
    writer.begin({"on": list(kinds), "kinds": list(kinds), "forms": dict(forms)}, 1)
    words = 1 + sum(count for _, count in forms.values())
    writer.add({"keys": _made_up_keys(1), "words": np.zeros((1, 8 * words), np.uint8)})
    writer.finish()


def _made_up_keys(count: int) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, DIGEST_BYTES)).astype(np.uint8)


def _as_wide_as(forms: Mapping[str, Form], row: int) -> dict[str, Form]:
    """Columns, and one more that makes rows as long as those of the prepared table."""
    more = (row - record_bytes(forms)) // 8
    return {**forms, "others": ["string", more]} if more > 0 else dict(forms)


def _of_points(keys: int, row: int, count: int) -> tuple[int, float]:
    """Bytes that keys of point functions have more than those for a small table, and a server's seconds."""
    small, large = (key_bytes(levels_of(FuseShape(each, b"").slots)) for each in (1, keys))
    words = np.zeros(1 << 20, np.uint64)
    began = time.process_time()
    np.bitwise_xor.reduce(words & words)
    rate = (time.process_time() - began) / len(words)
    return 2 * SLOTS * count * (large - small), rate * FuseShape(keys, b"").slots * -(-row // 8) * count


def _known_of(prepared: PreparedTable) -> tuple[int, int]:
    """How many keys the table has and bytes of a row, as far as is known here."""
    if prepared.keys is not None:
        return prepared.keys, prepared.row
    for path in prepared.paths.values():
        if path is not None and Path(path).exists():
            try:
                header = PreparedFile(path, prepared.owner.party).header
                return header.keys, header.record
            except (OSError, ProtocolViolation):
                continue
    raise JoinError(
        "how many keys the prepared table has, is not known here",
        fix="say it: PreparedTable(bob, path, keys=10_000_000)",
    )
