"""Why the parties do not get together: both sides' view of it, in under five seconds.

For ourselves: certificate, listen address, ledger, Ray. For each other party: the ladder below gRPC
(`probe`), then, through `service`, version, job, settings, clock, round trip and bandwidth. Meanwhile
we answer the others' doctors on our own listen address, if it is free; if it is taken, our session answers.
Doctors that meet tell each other what they see (`views`), and say the same of it (`bothsides`).
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from junto.config.model import Mode, PartySettings, Settings
from junto.doctor import own_side
from junto.doctor.both_sides import Pairing, together
from junto.doctor.findings import Diagnosis, Finding, judge, large_lost, slow, unanswered
from junto.doctor.listener import DoctorListener
from junto.doctor.segments import in_small_segments
from junto.doctor.service import DoctorClient, describe
from junto.doctor.socket_side import SocketListener, examine_socket
from junto.doctor.views import Seen, Views
from junto.errors import ConfigError, MalformedBytes
from junto.execute.ray_reachability import check_ray
from junto.net.grpc_carrier import grpc
from junto.net.words import TEXT_CHARS
from junto.reach.dial import Cause, ProbeFailed
from junto.reach.probe import SURE_TRIPS, ProbeReport, probe

BUDGET_S: Final = 4.5
_RETRY_S: Final = 0.25
_POLL_S: Final = 0.1
_ROUND_TRIPS: Final = 40
"""So many of them come on top of the budget, which is made for short lines."""

_LONGEST_S: Final = 0.25
_GRACE_S: Final = 0.5
"""So much longer than it looks itself, a doctor waits for what the other one found."""

_LARGE_S: Final = 3.0
_BANDWIDTH_S: Final = 0.3
_NOTHING_HEARD: Final = frozenset({Cause.FILTERED, Cause.SILENT})


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
    me, ends = settings.self_party, start + budget_s * 0.9
    others = [party for party in settings.cluster.values() if party.name != me]
    shows = "" if settings.tls is None else own_side.shown(settings.tls.cert)
    views = Views(me, {party.name: str(party.address) for party in others}, shows)
    with (
        SocketListener(settings) as socket,
        DoctorListener(settings, views) as waiting,
        ThreadPoolExecutor(len(others) + 1) as pool,
    ):
        own = [*own_side.certificate(settings), waiting.finding, *socket.findings]
        own += own_side.ledger(settings, session_runs=waiting.finding.state == "note") + own_side.proxy()
        ray = pool.submit(check_ray, settings.ray.address, min(budget_s, 2.0)) if settings.ray else None
        pair = _Pair(settings, views, tuple(each for each in own if each.state == "failed"), waiting.answers)
        runs = {party.name: pool.submit(_Patient(pair, party, ends).examine) for party in others}
        peers = {name: run.result() for name, run in runs.items()}
        if ray is not None:
            own += [Finding(*each) for each in ray.result()]
    return Diagnosis(me, tuple(own), peers, time.monotonic() - start)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Our side of every pair. `failed`: what fails in ourselves; `answers`: other doctors reach ours."""

    settings: Settings
    views: Views
    failed: tuple[Finding, ...]
    answers: bool

    def publish(
        self, party: str, findings: list[Finding], *, final: bool, saw: str = "", local: str = ""
    ) -> None:
        """Tell `party` (when it asks) what failed so far."""
        seen = [
            Seen(each.rung, each.cause, each.text[:TEXT_CHARS], own)
            for own, group in ((True, self.failed), (False, findings))
            for each in group
            if each.state == "failed"
        ]
        self.views.publish(party, tuple(seen), final=final, saw=saw, local=local)


