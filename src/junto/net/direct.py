"""Connections at addresses of their own, such as those of an SPU's nodes: the preferred way there.

Of two parties the one whose name comes first listens, and the other one dials. The hello is the one of every
connection; what both have to have in common was compared when they met.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from junto.errors import JuntoError, PartyUnreachable
from junto.locks import Condition
from junto.net.api import DirectUse, DirectWays, OnWait
from junto.net.way import Way

STATUS_S = 1.0
SPARE_S = 0.5
"""Who listens waits so much longer than who dials, who can say more of what it has met."""


class DirectMeeting(DirectWays):
    """See `DirectWays`.

    Args:
        ways: to the other parties, by name.
        use: what they are for.
        turned_away: who has come where we listen, and went no further.
        grace_s: when patience ends, a handshake that is under way may take so much longer.
    """

    def __init__(
        self,
        ways: Mapping[str, Way],
        use: DirectUse,
        turned_away: Callable[[], Sequence[str]],
        grace_s: float,
    ) -> None:
        self._ways, self._use = ways, use
        self._turned_away = turned_away
        self._grace_s = grace_s
        self._changed = Condition()
        self._stop: JuntoError | None = None
        for way in ways.values():
            way.changed = self._tell

    def cancel(self, error: JuntoError) -> None:
        with self._changed:
            self._stop = self._stop or error
            self._changed.notify_all()

    def run(self, patience_s: float, on_wait: OnWait) -> None:
        began = time.monotonic()
        ends = began + patience_s + SPARE_S * any(way.dials is None for way in self._ways.values())
        while (left := self._until(ends) - time.monotonic()) > 0:
            with self._changed:
                if self._changed.wait_for(lambda: self._stop or self._is_over(), min(STATUS_S, left)):
                    break
            for party in self._missing():
                on_wait(party, time.monotonic() - began)
        if self._stop is not None:
            raise self._stop
        missing = self._missing()
        for party in missing:
            trouble = self._ways[party].trouble
            if trouble is not None and self._ways[party].hopeless:
                raise trouble
        if missing:
            raise self._nobody_came(missing, patience_s)

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _until(self, ends: float) -> float:
        opening = any(way.is_opening() and not way.is_open() for way in self._ways.values())
        return ends + self._grace_s if opening else ends

    def _missing(self) -> list[str]:
        return [party for party, way in self._ways.items() if not way.is_open()]

    def _is_over(self) -> bool:
        return all(way.is_open() for way in self._ways.values()) or any(
            way.hopeless and not way.is_open() for way in self._ways.values()
        )

    def _nobody_came(self, missing: list[str], patience_s: float) -> PartyUnreachable:
        said = [way.trouble.message for way in self._ways.values() if way.trouble and not way.is_open()]
        strangers = list(self._turned_away())
        if strangers:
            said.append(f"connections were turned away, the last: {strangers[-1]}")
        reasons = f" ({'; '.join(said)})" if said else ""
        return PartyUnreachable(
            f"{', '.join(missing)} did not come to {self._use.what} within {patience_s:g} s{reasons}",
            party=missing[0],
            fix=self._use.fix,
        )
