"""What a doctor finds: lines for a person, and the judgements that need no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from junto.doctor.service import Answer, SiteDescription
from junto.errors import MalformedBytes
from junto.net.grpc_carrier import grpc
from junto.net.handshake import OURS, compare, differing
from junto.reach import probe

_CLOCK_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: a rung, whether it holds ("ok", "note", "failed"), and why, for a person.

    Attributes:
        cause: a stable word for what failed, or for who dials whom ("both", "alice-dials"; "" otherwise).
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


def judge(mine: SiteDescription, answer: Answer, name: str) -> list[Finding]:
    """Our description against the answer of `name`: who answers, version, job, settings, clock."""
    theirs = answer.description
    return [
        Finding("answers", "ok", f"its {theirs.answers_as} answers"),
        *_versions(mine, theirs, name),
        _job(mine.job, theirs.job, name),
        _config(mine, theirs, name),
        _clock(answer.clock_lead_s),
    ]


def _versions(mine: SiteDescription, theirs: SiteDescription, name: str) -> list[Finding]:
    """Junto has to be the same; the others are worth saying, jax's because of some functions on an SPU."""
    here, there = (each.versions.get(OURS, "?") for each in (mine, theirs))
    if (mine.protocol, here) != (theirs.protocol, there):
        return [
            Finding(
                "version",
                "failed",
                f"junto {here} (protocol {mine.protocol}) here, {there} (protocol {theirs.protocol}) there",
                "version-differs",
                "install the same version at all parties",
            )
        ]
    others = tuple(
        f"{what}: {ours} here, {other} at {name}"
        for what, ours, other in differing(mine.versions, theirs.versions)
    )
    if not others:
        return [Finding("version", "ok", f"both run junto {here}")]
    text = f"both run junto {here}, but not the same of what it needs"
    fix = (
        "install the same versions at all parties if you can: with another jax an SPU refuses a few functions"
    )
    return [Finding("version", "note", text, fix=fix, details=others)]


def _job(here: str, there: str, name: str) -> Finding:
    if here == there:
        return Finding("job", "ok", f"both run {here!r}")
    return Finding(
        "job", "failed", f"{here!r} here, {there!r} at {name}", "job-differs", "set the same job_name"
    )


def _config(mine: SiteDescription, theirs: SiteDescription, name: str) -> Finding:
    """Settings that the handshake compares have to be equal; addresses may differ (several networks)."""
    lines = [
        f"{each.what}: {each.mine or '-'} here, {each.theirs or '-'} at {name}"
        for each in compare(mine.hello(), theirs.hello())
        if each.what not in ("version of junto", "protocol version", "job name")
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


def large_lost() -> Finding:
    """Small messages pass and large ones do not."""
    lost = probe.large_lost()
    return Finding("size", "failed", lost.text, lost.cause, lost.fix)


def slow() -> Finding:
    """Large messages take long, be they in small packets or in full ones."""
    text = "a message of some KiB does not come back in time: the line is slow, or loses packets"
    return Finding("size", "note", text, fix="look at the line; the rest is seen with more time (--wait 60)")


def unanswered(error: Exception, partly: bool) -> Finding:
    """Why the ladder held but its questions were not answered (`partly`: the first ones were)."""
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
    if partly and code is grpc.StatusCode.UNAVAILABLE:
        text = "it went away while it was asked: its doctor had found what it sought, or its program ended"
        return Finding("answers", "note", text, fix="to see the rest, run both doctors again with --wait 60")
    text = "it took the connection but does not answer"
    return Finding("answers", "failed", text, "silent", "look at the process there")
