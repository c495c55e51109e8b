"""What this machine does without junto: two processes, one connection, as little Python as it takes.

The client is this process, the server a fresh one. TLS is mutual and 1.3, with certificates of this run.
"""

from __future__ import annotations

import multiprocessing
import queue
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.processes import PARTIES, write_certificates

SMALL = bytes(range(100))
PIECE = 1 << 20
START_S = 30.0
ECHO, LAST = "/ceiling/Echo", "/ceiling/Last"

Files = dict[str, Path]
Serve = Callable[[Connection, Files | None], None]


@dataclass(frozen=True, slots=True)
class Echo:
    """Server: send back `count` small messages."""

    count: int


@dataclass(frozen=True, slots=True)
class Take:
    """Server: receive `nbytes`, `count` times, and answer each time with one byte.

    `fresh`: into a new buffer of that size each time, as a receiver must that keeps the value; otherwise
    into one small buffer again and again.
    """

    nbytes: int
    count: int
    fresh: bool


class SocketPair:
    """A connection to a server process that obeys orders."""

    def __init__(self, connection: socket.socket, orders: Connection) -> None:
        self._connection = connection
        self._orders = orders

    def round_trips(self, count: int) -> list[float]:
        """Seconds that each of `count` small messages takes to the server and back."""
        self._orders.send(Echo(count))
        answer = memoryview(bytearray(len(SMALL)))
        seconds = []
        for _ in range(count):
            began = time.perf_counter()
            self._connection.sendall(SMALL)
            _receive(self._connection, answer)
            seconds.append(time.perf_counter() - began)
            if answer != SMALL:
                raise RuntimeError("the echo is not what was sent")
        return seconds

    def flow(self, nbytes: int, count: int, *, fresh: bool) -> list[float]:
        """Seconds until the server has `nbytes` and we know, `count` times."""
        self._orders.send(Take(nbytes, count, fresh))
        source = memoryview(b"\x01" * nbytes)
        seconds = []
        for _ in range(count):
            began = time.perf_counter()
            for at in range(0, nbytes, PIECE):
                self._connection.sendall(source[at : at + PIECE])
            self._connection.recv(1)
            seconds.append(time.perf_counter() - began)
        return seconds


@contextmanager
def socket_pair(*, tls: bool) -> Iterator[SocketPair]:
    """A server process and a connection to it."""
    with ExitStack() as stack:
        files = stack.enter_context(_certificates()) if tls else {}
        orders, port = stack.enter_context(_server(_serve_socket, files.get("bob")))
        connection: socket.socket = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = _context(ssl.PROTOCOL_TLS_CLIENT, files["alice"])
            connection = context.wrap_socket(connection, server_hostname="bob")
        with connection:
            yield SocketPair(connection, orders)


class GrpcStream:
    """A channel to a gRPC server process."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def round_trips(self, count: int) -> list[float]:
        """Seconds that each of `count` small messages takes to the server and back, on one stream."""
        outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        answers = self._channel.stream_stream(ECHO)(iter(outgoing.get, None))
        outgoing.put(SMALL)
        next(answers)  # the stream is open
        seconds = []
        for _ in range(count):
            began = time.perf_counter()
            outgoing.put(SMALL)
            next(answers)
            seconds.append(time.perf_counter() - began)
        outgoing.put(None)
        return seconds

    def flow(self, nbytes: int, count: int) -> list[float]:
        """Seconds until the server has seen `nbytes`, in messages of a MiB, and we know; `count` times."""
        source = memoryview(b"\x01" * nbytes)
        turns: queue.SimpleQueue[int | None] = queue.SimpleQueue()

        def messages() -> Iterator[bytes]:
            for _ in iter(turns.get, None):
                for at in range(0, nbytes, PIECE):
                    yield bytes(source[at : at + PIECE])
                yield b""

        answers = self._channel.stream_stream(LAST)(messages())
        seconds = []
        for _ in range(count):
            began = time.perf_counter()
            turns.put(1)
            next(answers)
            seconds.append(time.perf_counter() - began)
        turns.put(None)
        return seconds


@contextmanager
def grpc_stream() -> Iterator[GrpcStream]:
    """A gRPC server process with mutual TLS, and a channel to it."""
    import grpc

    with _certificates() as files, _server(_serve_grpc, files["bob"]) as (_, port):
        ca_cert, cert, key = _contents(files["alice"])
        credentials = grpc.ssl_channel_credentials(ca_cert, key, cert)
        options = [("grpc.ssl_target_name_override", "bob")]
        with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
            yield GrpcStream(channel)


def thread_pool_tasks(iterations: int) -> float:
    """Seconds for three tiny tasks an iteration, one of the other two's results, in a plain thread pool."""
    with ThreadPoolExecutor(4) as pool:
        began = time.perf_counter()
        results = []
        for _ in range(iterations):
            first, second = pool.submit(int), pool.submit(int)
            results.append(pool.submit(lambda left, right: left.result() + right.result(), first, second))
        for result in results:
            result.result()
        return time.perf_counter() - began


