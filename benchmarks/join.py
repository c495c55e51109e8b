"""``python -m benchmarks.join 100000 1000000``: private set intersection, CSV in and out, mutual TLS.

SecretFlow's ECDH-25519, which computes in AVX-512, too, on a machine of this kind with both parties on two
cores: 1.1 s for 1e5 x 1e5 rows, 9.8 s for 1e6 x 1e6.
"""

from __future__ import annotations

import sys

from benchmarks.measure import Row, Spread
from benchmarks.plan import MB
from benchmarks.processes import Job, run

PUBLISHED = {100_000: "1.1", 1_000_000: "9.8"}


def measure(rows: int) -> list[Row]:
    """Both parties have `rows` rows and share half of them."""
    told = run(Job("join", {"rows": rows}, timeout_s=600)).values()
    told = list(told)
    first, again = zip(*(each.only("seconds") for each in told), strict=True)
    worked = zip(*(each.only("worked") for each in told), strict=True)
    size = f"join of {rows:,} and {rows:,} rows"
    return [
        Row("join", f"{size}, the first one", "s", Spread.of([max(first)]), (), "", PUBLISHED.get(rows, "")),
        Row("join", f"{size}, the next one", "s", Spread.of([max(again)]), (), "", PUBLISHED.get(rows, "")),
        *(
            Row("join", f"processor time of a party, {which} one", "s", Spread.of(seconds))
            for which, seconds in zip(("the first", "the next"), worked, strict=True)
        ),
        Row("join", "peak memory of a party", "MB", Spread.of(each.only("peak")[0] / MB for each in told)),
    ]


def main() -> None:
    """Measure the sizes that the command line names."""
    for rows in map(int, sys.argv[1:] or ["100000"]):
        for row in measure(rows):
            beside = f"   (SecretFlow {row.published} s)" if row.published else ""
            print(f"{row.what:50} {row.ours.median:8.2f} {row.unit}{beside}")


if __name__ == "__main__":
    main()
