"""Every example runs in production mode, and says what it promises."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import junto as sf
from parties import Certificates, free_ports

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SAID = {
    "custom_jax_model.py": ["accuracy 0.9"],
    "join.py": [
        "alice learns how many different keys bob has; which",
        "bob learns how many different keys alice has; which",
        "54 in common; pills: 78",
    ],
    "k_means.py": ["centre -0.1 -0.0", "centre 3.0 0.5", "centre 1.0 3.8"],
    "logistic_regression.py": ["AUC on the test patients: 0.99"],
    "millionaires.py": ["alice is richer: True"],
    "secure_average.py": ["mean 5.48, standard deviation 0.79"],
}
PARTIES = {"join.py": ["alice", "bob"]}
THREE = ["alice", "bob", "carol"]
WITH_A_TEST_OF_ITS_OWN = {"breast_cancer.py", "deployment.py"}  # the first is what `junto demo` runs


def test_each_is_known_and_short():
    files = {path.name: path.read_text() for path in EXAMPLES.glob("*.py")}
    assert set(files) == set(SAID) | WITH_A_TEST_OF_ITS_OWN
    short = [*SAID, "deployment.py"]
    assert {name: len(files[name].splitlines()) for name in short if len(files[name].splitlines()) > 60} == {}


HEAVY = {"custom_jax_model.py", "k_means.py", "logistic_regression.py", "millionaires.py"}
"""In production, each party a process that imports and compiles: a test of the same kind stands below."""
MEMBERS = [pytest.param(name, marks=[pytest.mark.long] if name in HEAVY else []) for name in SAID]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(HEAVY))
def test_it_runs_in_a_simulation(name, tmp_path, monkeypatch, capsys):
    (tmp_path / "all.toml").write_text('parties = ["alice", "bob", "carol"]\naddress = "local"\n')
    monkeypatch.setenv("JUNTO_CONFIG", str(tmp_path / "all.toml"))
    monkeypatch.chdir(tmp_path)
    try:
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    finally:
        sf.shutdown()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(SAID[name])
    assert all(line.startswith(said) for line, said in zip(lines, SAID[name], strict=True)), lines


@pytest.mark.slow
@pytest.mark.parametrize("name", MEMBERS)
def test_it_runs_at_all_parties(name, tmp_path):
    parties = PARTIES.get(name, THREE)
    command = [
        sys.executable,
        "-m",
        "junto",
        "simulate",
        str(EXAMPLES / name),
        "--parties",
        ",".join(parties),
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=tmp_path, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    for party in parties:
        lines = [
            line.partition("| ")[2] for line in run.stdout.splitlines() if line.partition(" ")[0] == party
        ]
        lines = [line for line in lines if line and " info " not in line]
        assert len(lines) == len(SAID[name])
        assert all(line.startswith(said) for line, said in zip(lines, SAID[name], strict=True)), lines


@pytest.mark.slow
def test_the_deployment_guide_s_program(tmp_path):
    one, other = (np.random.default_rng(seed).normal(size=1000) for seed in (1, 2))
    correlation = np.corrcoef(one, 0.6 * one + 0.8 * other)[0, 1]
    Certificates(tmp_path, ["alice", "bob"])
    places = dict(zip(("ALICE", "BOB"), (f"127.0.0.1:{port}" for port in free_ports(2)), strict=True))
    command = [sys.executable, str(EXAMPLES / "deployment.py")]
    running = [
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **places, "PARTY": party},
        )
        for party in ("alice", "bob")
    ]
    for process in running:
        said, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
        trust, result = said.splitlines()
        assert "nobody else" in trust
        assert float(result.removeprefix("correlation ")) == pytest.approx(correlation, abs=2e-3)
