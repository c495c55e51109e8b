"""Who has been met. Shared by the threads of all peers; `Gateway.meet` waits on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from junto.errors import DeadlineExceeded, JuntoError
from junto.locks import Condition
from junto.net import handshake
from junto.net.frames import Hello
from junto.net.peer import Peer

STATUS_S = 1.0
LINGER_S = 1.0
"""After a refusal we stay reachable for so long, so that the other side can find its cause too."""


class Restarted(Exception):
    """The party has another nonce than the one this run was made with."""


class AnotherStart(Exception):
    """The party is connected to us by another start of it: this one has ended, or comes too early."""


class Meeting:
    """The nonces heard, the run they make, and what keeps us waiting. Thread-safe.

    Args:
        mine: what we say first.
        peers: who is awaited, by name.

    Attributes:
        run: its id, once everybody's nonce is known.
        over: everybody was met: from here on the run is fixed.
    """

    def __init__(self, mine: Hello, peers: Mapping[str, Peer]) -> None:
        self.mine = mine
        self._peers = peers
        self._changed = Condition()
        self._nonces = {mine.party: mine.nonce}
        self._causes: dict[str, str] = {}
        self._versions: dict[str, str] = {}
        self._error: JuntoError | None = None
        self.run: bytes | None = None
        self.over: bool = False
        self._closed = False

    def versions(self, party: str) -> str:
        """Which versions differ between us and `party`, as a phrase; empty if none do."""
        return self._versions.get(party, "")

    def greet(self, theirs: Hello) -> bool:
        """Hear a party's Hello; True if the run's id came to be, or became another one.

        Nonces do not tell which of two starts is the later one. Connections do: those of a start that has
        ended are closed, so as long as there is one of the start that we know, that one counts.

        Raises HandshakeRefused for a difference, AnotherStart if it is to come again, and Restarted if the
        run has begun without this start of it.
        """
        differences = handshake.compare(self.mine, theirs)
        if differences:
            raise handshake.refusal(self.mine, theirs, differences)
        with self._changed:
            known = self._nonces.get(theirs.party)
            if known == theirs.nonce:
                return False
            if known is not None and self._peers[theirs.party].is_here():
                raise AnotherStart
            if self.over:
                raise Restarted
            self._nonces[theirs.party] = theirs.nonce
            self._versions[theirs.party] = handshake.described(
                self.mine.party, self.mine.versions, theirs.party, theirs.versions
            )
            if len(self._nonces) <= len(self._peers):
                return False
            self.run = handshake.run_id(self.mine.job, self._nonces)
            self._changed.notify_all()
        return True

    def opened(self) -> None:
        """A connection is open now."""
        with self._changed:
            self._changed.notify_all()

    def complete(self) -> bool:
        """Whether the run is known and values can pass to and from all.

        One connection carries both directions. But we have tried to reach each party ourselves by then: what
        we would have found there is said now, and not in the middle of the run.
        """
        return self.run is not None and all(
            peer.is_open() and (peer.is_reached() or party in self._causes)
            for party, peer in self._peers.items()
        )

    def note(self, party: str, cause: str) -> None:
        """Why `party` cannot be reached at the moment."""
        with self._changed:
            self._causes[party] = cause
            self._changed.notify_all()

    def fail(self, error: JuntoError) -> None:
        """Waiting will not help."""
        with self._changed:
            if self._error is None:
                self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody waits any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, timeout_s: float | None, status: Callable[[str], None]) -> bytes:
        """Block until everybody is met.

        Raises what `fail` was given, or DeadlineExceeded.
        """
        began = time.monotonic()
        spoke = 0
        while True:
            with self._changed:
                run = self._settled()
                if run is not None:
                    return run
                waited = time.monotonic() - began
                if timeout_s is not None and waited >= timeout_s:
                    raise self._late(waited)
                rest = STATUS_S * (spoke + 1) - waited
                if rest > 0:
                    self._changed.wait(rest if timeout_s is None else min(rest, timeout_s - waited))
                    continue
                lines = [f"waiting {waited:.0f} s for {each}" for each in self._missing()]
            spoke += 1
            for line in lines:
                status(line)

    def _settled(self) -> bytes | None:
        if self._error is not None:
            self._changed.wait_for(lambda: self._closed, LINGER_S)
            raise self._error
        if self.run is not None and self.complete():
            self.over = True
            return self.run
        return None

    def _missing(self) -> list[str]:
        """Who keeps us waiting, and why: who was not met or is gone, else whom we or who cannot reach us."""
        closed = [party for party, peer in self._peers.items() if not peer.is_open()]
        unreached = [party for party, peer in self._peers.items() if not peer.is_reached()]
        missing = self._unmet() or closed or unreached
        return [f"{party} at {self._peers[party].address}: {self._cause(party)}" for party in missing]

    def _unmet(self) -> list[str]:
        peers = self._peers.items()
        return [party for party, peer in peers if party not in self._nonces or not peer.is_here()]

    def _cause(self, party: str) -> str:
        if party not in self._nonces:
            return self._causes.get(party, "no answer yet")
        if not self._peers[party].is_here():
            return f"it was there and is gone; {self._causes.get(party, 'no answer since')}"
        return self._causes.get(party, "it is there, and waits for others")

    def _late(self, waited: float) -> DeadlineExceeded:
        missing = "; ".join(self._missing())
        return DeadlineExceeded(
            f"waited {waited:.0f} s for {missing}",
            party=next(iter(self._unmet()), ""),
            fix="start the party, or check its address with `junto doctor`; or wait longer (meet_timeout_s)",
        )
