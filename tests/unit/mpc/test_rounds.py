"""Rounds: shared by what does not depend on each other, and ended by the first failure."""

from __future__ import annotations

import pytest

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
