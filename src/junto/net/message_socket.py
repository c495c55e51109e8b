"""Messages on one TCP or TLS connection, which one thread reads and others write.

The socket does not block. OpenSSL wants one call at a time on a connection, so both directions share a lock
for the moment of a call, and wait for the socket without it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator

from junto.errors import JuntoError
from junto.locks import Event
from junto.net.frames import MESSAGE_BYTES
from junto.net.tlscontext import SOCKET_ALPN

_LENGTH = struct.Struct("!I")
_AT_ONCE = 1 << 18
"""Bytes of one call: enough to be worth it, and soon over for whoever waits for the lock."""


class SocketEnded(Exception):
    """The connection is over: why, for a person; nothing if it was closed, here or there."""


class MessageSocket:
    """See the module. Whoever calls `kill` ends it; then everything here raises `SocketEnded`.

    Attributes:
        reason: why `messages` came to an end, for a person.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.reason = ""
        self._socket = connection
        self._lock = threading.Lock()  # of each call of the socket or of OpenSSL
        self._waiting = 0  # threads that wait for the socket: its number must not become another one's
        self._dead = False
        self._in = bytearray()
        self._out = memoryview(b"")
        self._out_waits_for = select.POLLOUT
        self._heard = Event()
        connection.setblocking(False)
        with contextlib.suppress(OSError):  # it may be gone already
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def secure(self, context: ssl.SSLContext, until: float, name: str | None = None) -> bytes:
        """TLS with both certificates; the other side's (DER). `name`: what we call it in the handshake."""
        with self._lock:
            if self._dead:
                raise SocketEnded
            try:
                tls = context.wrap_socket(
                    self._socket,
                    server_side=context.protocol is ssl.PROTOCOL_TLS_SERVER,
                    do_handshake_on_connect=False,
                    suppress_ragged_eofs=False,
                    server_hostname=name,
                )
            except (OSError, ValueError) as error:
                raise SocketEnded(reason_of(error)) from error
            self._socket = tls
        self._take_step(tls.do_handshake, until)
        if tls.selected_alpn_protocol() != SOCKET_ALPN:
            raise SocketEnded(f"it speaks TLS, but is no party of a job (no {SOCKET_ALPN})")
        return tls.getpeercert(binary_form=True) or b""

    # Reading, by one thread at a time.

    def wait_for_bytes(self, until: float) -> None:
        """Until there is something to read."""
        if not self._wait(select.POLLIN, until):
            raise SocketEnded("it said nothing")

    def next(self, until: float | None = None) -> bytes:
        """The next message."""
        while True:
            message = self._next()
            if message is not None:
                return message
            self._take_step(self._read, until)

    def messages(self) -> Iterator[bytes]:
        """All that come, until the connection is over. Raises nothing."""
        try:
            while True:
                yield self.next()
        except SocketEnded as error:
            self.reason = str(error)
        finally:
            self._heard.set()

    def _next(self) -> bytes | None:
        if len(self._in) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._in)
        if length > MESSAGE_BYTES:
            raise SocketEnded("a message is longer than any")
        end = _LENGTH.size + length
        if len(self._in) < end:
            return None
        with memoryview(self._in) as view, view[_LENGTH.size : end] as part:
            message = bytes(part)
        del self._in[:end]
        return message

    def _read(self) -> None:
        data = self._socket.recv(_AT_ONCE)
        if not data:
            raise SocketEnded
        self._in += data

    # Writing, by one thread at a time.

    @property
    def busy(self) -> bool:
        """Whether a message waits until the socket takes it."""
        return len(self._out) > 0

    def put(self, message: bytes) -> None:
        """The next message, for `push`; only while it is not `busy`."""
        self._out = memoryview(_LENGTH.pack(len(message)) + message)

    def try_push(self) -> bool:
        """Send what the socket takes now; whether that was all."""
        while len(self._out):
            wanted = self._step(self._write, select.POLLOUT)
            if wanted is not None:
                self._out_waits_for = wanted
                return False
        return True

    def push(self, patience: Callable[[], float | None]) -> None:
        """Send all, waiting for the socket for `patience()` seconds (None: for ever), asked once a second."""
        began = time.monotonic()
        while not self.try_push():
            most = patience()
            if most is not None and time.monotonic() - began > most:
                raise SocketEnded("it takes nothing of what is sent to it")
            self._wait(self._out_waits_for, time.monotonic() + 1.0)

    def end(self, linger_s: float) -> None:
        """Say that nothing follows; wait, for so long, until the other side has ended too."""
        with contextlib.suppress(OSError), self._lock:
            # Of the plain socket: that of `ssl` would take the TLS layer away from the thread that reads.
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
        self._heard.wait(linger_s)

    def _write(self) -> None:
        count = self._socket.send(self._out[:_AT_ONCE])
        self._out = self._out[count:]

    # Both.

    def kill(self) -> None:
        """End it at once. From any thread, and any number of times."""
        with self._lock:
            if not self._dead:
                self._dead = True
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                self._close()

    def _close(self) -> None:
        if self._dead and not self._waiting:
            self._socket.close()

    def _take_step(self, step: Callable[[], object], until: float | None) -> None:
        while (wanted := self._step(step, select.POLLIN)) is not None:
            if not self._wait(wanted, until):
                raise SocketEnded("no answer in time")

    def _step(self, step: Callable[[], object], event: int) -> int | None:
        """One call of the socket; what to wait for if it cannot be made now."""
        with self._lock:
            if self._dead:
                raise SocketEnded
            try:
                step()
            except ssl.SSLWantReadError:
                return select.POLLIN
            except ssl.SSLWantWriteError:
                return select.POLLOUT
            except BlockingIOError:
                return event
            except (OSError, ValueError) as error:
                raise SocketEnded(reason_of(error)) from error
        return None

    def _wait(self, event: int, until: float | None) -> bool:
        """Until the socket is ready, or is over; False: the time is."""
        poll = select.poll()
        with self._lock:
            if self._dead:
                raise SocketEnded
            poll.register(self._socket.fileno(), event)
            self._waiting += 1
        try:
            return bool(poll.poll(None if until is None else max(until - time.monotonic(), 0) * 1000))
        finally:
            with self._lock:
                self._waiting -= 1
                self._close()


def reason_of(error: BaseException) -> str:
    """Why a connection failed, for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return ""
    if isinstance(error, ssl.SSLError):
        return f"no TLS 1.3 ({(error.reason or 'unknown reason').replace('_', ' ').lower()})"
    if isinstance(error, JuntoError):
        return error.message
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__).lower()
    return str(error)
