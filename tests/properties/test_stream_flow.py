"""Rounds of an SPU beside large values, over lines that break: both ends composed, all arrives in order."""

from __future__ import annotations

import random
from typing import Any

import pytest

from flows import End, Pair
from junto.config.model import LinkSettings
from junto.net import ordered
from junto.net.api import OrderedStream, PipeEnded, TransferKey
from junto.net.header import Kind
from junto.net.streams import PeerStream
from tries import tries

OPERATION = 1
FRAME = 7
QUOTA = 60
STREAM = 5


def opened(end: End) -> OrderedStream:
    return PeerStream(STREAM, end.peer.connection, lambda: True, FRAME)


def written(stream: Any, data: bytes) -> int:
    """Write what fits of `data`, in a frame; how many bytes."""
    part = data[:FRAME]
    if not part:
        return 0
    return len(part) if stream.write(Kind.STREAM, 0, 0, part) else 0


class Reader:
    """Reads frames, and lets go of their headers."""

    def __init__(self) -> None:
        self.got = b""

    def read(self, stream: Any, most: int) -> bool:
        done = False
        for _ in range(most):
            frame = stream.read()
            if frame is None:
                break
            self.got += bytes(frame.body)
            done = True
        return done


class Talk:
    """Both ends write `total` bytes and read as many, in the order that a chance decides."""

    def __init__(self, seed: int, total: int) -> None:
        self.chance = random.Random(seed)
        self.pair = Pair(LinkSettings(quota_bytes=QUOTA))
        self.pair.patch.setattr(ordered, "WINDOW", self.chance.choice([2, 4, 8]))
        self.pair.patch.setattr(ordered, "WINDOW_BYTES", self.chance.choice([1, 2 * FRAME, 1 << 20]))
        self.ends = [self.pair.alice, self.pair.bob]
        self.data = [self.chance.randbytes(total) for _ in self.ends]
        self.streams: list[OrderedStream | None] = [None, None]
        self.written, self.readers = [0, 0], [Reader(), Reader()]
        self.values = 0

    def program(self, which: int) -> bool:
        """One thing that a party's program can do; whether it could do anything."""
        end = self.ends[which]
        made = self.streams[which]
        if made is None:
            end.come_to(OPERATION)
            self.streams[which] = opened(end)
            return True
        if end.position == OPERATION:
            end.come_to(OPERATION + 1)  # large values of the next one travel beside the rounds
            for index in range(4):
                end.expect(TransferKey(OPERATION + 1, index))
                end.push(TransferKey(OPERATION + 1, index), bytes(35))
            return True
        done = written(made, self.data[which][self.written[which] :])
        self.written[which] += done
        reader = self.readers[which]
        read = len(reader.got) < len(self.data[which]) and reader.read(made, self.chance.randrange(1, 8))
        return bool(done or read)

    def fault(self) -> None:
        index = self.chance.randrange(2)
        stream = self.pair.streams[index]
        if stream.cut:
            self.pair.redial(index)
        else:
            stream.breaks(self.chance.randrange(3))
        if self.pair.old and self.chance.random() < 0.5:
            self.pair.old.pop(0).noticed()

    def run(self, faults: int) -> None:
        for _ in range(20_000):
            kind = self.chance.random()
            if faults and kind < 0.02:
                faults -= 1
                self.fault()
                continue
            steps = self.pair.steps()
            if kind < 0.4 or not steps:
                moved = [self.program(which) for which in self.chance.sample([0, 1], 2)]
                if any(moved) or steps:
                    continue
                if not self.heal():
                    return
            else:
                self.chance.choice(steps)[1]()
        raise AssertionError("they talk and talk")

    def heal(self) -> bool:
        """Dial again what is broken; whether anything was."""
        broken = [index for index, stream in enumerate(self.pair.streams) if stream.cut]
        for index in broken:
            self.pair.redial(index)
        return bool(broken)


@pytest.mark.parametrize("faults", [0, 6])
def test_rounds_and_large_values_pass_each_other_and_nothing_stands_still(faults):
    for seed in range(tries(60)):
        talk = Talk(seed, 300)
        try:
            talk.run(faults)
            assert [each.got for each in talk.readers] == talk.data[::-1], "a round stands still"
            assert all(results for end in talk.ends for results in end.expected.values())
            for made in talk.streams:
                assert made is not None
                made.close()
            talk.pair.settle()
            assert not any(end.peer.connection.outbox.streams.unread() for end in talk.ends)
            for made in talk.streams:
                assert made is not None
                with pytest.raises(PipeEnded):
                    made.write(Kind.STREAM, 0, 0, bytes(40))
            assert not any(end.peer.refusals.by_cause() for end in talk.ends)
        finally:
            talk.pair.close()
