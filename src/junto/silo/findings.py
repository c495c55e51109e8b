"""What a doctor finds: lines for a person, and the judgements that need no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from junto.errors import MalformedBytes
from junto.silo import versions
from junto.silo.doctor_service import Answer, Description
from junto.silo.doctor_views import View
from junto.silo.handshake import compare
from junto.silo.transport import grpc

_CLOCK_S: Final = 60.0
_MUTUAL: Final = frozenset({"version", "job", "config"})
"""Rungs at which both sides see the same difference, each from its own side."""

_NOT_REACHED: Final = "not-reached-back"


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


def judge(mine: Description, answer: Answer, name: str) -> list[Finding]:
    """Our description against the answer of `name`: who answers, version, job, settings, clock."""
    theirs = answer.description
    return [
        Finding("answers", "ok", f"its {theirs.answers_as} answers"),
        *_versions(mine, theirs, name),
        _job(mine.job, theirs.job, name),
        _config(mine, theirs, name),
        _clock(answer.clock_lead_s),
    ]


def _versions(mine: Description, theirs: Description, name: str) -> list[Finding]:
    """Junto has to be the same; the others are worth saying, those of jax because an SPU compares them."""
    here, there = (each.versions.get(versions.OURS, "?") for each in (mine, theirs))
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
        for what, ours, other in versions.differing(mine.versions, theirs.versions)
    )
    if not others:
        return [Finding("version", "ok", f"both run junto {here}")]
    text = f"both run junto {here}, but not the same of what it needs"
    fix = "install the same versions at all parties: an SPU refuses another jax or jaxlib"
    return [Finding("version", "note", text, fix=fix, details=others)]


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
    return Finding(
        "size",
        "failed",
        "small messages pass, but 64 KiB do not: packets of full size are lost on the way (MTU)",
        "mtu",
        "lower the MTU of this interface and theirs (try 1280, as VPNs and tunnels need), "
        "or let ICMP 'fragmentation needed' pass the firewalls",
    )


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
    what = "went away while it was asked" if partly else "took the connection but does not answer"
    return Finding("answers", "failed", f"it {what}", "silent", "look at the process there")


def from_there(
    findings: Sequence[Finding], theirs: View | None, name: str, has_doctor: bool
) -> list[Finding]:
    """What the doctor of `name` says of us, beside what we found of it; one line a cause of its own.

    A difference that both see is told once. Nothing if no doctor is there (`has_doctor`: ours reached one).
    """
    if theirs is None:
        return [_silent_back(name)] if has_doctor else []
    ours = {each.rung for each in findings if each.state == "failed"} & _MUTUAL
    told = [each for each in theirs.seen if each.own or each.rung not in ours]
    if told:
        fix = f"see what the doctor of {name} advises"
        return [
            Finding(
                "from there",
                "failed",
                f"{name} says: {'its own ' if each.own else 'to us, '}{each.rung}: {each.text}",
                each.cause or "told",
                fix,
            )
            for each in told
        ]
    if not theirs.final:
        return [_silent_back(name)]
    if any(each.rung == "tcp" and each.state == "failed" for each in findings):
        text = f"the doctor of {name} runs and reaches us: only the way from here to it is closed"
        return [Finding("from there", "note", text, fix="look for a firewall or a wrong address or port")]
    return [Finding("from there", "ok", f"{name} reaches us and finds nothing wrong")]


def _silent_back(name: str) -> Finding:
    return Finding(
        "from there",
        "failed",
        f"the doctor of {name} runs, but has not reached us in our time",
        _NOT_REACHED,
        f"see what it says, or give both more time (--wait 30); let our firewall accept {name}",
    )
