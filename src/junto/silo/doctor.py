"""Why the parties do not get together: both sides' view of it, in under five seconds.

For ourselves: certificate, listen address, Ray. For each other party: the ladder below gRPC (`probe`),
then, through `doctor_service`, version, job, settings, clock, round trip and bandwidth. Meanwhile we
answer the others' doctors on our own listen address, if it is free; if it is taken, our session answers.
Doctors that meet tell each other what they see (`doctor_views`), so that both sides name the same causes.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from junto.config.model import Mode, PartySettings, Settings
from junto.errors import ConfigError, IdentityError, MalformedBytes
from junto.silo.dial import Cause
from junto.silo.doctor_listener import DoctorListener
from junto.silo.doctor_service import DoctorClient, describe
from junto.silo.doctor_views import Seen, Views
from junto.silo.findings import Diagnosis, Finding, from_there, judge, large_lost, unanswered
from junto.silo.identity import check_own_certificate
from junto.silo.probe import ProbeReport, probe
from junto.silo.raycheck import check_ray
from junto.silo.transport import grpc
from junto.silo.words import TEXT_CHARS

BUDGET_S: Final = 4.5
_RETRY_S: Final = 0.25
_POLL_S: Final = 0.1
_LARGE_S: Final = 3.0
_BANDWIDTH_S: Final = 0.3
_SOON_DAYS: Final = 30


def examine(settings: Settings, budget_s: float = BUDGET_S) -> Diagnosis:
    """Examine a production configuration from this party's side; returns within about `budget_s`.

    A party that is not there yet is tried again until the budget is over. Whoever found a cause stays and
    answers until the other side's doctor knows it, or until the budget is over, so two doctors may start
    some seconds apart.
    Raises ConfigError outside production mode.
    """
    if settings.mode is not Mode.PRODUCTION or settings.self_party is None:
        raise ConfigError("there is nothing to examine without other silos", fix="give cluster_config")
    start = time.monotonic()
    me, ends = settings.self_party, start + budget_s
    others = [party for party in settings.cluster.values() if party.name != me]
    views = Views(me, frozenset(party.name for party in others))
    with DoctorListener(settings, views) as waiting, ThreadPoolExecutor(len(others) + 1) as pool:
        own = [*_certificate(settings), waiting.finding]
        ray = pool.submit(check_ray, settings.ray.address, min(budget_s, 2.0)) if settings.ray else None
        pair = _Pair(settings, views, tuple(each for each in own if each.state == "failed"), waiting.answers)
        runs = {party.name: pool.submit(_Patient(pair, party, ends).examine) for party in others}
        peers = {name: run.result() for name, run in runs.items()}
        if ray is not None:
            own += [Finding(*each) for each in ray.result()]
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


@dataclass(frozen=True, slots=True)
class _Pair:
    """Our side of every pair. `failed`: what fails in ourselves; `answers`: other doctors reach ours."""

    settings: Settings
    views: Views
    failed: tuple[Finding, ...]
    answers: bool

    def publish(self, party: str, findings: list[Finding], *, final: bool) -> None:
        """Tell `party` (when it asks) what failed so far."""
        seen = [
            Seen(each.rung, each.cause, each.text[:TEXT_CHARS], own)
            for own, group in ((True, self.failed), (False, findings))
            for each in group
            if each.state == "failed"
        ]
        self.views.publish(party, tuple(seen), final=final)


class _Patient:
    """One other party. `has_doctor`: what answered there was a doctor like us, not a session."""

    def __init__(self, pair: _Pair, party: PartySettings, ends: float) -> None:
        self._pair = pair
        self._settings = pair.settings
        self._party = party
        self._ends = ends
        self.has_doctor = False

    def _left(self) -> float:
        return max(self._ends - time.monotonic(), 0.05)

    def examine(self) -> tuple[Finding, ...]:
        """All rungs, as far as they go, and what the other side says of us."""
        report = self._climb()
        findings = _of_steps(report)
        if report.ok:
            findings += self._ask(report.accepted_name)
        else:
            self._pair.publish(self._party.name, findings, final=True)
            if self._pair.answers:
                self._pair.views.wait(self._party.name, self._ends)
        theirs = self._pair.views.theirs(self._party.name)
        return (*findings, *from_there(findings, theirs, self._party.name, self.has_doctor))

    def _climb(self) -> ProbeReport:
        """The ladder; what may pass is tried again while there is time.

        A port that was silent and then refuses is one whose program went away: the first says more.
        """
        settings, party = self._settings, self._party
        telling: ProbeReport | None = None
        while True:
            report = probe(party.address, settings.tls, party.name, settings.cluster, self._left() * 0.6)
            refused = report.failure is not None and report.failure.cause is Cause.REFUSED
            telling = report if telling is None or not refused else telling
            if not telling.may_pass or self._ends - time.monotonic() < _RETRY_S + 0.1:
                return telling
            self._pair.publish(party.name, _of_steps(telling), final=False)
            time.sleep(_RETRY_S)

    def _ask(self, accepted_name: str | None) -> list[Finding]:
        client = DoctorClient(str(self._party.address), self._settings.tls, accepted_name)
        findings: list[Finding] = []
        try:
            if client.passes_large(min(self._left() * 0.8, _LARGE_S)):
                self._question(client, findings)
            else:
                findings.append(large_lost())
        except (grpc.RpcError, MalformedBytes) as error:
            findings.append(unanswered(error, bool(findings)))
        self._pair.publish(self._party.name, findings, final=True)
        if self.has_doctor:
            self._compare(client)
        elif self._pair.answers and len(findings) == 1 and findings[0].state == "failed":
            # Not answered: it may be a doctor that refuses us.
            self._pair.views.wait(self._party.name, self._ends)
        client.close()
        return findings

    def _question(self, client: DoctorClient, findings: list[Finding]) -> None:
        answer = client.describe(self._left())
        self.has_doctor = answer.description.answers_as == "doctor"
        findings += judge(describe(self._settings, "doctor"), answer, self._party.name)
        findings.append(self._round_trip(client))
        findings.append(self._bandwidth(client))

    def _compare(self, client: DoctorClient) -> None:
        """Exchange views until both are final; the other doctor may be gone before, having been told."""
        name, views = self._party.name, self._pair.views
        while True:
            mine = views.mine(name)
            try:
                views.exchanged(name, client.exchange(mine, self._left()), mine)
            except (grpc.RpcError, MalformedBytes):
                return
            if views.wait(name, min(self._ends, time.monotonic() + _POLL_S)):
                return
            if time.monotonic() >= self._ends:
                return

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


def _of_steps(report: ProbeReport) -> list[Finding]:
    return [
        Finding(step.rung, "ok" if step.ok else "failed", step.text, step.cause or "", step.fix)
        for step in report.steps
    ]


__all__ = ["BUDGET_S", "Diagnosis", "Finding", "examine"]
