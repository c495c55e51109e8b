"""Gateways for tests: pairs in one process, what they tell, a proxy that cuts, a party that misbehaves."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from junto.certificates import ephemeral
from junto.config.model import Address, LinkSettings, Mode, PartySettings, Settings, TlsSettings
from junto.net import frames as f
from junto.net import handshake
from junto.net.api import (
    Abort,
    Activity,
    Arrival,
    Delivery,
    DirectAddress,
    DirectUse,
    Events,
    Stamp,
    TransferKey,
)
from junto.net.carrier import Caller, Carrier, CarrierConnection
from junto.net.gateway import SiloGateway
from junto.net.grpc_carrier import GrpcCarrier
from junto.net.line import Line
from junto.net.socket_carrier import SocketCarrier
from junto.reach.probe import ProbeReport
from junto.wire.payload import Payload, Summary
from parties import free_ports

FACTS = {"wire version": "1"}
USED = {"carrier": "grpc"}
"""By the usual connections of a `Site`; see `every_carrier` in conftest."""

USE = DirectUse("the link of the SPU", "start it")
QUICK = LinkSettings(peer_timeout_s=2.0, heartbeat_s=0.2)


def until(condition: Callable[[], Any], timeout: float = 15.0, what: str = "") -> Any:
    """Poll until `condition()` is true, and return it."""
    ends = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < ends, f"not within {timeout} s: {what or condition}"
        time.sleep(0.01)


def stamp(operation: int) -> Stamp:
    return Stamp(operation, b"d" * 16, f"operation {operation}", "script.py:1")


def payload(data: bytes | bytearray | memoryview) -> Payload:
    return Payload((memoryview(data),) if len(data) else (), len(data), Summary("bytes"))


def outcome(arrival: Arrival, timeout: float = 20.0) -> Any:
    """What it becomes."""
    done = threading.Event()
    arrival.add_done_callback(lambda _: done.set())
    assert done.wait(timeout), f"nothing arrived in {timeout} s: {arrival.progress()}"
    return arrival.outcome()


def error_of(delivery: Delivery, timeout: float = 20.0) -> Exception | None:
    done = threading.Event()
    delivery.add_done_callback(lambda _: done.set())
    assert done.wait(timeout), f"not delivered in {timeout} s: {delivery.progress()}"
    return delivery.error()


class Heard(Events):
    """Events, kept."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[tuple[str, str, Any]] = queue.SimpleQueue()
        self.activities: list[tuple[str, Activity]] = []

    def on_activity(self, party: str, activity: Activity) -> None:
        self.activities.append((party, activity))

    def on_abort(self, party: str, abort: Abort) -> None:
        self.events.put(("abort", party, abort))

    def on_history(self, party: str, history: tuple[Stamp, ...]) -> None:
        self.events.put(("history", party, history))

    def on_unreachable(self, party: str, error: Exception) -> None:
        self.events.put(("unreachable", party, error))

    def on_left(self, party: str) -> None:
        self.events.put(("left", party, None))

    def next(self, timeout: float = 15.0) -> tuple[str, str, Any]:
        return self.events.get(timeout=timeout)


class Site:
    """The settings of a job on this machine, and its gateways; a context manager that closes them."""

    def __init__(
        self, *parties: str, tls: bool = True, link: LinkSettings = QUICK, carrier: str = ""
    ) -> None:
        self.bare = (carrier or USED["carrier"]) == "socket"
        self.parties = parties or ("alice", "bob")
        self.credentials: dict[str, TlsSettings | None] = dict.fromkeys(self.parties)
        if tls:
            self.credentials.update(ephemeral(self.parties))
        self.link = link
        self.cluster = {
            party: PartySettings(party, Address("127.0.0.1", port), Address("127.0.0.1", port))
            for party, port in zip(self.parties, free_ports(len(self.parties)), strict=True)
        }
        self.heard: dict[str, Heard] = {}
        self.gateways: dict[str, SiloGateway] = {}

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        for gateway in self.gateways.values():
            gateway.close()

    def settings(self, party: str, **changes: Any) -> Settings:
        settings = Settings(
            Mode.PRODUCTION, self.parties, party, self.cluster, self.credentials[party], link=self.link
        )
        return replace(settings, **changes)

    def make(self, party: str, facts: dict[str, str] = FACTS, **changes: Any) -> SiloGateway:
        self.heard[party] = Heard()
        carrier = self.carrier(self.credentials[party]) if self.bare else None
        settings = self.settings(party, **changes)
        self.gateways[party] = SiloGateway(settings, facts, self.heard[party], carrier)
        return self.gateways[party]

    def carrier(self, credentials: TlsSettings | None) -> Carrier:
        """What carries this job's usual connections, for somebody with these credentials."""
        made = SocketCarrier if self.bare else GrpcCarrier
        return made(credentials, self.cluster, self.link)

    def start(self, party: str, **changes: Any) -> SiloGateway:
        gateway = self.make(party, **changes)
        gateway.start()
        return gateway

    def meet(self, *parties: str) -> list[SiloGateway]:
        """Start the parties and let them meet."""
        for party in parties or self.parties:
            self.start(party)
        return self._meet()

    def meet_all(self) -> dict[str, SiloGateway]:
        """Start those that were made, all at once, and let them meet."""
        in_parallel(*(gateway.start for gateway in self.gateways.values()))
        self._meet(60)
        return self.gateways

    def _meet(self, seconds: float = 15) -> list[SiloGateway]:
        jobs = (lambda g=g: g.meet(seconds, lambda _: None) for g in self.gateways.values())
        results = in_parallel(*jobs, timeout=seconds + 10)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        assert len(set(results)) == 1
        return list(self.gateways.values())

    def reroute(self, party: str, port: int) -> None:
        """Let the others reach `party` at another port."""
        self.cluster[party] = replace(self.cluster[party], address=Address("127.0.0.1", port))


