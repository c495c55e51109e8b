"""The seam between the program and the other silos.

`Gateway` is everything the program layer knows of the network; `Events` is everything the network
tells the program. Both are narrow enough that a test's fake of either is under 50 lines.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from junto.config.model import Address
from junto.errors import JuntoError
from junto.net.header import Kind, Ordered
from junto.net.words import Lines, Long, Site, Text, Trace, Words
from junto.wire.payload import Payload

log: logging.Logger = logging.getLogger("junto.net")

Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class TransferKey(msgspec.Struct, frozen=True, array_like=True):
    """Names one value on its way from one party to another: operation number and index in it."""

    operation: Count
    index: Annotated[int, Meta(ge=0, lt=1 << 31)]


class Stamp(Words, frozen=True):
    """Where a party's program is.

    Attributes:
        operation: number of its newest operation (0: none yet).
        digest: rolling digest up to and including that operation (16 bytes).
        text: the operation for a person, such as "alice(train)".
        site: its call site, "fit.py:31".
    """

    operation: Count
    digest: Annotated[bytes, Meta(max_length=64)]
    text: Text
    site: Site


class Activity(Words, frozen=True):
    """What a party's driver is doing; travels in every heartbeat.

    Attributes:
        stamp: where its program is.
        waiting_for: parties it waits for (empty: it is busy in the script itself).
        waiting_on: the operation it waits for (0: none).
        busy: its oldest running operation, for a person ("" : none).
    """

    stamp: Stamp
    waiting_for: Annotated[tuple[Text, ...], Meta(max_length=1000)] = ()
    waiting_on: Count = 0
    busy: Long = ""


class Failure(Words, frozen=True):
    """A failed operation on the wire; the fields of `errors.Origin`, in its order."""

    party: Text
    operation: Count
    text: Text
    site: Site
    error_type: Text
    incident: Text
    detail: Trace = ""
    fix: Long = ""


class Abort(Words, frozen=True):
    """Why a party ends the run for all. `kind` is one of the program layer's own words."""

    kind: Text
    message: Lines


Outcome = memoryview | Failure | Exception


class _Once:
    """A result that is set once, how far it is, and callbacks for it. Thread-safe.

    Attributes:
        there, nbytes: bytes that have arrived, and how many are announced.
    """

    there: int = 0
    nbytes: int = 0
    _lock = threading.Lock()  # one for all, held for a few steps: a value needs none of its own
    _callbacks: Sequence[Callable[[Any], None]] = ()
    _done = False
    _result: Outcome | None = None

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call `callback(self)` once the result is set, or now. It must not block."""
        with self._lock:
            self._callbacks = (*self._callbacks, callback)
        if self._done:
            self.settle(None)

    def progress(self) -> tuple[int, int]:
        """(bytes there, bytes in all); (0, 0) before anything is announced."""
        return self.there, self.nbytes

    def settle(self, result: Outcome | None) -> None:
        """Set the result, the first time, and run the callbacks."""
        with self._lock:
            if not self._done:
                self._done, self._result = True, result
                if not isinstance(result, Exception):
                    self.nbytes = len(result) if isinstance(result, memoryview) else self.nbytes
                    self.there = self.nbytes
            callbacks, self._callbacks = self._callbacks, ()
        for callback in callbacks:
            try:
                callback(self)
            except Exception:
                log.exception("a callback of the gateway failed")

    def _get(self) -> Outcome | None:
        if not self._done:
            raise RuntimeError("asked for before it is done")
        return self._result


class Arrival(_Once):
    """A value expected from another party. Thread-safe."""

    def outcome(self) -> Outcome:
        """Once done: the value's bytes (ours to keep), its owner's failure, or why it never comes."""
        outcome = self._get()
        if outcome is None:
            raise RuntimeError("an arrival without an outcome")
        return outcome


class Delivery(_Once):
    """A value on its way to another party. Thread-safe."""

    def error(self) -> Exception | None:
        """Once done: None if the receiver has all of it."""
        error = self._get()
        return error if isinstance(error, Exception) else None


class PipeEnded(Exception):
    """The other end is gone, and everything that it had sent was read. Stays below the channels."""


class Pipe(ABC):
    """Frames in both directions, each once and in order. Only `wake` may be called from another thread.

    Attributes:
        frame_bytes: a frame has at most so many bytes after its header.
    """

    frame_bytes: int

    @abstractmethod
    def write(self, kind: Kind, detail: int, check: int, body: bytes | memoryview) -> bool:
        """Take a frame, see `header`; False: there is no room for now. Raises PipeEnded."""

    @abstractmethod
    def read(self) -> Ordered | None:
        """The next frame, if it is here. Raises PipeEnded, and ValueError for what is no frame."""

    @abstractmethod
    def wait(self, reading: bool, writing: bool, timeout_s: float) -> bool:
        """Block until a read or write may do something, or `wake` was called. False: `timeout_s` has passed.

        Only to be called after each wanted direction has answered 0.
        """

    @abstractmethod
    def wake(self) -> None:
        """End this `wait` and all that follow, at once."""

    def rest(self) -> None:
        """Nothing will be waited for here for a while."""
        return

    @abstractmethod
    def close(self) -> None:
        """Give the connection back. What was written still arrives. May be called twice."""


class OrderedStream(Pipe):
    """An ordered stream between two parties, and what has passed it."""

    @abstractmethod
    def traffic(self) -> tuple[int, int]:
        """Bytes sent and received so far, headers left out."""


class Events(ABC):
    """What the program layer hears. Called from the network's threads: must not block for long."""

    @abstractmethod
    def on_activity(self, party: str, activity: Activity) -> None:
        """A heartbeat, or the stamp that came with a value (then only `stamp` is set anew)."""

    @abstractmethod
    def on_abort(self, party: str, abort: Abort) -> None:
        """`party` ends the run."""

    @abstractmethod
    def on_history(self, party: str, history: tuple[Stamp, ...]) -> None:
        """`party` found that the programs differ and sends its latest operations, oldest first."""

    @abstractmethod
    def on_unreachable(self, party: str, error: Exception) -> None:
        """Nothing heard for longer than the peer timeout (once; every Arrival from it fails too)."""

    def last_seen(self, party: str) -> str:
        """What `party` did when it was last heard of: for the error that gives it up; empty if unknown."""
        return ""

    @abstractmethod
    def on_left(self, party: str) -> None:
        """`party` has left in agreement (after its `leave`)."""


