"""The page on models: its program runs and prints what it says; its other snippets name what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from junto import learn
from junto.learn import metrics

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "learn.md"
TEXT = PAGE.read_text()
PROGRAM, *OTHERS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_program_prints_what_its_comment_says(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    answer = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=240, cwd=tmp_path, check=False
    )
    assert answer.returncode == 0, answer.stderr
    (promised,) = re.findall(r"print\(.*# ([0-9.]+)$", PROGRAM, re.MULTILINE)
    assert answer.stdout.split() == [promised]


def test_the_snippets_are_python() -> None:
    for snippet in OTHERS:
        compile(snippet, "snippet", "exec")


def test_every_model_and_metric_is_named() -> None:
    assert [name for name in [*learn.__all__, *metrics.__all__] if f"`{name}`" not in TEXT] == []
