"""What two doctors know together: each sentence about a pair names both parties, so both print the same one.

One side alone cannot tell a firewall from a program that does not run. Once the other side's doctor is heard,
it runs, so what remains is the way; and what it shows and where it is called from tell more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from junto.doctor.findings import Finding
from junto.doctor.views import Seen, View
from junto.reach.dial import Cause

_MUTUAL: Final = frozenset({"version", "job", "config"})
"""Rungs at which both sides see the same difference, each from its own side."""

_NOT_REACHED: Final = "not-reached-back"
_AT_THE_DOOR: Final[Mapping[str, str]] = {
    Cause.REFUSED: "the connection is refused",
    Cause.FILTERED: "no answer comes",
    Cause.UNREACHABLE: "there is no way",
    Cause.NAME_NOT_FOUND: "that name is not found",
}
_BELOW_WORDS: Final = frozenset({"resolve", "tcp", "tls", "chain", "identity", "http2", "size"})
"""Rungs that have to hold before a connection can carry values."""

_CERTIFICATE: Final = frozenset({"chain", "identity"})
_OURS: Final[Mapping[str, str]] = {
    Cause.UNTRUSTED: "its ca_cert has to hold the CA that signed our certificate (the root of it), and our "
    "cert the intermediate CAs after our own certificate",
    Cause.EXPIRED: "have our certificate renewed, or set the clock that is wrong",
    Cause.NOT_YET_VALID: "compare the two clocks with the dates of our certificate",
    Cause.WRONG_PARTY: "compare the names in our certificate with the address and identity it has for us",
    Cause.PLAINTEXT_PEER: "see whether the address that it has for us leads to us, and whether both have "
    "a tls_config",
    Cause.TLS_VERSION: "see whether the address that it has for us leads to us, and what on the way ends TLS",
    Cause.SILENT: "look at the process that listens on our port",
    Cause.OWN_CERTIFICATE_REFUSED: "our ca_cert has to hold the CA of its certificate; compare the clocks",
    Cause.TLS_PEER: "both need a tls_config, or none",
    Cause.MTU: "lower the MTU of both machines' interfaces (try 1280, as VPNs and tunnels need), or let ICMP "
    "'fragmentation needed' pass the firewalls",
}
"""What this side does about what the other one sees of it."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Our side of a pair of doctors.

    Attributes:
        me, name: us and the other party; `address`: where we look for it.
        has_doctor: what answered there was a doctor, not a session.
        answers: doctors that call us are answered by ours, not by a session of ours.
        shows, saw: fingerprints of our certificate and of the one that was shown to us.
        local: our own address on the way there; `calls_from`: whence its calls come to us.
    """

    me: str
    name: str
    address: str
    has_doctor: bool
    answers: bool
    shows: str
    saw: str
    local: str
    calls_from: str


def together(findings: Sequence[Finding], theirs: View | None, pair: Pairing) -> tuple[Finding, ...]:
    """Our findings in the light of what the other side's doctor told (`theirs`), and what it adds."""
    if theirs is None:
        return (*findings, *_nothing_heard(findings, pair))
    ours = tuple(_relit(each, theirs, pair) for each in findings)
    failed = {each.rung for each in findings if each.state == "failed"}
    told = [each for each in theirs.seen if each.own or each.rung not in failed & _MUTUAL]
    return (
        *ours,
        *(_told(each, theirs, pair) for each in told),
        *_translated(pair.me, pair.name, theirs.calls_from, pair.local),
        *_translated(pair.name, pair.me, pair.calls_from, theirs.local),
        *_settled(failed, bool(told), theirs, pair),
        *_direction(failed, theirs, pair),
    )


def _direction(failed: set[str], theirs: View, pair: Pairing) -> list[Finding]:
    """Who dials whom in a session of the two: both sides say it in the same words."""
    if not theirs.final:
        return []
    reaches = {
        pair.me: not failed & _BELOW_WORDS,
        pair.name: not any(each.rung in _BELOW_WORDS for each in theirs.seen if not each.own),
    }
    first, second = sorted(reaches)
    if not any(reaches.values()):
        return []
    if all(reaches.values()):
        text = f"{first} and {second} dial each other, and both listen: what one side opened serves both ways"
        return [Finding("direction", "ok", text, "both")]
    dials, listens = (first, second) if reaches[first] else (second, first)
    text = f"only {dials} dials, and {listens} listens: that connection carries the values of both"
    return [Finding("direction", "ok", text, f"{dials}-dials")]


