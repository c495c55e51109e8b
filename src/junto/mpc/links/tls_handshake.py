"""One connection from its first byte until both nodes know each other.

Nothing is believed before TLS has checked the chain of the other side's certificate, and nothing is read of
what a stranger sends but the handshake of TLS: the greeting is the first thing read, and is bounded.
"""

from __future__ import annotations

import ssl
from collections.abc import Set
from dataclasses import dataclass
from socket import socket

from junto.errors import HandshakeRefused, IdentityError, LinkError, PeerError
from junto.log import printable
from junto.mpc.links.greeting import GREETING_BYTES, Greeting, NodeHello, binding, difference
from junto.mpc.links.loop import READ, WRITE, LoopTask, Steps, read_exactly, ready, write_all
from junto.mpc.links.options import ALPN, Credentials
from junto.mpc.links.pipe import SocketPipe, TlsPipe
from junto.net.api import PipeEnded
from junto.net.header import HEADER_BYTES, Header, Kind, check_mark, pack, parse

SILENT, SHAKING, GREETING = range(3)
"""How far a connection to us has come: nothing yet, TLS, both certificates checked."""


class NotYet(Exception):
    """This attempt failed, and the next one may not. Stays inside the link.

    Args:
        reason: for a person.
        error: what to raise if there is no next one; None: nobody came.
    """

    def __init__(self, reason: str, error: PeerError | None = None) -> None:
        super().__init__(reason)
        self.error = error


