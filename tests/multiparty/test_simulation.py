"""The engine of `junto simulate`: real processes, none of which may stay behind."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from junto.cli import simulate as engine
from junto.cli.exit_codes import ExitCode
from junto.cli.simulate import OutputLine, SimulateOptions, simulate
from junto.errors import ConfigError

WHO = """
import os, sys, tomllib
with open(os.environ["JUNTO_CONFIG"], "rb") as file:
    settings = tomllib.load(file)
me = settings["cluster_config"]["self_party"]
"""
# A party with a child of its own. Both hold a connection to the test, which so sees when both are gone.
HOLD = """
import socket, subprocess, threading
line = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
line.sendall(me.encode())
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=(line.fileno(),))
line.sendall(b"+")
threading.Event().wait()
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "fit.py"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


def greeted(server: socket.socket, count: int) -> dict[str, socket.socket]:
    """The connections of `count` parties that have all started their children."""
    lines = {}
    for _ in range(count):
        line, _ = server.accept()
        line.settimeout(30)
        said = b""
        while not said.endswith(b"+"):
            said += line.recv(100)
        lines[said[:-1].decode()] = line
    return lines


def gone(line: socket.socket) -> bool:
    """Whether everybody who held the other end is gone (waits for it)."""
    with line:
        try:
            return line.recv(1) == b""
        except ConnectionResetError:
            return True


def started(script: Path, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "junto", "simulate", str(script), "--parties", "alice,bob"]
    command += ["--", str(port)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def test_every_party_runs_the_script_and_is_heard_line_by_line(script: Path) -> None:
    script.write_text(WHO + "print(me, sys.argv[1:]); print('aside', file=sys.stderr)")
    lines: list[OutputLine] = []
    result = simulate(script, ["alice", "bob"], ["--rows", "3"], SimulateOptions(show=lines.append))
    assert dict(result.exit_codes) == {"alice": 0, "bob": 0}
    assert (result.failed, result.exit_code) == (None, 0)
    expected = {OutputLine(party, f"{party} ['--rows', '3']", False) for party in ("alice", "bob")}
    assert set(lines) == expected | {OutputLine(party, "aside", True) for party in ("alice", "bob")}


def test_each_has_its_own_key_in_a_private_folder_that_is_removed(script: Path) -> None:
    script.write_text(
        WHO
        + """
import json, pathlib
path = pathlib.Path(os.environ["JUNTO_CONFIG"])
modes = [path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777]
tls = settings["tls_config"]
others = [name for name in settings["cluster_config"]["parties"]]
print(json.dumps({"path": str(path), "modes": modes, "ca": tls["ca_cert"], "key": hash(tls["key"]),
                  "require": settings["require_tls"]}))
"""
    )
    told: dict[str, dict[str, object]] = {}
    options = SimulateOptions(
        show=lambda line: told.__setitem__(line.party, json.loads(line.text)),
        environment={"PYTHONHASHSEED": "0"},
    )
    assert simulate(script, ["alice", "bob"], options=options).exit_code == 0
    alice, bob = told["alice"], told["bob"]
    assert alice["modes"] == bob["modes"] == [0o600, 0o700]
    assert alice["ca"] == bob["ca"]
    assert alice["key"] != bob["key"]
    assert alice["require"] is True
    assert not Path(str(alice["path"])).parent.exists()


def test_the_first_failure_decides_and_the_others_are_ended(
    script: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "AFTER_FAILURE_S", 0.2)
    script.write_text(WHO + "if me == 'bob': raise SystemExit(7)\n" + HOLD)
    result = simulate(script, ["alice", "bob"], [str(listener.getsockname()[1])])
    assert result.failed == "bob"
    assert result.exit_code == 7
    assert result.exit_codes["alice"] in (ExitCode.TERMINATED, -signal.SIGTERM)


def test_an_echo_of_another_failure_is_not_the_first(script: Path) -> None:
    script.write_text(
        WHO
        + """
import pathlib, time
import junto as sf
told = pathlib.Path(__file__).with_name("alice")
if me == "alice":
    told.with_suffix(".part").write_text(str(os.getpid()))
    told.with_suffix(".part").rename(told)
    raise sf.PartyAborted("bob ended the run", party="bob")
while not told.exists() or os.path.exists(f"/proc/{told.read_text()}"):
    time.sleep(0.05)  # until alice has ended, which the command has seen
raise ValueError
"""
    )
    result = simulate(script, ["alice", "bob"])
    assert list(result.exit_codes) == ["alice", "bob"]
    assert (result.failed, result.exit_code) == ("bob", ExitCode.SCRIPT_FAILED)


def test_a_party_that_is_killed_counts_as_in_a_shell(script: Path) -> None:
    script.write_text(WHO + "import signal\nif me == 'bob': os.kill(os.getpid(), signal.SIGKILL)")
    result = simulate(script, ["alice", "bob"])
    assert result.exit_codes["bob"] == -signal.SIGKILL
    assert result.exit_code == 128 + signal.SIGKILL


@pytest.mark.slow
def test_a_deadline_ends_everybody(script: Path, listener: socket.socket) -> None:
    script.write_text(WHO + HOLD)
    options = SimulateOptions(timeout_s=2)
    result = simulate(script, ["alice", "bob"], [str(listener.getsockname()[1])], options)
    assert (result.stopped, result.exit_code) == (ExitCode.UNREACHABLE, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED), (signal.SIGKILL, -9)],
)
def test_whatever_ends_the_command_nobody_is_left_behind(
    script: Path, listener: socket.socket, number: signal.Signals, code: int
) -> None:
    script.write_text(WHO + HOLD)
    with started(script, listener.getsockname()[1]) as process:
        lines = greeted(listener, 2)
        process.send_signal(number)
        _, said = process.communicate(timeout=240)
        assert process.returncode == code
    if isinstance(code, ExitCode):  # and each says why, as it was
        assert said.count(f"junto run: {code.meaning}") == 2, said
    assert {party: gone(line) for party, line in lines.items()} == {"alice": True, "bob": True}


