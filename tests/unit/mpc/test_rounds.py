"""Rounds: shared by what does not depend on each other, and ended by the first failure."""

from __future__ import annotations

import numpy as np
import pytest

from junto.mpc.prg import Stream
from junto.mpc.protocol.role import Computing, Dealing
from junto.mpc.protocol.secure_gates import SecureGates
from junto.mpc.protocol.shares import Masked
from junto.mpc.rounds import Opening, Rounds, start, together


async def opened(value):
    return await Opening(value)


async def fails():
    raise KeyError("here")


def test_openings_that_do_not_depend_on_each_other_share_a_round():
    rounds = []

    def flush(asked):
        rounds.append(list(asked))
        return [2 * each for each in asked]

    async def program():
        return await together(opened(1), opened(2), opened(3))

    assert Rounds(flush).run(program()) == (2, 4, 6)
    assert rounds == [[1, 2, 3]]


@pytest.mark.parametrize("awaited", [True, False])
def test_nothing_is_opened_after_a_failure(awaited):
    async def program():
        if awaited:
            return await together(opened(1), fails(), opened(2))
        await start(fails())  # nobody asks for its result
        return await opened(1)

    with pytest.raises(KeyError, match="here"):
        Rounds(lambda asked: pytest.fail("a round took place")).run(program())


def test_a_failure_after_a_round_ends_the_next_one():
    rounds = []

    async def late():
        await opened(1)
        raise KeyError("later")

    async def twice():
        await opened(2)
        await opened(3)

    def flush(asked):
        rounds.append(list(asked))
        return list(asked)

    async def program():
        await together(twice(), late())

    with pytest.raises(KeyError, match="later"):
        Rounds(flush).run(program())
    assert rounds == [[2, 1]]


class Dealt:
    """What a helper writes, and after which of its rounds it lets go of how many bytes of it."""

    def __init__(self):
        self.parts, self.let_go = [], []

    def write(self, octets):
        self.parts.append(bytes(octets))

    def flush(self):
        self.let_go.append((self.helper.rounds, sum(map(len, self.parts))))

    def read(self, size):
        return memoryview(self.parts.pop(0))


class Mirror:
    """The other compute party, which sends zeros."""

    def exchange(self, parts, size):
        return memoryview(bytes(size))


def test_a_helper_lets_go_of_what_it_has_dealt_after_each_round_of_a_power_of_two():
    size, depth, dealt = 3, 12, Dealt()
    dealt.helper = Dealing((Stream(bytes(16)), Stream(bytes([1] * 16))), dealt)
    roles = dealt.helper, Computing(1, Stream(bytes([1] * 16)), Mirror(), dealt)
    x = np.zeros(size, np.uint64)

    async def chain(role):
        gates, found = SecureGates(role, 64), Masked(None if role.deals else x, x)
        for _ in range(depth):
            found = await gates.hold(await gates.multiply(found, found))

    for role in roles:  # whole, one after the other: a helper waits for nobody
        Rounds(role.flush).run(chain(role))
    assert [(role.rounds, role.offline) for role in roles] == [(depth, 8 * size * depth)] * 2
    assert dealt.let_go == [(each, 8 * size * each) for each in (1, 2, 4, 8)]
    assert not dealt.parts  # in the order in which it was dealt, and of the sizes that were asked for
