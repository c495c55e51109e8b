"""Every example runs in production mode, and says what it promises."""

import subprocess
import sys
from pathlib import Path

import pytest

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
WITH_A_TEST_OF_ITS_OWN = {"breast_cancer.py"}  # what `junto demo` runs


def test_each_is_known_and_short():
    files = {path.name: path.read_text() for path in EXAMPLES.glob("*.py")}
    assert set(files) == set(SAID) | WITH_A_TEST_OF_ITS_OWN
    assert {name: len(files[name].splitlines()) for name in SAID if len(files[name].splitlines()) > 60} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAID)
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
    run = subprocess.run(command, capture_output=True, text=True, timeout=55, cwd=tmp_path, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    for party in parties:
        lines = [
            line.partition("| ")[2] for line in run.stdout.splitlines() if line.partition(" ")[0] == party
        ]
        lines = [line for line in lines if line and " info " not in line]
        assert len(lines) == len(SAID[name])
        assert all(line.startswith(said) for line, said in zip(lines, SAID[name], strict=True)), lines
