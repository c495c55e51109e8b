"""What a person sees of a wait: a live line at a terminal, log lines else."""

import io
import logging

from rich.console import Console

from junto.program.liveline import LiveReporter
from junto.program.report import LogReporter, Progress

COMPUTING = Progress(310, 1000, of_bytes=False, detail="42 rounds, 1.5 MB, about 9 s left")


def test_progress_in_words():
    assert str(Progress()) == ""
    assert str(Progress(3 << 20, 7 << 20)) == "3 of 7 MiB"
    assert str(COMPUTING) == "31% done; 42 rounds, 1.5 MB, about 9 s left"


def test_log_lines_become_rarer(caplog):
    caplog.set_level(logging.INFO, "junto.wait")
    reporter = LogReporter()
    for _ in range(40):
        reporter.waiting("waiting for bob", COMPUTING)
    assert len(caplog.messages) == 6  # after 1, 2, 4, 8, 16 and 32 calls
    assert set(caplog.messages) == {f"waiting for bob ({COMPUTING})"}
    reporter.over()
    reporter.waiting("waiting for bob", Progress())
    assert caplog.messages[-1] == "waiting for bob"


def test_the_live_line_changes_its_bar_with_what_is_awaited():
    screen = io.StringIO()
    reporter = LiveReporter(Console(file=screen, force_terminal=True, width=120, legacy_windows=False))
    for progress in (Progress(), Progress(3_000_000, 7_000_000), COMPUTING):
        reporter.waiting("waiting for bob", progress)
    reporter.over()
    shown = screen.getvalue()
    assert "waiting for bob" in shown
    assert "3.0/7.0 MB" in shown
    assert "31%" in shown
    assert "42 rounds, 1.5 MB, about 9 s left" in shown
    assert shown.rstrip().endswith("\x1b[2K") or shown.endswith("\x1b[2K")  # nothing is left behind
