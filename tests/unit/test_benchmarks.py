"""The benchmarks' own parts: that they measure what they say. Seconds are never looked at."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # the package lies beside `src`, not in it

from benchmarks import __main__ as command  # noqa: E402
from benchmarks import (  # noqa: E402
    at_hand,
    ceilings,
    counters,
    latency,
    learning,
    memory,
    pair,
    processes,
    secure,
    startup,
    throughput,
)
from benchmarks.measure import Ceiling, Row, Spread  # noqa: E402
from benchmarks.plan import MB, QUICK, Plan  # noqa: E402
from benchmarks.processes import BenchmarkFailed, Job  # noqa: E402
from benchmarks.report import Report  # noqa: E402

TINY = Plan(starts=1, round_trips=3, iterations=2, latency_runs=1, rounds=1, sizes=((MB, 1),), secure_runs=1)


def row(unit: str, ours: tuple[float, ...], *ceilings: float) -> Row:
    found = tuple(Ceiling(f"at {value}", Spread.of([value])) for value in ceilings)
    return Row("latency", "this", unit, Spread.of(ours), found, "a goal", "a figure")


def test_a_spread_knows_its_middle_and_its_ends() -> None:
    spread = Spread.of(float(value) for value in range(100, 0, -1))
    assert (spread.low, spread.median, spread.p95, spread.high) == (1, 50.5, 95, 100)
    assert Spread.of([7.0]).p95 == 7
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


def test_as_good_as_the_ceiling_is_one_for_times_and_for_rates() -> None:
    slow, fast = row("ms", (4.0, 8.0, 9.0), 2.0), row("MB/s", (4.0, 8.0, 9.0), 10.0)
    assert slow.share(slow.ceilings[0]) == 0.25
    assert fast.share(fast.ceilings[0]) == 0.8
    assert slow.best_share(slow.ceilings[0]) == 0.5
    assert fast.best_share(fast.ceilings[0]) == 0.9


def test_the_report_says_each_row_with_ceiling_goal_and_noise() -> None:
    report = Report([row("ms", (4.0, 8.0, 9.0), 2.0, 16.0)], [], 1.0, QUICK, load=0.25)
    page = report.page()
    line = next(line for line in page.splitlines() if line.startswith("| this"))
    assert "8 ms (4 to 9)" in line
    assert "at 2.0: 2 ms<br>at 16.0: 16 ms" in line
    assert "25%<br>200%" in line
    assert line.endswith("| a goal | a figure |")
    assert "this" in report.summary()
    assert json.loads(json.dumps(report.as_dict()))["rows"][0]["junto"]["median"] == 8
    for fact in ("processor", "memory", "Python", "date", "load before it began"):
        assert f"- {fact}: " in page


@pytest.mark.parametrize("tls", [True, False])
def test_raw_sockets_answer_and_take_every_byte(tls: bool) -> None:
    with ceilings.socket_pair(tls=tls) as pair:
        assert len(pair.round_trips(3)) == 3
        assert len(pair.flow(3 * MB + 1, 2, fresh=True)) == 2
        assert len(pair.flow(3 * MB + 1, 2, fresh=False)) == 2
        assert len(pair.round_trips(1)) == 1  # nothing was left over


def test_the_grpc_stream_answers_and_takes_every_byte() -> None:
    with ceilings.grpc_stream() as stream:
        assert len(stream.round_trips(3)) == 3
        assert len(stream.flow(3 * MB + 1, 2)) == 2


@pytest.mark.slow
def test_two_parties_say_their_round_trips_and_tasks() -> None:
    told = processes.run(Job("latency", {"warm_up": 1, **latency.arguments(TINY)}))
    assert set(told) == {"alice", "bob"}
    alice = told["alice"]
    assert len(alice.only("round_trips")[0]) == TINY.round_trips
    assert len(alice.only("lockstep")) == len(alice.only("pipelined")) == len(alice.only("chain")) == 1
    assert {row.what for row in latency.tiny_tasks([alice], TINY, Spread.of([0.1]))} != set()


@pytest.mark.slow
def test_arrays_arrive_and_memory_is_watched_on_both_sides() -> None:
    moved = throughput.move(Job("throughput", {"sizes": [[8 * MB, 2]]}, tls=False))
    assert len(moved.seconds[8 * MB]) == 2
    assert set(moved.growth) == {"alice", "bob"}
    assert all(growth[8 * MB] >= 8 * MB for growth in moved.growth.values())


@pytest.mark.slow
def test_an_spu_of_three_says_what_each_function_takes() -> None:
    table = {row.what: row for row in secure.measure(TINY)}
    assert len(table) == 17
    assert len(table["one product of two numbers, waited for"].ours.values) == 20
    assert all(row.ours.low >= 0 for row in table.values())
    assert table["10,000 comparisons"].ceilings[0].how == "numpy, float64, in the clear"


@pytest.mark.slow
def test_learning_says_time_quality_and_memory() -> None:
    table = learning.measure(TINY)
    assert len(table) == 8
    seconds, helper, auc, peak = table[:4]
    assert seconds.ours.low > 0
    assert helper.ours.low > 0
    assert auc.ours.median == pytest.approx(auc.ceilings[0].spread.median, abs=0.02)
    assert peak.ours.median > 100


@pytest.mark.slow
def test_two_parties_alone_say_what_they_send() -> None:
    table = pair.measure(TINY)
    assert len(table) == 6
    assert all(row.ours.low >= 0 for row in table)
    comparisons = next(row for row in table if row.what.startswith("10,000 comparisons"))
    online, offline = re.findall(r"(\S+) and (\S+) MB", comparisons.what)
    assert float(online[0]) > float(online[1]) > 0
    assert float(offline[1]) > float(offline[0]) > 0


@pytest.mark.slow
def test_a_start_is_told_in_stages() -> None:
    told = processes.run(Job("startup", late_s=0.01))
    for each in told.values():
        assert list(startup.stages(each)) == ["python", "import", "init", "reveal"]
        assert each.only("result") == [43]
    assert told["bob"].started > told["alice"].started


@pytest.mark.slow
def test_what_crosses_is_counted_exactly() -> None:
    crossed = [(each.kind, each.sender, each.receiver) for each in counters.count()]
    assert crossed[:5] == [
        ("move", "alice", "bob"),
        ("move", "bob", "alice"),
        ("wait", "alice", "bob"),  # revealed to alice: bob learns that it is there
        ("reveal", "alice", "bob"),
        ("wait", "alice", "bob"),
    ]
    assert counters.count() == counters.count()


def test_a_party_that_fails_is_reported_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkFailed, match=r"(?s)alice ended with exit code .*(KeyError|bob ended)"):
        processes.run(Job("latency", {"nothing": "useful"}))
    with processes.started("idle", "alone", {}) as running, pytest.raises(BenchmarkFailed, match="alone"):
        running.told(deadline=0)
    assert running.process.poll() is not None


def test_too_little_memory_for_the_large_value_is_said_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(at_hand, "available", lambda: MB)
    with pytest.raises(MemoryError, match="5 GB need 14 GB of free memory; there are 1 MB"):
        throughput.large()


ALL = {
    "start-up": "start-up",
    "idle memory": "memory",
    "latency": "latency",
    "throughput": "throughput",
    "the SPU": "secure processing unit",
    "learning": "learning",
    "joining": "joining",
    "carriers": "carriers",
    "two parties alone": "two parties alone",
    "kernels": "kernels",
}
"""Each family as it is named while measured, and on the page."""


@pytest.mark.bench
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("some", [["throughput", "joining"], pytest.param([*ALL], marks=pytest.mark.long)])
def test_a_tiny_run_writes_the_page(
    some: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other families have a test each."""
    assert set(command._families(TINY)) == set(ALL)
    monkeypatch.setattr(command, "QUICK", TINY)
    page = tmp_path / "page.md"
    only = [word for name in some for word in ("--only", name)]
    command.main(["--quick", "--json", "--page", str(page), *only])
    found = json.loads(capsys.readouterr().out)
    families = {ALL[name] for name in some} | {"memory"}  # which a value that is sent takes, too
    assert {row["family"] for row in found["rows"]} == families
    assert all(row["junto"]["median"] > 0 for row in found["rows"])
    assert "| 1 MB array, with TLS |" in page.read_text()


