"""How a run of the tests is shared out among processes, and where its processor time goes: hooks of pytest.

A file of tests stays together, as its fixtures do. Each process takes the next file when it is done with one:
the rooms take turns, so that tests which wait for a network stand beside tests which compute, and the short
files of the largest rooms come last, when nothing long may be left over for one process alone.
"""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Generator
from pathlib import PurePosixPath
from typing import Any

import pytest

import preloaded

WITH_CLUSTERS = frozenset(
    f"tests/{name}.py"
    for name in (
        "conformance/test_executors",
        "conformance/test_join_modes",
        "conformance/test_ray_modes",
        "unit/execute/test_ray_connection",
    )
)
"""These share Ray clusters, which take long to start: all in one process."""

SLOWEST = 10
"""So many tests are named at the end of a run of more than ten times as many."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a run of several processes the rooms take turns."""
    if not hasattr(config, "workerinput"):
        return
    rooms: dict[str, dict[str, int]] = {}
    turn = {}
    for item in items:
        file = item.nodeid.partition("::")[0]
        room = rooms.setdefault(str(PurePosixPath(file).parent), {})
        turn[item] = room.setdefault(file, len(room))
    items.sort(key=lambda item: turn[item])  # stable: what stands together in a file stays so


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole files, in the order above."""
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "the files with clusters" if file in WITH_CLUSTERS else file

    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return Files(config, log)


def processor_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used) + preloaded.took[0]


_drawn: dict[str, Any] = {}
"""Where the random numbers of each file of tests began."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Each test draws what it would draw alone, whichever of its file came before it."""
    if (drawn := getattr(getattr(item, "module", None), "RNG", None)) is not None:
        file = item.nodeid.partition("::")[0]
        drawn.bit_generator.state = _drawn.setdefault(file, drawn.bit_generator.state)


_until = [0.0]
"""What this process had used when the last part of a test ended."""


def begins() -> None:
    """What comes before the first test is not its."""
    _until[0] = processor_seconds()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """Each report of a part of a test, its setup or itself, says what processor time it took."""
    report = yield
    now = processor_seconds()
    report.processor_seconds, _until[0] = now - _until[0], now
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the tests that took most: processor time is the same on a busy machine, the clock's is not."""
    took: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            name = getattr(report, "nodeid", "")
            if getattr(report, "when", "") == "teardown":  # the last test is not what ends for all of them
                name = f"{name.partition('::')[0]}: the end of what tests share"
            took[name] += getattr(report, "processor_seconds", 0.0)
    if len(took) > 10 * SLOWEST:
        terminalreporter.section(f"processor time: {sum(took.values()):.0f} s, most of it")
        for name, seconds in took.most_common(SLOWEST):
            terminalreporter.write_line(f"{seconds:6.1f} s  {name}")
