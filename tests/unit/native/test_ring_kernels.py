"""A table's entries are those of its digits however the array lies in memory."""

from __future__ import annotations

import numpy as np
import pytest

from junto.native import kernels
from junto.native.ring_kernels import RingKernels


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("places", [1, 4, 16])
def test_the_entry_at_a_digit_is_counted_from_its_place(order, places):
    each = kernels()
    if each is None:
        pytest.skip("numpy computes")
    assert isinstance(each, RingKernels)
    tables = np.array(np.arange(32, dtype=np.uint64).reshape(2, 16), order=order)
    digits, step = np.arange(16, dtype=np.uint64), 16 // places
    for place in range(places):
        hot = np.zeros((16, places), np.uint64)
        hot[:, place] = 3
        at = (np.arange(16) - step * place) % 16
        assert (each.lookup(tables, digits, hot) == 3 * tables[:, at]).all()
