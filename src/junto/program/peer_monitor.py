"""What the other parties tell us between values: where they are, that they differ, that they end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from junto.errors import (
    DeadlineExceeded,
    JuntoError,
    PartyAborted,
    PartyUnreachable,
    ProgramDivergence,
    RemoteError,
    Terminated,
)
from junto.net.api import Abort, Activity, Events, Stamp
from junto.program.callsite import AT_THE_END
from junto.program.divergence import DivergenceCheck, first_difference, side_by_side
from junto.program.fault import SessionFault

log: logging.Logger = logging.getLogger("junto.program")

HISTORY_GRACE_S = 2.0

_SAME_PROGRAM: Final = (
    "run the same script with the same parameters at every party; nothing that decides "
    "which operations are called may depend on one party's data, time, randomness or order of a set"
)

Tell = Callable[[str, tuple[Stamp, ...]], None]
Versions = Callable[[str], str]


class PeerMonitor(Events):
    """Listens to the gateway and decides when the session cannot go on.

    Args:
        me: our name; empty where all parties live in one process.
        agreement: our operations.
        fault: set when the session cannot go on.
    """

    def __init__(self, me: str, agreement: DivergenceCheck, fault: SessionFault) -> None:
        self._me = me
        self._agreement = agreement
        self._fault = fault
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Activity, float]] = {}
        self._left: set[str] = set()
        self._differing: set[str] = set()
        self._tell: Tell = lambda party, history: None
        self._versions: Versions = lambda party: ""

    def attach(self, tell: Tell, versions: Versions) -> None:
        """Say how to send our history to a party, and which versions it has that are not ours."""
        self._tell, self._versions = tell, versions

    def describe(self, party: str) -> str:
        """What is known of `party`, for a status line (nothing of ourselves, or if all live here)."""
        if not self._me or party == self._me:
            return ""
        with self._lock:
            known = self._known.get(party)
        if known is None:
            return f"{party} has not been heard of yet"
        activity, heard = known
        silent = time.monotonic() - heard
        alive = "is alive" if silent < 3 else f"was last heard of {silent:.0f} s ago"
        return f"{party} {alive}, {_doing(party, activity)}"

    def is_trusted(self, party: str) -> bool:
        """Whether `party` runs our program, as far as we know: only then its values are what they say."""
        with self._lock:
            return party not in self._differing

    def differs(self, party: str) -> None:
        """The programs differ: tell `party` ours; end when its own history comes, or soon."""
        with self._lock:
            if party in self._differing:
                return
            self._differing.add(party)
        self._tell(party, self._agreement.history())
        timer = threading.Timer(HISTORY_GRACE_S, self._diverged, (party, ()))
        timer.daemon = True
        timer.start()

    def on_activity(self, party: str, activity: Activity) -> None:
        with self._lock:
            known = self._known.get(party)
            if known is not None and activity.stamp.operation < known[0].stamp.operation:
                newest = known[0]  # a value's stamp says where it was asked for, not where the party is
            else:
                newest = activity
            self._known[party] = (newest, time.monotonic())
        if not self._agreement.agrees(party, activity.stamp):
            self.differs(party)

    def on_history(self, party: str, history: tuple[Stamp, ...]) -> None:
        self.differs(party)
        self._diverged(party, history)

    def on_abort(self, party: str, abort: Abort) -> None:
        self._fault.set(_aborted(party, abort, self._agreement.others | {self._me}))

    def on_unreachable(self, party: str, error: Exception) -> None:
        if not isinstance(error, JuntoError):
            error = PartyUnreachable(f"{party} is out of reach: {error}", party=party, fix=_restart(party))
        self._fault.set(error)

    def last_seen(self, party: str) -> str:
        with self._lock:
            known = self._known.get(party)
        return "" if known is None else _doing(party, known[0])

    def on_left(self, party: str) -> None:
        with self._lock:
            self._left.add(party)
        log.debug("%s has left in agreement", party)

    def _diverged(self, party: str, theirs: tuple[Stamp, ...]) -> None:
        with self._lock:
            known = self._known.get(party)
        if not theirs and known is not None:
            theirs = (known[0].stamp,)
        mine, other = first_difference(self._agreement.history(), theirs)
        versions = self._versions(party)
        text = (
            f"{self._me} and {party} run different programs. The first difference:\n"
            f"{side_by_side(self._me, mine, party, other)}"
        )
        for name, stamp in ((self._me, mine), (party, other)):
            if stamp is not None and stamp.site == AT_THE_END:
                text += f"\n{name}'s program had ended there, as a notebook's does that is restarted"
        fix = _SAME_PROGRAM
        if versions:
            text += f"\nTheir versions differ, too, which alone can be the cause: {versions}"
            fix = f"install the same versions at every party; if they are equal, {fix}"
        self._fault.set(ProgramDivergence(text, fix=fix))


def _doing(party: str, activity: Activity) -> str:
    busy = f", busy with {activity.busy}" if activity.busy else ""
    others = [each for each in activity.waiting_for if each != party]
    if others:
        return f"waiting for {', '.join(others)}{busy}"
    if activity.waiting_for and busy:  # its script waits for its own work
        return busy.removeprefix(", ")
    where = f"at operation {activity.stamp.operation} {activity.stamp.text}"
    site = f" at {activity.stamp.site}" if activity.stamp.site else ""
    return f"{where}{site}{busy}"


def place(at: Stamp, site: str = "") -> str:
    """Where a script stands whose newest operation is `at`, and which runs the line `site` (if known)."""
    operation = f"operation {at.operation} {at.text} at {at.site}" if at.operation else ""
    if not site or site == at.site:
        return f" at {operation}" if operation else ""
    return f" at {site}, after {operation}" if operation else f" at {site}"


def abort_of(error: BaseException, me: str, where: str = "") -> Abort:
    """What the others are told when `error` ends our script; `where` is a `place`."""
    if isinstance(error, Terminated):
        return Abort("interrupted", f"{me} was told to end by a signal (SIGTERM or SIGHUP){where}")
    if isinstance(error, KeyboardInterrupt):
        return Abort("interrupted", f"{me} was interrupted (Ctrl-C){where}")
    if isinstance(error, PartyUnreachable | DeadlineExceeded) and error.party:
        return Abort(f"unreachable:{error.party}", error.message)
    if isinstance(error, PartyAborted):  # not of our own accord: whom we heard it of is to be looked at
        return Abort(f"aborted:{error.party}", error.message)
    if isinstance(error, ProgramDivergence):
        return Abort("divergence", error.message)
    if isinstance(error, RemoteError) and error.party != me:
        return Abort(f"aborted:{error.party}", f"{me} ended with RemoteError: {error.message}")
    if isinstance(error, JuntoError):
        return Abort("error", f"{me} ended with {type(error).__name__}: {error.message}")
    if isinstance(error, SystemExit):
        return Abort("exit", f"{me} ended before the end of the program (exit)")
    return Abort("exception", f"the script of {me} ended with {type(error).__name__}")


def _aborted(party: str, abort: Abort, parties: frozenset[str]) -> JuntoError:
    """The error for a party's end. Whom it names has to be in the job: else it speaks of itself."""
    kind, _, detail = abort.kind.partition(":")
    known = detail in parties
    if kind == "unreachable" and known:
        return PartyUnreachable(f"{abort.message} (as told by {party})", party=detail, fix=_restart(detail))
    if kind == "divergence":
        return ProgramDivergence(f"{abort.message} (as told by {party})", fix=_SAME_PROGRAM)
    if kind == "aborted" and known:
        return _ended(detail, f"{abort.message} (as told by {party})")
    return _ended(party, f"{party} ended the run: {abort.message}")


def _restart(party: str) -> str:
    return f"see whether {party} still runs (its log), then start the run again at every party"


def _ended(party: str, message: str) -> PartyAborted:
    fix = f"look at the log of {party}; then start the run again at every party"
    return PartyAborted(message, party=party, fix=fix)