def _nothing_heard(findings: Sequence[Finding], pair: Pairing) -> list[Finding]:
    if not pair.answers:
        return []
    if pair.has_doctor:
        return [_silent_back(pair)]
    if any(each.rung == "tcp" and each.state == "failed" for each in findings):
        text = f"nothing is heard of a doctor of {pair.name}: none runs, or neither direction is open"
        fix = f"run `junto doctor` at {pair.name} at the same time, with --wait 60 at both"
        return [Finding("from there", "note", text, fix=fix)]
    return []


def _silent_back(pair: Pairing) -> Finding:
    return Finding(
        "from there",
        "failed",
        f"the doctor of {pair.name} runs, but has not reached us in our time",
        _NOT_REACHED,
        f"see what it says, or give both more time (--wait 30); let our firewall accept {pair.name}",
    )


def _relit(finding: Finding, theirs: View, pair: Pairing) -> Finding:
    """A failure of ours, now that the other side's doctor is known to run, and which certificate it shows."""
    if finding.state != "failed":
        return finding
    listens = not any(each.own for each in theirs.seen)
    if finding.cause in _AT_THE_DOOR and listens:
        text, fix = _one_way(pair.me, pair.name, finding.cause, pair.address)
    elif finding.rung in _CERTIFICATE and _differ(pair.saw, theirs.shows):
        addition, fix = _another_certificate(pair.me, pair.name, pair.address)
        text = f"{finding.text}; {addition}"
    else:
        return finding
    return replace(finding, text=text, fix=fix)


def _one_way(who: str, whom: str, cause: str, address: str) -> tuple[str, str]:
    """(text, fix) for a direction that is closed while the other one is open."""
    port = address.rpartition(":")[2]
    where = f" at {address}" if address else ""
    return (
        f"{who} does not reach {whom}{where}: {_AT_THE_DOOR[cause]}, though {whom}'s doctor runs and "
        f"reaches {who}",
        f"see whether that address leads to {whom} (behind a NAT: a port that it forwards); let TCP port "
        f"{port} pass from {who} to {whom} at {whom}'s firewall, at {who}'s own and on the way",
    )


def _told(seen: Seen, theirs: View, pair: Pairing) -> Finding:
    """What the other side sees of us, or of itself."""
    name, cause = pair.name, seen.cause or "told"
    if seen.own:
        text, fix = f"{name} says: its own {seen.rung}: {seen.text}", f"see what the doctor of {name} advises"
    elif cause in _AT_THE_DOOR:
        text, fix = _one_way(name, pair.me, cause, theirs.address)
    else:
        text = f"{name} says: to us, {seen.rung}: {seen.text}"
        fix = _OURS.get(cause, f"see what the doctor of {name} advises")
        if seen.rung in _CERTIFICATE and _differ(theirs.saw, pair.shows):
            addition, fix = _another_certificate(name, pair.me, theirs.address)
            text += f"; {addition}"
    return Finding("from there", "failed", text, cause, fix)


def _differ(saw: str, shows: str) -> bool:
    """Whether the certificate that one side was shown is known not to be the other one's."""
    return bool(saw and shows) and saw != shows


def _another_certificate(who: str, whom: str, address: str) -> tuple[str, str]:
    return (
        f"what {who} is shown at {address} is not {whom}'s certificate",
        f"see whether {address} leads to {whom}; if it does, something on the way ends TLS, and has to pass "
        "this connection untouched",
    )


def _translated(who: str, whom: str, come_from: str, leave_from: str) -> list[Finding]:
    if not (come_from and leave_from) or come_from == leave_from:
        return []
    text = f"calls of {who} leave from {leave_from} and come to {whom} from {come_from}: a NAT is in between"
    fix = f"the address that {whom} has for {who} has to be one from which the NAT forwards to {who}"
    return [Finding("from there", "note", text, fix=fix)]


def _settled(failed: set[str], told: bool, theirs: View, pair: Pairing) -> list[Finding]:
    if told or failed:
        return []
    if not theirs.final:
        return [_silent_back(pair)] if pair.answers else []
    return [Finding("from there", "ok", f"{pair.name} reaches us and finds nothing wrong")]
