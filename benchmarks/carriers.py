"""The two carriers between two parties, gRPC and a bare TLS 1.3 socket, in one run of the same processes."""

from __future__ import annotations

from benchmarks.measure import Row, Spread
from benchmarks.plan import MB, Plan
from benchmarks.processes import PARTIES, Job, Told, free_ports, run

FAMILY = "carriers"
LARGEST = 100 * MB


def measure(plan: Plan) -> list[Row]:
    """All rows of this family."""
    ports = dict(zip(PARTIES, free_ports(len(PARTIES)), strict=True))
    sizes = [each for each in plan.sizes if each[0] <= LARGEST]
    arguments = {"ports": ports, "round_trips": plan.round_trips, "sizes": sizes}
    return rows(run(Job("carriers", arguments))["alice"], [size for size, _ in sizes])


def rows(alice: Told, sizes: list[int]) -> list[Row]:
    """From what alice has said."""
    made = []
    for carrier in ("gRPC", "bare socket"):
        told = {line["what"]: line for line in alice.facts if line.get("carrier") == carrier}
        what = f"8 bytes each way on a stream, {told['round']['wire']:.0f} bytes sent for them"
        made.append(_row(f"{what}, {carrier}", "ms", Spread.of(told["round"]["seconds"]).map(_ms)))
        made.append(
            _row(
                f"array of one number to bob and back, {carrier}",
                "ms",
                Spread.of(told["trip"]["seconds"]).map(_ms),
            )
        )
        for size in sizes:
            rate = Spread.of(size / MB / seconds for seconds in told[str(size)]["seconds"])
            made.append(_row(f"{size // MB} MB array, {carrier}", "MB/s", rate))
    return made


def _row(what: str, unit: str, ours: Spread) -> Row:
    return Row(FAMILY, what, unit, ours, (), "", "")


def _ms(seconds: float) -> float:
    return 1000 * seconds
