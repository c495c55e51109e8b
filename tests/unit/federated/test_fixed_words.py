"""Sums of fixed-point numbers are exact, in one word or several."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from junto.federated.fixed_words import FixedWords, negative, plus


def of(words: np.ndarray, layout: FixedWords) -> list[Fraction]:
    """The numbers, by Python's own whole numbers."""
    width = 64 * layout.words
    found = []
    for column in words.T:
        number = sum(int(word) << (64 * place) for place, word in enumerate(column))
        number -= (number >> (width - 1)) << width
        found.append(Fraction(number) / Fraction(2) ** layout.fraction)
    return found


@pytest.mark.parametrize("words", [1, 2, 3, 4])
@pytest.mark.parametrize("bound", [1.0, 3.5, 2.0**16, 1e30, 2.0**-20])
def test_sums_are_those_of_the_rounded_numbers(words, bound):
    rng = np.random.default_rng(words)
    layout = FixedWords.fitting(bound, 5, words)
    terms = rng.uniform(-1, 1, (5, 40)) * bound * 2.0 ** rng.integers(-70, 1, 40)
    terms[:, :3] = [[bound], [-bound], [0.0], [bound], [bound]]
    written = [layout.encode(each) for each in terms]
    for numbers, words_ in zip(terms, written, strict=True):
        off = [abs(a - Fraction(x)) for a, x in zip(of(words_, layout), numbers, strict=True)]
        assert max(off) <= Fraction(layout.resolution) / 2
    total = written[0]
    for each in written[1:]:
        total = plus(total, each)
    exact = [sum(column) for column in zip(*(of(each, layout) for each in written), strict=True)]
    assert of(total, layout) == exact
    assert np.allclose(layout.decode(total), [float(each) for each in exact], rtol=2**-51, atol=0)


def test_a_number_and_its_negative_give_nothing():
    numbers = np.random.default_rng(0).integers(0, 2**64, (3, 100), np.uint64)
    numbers[:, 0] = 0
    assert not plus(numbers, negative(numbers)).any()


def test_whole_numbers_stay_whole_or_are_refused():
    layout = FixedWords.fitting(2.0**53, 3, whole=True)
    assert layout.decode(layout.encode(np.array([2.0**53, -7.0]))).tolist() == [2**53, -7]
    with pytest.raises(ValueError, match="leave the range"):
        FixedWords.fitting(2.0**62, 3, whole=True)
