"""What one party's doctor asks another party, and the answers: a small gRPC service of its own.

It is answered by `junto doctor` itself and by a running session's gateway alike, so that a doctor needs
nobody's cooperation but a certificate of one of the parties. Messages are JSON objects, in which unknown
fields are ignored, so that versions that differ can still tell each other that they do.

    describe   what the handshake compares, the time, and who answers
    echo       the same bytes back, at most 64 KiB: the round trip, and whether full packets pass
    sink       takes at most 32 MiB and says how much came in how long: the bandwidth
    exchange   what the asking doctor sees of us, for what we see of it (`views`)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

from junto.config.model import Settings, TlsSettings
from junto.doctor.views import View, read_view
from junto.errors import IdentityError, MalformedBytes
from junto.log import printable
from junto.net.frames import NONCE_BYTES, Hello
from junto.net.grpc_carrier import caller_host, grpc, party_of
from junto.net.handshake import facts_of, hello

SINK_LIMIT: Final = 32 << 20
_SERVICE: Final = "junto.Doctor"
LARGE: Final = 12 << 10
"""Bytes that need full packets, of 9000 bytes too, and yet go out at once (the first window, RFC 6928)."""

_ECHO_LIMIT: Final = 64 << 10
_MOST: Final = 1000
_LEAST_TRIES: Final = 3


class SiteDescription(msgspec.Struct, frozen=True):
    """What `describe` answers: what the handshake tells, addresses, time and who answers.

    Attributes:
        protocol, party, job, parties, facts, versions: as in `frames.Hello`.
        addresses: where this party thinks that each party is.
        time: seconds since 1970 by the answering machine's clock.
        answers_as: "doctor" or "session".
    """

    protocol: int
    party: str
    job: str
    parties: tuple[str, ...]
    facts: dict[str, str]
    versions: dict[str, str]
    addresses: dict[str, str]
    time: float
    answers_as: str

    def hello(self) -> Hello:
        """As the handshake compares it (without a nonce: no run begins)."""
        nonce = bytes(NONCE_BYTES)
        return Hello(self.protocol, self.party, self.job, self.parties, self.facts, self.versions, nonce)

    def printable(self) -> SiteDescription:
        """With texts of bounded length and without control characters: it came from outside."""
        return SiteDescription(
            protocol=self.protocol,
            party=printable(self.party),
            job=printable(self.job),
            parties=tuple(printable(party) for party in self.parties[:_MOST]),
            facts=_printable(self.facts),
            versions=_printable(self.versions),
            addresses=_printable(self.addresses),
            time=self.time,
            answers_as="doctor" if self.answers_as == "doctor" else "session",
        )


def _printable(texts: dict[str, str]) -> dict[str, str]:
    return {printable(name): printable(text) for name, text in list(texts.items())[:_MOST]}


class _Sunk(msgspec.Struct, frozen=True):
    nbytes: int
    seconds: float


def describe(settings: Settings, answers_as: str) -> SiteDescription:
    """What a doctor may know of us: exactly what the handshake tells, and the configured addresses."""
    from junto.wire.codec import policy_fingerprint
    from junto.wire.policy import Limits, WirePolicy

    limits = Limits(max_value_bytes=settings.link.max_value_bytes)
    policy = WirePolicy(limits, settings.wire_types, settings.allow_pickle)
    facts = facts_of(settings, policy_fingerprint(policy))
    ours = hello(settings.self_party or "", settings.job_name, settings.parties, facts, bytes(NONCE_BYTES))
    return SiteDescription(
        protocol=ours.protocol,
        party=ours.party,
        job=ours.job,
        parties=ours.parties,
        facts=ours.facts,
        versions=ours.versions,
        addresses={name: str(party.address) for name, party in settings.cluster.items()},
        time=time.time(),
        answers_as=answers_as,
    )


class DoctorService:
    """The answering side; a server takes its `handlers` by `add_generic_rpc_handlers`.

    With TLS (1.3), only a certificate that names one of the parties is answered. `exchange(party, theirs,
    calls_from)` takes a view of that party's doctor and returns ours (in plaintext, the party that it claims
    to be).
    Without it, as in a session, nobody's view is taken.
    """

    def __init__(
        self, settings: Settings, answers_as: str, exchange: Callable[[str, View, str], View] | None = None
    ) -> None:
        self._description = describe(settings, answers_as)
        self._parties = None if settings.tls is None else settings.cluster
        self._exchange_views = exchange
        self._sink_free = threading.Lock()

    def handlers(self) -> tuple[Any, ...]:
        """What gRPC's server is given."""
        unary, sink = grpc.unary_unary_rpc_method_handler, grpc.stream_unary_rpc_method_handler
        methods: dict[str, Any] = {
            "describe": unary(self._describe),
            "echo": unary(self._echo),
            "sink": sink(self._sink),
        }
        if self._exchange_views is not None:
            methods["exchange"] = unary(partial(self._exchange, self._exchange_views))
        return (grpc.method_handlers_generic_handler(_SERVICE, methods),)

    def _caller(self, context: Any) -> str:
        """The party that asks, "" in plaintext. `context.abort` raises."""
        if self._parties is None:
            return ""
        try:
            return party_of(context, self._parties)
        except IdentityError:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "your certificate names no party of ours")
            raise

    def _describe(self, request: bytes, context: Any) -> bytes:
        self._caller(context)
        return msgspec.json.encode(msgspec.structs.replace(self._description, time=time.time()))

    def _echo(self, request: bytes, context: Any) -> bytes:
        self._caller(context)
        return request[:_ECHO_LIMIT]

    def _sink(self, chunks: Iterator[bytes], context: Any) -> bytes:
        self._caller(context)
        if not self._sink_free.acquire(blocking=False):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "another doctor is measuring")
        try:
            start, taken = 0.0, 0
            for chunk in chunks:
                start = start or time.perf_counter()  # from the first chunk: a call's set-up is no bandwidth
                taken += len(chunk)
                if taken > SINK_LIMIT:
                    context.abort(grpc.StatusCode.OUT_OF_RANGE, "a doctor sends at most 32 MiB")
            return msgspec.json.encode(_Sunk(taken, time.perf_counter() - start if start else 0.0))
        finally:
            self._sink_free.release()

    def _exchange(self, take: Callable[[str, View, str], View], request: bytes, context: Any) -> bytes:
        caller = self._caller(context)
        try:
            theirs = read_view(request)
        except MalformedBytes as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
            raise
        return msgspec.json.encode(take(caller or theirs.party, theirs, caller_host(context)))


