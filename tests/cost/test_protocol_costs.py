"""Rounds and bytes of the gates, exactly: sent by one compute party, for 64 elements."""

from __future__ import annotations

import numpy as np
import pytest

import mpc_pairs
from junto.mpc.gates import Digit, Powers
from junto.mpc.ring128 import elements
from mpc_nodes import run

N = 64
RNG = np.random.default_rng(3)
X, Y = (RNG.integers(0, 2**40, N).astype(np.uint64) for _ in range(2))


async def hold(g, x, y):
    return await g.hold(g.add(x, await g.multiply(x, y)))


async def multiply(g, x, y):
    return await g.multiply(x, y)


async def fixed_point_product(g, x, y):
    return await g.hold(await g.truncate(await g.multiply(x, y), 18))


async def fixed_point_product_in_a_chain(g, x, y):
    return await g.truncate(await g.multiply(x, y), 18)


async def power_four_in_a_chain(g, x, y):
    square = await g.truncate(await g.multiply(x, x), 18)
    return await g.truncate(await g.multiply(square, square), 18)


async def matrix_product(g, x, y):
    square = lambda v: v.reshape(8, 8)  # noqa: E731
    product = await g.bilinear(g.arrange(x, square), g.arrange(y, square), lambda a, b, by: by(a, b))
    return await g.hold(await g.truncate(product, 18))


async def less(g, x, y):
    return await g.negative(g.subtract(x, y))


async def equal(g, x, y):
    return await g.zero(g.subtract(x, y))


async def less_of_sixteen_bits(g, x, y):
    return await g.negative(g.subtract(x, y), 16)


async def equal_of_sixteen_bits(g, x, y):
    return await g.zero(g.subtract(x, y), 16)


async def equal_of_four_bits(g, x, y):
    return await g.zero(g.subtract(x, y), 4)


async def relu(g, x, y):
    negative = await g.negative(x)
    return await g.choose(negative, g.constant(np.zeros(N, np.uint64)), x)


async def both(g, x, y):
    return await g.both(await g.negative(x), await g.zero(y))


async def guard(g, x, y):
    signs = await g.negative(g.join([x, y, g.add(x, y)], lambda a, b, c: np.stack([a, b, c], -1)))
    return list(await g.guard(signs, [x, y]))


async def decompose(g, x, y):
    return await g.decompose(x)


async def lookup(g, x, y):
    return await g.lookup(x, Digit(30, 4), [np.zeros(16, np.uint64)])


POWERS = Powers(*(np.zeros(count, np.uint64) for count in (16, 16, 4)), 3)


async def power(g, x, y):
    return list((await g.power(x, Digit(30, 4), POWERS))[:2])


async def series(g, x, y):
    return await g.series(x, 23, [0.0, 0.5, 0.25], [])


