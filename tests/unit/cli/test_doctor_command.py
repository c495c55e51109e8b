"""`junto doctor`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from junto.cli.doctor_command import doctor, exit_code
from junto.doctor.diagnosis import Diagnosis, Finding
from parties import free_ports

APP = typer.Typer()
APP.command()(doctor)
OK = Finding("listen", "ok", "free")
NOTE = Finding("listen", "note", "in use")


def failed(cause: str) -> Finding:
    return Finding("tcp", "failed", "no", cause)


@pytest.mark.parametrize(
    ("own", "peer", "code"),
    [
        ([OK], [OK], 0),
        ([NOTE], [NOTE], 0),
        ([failed("not-ours")], [failed("wrong-party")], 2),
        ([OK], [failed("refused")], 3),
        ([OK], [failed("filtered"), failed("wrong-party")], 4),
        ([OK], [failed("job-differs")], 4),
    ],
)
def test_exit_codes(own: list[Finding], peer: list[Finding], code: int) -> None:
    assert exit_code(Diagnosis("alice", tuple(own), {"bob": tuple(peer)}, 0.1)) == code


@pytest.fixture
def config(tmp_path: Path) -> Path:
    ports = free_ports(2)
    path = tmp_path / "alice.toml"
    path.write_text(
        f"""
        [cluster_config]
        self_party = "alice"
        [cluster_config.parties.alice]
        address = "127.0.0.1:{ports[0]}"
        [cluster_config.parties.bob]
        address = "127.0.0.1:{ports[1]}"
        """
    )
    return path


def test_a_line_for_each_rung(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("junto.doctor.diagnosis.BUDGET_S", 0.4)
    result = CliRunner().invoke(APP, ["--config", str(config)])
    assert result.exit_code == 3
    assert "alice (here)" in result.stdout
    assert "✗ tcp         connection refused" in result.stdout
    assert "[refused]" in result.stdout
    assert "fix: start bob's program" in result.stdout
    assert "1 cause found" in result.stdout


def test_json(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("junto.doctor.diagnosis.BUDGET_S", 0.4)
    result = CliRunner().invoke(APP, ["--config", str(config), "--json"])
    answer = json.loads(result.stdout)
    assert (answer["command"], answer["exit_code"], answer["party"]) == ("doctor", 3, "alice")
    assert [(each["rung"], each["state"], each["cause"]) for each in answer["peers"]["bob"]] == [
        ("resolve", "ok", ""),
        ("tcp", "failed", "refused"),
        ("from there", "note", ""),
    ]


def test_wrong_settings_are_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "alice.toml"
    path.write_text('partys = ["a"]')
    result = CliRunner().invoke(APP, ["--config", str(path)])
    assert result.exit_code == 2
    assert "did you mean parties?" in result.output
