"""What a meter charges to whom: exactly what each label's coroutines did, wherever they waited."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from junto.mpc.meter import Meter
from junto.mpc.protocol.role import PlaneShare, RingShare
from junto.mpc.rounds import Opening, Rounds, start, together


@dataclass
class Counts:
    rounds: int = 0
    opened: int = 0
    offline: int = 0


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def run(computation, counts=None, flush_s=0.0):
    clock = Clock()
    meter = Meter(counts or Counts(), clock)

    def flush(shares):
        clock.now += flush_s
        return [None] * len(shares)

    Rounds(flush, meter).run(computation(clock))
    return meter.tallies


def ring(count):
    return RingShare(np.zeros(count, np.uint64))


def test_time_and_bytes_go_to_the_innermost_label():
    counts = Counts()

    async def inner(clock):
        clock.now += 5
        counts.offline += 80
        await Opening(ring(3))
        clock.now += 1

    async def outer(clock):
        clock.now += 2
        later = await start(inner(clock), "inner")
        clock.now += 3
        await later
        clock.now += 4

    async def main(clock):
        await (await start(outer(clock), "outer"))

    tallies = run(main, counts, flush_s=10)
    assert (tallies["outer"].seconds, tallies["outer"].waiting) == (9, 0)
    assert (tallies["inner"].seconds, tallies["inner"].waiting) == (16, 10)
    assert (tallies["inner"].rounds, tallies["inner"].online, tallies["inner"].offline) == (1, 24, 80)


def test_a_label_is_inherited_and_a_shared_round_counts_for_all():
    async def opens(count):
        await Opening(ring(count))
        await Opening(PlaneShare(np.zeros((2, 1), np.uint64), 9))

    async def step():
        await together(opens(1), opens(2))

    async def main(_):
        first = await start(step(), "first")
        second = await start(opens(4), "second")
        await together(first, second)

    tallies = run(main, flush_s=8)
    assert (tallies["first"].rounds, tallies["first"].online) == (2, 8 + 16 + 2 * 4)
    assert (tallies["second"].rounds, tallies["second"].online) == (2, 32 + 4)
    assert tallies["first"].waiting == tallies["second"].waiting == 8


def test_the_helper_has_nothing_to_send():
    async def main(_):
        await Opening(RingShare(None))
        await Opening(PlaneShare(None, 9))

    assert run(main)[""].online == 0