@pytest.mark.bench
def test_an_idle_party_says_its_memory() -> None:
    assert all(row.ours.low > 1 for row in memory.measure(TINY))


def test_memory_is_held_down_to_what_is_left_to_the_machine_and_let_go_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = [8 * at_hand.GB]

    class Block:
        def __init__(self) -> None:
            free[0] -= at_hand.GB

        def close(self) -> None:
            free[0] += at_hand.GB

    monkeypatch.setattr(at_hand, "available", lambda: free[0])
    monkeypatch.setattr(at_hand, "_touched", Block)
    with at_hand.memory(hold=True) as held:
        held.ready(at_hand.GB)
        assert (held.held, free[0]) == (4 * at_hand.GB, 4 * at_hand.GB)
        held.ready(2 * at_hand.GB - 1)
        assert (held.held, free[0]) == (3 * at_hand.GB, 5 * at_hand.GB)
        held.ready(100 * at_hand.GB)
        assert held.held == 0
    assert free[0] == 8 * at_hand.GB
    with at_hand.memory(hold=False) as held:
        held.ready(at_hand.GB)
        assert held.held == 0


@pytest.mark.bench
def test_memory_that_is_held_is_resident() -> None:
    block = at_hand._touched()
    with open("/proc/self/smaps_rollup") as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith("Rss:"))
    block.close()
    assert resident * 1024 > at_hand.GB