@contextmanager
def _certificates() -> Iterator[dict[str, Files]]:
    with tempfile.TemporaryDirectory(prefix="junto-bench-") as folder:
        yield write_certificates(Path(folder), PARTIES)


@contextmanager
def _server(serve: Serve, files: Files | None) -> Iterator[tuple[Connection, int]]:
    """A server's process: where to send it orders, and its port."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, files), daemon=True)
    process.start()
    try:
        if not ours.poll(START_S):
            raise RuntimeError("the ceiling's server process did not start")
        yield ours, int(ours.recv())
        ours.send(None)
        process.join(START_S)
    finally:
        if process.is_alive():
            process.kill()
            process.join()


# In the server's process.


def _serve_socket(orders: Connection, files: Files | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        orders.send(listener.getsockname()[1])
        connection: socket.socket = listener.accept()[0]
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if files is not None:
        connection = _context(ssl.PROTOCOL_TLS_SERVER, files).wrap_socket(connection, server_side=True)
    with connection:
        for order in iter(orders.recv, None):
            match order:
                case Echo(count):
                    _echo(connection, count)
                case Take(nbytes, count, fresh):
                    _take(connection, nbytes, count, fresh)


def _echo(connection: socket.socket, count: int) -> None:
    buffer = memoryview(bytearray(len(SMALL)))
    for _ in range(count):
        _receive(connection, buffer)
        connection.sendall(buffer)


def _take(connection: socket.socket, nbytes: int, count: int, fresh: bool) -> None:
    small = memoryview(bytearray(PIECE))
    for _ in range(count):
        if fresh:
            _receive(connection, memoryview(bytearray(nbytes)))
        else:
            left = nbytes
            while left:
                left -= connection.recv_into(small[: min(left, PIECE)])
        connection.sendall(b"k")


def _receive(connection: socket.socket, buffer: memoryview) -> None:
    at = 0
    while at < len(buffer):
        at += connection.recv_into(buffer[at : at + PIECE])


def _serve_grpc(orders: Connection, files: Files | None) -> None:
    import grpc

    def last(requests: Iterator[bytes], _: Any) -> Iterator[bytes]:
        return (message for message in requests if not message)

    handlers = {
        "Echo": grpc.stream_stream_rpc_method_handler(lambda requests, _: requests),
        "Last": grpc.stream_stream_rpc_method_handler(last),
    }
    ca_cert, cert, key = _contents(files or {})
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("ceiling", handlers),))
    credentials = grpc.ssl_server_credentials([(key, cert)], ca_cert, require_client_auth=True)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    orders.send(port)
    orders.recv()
    server.stop(None).wait()


def _contents(files: Files) -> list[bytes]:
    return [files[name].read_bytes() for name in ("ca_cert", "cert", "key")]


def _context(protocol: int, files: Files) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(files["ca_cert"])
    context.load_cert_chain(files["cert"], files["key"])
    context.verify_mode = ssl.CERT_REQUIRED
    return context
