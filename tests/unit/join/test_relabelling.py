"""New names of ranks: an order, the same from the same seed, and nothing that is none of them is taken."""

from __future__ import annotations

import numpy as np
import pytest

from junto.errors import ProtocolViolation
from junto.join.relabelling import SEED_BYTES, new_seed, order_of_seed, relabelled

SEED = bytes(range(SEED_BYTES))


@pytest.mark.parametrize("total", [0, 1, 2, 1000])
def test_each_rank_has_one_new_name_which_the_seed_alone_decides(total):
    order = order_of_seed(SEED, total)
    assert sorted(order) == list(range(total))
    assert (order_of_seed(SEED, total) == order).all()


def test_another_seed_is_another_order():
    orders = [tuple(order_of_seed(new_seed(), 100)) for _ in range(4)]
    assert len(set(orders)) == 4


def test_equal_ranks_have_equal_names_and_what_has_no_rank_has_no_name():
    order = order_of_seed(SEED, 3)
    found = relabelled(np.array([2, -1, 0, 2]), order)
    assert found.tolist() == [order[2], -1, order[0], order[2]]


@pytest.mark.parametrize("seed", [None, "0" * SEED_BYTES, bytes(SEED_BYTES - 1), bytearray(SEED_BYTES)])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(ProtocolViolation, match="no seed"):
        order_of_seed(seed, 3)


@pytest.mark.parametrize("rank", [-2, 3, 2**40])
def test_ranks_that_there_are_not_are_refused(rank):
    with pytest.raises(ProtocolViolation, match="not what they should be"):
        relabelled(np.array([0, rank]), order_of_seed(SEED, 3))
