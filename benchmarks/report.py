"""The figures as a table for a page, for a terminal, and as JSON."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.counters import Crossing
from benchmarks.measure import Row, Spread
from benchmarks.plan import Plan

FACTS_OF = ("junto", "grpcio", "jax", "numpy", "msgspec", "cryptography", "ray")
HEAD = (
    "what",
    "junto: median (min to max)",
    "ceiling: median (min to max)",
    "median of ceiling",
    "best of best",
    "goal",
    "SecretFlow",
)
INTRODUCTION = """\
# Benchmarks

Written by `make bench`; do not edit. Two parties are two real processes on one machine, over loopback, with
mutual TLS 1.3 and certificates of the run unless a row says otherwise. Each figure stands beside what the
same machine does in the same run without junto (the ceiling), from the start of processes to the raw socket.

Seconds are noisy: read the span from minimum to maximum first. *Median of ceiling* compares the medians,
*best of best* the best measurement of each, which noise hides least; 100% is as good as the ceiling, for
times and for rates. Nothing here is asserted by a test.

The column *SecretFlow* was measured on the same kind of machine (2 cores, loopback), not in this run:
SecretFlow 1.14 without Ray, 1.13 with Ray. Beside the SPU it is the engine alone, SPU 0.9.5 with SEMI2K, 64
bit, and its first-party dealer (no helper's work or traffic is in it), and in brackets with ABY3. Beside two
parties alone it is SPU's CHEETAH.
"""
HOW = """\
## What is timed

- **process start to first reveal**: from the moment before a process is started until both scripts have
  the result of `sf.reveal(bob(g)(alice(f)().to(bob)))`.
- **round trip**: at alice, from `alice(f)()` through `.to(bob)`, `bob(g)` and `.to(alice)` until her script
  has the answer (`sf.reveal(..., to="alice")`).
- **tiny tasks**: one at alice, one at bob, their sum at alice: three an iteration.
- **array**: at alice, from the moment at which the array is there and both parties know (`sf.wait`), until
  a task at bob that looks at nothing but its shape has run and alice's script has its answer. A new array
  each time. The raw sockets time sending the same bytes until one byte comes back. *Into a small reused
  buffer*: the receiver keeps nothing; *into a fresh buffer*: it keeps the bytes, as bob must, and pays for
  the page faults of new memory. A virtual machine that gives its free pages back to the host waits about 3 s
  for each GB that it takes again, whoever takes it; with `--hold-memory` the benchmark has taken them before
  junto and its ceilings do.
- **kernels**: processor seconds of all threads, in one process; a kernel in C and what computes in its place
  take turns. 400% is four times as fast.
- **secure processing unit**: at each of three processes, two that compute and a helper, from the call until
  all nodes are done (`sf.wait`); the slowest party counts. All three share this machine's cores, so the
  helper's work is in the time; rows of their own say how much it is. The ceiling is numpy in the clear.
- **learning**: from `fit` until the coefficients are there at every node; the slowest party counts, and the
  helper's work is in the time. Made-up normal columns, half of them each at two parties, the label at one.
- **joining**: CSV files in and out, half of the keys in common; the slower party counts. The first join of a
  process also loads its libraries.
- **two parties alone**: at each of two processes, from the call until both are done (`sf.wait`), the
  preparing by oblivious transfer included; the slower party counts. Bytes are those of alice and of bob; the
  ceiling is the processor time of both.
- **memory**: the peak of resident memory (`VmHWM`) while the value moves, minus resident memory after
  `init` and one small value; the sender's includes its own copy of the value.
"""


@dataclass(frozen=True, slots=True)
class Report:
    """All that a run has found.

    Attributes:
        rows, crossings: figures and counts.
        seconds: that it took.
        plan: how much was measured, and how.
        load: of the machine before it began; others' work, that is.
    """

    rows: Sequence[Row]
    crossings: Sequence[Crossing]
    seconds: float
    plan: Plan
    load: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "machine": machine(),
            "quick": self.plan.quick,
            "memory held": self.plan.hold,
            "load before": self.load,
            "seconds": round(self.seconds, 1),
            "rows": [row.as_dict() for row in self.rows],
            "crossings": [asdict(each) for each in self.crossings],
        }

    def page(self) -> str:
        """For the documentation."""
        parts = [INTRODUCTION]
        for family in dict.fromkeys(row.family for row in self.rows):
            parts.append(f"## {family.capitalize()}\n")
            parts.append(_table(HEAD, (_cells(row) for row in self.rows if row.family == family)))
        if self.crossings:
            parts.append("## What crosses\n\nCounted by the ledgers of both parties; exact.\n")
            parts.append(_table(*_crossings(self.crossings)))
        facts = [f"- {name}: {value}" for name, value in machine().items()]
        facts.append(f"- load before it began: {self.load:.1f} (what others had the machine do)")
        facts.append(f"- took: {self.seconds:.0f} s{' (--quick)' if self.plan.quick else ''}")
        if self.plan.hold:
            facts.append("- free memory was held before each round of large values (--hold-memory)")
        return "\n".join([*parts, HOW, "## This run\n", *facts, ""])

    def summary(self) -> str:
        """For a terminal."""
        lines = []
        for row in self.rows:
            share = ""
            if row.ceilings:
                ceiling = row.ceilings[0]
                share = f"{row.share(ceiling):.0%} of {_value(ceiling.spread.median)}"
            ours = f"{_value(row.ours.median):>8} {row.unit:<5}"
            lines.append(f"{row.what:<88} {ours} {share:<16} goal: {row.goal or '-'}")
        return "\n".join(lines)


def machine() -> dict[str, str]:
    """Where this was measured, in one readable line each."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "packages": ", ".join(_versions()),
    }


def _versions() -> Iterable[str]:
    for name in FACTS_OF:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue


def _processor() -> str:
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.what,
        f"{_span(row.ours, row.unit)}{_tail(row)}",
        "<br>".join(f"{each.how}: {_span(each.spread, row.unit)}" for each in row.ceilings),
        "<br>".join(f"{row.share(each):.0%}" for each in row.ceilings),
        "<br>".join(f"{row.best_share(each):.0%}" for each in row.ceilings),
        row.goal,
        row.published,
    )


def _tail(row: Row) -> str:
    many = len(row.ours.values) >= 100
    return f", p95 {_value(row.ours.p95)}" if many else ""


def _span(spread: Spread, unit: str) -> str:
    if not unit:
        return f"{spread.median:.5f}"
    if len(spread.values) == 1:
        return f"{_value(spread.median)} {unit}"
    return f"{_value(spread.median)} {unit} ({_value(spread.low)} to {_value(spread.high)})"


def _value(number: float) -> str:
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}" if number >= 0.01 else f"{number:.4f}"


def _crossings(crossings: Sequence[Crossing]) -> tuple[tuple[str, ...], Iterable[tuple[str, ...]]]:
    head = ("operation", "kind", "from", "to", "type", "bytes")
    return head, (
        (each.operation, each.kind, each.sender, each.receiver, each.type_name, f"{each.nbytes:,}")
        for each in crossings
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