class _Patient:
    """One other party. `has_doctor`: what answered there was a doctor like us, not a session."""

    def __init__(self, pair: _Pair, party: PartySettings, ends: float) -> None:
        self._pair = pair
        self._settings = pair.settings
        self._party = party
        self._ends = ends
        self.has_doctor = False
        self.saw = self.local = ""

    def _left(self) -> float:
        return max(self._ends - time.monotonic(), 0.05)

    def examine(self) -> tuple[Finding, ...]:
        """All rungs, as far as they go, and what the other side says of us."""
        report = self._climb()
        findings = _of_steps(report)
        self.saw, self.local = own_side.shown(report.shown), report.local or ""
        if report.ok:
            findings += self._ask(report.accepted_name, report.rtt_s or 0.0)
        else:
            self._publish(findings, final=True)
            if self._pair.answers:
                self._pair.views.wait(self._party.name, self._ends + _GRACE_S)
        views, name = self._pair.views, self._party.name
        mine = views.mine(name)
        pairing = Pairing(
            me=mine.party,
            name=name,
            address=mine.address,
            has_doctor=self.has_doctor,
            answers=self._pair.answers,
            shows=mine.shows,
            saw=self.saw,
            local=self.local,
            calls_from=mine.calls_from,
        )
        return together(findings, views.theirs(name), pairing)

    def _publish(self, findings: list[Finding], *, final: bool) -> None:
        self._pair.publish(self._party.name, findings, final=final, saw=self.saw, local=self.local)

    def _climb(self) -> ProbeReport:
        """The ladder; what may pass is tried again while there is time.

        Of several looks the one counts that came furthest, and on one rung one that heard something: a port
        that was silent and then refuses is one whose program went away; rejections are rationed by firewalls.
        """
        settings, party = self._settings, self._party
        telling: ProbeReport | None = None
        ends, rtt_s = self._ends, _LONGEST_S
        while True:
            report = probe(party.address, settings.tls, party.name, settings.cluster, self._left() * 0.6)
            if report.rtt_s is not None:  # the first may be longer: with a packet that was sent again
                rtt_s = min(rtt_s, report.rtt_s)
                self._ends = ends + _ROUND_TRIPS * rtt_s
            if telling is None or report.failure is None or _tells(report) >= _tells(telling):
                telling = report
            if not telling.may_pass or self._ends - time.monotonic() < _RETRY_S + 0.1:
                return telling
            self._publish(_of_steps(telling), final=False)
            self._pair.views.wait(party.name, time.monotonic() + _RETRY_S)

    def _ask(self, accepted_name: str | None, rtt_s: float) -> list[Finding]:
        client = DoctorClient(str(self._party.address), self._settings.tls, accepted_name)
        findings: list[Finding] = []
        time_s = min(self._left() * 0.5, max(_LARGE_S, 4 * SURE_TRIPS * rtt_s))
        is_sure = time_s / 2 > SURE_TRIPS * rtt_s
        try:
            if client.passes_large(time_s):
                self._question(client, findings)
            else:
                findings.append(large_lost() if is_sure and self._passes_small(accepted_name) else slow())
        except (grpc.RpcError, MalformedBytes) as error:
            found = unanswered(error, bool(findings))
            if found.cause == Cause.SILENT:
                found = found if is_sure else slow()
                found = large_lost() if is_sure and self._passes_small(accepted_name) else found
            findings.append(found)
        self._publish(findings, final=True)
        if self.has_doctor:
            self._compare(client)
        elif self._pair.answers and len(findings) == 1 and findings[0].state == "failed":
            # Not answered: it may be a doctor that refuses us.
            self._pair.views.wait(self._party.name, self._ends + _GRACE_S)
        client.close()
        return findings

    def _passes_small(self, accepted_name: str | None) -> bool:
        """Whether what is silent to full packets answers the same in small ones, in no more time."""
        try:
            with in_small_segments(self._party.address, self._left() / 2) as relay:
                client = DoctorClient(relay, self._settings.tls, accepted_name)
                try:
                    return client.passes_large(min(self._left() * 0.8, _LARGE_S))
                finally:
                    client.close()
        except (grpc.RpcError, OSError, ProbeFailed):
            return False

    def _question(self, client: DoctorClient, findings: list[Finding]) -> None:
        answer = client.describe(self._left())
        self.has_doctor = answer.description.answers_as == "doctor"
        findings += judge(describe(self._settings, "doctor"), answer, self._party.name)
        round_trip_s = client.round_trip_s(self._left())
        findings.append(Finding("round trip", "ok", f"{round_trip_s * 1e3:.2f} ms"))
        findings.append(self._bandwidth(client, round_trip_s))
        findings += examine_socket(self._settings, self._party.name, self._ends)

    def _compare(self, client: DoctorClient) -> None:
        """Exchange views until both are final; the other doctor may be gone before, having been told."""
        name, views = self._party.name, self._pair.views
        while True:
            mine = views.mine(name)
            try:
                views.exchanged(name, client.exchange(mine, self._left()), mine)
            except (grpc.RpcError, MalformedBytes):
                return
            if views.wait(name, min(self._ends + _GRACE_S, time.monotonic() + _POLL_S)):
                return
            if time.monotonic() >= self._ends + _GRACE_S:
                return

    def _bandwidth(self, client: DoctorClient, round_trip_s: float) -> Finding:
        try:
            rate = client.bandwidth(self._left(), min(_BANDWIDTH_S, self._left() / 3), round_trip_s)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            return Finding("bandwidth", "note", "not measured: another doctor is measuring there")
        return Finding("bandwidth", "ok", f"{rate / 1e6:.{0 if rate > 1e7 else 1}f} MB/s towards it")


def _tells(report: ProbeReport) -> tuple[int, bool]:
    """How much a look that failed says."""
    return len(report.steps), report.failure is not None and report.failure.cause not in _NOTHING_HEARD


def _of_steps(report: ProbeReport) -> list[Finding]:
    return [
        Finding(step.rung, "ok" if step.ok else "failed", step.text, step.cause or "", step.fix)
        for step in report.steps
    ]


__all__ = ["BUDGET_S", "Diagnosis", "Finding", "examine"]
