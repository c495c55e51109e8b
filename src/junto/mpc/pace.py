"""How far a run of a plan has come, for whoever waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import Protocol

from junto.mpc.steps import Block, Step


class Spent(Protocol):
    """What a role counts for itself: see `protocol.role.Role`."""

    rounds: int
    opened: int
    offline: int


class Pace:
    """Written by the thread that computes, read by any other.

    Args:
        block: the program that runs.
        role: of this node, for the rounds and bytes that it counts itself.
        clock: of a person.

    Attributes:
        done: steps that are over; one in a loop counts once a turn.
    """

    def __init__(self, block: Block, role: Spent, clock: Callable[[], float] = time.monotonic) -> None:
        self._block = block
        self._role = role
        self._clock = clock
        self._began = clock()
        self.done = 0

    @cached_property
    def total(self) -> int:
        """Steps in all, as far as it can be known: of a loop without a fixed number of turns one turn."""
        return _steps(self._block)

    @property
    def part(self) -> float:
        """From 0 to 1, about: steps differ in what they cost, but turns of a loop do not."""
        return min(self.done / self.total, 0.99) if self.total else 0.0

    @property
    def rounds(self) -> int:
        """Exchanges so far."""
        return self._role.rounds

    @property
    def nbytes(self) -> int:
        """Opened by a compute party and dealt, so far."""
        return self._role.opened + self._role.offline

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest takes, if it goes on like this; None: too early to say."""
        spent, part = self._clock() - self._began, self.part
        return spent / part - spent if spent >= 1 and part >= 0.02 else None


def _steps(block: Block) -> int:
    return sum(map(_of_step, block.steps))


def _of_step(step: Step) -> int:
    turns = int(step.params["length"]) if step.name == "scan" else 1
    return 1 + turns * sum(map(_steps, step.blocks))
