"""Latency: round trips of a small value, and tiny tasks per second."""

from __future__ import annotations

from itertools import chain

from benchmarks import ceilings
from benchmarks.measure import Ceiling, Row, Spread
from benchmarks.plan import Plan
from benchmarks.processes import Job, Told, run

ROUND_TRIP = "round trip alice -> bob -> alice, small value"


def measure(plan: Plan) -> list[Row]:
    """All rows of this family."""
    alices = {True: list[Told](), False: list[Told]()}
    wires = {True: list[float](), False: list[float]()}
    grpc = list[float]()
    for _ in range(plan.latency_runs):
        for tls in (True, False):
            alices[tls].append(run(Job("latency", arguments(plan), tls))["alice"])
            with ceilings.socket_pair(tls=tls) as pair:
                wires[tls] += pair.round_trips(plan.round_trips)
        with ceilings.grpc_stream() as stream:
            grpc += stream.round_trips(plan.round_trips)
    raw = {tls: Ceiling(_socket(tls), Spread.of(wires[tls]).map(_ms)) for tls in wires}
    streamed = Ceiling("gRPC stream, mutual TLS", Spread.of(grpc).map(_ms))
    return [
        *round_trips(alices[True], (raw[True], streamed), "with TLS"),
        *round_trips(alices[False], (raw[False],), "without TLS"),
        *tiny_tasks(alices[True], plan, Spread.of(wires[True])),
    ]


def arguments(plan: Plan) -> dict[str, int]:
    """For the latency script."""
    return {
        "warm_up": plan.round_trips // 4,
        "round_trips": plan.round_trips,
        "iterations": plan.iterations,
    }


def round_trips(alices: list[Told], raw: tuple[Ceiling, ...], how: str) -> list[Row]:
    """One at a time, and in a chain for which the script does not wait."""
    one_by_one = Spread.of(chain.from_iterable(told.only("round_trips")[0] for told in alices)).map(_ms)
    count = len(alices[0].only("round_trips")[0])
    chained = Spread.of(_ms(told.only("chain")[0] / count) for told in alices)
    tls = how == "with TLS"
    return [
        Row(
            "latency",
            f"{ROUND_TRIP}, {how}",
            "ms",
            one_by_one,
            raw,
            "0.8" if tls else "",
            "" if tls else "2.4-3.3",
        ),
        Row("latency", f"the same, each of {count} taking the last one's answer, {how}", "ms", chained, raw),
    ]


def tiny_tasks(alices: list[Told], plan: Plan, raw: Spread) -> list[Row]:
    """Three an iteration; in lockstep an iteration takes one round trip at least."""
    tasks = 3 * plan.iterations
    pool = Spread.of(ceilings.thread_pool_tasks(plan.iterations) for _ in alices)
    return [
        Row(
            "latency",
            "tiny tasks across two parties, TLS, every iteration revealed",
            "/s",
            Spread.of(tasks / told.only("lockstep")[0] for told in alices),
            (Ceiling("3 tasks a round trip of a raw TLS socket", raw.map(lambda seconds: 3 / seconds)),),
            "5,000",
            "1,000-1,800 without TLS",
        ),
        Row(
            "latency",
            "tiny tasks across two parties, TLS, one reveal at the end",
            "/s",
            Spread.of(tasks / told.only("pipelined")[0] for told in alices),
            (Ceiling("a plain thread pool in one process", pool.map(lambda seconds: tasks / seconds)),),
        ),
    ]


def _socket(tls: bool) -> str:
    return "raw TLS socket" if tls else "raw TCP socket"


def _ms(seconds: float) -> float:
    return 1000 * seconds
