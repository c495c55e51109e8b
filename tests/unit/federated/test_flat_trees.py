"""Trees of numbers and vectors, there and back."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from junto.errors import LearnError
from junto.federated import FedAvg
from junto.federated.flat_trees import each_row, form_of, rows_of, tree_of, vector_of, vectors_of

TREES = {
    "number": 1.5,
    "whole": 7,
    "float32": np.float32([[1.5, 2.5]]),
    "scalar": np.float64(2.5),
    "jax": {"w": jnp.arange(6.0).reshape(2, 3), "b": [jnp.float32(1)], "steps": jnp.int32(4)},
    "bfloat16": jnp.array([1.5, -2.0], jnp.bfloat16),
    "mixed": ("relu", None, np.arange(3), len),
    "empty": [],
}


@pytest.mark.parametrize("name", TREES)
def test_a_tree_is_made_again_of_its_vector(name):
    tree = TREES[name]
    vector = vector_of(tree)
    again = tree_of(vector, tree)
    assert vector.dtype == np.float64
    assert form_of(again) == form_of(tree)
    assert np.array_equal(vector_of(again), vector)
    assert repr(again) == repr(tree)
    assert np.array_equal(vector_of(tree_of(vector + 0.75, tree)).shape, vector.shape)


def test_whole_numbers_are_rounded():
    assert tree_of(np.array([2.75, 1.25, -0.75]), [1, np.int8([1, 1])]) == [3, pytest.approx([1, -1])]


@pytest.mark.parametrize("tree", [1j, True, np.array(["a"]), np.array([None]), np.array("2020", "M8[D]")])
def test_what_is_no_number_is_refused(tree):
    with pytest.raises(LearnError, match="to be added up has"):
        vector_of([1.0, tree])


def test_rows_are_those_of_all_leaves():
    data = (np.arange(6.0).reshape(3, 2), {"y": np.arange(3)})
    assert rows_of(data) == 3
    assert [row[1]["y"] for row in each_row(data)] == [0, 1, 2]
    assert vectors_of(data).tolist() == [[0, 1, 0], [2, 3, 1], [4, 5, 2]]
    for other in (3.0, (np.zeros(2), np.zeros(3))):
        with pytest.raises(LearnError, match="how many rows"):
            rows_of(other)


class Tensor:
    """What we use of a tensor of torch, which is not installed where the tests run."""

    device = "cpu"

    def __init__(self, numbers, floating=True, grad=True):
        self.numbers, self.grad = np.asarray(numbers), grad
        self.dtype = SimpleNamespace(is_floating_point=floating)

    @property
    def requires_grad(self):
        return self.grad and self.dtype.is_floating_point

    def requires_grad_(self, wanted):
        return Tensor(self.numbers, self.dtype.is_floating_point, wanted)

    def detach(self):
        return Tensor(self.numbers, self.dtype.is_floating_point, False)

    def cpu(self):
        return self

    def double(self):
        return self

    def to(self, dtype, device):
        return Tensor(self.numbers, dtype.is_floating_point)

    def __array__(self, dtype=None, copy=None):
        if self.grad and self.dtype.is_floating_point:
            raise RuntimeError("a tensor that requires grad has no numpy()")
        return self.numbers


def test_tensors_go_there_and_back(monkeypatch):
    def from_numpy(array):
        if not isinstance(array, np.ndarray):
            raise TypeError("expected np.ndarray")  # as torch
        return Tensor(array)

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(Tensor=Tensor, from_numpy=from_numpy))
    seen = Tensor(7, floating=False)  # how many batches a BatchNorm has seen has no dimension
    state = {"weight": Tensor([[1.5, 2.5]]), "steps": Tensor([3], floating=False), "seen": seen}
    assert vector_of(state).tolist() == [7, 3, 1.5, 2.5]
    found = tree_of(np.array([7.6, 4.4, 2.0, 3.0]), state)
    assert (found["steps"].numbers.tolist(), found["weight"].numbers.tolist()) == ([4], [[2.0, 3.0]])
    assert found["seen"].numbers == 8
    assert isinstance(found["weight"], Tensor)
    assert (found["weight"].requires_grad, found["steps"].requires_grad) == (True, False)


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_arrays_of_no_dimension_stay_arrays(dtype):
    found = tree_of(np.array([2.0]), np.array(1, dtype))
    assert (type(found), found.dtype, found.shape) == (np.ndarray, dtype, ())


def test_parameters_without_numbers_are_refused():
    """A module of torch is no tree of its numbers: nothing would be trained."""
    with pytest.raises(LearnError, match="no numbers"):
        FedAvg((), max)._require_numbers(print)
