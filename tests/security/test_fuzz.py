from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fuzz_wire.py")
SECONDS = 4
FRESH = ("sh", "-c", '"$0" "$@"; exit $?')
"""By way of a small process: a child of ours begins with our peak memory, and the fuzzer would count it."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="atheris has wheels for Linux only")
def test_a_bounded_coverage_guided_fuzzing_finds_nothing(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*FRESH, sys.executable, str(SCRIPT), str(tmp_path), f"-max_total_time={SECONDS}"],
        capture_output=True,
        text=True,
        timeout=SECONDS + 45,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    runs = re.search(r"Done (\d+) runs", ended.stderr)
    assert runs is not None
    assert int(runs[1]) > 100, "so few runs find nothing"
    assert list(tmp_path.glob("broke-*")) == []
