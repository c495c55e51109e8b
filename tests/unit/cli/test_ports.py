import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest

from junto.cli import ports
from junto.cli.ports import claim
from junto.errors import ListenError

SYSTEMS = range(32_768, 65_536)
"""What systems hand out to those who ask for any port, and for connections."""


@pytest.fixture
def apart(monkeypatch, request):
    """Ports that no other test and nobody else claims: each test tries a few of its own."""
    names = [each for each in globals() if each.startswith("test_")]
    monkeypatch.setattr(ports, "_FIRST", 18_000 + 100 * names.index(request.function.__name__))


def test_a_claimed_port_can_be_listened_at_and_is_none_that_systems_hand_out() -> None:
    with ExitStack() as until:
        for port in claim(20, until):
            assert port not in SYSTEMS
            socket.create_server(("127.0.0.1", port)).close()


def test_nobody_else_is_given_a_port_before_its_claim_ends(monkeypatch, apart) -> None:
    monkeypatch.setattr(ports, "_COUNT", 40)
    program = f"""
from contextlib import ExitStack
import pytest

from junto.cli import ports
ports._FIRST, ports._COUNT = {ports._FIRST}, {ports._COUNT}
with ExitStack() as until:
    print(*ports.claim(15, until), flush=True)
    input()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        theirs = {int(port) for port in other.stdout.readline().split()}
        with ExitStack() as until:
            ours = set(claim(15, until))
            assert len(theirs) == len(ours) == 15
            assert not ours & theirs
        other.communicate("\n")
    with ExitStack() as until:
        assert len(set(claim(25, until))) == 25


def test_a_port_at_which_somebody_listens_is_not_given(monkeypatch, apart) -> None:
    monkeypatch.setattr(ports, "_COUNT", 10)
    with ExitStack() as until, ExitStack() as taken:
        first = claim(3, until)
        for port in first:
            taken.enter_context(socket.create_server(("127.0.0.1", port)))
        until.close()
        assert not set(claim(3, until)) & set(first)


def test_where_no_port_can_be_had_it_is_said(monkeypatch, apart) -> None:
    monkeypatch.setattr(ports, "_COUNT", 1)
    with ExitStack() as until:
        claim(1, until)
        with pytest.raises(ListenError, match=r"no port .* \(.*in use.*\)"):
            claim(1, until)
