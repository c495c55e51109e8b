"""Messages on one TCP or TLS connection.

The socket does not block. OpenSSL wants one call at a time on a connection, so both directions share a lock
for the moment of a call, and wait for the socket without it. (That it reads and writes memory of ours, and
the socket moves many records at once, was measured: it takes for copies what it saves of system calls.)

A thread of the connection's own reads it (`messages`). A thread that waits for a frame of an ordered stream,
as at each round of an SPU, reads itself meanwhile (`attend`): so no other thread has to be woken for the
frame, and then to wake that one. The connection's own thread then leaves the socket alone until nobody has
attended for `LEASE_S`, or at once when there is anything that it alone may hear.
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
from typing import Any, cast

from junto.errors import JuntoError
from junto.locks import Event
from junto.net.frames import MESSAGE_BYTES
from junto.net.line import InlineCarrier
from junto.reach.tls_context import SOCKET_ALPN

_LENGTH = struct.Struct("!I")
_AT_ONCE = 1 << 18
"""Bytes of one call: enough to be worth it, and soon over for whoever waits for the lock."""

_COPIED = (1 << 14) - _LENGTH.size
"""Bytes of a message that are sent in one piece with its length: a record of TLS."""

LEASE_S = 0.05
"""Rounds of an SPU follow each other sooner than this; what comes in between for others waits so long."""


class SocketEnded(Exception):
    """The connection is over: why, for a person; nothing if it was closed, here or there."""


class MessageSocket(InlineCarrier):
    """See the module. Whoever calls `kill` ends it; then everything here raises `SocketEnded`.

    Attributes:
        reason: why `messages` came to an end, for a person.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.busy = False
        self.reason = ""
        self._socket = connection
        self._lock = threading.Lock()  # of each call of the socket or of OpenSSL
        self._waiting = 0  # threads that wait for the socket: its number must not become another one's
        self._dead = False
        self._reading = threading.Lock()  # the turn to read, and to hear what was read
        self._attending = self._crowded = False
        self._attended = 0.0
        self._parked = threading.Lock()
        self._parked.acquire()
        self._polls = False  # the connection's own thread waits for the socket
        self._pair: tuple[socket.socket, socket.socket] | None = None
        self._in = memoryview(bytearray(_LENGTH.size + MESSAGE_BYTES + _AT_ONCE))
        self._begin = self._end = 0  # of what was read, and is not taken yet
        self._kept: bytes | None = None
        self._write_from: Callable[[memoryview], int] = connection.send
        self._read_into: Callable[[int, memoryview], int] = lambda _, into: connection.recv_into(into)
        self._out = self._more = memoryview(b"")
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
            # With a buffer it answers with a number; its published types do not say so.
            self._read_into = cast("Callable[[int, memoryview], int]", tls.read)
            self._write_from = tls.write
        while (wanted := self._step(tls.do_handshake)) < 0:
            self._await(-wanted, until)
        if tls.selected_alpn_protocol() != SOCKET_ALPN:
            raise SocketEnded(f"it speaks TLS, but is no party of a job (no {SOCKET_ALPN})")
        return tls.getpeercert(binary_form=True) or b""

    # Reading: by whoever has the turn, and hears what it has read before it gives the turn back.

    def wait_for_bytes(self, until: float) -> None:
        """Until there is something to read."""
        if not self._wait(select.POLLIN, until):
            raise SocketEnded("it said nothing")

    def next(self, until: float) -> bytes:
        """The next message, before others read."""
        while isinstance(taken := self._take(), int):
            self._await(taken, until)
        return taken

    def messages(self) -> Iterator[bytes]:
        """All that come and nobody else reads, until the connection is over. Raises nothing."""
        try:
            while True:
                self._leave_to_others()
                with self._reading:
                    while isinstance(taken := self._take(), bytes):
                        yield taken
                    self._polls = True  # before others may read, and leave something here
                self._wait(taken, None, (self._pair or self._bells())[1])
                self._polls = False
        except SocketEnded as error:
            self.reason = str(error)
        finally:
            self._heard.set()

    def attend(self, hear: Callable[[bytes], bool], until: float) -> bool:
        """Read here, in the thread that waits for what comes, until `hear` was called once.

        What `hear` does not take, and the end of the connection, is for the thread that runs `messages`.
        False: that thread reads now, or another one attends. True: something was heard, `alarm` was called,
        or the time is over.
        """
        if not self._reading.acquire(blocking=False):
            self._crowded = True
            return False
        heard = False
        try:
            self._attending = True
            taken = self._take(look=False)  # nothing has come yet, as a rule
            while isinstance(taken, int):
                if not self._wait(taken, until, (self._pair or self._bells())[0]):
                    heard = True
                    return True
                taken = self._take()
            heard = hear(taken)
            if not heard:
                self._kept = taken
            return heard
        except SocketEnded:
            return False
        finally:
            self._attended = time.monotonic()
            self._attending = False
            self._reading.release()
            if self._crowded or not heard:
                self.rest()
            elif self._polls:
                self._unpark()  # it waits for the lease to end instead: there may be more than the socket has

    def alarm(self) -> None:
        """End the `attend` of another thread, or the next one."""
        self._ring(self._bells()[1])

    def rest(self) -> None:
        """Nobody will attend for a while."""
        self._attended, self._crowded = 0.0, False
        self._unpark()

    def _unpark(self) -> None:
        """The connection's own thread looks again."""
        if self._polls and not self._dead:
            self._ring(self._bells()[0])
        elif self._parked.locked():
            with contextlib.suppress(RuntimeError):
                self._parked.release()

    def _ring(self, bell: socket.socket) -> None:
        with self._lock, contextlib.suppress(OSError):
            if not self._dead:
                bell.send(b"!")

    def _leave_to_others(self) -> None:
        """Until nobody has attended for a while."""
        while (left := LEASE_S if self._attending else self._attended + LEASE_S - time.monotonic()) > 0:
            self._parked.acquire(timeout=left)

    def _bells(self) -> tuple[socket.socket, socket.socket]:
        """What ends a wait: of who attends, and of the connection's own thread. Each rings the other."""
        with self._lock:
            if self._pair is None:
                self._pair = socket.socketpair()
                for each in self._pair:
                    each.setblocking(False)
                if self._dead:
                    self._close()
            return self._pair

    def _take(self, look: bool = True) -> bytes | int:
        """The next message; or what to wait for before there can be one. `look`: read what has come."""
        if self._kept is not None:
            message, self._kept = self._kept, None
            return message
        while True:
            begin = self._begin + _LENGTH.size
            if begin <= self._end:
                (length,) = _LENGTH.unpack_from(self._in, self._begin)
                if length > MESSAGE_BYTES:
                    raise SocketEnded("a message is longer than any")
                if begin + length <= self._end:
                    self._begin = begin + length
                    return bytes(self._in[begin : self._begin])
            if not look:
                return select.POLLIN
            if self._begin == self._end:
                self._begin = self._end = 0
            elif self._begin and len(self._in) - self._end < _AT_ONCE:
                rest = bytes(self._in[self._begin : self._end])
                self._begin, self._end = 0, len(rest)
                self._in[: self._end] = rest
            count = self._step(self._read_into, len(self._in) - self._end, self._in[self._end :])
            if count < 0:
                return -count
            self._end += count

    # Writing, by one thread at a time.

    def send(self, message: bytes | None, patience: Callable[[], float | None] | None = None) -> bool:
        if message is not None:
            self._out = memoryview(_LENGTH.pack(len(message)) + message[:_COPIED])
            self._more, self.busy = memoryview(message)[_COPIED:], True
        began = 0.0
        try:
            while len(self._out) or len(self._more):
                if not len(self._out):
                    self._out, self._more = self._more, self._out
                count = self._step(self._write_from, self._out[:_AT_ONCE], event=select.POLLOUT)
                if count > 0:
                    self._out = self._out[count:]
                    continue
                if patience is None:
                    return False
                began, most = began or time.monotonic(), patience()  # asked once a second
                if most is not None and time.monotonic() - began > most:
                    raise SocketEnded("it takes nothing of what is sent to it")
                self._wait(-count, time.monotonic() + 1.0)
        except SocketEnded:
            if patience is None:
                return False
            raise
        self.busy = False
        return True

    def end(self, linger_s: float) -> None:
        """Say that nothing follows; wait, for so long, until the other side has ended too."""
        with contextlib.suppress(OSError), self._lock:
            # Of the plain socket: that of `ssl` would take the TLS layer away from the thread that reads.
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
        self._heard.wait(linger_s)

    # Both.

    def kill(self) -> None:
        """End it at once. From any thread, and any number of times."""
        with self._lock:
            if not self._dead:
                self._dead = True
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                self._close()
        self.rest()

    def _close(self) -> None:
        if self._dead and not self._waiting:
            for each in (self._socket, *(self._pair or ())):
                each.close()

    def _await(self, event: int, until: float) -> None:
        if not self._wait(event, until):
            raise SocketEnded("no answer in time")

    def _step(self, call: Callable[..., int | None], *args: Any, event: int = select.POLLIN) -> int:
        """One call of the socket: how many bytes; negative: what to wait for until it can be made."""
        with self._lock:
            if self._dead:
                raise SocketEnded
            try:
                count = call(*args)
            except ssl.SSLWantReadError:
                return -select.POLLIN
            except ssl.SSLWantWriteError:
                return -select.POLLOUT
            except BlockingIOError:
                return -event
            except (OSError, ValueError) as error:
                raise SocketEnded(reason_of(error)) from error
        if count == 0:
            raise SocketEnded  # nothing more will come
        return 1 if count is None else count

    def _wait(self, event: int, until: float | None, bell: socket.socket | None = None) -> bool:
        """Until the socket is ready, or is over; False: the time is, or the bell has rung."""
        poll = select.poll()
        with self._lock:
            if self._dead:
                raise SocketEnded
            poll.register(self._socket, event)
            if bell is not None:
                poll.register(bell, select.POLLIN)
            self._waiting += 1
        try:
            ready = poll.poll(None if until is None else max(until - time.monotonic(), 0) * 1000)
        finally:
            with self._lock:
                self._waiting -= 1
                if self._dead:
                    self._close()
        if bell is None or not ready or (ready[0][0] != bell.fileno() and len(ready) == 1):
            return bool(ready)
        with contextlib.suppress(OSError):
            bell.recv(_AT_ONCE)
        return False


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
