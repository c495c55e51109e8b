"""Start-up: the import, and from the start of two processes to their first reveal."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Ceiling, Row, Spread
from benchmarks.plan import Plan
from benchmarks.processes import PARTIES, Job, Told, free_ports, run, started, write_certificates

LATE_S = 0.5
TIMED_IMPORT = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"


def measure(plan: Plan) -> list[Row]:
    """All rows of this family."""
    return [*imports(plan), *first_reveals(plan)]


def imports(plan: Plan) -> list[Row]:
    """How long a fresh interpreter takes to import junto, and everything that `sf.<name>` loads later."""
    numpy = Ceiling("import numpy", _imports("import numpy", plan.starts))
    bare = Ceiling("start of a bare interpreter", Spread.of(_process("pass") for _ in range(plan.starts)))
    alone = _imports("import junto", plan.starts)
    names = _imports("from junto import *", plan.starts)
    return [
        Row("start-up", "import junto", "s", alone, (bare, numpy), "0.3", "1.6 (Ray: 1.9)"),
        Row("start-up", "import junto and use every name of it", "s", names, (bare, numpy)),
    ]


def first_reveals(plan: Plan) -> list[Row]:
    """From process start to first reveal; with one party late, too."""
    bare = Ceiling(
        "two bare processes, import grpc, one call with mutual TLS", repeat(bare_grpc_start, plan.starts)
    )
    together = repeat(lambda: to_last_reveal(run(Job("startup"))), plan.starts)
    late = [run(Job("startup", late_s=LATE_S)) for _ in range(plan.starts)]
    what = "process start to first reveal, two parties"
    return [
        Row(
            "start-up",
            f"{what}, TLS",
            "s",
            together,
            (bare,),
            "1.5",
            "1.7 without TLS; does not start with TLS",
        ),
        Row(
            "start-up",
            f"{what}, TLS, one {LATE_S} s late: since the later start",
            "s",
            Spread.of(map(to_last_reveal, late)),
            (bare,),
            "1.5",
        ),
        Row(
            "start-up",
            f"{what}, TLS, one {LATE_S} s late: since the earlier start",
            "s",
            Spread.of(map(_earlier, late)),
            (Ceiling(f"as above, and {LATE_S} s", bare.spread.map(lambda seconds: seconds + LATE_S)),),
            "1.5 + 0.5",
            "6.8 without TLS",
        ),
    ]


def stages(told: Told) -> dict[str, float]:
    """Seconds that each stage of a party's start took."""
    (moments,) = told.only("stages")
    found, before = {}, told.started
    for name, moment in moments.items():
        found[name], before = moment - before, moment
    return found


def bare_grpc_start() -> float:
    """Seconds from the start of two processes to the answer of one gRPC call between them."""
    client = bare_grpc_client()
    return float(client.only("answered")[0]) - client.started


def bare_grpc_client() -> Told:
    """What the client of two processes that were started together says after one call with mutual TLS."""
    with tempfile.TemporaryDirectory(prefix="junto-bench-") as folder:
        files = write_certificates(Path(folder), PARTIES)
        address = f"127.0.0.1:{free_ports(1)[0]}"
        told = [
            {**{name: str(path) for name, path in files[party].items()}, "address": address, "serve": serve}
            for party, serve in (("bob", True), ("alice", False))
        ]
        with started("bare_grpc", "server", told[0]), started("bare_grpc", "client", told[1]) as client:
            return client.told(time.monotonic() + 30)


def to_last_reveal(told: dict[str, Told]) -> float:
    """Seconds from the later party's start until both scripts had the first reveal's result."""
    return _last_reveal(told) - max(each.started for each in told.values())


def _earlier(told: dict[str, Told]) -> float:
    return _last_reveal(told) - min(each.started for each in told.values())


def _last_reveal(told: dict[str, Told]) -> float:
    return max(float(each.only("stages")[0]["reveal"]) for each in told.values())


def _imports(statement: str, count: int) -> Spread:
    code = TIMED_IMPORT.format(statement)
    return repeat(lambda: float(subprocess.check_output([sys.executable, "-c", code])), count)


def _process(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def repeat(measured: Callable[[], float], count: int) -> Spread:
    """Once for nothing, then `count` times."""
    measured()  # files are in the page cache and bytecode is compiled from now on
    return Spread.of(measured() for _ in range(count))
