"""How large public elements are, in both rings, and of how many products a result is the sum."""

from __future__ import annotations

import numpy as np
import pytest

from junto.mpc.magnitudes import extent, in_range, magnitude, terms_of
from junto.mpc.ring128 import wide_of_integers

NUMBERS = {
    64: [[0], [5, -7, 3], [2**63 - 1, -(2**63)], [-1, -2], [2**40, 2**41]],
    128: [
        [0], [2**64 - 1, 2**64, 3], [-(2**64), -(2**64) - 1, -1], [2**127 - 1, -(2**127)],
        [7 << 64, (7 << 64) + 9, (6 << 64) + 2**63],
    ],
}  # fmt: skip
CASES = [(bits, each) for bits, several in NUMBERS.items() for each in several]


def elements(bits: int, numbers: list[int]) -> np.ndarray:
    return wide_of_integers(numbers) if bits == 128 else np.array([x % 2**64 for x in numbers], np.uint64)


@pytest.mark.parametrize(("bits", "numbers"), CASES)
def test_the_ends_are_those_of_signed_numbers(bits, numbers):
    x, most = elements(bits, numbers), max(map(abs, numbers))
    assert extent(x) == (min(numbers), max(numbers))
    assert magnitude(x) == most
    for limit in {1, most, most + 1, 2**20}:
        assert in_range(x, limit) == all(-limit <= each < limit for each in numbers)


def test_of_nothing_the_magnitude_is_0():
    assert magnitude(np.empty((3, 0), np.uint64)) == 0


def test_the_products_of_all_parts_of_a_map_count():
    def twice(x, y, product):
        return product(x, y) + product(x[..., :2], y[:2])

    assert terms_of(lambda x, y, product: product(x, y), (3, 5), (5, 7)) == 5
    assert terms_of(twice, (3, 5), (5, 7)) == 7
    assert terms_of(lambda x, y, product: product(x, y), (3, 0), (0, 7)) == 1
