"""Numbers on their way in and out, against Python's own integers and fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from junto.errors import NotComputable
from junto.mpc.ring128 import integers_of_wide
from junto.mpc.settings import MpcSettings
from junto.mpc.values import decode, encode, exact_fraction, fixed_words, largest_element

RINGS = {64: MpcSettings(), 128: MpcSettings(fraction=40, width=128)}
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def integers(words):
    """As signed numbers."""
    if words.dtype == np.uint64:
        return [int(each) for each in words.view(np.int64)]
    return integers_of_wide(words)


@pytest.mark.parametrize("width", RINGS)
@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_what_is_in_range_is_the_nearest_element_and_the_rest_is_refused_without_being_shown(width, numbers):
    settings = RINGS[width]
    scaled = [Fraction(each) * 2**settings.fraction for each in numbers]
    if max(map(abs, scaled)) >= largest_element(width):
        with pytest.raises(NotComputable, match="too large") as caught:
            encode(np.array(numbers), settings, "a column")
        assert "a column" in str(caught.value)
        return
    words = encode(np.array(numbers), settings)
    assert integers(words) == [round(each) for each in scaled]  # halves to even, as Python's
    back = decode(words, np.float64, settings)
    for found, number in zip(map(Fraction, back.tolist()), map(Fraction, numbers), strict=True):
        assert abs(found - number) <= Fraction(1, 2 << settings.fraction) + abs(number) / 2**52


@pytest.mark.parametrize("width", RINGS)
@pytest.mark.parametrize(("bad", "said"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
def test_what_is_no_number_is_refused_as_data(width, bad, said):
    with pytest.raises(NotComputable, match=said):
        encode(np.array([1.0, bad]), RINGS[width])


@pytest.mark.parametrize("width", RINGS)
def test_a_refusal_does_not_show_the_number(width):
    with pytest.raises(NotComputable) as caught:
        encode(np.array([1.2345e38]), RINGS[width])
    assert "1.23" not in str(caught.value)


@pytest.mark.parametrize("width", RINGS)
@given(st.floats(allow_nan=False))
def test_a_public_number_beyond_the_range_is_the_largest_of_its_sign(width, number):
    fraction, most = RINGS[width].fraction, largest_element(width)
    (found,) = integers(fixed_words(np.array([number]), fraction, width))
    if np.isinf(number) or abs(Fraction(number) * 2**fraction) > most:
        assert found == (most if number > 0 else -most)
    else:
        assert found == round(Fraction(number) * 2**fraction)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "bool"])
@pytest.mark.parametrize("width", RINGS)
def test_integers_and_truth_values_come_back(width, dtype):
    ends = [False, True] if dtype == "bool" else [np.iinfo(dtype).min, np.iinfo(dtype).max, 1, 0]
    x = np.array(ends, dtype)
    words = encode(x, RINGS[width])
    assert (decode(words, dtype, RINGS[width]) == x).all()
    if dtype == "int64":
        assert integers(words) == [int(each) for each in x]


@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.integers(0, 30)), max_size=5), st.integers(0, 20))
def test_the_exact_fraction_is_the_least_that_holds_every_number(parts, most):
    numbers = [Fraction(whole, 2**bits) for whole, bits in parts]
    found = exact_fraction(np.array([float(each) for each in numbers]), most)
    holds = [bits for bits in range(most + 1) if all((each * 2**bits).denominator == 1 for each in numbers)]
    room = all(abs(each) < 2 ** (61 - most) for each in numbers)
    assert found == (min(holds, default=most) if room else most)
