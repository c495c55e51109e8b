"""Large work is shared out among threads: the kernels run without the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

from junto.errors import ConfigError
from junto.locks import once

VARIABLE = "JUNTO_THREADS"


@once
def count() -> int:
    """Threads that one operation may use: those of the setting, or the cores that this process may use.

    Raises:
        ConfigError: the setting is no number from 1 on.
    """
    said = os.environ.get(VARIABLE, "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    if said:
        raise ConfigError(f"{VARIABLE} is {said!r}, which is no number of threads", fix=f"unset {VARIABLE}")
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every system has it
        return os.cpu_count() or 1


def shared_out(size: int, least: int, work: Callable[[int, int], None]) -> None:
    """`work(start, stop)` for pieces that make up `size`, at the same time.

    Args:
        size: of the whole.
        least: a piece is not smaller: what is not worth a thread of its own.
        work: waits for no other piece.
    """
    pieces = max(1, min(count(), size // max(1, least)))
    if pieces == 1:
        work(0, size)
        return
    cuts = [size * i // pieces for i in range(pieces + 1)]
    others = [_pool(os.getpid()).submit(work, a, b) for a, b in pairwise(cuts[1:])]
    try:
        work(cuts[0], cuts[1])
    finally:  # nobody else uses the arrays before all have done with them
        done = [each.exception() for each in others]
    for error in filter(None, done):
        raise error


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Of this process: a forked one has none of its parent's threads."""
    return ThreadPoolExecutor(max(1, count() - 1), "junto-kernels")
