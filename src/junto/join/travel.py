"""How batches of keys travel: several at a time, a few of each set at once, seen by a person who waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from junto.accounting.progress import ComputeProgress, Count
from junto.device.current import current
from junto.device.disclosure import wait
from junto.device.pyu import PYUObject

AHEAD = 6
"""Batches of each set that may be on their way, which bounds memory."""


@contextmanager
def shown(total: int) -> Iterator[Callable[[int], None]]:
    """Inside, a person sees how many of `total` batches there were, as they are told to what this gives."""
    done = 0

    def seen(batches: int) -> None:
        nonlocal done
        done += batches

    program = current().program
    work = ComputeProgress(program.newest.operation, "join", None, lambda: Count(done, total, unit="batches"))
    with program.board.working(work):
        yield seen


def _heard_of(waits: int, steps: int) -> None:
    """Tell who counts rounds that so many of the waits were for so many steps that overlap."""
    if (rehearsal := current().rehearsal) is not None:
        rehearsal.overlapping(waits, steps)


def in_step(ways: Sequence[Iterator[PYUObject]], seen: Callable[[int], None] = lambda batches: None) -> None:
    """Take a step on each way in turn, never more than `AHEAD` steps ahead of what is done."""
    going, under_way = list(ways), list[list[PYUObject]]()
    waits = taken = 0
    while going:
        steps = [(way, next(way, None)) for way in going]
        going = [way for way, step in steps if step is not None]
        under_way.append([step for _, step in steps if step is not None])
        taken += bool(under_way[-1])
        if len(under_way) > AHEAD:
            done = under_way.pop(0)
            wait(done)
            waits += 1
            seen(len(done))
    wait(under_way)
    seen(sum(map(len, under_way)))
    _heard_of(waits + 1, taken)