@pytest.mark.parametrize(
    ("parties", "said"),
    [
        (["alice"], "at least two"),
        (["alice", "alice"], "twice"),
        (["alice", "../bob"], "cannot be simulated"),
        (["alice", ""], "cannot be simulated"),
    ],
)
def test_names_are_judged_before_anything_starts(script: Path, parties: list[str], said: str) -> None:
    script.write_text("")
    with pytest.raises(ConfigError, match=said):
        simulate(script, parties)


def test_json_keeps_standard_output_for_the_report(script: Path) -> None:
    script.write_text("print('from a party')")
    command = [sys.executable, "-m", "junto", "simulate", str(script), "-p", "alice,bob", "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    report = json.loads(answer.stdout)
    assert (report["exit_code"], report["parties"]) == (0, {"alice": 0, "bob": 0})
    assert sorted(answer.stderr.splitlines()) == ["alice | from a party", "bob   | from a party"]


@pytest.mark.slow
def test_a_daemon_that_keeps_a_pipe_does_not_keep_the_simulation(
    script: Path, listener: socket.socket
) -> None:
    # It has left its party's process group, as Ray's daemons do, and ends when the test hangs up.
    script.write_text(
        WHO
        + """
import socket, subprocess
line = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
wait = f"import socket; socket.socket(fileno={line.fileno()}).recv(1)"
subprocess.Popen([sys.executable, "-c", wait], pass_fds=(line.fileno(),), start_new_session=True)
line.sendall(me.encode() + b"+")
"""
    )
    assert simulate(script, ["alice", "bob"], [str(listener.getsockname()[1])]).exit_code == 0
    for line in greeted(listener, 2).values():
        line.shutdown(socket.SHUT_WR)
        assert gone(line)


def test_what_a_party_prints_arrives_whatever_encoding_the_caller_asks_for(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pipes to us are ours: the caller's encoding is for what we print."""
    monkeypatch.setenv("PYTHONIOENCODING", "gbk")
    script.write_text("print('中文 é')", encoding="utf-8")
    lines: list[OutputLine] = []
    result = simulate(script, ["alice", "bob"], (), SimulateOptions(show=lines.append))
    assert result.exit_code == ExitCode.OK
    assert [line.text for line in lines if not line.error] == ["中文 é"] * 2
