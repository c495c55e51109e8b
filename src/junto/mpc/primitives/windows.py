"""Where gathers and scatters read and write: windows of an array, at places that an index vector names.

One geometry serves both, since a scatter writes where the gather of the same numbers reads. All arrays of
indices and windows are brought to ``[groups, count, ...]``: `groups` for the batching dimensions, which the
array and the indices share, `count` for the index vectors of one group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Windows:
    """The numbers of one gather or scatter.

    Args:
        shape: of the array that is read or written.
        batch: of the index vectors.
        sizes: of a window, one for each dimension of the array.
        dropped: dimensions of the array that a window does not keep.
        mapped: dimensions of the array that an index vector's components place.
        grouped: batching dimensions of the array.
        grouping: those of the indices, in the same order.
        spread: dimensions of the result (of the updates) that are a window's.
    """

    shape: tuple[int, ...]
    batch: tuple[int, ...]
    sizes: tuple[int, ...]
    dropped: tuple[int, ...]
    mapped: tuple[int, ...]
    grouped: tuple[int, ...]
    grouping: tuple[int, ...]
    spread: tuple[int, ...]

    @property
    def starts(self) -> tuple[int, ...]:
        """How many places there are for each component of an index vector."""
        return tuple(max(0, self.shape[each] - self.sizes[each] + 1) for each in self.mapped)

    @property
    def groups(self) -> int:
        """How many places there are in the batching dimensions together."""
        return prod(self.shape[each] for each in self.grouped)

    @property
    def count(self) -> int:
        """How many index vectors a group has."""
        return prod(self.batch[each] for each in self._free)

    @property
    def window(self) -> tuple[int, ...]:
        """The shape of a window without what it does not keep."""
        gone = {*self.dropped, *self.grouped}
        return tuple(size for axis, size in enumerate(self.sizes) if axis not in gone)

    @property
    def _free(self) -> tuple[int, ...]:
        return tuple(axis for axis in range(len(self.batch)) if axis not in self.grouping)

    def grouped_indices(self, array: NDArray[Any]) -> NDArray[Any]:
        """``[*batch, k]`` as ``[groups, count, k]``."""
        order = (*self.grouping, *self._free, len(self.batch))
        return array.transpose(order).reshape(self.groups, self.count, array.shape[-1])

    def grouped_windows(self, array: NDArray[Any]) -> NDArray[Any]:
        """A result, or updates, as ``[groups, count, elements of a window]``."""
        return array.transpose(self._order()).reshape(self.groups, self.count, prod(self.window))

    def result(self, array: NDArray[Any]) -> NDArray[Any]:
        """The inverse of `grouped_windows`."""
        lead = [self.batch[each] for each in (*self.grouping, *self._free)]
        return array.reshape((*lead, *self.window)).transpose(np.argsort(self._order()))

    def _order(self) -> list[int]:
        """The axes of a result: grouping, free, window."""
        rank = len(self.batch) + len(self.window)
        others = [axis for axis in range(rank) if axis not in self.spread]
        return [*(others[each] for each in (*self.grouping, *self._free)), *self.spread]

    def offsets(self) -> Places:
        """Where, relative to its start, a window's elements lie in the flat array: ``[elements]``."""
        strides = self._strides()
        total = np.zeros((), np.int64)
        for axis, size in enumerate(self.sizes):
            total = total[..., None] + np.arange(size) * strides[axis]
        return np.asarray(total).reshape(-1)

    def bases(self) -> Places:
        """Where each group begins: ``[groups]``."""
        strides = self._strides()
        total = np.zeros((), np.int64)
        for axis in self.grouped:
            total = total[..., None] + np.arange(self.shape[axis]) * strides[axis]
        return np.asarray(total).reshape(-1)

    def all_starts(self) -> Places:
        """Where the windows of all places begin: ``[product of starts]``."""
        strides = self._strides()
        total = np.zeros((), np.int64)
        for axis, count in zip(self.mapped, self.starts, strict=True):
            total = total[..., None] + np.arange(count) * strides[axis]
        return np.asarray(total).reshape(-1)

    def everywhere(self) -> Places:
        """The elements of all windows of all groups: ``[groups, places, elements]``."""
        return self.bases()[:, None, None] + self.all_starts()[:, None] + self.offsets()

    def at(self, indices: NDArray[Any], clip: bool) -> Places:
        """The elements of the windows at public indices, ``[groups, count, elements]``; -1 outside."""
        vectors = self.grouped_indices(np.asarray(indices).astype(np.int64))
        strides, most = self._strides(), np.asarray(self.starts, np.int64) - 1
        inside = np.asarray(((vectors >= 0) & (vectors <= most)).all(-1))
        cut = np.clip(vectors, 0, np.maximum(most, 0))
        start = (cut * np.asarray([strides[each] for each in self.mapped], np.int64)).sum(-1)
        places = self.bases()[:, None, None] + start[..., None] + self.offsets()
        return places if clip else np.where(inside[..., None], places, -1)

    def _strides(self) -> Sequence[int]:
        return [prod(self.shape[axis + 1 :]) for axis in range(len(self.shape))]


def of_gather(numbers: Any, shape: tuple[int, ...], batch: tuple[int, ...], sizes: Sequence[int]) -> Windows:
    """The geometry of `jax.lax.gather`."""
    return Windows(
        shape,
        batch,
        tuple(int(each) for each in sizes),
        tuple(numbers.collapsed_slice_dims),
        tuple(numbers.start_index_map),
        tuple(numbers.operand_batching_dims),
        tuple(numbers.start_indices_batching_dims),
        tuple(numbers.offset_dims),
    )


def of_scatter(
    numbers: Any, shape: tuple[int, ...], batch: tuple[int, ...], updates: tuple[int, ...]
) -> Windows:
    """The geometry of `jax.lax.scatter`; a window's sizes are those of an update."""
    gone = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
    kept = iter(updates[axis] for axis in numbers.update_window_dims)
    return Windows(
        shape,
        batch,
        tuple(1 if axis in gone else next(kept) for axis in range(len(shape))),
        tuple(numbers.inserted_window_dims),
        tuple(numbers.scatter_dims_to_operand_dims),
        tuple(numbers.operand_batching_dims),
        tuple(numbers.scatter_indices_batching_dims),
        tuple(numbers.update_window_dims),
    )


def of_slice(shape: tuple[int, ...], sizes: Sequence[int]) -> Windows:
    """The geometry of `jax.lax.dynamic_slice`: one window, placed in every dimension."""
    axes = tuple(range(len(shape)))
    return Windows(shape, (), tuple(int(each) for each in sizes), (), axes, (), (), axes)
