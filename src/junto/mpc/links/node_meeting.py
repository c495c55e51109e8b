"""The nodes of an SPU find each other: one TCP connection for each pair.

Of two nodes the one whose name comes first listens, and the other one dials. All of that is in one thread,
with at most `PENDING` strangers at a time: when more come, those that have said least are dropped first. So a
flood of connections costs little and does not shut out a node that comes with a valid certificate.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from junto.config.model import Address
from junto.config.plaintext import check_plaintext
from junto.errors import ConfigError, ListenError, PartyUnreachable, PeerError
from junto.mpc.links.channel import Channel
from junto.mpc.links.framed import Ends, FramedChannel
from junto.mpc.links.loop import READ, WRITE, Loop, LoopTask, Steps, pause, ready
from junto.mpc.links.options import LinkOptions, NodeOptions
from junto.mpc.links.tls_handshake import GREETING, Introduction, Met, NotYet, answer, call

PENDING = 128
"""Connections of strangers that are looked at side by side."""

OnWait = Callable[[str, float], None]
"""Called about once a second for each node that is awaited: its name, and for how many seconds."""

_ACCEPTED_AT_ONCE = 16
_BACKLOG = 1024
_FIRST_PAUSE_S = 0.02
_STATUS_S = 1.0
_SPARE_S = 0.5
_NO_ROOM_S = 0.05
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = logging.getLogger("junto.mpc")


class NodeMeeting:
    """One attempt of a node to get a channel to each of the others.

    Args:
        nodes: all nodes, in the same order at each of them.
        own: this node's name, credentials and greeting.

    Raises:
        ConfigError: the nodes do not make sense, or plaintext would leave the machine.
    """

    def __init__(
        self,
        nodes: Sequence[NodeOptions],
        own: Introduction,
        options: LinkOptions,
        on_wait: OnWait | None = None,
    ) -> None:
        self._nodes = list(nodes)
        self._own = own
        self._options = options
        self._on_wait = on_wait
        _check(self._nodes, own)
        self._callers = frozenset(node.name for node in nodes if node.name > own.me)
        self._missing = {node.name: None for node in nodes if node.name != own.me}
        self._met: dict[str, Met] = {}
        self._trouble: dict[str, NotYet] = {}
        self._strangers: deque[str] = deque(maxlen=3)
        self._turned_away = 0
        self._visitors: dict[LoopTask, None] = {}
        self._stop: BaseException | None = None
        self._loop: Loop | None = None
        self._lock = threading.Lock()

    def cancel(self, error: BaseException) -> None:
        """End `run`, in another thread, with `error`."""
        with self._lock:
            self._stop = self._stop or error
            if self._loop is not None:
                self._loop.wake()

    def run(self) -> dict[str, Channel]:
        """Await all other nodes: their channels by name, in the order of the nodes.

        Raises:
            ListenError: our listen address cannot be bound.
            PartyUnreachable: a node did not come within the time that the options give it.
            IdentityError: a certificate does not name the node that it should, or ours is refused.
            HandshakeRefused: nodes differ in what they were told.
            LinkError: what answers at an address is no node.
        """
        try:
            with Loop() as loop, contextlib.ExitStack() as stack:
                with self._lock:
                    self._loop = loop
                self._begin(loop, stack)
                self._await(loop)
        except BaseException:
            for met in self._met.values():
                met.pipe.close()
            raise
        finally:
            with self._lock:
                self._loop = None
        return {node.name: self._channel(node.name) for node in self._nodes if node.name in self._met}

    def _channel(self, name: str) -> Channel:
        met = self._met[name]
        return FramedChannel(met.pipe, Ends(self._own.me, name, met.binding), self._options)

    def _begin(self, loop: Loop, stack: contextlib.ExitStack) -> None:
        if self._callers:
            place = next(node.listen for node in self._nodes if node.name == self._own.me)
            listener = stack.enter_context(self._listen(place))
            loop.start(LoopTask(), self._accept(loop, listener))
        for node in self._nodes:
            if node.name < self._own.me:
                loop.start(LoopTask(), self._dial(node))

    def _await(self, loop: Loop) -> None:
        start = time.monotonic()
        status = start + _STATUS_S
        while self._missing:
            if self._stop is not None:
                raise self._stop
            now, deadline = time.monotonic(), start + self._patience_s()
            if now >= deadline:
                raise self._nobody_came()
            if now >= status:
                status = now + _STATUS_S
                self._tell(now - start)
            loop.turn(min(deadline, status))

    def _patience_s(self) -> float:
        """A little longer than who dials has, who then can say what it met; a handshake under way may end."""
        under_way = any(task.stage == GREETING for task in self._visitors)
        spare = self._options.handshake_timeout_ms / 1000 if under_way else _SPARE_S
        return self._options.patience_s + spare

    def _tell(self, seconds: float) -> None:
        if self._on_wait is not None:
            for name in list(self._missing):
                self._on_wait(name, seconds)

    def _nobody_came(self) -> PeerError:
        for name in self._missing:
            trouble = self._trouble.get(name)
            if trouble is not None and trouble.error is not None:
                return trouble.error
        name = next(iter(self._missing))
        said = [f"{each}: {self._trouble[each]}" for each in self._missing if each in self._trouble]
        if self._turned_away:
            said.append(f"{self._turned_away} connections were turned away, the last: {self._strangers[-1]}")
        reasons = f" ({'; '.join(said)})" if said else ""
        return PartyUnreachable(
            f"{', '.join(self._missing)} did not come to the link of the SPU "
            f"within {self._options.patience_s:g} s{reasons}",
            party=name,
            fix="start it, check the SPU's addresses, or raise connect_retry_times in link_desc",
        )

    def _welcome(self, met: Met) -> None:
        before = self._met.pop(met.name, None)
        if before is not None:  # its own end of that connection failed; the node is the same
            before.pipe.close()
        self._met[met.name] = met
        self._missing.pop(met.name, None)
        _log.debug("the link to %s stands", met.name)

    # ------------------------------------------------------------------ dialling

    def _dial(self, node: NodeOptions) -> Steps[None]:
        wait_s, deadline = _FIRST_PAUSE_S, time.monotonic() + self._options.patience_s
        while True:
            until = time.monotonic() + self._options.handshake_timeout_ms / 1000
            try:
                connection = yield from self._connect(node.address, until)
                met = yield from call(self._own, connection, node.name, until)
                return self._welcome(met)
            except NotYet as reason:
                self._trouble[node.name] = reason
            except OSError as error:
                self._trouble[node.name] = NotYet(f"{node.address}: {error.strerror or error}".lower())
            now = time.monotonic()
            if now + wait_s > deadline:
                raise self._nobody_came()
            yield from pause(now + wait_s)
            wait_s = min(wait_s * 2, self._options.connect_retry_interval_ms / 1000)

    def _connect(self, address: Address, until: float) -> Steps[socket.socket]:
        refusal = OSError("the name has no address")
        for family, place in (yield from _resolve(address, until)):
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                self._adjust(connection)
                connection.setblocking(False)
                if connection.connect_ex(place) not in (0, errno.EISCONN):
                    yield from ready(connection, WRITE, until)
                if problem := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(problem, _words_of(problem))
                if connection.getsockname() == connection.getpeername():
                    raise OSError(errno.ECONNREFUSED, "nobody listens there")  # TCP has met itself
                return connection
            except OSError as error:
                connection.close()
                refusal = error
            except BaseException:
                connection.close()
                raise
        raise refusal

    def _adjust(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sizes = (
            (socket.SO_SNDBUF, self._options.send_buffer_bytes),
            (socket.SO_RCVBUF, self._options.receive_buffer_bytes),
        )
        for option, size in sizes:
            if size is not None:
                connection.setsockopt(socket.SOL_SOCKET, option, size)

    # ------------------------------------------------------------------ listening

    def _listen(self, address: Address) -> socket.socket:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._adjust(listener)
            listener.setblocking(False)
            listener.bind((address.host, address.port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise ListenError(
                f"the SPU cannot listen at {address}: {error.strerror or error}",
                fix="check listen_addr of this party's node",
            ) from error
        return listener

    def _accept(self, loop: Loop, listener: socket.socket) -> Steps[None]:
        while True:
            yield from ready(listener, READ, float("inf"))
            try:
                for _ in range(_ACCEPTED_AT_ONCE):
                    connection, place = listener.accept()
                    self._visit(loop, connection, str(place[0]))
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno in _NO_ROOM:
                    self._make_room(loop)
                    yield from pause(time.monotonic() + _NO_ROOM_S)

    def _visit(self, loop: Loop, connection: socket.socket, host: str) -> None:
        while len(self._visitors) >= PENDING:
            self._make_room(loop)
        task = LoopTask()
        self._visitors[task] = None
        connection.setblocking(False)
        with contextlib.suppress(OSError):  # it may be gone already
            self._adjust(connection)
        loop.start(task, self._receive(task, connection, host))

    def _make_room(self, loop: Loop) -> None:
        """Drop the visitor that has said least, and of these the one that came first."""
        if self._visitors:
            loop.drop(min(self._visitors, key=lambda task: task.stage))

    def _receive(self, task: LoopTask, connection: socket.socket, host: str) -> Steps[None]:
        until = time.monotonic() + self._options.handshake_timeout_ms / 1000
        try:
            self._welcome((yield from answer(self._own, connection, self._callers, task, until)))
        except NotYet as reason:
            self._turned_away += 1
            self._strangers.append(f"{host}: {reason}")
            _log.debug("a connection from %s was turned away: %s", host, reason)
            if reason.error is not None and reason.error.party is not None:
                self._trouble[reason.error.party] = reason
        finally:
            self._visitors.pop(task, None)


# ---------------------------------------------------------------------------- checks and names


def _check(nodes: list[NodeOptions], own: Introduction) -> None:
    """Raises ConfigError."""
    names = [node.name for node in nodes]
    if len(set(names)) != len(names) or own.me not in names:
        raise ConfigError(f"the nodes of an SPU are different parties, {own.me} among them; given: {names}")
    if own.credentials is None:
        places = (place for node in nodes for place in (node.address, node.listen))
        check_plaintext("the link of an SPU", places)
        _log.warning("the link of the SPU is not encrypted: for tests on one machine only")


def _resolve(address: Address, until: float) -> Steps[list[tuple[int, Any]]]:
    """The socket addresses of a host. The resolver knows no deadline, so it has a thread of its own."""
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(address.host)
        return _lookup(address)
    answers: list[list[tuple[int, Any]] | OSError] = []
    ours, theirs = socket.socketpair()

    def ask() -> None:
        with theirs:
            try:
                answers.append(_lookup(address))
            except (OSError, UnicodeError) as error:
                answers.append(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=ask, name="junto-resolve", daemon=True).start()
    with ours:
        yield from ready(ours, READ, until)
    if isinstance(answers[0], OSError):
        raise answers[0]
    return answers[0]


def _lookup(address: Address) -> list[tuple[int, Any]]:
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((int(family), place) for family, _, _, _, place in found))


def _words_of(number: int) -> str:
    import os

    return os.strerror(number)
