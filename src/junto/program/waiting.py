"""The one place where a script waits: an owner, a deadline, a status line for each wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from junto.accounting.status import Reporter
from junto.errors import DeadlineExceeded
from junto.execute.executor import Ref
from junto.locks import Event
from junto.net.api import Stamp
from junto.program.fault import SessionFault

QUICK_S = 0.005
TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class AwaitedRef:
    """One value that is waited for: its reference here, and the party it depends on."""

    ref: Ref
    party: str


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait and when to say so, in seconds (None: for ever)."""

    deadline_s: float | None
    status_after_s: float


class CountDownLatch:
    """Opens once `count` references are done, or when it is forced."""

    def __init__(self, refs: Sequence[Ref]) -> None:
        self._event = Event()
        self._lock = threading.Lock()
        self._left = len(refs)
        if not refs:
            self._event.set()
        for ref in refs:
            ref.add_done_callback(self._one)

    def _one(self, _: Ref) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._event.set()

    def force(self) -> None:
        """Open now."""
        self._event.set()

    def wait(self, timeout_s: float) -> bool:
        """Whether it opened within the time."""
        return self._event.wait(timeout_s)


class Waiting:
    """Blocks the driver, and lets a person and the other parties know.

    Args:
        fault: ends every wait.
        patience: deadline and status interval.
        reporter: shows the status line.
        announce: tells the other parties what we wait for; called once a wait is no longer quick, and again
            now and then, for what we are busy with meanwhile is soon another thing.
        describe: what is known of a party, and of whom it waits for, for the status line.
        waited: is told for whom we stood still, and for how many seconds.
    """

    def __init__(
        self,
        fault: SessionFault,
        patience: Timeouts,
        reporter: Reporter,
        announce: Callable[[Stamp, tuple[str, ...]], None],
        describe: Callable[[str], Mapping[str, str]],
        waited: Callable[[Stamp, tuple[str, ...], float], None] = lambda stamp, parties, seconds: None,
    ) -> None:
        self._fault = fault
        self._patience = patience
        self._reporter = reporter
        self._announce = announce
        self._describe = describe
        self._waited = waited

    def until_done(
        self, stamp: Stamp, awaited: Sequence[AwaitedRef], progress: Callable[[], tuple[int, int]]
    ) -> None:
        """Wait for all of `awaited`.

        Raises:
            DeadlineExceeded: the deadline is over.
            ProgramError, PeerError: the session's fault.
        """
        latch = CountDownLatch([item.ref for item in awaited])
        if latch.wait(QUICK_S):
            return
        unsubscribe = self._fault.subscribe(latch.force)
        try:
            self._slowly(stamp, awaited, latch, progress)
        finally:
            unsubscribe()
            self._announce(stamp, ())
            self._reporter.over()
        if not all(item.ref.done() for item in awaited):
            self._fault.check()

    def _slowly(
        self,
        stamp: Stamp,
        awaited: Sequence[AwaitedRef],
        latch: CountDownLatch,
        progress: Callable[[], tuple[int, int]],
    ) -> None:
        started = time.monotonic()
        noted = started
        while True:
            missing = tuple(dict.fromkeys(item.party for item in awaited if not item.ref.done()))
            self._announce(stamp, missing)
            waited = time.monotonic() - started
            if waited >= self._patience.status_after_s and missing:
                self._reporter.waiting(self._line(stamp, missing, waited), progress())
            over = latch.wait(self._pause(waited))
            now = time.monotonic()
            self._waited(stamp, missing, now - noted)
            noted = now
            if over:
                return
            self._check_deadline(stamp, awaited, time.monotonic() - started)

    def _pause(self, waited: float) -> float:
        pause = TICK_S
        if waited < self._patience.status_after_s:
            pause = min(pause, self._patience.status_after_s - waited)
        if self._patience.deadline_s is not None:
            pause = min(pause, max(self._patience.deadline_s - waited, 0.0))
        return pause

    def _check_deadline(self, stamp: Stamp, awaited: Sequence[AwaitedRef], waited: float) -> None:
        deadline = self._patience.deadline_s
        if deadline is None or waited < deadline:
            return
        missing = tuple(dict.fromkeys(item.party for item in awaited if not item.ref.done()))
        raise DeadlineExceeded(
            self._line(stamp, missing, waited),
            fix="wait longer (wait_timeout_s), or look at the log of the party that is awaited",
        )

    def _line(self, stamp: Stamp, parties: tuple[str, ...], waited: float) -> str:
        who = ", ".join(parties)
        each = {party: text for asked in parties for party, text in self._describe(asked).items()}
        known = "; ".join(text for text in each.values() if text)
        line = f"waiting {waited:.0f} s for {who}, operation {stamp.operation} {stamp.text} at {stamp.site}"
        return f"{line}; {known}" if known else line
