"""Sparse matrices and arrays of scipy: csr, csc and coo, two-dimensional."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import value_tags
from junto.wire.arrays import AnyArray, read_array, write_array
from junto.wire.sink import ValueWriter
from junto.wire.source import ValueReader


def writer_for(value: Any) -> Callable[[ValueWriter, Any], None] | None:
    """What writes `value`, or None if it is none of the six classes."""
    return _write if type(value) in _classes().values() else None


def read_sparse(source: ValueReader) -> Any:
    """The matrix; every index is checked against the shape."""
    name = source.of(str)
    kind: Any = _classes().get((name, source.of(bool)))
    if kind is None:
        raise MalformedBytes("a sparse matrix of an unknown format")
    source.spend(value_tags.TABLE_COST)
    shape = (source.integer(0, 1 << 62), source.integer(0, 1 << 62))
    data, first, second = (_vector(source) for _ in range(3))
    if data.dtype.kind not in "biufc" or first.dtype.kind != "i" or second.dtype.kind != "i":
        raise MalformedBytes("a sparse matrix has parts of the wrong element type")
    if name == "coo":
        _check_indices(first, shape[0], len(data))
        _check_indices(second, shape[1], len(data))
        return kind((data, (first, second)), shape=shape)
    major, minor = shape if name == "csr" else shape[::-1]
    _check_indices(first, minor, len(data))
    bounds = len(second) == major + 1 and second[0] == 0 and second[-1] == len(data)
    if not bounds or (second[1:] < second[:-1]).any():
        raise MalformedBytes("the row pointers of a sparse matrix are wrong")
    return kind((data, first, second), shape=shape)


def _write(sink: ValueWriter, value: Any) -> None:
    if value.ndim != 2:
        raise CannotTravel("a sparse array that is not two-dimensional may not travel", fix="reshape it")
    name = str(value.format)
    sink.spend(value_tags.TABLE_COST)
    sink.atoms += (value_tags.SPARSE, name, type(value) is _classes()[name, True], *map(int, value.shape))
    if name == "coo":
        parts = (value.data, value.row, value.col)
    else:  # what lies behind the last row pointer is no part of the matrix
        used = int(value.indptr[-1])
        parts = (value.data[:used], value.indices[:used], value.indptr)
    for part in parts:
        write_array(sink, part)


def _vector(source: ValueReader) -> AnyArray:
    source.integer(value_tags.ARRAY, value_tags.ARRAY)
    array = read_array(source)
    if array.ndim != 1:
        raise MalformedBytes("a part of a sparse matrix is not one-dimensional")
    return array


def _check_indices(indices: AnyArray, size: int, count: int) -> None:
    if len(indices) != count:
        raise MalformedBytes("a sparse matrix has as many indices as values")
    if count and not (np.min(indices) >= 0 and np.max(indices) < size):
        raise MalformedBytes("an index of a sparse matrix lies outside of it")


def _classes() -> dict[tuple[str, bool], type]:
    """(format, is it an array rather than a matrix) -> class."""
    from scipy import sparse

    return {
        ("csr", False): sparse.csr_matrix,
        ("csc", False): sparse.csc_matrix,
        ("coo", False): sparse.coo_matrix,
        ("csr", True): sparse.csr_array,
        ("csc", True): sparse.csc_array,
        ("coo", True): sparse.coo_array,
    }
