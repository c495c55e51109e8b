"""Free memory that the machine has, not only counts.

A virtual machine may give the pages that are free back to its host. Whoever takes them again waits for the
host, about 3 s a GB on the machine of `docs/benchmarks.md`, fifty times as long as for pages that are at
hand: figures for large values then say which pages somebody got, and little else. `--hold-memory` takes all
free memory before it measures, and lets go of as much as a run needs right before it, for junto and for its
ceilings alike.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager

GB = 1 << 30
LEFT = 2 * GB
"""What is never taken: the rest of the machine goes on meanwhile."""


class Memory:
    """Holds free memory of this machine, in blocks of a GiB.

    Args:
        hold: without it, nothing is held.
    """

    def __init__(self, *, hold: bool) -> None:
        self._hold = hold
        self._blocks: list[mmap.mmap] = []

    @property
    def held(self) -> int:
        """Bytes."""
        return len(self._blocks) * GB

    def ready(self, nbytes: int) -> None:
        """Let `nbytes` be free that are at hand."""
        if not self._hold:
            return
        while available() > LEFT + GB:
            self._blocks.append(_touched())
        for _ in range(min(-(-nbytes // GB), len(self._blocks))):
            self._blocks.pop().close()

    def let_go(self) -> None:
        """Of all."""
        while self._blocks:
            self._blocks.pop().close()


@contextmanager
def memory(*, hold: bool) -> Iterator[Memory]:
    """It is let go of at the end."""
    holder = Memory(hold=hold)
    try:
        yield holder
    finally:
        holder.let_go()


def available() -> int:
    """Bytes that could be had without swapping."""
    with open("/proc/meminfo") as file:
        lines = dict(line.split(":") for line in file)
    return int(lines["MemAvailable"].split()[0]) * 1024


def _touched() -> mmap.mmap:
    block = mmap.mmap(-1, GB, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        block.madvise(mmap.MADV_HUGEPAGE)
    for at in range(0, GB, mmap.PAGESIZE):
        block[at] = 1
    return block
