"""What a join would cost: two small ones of made-up keys are run, and their difference is multiplied.

Bytes are linear in the keys, and rounds in the batches. Every way of joining is measured by its own code.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from junto.device.pyu import PYU, PYUObject, put
from junto.device.rehearsal import Rehearsal, TrialRun
from junto.errors import JoinError
from junto.extras import need
from junto.join.protocol import batch_sizes
from junto.join.request import Request

SAMPLES: Final = (1024, 2048)
"""Keys of the largest table: one batch and two."""

FIRST_DAY: Final = datetime.datetime(2000, 1, 1)

ROUNDS: Final = "rounds of a join are how often all wait for each other; batches overlap, which takes less"
FOUND: Final = "a join counts as if its result had all keys of the smallest table, or of those that are kept"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a join costs.

    Attributes:
        sent: bytes that each party sends.
        rounds: how often all wait for each other.
        seconds: of one processor at each party, at the rate of this machine.
        rows: of the result, at most (but for ``duplicates="all"``).
    """

    sent: Mapping[str, int]
    rounds: int
    seconds: float
    rows: int


def estimated(rehearsal: Rehearsal, request: Request, run: Callable[[Request], Any]) -> Estimate:
    """What a join of made-up tables would cost; `run` joins.

    Raises:
        JoinError: how long a table is, is not known.
    """
    rows = {party: len(_table(party, table)) for party, table in request.tables.items()}
    most = max(*rows.values(), 1)
    samples = [min(size, most) for size in SAMPLES]
    small, large = [_measured(rehearsal, request, run, rows, size / most) for size in samples]
    further = (most - samples[1]) / max(samples[1] - samples[0], 1)
    batches = [_batches(rows, size / most) for size in samples]
    every = _batches(rows, 1)
    more = (every - batches[1]) / max(batches[1] - batches[0], 1)
    parties = [party.party for party in [*rows, *([request.helper] if request.helper else [])]]
    slower = large.seconds - small.seconds
    if slower <= 0:  # the machine was busy meanwhile
        slower = large.seconds * (1 - samples[0] / samples[1])
    seconds = large.seconds + further * slower
    return Estimate(
        {each: round(_on(small.sent.get(each, 0), large.sent.get(each, 0), further)) for each in parties},
        round(_on(small.waits, large.waits, more)),
        seconds / len(parties),
        _most(rows, request),
    )


def _most(rows: Mapping[PYU, int], request: Request) -> int:
    """Rows that the result may have."""
    every = {"inner": min(rows.values()), "outer": sum(rows.values())}
    return every.get(request.goal.how, rows[request.goal.base])


def parts_of(request: Request, rows: int) -> dict[PYU, PYUObject]:
    """Something made up in place of each part."""
    made = {}
    for party in request.goal.receivers:
        table = _table(party, request.tables[party])
        made[party] = put(party, table.iloc[np.arange(rows) % max(len(table), 1)].reset_index(drop=True))
    return made


def _batches(rows: Mapping[PYU, int], part: float) -> int:
    return sum(len(batch_sizes(round(count * part))) for count in rows.values())


def _on(small: float, large: float, further: float) -> float:
    return large + further * (large - small)


def _measured(
    rehearsal: Rehearsal,
    request: Request,
    run: Callable[[Request], Any],
    rows: Mapping[PYU, int],
    part: float,
) -> TrialRun:
    tables = {
        party: put(party, _sample(round(count * part), request.on[party], request.kinds))
        for party, count in rows.items()
    }
    return rehearsal.measured(lambda: run(replace(request, tables=tables, outputs={}, keys={})))


def _sample(rows: int, names: tuple[str, ...], kinds: tuple[str, ...]) -> Any:
    import pandas as pd

    return pd.DataFrame({name: _keys(rows, kind) for name, kind in zip(names, kinds, strict=True)})


def _keys(rows: int, kind: str) -> Any:
    if kind == "date":
        return [(FIRST_DAY + datetime.timedelta(days=day)).date() for day in range(rows)]
    if kind == "timestamp":
        return [FIRST_DAY + datetime.timedelta(days=day) for day in range(rows)]
    return np.arange(rows)


def _table(party: PYU, table: Any) -> Any:
    need("pandas", "explaining a join")
    if not isinstance(table, PYUObject) or table.ref is None:
        raise JoinError(
            f"how long the table of {party.party} is, is not known here",
            fix=f"describe it: {{{party.party}: (rows, columns)}}",
        )
    return table.ref.value()
