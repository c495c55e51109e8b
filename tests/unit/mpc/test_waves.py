"""Multiples of angles against numpy's own, in both rings; the sums of waves against them."""

from __future__ import annotations

import numpy as np
import pytest

from junto.mpc.ring128 import WideArray, integers_of_wide, wide_of_integers
from junto.mpc.waves import AMPLITUDE_SCALE, TURN_SCALE, harmonics, turns, waves

RNG = np.random.default_rng(41)
X = [0, 1, 2**62, 2**63, 2**64 - 1, *map(int, RNG.integers(0, 2**63, 60))]


def angles(x: list[int], period: int) -> np.ndarray:
    return 2 * np.pi * np.array([each % 2**period / 2**period for each in x])


def elements(x: list[int], wide: bool) -> np.ndarray:
    return wide_of_integers(x) if wide else np.array(x, np.uint64)


@pytest.mark.parametrize(("wide", "period"), [(False, 1), (False, 20), (False, 64), (True, 20), (True, 100)])
def test_multiples_of_an_angle(wide, period):
    x = [each << 40 for each in X] if period == 100 else X
    want = angles(x, period)
    for k, (cos, sin) in enumerate(harmonics(elements(x, wide), period, 5), start=1):
        np.testing.assert_allclose(cos, np.cos(k * want), rtol=0, atol=1e-11)
        np.testing.assert_allclose(sin, np.sin(k * want), rtol=0, atol=1e-11)
    made = turns(elements(x, wide), period, 3).view(np.int64) / 2**TURN_SCALE
    assert made.shape == (3, 2, len(x))
    np.testing.assert_allclose(made[2, 1], np.sin(3 * want), rtol=0, atol=2**-TURN_SCALE)


@pytest.mark.parametrize("wide", [False, True])
def test_shares_of_a_sum_of_waves_add_up_to_it(wide):
    """Of x - m, for x that is known and m of which two have shares of cosines and sines."""
    period, amplitudes = 23, [(0.5, 0.0), (-0.25, 0.75)]
    x, m = ([int(each) for each in RNG.integers(0, 2**40, 50)] for _ in range(2))
    whole = turns(elements(m, wide), period, 2)
    if wide:
        whole = wide_of_integers(whole.view(np.int64).reshape(-1).tolist()).reshape(2, 2, 50)
    pad = np.asanyarray(whole * np.uint64(0) + np.uint64(2**61 + 12345))
    parts = [waves(elements(x, wide), period, amplitudes, each) for each in (pad, whole - pad)]
    total = parts[0] + parts[1]
    found = integers_of_wide(total) if isinstance(total, WideArray) else total.view(np.int64).tolist()
    angle = angles([a - b for a, b in zip(x, m, strict=True)], period)
    want = sum(s * np.sin(k * angle) + c * np.cos(k * angle) for k, (s, c) in enumerate(amplitudes, start=1))
    held = np.ldexp(np.array(found, float), -TURN_SCALE - AMPLITUDE_SCALE)
    np.testing.assert_allclose(held, want, rtol=0, atol=4e-6)
