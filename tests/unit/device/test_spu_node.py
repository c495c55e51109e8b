"""A node's thread: whatever ends an operation, whoever waits for it hears so, and the next one runs."""

from __future__ import annotations

import asyncio
import queue
import threading

import pytest

from gateways import until
from junto.device.spu.node import Links, NodeThread
from junto.execute.slot import Slot


class Alone(Links):
    """No other nodes, to whom nothing is said but what was left out."""

    def __init__(self) -> None:
        self.left_out: list[int] = []
        self.rests: queue.SimpleQueue[None] = queue.SimpleQueue()

    def rest(self) -> None:
        self.rests.put(None)

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


def test_it_says_so_whenever_it_waits_for_something_else_than_its_links() -> None:
    """What comes for others is then read at once; the others may wait for just that."""
    links, begun, go, late = Alone(), threading.Event(), threading.Event(), Slot()

    def blocked() -> list[int]:
        begun.set()
        go.wait()
        return [1]

    node = NodeThread("SPU#1", links)
    node.submit((), blocked, 1, lambda problem: problem, operation=7)
    (result,) = node.submit((late,), lambda x: [x], 1, lambda problem: problem, operation=8)
    begun.wait()
    while not links.rests.empty():  # before it had anything to do
        links.rests.get()
    go.set()
    links.rests.get(timeout=100)  # another operation is there: this is for its input
    assert links.rests.empty()
    assert not result.done()
    late.set_value(5)
    links.rests.get(timeout=100)  # nothing is left
    assert result.value() == 5
    node.close()
