"""Quotients of whole numbers, exact, against Python's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from junto.mpc.functions.integer_division import divide_magnitudes
from junto.mpc.plain import PlainGates, PlainRing
from junto.mpc.rounds import Rounds
from mpc_nodes import run

CARRIES = {
    "never": None,
    "always": lambda shape: np.ones(shape, np.uint64),
    "at random": lambda shape: np.random.default_rng(2).integers(0, 2, shape).astype(np.uint64),
}


def divided(x: np.ndarray, y: np.ndarray, bits: int, carry=None) -> np.ndarray:
    reports: list[str] = []
    gates = PlainGates(reports.append, carry)
    computation = divide_magnitudes(gates, PlainRing(x), PlainRing(y), bits)
    result = Rounds(lambda asked: asked).run(computation).words
    assert reports == []
    return result


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
@settings(max_examples=50, deadline=None)
def test_any_quotient(pairs):
    x, y = (np.array(each, np.uint64) for each in zip(*pairs, strict=True))
    assert (divided(x, y, 32) == x // y).all()


@pytest.mark.parametrize("bits", [8, 31, 32])
def test_quotients_in_the_protocol(bits):
    x, y = (each[:: len(each) // 200] for each in hard_cases(bits))

    async def gate(g, a, b):
        return await divide_magnitudes(g, a, b, bits)

    assert (run(gate, x, y).value == x // y).all()


def test_a_divisor_of_zero_gives_some_number():
    async def gate(g, a, b):
        return await divide_magnitudes(g, a, b, 32)

    x = np.array([0, 1, 2**31], np.uint64)
    assert run(gate, x, np.zeros(3, np.uint64)).value.shape == (3,)


@pytest.mark.parametrize("bits", [0, 33])
def test_other_lengths_are_refused(bits):
    one = np.ones(1, np.uint64)
    with pytest.raises(ValueError, match=f"numbers of {bits} bits"):
        divided(one, one, bits)
