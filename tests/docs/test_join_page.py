"""The program on the page about joins runs, and prints what its comments say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "join.md"


@pytest.mark.slow
def test_the_program_prints_what_it_says(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    promised = re.findall(r"^print\(.*\)  # (.*)$", text, re.MULTILINE)
    script = tmp_path / "program.py"
    script.write_text(text)
    answer = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=240, cwd=tmp_path, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == promised
    assert len(promised) == 3
