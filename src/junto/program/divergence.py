"""Do the parties run the same program? No I/O here: stamps in, verdicts out.

A party's stamps reach us with its values and heartbeats. A stamp of an operation that we have
issued is compared at once; one that is ahead of us is kept until we get there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from msgspec import structs

from junto.net.api import Stamp
from junto.program.operation import START, Description, follow

KEPT_OPERATIONS = 8192
KEPT_AHEAD = 1024
SHOWN_HISTORY = 256


class DivergenceCheck:
    """Our operations so far, and what the others said of theirs. Thread-safe."""

    def __init__(self, others: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._history: deque[Stamp] = deque([START], maxlen=KEPT_OPERATIONS)
        self._told: deque[tuple[Stamp, Description]] = deque(maxlen=SHOWN_HISTORY)
        self._others = frozenset(others)
        self._ahead: dict[str, dict[int, Stamp]] = {party: {} for party in self._others}

    @property
    def others(self) -> frozenset[str]:
        """The other parties of the job."""
        return self._others

    @property
    def newest(self) -> Stamp:
        """Our newest operation."""
        return self._history[-1]

    def record(self, description: Description, site: str) -> tuple[Stamp, str | None]:
        """Number a new operation; also name a party whose stamp for it differs, if there is one."""
        with self._lock:
            stamp = follow(self._history[-1], description, site)
            self._history.append(stamp)
            self._told.append((stamp, description))
            for party, ahead in self._ahead.items():
                theirs = ahead.pop(stamp.operation, None)
                if theirs is not None and theirs.digest != stamp.digest:
                    return stamp, party
        return stamp, None

    def agrees(self, party: str, stamp: Stamp) -> bool:
        """Whether `stamp` of `party` fits our program, as far as can be told now."""
        if stamp.operation == START.operation:
            return True  # it has not begun
        with self._lock:
            ours = self._at(stamp.operation)
            if ours is not None:
                return ours.digest == stamp.digest
            ahead = self._ahead.setdefault(party, {})
            if stamp.operation > self._history[-1].operation and len(ahead) < KEPT_AHEAD:
                ahead[stamp.operation] = stamp
        return True

    def history(self) -> tuple[Stamp, ...]:
        """Our latest operations, oldest first, with all that their digests cover in their texts."""
        with self._lock:
            told = tuple(self._told)
        begun = () if len(told) == SHOWN_HISTORY else (START,)
        return begun + tuple(structs.replace(stamp, text=about.full_text) for stamp, about in told)

    def _at(self, operation: int) -> Stamp | None:
        offset = operation - self._history[0].operation
        if 0 <= offset < len(self._history):
            return self._history[offset]
        return None


def first_difference(mine: Iterable[Stamp], theirs: Iterable[Stamp]) -> tuple[Stamp | None, Stamp | None]:
    """The first operation at which the two histories differ; None where one side has none."""
    ours = {stamp.operation: stamp for stamp in mine}
    others = {stamp.operation: stamp for stamp in theirs}
    for number in sorted(ours.keys() & others.keys()):
        if ours[number].digest != others[number].digest:
            return ours[number], others[number]
    beyond = sorted(ours.keys() ^ others.keys())
    newest = max(min(max(ours, default=0), max(others, default=0)), 0)
    for number in beyond:
        if number > newest:
            return ours.get(number), others.get(number)
    return None, None


def side_by_side(me: str, mine: Stamp | None, party: str, theirs: Stamp | None) -> str:
    """Two lines, one a party: number, operation, call site."""
    width = max(len(me), len(party))
    rows = []
    for name, stamp in sorted(((me, mine), (party, theirs))):
        what = f"{stamp.operation:>5}  {stamp.text}  at {stamp.site}" if stamp else "    -  no operation yet"
        rows.append(f"  {name:<{width}} {what}")
    return "\n".join(rows)
