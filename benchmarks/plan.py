"""How much is measured: the default, and the little that ``--quick`` takes."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000
GB = 1_000 * MB


@dataclass(frozen=True, slots=True)
class Plan:
    """How often each thing is done.

    Attributes:
        starts: processes started for each start-up figure.
        round_trips, iterations: of one run of the latency script.
        latency_runs: runs of it.
        rounds: alternations of junto and ceilings in the throughput figures.
        sizes: bytes of a value -> how often it is moved in one round.
        quick: whether it is the little one.
        large: move a value of 5 GB, too.
        secure_runs: how often each function runs on the SPU.
        secure_full: with a million numbers each, and once with ten million.
        ray: measure with one Ray cluster a party, too.
        hold: hold the machine's free memory (`benchmarks.at_hand`).
    """

    starts: int
    round_trips: int
    iterations: int
    latency_runs: int
    rounds: int
    sizes: tuple[tuple[int, int], ...]
    secure_runs: int = 2
    secure_full: bool = False
    quick: bool = False
    large: bool = False
    ray: bool = False
    hold: bool = False


QUICK = Plan(
    starts=2,
    round_trips=200,
    iterations=200,
    latency_runs=1,
    rounds=1,
    sizes=((1 * MB, 20), (100 * MB, 3)),
    quick=True,
)
FULL = Plan(
    starts=7,
    round_trips=400,
    iterations=1000,
    latency_runs=3,
    rounds=3,
    sizes=((1 * MB, 50), (100 * MB, 5), (1 * GB, 2)),
    secure_runs=5,
    secure_full=True,
)
