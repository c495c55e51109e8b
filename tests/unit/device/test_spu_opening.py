"""Without TLS nothing of an SPU leaves the machine, whichever way its nodes talk."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from junto.config.model import Address, LinkSettings, Mode, PartySettings
from junto.config.spu_settings import parse_spu
from junto.device.spu import engine_factory
from junto.errors import ConfigError

HERE, EVERYWHERE = Address("127.0.0.1", 9001), Address("0.0.0.0", 9002)
OUTSIDE = Address("bob.example", 9003)
PARTIES = ["alice", "bob", "carol", "dave"]  # dave has no node, and may give and receive values


class Reached(Exception):
    """It goes on."""


def program(places: dict[str, tuple[Address, Address]], tls: Any = None, mode: Mode = Mode.PRODUCTION) -> Any:
    cluster = {name: PartySettings(name, *places.get(name, (HERE, HERE))) for name in PARTIES}
    settings = SimpleNamespace(mode=mode, tls=tls, cluster=cluster, link=LinkSettings())
    return SimpleNamespace(settings=settings, parties=PARTIES)


def ways() -> list[Any]:
    """All that may be outside: of a party the gateway's address, or where it listens; of a node as well."""
    found: list[Any] = []
    for pair in ((OUTSIDE, HERE), (HERE, EVERYWHERE), (HERE, OUTSIDE)):
        found += [({name: pair}, None) for name in PARTIES]
        found += [({name: pair}, {}) for name in PARTIES]
        found += [({}, {name: pair}) for name in PARTIES[:3]]
    return found


def settings(nodes: dict[str, tuple[Address, Address]] | None) -> Any:
    """Of an SPU through the gateways (None), or with addresses: on loopback, but for those that are given."""
    if nodes is None:
        described: list[dict[str, str]] = [{"party": name} for name in PARTIES[:3]]
    else:
        places = [
            (name, nodes.get(name, (Address("127.0.0.1", 9100 + i), Address("127.0.0.1", 9100 + i))))
            for i, name in enumerate(PARTIES[:3])
        ]
        described = [{"party": name, "address": str(a), "listen_addr": str(b)} for name, (a, b) in places]
    return parse_spu({"nodes": described}, None, None, PARTIES, True)


@pytest.fixture(autouse=True)
def switchboard(monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(*_: Any) -> Any:
        raise Reached

    monkeypatch.setattr(engine_factory, "Switchboard", reached)


@pytest.mark.parametrize(("gateways", "nodes"), ways())
def test_it_is_refused_wherever_it_would_leave(gateways: Any, nodes: Any) -> None:
    with pytest.raises(ConfigError, match="needs TLS as soon as it leaves the machine"):
        engine_factory.open_engine(program(gateways), settings(nodes), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("nodes", [None, {}])
def test_on_loopback_or_with_tls_it_goes_on(nodes: Any) -> None:
    everywhere = dict.fromkeys(PARTIES, (OUTSIDE, EVERYWHERE))
    for run in (program({}), program(everywhere, tls=object()), program(everywhere, mode=Mode.SIMULATION)):
        with pytest.raises(Reached):
            engine_factory.open_engine(run, settings(nodes), None)  # type: ignore[arg-type]
