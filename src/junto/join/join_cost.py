"""What a join would cost: two small ones of made-up keys are run, and their difference is multiplied.

Bytes are linear in the keys, and rounds in the batches. Every way of joining is measured by its own code.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from junto.device.current import current
from junto.device.pyu import PYU, PYUObject, put
from junto.device.rehearsal import Rehearsal, TrialRun
from junto.errors import JoinError
from junto.extras import need
from junto.join.protocol import batch_sizes
from junto.join.request import Request
from junto.join.travel import AHEAD
from junto.program.callsite import call_site

SAMPLES: Final = (1024, 2048)
"""Keys of the largest table: one batch and two."""
LARGER_SAMPLES: Final = (1 << 15, 1 << 16)
"""The same for ``vole``, whose beginning takes as long as many keys do."""

FIRST_DAY: Final = datetime.datetime(2000, 1, 1)

ROUNDS: Final = (
    f"rounds of a join are how often all wait for each other; of batches {AHEAD} overlap and are one"
)
FOUND: Final = "a join counts as if its result had all keys of the smallest table, or of those that are kept"


@dataclass(frozen=True, slots=True)
class Trend:
    """What two small trials took, carried on to the size that is asked for.

    Attributes:
        small, large: what they took.
        keys: how many there were in each, and how many there will be.
        batches: the same.
    """

    small: TrialRun
    large: TrialRun
    keys: Sequence[int]
    batches: Sequence[int]

    def sent(self, party: str) -> int:
        """Bytes that a party sends."""
        return round(_carried_on(self.small.sent.get(party, 0), self.large.sent.get(party, 0), self.keys))

    @property
    def rounds(self) -> int:
        """How often all would wait, if overlapping steps grow on as they do from one trial to the other.

        `AHEAD` of them are on their way at once, and so take one round.
        """
        pairs = zip(self.small.overlapping, self.large.overlapping, strict=True)
        steps = [_carried_on(fewer, more, self.batches) for fewer, more in pairs]
        return self.large.waits + sum(max(1, math.ceil(each / AHEAD)) for each in steps)

    @property
    def seconds(self) -> float:
        """Of all parties together, at the rate of this machine."""
        small, large = self.small.seconds, self.large.seconds
        if small >= large:  # the machine was busy meanwhile
            small = large * self.keys[0] / self.keys[1]
        return _carried_on(small, large, self.keys)


def _carried_on(small: float, large: float, sizes: Sequence[int]) -> float:
    """On the line through what was found at the first two sizes, the number at the third."""
    first, second, wanted = sizes
    return large + (wanted - second) / max(second - first, 1) * (large - small)


def explaining() -> Rehearsal | None:
    """What hears of the cost of a call that is only explained; None in what is run for that."""
    rehearsal = current().rehearsal
    return None if rehearsal is None or rehearsal.measuring else rehearsal


def explained(
    rehearsal: Rehearsal,
    request: Request,
    run: Callable[[Request], Any],
    what: str,
    travelling: Mapping[PYU, Sequence[str]] | None = None,
    pad: int = 0,
) -> int:
    """Count what a join would cost, by two of made-up tables; the rows that its result has at most.

    With ``duplicates="all"`` it may have more.

    Args:
        rehearsal: hears what it would cost, and nothing of what is run here.
        request: what is asked for.
        run: does it.
        what: its name in the account.
        travelling: columns of a table, beside the keys, whose values count.
        pad: rows that each table has besides, and that count as its own.

    Raises:
        JoinError: how long a table is, is not known.
    """
    rows = {party: len(table_of(party, table)) + pad for party, table in request.tables.items()}
    most, also = max(*rows.values(), 1), travelling or {}
    slow_start = request.helper is None and request.method == "vole"
    samples = [min(size, most) for size in (LARGER_SAMPLES if slow_start else SAMPLES)]

    def trial(size: int) -> TrialRun:
        made = {
            party: put(party, sample_of(round(count * size / most), request, party, also.get(party, ())))
            for party, count in rows.items()
        }
        return rehearsal.measured(partial(run, replace(request, tables=made, outputs={}, keys={})))

    batches = [_batches(rows, size / most) for size in (*samples, most)]
    small, large = map(trial, samples)
    trend = Trend(small, large, [*samples, most], batches)
    parties = [party.party for party in [*rows, *([request.helper] if request.helper else [])]]
    sent = {party: trend.sent(party) for party in parties}
    tell(rehearsal, what, sent, trend.rounds, trend.seconds / len(parties))
    return _most(rows, request)


def tell(
    rehearsal: Rehearsal, what: str, sent: Mapping[str, int], rounds: int, seconds: float, *notes: str
) -> None:
    """Enter into the account what a join would cost.

    Args:
        rehearsal: keeps it.
        what: its name there.
        sent: bytes that each party sends.
        rounds: how often all wait for each other.
        seconds: of one processor at each party.
        notes: what else is to be said.
    """
    site = call_site()
    for number, (party, nbytes) in enumerate(sent.items()):
        rehearsal.passes(site, what, party, nbytes, 0 if number else rounds)
    each = f"about {seconds:.3g} s of one processor at each party, at the rate of this machine just now"
    rehearsal.notes.update(dict.fromkeys([f"the {what} at {site}: {each}", *notes, ROUNDS]))


def _most(rows: Mapping[PYU, int], request: Request) -> int:
    """Rows that the result may have."""
    every = {"inner": min(rows.values()), "outer": sum(rows.values())}
    return every.get(request.goal.how, rows[request.goal.base])


def parts_of(request: Request, rows: int) -> dict[PYU, PYUObject]:
    """Something made up in place of each part."""
    made = {}
    for party in request.goal.receivers:
        table = table_of(party, request.tables[party])
        made[party] = put(party, table.iloc[np.arange(rows) % max(len(table), 1)].reset_index(drop=True))
    return made


def _batches(rows: Mapping[PYU, int], part: float) -> int:
    return sum(len(batch_sizes(round(count * part))) for count in rows.values())


def sample_of(rows: int, request: Request, party: PYU, travelling: Sequence[str]) -> Any:
    """A table of made-up keys, and of other columns what stands in the table of `party`, over and over."""
    import pandas as pd

    table = table_of(party, request.tables[party])
    keys = {name: _keys(rows, kind) for name, kind in zip(request.on[party], request.kinds, strict=True)}
    return pd.DataFrame(keys | {name: over_and_over(table, name, rows) for name in travelling})


def beside_keys(request: Request, party: PYU) -> list[str]:
    """The columns of a party's table but for its keys; those come first where they have no name yet."""
    columns = list(table_of(party, request.tables[party]).columns)
    on = request.on[party]
    return [name for name in columns if name not in on][0 if set(on) & set(columns) else len(on) :]


def over_and_over(table: Any, name: str, rows: int) -> Any:
    """`rows` values of the column of that name; numbers, where the table was only described."""
    if name not in getattr(table, "columns", ()) or not len(table):
        return np.ones(rows)
    return table[name].iloc[np.arange(rows) % len(table)].to_numpy()


def _keys(rows: int, kind: str) -> Any:
    if kind == "date":
        return [(FIRST_DAY + datetime.timedelta(days=day)).date() for day in range(rows)]
    if kind == "timestamp":
        return [FIRST_DAY + datetime.timedelta(days=day) for day in range(rows)]
    return np.arange(rows)


def table_of(party: PYU, table: Any) -> Any:
    """What was made up for the table of a party."""
    need("pandas", "explaining a join")
    if not isinstance(table, PYUObject) or table.ref is None:
        raise JoinError(
            f"how long the table of {party.party} is, is not known here",
            fix=f"describe it: {{{party.party}: (rows, columns)}}",
        )
    return table.ref.value()
