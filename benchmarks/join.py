"""Joining: private set intersection of two parties' CSV files into CSV files, mutual TLS."""

from __future__ import annotations

from benchmarks.measure import Ceiling, Row, Spread
from benchmarks.plan import MB, Plan
from benchmarks.processes import Job, Told, run

FAMILY = "joining"
SIZES = (100_000, 1_000_000)
"""Rows of each party; half of them are in common. Twice of it is to take twice as long."""

QUICK_SIZES = (2_000,)
METHODS = ("ecdh", "vole")

PEER = {("ecdh", 100_000): "1.1", ("ecdh", 1_000_000): "9.8"}
"""SecretFlow's ECDH-25519, which computes in AVX-512, too, with both parties on a machine of this kind."""


def measure(plan: Plan) -> list[Row]:
    """All rows of this family."""
    sizes = SIZES if plan.secure_full else QUICK_SIZES
    return [
        row
        for size in sizes
        for method in METHODS
        for row in rows(run(Job("join", {"rows": size, "method": method}, timeout_s=600)), size, method)
    ]


def rows(told: dict[str, Told], size: int, method: str) -> list[Row]:
    """From what both parties have said of their two joins, of which the first one also compiles."""
    first, again = zip(*(each.only("seconds") for each in told.values()), strict=True)
    peak = Spread.of(each.only("peak")[0] / MB for each in told.values())
    name = f'{size:,} and {size:,} rows, method="{method}"'
    made = zip(("the first join of a process", "the next one"), (0, 1), (first, again), strict=True)
    return [
        *(
            Row(
                FAMILY,
                f"{name}, {which}",
                "s",
                Spread.of([max(seconds)]),
                (Ceiling("processor time of one party", _worked(told, number)),),
                "",
                PEER.get((method, size), ""),
            )
            for which, number, seconds in made
        ),
        Row(FAMILY, f"{name}: peak memory of a party", "MB", peak),
    ]


def _worked(told: dict[str, Told], number: int) -> Spread:
    return Spread.of(each.only("worked")[number] for each in told.values())