@dataclass(frozen=True, slots=True)
class Answer:
    """A description, and by how many seconds the answering clock is ahead of ours."""

    description: SiteDescription
    clock_lead_s: float


class DoctorClient:
    """The asking side, over one channel. Every method raises `grpc.RpcError`; close it."""

    def __init__(self, target: str, tls: TlsSettings | None, accepted_name: str | None) -> None:
        options: list[tuple[str, Any]] = [
            ("grpc.enable_http_proxy", 0),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if tls is None:
            self._channel = grpc.insecure_channel(target, options=options)
        else:
            options.append(("grpc.ssl_target_name_override", accepted_name))
            credentials = grpc.ssl_channel_credentials(tls.ca_cert, tls.key, tls.cert)
            self._channel = grpc.secure_channel(target, credentials, options=options)

    def _call(self, method: str, request: bytes, timeout_s: float) -> bytes:
        answer: bytes = self._channel.unary_unary(f"/{_SERVICE}/{method}", None, None)(
            request, timeout=timeout_s
        )
        return answer

    def describe(self, timeout_s: float) -> Answer:
        """Ask for the other's settings. Raises MalformedBytes if the answer is none of ours."""
        self._call("echo", b"", timeout_s)  # connects, so that the clocks are compared over a bare round trip
        before = time.time()
        data = self._call("describe", b"", timeout_s)
        middle = (before + time.time()) / 2
        try:
            description = msgspec.json.decode(data, type=SiteDescription)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise MalformedBytes("its answer to a doctor cannot be read") from error
        return Answer(description.printable(), description.time - middle)

    def passes_large(self, timeout_s: float) -> bool:
        """Whether `LARGE` bytes come back in half of the time, where a message of none does in the whole."""
        self._call("echo", b"", timeout_s)
        try:
            self._call("echo", bytes(LARGE), timeout_s / 2)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return False
            raise
        return True

    def round_trip_s(self, timeout_s: float, count: int = 8, most_s: float = 0.4) -> float:
        """The shortest of `count` round trips, in seconds; of three if they take more than `most_s`."""
        best, ends = timeout_s, time.perf_counter() + most_s
        for tries in range(1, count + 1):
            start = time.perf_counter()
            self._call("echo", b"x", timeout_s)
            best = min(best, time.perf_counter() - start)
            if tries >= _LEAST_TRIES and time.perf_counter() > ends:
                break
        return best

    def bandwidth(self, timeout_s: float, seconds: float, round_trip_s: float) -> float:
        """Bytes a second towards the other party, as both saw them; sends for `seconds`, at most 32 MiB."""
        chunk = bytes(1 << 18)
        start = time.perf_counter()
        ends = start + seconds

        def chunks() -> Iterator[bytes]:
            for _ in range(SINK_LIMIT // len(chunk)):
                if time.perf_counter() > ends:
                    return
                yield chunk

        data = self._channel.stream_unary(f"/{_SERVICE}/sink", None, None)(chunks(), timeout=timeout_s)
        try:
            sunk = msgspec.json.decode(data, type=_Sunk)
        except msgspec.MsgspecError as error:
            raise MalformedBytes("its answer to a doctor cannot be read") from error
        return sunk.nbytes / max(sunk.seconds, time.perf_counter() - start - 2 * round_trip_s, 1e-6)

    def exchange(self, mine: View, timeout_s: float) -> View:
        """Tell the other side what we see of it, for what it sees of us. Raises MalformedBytes."""
        return read_view(self._call("exchange", msgspec.json.encode(mine), timeout_s))

    def close(self) -> None:
        """Release the connection."""
        self._channel.close()