@dataclass(frozen=True, slots=True, repr=False)
class Met:
    """A connection with a node that is who it says."""

    name: str
    pipe: SocketPipe
    binding: bytes


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a node needs to introduce itself.

    Args:
        me: its name.
        credentials: None: plaintext; the other side is believed.
        greeting: what both nodes have to have in common.
    """

    me: str
    credentials: Credentials | None
    greeting: Greeting

    def hello(self, wanted: str) -> NodeHello:
        """What is said to `wanted`."""
        return NodeHello(self.me, wanted, self.greeting)


def call(own: Introduction, connection: socket, peer: str, until: float) -> Steps[Met]:
    """Introduce ourselves to `peer` over a connection that we opened; it is closed if this fails.

    Raises:
        IdentityError: whoever answers is not `peer`, or does not accept our certificate.
        HandshakeRefused: the two nodes' settings differ.
        LinkError: what answers is no node of an SPU.
        NotYet: another attempt may succeed.
    """
    pipe: SocketPipe | None = None
    try:
        pipe = yield from _secure(own, connection, peer, until)
        yield from _say(pipe, Kind.GREETING, own.hello(peer).pack(), until)
        kind, data = yield from _hear(pipe, peer, until)
        if kind in (Kind.REFUSED, Kind.MISTAKEN):
            raise _refusal(peer, kind, data)
        theirs = _parsed(kind, data, peer)
        _compare(own.hello(peer), theirs)
        yield from _say(pipe, Kind.READY, b"", until)
        return Met(peer, pipe, binding(own.hello(peer), theirs))
    except BaseException as error:
        (pipe or connection).close()
        if isinstance(error, (PipeEnded, OSError)):
            raise _of_call(error, peer, own.credentials is not None) from None
        raise


def answer(
    own: Introduction, connection: socket, expected: Set[str], task: LoopTask, until: float
) -> Steps[Met]:
    """Find out who opened a connection to us; it is closed if this fails.

    Raises:
        HandshakeRefused: a node that is expected has other settings.
        NotYet: anybody else, and whoever did not come so far.
    """
    pipe: SocketPipe | None = None
    try:
        yield from ready(connection, READ, until)
        task.stage = SHAKING
        pipe = yield from _secure(own, connection, None, until)
        task.stage = GREETING
        kind, data = yield from _hear(pipe, "whoever connected", until)
        theirs = _parsed(kind, data, "whoever connected")
        kind, problem = _objection(own, pipe, theirs, expected)
        if problem:
            yield from _say(pipe, kind, problem.encode()[:GREETING_BYTES], until)
            raise NotYet(problem)
        mine = own.hello(theirs.sender)
        yield from _say(pipe, Kind.GREETING, mine.pack(), until)
        _compare(mine, theirs)
        kind, _ = yield from _hear(pipe, theirs.sender, until)
        if kind != Kind.READY:
            raise NotYet(f"{theirs.sender} did not go on after the greeting")
        return Met(theirs.sender, pipe, binding(mine, theirs))
    except BaseException as error:
        (pipe or connection).close()
        if isinstance(error, (PipeEnded, OSError)):
            raise NotYet(_reason(error)) from None
        if isinstance(error, (LinkError, IdentityError)):
            raise NotYet(error.message) from None
        raise


# ---------------------------------------------------------------------------- steps of both


def _secure(own: Introduction, connection: socket, peer: str | None, until: float) -> Steps[SocketPipe]:
    """TLS with both certificates; `peer` is whom we called, None where we were called."""
    if own.credentials is None:
        return SocketPipe(connection)
    calling = peer is not None
    context = own.credentials.client_context if calling else own.credentials.server_context
    tls = context.wrap_socket(
        connection, server_side=not calling, do_handshake_on_connect=False, suppress_ragged_eofs=False
    )
    try:
        yield from _tls_handshake(tls, until)
        if tls.selected_alpn_protocol() != ALPN:
            raise LinkError(
                f"{peer or 'whoever connected'} speaks TLS, but is no node of an SPU (no {ALPN})",
                party=peer or "",
                fix="check the SPU's addresses: another service answers there",
            )
        if peer is not None:
            own.credentials.verify(_certificate(tls), peer)
        return TlsPipe(tls)
    except BaseException:
        tls.close()
        raise


def _tls_handshake(tls: ssl.SSLSocket, until: float) -> Steps[None]:
    while True:
        try:
            return tls.do_handshake()
        except ssl.SSLWantReadError:
            yield from ready(tls, READ, until)
        except ssl.SSLWantWriteError:
            yield from ready(tls, WRITE, until)


def _certificate(tls: ssl.SSLSocket) -> bytes:
    certificate = tls.getpeercert(binary_form=True)
    if certificate is None:
        raise IdentityError("the other side of a link has shown no certificate")
    return certificate


def _say(pipe: SocketPipe, kind: Kind, data: bytes, until: float) -> Steps[None]:
    yield from write_all(pipe, pack(Header(kind, 0, 0, 0, 0, len(data))) + data, until)


def _hear(pipe: SocketPipe, peer: str, until: float) -> Steps[tuple[int, bytes]]:
    raw = yield from read_exactly(pipe, 1, until)
    try:
        check_mark(raw)  # before the rest: an answer in another protocol may be shorter than our header
        raw += yield from read_exactly(pipe, HEADER_BYTES - 1, until)
        header = parse(raw)
    except ValueError as error:
        raise LinkError(f"{peer}: {error}", party=peer) from None
    if header.length > GREETING_BYTES:
        raise LinkError(f"{peer}: its greeting is longer than any", party=peer)
    data = yield from read_exactly(pipe, header.length, until)
    return header.kind, data


def _parsed(kind: int, data: bytes, peer: str) -> NodeHello:
    try:
        if kind != Kind.GREETING:
            raise ValueError("it does not begin with a greeting")
        return NodeHello.parse(data)
    except ValueError as error:
        raise LinkError(f"{peer}: {error}", party=peer) from None


def _compare(mine: NodeHello, theirs: NodeHello) -> None:
    error = difference(mine, theirs)
    if error is None:
        return
    if mine.greeting.text != theirs.greeting.text:
        raise error
    raise NotYet(error.message, error)  # perhaps a program of the last run that is about to end


def _objection(
    own: Introduction, pipe: SocketPipe, theirs: NodeHello, expected: Set[str]
) -> tuple[Kind, str]:
    """Why whoever connected is none of those that are awaited; empty if it is one of them."""
    who = printable(theirs.sender)
    if theirs.wanted != own.me:
        return Kind.REFUSED, f"{who} wants {printable(theirs.wanted)}, and this is {own.me}"
    if theirs.sender not in expected:
        return Kind.REFUSED, f"{who} is not awaited here"
    if own.credentials is not None and isinstance(pipe, TlsPipe):
        try:
            own.credentials.verify(_certificate(pipe.tls), theirs.sender)
        except IdentityError as error:
            return Kind.MISTAKEN, f"{who} is not who it says: {error.message}"
    return Kind.GREETING, ""


# ---------------------------------------------------------------------------- what went wrong


def _refusal(peer: str, kind: int, data: bytes) -> PeerError:
    text = f"{peer} turned us away: {printable(data.decode(errors='replace'), 500)}"
    if kind == Kind.MISTAKEN:
        return IdentityError(text, fix="see which certificate tls_config.cert names")
    return HandshakeRefused(text, fix="check the SPU's nodes and addresses at both parties")


def _of_call(error: BaseException, peer: str, secured: bool) -> Exception:
    """What to make of a connection that failed while we introduced ourselves."""
    cause = error.__cause__ if isinstance(error, PipeEnded) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return IdentityError(
            f"{peer}: its certificate is not trusted ({cause.verify_message})",
            fix="ca_cert has to hold the CA that signed the other's certificate: see `junto certs show`",
        )
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        reason = _words(cause)
        if "ALPN" in reason or "application protocol" in reason:
            return LinkError(f"{peer} speaks TLS, but is no node of an SPU ({reason})", party=peer)
        if "alert" in reason:
            return IdentityError(
                f"{peer} does not accept our certificate ({reason})",
                fix="its ca_cert has to hold the CA that signed our certificate",
            )
        return LinkError(
            f"{peer} does not speak TLS 1.3 ({reason})",
            party=peer,
            fix="check the SPU's address of it: another service answers there, or one without TLS",
        )
    hint = "" if secured else "; it may expect TLS, and we have no certificates"
    return NotYet(_reason(error) + hint)


def _reason(error: BaseException) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError, PipeEnded)):
        return "the connection ended during the handshake"
    if isinstance(cause, ssl.SSLError):
        return f"no handshake of TLS 1.3 ({_words(cause)})"
    if isinstance(cause, OSError):
        return (cause.strerror or str(cause) or type(cause).__name__).lower()
    return type(cause).__name__


def _words(error: ssl.SSLError) -> str:
    return (error.reason or "unknown reason").replace("_", " ").lower()
