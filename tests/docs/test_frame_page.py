"""The page on frames: its program runs and prints what it says; everything that there is, is on it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from junto import frame

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "frame.md"
TEXT = PAGE.read_text()
PROGRAM, *OTHERS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
KEPT_BACK = {"Aggregate", "Column", "Correlation", "Facts", "Frame", "Inflation", "Transformer"}
"""What methods return, and base classes: their docstrings say enough."""


@pytest.mark.slow
def test_the_program_prints_what_its_comments_say(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    answer = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=240, cwd=tmp_path, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == re.findall(r"^print\(.*\)  # (.*)$", PROGRAM, re.MULTILINE)


def test_the_snippets_are_python() -> None:
    for snippet in OTHERS:
        compile(snippet, "snippet", "exec")


def test_everything_is_named() -> None:
    names = {name.removeprefix("v_").removeprefix("h_") for name in frame.__all__} - KEPT_BACK
    assert [name for name in sorted(names) if name not in TEXT] == []
