"""Throughput of one array from alice to bob, and what the parties' memory comes to meanwhile.

Rounds of junto and of its ceilings alternate, so that what else the machine does hits all alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from benchmarks import at_hand, ceilings
from benchmarks.measure import Ceiling, Row, Spread
from benchmarks.plan import GB, MB, Plan
from benchmarks.processes import Job, Told, run

LARGE = 5 * GB
LARGE_NEEDS = 14 * GB
ROOM = 4 * GB
PUBLISHED = {100 * MB: "210-280 without TLS", GB: "refused by default; with the option 130 without TLS"}
REUSED, FRESH, GRPC = "into a small reused buffer", "into a fresh buffer", "gRPC stream"

Sizes = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Moved:
    """What one run of the throughput script gave.

    Attributes:
        seconds: by size.
        growth: by party and size: bytes of peak memory beyond the idle party.
    """

    seconds: dict[int, list[float]]
    growth: dict[str, dict[int, int]]


def measure(plan: Plan) -> list[Row]:
    """All rows of this family, and of memory while values move."""
    moved = {True: list[Moved](), False: list[Moved]()}
    wire: dict[tuple[bool, str, int], list[float]] = defaultdict(list)
    with at_hand.memory(hold=plan.hold) as free:
        for _ in range(plan.rounds):
            for tls in (True, False):
                free.ready(ROOM)
                moved[tls].append(move(Job("throughput", {"sizes": plan.sizes}, tls)))
                free.ready(ROOM)
                _raw(wire, tls, plan.sizes)
            free.ready(ROOM)
            _grpc(wire, plan.sizes)
    rows = []
    for nbytes, _ in plan.sizes:
        for tls in (True, False):
            ours = Spread.of(seconds for each in moved[tls] for seconds in each.seconds[nbytes])
            rows.append(_row(nbytes, tls, ours, _ceilings(wire, tls, nbytes)))
    rows += memory(moved[True], max(nbytes for nbytes, _ in plan.sizes))
    return rows


def large() -> list[Row]:
    """One value of 5 GB, once. Raises MemoryError if the machine has not got the memory now."""
    free = at_hand.available()
    if free < LARGE_NEEDS:
        raise MemoryError(f"{size(LARGE)} need {size(LARGE_NEEDS)} of free memory; there are {size(free)}")
    once = move(Job("throughput", {"sizes": [(LARGE, 1)]}, timeout_s=300))
    rate = Spread.of(once.seconds[LARGE]).map(lambda seconds: LARGE / MB / seconds)
    what = f"{size(LARGE)} array, with TLS (more than quota_bytes: received into a file)"
    row = Row("throughput", what, "MB/s", rate, (), "works", "impossible (2 GB)")
    return [row, *(replace(each, ceilings=()) for each in memory([once], LARGE))]


def move(job: Job) -> Moved:
    """Run the throughput script."""
    told = run(job)
    growth = {party: _growth(each) for party, each in told.items()}
    seconds: dict[int, list[float]] = defaultdict(list)
    for line in told["alice"].facts:
        if "seconds" in line:
            seconds[line["nbytes"]].append(line["seconds"])
    return Moved(seconds, growth)


def memory(runs: Iterable[Moved], nbytes: int) -> list[Row]:
    """Peak memory of each side while a value moves, beyond that of the idle party."""
    value = Ceiling("the value itself", Spread.of([nbytes / MB]))
    runs = list(runs)
    published = "6,100 at 1 GB" if nbytes == GB else ""
    return [
        Row(
            "memory",
            f"peak beyond idle while {size(nbytes)} move, TLS, {side} ({party})",
            "MB",
            Spread.of(each.growth[party][nbytes] / MB for each in runs),
            (value,),
            f"{nbytes // MB + 64:,}",
            published,
        )
        for party, side in (("alice", "sender"), ("bob", "receiver"))
    ]


def size(nbytes: int) -> str:
    """For a person."""
    return f"{nbytes / GB:.3g} GB" if nbytes >= GB else f"{nbytes / MB:.3g} MB"


def _growth(told: Told) -> dict[int, int]:
    (idle,) = told.only("idle")
    peaks: dict[int, int] = defaultdict(int)
    for line in told.facts:
        if "peak" in line:
            peaks[line["nbytes"]] = max(peaks[line["nbytes"]], line["peak"] - idle)
    return dict(peaks)


def _raw(wire: dict[tuple[bool, str, int], list[float]], tls: bool, sizes: Sizes) -> None:
    with ceilings.socket_pair(tls=tls) as pair:
        for nbytes, count in sizes:
            for how, fresh in ((REUSED, False), (FRESH, True)):
                wire[tls, how, nbytes] += pair.flow(nbytes, count, fresh=fresh)


def _grpc(wire: dict[tuple[bool, str, int], list[float]], sizes: Sizes) -> None:
    with ceilings.grpc_stream() as stream:
        for nbytes, count in sizes:
            wire[True, GRPC, nbytes] += stream.flow(nbytes, count)


def _ceilings(
    wire: dict[tuple[bool, str, int], list[float]], tls: bool, nbytes: int
) -> Iterable[tuple[str, Spread]]:
    name = "raw TLS socket" if tls else "raw TCP socket"
    for how in (REUSED, FRESH):
        yield f"{name} {how}", Spread.of(wire[tls, how, nbytes])
    if tls:
        yield "gRPC stream with mutual TLS, bytes dropped", Spread.of(wire[tls, GRPC, nbytes])


def _row(nbytes: int, tls: bool, seconds: Spread, raw: Iterable[tuple[str, Spread]]) -> Row:
    def rate(each: Spread) -> Spread:
        return each.map(lambda seconds: nbytes / MB / seconds)

    return Row(
        "throughput",
        f"{size(nbytes)} array, {'with' if tls else 'without'} TLS",
        "MB/s",
        rate(seconds),
        tuple(Ceiling(how, rate(spread)) for how, spread in raw),
        "80% of the raw TLS socket" if tls and nbytes >= 100 * MB else "",
        PUBLISHED.get(nbytes, ""),
    )
