"""The SPU of two parties without a helper: what preparing takes, beside CHEETAH."""

from __future__ import annotations

from benchmarks.measure import Ceiling, Row, Spread
from benchmarks.plan import MB, Plan
from benchmarks.processes import Job, Told, free_ports, run

NODES = ("alice", "bob")
FULL = {"size": 10**6, "few": 20_000, "side": 256, "table": [569, 30]}
QUICK = {"size": 10**4, "few": 1_000, "side": 32, "table": [64, 8]}
PEER = {
    "first": "1.5",
    "product": "3.75; 115 MB a party",
    "less": "12.4; 71 MB a party",
    "logistic": "4.9",
    "matmul": "1.9",
}
"""SPU 0.9.5's CHEETAH on the same kind of machine, not in this run: lattices and silent transfers in C++."""
GOAL = {"first": "1", "product": "30", "less": "20", "logistic": "6", "matmul": "1.5", "train": "15"}


def measure(plan: Plan) -> list[Row]:
    """All rows of this family."""
    nodes = {name: f"127.0.0.1:{port}" for name, port in zip(NODES, free_ports(len(NODES)), strict=True)}
    sizes = FULL if plan.secure_full else QUICK
    told = run(Job("pair", {"nodes": nodes, "count": 1, **sizes}, parties=NODES, timeout_s=300.0))
    return rows(told, sizes)


def rows(told: dict[str, Told], sizes: dict[str, int | list[int]]) -> list[Row]:
    """From what the two have said."""
    side, (height, width) = sizes["side"], sizes["table"]
    names = {
        "product": f"{sizes['size']:,} fixed-point products",
        "less": f"{sizes['size']:,} comparisons",
        "logistic": f"{sizes['few']:,} logistic functions",
        "matmul": f"{side} x {side} @ {side} x {side}",
        "train": f"logistic regression, {height} x {width}, 10 epochs, full batch",
    }
    table = [_row(told, "first", "first use of the device, building it included")]
    return table + [_row(told, name, f"{what}; {_sent(told, name)}") for name, what in names.items()]


def _row(told: dict[str, Told], name: str, what: str) -> Row:
    """The slower party; beside it, the processor time of both."""
    seconds = zip(*[_said(party, name, "seconds") for party in told.values()], strict=True)
    work = zip(*[_said(party, name, "processor") for party in told.values()], strict=True)
    processor = Ceiling("processor time of both parties", Spread.of(sum(pair) for pair in work))
    ours = Spread.of(max(pair) for pair in seconds)
    return Row("two parties alone", what, "s", ours, (processor,), GOAL.get(name, ""), PEER.get(name, ""))


def _sent(told: dict[str, Told], name: str) -> str:
    """What the parties send, as text."""
    parts = []
    for fact in ("online", "offline"):
        sent = [_said(party, name, fact)[0] / MB for party in told.values()]
        parts.append(f"{sent[0]:,.1f} and {sent[1]:,.1f} MB {fact}")
    return f"sent: {', '.join(parts)}; {_said(told[NODES[0]], name, 'rounds')[0]:.0f} rounds online"


def _said(told: Told, name: str, fact: str) -> list[float]:
    return [line[fact] for line in told.facts if line.get("what") == name]
