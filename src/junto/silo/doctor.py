"""Why the parties do not get together: both sides' view of it, in under five seconds.

For ourselves: certificate, listen address, Ray. For each other party: the ladder below gRPC (`probe`),
then, through `doctor_service`, version, job, settings, clock, round trip and bandwidth. Meanwhile we
answer the others' doctors on our own listen address, if it is free; if it is taken, our session answers.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

import grpc

from junto.config.model import Mode, PartySettings, Settings
from junto.errors import ConfigError, IdentityError, MalformedBytes
from junto.silo.doctor_listener import DoctorListener
from junto.silo.doctor_service import DoctorClient, describe
from junto.silo.findings import Diagnosis, Finding, judge, unanswered
from junto.silo.identity import check_own_certificate
from junto.silo.probe import probe
from junto.silo.raycheck import check_ray

BUDGET_S: Final = 4.5
_RETRY_S: Final = 0.25
_BANDWIDTH_S: Final = 0.3
_SOON_DAYS: Final = 30


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
    with DoctorListener(settings) as waiting, ThreadPoolExecutor(len(others) + 1) as pool:
        own = [*_certificate(settings), waiting.finding]
        ray = pool.submit(check_ray, settings.ray.address, min(budget_s, 2.0)) if settings.ray else None
        patients = {party.name: _Patient(settings, party, ends) for party in others}
        runs = {name: pool.submit(patient.examine) for name, patient in patients.items()}
        peers = {name: run.result() for name, run in runs.items()}
        if ray is not None:
            own += [Finding(*each) for each in ray.result()]
        waiting.until_finished({name for name, patient in patients.items() if patient.has_doctor}, ends)
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


class _Patient:
    """One other party. `has_doctor`: what answered there was a doctor like us, not a session."""

    def __init__(self, settings: Settings, party: PartySettings, ends: float) -> None:
        self._settings = settings
        self._party = party
        self._ends = ends
        self.has_doctor = False

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
            self.has_doctor = answer.description.answers_as == "doctor"
            findings += judge(describe(self._settings, "doctor"), answer, self._party.name)
            findings.append(self._round_trip(client))
            findings.append(self._bandwidth(client))
            with suppress(grpc.RpcError):  # told so, it may be gone before it answers
                client.finish(self._settings.self_party or "", self._left())
        except (grpc.RpcError, MalformedBytes) as error:
            findings.append(unanswered(error, bool(findings)))
        finally:
            client.close()
        return findings

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


__all__ = ["BUDGET_S", "Diagnosis", "Finding", "examine"]
