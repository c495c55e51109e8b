"""The law of the handshake: what two parties must have in common before a value may pass. No I/O.

Both ends of a connection take the same steps, `TRANSITIONS`:

    Hello           who it is, what it assumes, its nonce (this start of this party); who has dialled begins.
                    A difference ends it on both sides with the same text
    Resume(run)     once it has heard the nonces of all parties. When both have said the same run, the
                    connection is open, and each says on which one it wants values (`Resumed`)

Instead of either, who was dialled may say why not (`Refused`). Any other frame is out of order. Only that a
party ends the run (Ending), and the answer to it, may be said as soon as both have greeted: who leaves a
meeting says so. Each step is one under the end's lock, its words included: nobody can answer what the state
does not know of yet. What may be heard again, or late, is a whole connection: of an earlier start or attempt.

Of the versions that a Hello tells, junto's own has to be equal: the parties make their plans and messages by
it. jax and jaxlib may differ: most functions become the same plan with each (`mpc.canonical`); where one does
not, the parties' programs differ, and then this is said as a possible cause. Of Python and numpy the minor
version is worth saying.

The run's id is a hash over the job and everybody's nonces, so nobody can be made to continue another run.
"""

from __future__ import annotations

import enum
import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from junto.config.model import Settings
from junto.errors import HandshakeRefused
from junto.net.frames import NONCE_BYTES, PROTOCOL, Hello

OURS: Final = "junto"
PACKAGES: Final = (OURS, "numpy", "jax", "jaxlib")
MINOR: Final = frozenset({"python", "numpy"})
"""Of these a last number that differs means nothing."""


class HandshakeState(enum.Enum):
    """Of one end of one connection."""

    NEW = "new"
    GREETED = "greeted"  # the other side's Hello is here, and agrees with ours
    ASKED = "asked"  # we have said which run it is
    OPEN = "open"


class HandshakeEvent(enum.Enum):
    """What happens at one end of one connection."""

    HELLO = "hello"
    SAY_RUN = "say run"
    AGREE = "agree"  # the other side has said the same run, before us or after us


TRANSITIONS: Mapping[tuple[HandshakeState, HandshakeEvent], HandshakeState] = {
    (HandshakeState.NEW, HandshakeEvent.HELLO): HandshakeState.GREETED,
    (HandshakeState.GREETED, HandshakeEvent.SAY_RUN): HandshakeState.ASKED,
    (HandshakeState.ASKED, HandshakeEvent.AGREE): HandshakeState.OPEN,
}


GREETED = frozenset({HandshakeState.GREETED, HandshakeState.ASKED})
"""In these a connection is not open yet, and each side knows that it talks to a party of its job."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that differs; None where a side does not have it at all."""

    what: str
    mine: str | None
    theirs: str | None


def facts_of(settings: Settings, policy: Mapping[str, str]) -> Mapping[str, str]:
    """What must be equal at all parties, one readable line each; `policy`: of what may travel."""
    sockets = ", ".join(sorted(settings.sockets))
    return {**policy, "parties with a socket_address": sockets} if sockets else policy


def hello(party: str, job: str, parties: tuple[str, ...], facts: Mapping[str, str], nonce: bytes) -> Hello:
    """What we say first."""
    return Hello(PROTOCOL, party, job, tuple(sorted(parties)), dict(facts), installed(), nonce)


def compare(mine: Hello, theirs: Hello) -> list[Difference]:
    """Everything that differs and must not."""
    left, right = _comparable(mine), _comparable(theirs)
    return [
        Difference(what, left.get(what), right.get(what))
        for what in dict.fromkeys((*left, *right))
        if left.get(what) != right.get(what)
    ]


def refusal(mine: Hello, theirs: Hello, differences: list[Difference]) -> HandshakeRefused:
    """The differences as an error; both sides print the same lines."""
    width = max(len(mine.party), len(theirs.party))
    lines = []
    for difference in differences:
        lines.append(f"  {difference.what}")
        pair = ((mine.party, difference.mine), (theirs.party, difference.theirs))
        lines += [f"    {party:<{width}}  {'-' if value is None else value}" for party, value in sorted(pair)]
    error = HandshakeRefused(
        f"{mine.party} and {theirs.party} do not have the same settings:\n" + "\n".join(lines),
        fix="make them equal at both parties, then start again",
    )
    error.party = theirs.party
    return error


def run_id(job: str, nonces: Mapping[str, bytes]) -> bytes:
    """The id of the run that these starts of these parties make together (16 bytes)."""
    state = hashlib.sha256()
    for part in (b"junto run", job.encode(), *(x for pair in sorted(nonces.items()) for x in _pair(*pair))):
        state.update(len(part).to_bytes(8, "big") + part)
    return state.digest()[:NONCE_BYTES]


def _pair(party: str, nonce: bytes) -> tuple[bytes, bytes]:
    return party.encode(), nonce


def _comparable(one: Hello) -> dict[str, str]:
    common = {"protocol version": str(one.protocol), "job name": one.job, "parties": ", ".join(one.parties)}
    return {"version of junto": one.versions.get(OURS, "unknown")} | common | one.facts


def installed() -> dict[str, str]:
    """Versions by name, of what is installed; nothing is imported for it."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def differing(mine: Mapping[str, str], theirs: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(what, ours, theirs) of all that both have and that differs in what counts of it."""
    return [
        (what, mine[what], theirs[what])
        for what in mine
        if what in theirs and _counts(what, mine[what]) != _counts(what, theirs[what])
    ]


def described(me: str, mine: Mapping[str, str], party: str, theirs: Mapping[str, str]) -> str:
    """The differences as a phrase, such as ``jax 0.10.2 at alice, 0.9.1 at bob``; empty if there are none."""
    return "; ".join(
        f"{what} {ours} at {me}, {others} at {party}" for what, ours, others in differing(mine, theirs)
    )


def _counts(what: str, number: str) -> str:
    return ".".join(number.split(".")[:2]) if what in MINOR else number
