"""The same with one Ray cluster a party; beside it what one cluster does without junto."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import at_hand, ceilings, latency, startup, throughput
from benchmarks.measure import Ceiling, Row, Spread
from benchmarks.plan import MB, Plan
from benchmarks.processes import PARTIES, Job, Told, run, started

TESTS = Path(__file__).parents[1] / "tests"
ARRAY = 100 * MB
RAY_S = 300.0


def measure(plan: Plan) -> list[Row]:
    """All rows of this family. Raises ModuleNotFoundError without Ray."""
    clusters = _clusters()
    environment: Mapping[str, str] = clusters.driver_environment()
    with clusters.ray_clusters(PARTIES) as addresses:
        settings = {party: {"address": addresses[party]} for party in PARTIES}
        ours = _Ours(settings, environment)
        return [
            *_starts(ours, addresses["alice"], plan),
            *_tasks(ours, addresses["alice"], plan),
            *_array(ours, plan),
        ]


class _Ours:
    """Runs the scripts with one cluster a party."""

    def __init__(self, settings: Mapping[str, Mapping[str, Any]], environment: Mapping[str, str]) -> None:
        self._settings = settings
        self.environment = environment

    def run(self, script: str, **arguments: Any) -> dict[str, Told]:
        """Both parties, mutual TLS."""
        return run(
            Job(script, arguments, True, self._settings, self.environment, timeout_s=RAY_S),
        )


def _starts(ours: _Ours, address: str, plan: Plan) -> list[Row]:
    count = max(plan.starts // 2, 1)
    plain = startup.repeat(lambda: _first_answer(address, ours.environment), count)
    together = startup.repeat(lambda: startup.to_last_reveal(ours.run("startup")), count)
    return [
        Row(
            "ray",
            "process start to first reveal, two parties, TLS, clusters already up",
            "s",
            together,
            (Ceiling("a plain Ray driver's start to its first task's result", plain),),
            "4",
            "7.8",
        )
    ]


def _tasks(ours: _Ours, address: str, plan: Plan) -> list[Row]:
    arguments = {**latency.arguments(plan), "iterations": plan.iterations // 2}
    alice = ours.run("latency", **arguments)["alice"]
    plain = _plain(address, arguments, ours.environment)
    tasks = 3 * arguments["iterations"]

    def rate(told: Told, name: str) -> Spread:
        return Spread.of(tasks / seconds for seconds in told.only(name))

    def milliseconds(told: Told) -> Spread:
        return Spread.of(told.only("round_trips")[0]).map(lambda seconds: 1000 * seconds)

    return [
        Row(
            "ray",
            f"{latency.ROUND_TRIP}, with TLS",
            "ms",
            milliseconds(alice),
            (Ceiling("two tasks one after the other on one plain Ray cluster", milliseconds(plain)),),
            "8",
            "28; with TLS 36",
        ),
        Row(
            "ray",
            "tiny tasks across two parties, TLS, every iteration revealed",
            "/s",
            rate(alice, "lockstep"),
            (Ceiling("the same on one plain Ray cluster", rate(plain, "lockstep")),),
            "1,000",
            "240",
        ),
        Row(
            "ray",
            "tiny tasks across two parties, TLS, one reveal at the end",
            "/s",
            rate(alice, "pipelined"),
            (Ceiling("the same on one plain Ray cluster", rate(plain, "pipelined")),),
        ),
    ]


def _array(ours: _Ours, plan: Plan) -> list[Row]:
    count = dict(plan.sizes).get(ARRAY, 1)
    with at_hand.memory(hold=plan.hold) as free:
        free.ready(throughput.ROOM)
        told = ours.run("throughput", sizes=[(ARRAY, count)])["alice"]
    seconds = [line["seconds"] for line in told.facts[1:]]
    with ceilings.socket_pair(tls=True) as pair:
        raw = Spread.of(pair.flow(ARRAY, count, fresh=False))
    return [
        Row(
            "ray",
            f"{throughput.size(ARRAY)} array, with TLS, from one cluster's object store to the other's",
            "MB/s",
            Spread.of(seconds).map(_rate),
            (Ceiling("raw TLS socket into a small reused buffer", raw.map(_rate)),),
            "50% of the raw TLS socket",
            "100-160 without TLS",
        )
    ]


def _rate(seconds: float) -> float:
    return ARRAY / MB / seconds


def _first_answer(address: str, environment: Mapping[str, str]) -> float:
    told = _plain(address, {"round_trips": 0}, environment)
    return float(told.only("answered")[0]) - told.started


def _plain(address: str, arguments: Mapping[str, Any], environment: Mapping[str, str]) -> Told:
    with started("plain_ray", "plain Ray", {"address": address, **arguments}, environment) as running:
        return running.told(time.monotonic() + RAY_S)


def _clusters() -> Any:
    """The tests' engine for real clusters; it lies beside them, not in a package."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    return importlib.import_module("ray_clusters")
