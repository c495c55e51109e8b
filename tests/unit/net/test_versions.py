"""Versions: which have to be equal, which are worth saying, and where they are said."""

from __future__ import annotations

import logging

import msgspec
import pytest

from gateways import FACTS, Site, in_parallel
from junto.doctor.findings import judge
from junto.doctor.service import Answer, SiteDescription
from junto.errors import HandshakeRefused
from junto.net import handshake
from junto.net.handshake import described, differing, installed

OURS = {"junto": "0.1.0", "python": "3.11.7", "numpy": "2.1.3", "jax": "0.10.2", "jaxlib": "0.10.2"}


def test_what_is_installed_is_named_without_importing_it():
    assert installed().keys() >= {"junto", "python", "numpy"}


@pytest.mark.parametrize(
    ("what", "theirs", "differs"),
    [
        ("junto", "0.1.1", True),
        ("python", "3.11.9", False),
        ("python", "3.12.7", True),
        ("numpy", "2.1.0", False),
        ("numpy", "2.2.3", True),
        ("jax", "0.10.1", True),
        ("jaxlib", "0.10.1", True),
    ],
)
def test_what_counts_of_a_version(what, theirs, differs):
    other = OURS | {what: theirs}
    expected = [(what, OURS[what], theirs)] if differs else []
    assert differing(OURS, other) == expected
    assert described("alice", OURS, "bob", other) == (
        f"{what} {OURS[what]} at alice, {theirs} at bob" if differs else ""
    )


def test_what_a_party_does_not_have_is_no_difference():
    without = {name: number for name, number in OURS.items() if not name.startswith("jax")}
    assert differing(OURS, without) == differing(without, OURS) == []


def described_as(versions: dict[str, str]) -> SiteDescription:
    return SiteDescription(1, "bob", "job", ("alice", "bob"), FACTS, versions, {}, 0.0, "doctor")


@pytest.mark.parametrize(
    ("theirs", "state", "word"),
    [({}, "ok", ""), ({"jax": "0.9.1"}, "note", ""), ({"junto": "0.2"}, "failed", "version-differs")],
)
def test_the_doctor_compares_them(theirs, state, word):
    mine, other = described_as(OURS), described_as(OURS | theirs)
    (finding,) = (each for each in judge(mine, Answer(other, 0.0), "bob") if each.rung == "version")
    assert (finding.state, finding.cause) == (state, word)
    assert all(number in finding.text + " ".join(finding.details) for number in theirs.values())


def changed(monkeypatch, site: Site, party: str, **versions: str):
    """A gateway of a party that has these versions."""
    plain = handshake.hello

    def hello(*arguments):
        made = plain(*arguments)
        return msgspec.structs.replace(made, versions=made.versions | versions)

    monkeypatch.setattr(handshake, "hello", hello)
    gateway = site.make(party)
    monkeypatch.undo()
    return gateway


@pytest.mark.parametrize("tls", [False])
def test_another_junto_is_refused_at_the_meeting_with_both_versions(monkeypatch, tls):
    with Site("alice", "bob", tls=tls) as site:
        gateways = [site.make("alice"), changed(monkeypatch, site, "bob", junto="9.9")]
        for gateway in gateways:
            gateway.start()
        for error in in_parallel(*(lambda g=g: g.meet(15, lambda _: None) for g in gateways)):
            assert isinstance(error, HandshakeRefused)
            assert "version of junto" in error.message
            assert "bob    9.9" in error.message


def test_another_jax_is_said_when_the_parties_have_met(monkeypatch, caplog):
    with Site("alice", "bob", tls=False) as site, caplog.at_level(logging.WARNING, "junto"):
        gateways = [
            changed(monkeypatch, site, "alice", jax="0.10.2"),
            changed(monkeypatch, site, "bob", jax="0.9.1"),
        ]
        for gateway in gateways:
            gateway.start()
        in_parallel(*(lambda g=g: g.meet(15, lambda _: None) for g in gateways))
    said = [text for text in caplog.messages if text.startswith("versions differ")]
    assert any("jax 0.10.2 at alice, 0.9.1 at bob" in text for text in said)
    assert any("jax 0.9.1 at bob, 0.10.2 at alice" in text for text in said)
