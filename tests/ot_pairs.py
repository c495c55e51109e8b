"""Two parties with oblivious transfer between them, in two threads of this process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from junto.mpc.ot.extension import Extension, OtSettings
from junto.mpc.prg import Stream, derive

WAIT_S = 20.0
QUICK = OtSettings(field_bits=2, block=1024, overlap=False)


class Pair:
    """One party's wire to the other one; keeps what it sent and received."""

    def __init__(self, ours: queue.Queue, theirs: queue.Queue) -> None:
        self._ours, self._theirs = ours, theirs
        self.received: list[bytes] = []
        self.sent = 0
        self.change: Callable[[int, bytes], bytes] | None = None

    def exchange(self, parts: Sequence[memoryview], size: int) -> memoryview:
        message = b"".join(parts)
        self.sent += len(message)
        self._ours.put(message)
        data = self._theirs.get(timeout=WAIT_S)
        if self.change is not None:
            data = self.change(len(self.received), data)
        self.received.append(data)
        return memoryview(data)


def wires() -> tuple[Pair, Pair]:
    first, second = queue.Queue(), queue.Queue()
    return Pair(first, second), Pair(second, first)


def both(*plays: Callable[[], Any]) -> list[Any]:
    """What each of two functions returns, run at the same time; the first error of them is raised."""
    results: list[Any] = [None] * len(plays)

    def play(number: int) -> None:
        try:
            results[number] = plays[number]()
        except BaseException as error:
            results[number] = error

    threads = [threading.Thread(target=play, args=(number,)) for number in range(len(plays))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [each for each in results if isinstance(each, BaseException)]
    for error in sorted(errors, key=lambda each: isinstance(each, queue.Empty)):
        raise error
    return results


def extensions(
    settings: OtSettings = QUICK,
    seed: int = 0,
    ends: tuple[Pair, Pair] | None = None,
    session: bytes = b"test",
) -> list[Extension]:
    """Both parties' ends."""
    ends = ends or wires()
    return both(
        *(
            lambda index=index: Extension(
                ends[index], index, Stream(derive(bytes(32), "test", seed, index)), session, settings
            )
            for index in (0, 1)
        )
    )


def together(pair: list[Extension], *plays: Callable[[Extension], Any]) -> list[Any]:
    """`plays[i](pair[i])` of both; one function serves both."""
    first, second = plays if len(plays) == 2 else plays * 2
    return both(lambda: first(pair[0]), lambda: second(pair[1]))
