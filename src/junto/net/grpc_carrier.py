"""gRPC: the only module that imports it. Messages in and out as bytes, and who is at the other end.

One bidirectional method carries everything. gRPC is told what its defaults get wrong here: a taken port is an
error, proxies of the environment are not used, connections are not shared between channels, pings are
answered and sent also while nothing flows, and the server's threads never keep the process alive.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from typing import Any, Final
from urllib.parse import unquote

from junto.config.model import Address, LinkSettings, PartySettings, TlsSettings
from junto.errors import IdentityError
from junto.locks import Event
from junto.log import printable
from junto.net.carrier import Accept, Caller, Carrier, CarrierConnection, Listener, bind, cannot_listen
from junto.net.frames import MESSAGE_BYTES
from junto.net.line import Line
from junto.reach.identity import party_of_certificate
from junto.reach.probe import ProbeReport, probe

# It prints when a peer hangs up; its handlers for forks abort one child in twenty while calls are under way.
_SWITCHES: Final = (("GRPC_VERBOSITY", "NONE"), ("GRPC_ENABLE_FORK_SUPPORT", "0"))


def _import_grpc() -> Any:
    """Import it with its switches as we need them, which it reads once; what the user has set counts."""
    ours = {name: value for name, value in _SWITCHES if name not in os.environ}
    os.environ.update(ours)
    try:
        import grpc
    finally:
        for name in ours:
            del os.environ[name]
    return grpc


grpc: Any = _import_grpc()

METHOD = "/junto.Silo/Push"
STREAMS = 16

CONNECTIONS: Final = 64
"""So many connections may be open, and this many more for each party: others are closed at once."""

CONNECTIONS_A_PARTY: Final = 16

Option = tuple[str, int | str]


class _DaemonThreads(futures.Executor):
    """A thread a call. `ThreadPoolExecutor` would be joined when the interpreter ends, streams or not."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future[Any]:
        future: futures.Future[Any] = futures.Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=run, name="junto-serve", daemon=True).start()
        return future


class GrpcCarrier(Carrier):
    """See `Carrier`.

    Args:
        tls: None: plaintext.
        parties: of the job: whom certificates may name.
        also: further gRPC handlers that answer where we listen.
    """

    pings: bool = True

    def __init__(
        self,
        tls: TlsSettings | None,
        parties: Mapping[str, PartySettings],
        link: LinkSettings,
        also: tuple[Any, ...] = (),
    ) -> None:
        self._tls, self._parties, self._link, self._also = tls, parties, link, also

    def listen(self, listen: Address, accept: Accept) -> Listener:
        return _Server(listen, self._tls, self._parties, self._link, (accept, self._also))

    def probe(self, address: Address, party: str, timeout_s: float) -> ProbeReport:
        return probe(address, self._tls, party, self._parties, timeout_s)

    def dial(self, report: ProbeReport, line: Line) -> CarrierConnection:
        options = _client_options(self._link)
        address, tls = str(report.address), self._tls
        if tls is None:
            return GrpcCall(grpc.insecure_channel(address, options=options), line.messages())
        if report.accepted_name is not None:
            options.append(("grpc.ssl_target_name_override", report.accepted_name))
        credentials = grpc.ssl_channel_credentials(tls.ca_cert, tls.key, tls.cert)
        return GrpcCall(grpc.secure_channel(address, credentials, options=options), line.messages())