@dataclass(frozen=True, slots=True)
class DirectAddress:
    """Where a party is reached, and what it binds for that."""

    address: Address
    listen: Address


@dataclass(frozen=True, slots=True)
class DirectUse:
    """What direct connections are for.

    Attributes:
        what: after "did not come to".
        fix: if a party did not.
    """

    what: str
    fix: str


OnWait = Callable[[str, float], None]
"""Called about once a second for each party that is awaited: its name, and for how many seconds."""


class DirectWays(ABC):
    """Connections that are being opened, see `Gateway.direct`."""

    @abstractmethod
    def run(self, patience_s: float, on_wait: OnWait) -> None:
        """Wait until they are open. `on_wait` is told of each party that is missing.

        Raises:
            PartyUnreachable: a party did not come within `patience_s`.
            IdentityError: a certificate does not name the party that it should, or ours is refused.
            HandshakeRefused: what answers at an address is no party of this run.
        """

    @abstractmethod
    def cancel(self, error: JuntoError) -> None:
        """End `run`, in another thread, with `error`."""


class Gateway(ABC):
    """This party's one door to the other silos."""

    @abstractmethod
    def start(self) -> None:
        """Bind the listen address and begin to dial.

        Raises ConfigError for a host that does not exist, ListenError, CertificateError.
        """

    @abstractmethod
    def meet(self, timeout_s: float | None, status: Callable[[str], None]) -> bytes:
        """Block until every party is met and agrees; returns the run's id (16 bytes, equal everywhere).

        `status(line)` is called about once a second while somebody is awaited, with the line for a
        person ("waiting 12 s for bob at bob.telco:9001: connection refused").
        Raises HandshakeRefused, IdentityError, DeadlineExceeded.
        """

    @abstractmethod
    def versions(self, party: str) -> str:
        """Which versions (Python, numpy, jax ...) differ between us and `party`, as a phrase; "": none do."""

    @abstractmethod
    def push(self, party: str, key: TransferKey, stamp: Stamp, value: Payload | Failure) -> Delivery:
        """Send a value (or the failure in its place) to `party`. Returns at once; never blocks."""

    @abstractmethod
    def expect(self, party: str, key: TransferKey) -> Arrival:
        """Say that the program needs the value `key` of `party`. Once per key."""

    @abstractmethod
    def stream(
        self, party: str, stream: int, is_trusted: Callable[[], bool], frame_bytes: int | None = None
    ) -> OrderedStream:
        """Our end of an ordered stream with `party`. Its number is the same at both, and used once.

        Args:
            party: who has the other end; nothing is sent before it has opened that.
            stream: the number.
            is_trusted: nothing is read while this is false.
            frame_bytes: as in `Pipe`; None: the network's own choice.
        """

    @abstractmethod
    def direct(self, addresses: Mapping[str, DirectAddress], use: DirectUse) -> DirectWays:
        """Open connections at other addresses, too, over bare TLS 1.3 sockets. All parties call it alike.

        While such a one stands, everything between us and that party goes there.

        Raises ListenError, and ConfigError if plaintext would leave the machine.
        """

    @abstractmethod
    def ports(self) -> set[int]:
        """Each port that it listens at or dials: what a forked child has to let go."""

    @abstractmethod
    def publish(self, activity: Activity, *, now: bool = False) -> None:
        """What the next heartbeats say; `now`: send one to everybody at once."""

    @abstractmethod
    def send_history(self, party: str, history: tuple[Stamp, ...]) -> None:
        """Tell `party` our latest operations because the programs differ."""

    @abstractmethod
    def abort(self, abort: Abort, timeout_s: float) -> None:
        """Tell everybody that the run is over and why; wait until they know or `timeout_s` is over."""

    @abstractmethod
    def flush(self, timeout_s: float | None) -> None:
        """Wait until every value is delivered. Raises the first delivery's error, DeadlineExceeded."""

    @abstractmethod
    def leave(self, timeout_s: float | None) -> None:
        """Agree with all others that the run is over: nothing of ours or theirs is in flight."""

    @abstractmethod
    def close(self) -> None:
        """Release sockets and threads at once. Idempotent."""

    @abstractmethod
    def statistics(self) -> dict[str, Any]:
        """Counters for a person: per peer bytes and messages each way, refused messages by cause."""
