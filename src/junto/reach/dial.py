"""Name resolution and TCP with a deadline, and every cause for which a probe can fail."""

from __future__ import annotations

import enum
import errno
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from junto.config.model import Address

Socket: TypeAlias = socket.socket
Place: TypeAlias = tuple[int, Any]
"""Address family and the socket address in it."""


SMALL_SEGMENT: Final = 400
"""Bytes of a TCP segment that pass wherever IPv4 does (576 with the headers), tunnels included."""

_NO_SUCH_HOST = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
"""A client's connection preface and an empty SETTINGS frame (RFC 9113, section 3.4)."""


class Cause(enum.StrEnum):
    """Why a rung failed. The words are stable: they stand in `--json` and in status lines."""

    NAME_NOT_FOUND = "name-not-found"
    REFUSED = "refused"
    FILTERED = "filtered"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    CLOSED = "closed"
    PLAINTEXT_PEER = "plaintext-peer"
    TLS_PEER = "tls-peer"
    TLS_VERSION = "tls-version"
    HANDSHAKE = "handshake"
    UNTRUSTED = "untrusted"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    WRONG_PARTY = "wrong-party"
    OWN_CERTIFICATE_REFUSED = "own-certificate-refused"
    NO_HTTP2 = "no-http2"
    MTU = "mtu"


class ProbeFailed(Exception):
    """A rung does not hold: why, in a sentence, and what to do. Stays inside the probe."""

    def __init__(self, cause: Cause, text: str, fix: str = "") -> None:
        super().__init__(text)
        self.cause = cause
        self.text = text
        self.fix = fix


def server_name(party: str) -> str | None:
    """The name to announce in the handshake (SNI); None where the party's name cannot be one."""
    try:
        ipaddress.ip_address(party)
    except ValueError:
        pass
    else:
        return None
    try:
        party.encode("idna")
    except UnicodeError:
        return None
    return party


def resolve(address: Address, timeout_s: float) -> tuple[str, list[Place]]:
    """The socket addresses of a host, and the sentence for it.

    The system's resolver knows no deadline, so it runs in a thread of its own that is left behind if
    it does not answer. Raises Failed.
    """
    found: list[list[Place]] = []
    problem: list[OSError] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            found.append([(family, place) for family, _, _, _, place in answers])
        except (OSError, UnicodeError) as error:
            problem.append(error if isinstance(error, OSError) else OSError(str(error)))

    if _is_literal(address.host):
        ask()
    else:
        thread = threading.Thread(target=ask, name="junto-resolve", daemon=True)
        thread.start()
        thread.join(timeout_s)
    fix = "check the host's spelling in cluster_config, or add it to the name server or /etc/hosts"
    if problem:
        reason = problem[0].strerror or "no answer"
        raise ProbeFailed(
            Cause.NAME_NOT_FOUND, f"the name {address.host} is not found ({reason})", fix
        ) from problem[0]
    if not found or not found[0]:
        raise ProbeFailed(Cause.NAME_NOT_FOUND, f"the name server did not answer for {address.host}", fix)
    places = list(dict.fromkeys(found[0]))
    hosts = ", ".join(str(place[0]) for _, place in places)
    return hosts if hosts == address.host else f"{address.host} is {hosts}", places


def unknown_hosts(hosts: Iterable[str], timeout_s: float) -> dict[str, str]:
    """Of these hosts, those of which the name server says that they do not exist, with its words.

    A name server that does not answer, or not in time, says nothing of the kind.
    """
    unknown: dict[str, str] = {}

    def ask(host: str) -> None:
        try:
            socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if error.errno in _NO_SUCH_HOST:
                unknown[host] = error.strerror or "not found"
        except (OSError, UnicodeError):
            return

    ends = time.monotonic() + timeout_s
    named = [host for host in hosts if not _is_literal(host)]
    threads = [threading.Thread(target=ask, args=(h,), name="junto-resolve", daemon=True) for h in named]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, ends - time.monotonic()))
    return dict(unknown)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def connect(
    address: Address,
    places: list[Place],
    party: str,
    left: Callable[[], float],
    segment: int | None = None,
) -> tuple[str, tuple[Place, Socket, float]]:
    """Connect to the first place that accepts: it, the socket, and the time it took. Raises Failed."""
    refusal: OSError | None = None
    for index, place in enumerate(places):
        share = left() / (len(places) - index)
        start = time.monotonic()
        try:
            connection = open_socket(place, share, segment)
        except OSError as error:
            refusal = refusal if isinstance(refusal, ConnectionRefusedError) else error
            continue
        rtt_s = time.monotonic() - start
        return f"port {address.port} accepts connections", (place, connection, rtt_s)
    raise _of_connect(refusal, address, party) from refusal


def open_socket(place: Place, timeout_s: float, segment: int | None = None) -> Socket:
    """A connected TCP socket, with segments of at most `segment` bytes in both directions. Raises OSError."""
    family, where = place
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        if segment is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
        connection.settimeout(timeout_s)
        connection.connect(where)
    except BaseException:
        connection.close()
        raise
    return connection


def _of_connect(error: OSError | None, address: Address, party: str) -> ProbeFailed:
    if isinstance(error, ConnectionRefusedError):
        return ProbeFailed(
            Cause.REFUSED,
            f"connection refused: nobody listens on port {address.port}, or a firewall rejects us there",
            f"start {party}'s program, or correct the port; if it runs, look for a rule that rejects",
        )
    if isinstance(error, TimeoutError):
        return ProbeFailed(
            Cause.FILTERED,
            f"no answer from port {address.port}: a firewall drops the packets, or the host is down; "
            "it cannot be told from here whose firewall",
            f"let {party}'s firewall accept TCP port {address.port} from this machine, and ours let it out",
        )
    if error is not None and error.errno in (errno.EPERM, errno.EACCES):
        return ProbeFailed(
            Cause.UNREACHABLE,
            f"this machine forbids us to connect to port {address.port}",
            "look at its own firewall and at the policy of its container",
        )
    if error is not None and error.errno == errno.EHOSTUNREACH:
        return ProbeFailed(
            Cause.UNREACHABLE,
            f"no route to {address.host}, or the host is down, or a firewall rejects us on the way",
            f"check the address and this machine's network; let the firewalls pass TCP port {address.port}",
        )
    if error is not None and error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL):
        return ProbeFailed(
            Cause.UNREACHABLE, f"no route to {address.host}", "check the address and this machine's network"
        )
    reason = (error.strerror if error else None) or "unknown reason"
    return ProbeFailed(
        Cause.UNREACHABLE, f"no connection to port {address.port}: {reason}", "check the address"
    )