BYTE = N
BIT = N // 8
# name, computation, inputs in masked form, rounds, bytes online, bytes offline
COSTS = [
    (hold, True, 1, 8 * BYTE, 8 * BYTE),
    (multiply, True, 0, 0, 8 * BYTE),
    (fixed_point_product, True, 2, 16 * BYTE, 24 * BYTE),
    (fixed_point_product_in_a_chain, True, 1, 8 * BYTE, 24 * BYTE),
    (power_four_in_a_chain, True, 2, 16 * BYTE, 64 * BYTE),
    (matrix_product, True, 2, 16 * BYTE, 24 * BYTE),
    (less, True, 3, 39 * BIT, 383 * BIT),
    (equal, True, 3, 21 * BIT, 315 * BIT),
    (less_of_sixteen_bits, True, 2, 8 * BIT, 83 * BIT),
    (equal_of_sixteen_bits, True, 2, 5 * BIT, 75 * BIT),
    (equal_of_four_bits, True, 1, BIT, 15 * BIT),
    (relu, True, 3, 39 * BIT, 383 * BIT + 16 * BYTE),
    (relu, False, 4, 8 * BYTE + 39 * BIT, 383 * BIT + 16 * BYTE),
    (both, True, 7, (39 + 21 + 1) * BIT, (383 + 315 + 1) * BIT),
    (guard, True, 3, 3 * 39 * BIT, 3 * 383 * BIT + 3 * 7 * 8 * BYTE),
    (decompose, True, 5, (128 + 32 + 3 + 12 + 64) * BIT, (240 + 120 + 30 + 12 + 48 + 64) * BIT),
    (lookup, True, 0, 0, 16 * 8 * BYTE),
    (power, True, 0, 0, (1 + 16 // 4) * 8 * BYTE),
    (series, True, 0, 0, 2 * 2 * 8 * BYTE),
]


@pytest.mark.parametrize(
    ("gate", "ready", "rounds", "online", "offline"),
    COSTS,
    ids=[f"{gate.__name__}-{'masked' if ready else 'additive'}" for gate, ready, *_ in COSTS],
)
def test_rounds_and_bytes(gate, ready, rounds, online, offline):
    out = run(gate, X, Y, ready=ready) if ready else run(gate, X, X, ready=False)
    assert (out.rounds, out.opened, out.offline) == (rounds, online, offline)


# name, computation, inputs in masked form, rounds, bytes that P0 and that P1 sends: without a helper
PAIR_COSTS = [
    (hold, True, 1, 8 * BYTE, 8 * BYTE),
    (multiply, True, 0, 0, 0),
    (fixed_point_product, True, 2, 16 * BYTE, 16 * BYTE),
    (fixed_point_product_in_a_chain, True, 1, 8 * BYTE, 8 * BYTE),
    (power_four_in_a_chain, True, 2, 16 * BYTE, 16 * BYTE),
    (matrix_product, True, 2, 16 * BYTE, 16 * BYTE),
    (less, True, 6, 64 * BYTE + 26 * BIT, 57 * BIT),
    (equal, True, 6, 32 * BYTE + 15 * BIT, 31 * BIT),
    (relu, True, 6, 64 * BYTE + 26 * BIT, 57 * BIT),
    (decompose, True, 7, 256 * BYTE + 106 * BIT, (128 + 106) * BIT),
    (lookup, True, 1, 128 * BYTE, 0),
    (power, True, 1, 128 * BYTE, 0),
    (series, True, 0, 0, 0),
]


@pytest.mark.parametrize(
    ("gate", "ready", "rounds", "first", "second"),
    PAIR_COSTS,
    ids=[gate.__name__ for gate, *_ in PAIR_COSTS],
)
def test_rounds_and_bytes_without_a_helper(gate, ready, rounds, first, second):
    out = mpc_pairs.run(gate, X, Y, ready=ready)
    assert (out.rounds, out.opened) == (rounds, first)
    assert sum(map(len, out.received[0])) - 2 * 8 * BYTE == second


# the same in the ring of 128 bits: a level of the trees more, and twice the digits
WIDE_PAIR_COSTS = [
    (hold, 1, 16 * BYTE, 16 * BYTE),
    (multiply, 0, 0, 0),
    (fixed_point_product, 2, 32 * BYTE, 32 * BYTE),
    (matrix_product, 2, 32 * BYTE, 32 * BYTE),
    (less, 7, 128 * BYTE + (31 + 26) * BIT, (63 + 57) * BIT),
    (less_of_sixteen_bits, 4, 16 * BYTE + (3 + 1) * BIT, (7 + 4) * BIT),
    (equal, 7, 64 * BYTE + 31 * BIT, 63 * BIT),
    (relu, 7, 128 * BYTE + 57 * BIT, 120 * BIT),
    (decompose, 8, 512 * BYTE + (120 + 128) * BIT, (256 + 248) * BIT),
    (lookup, 1, 256 * BYTE, 0),
    (power, 1, 256 * BYTE, 0),
    (series, 0, 0, 0),
]


@pytest.mark.parametrize(
    ("gate", "rounds", "first", "second"),
    WIDE_PAIR_COSTS,
    ids=[gate.__name__ for gate, *_ in WIDE_PAIR_COSTS],
)
def test_rounds_and_bytes_of_128_bits_without_a_helper(gate, rounds, first, second):
    out = mpc_pairs.run(gate, elements(X, 128), elements(Y, 128), width=128)
    assert (out.rounds, out.opened) == (rounds, first)
    assert sum(map(len, out.received[0])) - 2 * 16 * BYTE == second
