"""Learning: three processes on this machine, TLS between them, all their work on the same cores."""

from __future__ import annotations

from benchmarks.measure import Ceiling, Row, Spread
from benchmarks.plan import MB, Plan
from benchmarks.processes import Job, Told, run

NODES = ("alice", "bob", "carol")
FAMILY = "learning"
EPOCHS = 3
SIZES = ((20_000, 50), (100_000, 100))
"""Rows and columns, half of the columns each at two parties; in the default ring and in the smaller one."""

QUICK_SIZES = ((2_000, 10),)

GOALS = {(20_000, 50): "2", (100_000, 100): "8"}
PEER = {(20_000, 50): "1.85 (1.3-2.5)", (100_000, 100): "7.0"}
"""SSRegression of SecretFlow on the same kind of machine, not in this run; with its first-party dealer, so
without a helper's work."""


def measure(plan: Plan) -> list[Row]:
    """All rows of this family."""
    sizes = SIZES if plan.secure_full else QUICK_SIZES
    return [
        row
        for size in sizes
        for field in ("FM128", "FM64")
        for row in rows(_told(size, field, plan.secure_runs), size, field)
    ]


def _told(size: tuple[int, int], field: str, count: int) -> dict[str, Told]:
    arguments = {
        "rows": size[0],
        "columns": size[1],
        "epochs": EPOCHS,
        "count": min(count, 3),
        "field": field,
    }
    return run(Job("learn", arguments, parties=NODES, timeout_s=300.0))


def rows(told: dict[str, Told], size: tuple[int, int], field: str) -> list[Row]:
    """From what the three have said."""
    name = f"logistic regression, {size[0]:,} x {size[1]}, {field}"
    seconds = Spread.of(max(each) for each in zip(*[t.only("fit") for t in told.values()], strict=True))
    helper = Spread.of(told[NODES[2]].only("worked"))
    said = told["bob"]
    clear = Ceiling("scikit-learn on the whole table, in the clear", Spread.of(said.only("clear_seconds")))
    others = Ceiling(
        "of the two that compute",
        Spread.of(map(sum, zip(*[told[party].only("worked") for party in NODES[:2]], strict=True))),
    )
    peak = Spread.of(max(told[party].only("peak")) / MB for party in NODES)
    auc = Ceiling("scikit-learn, in the clear", Spread.of(said.only("clear_auc")))
    what = f"{name}, {EPOCHS} epochs of batches of 1,024"
    return [
        Row(FAMILY, what, "s", seconds, (clear,), GOALS.get(size, ""), PEER.get(size, "")),
        Row(FAMILY, f"{name}: processor time of the helper", "s", helper, (others,)),
        Row(FAMILY, f"{name}: AUC on the same rows", "", Spread.of(said.only("auc")), (auc,), "within 0.002"),
        Row(FAMILY, f"{name}: the largest party's peak memory", "MB", peak, (), "2,000"),
    ]
