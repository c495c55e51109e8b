"""Why the parties do not get together: both sides' view of it, in under five seconds.

For ourselves: certificate, listen address, Ray. For each other party: the ladder below gRPC (`probe`),
then, through `doctor_service`, version, job, settings, clock, round trip and bandwidth. Meanwhile we
answer the others' doctors on our own listen address, if it is free; if it is taken, our session answers.
"""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import grpc

from junto.config.model import Address, Mode, PartySettings, Settings
from junto.errors import ConfigError, IdentityError, MalformedBytes
from junto.silo.dial import Failed, resolve
from junto.silo.doctor_service import Answer, Description, DoctorClient, DoctorService, describe
from junto.silo.handshake import compare
from junto.silo.identity import check_own_certificate
from junto.silo.probe import probe
from junto.silo.raycheck import check_ray

BUDGET_S: Final = 4.5
_RETRY_S: Final = 0.25
_BANDWIDTH_S: Final = 0.3
_CLOCK_S: Final = 60.0
_SOON_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: a rung, whether it holds ("ok", "note", "failed"), and why, for a person.

    Attributes:
        cause: a stable word for what failed ("" otherwise).
        details: further lines, such as one line a differing setting.
    """

    rung: str
    state: str
    text: str
    cause: str = ""
    fix: str = ""
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor found, for us and for each other party. `seconds`: how long it took."""

    party: str
    own: tuple[Finding, ...]
    peers: Mapping[str, tuple[Finding, ...]]
    seconds: float

    def failures(self) -> list[tuple[str, Finding]]:
        """(party, finding) of everything that failed, ours first."""
        everybody = [(self.party, self.own), *self.peers.items()]
        return [(party, each) for party, findings in everybody for each in findings if each.state == "failed"]


def examine(settings: Settings, budget_s: float = BUDGET_S) -> Diagnosis:
    """Examine a production configuration from this party's side; returns within about `budget_s`.

    A party that is not there yet is tried again until the budget is over, and our own answers last until
    every other doctor that we met is done with us, so two doctors may start some seconds apart.
    Raises ConfigError outside production mode.
    """
    if settings.mode is not Mode.PRODUCTION or settings.self_party is None:
        raise ConfigError("there is nothing to examine without other silos", fix="give cluster_config")
    start = time.monotonic()
    me, ends = settings.self_party, start + budget_s
    others = [party for party in settings.cluster.values() if party.name != me]
    with _Waiting(settings) as waiting, ThreadPoolExecutor(len(others) + 1) as pool:
        own = [*_certificate(settings), waiting.finding]
        ray = pool.submit(check_ray, settings.ray.address, min(budget_s, 2.0)) if settings.ray else None
        runs = {party.name: pool.submit(_Patient(settings, party, ends).examine) for party in others}
        peers = {name: run.result() for name, run in runs.items()}
        if ray is not None:
            own += [Finding(*each) for each in ray.result()]
        met = {name for name, findings in peers.items() if any(each.cause == "doctor" for each in findings)}
        waiting.until_finished(met, ends)
    return Diagnosis(me, tuple(own), peers, time.monotonic() - start)


def _certificate(settings: Settings) -> list[Finding]:
    """Our own certificate: whom it names, its fingerprint, its end."""
    if settings.tls is None or settings.self_party is None:
        return [Finding("certificate", "note", "no tls_config: values travel unencrypted")]
    from junto.silo.certificates import inspect

    facts = inspect(settings.tls.cert)
    days = facts.days_left() or 0
    try:
        name = check_own_certificate(settings.tls.cert, settings.self_party, settings.cluster)
    except IdentityError as error:
        return [Finding("certificate", "failed", error.message, "wrong-party", error.fix)]
    text = f"names us ({name}), {facts.fingerprint}, {days} days left"
    soon = days < _SOON_DAYS
    return [Finding("certificate", "note" if soon else "ok", text, fix="have it renewed" if soon else "")]


