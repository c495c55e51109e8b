"""``python -m benchmarks``: measure, print a table, and write ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import (
    carriers,
    counters,
    join,
    kernels,
    latency,
    learning,
    memory,
    pair,
    secure,
    startup,
    throughput,
)
from benchmarks.measure import Row
from benchmarks.plan import FULL, QUICK, Plan
from benchmarks.report import Report

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

Family = Callable[[Plan], list[Row]]


def main(arguments: list[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    plan = replace(
        QUICK if options.quick else FULL, large=options.large, ray=options.ray, hold=options.hold_memory
    )
    began, load = time.monotonic(), os.getloadavg()[0]
    rows = []
    families = _families(plan)
    for name, family in families.items():
        if options.only is not None and name not in options.only:
            continue
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += family(plan)
    report = Report(rows, counters.count(), time.monotonic() - began, plan, load)
    print(json.dumps(report.as_dict(), indent=1) if options.json else report.summary())
    page = options.page or (None if options.quick or options.only else PAGE)
    if page is not None:
        page.write_text(report.page())
        print(f"wrote {page}", file=sys.stderr)


def _families(plan: Plan) -> dict[str, Family]:
    families: dict[str, Family] = {
        "start-up": startup.measure,
        "idle memory": memory.measure,
        "latency": latency.measure,
        "throughput": throughput.measure,
        "carriers": carriers.measure,
        "kernels": kernels.measure,
        "the SPU": secure.measure,
        "learning": learning.measure,
        "joining": join.measure,
        "two parties alone": pair.measure,
    }
    if plan.ray:
        from benchmarks import with_ray

        families["Ray clusters"] = with_ray.measure
    if plan.large:  # last: the file that it is received into is written to disk for a while after it
        families["a value of 5 GB"] = lambda _: throughput.large()
    return families


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, under a minute; no page")
    parser.add_argument("--large", action="store_true", help="also a value of 5 GB (14 GB of free memory)")
    parser.add_argument("--ray", action="store_true", help="also with one Ray cluster a party")
    parser.add_argument(
        "--hold-memory",
        action="store_true",
        help="take the machine's free memory first: for virtual machines that give it back to their host",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--only", action="append", metavar="FAMILY", help="this family, as it is named while measured"
    )
    parser.add_argument("--page", type=Path, help="where to write the page (default: docs/benchmarks.md)")
    return parser


if __name__ == "__main__":
    main()
