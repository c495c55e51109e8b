"""Memory of a party that does nothing."""

from __future__ import annotations

from benchmarks.measure import Ceiling, Row, Spread
from benchmarks.plan import MB, Plan
from benchmarks.processes import Job, run
from benchmarks.startup import bare_grpc_client


def measure(plan: Plan) -> list[Row]:
    """All rows of this family (while values move: see `throughput`)."""
    count = max(plan.starts // 2, 1)
    idle = [told for _ in range(count) for told in run(Job("idle")).values()]
    bare = [bare_grpc_client() for _ in range(count)]
    rows = []
    for kind, name in (("rss", "resident"), ("pss", "resident, pages shared with other processes in part")):
        rows.append(
            Row(
                "memory",
                f"idle party, embedded, TLS: {name}",
                "MB",
                Spread.of(told.only(kind)[0] / MB for told in idle),
                (
                    Ceiling(
                        "a bare process with grpc, one channel open",
                        Spread.of(told.only(kind)[0] / MB for told in bare),
                    ),
                ),
                "80" if kind == "rss" else "",
                "400" if kind == "rss" else "",
            )
        )
    return rows
