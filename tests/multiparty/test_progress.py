"""A person at a terminal sees how far a long computation on an SPU has come."""

import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

SCRIPT = """
import jax
import numpy as np
import junto as sf

sf.init(parties=["alice", "bob", "carol"], address="local")
spu = sf.SPU(parties=["alice", "bob", "carol"])
x = sf.PYU("alice")(lambda: np.random.default_rng(0).normal(size=(300, 300)))().to(spu)


def turns(x):
    return jax.lax.fori_loop(0, 40, lambda i, y: jax.nn.sigmoid(y @ x * 0.05), x).mean()


print(f"{float(sf.reveal(spu(turns)(x))):.2f}")
sf.shutdown()
"""


@pytest.mark.slow
def test_a_bar_with_rounds_bytes_and_the_time_that_is_left(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "COLUMNS": "200", "TERM": "xterm-256color"},
        )
        os.close(theirs)
        shown = seen_until_the_end(ours, process)
        said = process.communicate(timeout=5)[0]
    finally:
        os.close(ours)
    assert process.returncode == 0, shown
    assert said == b"0.50\n"
    parts = [int(part) for part in re.findall(r"(\d+)%", shown)]
    assert parts
    assert max(parts) > min(parts)
    assert re.search(r"\d+ rounds, \d+\.\d MB", shown)
    assert re.search(r"about \d+ s left", shown)


def seen_until_the_end(terminal, process):
    """All that appears on the terminal."""
    seen, ends = b"", time.monotonic() + 50
    while time.monotonic() < ends:
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if ready:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # Linux: nobody has it open any more
                data = b""
            if not data:
                break
            seen += data
        elif process.poll() is not None:
            break
    process.wait(10)
    return seen.decode(errors="replace")
