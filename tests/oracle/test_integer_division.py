"""Quotients of whole numbers, exact, against Python's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from junto.mpc.functions.integer_division import divide_long, divide_magnitudes
from junto.mpc.plain_gates import PlainGates, PlainRing
from junto.mpc.rounds import Rounds
from mpc_nodes import run
from tries import tries

CARRIES = {
    "never": None,
    "always": lambda shape: np.ones(shape, np.uint64),
    "at random": lambda shape: np.random.default_rng(2).integers(0, 2, shape).astype(np.uint64),
}


def divided(x: np.ndarray, y: np.ndarray, bits: int, carry=None, divide=divide_magnitudes) -> np.ndarray:
    """The quotients, once the rests are what they must be."""
    reports: list[str] = []
    gates = PlainGates(reports.append, carry)
    computation = divide(gates, PlainRing(x), PlainRing(y), bits)
    whole, rest = (each.words for each in Rounds(lambda asked: asked).run(computation))
    assert reports == []
    assert (rest == x - whole * y).all()
    return whole


def hard_cases(bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Small and large divisors, and dividends at and just below their multiples."""
    rng = np.random.default_rng(bits)
    most = 2**bits - 1
    y = np.clip(np.floor(2.0 ** rng.uniform(0, bits, 30_000)), 1, most).astype(np.uint64)
    y[:5000] = rng.integers(1, min(most, 50), 5000, endpoint=True)
    y[5000:6000] = most
    x = np.clip(np.floor(2.0 ** rng.uniform(0, bits, len(y))), 0, most).astype(np.uint64)
    x[:2000] = most - rng.integers(0, min(most, 9), 2000, endpoint=True).astype(np.uint64)
    x[::3] -= x[::3] % y[::3]
    x[::6] -= (x[::6] > 0).astype(np.uint64)
    return x, y


@pytest.mark.parametrize("carry", CARRIES)
@pytest.mark.parametrize("bits", [1, 2, 7, 8, 16, 24, 28, 29, 31, 32])
def test_quotients_in_the_clear(bits, carry):
    x, y = hard_cases(bits)
    assert (divided(x, y, bits, CARRIES[carry]) == x // y).all()


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 2**32 - 1)), min_size=1, max_size=20))
@settings(max_examples=tries(50), deadline=None)
def test_any_quotient(pairs):
    x, y = (np.array(each, np.uint64) for each in zip(*pairs, strict=True))
    assert (divided(x, y, 32) == x // y).all()


@pytest.mark.parametrize("bits", [8, 31, 32])
def test_quotients_in_the_protocol(bits):
    x, y = (each[:: len(each) // 200] for each in hard_cases(bits))

    async def gate(g, a, b):
        return list(await divide_magnitudes(g, a, b, bits))

    whole, rest = run(gate, x, y).values
    assert (whole == x // y).all()
    assert (rest == x % y).all()


def longest_cases() -> tuple[np.ndarray, np.ndarray]:
    """Numbers of all lengths up to 64 bits, the ends of the signed and the unsigned range among them."""
    rng = np.random.default_rng(3)
    ends = np.array([1, 2, 3, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1], np.uint64)
    x, y = (
        rng.integers(0, 2**64, 400, np.uint64) >> rng.integers(0, 64, 400).astype(np.uint64) for _ in "xy"
    )
    top, bottom = np.meshgrid(ends, ends)
    return np.concatenate([x, top.reshape(-1)]), np.concatenate([np.maximum(y, 1), bottom.reshape(-1)])


def test_long_quotients():
    x, y = longest_cases()
    assert (divided(x, y, 64, divide=divide_long) == x // y).all()
    small, little = x >> np.uint64(24), np.maximum(y >> np.uint64(24), 1)
    assert (divided(small, little, 40, divide=divide_long) == small // little).all()

    async def gate(g, a, b):
        return list(await divide_long(g, a, b, 64))

    whole, rest = run(gate, x[::8], y[::8]).values
    assert (whole == x[::8] // y[::8]).all()
    assert (rest == x[::8] % y[::8]).all()


def test_a_divisor_of_zero_leaves_the_dividend():
    async def gate(g, a, b):
        return list(await divide_magnitudes(g, a, b, 32))

    x = np.array([0, 1, 2**31], np.uint64)
    whole, rest = run(gate, x, np.zeros(3, np.uint64)).values
    assert whole.shape == (3,)
    assert (rest == x).all()


@pytest.mark.parametrize("bits", [0, 33])
def test_other_lengths_are_refused(bits):
    one = np.ones(1, np.uint64)
    with pytest.raises(ValueError, match=f"numbers of {bits} bits"):
        divided(one, one, bits)
