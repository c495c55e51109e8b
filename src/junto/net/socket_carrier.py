"""A bare TLS 1.3 socket as a carrier: a message is its length (u32, big endian) and its bytes.

Who listens speaks first: a message of length 0, once it has accepted the certificate of the other side. With
TLS 1.3 the dialler's handshake is over before that, and it could not know. Two rules for strangers:

* until a connection has brought its first message it is one of at most `PENDING`, and has `peer_timeout_s`
  for that; when more come, those that have come least far are dropped first, and of these the oldest;
* nothing of what it sends is read before its certificate's chain is checked but the handshake of TLS.

Each connection has one message under way in each direction: who sends waits until the socket takes it. A
small one is sent by the thread that has it, if the socket takes it at once; its own thread does what is left.
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain

from junto.config.model import Address, LinkSettings, PartySettings, TlsSettings
from junto.config.plaintext import check_plaintext
from junto.errors import IdentityError
from junto.locks import Condition, Event
from junto.net.carrier import Accept, Caller, Carrier, CarrierConnection, Listener, bind
from junto.net.line import LINGER_S, Line
from junto.net.message_socket import MessageSocket, SocketEnded, reason_of
from junto.reach import dial
from junto.reach.identity import accepted_name, party_of_certificate
from junto.reach.probe import ProbeReport, probe
from junto.reach.tls_context import SOCKET_ALPN, client_context, server_context

PENDING = 128
"""Strangers that are looked at side by side, each in a thread of its own."""

_NO_ROOM_S = 0.05
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_SILENT, _SHAKING, _TRUSTED = range(3)
"""How far a stranger has come: no byte yet, in the handshake of TLS, its certificate checked."""


class SocketCarrier(Carrier):
    """See `Carrier`, and the module.

    Args:
        tls: None: plaintext, between addresses of this machine only.
        parties: of the job: whom certificates may name.
        link: deadlines.
    """

    def __init__(
        self, tls: TlsSettings | None, parties: Mapping[str, PartySettings], link: LinkSettings
    ) -> None:
        self._tls, self._parties, self._timeout_s = tls, parties, link.peer_timeout_s

    def listen(self, listen: Address, accept: Accept) -> Listener:
        self._check(listen)
        context = None if self._tls is None else server_context(self._tls, SOCKET_ALPN)
        return _Listener(listen, _Strangers(context, self._parties, self._timeout_s, accept))

    def probe(self, address: Address, party: str, timeout_s: float) -> ProbeReport:
        self._check(address)
        return probe(address, self._tls, party, self._parties, timeout_s, SOCKET_ALPN)

    def dial(self, report: ProbeReport, line: Line) -> CarrierConnection:
        self._check(report.address)
        context = None if self._tls is None else client_context(self._tls, SOCKET_ALPN)
        return _Dialled(report, context, partial(self._identify, report.party), line, self._timeout_s)

    def _check(self, place: Address) -> None:
        if self._tls is None:
            check_plaintext("a bare socket", [place])

    def _identify(self, party: str, der: bytes) -> None:
        accepted_name(der, party, self._parties)


def carry(sock: MessageSocket, line: Line) -> None:
    """Send what a line has to say on a socket, until one of them is over. Runs in a thread of its own."""
    line.in_place = sock
    try:
        for message in line.messages():
            sock.send(message)
        sock.end(LINGER_S)
    except SocketEnded:
        return
    finally:
        line.in_place = None
        line.close()
        sock.kill()


class _Dialled(CarrierConnection):
    def __init__(
        self,
        report: ProbeReport,
        context: ssl.SSLContext | None,
        identify: partial[None],
        line: Line,
        timeout_s: float,
    ) -> None:
        self._report, self._context, self._identify = report, context, identify
        self._line, self._timeout_s = line, timeout_s
        self._lock = threading.Lock()
        self._sock: MessageSocket | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[bytes]:
        sock: MessageSocket | None = None
        try:
            sock = self._open(time.monotonic() + self._timeout_s)
            thread = threading.Thread(target=carry, args=(sock, self._line), name="junto-send", daemon=True)
            thread.start()
            self._thread = thread  # begun already: who closes meanwhile could not join it before
            yield from sock.messages()
        except (SocketEnded, IdentityError, dial.ProbeFailed) as error:
            self.reason = reason_of(error)
        finally:
            self._line.close()
            if sock is not None:
                self.reason = self.reason or sock.reason
            if sock is None or self._thread is None:
                self._kill()

    def _open(self, until: float) -> MessageSocket:
        address, party = self._report.address, self._report.party

        def left() -> float:
            return max(until - time.monotonic(), 0.001)

        _, places = dial.resolve(address, left())
        _, (_, connection, _) = dial.connect(address, places, party, left)
        sock = MessageSocket(connection)
        with self._lock:
            self._sock = sock
            if self._closed:
                sock.kill()
        if self._context is not None:
            self._identify(sock.secure(self._context, until, dial.server_name(party)))
        if sock.next(until):
            raise SocketEnded("it does not greet as a party of a job does")
        return sock

    def close(self) -> None:
        self._line.close()
        if self._thread is None:
            self._kill()

    def join(self, ends: float) -> None:
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(ends - time.monotonic(), 0))
            self._kill()

    def _kill(self) -> None:
        with self._lock:
            self._closed = True
            if self._sock is not None:
                self._sock.kill()


class _Strangers:
    """Who has connected, until it is known: its certificate, and its first message."""

    def __init__(
        self,
        context: ssl.SSLContext | None,
        parties: Mapping[str, PartySettings],
        timeout_s: float,
        accept: Accept,
    ) -> None:
        self._context, self._parties, self._accept = context, parties, accept
        self._timeout_s = max(timeout_s, 1.0)
        self._lock = Condition()
        self._pending: dict[MessageSocket, int] = {}
        self._socks: set[MessageSocket] = set()
        self._stopped = False
        self.turned_away: deque[str] = deque(maxlen=3)

    def visit(self, connection: socket.socket, place: str) -> None:
        """Another one has come; its thread ends with the connection."""
        sock = MessageSocket(connection)
        with self._lock:
            if self._stopped:
                return sock.kill()
            while len(self._pending) >= PENDING:
                self._drop_one()
            self._pending[sock] = _SILENT
            self._socks.add(sock)
        threading.Thread(target=self._serve, args=(sock, place), name="junto-serve", daemon=True).start()
        return None

    def make_room(self) -> None:
        """Drop one of them."""
        with self._lock:
            self._drop_one()

    def stop(self, timeout_s: float) -> None:
        """End all connections, and accept no more; those that are about to end have so long for it."""
        with self._lock:
            self._stopped = True
            for sock in self._pending:
                sock.kill()
            self._lock.wait_for(lambda: not self._socks, timeout_s)
            socks = list(self._socks)
        for sock in socks:
            sock.kill()

    def _drop_one(self) -> None:
        if self._pending:
            first = min(self._pending, key=lambda sock: self._pending[sock])
            del self._pending[first]
            first.kill()

    def _serve(self, sock: MessageSocket, place: str) -> None:
        try:
            caller, messages = self._known(sock, place)
            line = self._accept(caller, messages)
            with self._lock:
                if not line.closed:  # who was turned away stays a stranger until it has read why
                    self._pending.pop(sock, None)
            carry(sock, line)
        except SocketEnded as error:
            if str(error):
                self.turned_away.append(f"{place}: {error}")
        finally:
            sock.kill()
            with self._lock:
                self._pending.pop(sock, None)
                self._socks.discard(sock)
                self._lock.notify_all()

    def _known(self, sock: MessageSocket, place: str) -> tuple[Caller, Iterator[bytes]]:
        until = time.monotonic() + self._timeout_s
        caller = Caller(place)
        if self._context is not None:
            sock.wait_for_bytes(until)
            self._came(sock, _SHAKING)
            der = sock.secure(self._context, until)
            self._came(sock, _TRUSTED)
            try:
                caller = Caller(place, party_of_certificate(der, self._parties))
            except IdentityError as error:
                caller = Caller(place, error=error)
        sock.send(b"", lambda: self._timeout_s)
        first = sock.next(until)
        return caller, chain((first,), sock.messages())

    def _came(self, sock: MessageSocket, stage: int) -> None:
        with self._lock:
            if sock in self._pending:
                self._pending[sock] = stage


class _Listener(Listener):
    def __init__(self, listen: Address, strangers: _Strangers) -> None:
        self._strangers = strangers
        self.turned_away = strangers.turned_away
        self._socket = bind(listen)
        self._socket.setblocking(False)
        self.port = int(self._socket.getsockname()[1])
        self._alarm, self._waker = socket.socketpair()
        self._over = Event()
        self._thread = threading.Thread(target=self._run, name="junto-accept", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 0.0) -> None:
        self._over.set()
        with contextlib.suppress(OSError):
            self._waker.send(b"!")
        if self._thread.ident is None:
            self._run()
        else:
            self._thread.join(LINGER_S)
        self._strangers.stop(timeout_s)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._alarm, select.POLLIN)
        with self._socket, self._alarm, self._waker:
            while not self._over.is_set():
                poll.poll()
                try:
                    connection, place = self._socket.accept()
                except OSError as error:
                    if error.errno in _NO_ROOM:
                        self._strangers.make_room()
                        self._over.wait(_NO_ROOM_S)
                    continue
                self._strangers.visit(connection, str(place[0]))
