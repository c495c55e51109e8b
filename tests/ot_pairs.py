"""Two parties with oblivious transfer between them, in two threads of this process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from junto.mpc.ot import softspoken
from junto.mpc.ot.conjunctions import conjunctions
from junto.mpc.ot.extension import Extension, OtSettings
from junto.mpc.prg import Stream, derive

WAIT_S = 20.0
CHECK_BITS, CHECK_BYTES = 128, 48
"""Transfers that a block's check takes, and what it says, by the paper."""
QUICK = OtSettings(field_bits=2, block=1024, overlap=False)


Change = Callable[[int, bytes], bytes]


class HungUp(Exception):
    """The other thread has failed."""


class Pair:
    """One party's wire to the other one; keeps what it received. `change` is done to each message before."""

    def __init__(self, ours: queue.Queue, theirs: queue.Queue) -> None:
        self._ours, self._theirs = ours, theirs
        self.received: list[bytes] = []
        self.sent = 0
        self.change: Change = lambda number, data: data

    def exchange(self, parts: Sequence[memoryview], size: int) -> memoryview:
        message = b"".join(parts)
        self.sent += len(message)
        self._ours.put(message)
        data = self._theirs.get(timeout=WAIT_S)
        if data is None:
            raise HungUp
        self.received.append(self.change(len(self.received), data))
        return memoryview(self.received[-1])

    def hang_up(self) -> None:
        self._ours.put(None)


def wires() -> tuple[Pair, Pair]:
    first, second = queue.Queue(), queue.Queue()
    return Pair(first, second), Pair(second, first)


def both(ends: Sequence[Pair], plays: Sequence[Callable[[], Any]]) -> list[Any]:
    """What both functions return, run at the same time; the first one's error is raised, or the second's."""
    results: list[Any] = [None, None]

    def play(number: int) -> None:
        try:
            results[number] = plays[number]()
        except BaseException as error:
            results[number] = error
            ends[number].hang_up()

    threads = [threading.Thread(target=play, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [each for each in results if isinstance(each, BaseException)]
    for error in sorted(errors, key=lambda each: isinstance(each, HungUp)):
        raise error
    return results


class Parties:
    """Both parties' ends of the transfers.

    Attributes:
        ends: the wires.
        extensions: P0's and P1's.
    """

    def __init__(
        self,
        settings: OtSettings | tuple[OtSettings, OtSettings] = QUICK,
        seed: int = 0,
        ends: tuple[Pair, Pair] | None = None,
        sessions: tuple[bytes, bytes] = (b"test", b"test"),
    ) -> None:
        self.ends = ends or wires()
        self.rng = np.random.default_rng(seed)
        each = settings if isinstance(settings, tuple) else (settings, settings)
        keys = [derive(bytes(32), "test", seed, index) for index in (0, 1)]
        self.extensions: list[Extension] = both(
            self.ends,
            [
                partial(Extension, self.ends[i], i, Stream(keys[i]), sessions[i], each[i], f"P{1 - i}")
                for i in (0, 1)
            ],
        )

    def run(self, function: Callable[..., Any], *each: tuple[Any, Any]) -> list[Any]:
        """`function(extension, *own)` at both parties, where `each` argument is P0's and P1's own."""
        own = [[pair[i] for pair in each] for i in (0, 1)]
        return self.play(*(partial(_call, function, own[i]) for i in (0, 1)))

    def play(self, first: Callable[[Extension], Any], second: Callable[[Extension], Any]) -> list[Any]:
        """A function of P0's extension, and one of P1's."""
        return both(self.ends, [partial(first, self.extensions[0]), partial(second, self.extensions[1])])

    def sent(self) -> list[int]:
        """Bytes that each party has sent so far, but for what checks took."""
        each = []
        for end, extension in zip(self.ends, self.extensions, strict=True):
            rows = softspoken.rows_of(extension.settings.field_bits)
            each.append(end.sent - extension.blocks[0] * (rows * CHECK_BITS // 8 + CHECK_BYTES))
        return each

    def words(self, *shape: int) -> np.ndarray:
        return self.rng.integers(0, 2**64, shape, dtype=np.uint64)

    def sums(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers as a sum of two."""
        first = self.words(*x.shape)
        return first, np.asarray(x - first)

    def xors(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bits, or words, as an exclusive or of two."""
        first = self.words(*x.shape).astype(x.dtype) if x.dtype != np.bool_ else self.words(*x.shape) % 2 == 1
        return first, x ^ first


def some_products(extension: Extension, words: int) -> np.ndarray:
    """Our share of products of bits: what is run where any transfers do."""
    a, b = np.random.default_rng([extension.index, words]).integers(0, 2**64, (2, words), dtype=np.uint64)
    return conjunctions(extension, a, b[None])[0]


def _call(function: Callable[..., Any], own: Sequence[Any], extension: Extension) -> Any:
    return function(extension, *own)
