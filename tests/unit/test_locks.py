"""An interrupt at any point at which Python raises one leaves a condition and an event free for all."""

from __future__ import annotations

import dis
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import pairwise
from types import CodeType, FrameType
from typing import Any

import pytest

from junto.locks import Condition, Event, once

CHECKED = {"CALL", "CALL_FUNCTION_EX", "CALL_KW", "RESUME", "JUMP_BACKWARD"}
"""After these instructions the interpreter raises what a signal asked for."""


@cache
def points(code: CodeType) -> frozenset[int]:
    """Before which instructions of `code` that is, where a handler for the one holds for the other, too."""
    ranges = [(each.start, each.end) for each in dis.Bytecode(code).exception_entries]
    within = lambda at: [start <= at < end for start, end in ranges]  # noqa: E731
    steps = [*dis.get_instructions(code)]
    return frozenset(
        after.offset
        for before, after in pairwise(steps)
        if before.opname in CHECKED and within(before.offset) == within(after.offset)
    )


def interrupted(what: Callable[[], Any], number: int) -> bool:
    """Run `what`, interrupted at its point `number`; False: it has fewer of them."""
    seen = 0

    def step(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal seen
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode" and frame.f_lasti in points(frame.f_code):
            seen += 1
            if seen == number:
                raise KeyboardInterrupt
        return step

    before = sys.gettrace()
    sys.settrace(step)
    try:
        what()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def waits_in_vain(made: Condition) -> None:
    with made:
        made.wait_for(lambda: False, 0.001)


def notifies(made: Condition) -> None:
    with made:
        made._waiters += [threading.Lock() for _ in range(2)]
        for each in made._waiters:
            each.acquire()
        made.notify_all()


def is_free(made: Condition | Event) -> None:
    if isinstance(made, Event):
        made.set()
        assert made.wait(0)
    else:
        with made:
            made.notify_all()


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (Condition, waits_in_vain),
        (Condition, notifies),
        (Event, Event.set),
        (Event, lambda made: made.wait(0.001)),
    ],
)
def test_after_an_interrupt_anywhere_it_is_not_locked(make, what):
    number = 0
    while True:
        number += 1
        made = make()
        if not interrupted(lambda made=made: what(made), number):
            break
        other = threading.Thread(target=is_free, args=(made,), daemon=True)
        other.start()
        other.join(60)
        assert not other.is_alive(), f"locked for ever after an interrupt at point {number}"
    assert number > 3


def test_a_wait_ends_when_somebody_notifies_or_when_the_time_is_over():
    condition, event = Condition(), Event()
    assert not event.wait(0.01)
    with condition:
        assert not condition.wait(0.01)
        assert condition.wait_for(lambda: 7, 0) == 7
    waiting = threading.Thread(target=event.wait)
    waiting.start()
    event.set()
    waiting.join(60)
    assert not waiting.is_alive()
    event.clear()
    assert not event.is_set()


def test_what_is_made_once_is_made_by_one_thread_alone() -> None:
    made, inside = [], threading.Barrier(2)

    @once
    def thing() -> int:
        made.append(1)
        with suppress(threading.BrokenBarrierError):
            inside.wait(0.2)  # a second one would be here, too
        return len(made)

    threads = [threading.Thread(target=thing) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (made, thing()) == ([1], 1)
