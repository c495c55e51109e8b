"""Each gate in the ring of 128 bits, by two parties with a helper and without, against plain gates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mpc_nodes
import mpc_pairs
from junto.mpc.gates import Digit, Powers
from junto.mpc.plain_gates import PlainGates
from junto.mpc.ring128 import floats, integers_of_wide, wide_from, wide_of_integers
from junto.mpc.rounds import Rounds, together

WIDTH = 128
RNG = np.random.default_rng(28)
ENDS = [
    0,
    1,
    -1,
    2**31,
    2**63,
    2**64 - 1,
    2**64,
    2**65 + 3,
    -(2**64),
    2**126,
    2**127 - 1,
    -(2**127),
    1 - 2**127,
]
BLOCKS = pytest.mark.parametrize("block", [1 << 20, 20])
RUNS = {"helper": mpc_nodes.run, "pair": mpc_pairs.run, "oblivious": mpc_pairs.oblivious}
EVERY_WAY = pytest.mark.parametrize("way", RUNS)


def numbers(ends: list[int]) -> np.ndarray:
    """Numbers at whose ends something carries, and 50 uniform ones."""
    uniform = wide_from(RNG.integers(0, 2**64, (50, 2), dtype=np.uint64))
    return np.concatenate([wide_of_integers(ends), uniform])


X, Y = numbers(ENDS), numbers(ENDS[::-1])
SMALL = np.concatenate([wide_of_integers([each // 2 for each in ENDS]), X[len(ENDS) :] >> np.uint64(2)])
"""Numbers that can be truncated."""
FLAGS = RNG.integers(0, 2, (len(X), 3)).astype(np.bool_)


async def sums(g: Any, x: Any, y: Any) -> list[Any]:
    return [
        g.add(x, y),
        g.subtract(x, y),
        g.negate(x),
        g.add_public(x, np.uint64(7)),
        g.scale(x, np.uint64(2**64 - 3)),
    ]


async def products(g: Any, x: Any, y: Any) -> list[Any]:
    column, row = (g.arrange(each, lambda v: v[:6]) for each in (x, y))
    outer = g.multiply(g.arrange(column, lambda v: v[:, None]), row)
    return list(await together(g.multiply(x, y), g.multiply(x, x), outer))


async def matrices(g: Any, x: Any, y: Any) -> list[Any]:
    left, right = (
        g.arrange(x, lambda v: v[:60].reshape(3, 4, 5)),
        g.arrange(y, lambda v: v[:35].reshape(5, 7)),
    )
    return [await g.bilinear(left, right, lambda a, b, by: by(a, b))]


async def comparisons(g: Any, x: Any, y: Any) -> list[Any]:
    difference = g.subtract(x, y)
    several = [g.negative(difference), g.zero(difference), g.zero(g.subtract(x, x))]
    few = [gate(x, bits) for gate in (g.negative, g.zero) for bits in (1, 4, 17, 64, 65, 100)]
    return list(await together(*several, *few))


async def places(g: Any, x: Any, y: Any) -> list[Any]:
    return list(await together(*[g.decompose(x, bits) for bits in (1, 16, 63, 64, 65, 128)]))


async def tables(g: Any, x: Any, y: Any) -> list[Any]:
    """Of the lowest digit, into which nothing is borrowed."""
    words = np.arange(32, dtype=np.uint64) * np.uint64(2**59)
    found = await g.lookup(x, Digit(0, 5), [words, Y[:32]])
    return [*found, await g.multiply(found[1], y)]


EXACT = [sums, products, matrices, comparisons, places, tables]


async def chosen(g: Any, flags: Any, x: Any, y: Any) -> list[Any]:
    first = g.arrange(flags, lambda v: v[:, 0])
    both = await g.both(first, g.arrange(flags, lambda v: v[:, 1]))
    selected = g.multiply(g.to_ring(first), x)
    pair = g.multiply(g.to_ring(first), g.to_ring(both))
    guarded = g.guard(flags, [x, y])
    made = await together(selected, pair, g.choose(first, x, y), guarded)
    return [*made[:3], *made[3], both, g.to_ring(both)]


def plain(gate: Callable[..., Any], *inputs: np.ndarray) -> list[np.ndarray]:
    g = PlainGates(bits=WIDTH)
    given = [g.constant_bits(each) if each.dtype == np.bool_ else g.constant(each) for each in inputs]
    found = Rounds(lambda asked: []).run(gate(g, *given))
    return [each.flags if hasattr(each, "flags") else each.words for each in found]


@EVERY_WAY
@BLOCKS
@pytest.mark.parametrize("gate", EXACT, ids=lambda gate: gate.__name__)
def test_a_gate_gives_what_the_plain_one_does(way: str, block: int, gate: Callable[..., Any]) -> None:
    found = RUNS[way](gate, X, Y, width=WIDTH, block=block).values
    for ours, theirs in zip(found, plain(gate, X, Y), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours == theirs, np.ones(theirs.shape, np.bool_))


@EVERY_WAY
@pytest.mark.parametrize("ready", [True, False])
def test_what_bits_choose(way: str, ready: bool) -> None:
    found = RUNS[way](chosen, FLAGS, X, Y, width=WIDTH, ready=ready).values
    for ours, theirs in zip(found, plain(chosen, FLAGS, X, Y), strict=True):
        assert (ours == theirs).all()


@EVERY_WAY
@pytest.mark.parametrize("bits", [1, 26, 63, 64, 65, 125])
def test_a_truncation_is_exact_to_one_unit_and_can_be_multiplied_at_once(way: str, bits: int) -> None:
    async def gate(g: Any, x: Any) -> list[Any]:
        cut = await g.truncate(x, bits)
        return [cut, await g.multiply(cut, cut)]

    outcome = RUNS[way](gate, SMALL, width=WIDTH)
    cut, square = outcome.values
    off = [a - (b >> bits) for a, b in zip(*map(integers_of_wide, (cut, SMALL)), strict=True)]
    assert set(off) <= {0, 1}
    assert (square == cut * cut).all()
    assert (outcome.rounds, outcome.opened) == (1, 16 * len(SMALL))


@EVERY_WAY
@pytest.mark.parametrize("factor", [2**64 - 4, 2**62, 4 * (2**62 // 3), 4, 0])
def test_a_factor_below_one_is_exact_to_two_units(way: str, factor: int) -> None:
    async def gate(g: Any, x: Any) -> list[Any]:
        return [await g.rescale(x, np.array(factor, np.uint64))]

    (scaled,) = RUNS[way](gate, SMALL, width=WIDTH).values
    exact = [each * factor for each in integers_of_wide(SMALL)]
    assert max(abs((a << 64) - b) for a, b in zip(integers_of_wide(scaled), exact, strict=True)) <= 2 << 64


@EVERY_WAY
def test_a_table_is_looked_up_at_the_digit_or_the_next_one(way: str) -> None:
    async def gate(g: Any, x: Any) -> list[Any]:
        return list(await g.lookup(x, Digit(62, 5), [X[:32], np.arange(32, dtype=np.uint64)]))

    given = wide_of_integers([each % (31 << 62) for each in integers_of_wide(X)])
    entry, at = RUNS[way](gate, given, width=WIDTH, block=20).values
    places = integers_of_wide(at)
    assert (entry == X[:32][places]).all()
    assert {place - (each >> 62) for place, each in zip(places, integers_of_wide(given), strict=True)} <= {
        0,
        1,
    }


@EVERY_WAY
@pytest.mark.parametrize("near", [2, 8])
def test_a_power_and_the_rest_are_of_one_digit(way: str, near: int) -> None:
    """Of 2, with 20 bits after the point."""
    tables = [wide_of_integers([1 << (i + bits) for i in range(64)]) for bits in (20, 30)]
    powers = Powers(*tables, wide_of_integers([1 << (20 - i) for i in range(near)]), 30)

    async def gate(g: Any, x: Any) -> list[Any]:
        rest, found, drop = await g.power(x, Digit(62, 6), powers)
        return [rest, await g.truncate(found, drop) if drop else found]

    given = wide_of_integers([each % ((62 - near) << 62) for each in integers_of_wide(X)])
    rests, found = map(integers_of_wide, RUNS[way](gate, given, width=WIDTH, block=20).values)
    for x, rest, power in zip(integers_of_wide(given), rests, found, strict=True):
        digit, inside = divmod(x - rest, 1 << 62)
        assert inside == 0
        assert abs(rest) < 1 << 62
        assert power - (1 << (digit + 20)) in (0, 1)


@EVERY_WAY
def test_a_series(way: str) -> None:
    angles = wide_of_integers([int(each) for each in RNG.uniform(-(2.0**70), 2.0**70, 300)])
    fine: list[int] = []

    async def gate(g: Any, x: Any) -> list[Any]:
        fine.append(g.fine)
        return [await g.series(x, 72, [0, 0.3, -0.5], [0.1, 0.25])]

    (found,) = RUNS[way](gate, angles, width=WIDTH).values
    turn = 2 * np.pi * floats(angles) / 2.0**72
    want = 0.3 * np.sin(turn) - 0.5 * np.sin(2 * turn) + 0.1 + 0.25 * np.cos(turn)
    assert np.abs(floats(found) / 2.0 ** fine[0] - want).max() < 6 * 2**-20