class _Waiting:
    """Our own listener, if the address is free: answers the others' doctors while ours works."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._finished: set[str] = set()
        self._changed = threading.Condition()
        self._server: Any = None
        self.finding = Finding("listen", "ok", "")

    def __enter__(self) -> _Waiting:
        listen = self._settings.cluster[self._settings.self_party or ""].listen
        self.finding = _can_bind(listen)
        if self.finding.state == "ok":
            self._serve(listen)
        return self

    def _serve(self, listen: Address) -> None:
        tls = self._settings.tls
        server = grpc.server(ThreadPoolExecutor(8, "junto-doctor"), options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers(DoctorService(self._settings, "doctor", self._note).handlers())
        try:
            if tls is None:
                port = server.add_insecure_port(str(listen))
            else:
                credentials = grpc.ssl_server_credentials([(tls.key, tls.cert)], tls.ca_cert, True)
                port = server.add_secure_port(str(listen), credentials)
        except RuntimeError:
            port = 0
        if port == 0:
            self.finding = Finding("listen", "failed", f"{listen} cannot be bound", "not-bound")
            return
        server.start()
        self._server = server

    def _note(self, party: str) -> None:
        with self._changed:
            self._finished.add(party)
            self._changed.notify_all()

    def until_finished(self, parties: set[str], ends: float) -> None:
        """Go on answering until these parties' doctors are done with us, or `ends`."""
        if self._server is None:
            return
        with self._changed:
            self._changed.wait_for(lambda: parties <= self._finished, max(0.0, ends - time.monotonic()))

    def __exit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.stop(0.2).wait(1.0)


def _can_bind(listen: Address) -> Finding:
    """Whether the listen address is ours to bind, by binding it for a moment."""
    try:
        _, places = resolve(listen, 2.0)
    except Failed as failed:
        return Finding("listen", "failed", failed.text, failed.cause, "give an address of this machine")
    family, place = places[0]
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(place)
            trial.listen(1)
        except OSError as error:
            return _not_bound(error, listen)
    return Finding("listen", "ok", f"{listen} is free; the others' doctors are answered there meanwhile")


def _not_bound(error: OSError, listen: Address) -> Finding:
    if error.errno == errno.EADDRINUSE:
        text = f"{listen} is in use: by a session of ours, which then answers the others"
        return Finding("listen", "note", text, fix="if no session runs here, end what holds the port")
    if error.errno == errno.EADDRNOTAVAIL:
        fix = f"set listen_addr to 0.0.0.0:{listen.port} or to an address of this machine"
        return Finding("listen", "failed", f"{listen.host} is no address of this machine", "not-ours", fix)
    if error.errno == errno.EACCES:
        return Finding(
            "listen",
            "failed",
            f"this user may not bind port {listen.port}",
            "not-permitted",
            "take one above 1023",
        )
    return Finding(
        "listen", "failed", f"{listen} cannot be bound: {error.strerror}", "not-bound", "check listen_addr"
    )


class _Patient:
    """One other party."""

    def __init__(self, settings: Settings, party: PartySettings, ends: float) -> None:
        self._settings = settings
        self._party = party
        self._ends = ends

    def _left(self) -> float:
        return max(self._ends - time.monotonic(), 0.05)

    def examine(self) -> tuple[Finding, ...]:
        """All rungs, as far as they go; what may pass is tried again while there is time."""
        settings, party = self._settings, self._party
        while True:
            report = probe(party.address, settings.tls, party.name, settings.cluster, self._left() * 0.6)
            if not report.may_pass or self._ends - time.monotonic() < _RETRY_S + 0.1:
                break
            time.sleep(_RETRY_S)
        findings = [
            Finding(step.rung, "ok" if step.ok else "failed", step.text, step.cause or "", step.fix)
            for step in report.steps
        ]
        if report.ok:
            findings += self._ask(report.accepted_name)
        return tuple(findings)

    def _ask(self, accepted_name: str | None) -> list[Finding]:
        client = DoctorClient(str(self._party.address), self._settings.tls, accepted_name)
        findings: list[Finding] = []
        try:
            answer = client.describe(self._left())
            findings += self._compare(answer)
            findings.append(self._round_trip(client))
            findings.append(self._bandwidth(client))
            client.finish(self._settings.self_party or "", self._left())
        except (grpc.RpcError, MalformedBytes) as error:
            findings.append(_unanswered(error, bool(findings)))
        finally:
            client.close()
        return findings

    def _compare(self, answer: Answer) -> list[Finding]:
        mine, theirs = describe(self._settings, "doctor"), answer.description
        name = self._party.name
        asked_twice = "doctor" if theirs.answers_as == "doctor" else ""
        return [
            Finding("answers", "ok", f"its {theirs.answers_as} answers", asked_twice),
            _version(mine, theirs),
            _job(mine.job, theirs.job, name),
            _config(mine, theirs, name),
            _clock(answer.clock_lead_s),
        ]

    def _round_trip(self, client: DoctorClient) -> Finding:
        seconds = client.round_trip_s(self._left())
        return Finding("round trip", "ok", f"{seconds * 1e3:.2f} ms")

    def _bandwidth(self, client: DoctorClient) -> Finding:
        try:
            rate = client.bandwidth(self._left(), min(_BANDWIDTH_S, self._left() / 3))
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            return Finding("bandwidth", "note", "not measured: another doctor is measuring there")
        return Finding("bandwidth", "ok", f"{rate / 1e6:.0f} MB/s towards it")


