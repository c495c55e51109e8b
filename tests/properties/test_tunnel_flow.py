"""Rounds of an SPU beside large values, over lines that break: both ends composed, all arrives in order."""

from __future__ import annotations

import random
from typing import Any

import pytest

from flows import End, Pair
from gateways import stamp
from junto.config.model import LinkSettings
from junto.device.spu import tunnel
from junto.device.spu.tunnel import TunnelPipe
from junto.mpc.links.pipe import PipeEnded
from junto.program.aside import Aside
from junto.silo.api import Key
from tries import tries

OPERATION = 1
PIECE = 7
QUOTA = 60


class Door:
    """What `Aside` needs of a gateway."""

    def __init__(self, end: End) -> None:
        self._peer = end.peer

    def push(self, party: str, *value: Any) -> Any:
        return self._peer.sending.push(*value)

    def expect(self, party: str, key: Key) -> Any:
        return self._peer.receiving.expect(key)


def pipe(end: End, other: str) -> TunnelPipe:
    lanes = (Aside(Door(end), stamp(OPERATION), (end.me, other), lane, lambda party: True) for lane in (0, 1))
    return TunnelPipe(*lanes, piece_bytes=PIECE)


class Talk:
    """Both ends write `total` bytes and read as many, in the order that a chance decides."""

    def __init__(self, seed: int, total: int) -> None:
        self.chance = random.Random(seed)
        self.pair = Pair(LinkSettings(quota_bytes=QUOTA))
        self.pair.patch.setattr(tunnel, "WINDOW", self.chance.choice([2, 4, 8]))
        self.ends = [self.pair.alice, self.pair.bob]
        self.data = [self.chance.randbytes(total) for _ in self.ends]
        self.pipes: list[TunnelPipe | None] = [None, None]
        self.written, self.got = [0, 0], [bytearray(), bytearray()]
        self.values = 0

    def program(self, which: int) -> bool:
        """One thing that a party's program can do; whether it could do anything."""
        end = self.ends[which]
        made = self.pipes[which]
        if made is None:
            end.come_to(OPERATION)
            self.pipes[which] = pipe(end, end.peer.name)
            return True
        if end.position == OPERATION:
            end.come_to(OPERATION + 1)  # large values of the next one travel beside the rounds
            for index in range(4):
                end.expect(Key(OPERATION + 1, index))
                end.push(Key(OPERATION + 1, index), bytes(35))
            return True
        done = made.write(memoryview(self.data[which])[self.written[which] :][: 3 * PIECE])
        self.written[which] += done
        into = bytearray(self.chance.randrange(1, 20))
        read = made.read(memoryview(into)) if len(self.got[which]) < len(self.data[which]) else 0
        self.got[which] += into[:read]
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
            assert talk.got == [bytearray(each) for each in reversed(talk.data)], "a round stands still"
            assert all(results for end in talk.ends for results in end.expected.values())
            for made in talk.pipes:
                assert made is not None
                made.close()
            talk.pair.settle()
            for made in talk.pipes:
                with pytest.raises(PipeEnded):
                    made.read(memoryview(bytearray(1)))
            assert not any(end.peer.refusals.by_cause() for end in talk.ends)
        finally:
            talk.pair.close()
