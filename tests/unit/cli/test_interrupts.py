"""Signals end a command where Python would lose them, and what was set before is set again."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from junto.cli.interrupts import SIGNALS, terminable
from junto.errors import Terminated


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """As in a process that nobody has told to ignore anything; and so again afterwards."""
    before = {each: signal.getsignal(each) for each in SIGNALS}
    for each in SIGNALS:
        signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def stay() -> None:
    """Until a signal comes."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        time.sleep(0.01)


def come(number: int) -> None:
    os.kill(os.getpid(), number)
    stay()


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_raises_what_it_asks_for_and_handlers_are_given_back(number: int) -> None:
    before = [signal.getsignal(each) for each in SIGNALS], sys.unraisablehook
    kind = KeyboardInterrupt if number == signal.SIGINT else Terminated
    with pytest.raises(kind) as caught, terminable():
        come(number)
    assert type(caught.value) is kind
    assert ([signal.getsignal(each) for each in SIGNALS], sys.unraisablehook) == before


@pytest.mark.parametrize("number", SIGNALS)
def test_what_the_caller_ignores_stays_ignored(number: int) -> None:
    signal.signal(number, signal.SIG_IGN)
    with terminable():
        assert signal.getsignal(number) is signal.SIG_IGN
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is signal.SIG_IGN


def test_a_signal_that_a_finalizer_has_lost_comes_again() -> None:
    """Python ignores whatever is raised in one."""

    class Last:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):
                pass  # somewhere here it is raised

    def step() -> None:
        Last()
        gc.collect()
        stay()

    with pytest.raises(Terminated), terminable():
        step()


def test_an_import_is_let_end_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that is interrupted as it loads stays half loaded."""
    (tmp_path / "loads_slowly.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(0.05)\nWHOLE = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def step() -> None:
        importlib.import_module("loads_slowly")
        stay()

    with pytest.raises(Terminated), terminable():
        step()
    assert sys.modules.pop("loads_slowly").WHOLE
