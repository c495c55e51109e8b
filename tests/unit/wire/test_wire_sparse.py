"""Sparse matrices come back as they were; what points outside of its matrix is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from junto.errors import CannotTravel, MalformedBytes
from junto.wire.codec import decode, encode
from junto.wire.policy import WirePolicy
from junto.wire.sparse import writer_for

POLICY = WirePolicy()
CLASSES = (
    sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix,
    sparse.csr_array, sparse.csc_array, sparse.coo_array,
)  # fmt: skip
DENSE = np.array([[0.0, 1.5, 0.0], [2.5, 0.0, 0.0], [0.0, 0.0, 0.0]])[:, :2]


def there(value: Any) -> Any:
    return decode(memoryview(bytearray(b"".join(encode(value, POLICY).pieces))), POLICY)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("dense", [DENSE, DENSE > 0, np.zeros((0, 4)), np.zeros((3, 0), np.int8)])
def test_each_class_comes_back_as_itself(kind: Any, dense: Any) -> None:
    value = kind(dense)
    back = there(value)
    assert type(back) is kind
    assert (back.shape, back.dtype) == (value.shape, value.dtype)
    np.testing.assert_array_equal(back.toarray(), dense)


def test_what_lies_behind_the_last_row_does_not_travel() -> None:
    value = sparse.csr_matrix(DENSE)
    value.data, value.indices = np.append(value.data, 727272.5), np.append(value.indices, 0)
    assert b"".join(encode(value, POLICY).pieces).count(np.float64(727272.5).tobytes()) == 0
    np.testing.assert_array_equal(there(value).toarray(), DENSE)


def test_other_classes_are_none_of_these() -> None:
    assert writer_for(DENSE) is None
    assert writer_for(sparse.lil_matrix(DENSE)) is None
    with pytest.raises(CannotTravel, match="not two-dimensional"):
        encode(sparse.coo_array(np.array([0.0, 1.0])), POLICY)


def wrong(kind: Any, part: str, at: int, value: int) -> Any:
    made = kind(DENSE)
    array = getattr(made, part).copy()
    array[at] = value
    setattr(made, part, array)
    return made


@pytest.mark.parametrize(
    ("kind", "part", "at", "value"),
    [
        (sparse.csr_matrix, "indices", 0, 2),
        (sparse.csr_matrix, "indices", 0, -1),
        (sparse.csc_array, "indices", 1, 3),
        (sparse.csr_matrix, "indptr", 0, 1),
        (sparse.csr_matrix, "indptr", 1, 5),
    ],
)
def test_an_index_outside_or_a_row_that_ends_before_it_begins_is_refused(
    kind: Any, part: str, at: int, value: int
) -> None:
    with pytest.raises(MalformedBytes, match="sparse matrix"):
        there(wrong(kind, part, at, value))
