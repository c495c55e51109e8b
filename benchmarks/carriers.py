"""The two carriers between two parties, gRPC and a bare TLS 1.3 socket, in one run of the same processes."""

from __future__ import annotations

from benchmarks import ceilings
from benchmarks.measure import Ceiling, Row, Spread
from benchmarks.plan import MB, Plan
from benchmarks.processes import PARTIES, Job, Told, free_ports, run

FAMILY = "carriers"
LARGEST = 100 * MB
RAW = "raw TLS socket"

Raw = dict[int, list[float]]
"""Seconds of a raw socket: of a round trip (0), and for so many bytes."""


def measure(plan: Plan) -> list[Row]:
    """All rows of this family."""
    ports = dict(zip(PARTIES, free_ports(len(PARTIES)), strict=True))
    sizes = [each for each in plan.sizes if each[0] <= LARGEST]
    arguments = {
        "ports": ports,
        "round_trips": plan.round_trips,
        "iterations": plan.iterations,
        "sizes": sizes,
    }
    told = run(Job("carriers", arguments))["alice"]
    with ceilings.socket_pair(tls=True) as pair:
        raw = {0: pair.round_trips(plan.round_trips)}
        raw |= {nbytes: pair.flow(nbytes, count, fresh=True) for nbytes, count in sizes}
    return rows(told, 3 * plan.iterations, raw)


def rows(alice: Told, tasks: int, raw: Raw) -> list[Row]:
    """From what alice has said."""
    made = []
    for carrier in ("gRPC", "bare socket"):
        told = {line["what"]: line for line in alice.facts if line.get("carrier") == carrier}
        seconds = {what: Spread.of(line["seconds"]) for what, line in told.items()}
        trip = Spread.of(raw[0])
        for what, name in (
            (f"8 bytes each way on a stream, {told['round']['wire']:.0f} bytes sent for them", "round"),
            ("a product of secrets after another", "product"),
            ("array of one number to bob and back", "trip"),
        ):
            made.append(_row(f"{what}, {carrier}", "ms", seconds[name].map(_ms), trip.map(_ms)))
        made.append(
            _row(
                f"tiny tasks, every iteration revealed, {carrier}",
                "/s",
                seconds["tasks"].map(lambda each: tasks / each),
                trip.map(lambda each: 3 / each),
            )
        )
        for nbytes in filter(None, raw):
            speed = _speed(nbytes, Spread.of(raw[nbytes]))
            made.append(
                _row(
                    f"{nbytes // MB} MB array, {carrier}", "MB/s", _speed(nbytes, seconds[str(nbytes)]), speed
                )
            )
    return made


def _row(what: str, unit: str, ours: Spread, raw: Spread) -> Row:
    return Row(FAMILY, what, unit, ours, (Ceiling(RAW, raw),), "", "")


def _speed(nbytes: int, seconds: Spread) -> Spread:
    return seconds.map(lambda each: nbytes / MB / each)


def _ms(seconds: float) -> float:
    return 1000 * seconds
