"""A node's thread: whatever ends an operation, whoever waits for it hears so, and the next one runs."""

from __future__ import annotations

import asyncio

import pytest

from gateways import until
from junto.device.spu.node import Links, NodeThread


class Alone(Links):
    """No other nodes, to whom nothing is said but what was left out."""

    def __init__(self) -> None:
        self.left_out: list[int] = []

    def leave_out(self, operation: int, error: BaseException) -> None:
        self.left_out.append(operation)

    def nothing(self, *_: object) -> None:
        pass

    interrupt = abort = done = reason = nothing  # type: ignore[assignment]


@pytest.mark.parametrize(
    "error", [ValueError(), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()]
)
def test_whatever_is_raised_in_an_operation_the_next_one_runs(error: BaseException) -> None:
    def fail() -> list[int]:
        raise error

    links = Alone()
    node = NodeThread("SPU#1", links)
    (failed,) = node.submit((), fail, 1, lambda problem: problem, operation=7)
    (fine,) = node.submit((), lambda: [5], 1, lambda problem: problem, operation=8)
    until(fine.done)
    assert (failed.error(), fine.value(), links.left_out) == (error, 5, [7])
    node.close()
