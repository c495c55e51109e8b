"""The ladder below gRPC: why a party cannot be reached, rung by rung, each failure with its own cause.

gRPC folds everything into UNAVAILABLE, so the gateway climbs this ladder before it dials, and `junto
doctor` shows it:

    resolve   the host's name has an address
    tcp       something accepts connections there
    tls       it speaks TLS 1.3 (or plaintext, where we do)
    chain     its certificate is signed by a CA of ours and valid today
    identity  the certificate names the party (`identity.accepted_name`)
    http2     it takes our certificate too and greets as an HTTP/2 server (on a bare socket: as a party)

Nothing is sent before the identity is settled except the TLS handshake; after it, HTTP/2's greeting.
"""

from __future__ import annotations

import dataclasses
import enum
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from junto.config.model import Address, PartySettings, TlsSettings
from junto.errors import HandshakeRefused, IdentityError, PartyUnreachable, PeerError
from junto.reach import dial, tls_cause
from junto.reach.dial import SMALL_SEGMENT, Cause, ProbeFailed
from junto.reach.identity import accepted_name
from junto.reach.tls_context import HTTP2_ALPN, client_context

T = TypeVar("T")

SURE_TRIPS = 15
"""What is not answered in so many round trips was not merely lost and sent again."""

_SETTINGS = 4
_IDENTITY_CAUSES = frozenset({Cause.UNTRUSTED, Cause.EXPIRED, Cause.NOT_YET_VALID, Cause.WRONG_PARTY})
_PASSING_CAUSES = frozenset(
    {
        Cause.NAME_NOT_FOUND,
        Cause.REFUSED,
        Cause.FILTERED,
        Cause.UNREACHABLE,
        Cause.SILENT,
        Cause.CLOSED,
        Cause.MTU,
    }
)


