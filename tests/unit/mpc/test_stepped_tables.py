"""Tables that change at few places: what comes of them, and what they cost."""

from __future__ import annotations

import numpy as np
import pytest

from junto.mpc.functions import normalise
from junto.mpc.gates import Digit
from junto.mpc.protocol import stepped_tables
from junto.mpc.ring128 import wide_of_integers
from mpc_nodes import run

LOW = 20
RNG = np.random.default_rng(31)


def stepped(width: int, places: list[int]) -> np.ndarray:
    """A table with an entry of its own from each place on."""
    entries = RNG.integers(0, 2**64, len(places) + 1, dtype=np.uint64)
    return entries[np.searchsorted(places, np.arange(1 << width), side="right")]


@pytest.mark.parametrize("block", [1 << 20, 100])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("width", range(2, 7))
def test_the_entries_are_those_of_the_digit_or_of_the_next_one(width, wide, block):
    entries = 1 << width
    digit, places = Digit(LOW, width), sorted({1, entries // 2 + 1, entries - 1})
    tables = [stepped(width, places), stepped(width, places[-1:]), np.zeros(entries, np.uint64)]
    x = RNG.integers(0, (entries - 1) << LOW, 300).astype(np.uint64)
    x[:4] = 0, 1, (entries - 1 << LOW) - 1, 1 << LOW

    async def gate(g, a):
        held = await g.hold(a)
        return await stepped_tables.lookup(g._role, held, digit, tables, places, block)

    given = wide_of_integers(x.tolist()) if wide else x
    found = run(gate, given, block=block, width=128 if wide else 64)
    words = [np.asarray(value.low if wide else value) for value in found.values]
    at = x >> np.uint64(LOW)
    assert (words[2] == 0).all()
    for row in range(2):  # and both of the same digit
        assert ((words[row] == tables[row][at]) | (words[row] == tables[row][at + np.uint64(1)])).all()
    sums, pairs = words[0] ^ words[1], tables[0] ^ tables[1]
    assert ((sums == pairs[at]) | (sums == pairs[at + np.uint64(1)])).all()
    element, lanes = (16 if wide else 8), -(-300 // block)
    assert found.rounds == lanes
    assert found.offline == 300 * (8 + element * len(places))


@pytest.mark.parametrize(
    ("table", "width", "places"),
    [
        ([5, 5, 5, 5, 5, 5, 7, 7], 3, [6]),
        ([1, 2, 2, 2, 2, 2, 2, 3], 3, [1, 7]),
        ([1, 2, 3, 2, 2, 2, 2, 3], 3, []),  # too many of them
        ([4] * 8, 3, []),
        ([4] * 64 + [5] * 64, 7, []),  # does not fit into a word
    ],
)
def test_where_tables_change(table, width, places):
    assert stepped_tables.changes([np.array(table, np.uint64)], Digit(0, width)) == places


def test_what_a_scaled_number_is_looked_up_in_changes_at_few_places():
    table = normalise._inverses(17)
    assert len(stepped_tables.changes([table], Digit(0, normalise.WIDTH))) == 10


def test_many_numbers_are_looked_up_so_and_few_are_not():
    table = stepped(6, [9, 30])

    def cost(count: int) -> tuple[int, float]:
        async def gate(g, a):
            return await g.lookup(a, Digit(LOW, 6), [table])

        out = run(gate, np.zeros(count, np.uint64))
        return out.rounds, out.offline / count

    assert cost(stepped_tables.MANY) == (0, 512)
    assert cost(stepped_tables.MANY + 1) == (1, 24)