def in_parallel(*jobs: Callable[[], Any], timeout: float = 25.0) -> list[Any]:
    """Run the jobs in threads; results or exceptions in order."""
    results: list[Any] = [None] * len(jobs)

    def run(index: int) -> None:
        try:
            results[index] = jobs[index]()
        except BaseException as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(ends - time.monotonic(), 0))
        assert not thread.is_alive(), "a job did not end"
    return results


def places(*names: str) -> dict[str, DirectAddress]:
    """Addresses on this machine, at ports that are free."""
    made = [Address("127.0.0.1", port) for port in free_ports(len(names))]
    return {name: DirectAddress(place, place) for name, place in zip(names, made, strict=True)}


class Proxy:
    """Forwards TCP connections to `target` and can cut them all."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._through = True
        self.forwarded = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                left, _ = self._listener.accept()
            except OSError:
                return
            try:
                right = socket.create_connection(("127.0.0.1", self._target)) if self._through else None
            except OSError:
                right = None
            with self._lock:
                cut = not self._through  # by now, perhaps
                if right is not None and not cut:
                    self._pairs.append((left, right))
            if right is None or cut:
                for end in filter(None, (left, right)):
                    end.close()
                continue
            for source, sink in ((left, right), (right, left)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                sink.sendall(self._changed(data))
                self.forwarded += len(data)
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _changed(self, data: bytes) -> bytes:
        return data

    def cut(self) -> None:
        """Break everything; new connections are closed at once."""
        self._through = False
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def restore(self) -> None:
        self._through = True

    def close(self) -> None:
        self._listener.close()
        self.cut()


class Mallory:
    """A party that speaks the protocol by hand: it serves, it dials, and says what a test tells it to."""

    def __init__(self, site: Site, me: str, victim: str) -> None:
        self.site, self.me, self.victim = site, me, victim
        self.nonce = bytes([7]) * 16
        self.hello = handshake.hello(me, "junto", site.parties, FACTS, self.nonce)
        self.heard: queue.SimpleQueue[f.ControlFrame] = queue.SimpleQueue()
        self.refusal: f.Refused | None = None
        self.run = b""
        self._lines: list[Line] = []
        self._calls: list[CarrierConnection] = []
        self.server = site.carrier(site.credentials[me]).listen(site.cluster[me].listen, self._serve)
        self.server.start()

    def close(self) -> None:
        for line in self._lines:
            line.close()
        for call in self._calls:
            call.close()
        self.server.stop()

    def _serve(self, caller: Caller, messages: Iterator[bytes]) -> Line:
        line = Line(lambda _: None)
        self._lines.append(line)

        def read() -> None:
            for message in messages:
                frames = f.open_message(message)
                if isinstance(frames, f.Chunk):
                    continue
                for frame in frames:
                    if isinstance(frame, f.Hello):
                        self.theirs = frame
                        line.say(self.hello)
                    elif isinstance(frame, f.Resume):
                        self.run = frame.run
                        line.say(f.Resume(self.run), f.Resumed(0, (), (), 0))
                    else:
                        self.heard.put(frame)

        threading.Thread(target=read, daemon=True).start()
        return line

    def dial(self, credentials: TlsSettings | None = None) -> Talk:
        """Open a raw stream to the victim."""
        talk = Talk(self.site, self.victim, credentials or self.site.credentials[self.me])
        self._calls.append(talk.call)
        return talk

    def greet(self) -> Talk:
        """Shake hands up to the run that the victim says; returns the stream."""
        talk = self.dial()
        talk.say(self.hello)
        assert isinstance(talk.next(), f.Hello)
        until(lambda: self.run)
        assert talk.next() == f.Resume(self.run)
        return talk

    def enter(self, position: int = 0) -> Talk:
        """Shake hands as it should be; returns the open stream."""
        talk = self.greet()
        talk.say(f.Resume(self.run))
        assert isinstance(talk.next(), f.Resumed)
        return talk


class Talk:
    """One raw stream."""

    def __init__(self, site: Site, victim: str, credentials: TlsSettings | None) -> None:
        self._messages: deque[bytes] = deque()
        self.frames: queue.SimpleQueue[f.ControlFrame | None] = queue.SimpleQueue()
        self._line = Line(lambda _: self._messages.popleft() if self._messages else None)
        self._line.open = True
        report = ProbeReport(victim, site.cluster[victim].address, (), accepted_name=victim)
        self.call = site.carrier(credentials).dial(report, self._line)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for message in self.call:
            for frame in f.open_message(message):
                self.frames.put(frame)
        self.frames.put(None)

    def raw(self, message: bytes) -> None:
        self._messages.append(message)
        self._line.wake()

    def say(self, *frames: f.ControlFrame) -> None:
        self.raw(f.pack(frames))

    def next(self, timeout: float = 10.0) -> f.ControlFrame | None:
        """The next frame that is no heartbeat; None: the stream is over."""
        while True:
            frame = self.frames.get(timeout=timeout)
            if not isinstance(frame, f.Heartbeat):
                return frame

    def close(self) -> None:
        self._line.close()
        self.call.close()


def value(transfer: int, operation: int, index: int = 0, data: bytes = b"x") -> f.Value:
    return f.Value(transfer, TransferKey(operation, index), stamp(operation), memoryview(data))
