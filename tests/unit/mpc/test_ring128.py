"""The ring of 128 bits against Python's integers: its arrays, and every gate over it in three roles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from junto.mpc import bits, ring
from junto.mpc.gates import Digit
from junto.mpc.plain_gates import PlainGates
from junto.mpc.ring128 import (
    WideArray,
    floats_of_wide,
    high_product_wide,
    integers_of_wide,
    shift_right_wide,
    wide_of_floats,
    wide_of_integers,
    widened,
)
from mpc_nodes import run

WHOLE = 1 << 128
EDGES = [0, 1, -1, 2**63, 2**64 - 1, 2**64, -(2**64), 2**126 - 1, -(2**126), 2**127 - 1, -(2**127)]


def signed(number: int) -> int:
    return (number + WHOLE // 2) % WHOLE - WHOLE // 2


def numbers(count: int, seed: int = 0, width: int = 128) -> list[int]:
    """Edges that fit, then any, of all sizes."""
    rng = np.random.default_rng(seed)
    made = [each for each in EDGES if -(1 << (width - 1)) <= each < 1 << (width - 1)]
    while len(made) < count:
        size = int(rng.integers(1, width))
        number = int.from_bytes(rng.bytes(16), "little") >> (128 - size)
        made.append(-number if rng.integers(2) else number)
    return made[:count]


def same(x: object, wanted: list[int]) -> None:
    assert isinstance(x, WideArray)
    assert integers_of_wide(x) == [signed(each) for each in wanted]


A, B = numbers(60), numbers(60, 1)[::-1]
X, Y = wide_of_integers(A), wide_of_integers(B)


def test_arithmetic_is_that_of_the_integers_modulo_2_to_the_128() -> None:
    same(X + Y, [a + b for a, b in zip(A, B, strict=True)])
    same(X - Y, [a - b for a, b in zip(A, B, strict=True)])
    same(X * Y, [a * b for a, b in zip(A, B, strict=True)])
    same(0 - X, [-a for a in A])
    same(X & Y, [a & b for a, b in zip(A, B, strict=True)])
    same(X ^ Y, [a ^ b for a, b in zip(A, B, strict=True)])
    assert (wide_of_integers(A) == X).all()
    assert not (X.copy() != X).any()
    assert floats_of_wide(X).tolist() == [float(a) for a in A]
    same(wide_of_floats(floats_of_wide(X[:-4])), [int(float(a)) for a in A[:-4]])


def test_words_beside_wide_numbers_have_a_sign() -> None:
    words = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)
    same(X[:4] + words, [a + b for a, b in zip(A, [0, 1, -(2**63), -1], strict=False)])
    same(widened(words), [0, 1, -(2**63), -1])
    same(np.concatenate([X[:1], words]), [A[0], 0, 1, -(2**63), -1])
    into = X.copy()
    into[:4] = words
    same(into[:4], [0, 1, -(2**63), -1])


@pytest.mark.parametrize("count", [0, 1, 31, 63, 64, 65, 127])
def test_shifts(count: int) -> None:
    same(X << np.uint64(count), [a << count for a in A])
    same(X >> np.uint64(count), [a % WHOLE >> count for a in A])
    same(shift_right_wide(X, count), [a >> count for a in A])


def test_sums_and_products_of_matrices() -> None:
    rows = [A[at : at + 10] for at in range(0, 60, 10)]
    same(X.reshape(6, 10).sum(-1, dtype=np.uint64), [sum(row) for row in rows])
    same(np.cumsum(X, dtype=np.uint64)[-1:], [sum(A)])
    into = X.copy()
    np.add.at(into, np.zeros(60, np.int64), Y)
    same(into[:1], [A[0] + sum(B)])
    wanted = [sum(row[k] * B[k * 6 + j] for k in range(10)) for row in rows for j in range(6)]
    same(ring.matmul(X.reshape(6, 10), Y.reshape(10, 6)).reshape(-1), wanted)
    factor = np.uint64(0xF000000000000004)
    same(high_product_wide(X, factor), [a % WHOLE * int(factor) >> 64 for a in A])


def test_planes_are_the_bits() -> None:
    found = bits.planes(X, 128)
    for j in (0, 63, 64, 127):
        assert bits.unpack(found[j], 60).tolist() == [bool(a >> j & 1) for a in A]


def gate(name: str, *more: object) -> Callable[..., object]:
    async def program(g: object, *secrets: object) -> object:
        return await getattr(g, name)(*secrets, *more)

    return program


def test_products() -> None:
    same(run(gate("multiply"), X, Y, width=128).value, [a * b for a, b in zip(A, B, strict=True)])

    async def square(g, x):
        return await g.multiply(x, x)

    same(run(square, X, width=128).value, [a * a for a in A])
    shaped = X.reshape(6, 10), Y.reshape(10, 6)
    made = run(gate("bilinear", lambda x, y, product: product(x, y)), *shaped, width=128)
    same(made.value.reshape(-1), integers_of_wide(ring.matmul(*shaped).reshape(-1)))


def test_truncations() -> None:
    small = [a for a in numbers(60, 2, 127) if abs(a) < 2**126]
    for count in (1, 40, 64, 100):
        found = integers_of_wide(run(gate("truncate", count), wide_of_integers(small), width=128).value)
        assert {got - (a >> count) for got, a in zip(found, small, strict=True)} <= {0, 1}
    factor = np.array(round(2**64 / 3) // 4 * 4, np.uint64)
    found = integers_of_wide(run(gate("rescale", factor), wide_of_integers(small), width=128).value)
    assert {got - (a * int(factor) >> 64) for got, a in zip(found, small, strict=True)} <= {-1, 0, 1, 2}


def test_a_truncation_can_be_multiplied_at_once_and_truncated_again() -> None:
    async def program(g, x, y):
        high = await g.truncate(x, 40)
        return await g.truncate(await g.multiply(high, y), 40)

    left, right = [3 << 100, -(5 << 90)], [7 << 40, 9 << 41]
    found = integers_of_wide(run(program, wide_of_integers(left), wide_of_integers(right), width=128).value)
    for got, a, b in zip(found, left, right, strict=True):
        assert abs(got - (a * b >> 80)) <= 1 + (b >> 40)


def test_comparisons() -> None:
    sign, zero = run(gate("negative"), X, width=128), run(gate("zero"), X, width=128)
    assert sign.value.tolist() == [a < 0 for a in A]
    assert zero.value.tolist() == [a == 0 for a in A]
    assert sign.rounds == zero.rounds == 4


@pytest.mark.parametrize("count", [1, 3, 16, 63, 64, 65, 66, 102, 127, 128])
def test_comparisons_of_the_lowest_bits(count: int) -> None:
    rest = [(number >> (count // 2)) << count if at % 3 == 0 else number for at, number in enumerate(A)]
    given, up = wide_of_integers(rest), [signed(number << (128 - count)) for number in rest]
    sign, zero = run(gate("negative", count), given, width=128), run(gate("zero", count), given, width=128)
    assert sign.value.tolist() == [number < 0 for number in up]
    assert zero.value.tolist() == [number == 0 for number in up]
    plain = PlainGates(bits=128)
    held = plain.constant(given)
    assert asyncio.run(plain.negative(held, count)).flags.tolist() == sign.value.tolist()
    assert asyncio.run(plain.zero(held, count)).flags.tolist() == zero.value.tolist()


@pytest.mark.parametrize("count", [128, 100, 64, 30, 8])
def test_bits(count: int) -> None:
    found = run(gate("decompose", count), X, width=128).value
    assert found.tolist() == [[bool(a >> j & 1) for j in range(count)] for a in A]


def test_choices_and_look_ups() -> None:
    chosen = np.arange(60) % 3 == 0

    async def program(g, b, x, y):
        both = g.arrange(b, lambda array: array.reshape(20, 3))
        x_, y_ = (g.arrange(each, lambda array: array.reshape(20, 3)[:, 0]) for each in (x, y))
        (kept,) = await g.guard(both, [x_])
        return [await g.choose(b, x, y), g.to_ring(b), kept, g.scale(y_, g.word(1 << 90))]

    taken, ones, kept, scaled = run(program, chosen, X, Y, width=128).values
    same(taken, [a if c else b for a, b, c in zip(A, B, chosen, strict=True)])
    same(ones, [int(c) for c in chosen])
    same(kept, [0] * 20)
    same(scaled, [b << 90 for b in B[::3]])
    table = wide_of_integers([(5 - j) << 90 for j in range(16)])

    async def look(g, x):
        return await g.lookup(x, Digit(100, 4), [table])

    (found,) = run(look, X, width=128).values
    wanted = [[(5 - (a + more >> 100) % 16) << 90 for more in (0, (1 << 100) - 1)] for a in A]
    assert all(got in map(signed, two) for got, two in zip(integers_of_wide(found), wanted, strict=True))


def test_series() -> None:
    turns = [0, 1 << 126, -(1 << 125), 1 << 120]
    found = run(gate("series", 128, (0.0, 1.0), (0.5, 0.25)), wide_of_integers(turns), width=128).value
    angle = np.array(turns, np.float64) * 2.0**-128 * 2 * np.pi
    wanted = np.sin(angle) + 0.5 + 0.25 * np.cos(angle)
    np.testing.assert_allclose(floats_of_wide(found) * 2.0**-40, wanted, atol=1e-5)