def _version(mine: Description, theirs: Description) -> Finding:
    here, there = mine.versions.get("junto", "?"), theirs.versions.get("junto", "?")
    if mine.protocol != theirs.protocol:
        return Finding(
            "version",
            "failed",
            f"junto {here} (protocol {mine.protocol}) here, {there} (protocol {theirs.protocol}) there",
            "version-differs",
            "install the same version at all parties",
        )
    if here != there:
        return Finding("version", "note", f"junto {here} here, {there} there; they understand each other")
    return Finding("version", "ok", f"both run junto {here}")


def _job(here: str, there: str, name: str) -> Finding:
    if here == there:
        return Finding("job", "ok", f"both run {here!r}")
    return Finding(
        "job", "failed", f"{here!r} here, {there!r} at {name}", "job-differs", "set the same job_name"
    )


def _config(mine: Description, theirs: Description, name: str) -> Finding:
    """Settings that the handshake compares have to be equal; addresses may differ (several networks)."""
    lines = [
        f"{each.what}: {each.mine or '-'} here, {each.theirs or '-'} at {name}"
        for each in compare(mine.hello(), theirs.hello())
        if each.what not in ("protocol version", "job name")
    ]
    if lines:
        return Finding(
            "config", "failed", "settings differ", "config-differs", "make them equal", tuple(lines)
        )
    moved = tuple(
        f"address of {party}: {address} here, {theirs.addresses[party]} at {name}"
        for party, address in mine.addresses.items()
        if theirs.addresses.get(party, address) != address
    )
    if moved:
        return Finding("config", "note", "settings agree, but not the addresses", details=moved)
    return Finding("config", "ok", "settings agree")


def _clock(lead_s: float) -> Finding:
    if abs(lead_s) < _CLOCK_S:
        return Finding("clock", "ok", f"the clocks differ by {abs(lead_s):.1f} s")
    way = "ahead of" if lead_s > 0 else "behind"
    text = f"its clock is {abs(lead_s):.0f} s {way} ours: certificates may look expired or not yet valid"
    return Finding("clock", "note", text, fix="set the clock that is wrong")


def _unanswered(error: Exception, partly: bool) -> Finding:
    if isinstance(error, MalformedBytes):
        return Finding("answers", "failed", error.message, "malformed", "compare the versions by hand")
    code = error.code() if isinstance(error, grpc.RpcError) else None
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return Finding(
            "answers",
            "note",
            "it does not answer doctors: an older version?",
            fix="compare the versions by hand",
        )
    if code is grpc.StatusCode.PERMISSION_DENIED:
        return Finding(
            "answers",
            "failed",
            "it takes our certificate for nobody of its parties",
            "wrong-party",
            "compare cluster_config.parties at both sides: names, addresses, identity",
        )
    what = "went away while it was asked" if partly else "took the connection but does not answer"
    return Finding("answers", "failed", f"it {what}", "silent", "look at the process there")


__all__ = ["BUDGET_S", "Diagnosis", "Finding", "examine"]
