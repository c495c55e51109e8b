"""Bars at a real terminal, and none where there is no person."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from terminals import at_terminal

SLOW = """
import logging, time
import jax, jax.numpy as jnp, numpy as np
import junto as sf

sf.init()
alice, bob = sf.PYU("alice"), sf.PYU("bob")
spu = sf.SPU(parties=["alice", "bob", "carol"])

def slow(x):
    return jax.lax.fori_loop(0, 800, lambda _, v: jnp.where(v > 1.0, v * 0.5, v + 0.3), x)

print("before")
found = spu(slow)(alice(np.ones)(3))
for number in range(8):  # while it is under way
    sf.wait(alice(time.sleep)(0.25))
    print("line", number)
    logging.getLogger("junto.test").warning("warned %d", number)
sf.wait(found)
print("after")
"""
MADE_UP = """
import time
import junto as sf
from junto.device.current import current_or_none
from junto.accounting.progress import ComputeProgress, Count

sf.init()
began = time.monotonic()

def count():
    done = int(100 * (time.monotonic() - began))
    return Count(done, 100_000, 3 * done, 40 * done)

with current_or_none().program.board.working(ComputeProgress(7, "SPU#1(slow)", None, count)):
    for number in range(8):
        sf.wait(sf.PYU("alice")(time.sleep)(0.25))
        print("line", number)
"""
"""Work as a device enters it, without a device that computes: for all but where its figures come from."""
FIGURES = re.compile(r"[\d,]+ of [\d,]+ steps, [\d,]+ rounds, [\d.]+ [kM]?B(, \d+:\d\d left)?")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "fit.py"
    path.write_text(MADE_UP)
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """All parties in one process."""
    path = tmp_path / "all.toml"
    path.write_text('parties = ["alice", "bob", "carol"]\nlogging_level = "warning"\n')
    return path


def bars(lines: list[str]) -> list[str]:
    return [line for line in lines if FIGURES.search(line)]


@pytest.mark.slow
def test_a_run_at_a_terminal_shows_one_bar_that_grows_and_goes(script: Path, config: Path) -> None:
    script.write_text(SLOW)
    code, screen = at_terminal(["-m", "junto", "run", str(script), "--config", str(config)], script.parent)
    assert code == 0, screen.text
    drawn = bars(list(screen.seen))
    assert len(drawn) >= 2
    assert all("slow" in line for line in drawn)
    assert any("left" in line for line in drawn)
    steps = [int(re.search(r"([\d,]+) of", line)[1].replace(",", "")) for line in drawn]
    assert steps == sorted(steps)
    assert bars(screen.text) == []
    assert screen.text.count("before") == 1
    assert [line for line in screen.text if line.startswith("line")] == [f"line {n}" for n in range(8)]
    warned = [line for line in screen.text if "warned" in line]
    assert [line.split()[-1] for line in warned] == list("01234567")
    assert not any("steps" in line for line in warned)
    assert screen.text[-1] == "after"


@pytest.mark.slow
def test_a_simulation_shows_a_bar_for_each_party_below_what_they_say(script: Path) -> None:
    arguments = ["-m", "junto", "simulate", str(script), "--parties", "alice,bob,carol"]
    code, screen = at_terminal(arguments, script.parent)
    assert code == 0, screen.text
    drawn = bars(list(screen.seen))
    assert {line.split()[0] for line in drawn} == {"alice", "bob", "carol"}
    assert bars(screen.text) == []
    for party in ("alice", "bob", "carol"):
        said = [line.split("│ ")[1] for line in screen.text if line.startswith(party) and "│ line" in line]
        assert said == [f"line {n}" for n in range(8)]
    assert "all 3 parties are done" in screen.text[-1]


LOOKS = """
from junto.cli.bars import Screen
from junto.accounting.progress import Count, Look

parties = ["alice", "bob", "the-hospital-of-carol"]
name = "LogisticRegression.fit, epoch 12 of 100"
with Screen(parties, None) as screen:
    for done in range(1, 4):
        for party in parties:
            count = Count(done * 10_000, 1_234_567, rounds=98_765, nbytes=123_000_000)
            screen.watch(party, Look(name, count, 9.0, 3723.0))
"""


@pytest.mark.parametrize("columns", [160, 80, 60, 40])
def test_a_narrow_terminal_keeps_the_partys_name_and_the_time_left(tmp_path: Path, columns: int) -> None:
    (tmp_path / "looks.py").write_text(LOOKS)
    code, screen = at_terminal(["looks.py"], tmp_path, columns=columns)
    assert code == 0, screen.text
    for party in ("alice", "bob", "the-hospital-of-carol"[: columns // 2 - 1]):
        drawn = [line for line in screen.seen if line.startswith(party) and line.endswith("1:02:03 left")]
        assert drawn, list(screen.seen)
        assert all(len(line) <= columns and "Log" in line for line in drawn)
    last = list(screen.seen)[-1]
    assert ("of 1,234,567 steps" in last) is (columns >= 80)
    assert ("98,765 rounds, 123 MB" in last) is (columns == 160)


@pytest.mark.slow
def test_who_wants_no_bars_gets_none(script: Path, config: Path) -> None:
    arguments = ["-m", "junto", "run", str(script), "--config", str(config), "--no-progress"]
    code, screen = at_terminal(arguments, script.parent)
    assert code == 0, screen.text
    assert bars(list(screen.seen)) == []


def piped(script: Path, config: Path, *more: str) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JUNTO_")}
    run = subprocess.run(
        [sys.executable, "-m", "junto", "run", str(script), "--config", str(config), *more],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
        check=True,
    )
    return run.stdout + run.stderr


@pytest.mark.slow
@pytest.mark.parametrize("asked", [False, True])
def test_a_pipe_gets_lines_only_if_asked(script: Path, config: Path, asked: bool) -> None:
    said = piped(script, config, *(["--progress"] if asked else []))
    assert "\x1b" not in said
    drawn = bars(said.splitlines())
    assert bool(drawn) is asked
    assert all("SPU#1(slow)" in line for line in drawn)