class Rung(enum.StrEnum):
    """The steps of the ladder, in order."""

    RESOLVE = "resolve"
    TCP = "tcp"
    TLS = "tls"
    CHAIN = "chain"
    IDENTITY = "identity"
    HTTP2 = "http2"


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One rung that was tried: `cause` is None if it holds. `text` and `fix` are for a person."""

    rung: Rung
    text: str
    cause: Cause | None = None
    fix: str = ""

    @property
    def ok(self) -> bool:
        """Whether the rung holds."""
        return self.cause is None


@dataclass(frozen=True, slots=True, repr=False)
class ProbeReport:
    """What the ladder showed.

    Attributes:
        party, address: who was sought, and where.
        steps: the rungs tried; only the last one can have failed.
        certificate: the peer's certificate (DER) once its chain held; None in plaintext.
        shown: the certificate (DER) that was shown there, be it believed or not; None if none was.
        local: our own address on that way; None if it never connected.
        accepted_name: the name by which gRPC shall verify the peer; None in plaintext or on failure.
        tls_version: such as "TLSv1.3"; None in plaintext or on failure.
        rtt_s: one round trip (TCP's handshake), in seconds; None if it never connected.
    """

    party: str
    address: Address
    steps: tuple[ProbeStep, ...]
    certificate: bytes | None = None
    accepted_name: str | None = None
    tls_version: str | None = None
    rtt_s: float | None = None
    shown: bytes | None = None
    local: str | None = None

    @property
    def failure(self) -> ProbeStep | None:
        """The rung that failed, or None."""
        return next((step for step in self.steps if not step.ok), None)

    @property
    def ok(self) -> bool:
        """Whether every rung holds."""
        return self.failure is None

    @property
    def may_pass(self) -> bool:
        """Whether the failure may vanish by waiting (the peer is not up yet, the network is down)."""
        return self.failure is not None and self.failure.cause in _PASSING_CAUSES

    def error(self) -> PeerError | None:
        """The failure as an exception, or None if every rung holds.

        IdentityError for the peer's certificate, HandshakeRefused for what else waiting cannot heal,
        PartyUnreachable for what may pass.
        """
        failure = self.failure
        if failure is None:
            return None
        message = f"{self.party} at {self.address}: {failure.text}"
        if self.may_pass:
            return PartyUnreachable(message, party=self.party, fix=failure.fix)
        kind = IdentityError if failure.cause in _IDENTITY_CAUSES else HandshakeRefused
        error = kind(message, fix=failure.fix)
        error.party = self.party
        return error


class _Ladder:
    """Climbs for one party and remembers the steps; the first that fails ends the climb."""

    def __init__(
        self,
        party: str,
        parties: Mapping[str, PartySettings],
        timeout_s: float,
        segment: int | None,
        alpn: str = HTTP2_ALPN,
    ) -> None:
        self.party = party
        self.parties = parties
        self.alpn = alpn
        self.segment = segment
        self.ends = time.monotonic() + timeout_s
        self.steps: list[ProbeStep] = []
        self.certificate: bytes | None = None
        self.name: str | None = None
        self.version: str | None = None
        self.rtt_s: float | None = None
        self.shown: bytes | None = None
        self.local: str | None = None

    def left(self) -> float:
        """Seconds until the deadline, never 0 (which sockets take for "do not block")."""
        return max(self.ends - time.monotonic(), 0.001)

    def rung(self, rung: Rung, climb: Callable[[], tuple[str, T]]) -> T:
        """Try one rung: `climb` returns its sentence and its result, or raises Failed."""
        try:
            text, result = climb()
        except ProbeFailed as failed:
            raise self._failed(rung, failed) from failed.__cause__
        self.steps.append(ProbeStep(rung, text))
        return result

    def climb(self, tls: TlsSettings | None, address: Address) -> None:
        """All rungs. Raises Failed."""
        places = self.rung(Rung.RESOLVE, lambda: dial.resolve(address, self.left()))
        place, plain, self.rtt_s = self.rung(
            Rung.TCP, lambda: dial.connect(address, places, self.party, self.left, self.segment)
        )
        with plain:
            self.local = str(plain.getsockname()[0])
            if tls is None:
                self.rung(Rung.HTTP2, lambda: self._greet_in_plaintext(plain, place))
                return
            context = client_context(tls, self.alpn)
            with self._handshake(context, plain, place, tls) as secured:
                self.rung(Rung.IDENTITY, lambda: self._identify(secured))
                self.rung(Rung.HTTP2, lambda: self._greet(secured, context, place))

    def _handshake(
        self, context: ssl.SSLContext, plain: dial.Socket, place: dial.Place, tls: TlsSettings
    ) -> ssl.SSLSocket:
        plain.settimeout(self.left() * 0.6)  # the rest is for finding out why, if it does not answer
        try:
            secured = context.wrap_socket(plain, server_hostname=dial.server_name(self.party))
        except ssl.SSLCertVerificationError as error:
            self.steps.append(ProbeStep(Rung.TLS, "speaks TLS 1.3"))
            self.shown = tls_cause.read_certificate(place, self.left())
            failed = tls_cause.of_chain(error, self.shown, tls.ca_cert)
            raise self._failed(Rung.CHAIN, failed) from error
        except (OSError, ssl.SSLError) as error:
            raise self._failed(Rung.TLS, tls_cause.of_handshake(error, place, self.left())) from error
        self.version = secured.version()
        self.steps.append(ProbeStep(Rung.TLS, f"speaks {self.version}"))
        self.steps.append(ProbeStep(Rung.CHAIN, "its certificate is signed by our CA and valid today"))
        return secured

    def _failed(self, rung: Rung, failed: ProbeFailed) -> ProbeFailed:
        self.steps.append(ProbeStep(rung, failed.text, failed.cause, failed.fix))
        return failed

    def _identify(self, secured: ssl.SSLSocket) -> tuple[str, None]:
        self.shown = der = secured.getpeercert(binary_form=True) or b""
        try:
            self.name = accepted_name(der, self.party, self.parties)
        except IdentityError as error:
            raise ProbeFailed(Cause.WRONG_PARTY, error.message, error.fix) from error
        self.certificate = der
        return f"its certificate names {self.party} ({self.name})", None

    def _greet(self, secured: ssl.SSLSocket, context: ssl.SSLContext, place: dial.Place) -> tuple[str, None]:
        if secured.selected_alpn_protocol() != self.alpn:
            raise ProbeFailed(
                Cause.NO_HTTP2,
                f"it speaks TLS but does not offer {self._spoken} (ALPN {self.alpn})",
                "another service, or a proxy that ends TLS, answers at this address",
            )
        try:
            answer = self._await_greeting(secured)
        except (OSError, ssl.SSLError) as error:
            raise tls_cause.after_handshake(error, partial(self._hangs_up_again, context, place)) from error
        if len(answer) < self._head:
            raise tls_cause.after_handshake(None, partial(self._hangs_up_again, context, place))
        return self._settings(answer), None

    def _hangs_up_again(self, context: ssl.SSLContext, place: dial.Place) -> bool:
        """Whether a second handshake ends as the first: then it was no accident that cut the line."""
        try:
            plain = dial.open_socket(place, self.left(), self.segment)
            with plain, context.wrap_socket(plain, server_hostname=dial.server_name(self.party)) as secured:
                try:
                    return len(self._read_frame_head(secured, self.left() / 2)) < self._head
                except TimeoutError:
                    return False
                except OSError:
                    return True
        except OSError:
            return False

    def _greet_in_plaintext(self, plain: dial.Socket, place: dial.Place) -> tuple[str, None]:
        try:
            if self.alpn == HTTP2_ALPN:
                plain.sendall(dial.HTTP2_GREETING)
            answer = self._read_frame_head(plain, self.left() * 0.6)
        except OSError:
            answer = b""
        if len(answer) < self._head or answer[0] == tls_cause.ALERT_RECORD:
            if tls_cause.speaks_tls(place, self.left()):
                raise ProbeFailed(
                    Cause.TLS_PEER,
                    "it expects TLS, but we have no tls_config",
                    "give tls_config here, or remove it there",
                )
            raise ProbeFailed(
                Cause.CLOSED,
                f"it accepts connections but does not greet as {self._greeter}",
                "check that the address is the party's own and not another service's",
            )
        return self._settings(answer), None

    def _await_greeting(self, secured: ssl.SSLSocket) -> bytes:
        """Servers greet unasked, as a rule; only one that does not is greeted first.

        Listening first matters: a peer that refuses our certificate sends an alert and closes, and if
        data of ours lay unread there, its system would reset the connection and the alert be lost.
        """
        try:
            return self._read_frame_head(secured, self.left() / 2)
        except TimeoutError:
            if self.alpn == HTTP2_ALPN:
                secured.sendall(dial.HTTP2_GREETING)
            return self._read_frame_head(secured, self.left())

    @property
    def _head(self) -> int:
        """Bytes that head a frame of HTTP/2, or a message on a bare socket."""
        return 9 if self.alpn == HTTP2_ALPN else 4

    @property
    def _spoken(self) -> str:
        return "HTTP/2" if self.alpn == HTTP2_ALPN else "what parties speak on a bare socket"

    @property
    def _greeter(self) -> str:
        return "an HTTP/2 server" if self.alpn == HTTP2_ALPN else "a party of a job"

    def _read_frame_head(self, connection: dial.Socket, timeout_s: float) -> bytes:
        """The first bytes of the greeting; fewer if the peer closes before."""
        ends = time.monotonic() + timeout_s
        answer = b""
        while len(answer) < self._head:
            connection.settimeout(max(ends - time.monotonic(), 0.001))
            part = connection.recv(self._head - len(answer))
            if not part:
                break
            answer += part
        return answer

    def _settings(self, answer: bytes) -> str:
        if answer[3] != (_SETTINGS if self.alpn == HTTP2_ALPN else 0) or (len(answer) == 4 and any(answer)):
            raise ProbeFailed(
                Cause.NO_HTTP2,
                f"what answers is not {self._greeter}",
                "check that the address is the party's own and not another service's",
            )
        return f"greets as {self._greeter}"


def probe(
    address: Address,
    tls: TlsSettings | None,
    party: str,
    parties: Mapping[str, PartySettings],
    timeout_s: float = 5.0,
    alpn: str = HTTP2_ALPN,
) -> ProbeReport:
    """Climb the ladder to `party` at `address`; returns within about `timeout_s`, whatever happens.

    `alpn` says what is spoken there.

    One that connects and then says nothing is tried again with small segments. If it answers those, and is
    silent again to full ones, full packets are lost on the way.

    Raises CertificateError if our own credentials cannot be used; everything else is in the report.
    """
    ends = time.monotonic() + timeout_s

    def climb(share: float, segment: int | None = None) -> ProbeReport:
        ladder = _Ladder(party, parties, max((ends - time.monotonic()) * share, 0.001), segment, alpn)
        return _climbed(ladder, tls, address)

    report = climb(0.5)
    if not _is_silent(report) or _is_silent(climb(0.5, SMALL_SEGMENT)):
        return report
    start, again = time.monotonic(), climb(1.0)
    sure = again.rtt_s is not None and time.monotonic() - start > SURE_TRIPS * again.rtt_s
    return _with_large_lost(again) if sure and _is_silent(again) else again


def _climbed(ladder: _Ladder, tls: TlsSettings | None, address: Address) -> ProbeReport:
    failed = False
    try:
        ladder.climb(tls, address)
    except ProbeFailed:
        failed = True
    return ProbeReport(
        ladder.party,
        address,
        tuple(ladder.steps),
        certificate=ladder.certificate,
        accepted_name=None if failed else ladder.name,
        tls_version=ladder.version,
        rtt_s=ladder.rtt_s,
        shown=ladder.shown,
        local=ladder.local,
    )


def _is_silent(report: ProbeReport) -> bool:
    return report.failure is not None and report.failure.cause is Cause.SILENT


def _with_large_lost(report: ProbeReport) -> ProbeReport:
    lost = large_lost()
    steps = (*report.steps[:-1], ProbeStep(report.steps[-1].rung, lost.text, lost.cause, lost.fix))
    return dataclasses.replace(report, steps=steps)


def large_lost() -> ProbeFailed:
    """Small packets pass and full ones do not."""
    return ProbeFailed(
        Cause.MTU,
        "small packets pass, but packets of full size are lost on the way (MTU)",
        "lower the MTU of both machines' interfaces (try 1280, as VPNs and tunnels need), "
        "or let ICMP 'fragmentation needed' pass the firewalls",
    )
