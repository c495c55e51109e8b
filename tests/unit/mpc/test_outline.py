"""What outlines give has the shape and dtype of what arrays give, and takes no memory."""

from __future__ import annotations

import numpy as np
import pytest

from junto.mpc.outline import Outline, outline
from junto.mpc.ring128 import WIDE_DTYPE

ACTS = {
    "sum with broadcasting": lambda x: x + x[:1],
    "product with a number": lambda x: x * np.uint64(3),
    "comparison": lambda x: x < x[0],
    "negation": lambda x: 0 - x,
    "matrix product": lambda x: x @ x.T,
    "product by a vector": lambda x: x @ x[0],
    "batch of products": lambda x: np.matmul(x[None], np.stack([x.T, x.T])),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x),
    "slice": lambda x: x[1:, ::2],
    "one element": lambda x: x[0, 0],
    "transposition": lambda x: x.T,
    "shape": lambda x: x.reshape(2, -1),
    "stack": lambda x: np.stack([x, x], -1),
    "parts": lambda x: np.split(x, 2, axis=1)[1],
    "sum over an axis": lambda x: x.sum(axis=0, dtype=np.uint64),
    "reduction": lambda x: np.add.reduce(x, axis=1),
    "another dtype": lambda x: x.astype(np.float64),
}


@pytest.mark.parametrize("name", ACTS)
def test_an_act_gives_what_it_gives_of_an_array(name):
    want, found = (ACTS[name](x) for x in (np.ones((4, 6), np.uint64), outline((4, 6), np.uint64)))
    assert isinstance(found, Outline)
    assert (found.shape, found.dtype) == (want.shape, want.dtype)


def test_it_takes_no_memory_whatever_its_size():
    x = outline((1 << 30, 1 << 20), np.uint64)
    assert (x + x).shape == (1 << 30, 1 << 20)
    assert not any((x * x).strides)


def test_the_wider_ring_stays_the_wider_one():
    x, y = outline((3, 4), WIDE_DTYPE), outline((4, 5), np.uint64)
    assert (x @ y).dtype == WIDE_DTYPE
    assert x.copy().dtype == WIDE_DTYPE == y.widened(WIDE_DTYPE).dtype


def test_nothing_is_written_into_it():
    x = outline((3,), np.uint64)
    x[...] = 7
    x += np.uint64(2)
    assert not np.asarray(x).any()


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="cannot be multiplied"):
        outline((2, 3), np.uint64) @ outline((4, 2), np.uint64)
    with pytest.raises(ValueError, match="broadcast"):
        outline((2, 3), np.uint64) + outline((4,), np.uint64)
