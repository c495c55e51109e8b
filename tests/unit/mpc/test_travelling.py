"""Ring elements on their way: there and back, and what is no such thing."""

from __future__ import annotations

import numpy as np
import pytest

from junto.mpc.ring128 import WideArray, integers_of_wide, wide_of_integers
from junto.mpc.travelling import is_travelling, travelled, travelling

NUMBERS = [0, 1, 2**63, 2**64 - 1]


@pytest.mark.parametrize("shape", [(4,), (2, 2), (1, 4)])
def test_words_come_back_as_they_were(shape):
    x = np.array(NUMBERS, np.uint64).reshape(shape)
    sent = travelling(x)
    assert is_travelling(sent, shape, 64)
    assert not is_travelling(sent, shape, 128)
    np.testing.assert_array_equal(travelled(sent, 64), x)


@pytest.mark.parametrize("shape", [(4,), (2, 2), (1, 4)])
def test_elements_of_128_bits_come_back_as_they_were(shape):
    numbers = [x + (x << 64) - 2**127 for x in NUMBERS]
    x = wide_of_integers(numbers).reshape(shape)
    sent = travelling(x)
    assert sent.dtype == np.uint64
    assert sent.reshape(-1, 2)[1].tolist() == [1, 1 + 2**63]  # the lower word first
    assert is_travelling(sent, shape, 128)
    assert not is_travelling(sent, shape, 64)
    back = travelled(sent, 128)
    assert isinstance(back, WideArray)
    assert back.shape == shape
    assert integers_of_wide(back) == numbers


@pytest.mark.parametrize(
    "given", [3, [1, 2], None, np.zeros(2), np.zeros(2, np.int64), np.zeros(3, np.uint64)]
)
def test_what_another_party_sends_instead_is_no_such_thing(given):
    assert not is_travelling(given, (2,), 64)


def test_a_single_number_is_one():
    assert is_travelling(np.uint64(3), (), 64)
    assert not is_travelling(np.uint64(3), (), 128)