class _Server(Listener):
    def __init__(
        self,
        listen: Address,
        tls: TlsSettings | None,
        parties: Mapping[str, PartySettings],
        link: LinkSettings,
        serve: tuple[Accept, tuple[Any, ...]],
    ) -> None:
        self._accept, also = serve
        self._parties = parties
        self._tls = tls is not None
        bind(listen).close()  # gRPC does not say why it cannot, and prints
        self._server: Any = grpc.server(
            _DaemonThreads(),
            options=[*guard_options(len(parties), link.peer_timeout_s), *_server_options(link)],
            maximum_concurrent_rpcs=STREAMS * max(len(parties), 4),
        )
        self._server.add_generic_rpc_handlers((self._handlers(), *also))
        self.port: int = self._bind(listen, tls)

    def start(self) -> None:
        # Where the system gives no thread, what gRPC has begun by then keeps the process from ever ending.
        trial = threading.Thread(target=int, name="junto-trial")
        trial.start()
        trial.join()
        self._server.start()

    def stop(self, timeout_s: float = 0.0) -> None:
        self._server.stop(None).wait(timeout_s)

    def _bind(self, listen: Address, tls: TlsSettings | None) -> int:
        try:
            if tls is None:
                return int(self._server.add_insecure_port(str(listen)))
            credentials = grpc.ssl_server_credentials(
                [(tls.key, tls.cert)], root_certificates=tls.ca_cert, require_client_auth=True
            )
            return int(self._server.add_secure_port(str(listen), credentials))
        except RuntimeError as error:
            raise cannot_listen(listen, "gRPC cannot bind it") from error

    def _handlers(self) -> Any:
        handler = grpc.stream_stream_rpc_method_handler(self._serve)
        service, method = METHOD.strip("/").split("/")
        return grpc.method_handlers_generic_handler(service, {method: handler})

    def _serve(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        return self._accept(self._caller(context), _quiet(requests)).messages()

    def _caller(self, context: Any) -> Caller:
        place = str(context.peer())
        if not self._tls:
            return Caller(place)
        try:
            return Caller(place, party_of(context, self._parties))
        except IdentityError as error:
            return Caller(place, error=error)


class GrpcCall(CarrierConnection):
    """A connection that we have dialled."""

    def __init__(self, channel: Any, messages: Iterator[bytes]) -> None:
        self._channel = channel
        self._threads: list[threading.Thread] = []
        self._over = Event()
        self._call = channel.stream_stream(METHOD)(self._sent(messages))
        if not self._call.add_callback(self._ended):
            self._over.set()
        self.reason: str = ""

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._call
        except grpc.RpcError as error:
            self.reason = f"{error.code().name.lower()}: {printable(str(error.details()))}"

    def close(self) -> None:
        self._call.cancel()
        self._channel.close()

    def join(self, ends: float) -> None:
        """See `CarrierConnection`.

        The threads are daemons. If the interpreter ends one of them while it holds the call's lock,
        collecting the call waits for that lock for ever, and the process never ends.
        """
        self._over.wait(max(ends - time.monotonic(), 0))
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(ends - time.monotonic(), 0))

    def _sent(self, messages: Iterator[bytes]) -> Iterator[bytes]:
        """Runs in the thread that sends."""
        self._threads.append(threading.current_thread())
        yield from messages

    def _ended(self) -> None:
        """Runs in the thread that hears, which then ends."""
        self._threads.append(threading.current_thread())
        self._over.set()


def _quiet(requests: Iterator[bytes]) -> Iterator[bytes]:
    """The messages of a call; that it breaks is its end."""
    try:
        yield from requests
    except Exception:  # gRPC raises a bare one when the call is over
        return


def _common_options(link: LinkSettings) -> list[Option]:
    quarter_ms = max(int(link.peer_timeout_s * 250), 100)
    return [
        ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ("grpc.max_send_message_length", MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", quarter_ms),
        ("grpc.keepalive_timeout_ms", 2 * quarter_ms),
        # Its default is a minute, and it, not the one before, decides when a frozen process is noticed.
        ("grpc.http2.ping_timeout_ms", 2 * quarter_ms),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", quarter_ms),
    ]


def _client_options(link: LinkSettings) -> list[Option]:
    return [
        *_common_options(link),
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
        *link.channel_options,
    ]


def _server_options(link: LinkSettings) -> list[Option]:
    return [
        *_common_options(link),
        ("grpc.so_reuseport", 0),
        ("grpc.max_concurrent_streams", STREAMS),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 100),
        *link.channel_options,
    ]


def party_of(context: Any, parties: Mapping[str, PartySettings]) -> str:
    """The party that the certificate of a call's other end names.

    Raises IdentityError if it names none, or if the connection is not TLS 1.3.
    """
    facts = context.auth_context()
    version = _first(facts, "ssl_tls_version")
    if not version:
        raise IdentityError("this grpcio does not tell the TLS version; junto needs 1.85 or newer")
    if version != b"TLSv1.3":
        raise IdentityError(f"it speaks {version.decode('ascii', 'replace')!r}, not TLSv1.3")
    pem = _first(facts, "x509_pem_cert").decode("ascii", "replace")
    try:
        return party_of_certificate(ssl.PEM_cert_to_DER_cert(pem), parties)
    except ValueError as error:
        raise IdentityError(f"its certificate cannot be read: {error}") from error


def caller_host(context: Any) -> str:
    """The IP address from which a call comes, in its shortest form; empty if gRPC does not say."""
    host = unquote(context.peer()).partition(":")[2].rpartition(":")[0].strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def guard_options(parties: int, timeout_s: float) -> list[Option]:
    """What gRPC is told of callers that show no certificate: a deadline for the handshake, and a most."""
    return [
        ("grpc.server_handshake_timeout_ms", max(int(timeout_s * 1000), 1000)),
        ("grpc.max_allowed_incoming_connections", CONNECTIONS + CONNECTIONS_A_PARTY * parties),
    ]


def _first(facts: Mapping[str, Any], name: str) -> bytes:
    values = facts.get(name) or (b"",)
    return bytes(values[0])
