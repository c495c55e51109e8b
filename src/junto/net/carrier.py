"""What carries the messages of two parties: the page that everything above knows of a network.

A carrier listens, dials, and says who is at the other end. It takes messages whole and in order, and gives
them so; when it breaks, it ends. What was on its way, what is sent again, and which connection is in use: all
that is the law of the streams above (`handshake`, `delivery`, `ordered`), the same on every carrier.

    grpc_carrier     passes proxies, shares its port with the doctor
    socket_carrier   TLS 1.3 and nothing else
"""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from junto.config.model import Address
from junto.errors import IdentityError, ListenError
from junto.net.line import Line
from junto.reach.probe import ProbeReport


@dataclass(frozen=True, slots=True)
class Caller:
    """Who has opened a connection to us.

    Attributes:
        place: its network address, for the log.
        party: whom its certificate names; None in plaintext, where nobody can know.
        error: why it names nobody, or may not talk to us.
    """

    place: str
    party: str | None = None
    error: IdentityError | None = None


Accept = Callable[[Caller, Iterator[bytes]], Line]
"""Gets each connection that others open, with its messages; returns what sends ours."""


class Listener(ABC):
    """A port at which others reach us.

    Attributes:
        port: its number.
        turned_away: the last of those who came no further than the carrier, and why, if it can say.
    """

    port: int
    turned_away: Sequence[str] = ()

    @abstractmethod
    def start(self) -> None:
        """Begin to accept."""

    @abstractmethod
    def stop(self, timeout_s: float = 0.0) -> None:
        """End all connections and release the port; wait for that as long as is said."""


class CarrierConnection(ABC):
    """A connection that we have dialled; iterate over it, once, for the other side's messages.

    Attributes:
        reason: why it has ended, for a person; "": it was closed, there or here.
    """

    reason: str = ""

    @abstractmethod
    def __iter__(self) -> Iterator[bytes]:
        """The messages, until it ends. Raises nothing."""

    @abstractmethod
    def close(self) -> None:
        """End it now. May be called from any thread, and twice."""

    @abstractmethod
    def join(self, ends: float) -> None:
        """Once closed: wait until its threads have let go of it, or until `ends` (`time.monotonic`)."""


class Carrier(ABC):
    """See the module.

    Attributes:
        pings: it asks by itself whether the other process runs, and ends a connection where it does not.
    """

    pings: bool = False

    @abstractmethod
    def listen(self, listen: Address, accept: Accept) -> Listener:
        """Bind an address. Raises ListenError if that is not possible."""

    @abstractmethod
    def probe(self, address: Address, party: str, timeout_s: float) -> ProbeReport:
        """Whether `party` answers there with its certificate, and takes ours; if not, why."""

    @abstractmethod
    def dial(self, report: ProbeReport, line: Line) -> CarrierConnection:
        """Open a connection to where a probe has succeeded; `line` sends on it."""


_BACKLOG = 1024


def bind(listen: Address) -> socket.socket:
    """A socket that listens at an address. Raises ListenError."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise cannot_listen(listen, f"the host's name has no address ({error.strerror})") from error
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise cannot_listen(listen, (error.strerror or str(error)).lower()) from error
    return bound


def cannot_listen(listen: Address, why: str) -> ListenError:
    """What `bind` raises."""
    return ListenError(
        f"cannot listen at {listen}: {why}",
        fix="choose a free port and an address of this machine (listen_addr), "
        "or end the process that holds the port",
    )
