"""The gates on plain values: the same numbers as the protocol, and a word when one leaves its range."""

from __future__ import annotations

import numpy as np
import pytest

from junto.mpc.gates import Digit, Powers
from junto.mpc.plain_gates import PlainBits, PlainGates, PlainRing
from junto.mpc.rounds import Rounds, together
from mpc_nodes import run

RNG = np.random.default_rng(8)
X = np.concatenate(
    [
        np.array([0, 1, 2, 2**63 - 1, 2**63, 2**64 - 1], np.uint64),
        RNG.integers(0, 2**64, 100, dtype=np.uint64),
    ]
)
Y = np.concatenate(
    [np.array([3, 2**64 - 1, 0, 2, 2**63, 1], np.uint64), RNG.integers(0, 2**64, 100, dtype=np.uint64)]
)
SMALL = X >> np.uint64(3)  # below 2**61, for truncations and products of few bits


def plain(gate, *inputs, gates=None):
    secrets = [PlainBits(x) if x.dtype == np.bool_ else PlainRing(x) for x in inputs]
    results = Rounds(no_rounds).run(gate(gates or PlainGates(), *secrets))
    found = [each.flags if isinstance(each, PlainBits) else each.words for each in results]
    assert [each.shape for each in found] == [each.shape for each in results]
    return found


def no_rounds(asked):
    raise AssertionError("plain gates open nothing")


async def arithmetic(g, x, y):
    return [
        g.add(x, y),
        g.subtract(x, y),
        g.negate(x),
        g.add_public(x, np.array(7, np.uint64)),
        g.scale(x, Y),
        g.linear(x, np.cumsum),
        await g.multiply(x, y),
        await g.bilinear(x, y, lambda a, b, by: np.asarray(np.dot(a, b))),
        await g.hold(x),
        g.constant(Y),
    ]


async def comparisons(g, x, y):
    below, zero = await together(g.negative(g.subtract(x, y)), g.zero(x))
    return [
        below,
        zero,
        g.xor(below, zero),
        g.flip(below, np.array(True)),
        await g.both(below, g.flip(zero, np.array(True))),
        g.to_ring(below),
        await g.choose(below, x, y),
        await g.decompose(x),
        await g.decompose(x, 5),
        g.constant_bits(X > Y),
    ]


async def shapes(g, x, y):
    bits = await g.zero(x)
    return [
        g.arrange(x, lambda a: a[::-2]),
        g.join([x, y], lambda a, b: np.stack([a, b])),
        g.arrange(bits, lambda a: a[None, :3]),
        g.join([bits, bits], lambda a, b: np.concatenate([a, b])),
    ]


