"""What crosses between two parties, counted by their ledgers: exact, the same in every run."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import PARTIES, Job, run
from junto.ledger import RECEIVED, read


@dataclass(frozen=True, slots=True)
class Crossing:
    """One value that crossed."""

    operation: str
    kind: str
    sender: str
    receiver: str
    type_name: str
    nbytes: int


def count() -> list[Crossing]:
    """What crosses in the counters script, in the order of operations."""
    with tempfile.TemporaryDirectory(prefix="junto-bench-") as folder:
        ledgers = {party: Path(folder) / f"{party}.jsonl" for party in PARTIES}
        run(Job("counters", settings={party: {"ledger": str(path)} for party, path in ledgers.items()}))
        found = [each.entry for path in ledgers.values() for each in read(path)]
    received = [entry for entry in found if entry.direction == RECEIVED]
    received.sort(key=lambda entry: (entry.operation, entry.index))
    return [
        Crossing(
            f"{entry.operation} {entry.text}",
            entry.kind,
            entry.sender,
            entry.receiver,
            entry.type_name,
            entry.nbytes,
        )
        for entry in received
    ]
