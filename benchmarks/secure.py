"""The SPU: three processes on this machine, TLS between them, all their work on the same cores."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.ceilings import socket_pair
from benchmarks.measure import Ceiling, Row, Spread
from benchmarks.plan import MB, Plan
from benchmarks.processes import Job, Told, free_ports, run

NODES = ("alice", "bob", "carol")
HELPER = "carol"
SIDE, CHAIN = 1000, 50
PEER = {
    "build": "0.02-4",
    "first": "0.025-0.16 at every call",
    "tiny": "2.5 (4.5); through SecretFlow 15",
    "matmul": "0.87 (0.85)",
    "matmul128": "3.17",
    "product": "0.227 (0.127)",
    "less": "0.92 (1.11)",
    "logistic": "6.1 (5.9)",
}
"""SPU 0.9.5's own engine on the same kind of machine, not in this run: SEMI2K FM64 (FM128 where a row says
so) with its first-party dealer, which leaves out a helper's work and traffic; ABY3 FM64 in brackets."""


def measure(plan: Plan) -> list[Row]:
    """All rows of this family."""
    ports = free_ports(2 * len(NODES))
    nodes = {
        field: {name: f"127.0.0.1:{port}" for name, port in zip(NODES, own, strict=True)}
        for field, own in (("FM64", ports[:3]), ("FM128", ports[3:]))
    }
    arguments = {
        "nodes": nodes,
        "side": SIDE if plan.secure_full else 100,
        "count": plan.secure_runs,
        "tiny": 20 * plan.secure_runs,
        "chain": CHAIN,
        "many": 10 * MB if plan.secure_full else 0,
    }
    told = run(Job("secure", arguments, parties=NODES, timeout_s=300.0))
    return rows(told, arguments["side"])


def rows(told: dict[str, Told], side: int) -> list[Row]:
    """From what the three have said."""
    size = "1e6" if side == SIDE else f"{side * side:,}"
    x, y = np.random.default_rng(0).normal(size=(2, side, side))
    clear: dict[str, Callable[[], object]] = {
        "matmul": lambda: x @ y,
        "product": lambda: x * y,
        "less": lambda: x < y,
        "logistic": lambda: 1 / (1 + np.exp(-x)),
    }
    table = [
        _row(told, "build", "building the device, three parties, TLS, ports of its own", "s", "0.3"),
        _row(told, "first", "first call of a new function", "s", "0.15"),
        _row(told, "tiny", "one product of two numbers, waited for", "ms", "1.5", _round_trip()),
        _row(
            told, "chain", f"the same, each of {CHAIN} in one function taking the last one's result", "ms", ""
        ),
        _row(
            told, "matmul", f"{side} x {side} @ {side} x {side}", "s", "0.9", _in_the_clear(clear["matmul"])
        ),
        _row(told, "product", f"{size} fixed-point products", "s", "0.15", _in_the_clear(clear["product"])),
        _row(told, "less", f"{size} comparisons", "s", "0.30", _in_the_clear(clear["less"])),
        _row(told, "logistic", f"{size} logistic functions", "s", "2.0", _in_the_clear(clear["logistic"])),
    ]
    table += [
        _row(told, "tiny128", "one product of two numbers, waited for, FM128", "ms", ""),
        _row(told, "matmul128", f"{side} x {side} @ {side} x {side}, FM128", "s", "0.4"),
        _row(told, "product128", f"{size} fixed-point products, FM128", "s", ""),
        _row(told, "less128", f"{size} comparisons, FM128", "s", ""),
        _row(told, "logistic128", f"{size} logistic functions, FM128", "s", ""),
    ]
    table += [_helper(told, name, size) for name in ("matmul", "product", "less", "logistic")]
    if any(each.only("peak") for each in told.values()):
        table.append(_row(told, "many", "1e7 comparisons", "s", ""))
        table += [_peak(told[name], name) for name in NODES]
    return table


def _row(told: dict[str, Told], name: str, what: str, unit: str, goal: str, *ceilings: Ceiling) -> Row:
    """The slowest party of each time."""
    scale = (1000.0 if unit == "ms" else 1.0) / (CHAIN if name == "chain" else 1)
    each = zip(*[_said(party, name, "seconds") for party in told.values()], strict=True)
    ours = Spread.of(max(seconds) * scale for seconds in each)
    return Row("secure processing unit", what, unit, ours, ceilings, goal, PEER.get(name, ""))


def _helper(told: dict[str, Told], name: str, size: str) -> Row:
    """How much of the machine the helper takes of a row above."""
    names = {"matmul": "the matrix product", "product": f"{size} products", "less": f"{size} comparisons"}
    what = f"of {names.get(name, f'{size} logistic functions')}: processor time of the helper"
    ours = Spread.of(_said(told[HELPER], name, "processor"))
    both = Spread.of(
        sum(pair)
        for pair in zip(*[_said(told[party], name, "processor") for party in NODES[:2]], strict=True)
    )
    ceiling = Ceiling("processor time of the two that compute", both)
    return Row("secure processing unit", what, "s", ours, (ceiling,))


def _peak(told: Told, name: str) -> Row:
    peak = Spread.of([told.only("peak")[0] / MB])
    data = Ceiling("before the call, the operands included", Spread.of([told.only("before")[0] / MB]))
    what = f"resident memory at the peak of 1e7 comparisons, {'helper' if name == HELPER else name}"
    return Row("secure processing unit", what, "MB", peak, (data,), "2,000")


def _said(told: Told, name: str, fact: str) -> list[float]:
    return [line[fact] for line in told.facts if line.get("what") == name]


def _in_the_clear(work: Callable[[], object]) -> Ceiling:
    """The same in numpy, in one process, on all cores that it takes."""
    work()
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return Ceiling("numpy, float64, in the clear", Spread.of(seconds))


def _round_trip() -> Ceiling:
    with socket_pair(tls=True) as pair:
        spread = Spread.of(pair.round_trips(200)).map(lambda seconds: seconds * 1000)
    return Ceiling("one round trip of a raw TLS socket", spread)