@pytest.mark.parametrize("gate", [arithmetic, comparisons, shapes])
def test_exact_gates_agree_with_the_protocol(gate):
    for ours, theirs in zip(plain(gate, X, Y), run(gate, X, Y).values, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert (ours == theirs).all()


@pytest.mark.parametrize("bits", [1, 18, 40])
def test_truncation_differs_by_no_more_than_the_carry(bits):
    async def gate(g, x):
        return [await g.truncate(x, bits)]

    for x in (SMALL, 0 - SMALL):
        (floor,) = plain(gate, x)
        (carried,) = plain(gate, x, gates=PlainGates(carry=lambda shape: np.ones(shape, np.uint64)))
        protocol = run(gate, x).value
        assert (floor == (x.view(np.int64) >> bits).view(np.uint64)).all()
        assert (carried == floor + np.uint64(1)).all()
        assert ((protocol == floor) | (protocol == carried)).all()


def test_a_digit_is_right_or_one_too_high_as_in_the_protocol():
    table = np.arange(16, dtype=np.uint64) * np.uint64(1000)

    async def gate(g, x):
        return await g.lookup(x, Digit(20, 4), [table, table + np.uint64(1)])

    right = (X >> np.uint64(20)) & np.uint64(15)
    for first, second in (
        plain(gate, X),
        run(gate, X).values,
        plain(gate, X, gates=PlainGates(carry=lambda shape: np.ones(shape, np.uint64))),
    ):
        digit = first // np.uint64(1000)
        assert ((digit == right) | (digit == (right + np.uint64(1)) % np.uint64(16))).all()
        assert (second == first + np.uint64(1)).all(), "two tables saw different digits"


def test_a_power_is_of_the_digit_that_the_rest_leaves_as_in_the_protocol():
    """Of 2, in whole numbers."""
    entries = np.uint64(1) << np.arange(16, dtype=np.uint64)

    async def gate(g, x):
        rest, power, drop = await g.power(x, Digit(20, 4), Powers(entries, entries, np.ones(1, np.uint64), 0))
        assert not drop
        return [rest, power]

    x = X[(X >> np.uint64(20)) & np.uint64(15) < np.uint64(15)]
    for rest, power in (
        plain(gate, x),
        run(gate, x).values,
        plain(gate, x, gates=PlainGates(carry=lambda shape: np.ones(shape, np.uint64))),
    ):
        digit = np.rint(np.log2(power.astype(float))).astype(np.int64)
        assert (digit * 2**20 + rest.view(np.int64) == (x % np.uint64(2**24)).astype(np.int64)).all()
        assert (np.abs(rest.view(np.int64)) <= 2**20).all()


def test_series_agree_with_the_protocol():
    sines, cosines = (0.0, 0.5, -0.25), (0.125, 0.0, 0.75)

    async def gate(g, x):
        return [await g.series(x, 23, sines, cosines)]

    (ours,) = plain(gate, X)
    theirs = run(gate, X).value
    assert np.abs((ours - theirs).view(np.int64)).max() * 2.0**-40 < 2.0**-18


def told(gate, *inputs, loose=False):
    reports: list[str] = []
    plain(gate, *inputs, gates=PlainGates(reports.append))
    return reports


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_out_of_range_is_reported(sign):
    async def gate(g, x):
        return [await g.truncate(x, 18)]

    inside = np.array([0, sign * (2**62 - 1)], np.int64).view(np.uint64)
    outside = np.array([0, sign * (2**62 + 1)], np.int64).view(np.uint64)
    assert told(gate, inside) == []
    (sentence,) = told(gate, outside)
    assert "out of range" in sentence


def test_a_product_that_comes_round_to_a_small_number_is_reported():
    async def gate(g, x):
        return [await g.truncate(await g.multiply(x, x), 18)]

    assert told(gate, np.array([1 << 30], np.uint64)) == []
    (sentence,) = told(gate, np.array([1 << 32], np.uint64))
    assert "does not fit" in sentence


def test_what_is_not_used_is_not_reported():
    async def gate(g, x):
        return [await g.truncate(await g.multiply(x, x), 18, loose=True)]

    assert told(gate, np.array([1 << 32, 1 << 63], np.uint64)) == []


def large(*numbers: float) -> np.ndarray:
    return np.array(numbers).astype(np.int64).view(np.uint64)


async def matrix_product(g, x):
    return [await g.truncate(await g.bilinear(x, x, lambda a, b, by: np.asarray(np.dot(a, b))), 18)]


async def total(g, x):
    return [await g.truncate(g.linear(x, lambda a: a.sum(dtype=np.uint64), bounded=True), 18)]


async def multiple(g, x):
    return [await g.truncate(g.arrange(g.scale(x, np.array(1 << 30, np.uint64), bounded=True), np.flip), 18)]


@pytest.mark.parametrize(
    ("gate", "inside", "outside"),
    [
        (matrix_product, large(*[2**29] * 8), large(*[2**31] * 8)),
        (total, large(*[2**61, -(2**61)] * 8, 5), large(*[2**61] * 8)),
        (multiple, large(-(2**31), 7), large(2**34, 7)),
    ],
)
def test_a_sum_that_comes_round_to_a_small_number_is_reported(gate, inside, outside):
    assert told(gate, inside) == []
    (sentence,) = told(gate, outside)
    assert "does not fit" in sentence


def test_what_is_expected_is_reported_if_it_is_not_so():
    async def gate(g, x):
        g.expect(x, -3, 5, "alas")
        return [x]

    assert told(gate, large(-3, 5, 0)) == []
    assert told(gate, large(-4, 5)) == ["alas"]
    assert told(gate, large(6)) == ["alas"]


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3)])
def test_any_shape(shape):
    async def gate(g, x):
        product = await g.truncate(await g.multiply(x, x), 3)
        return [
            product,
            await g.negative(product),
            await g.decompose(product, 4),
            *(await g.lookup(x, Digit(0, 2), [X[:4]])),
        ]

    x = np.ones(shape, np.uint64)
    product, negative, digits, entry = plain(gate, x, gates=PlainGates(lambda sentence: None))
    assert product.shape == negative.shape == entry.shape == shape
    assert digits.shape == (*shape, 4)
