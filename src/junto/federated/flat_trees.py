"""A tree of numbers as one vector, and a vector as such a tree: containers of what jax, torch, numpy have.

Trees are those of `junto.tree`. What is no number (text, functions, None) stays as it is.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.errors import LearnError
from junto.tree import leaves, map_leaves

Floats = NDArray[np.float64]


def vector_of(tree: Any) -> Floats:
    """All numbers of a tree, one after the other.

    Raises:
        LearnError: some are complex, truth values or objects.
    """
    parts = [part.ravel() for leaf in leaves(tree) if (part := _numbers(leaf)) is not None]
    return np.concatenate(parts) if parts else np.zeros(0)


def tree_of(vector: Floats, like: Any) -> Any:
    """A tree of the form of `like`, with these numbers in it; leaves stay of their types.

    Args:
        vector: see `vector_of`. For a leaf of whole numbers they are rounded.
        like: the form.
    """
    begin = 0

    def filled(leaf: Any) -> Any:
        nonlocal begin
        old = _numbers(leaf)
        if old is None:
            return leaf
        part = vector[begin : begin + old.size].reshape(old.shape)
        begin += old.size
        return _of_type(part, leaf)

    return map_leaves(filled, like)


def form_of(tree: Any) -> str:
    """A text that trees have in common whose numbers stand in the same places."""
    shapes = [None if (part := _numbers(leaf)) is None else part.shape for leaf in leaves(tree)]
    return hashlib.blake2b(repr(shapes).encode(), digest_size=8).hexdigest()


def rows_of(data: Any) -> int:
    """How many rows a table has, or a tree of arrays with the same first dimension.

    Raises:
        LearnError: its parts have different numbers of rows, or none.
    """
    if hasattr(data, "num_rows"):  # Arrow
        return int(data.num_rows)
    found = {len(leaf) for leaf in leaves(data) if hasattr(leaf, "__len__")}
    if len(found) != 1:
        raise LearnError("it cannot be told how many rows the data has", fix="pass num_examples=")
    return found.pop()


def each_row(data: Any) -> Iterator[Any]:
    """A tree of arrays as one tree for each row."""
    for place in range(rows_of(data)):
        yield map_leaves(itemgetter(place), data)


def some_rows(data: Any, begin: int, end: int) -> Any:
    """A tree of arrays, those rows of each."""
    return map_leaves(itemgetter(slice(begin, end)), data)


def vectors_of(tree: Any) -> Floats:
    """[rows, numbers]: `vector_of` each row of a tree of arrays."""
    parts = [part.reshape(len(part), -1) for leaf in leaves(tree) if (part := _numbers(leaf)) is not None]
    return np.concatenate(parts, axis=1)


def _numbers(leaf: Any) -> Floats | None:
    """The numbers of a leaf; None of what is no number."""
    if leaf is None or isinstance(leaf, str | bytes) or callable(leaf):
        return None
    plain = leaf.detach().cpu().double() if _is_tensor(leaf) and _floats(leaf) else leaf
    array = np.asarray(plain.cpu() if _is_tensor(plain) else plain)
    if array.dtype.kind in "iuf" or array.dtype.name == "bfloat16":
        return array.astype(np.float64)
    raise LearnError(
        f"a tree to be added up has {array.dtype.name} in it", fix="numbers: floats, or whole numbers"
    )


def _of_type(part: Floats, leaf: Any) -> Any:
    if type(leaf) is int:
        return round(float(part))
    if type(leaf) is float:
        return float(part)
    if _is_tensor(leaf):
        found = sys.modules["torch"].from_numpy(part if _floats(leaf) else _rounded(part))
        return found.to(dtype=leaf.dtype, device=leaf.device).requires_grad_(leaf.requires_grad)
    dtype = np.asarray(leaf).dtype
    numbers = (_rounded(part) if dtype.kind in "iu" else part).astype(dtype)
    if isinstance(leaf, np.ndarray | np.generic):
        return numbers if isinstance(leaf, np.ndarray) else dtype.type(numbers)
    if type(leaf).__module__.startswith("jax"):
        import jax.numpy as jnp

        return jnp.asarray(numbers)
    raise LearnError(f"a tree to be added up has a {type(leaf).__name__} in it", fix="arrays, or numbers")


def _rounded(part: Floats) -> Floats:
    """Of no dimension it stays an array, of which numpy would make a number."""
    return np.asarray(np.rint(part))


def _is_tensor(leaf: Any) -> bool:
    return "torch" in sys.modules and isinstance(leaf, sys.modules["torch"].Tensor)


def _floats(tensor: Any) -> bool:
    return bool(tensor.dtype.is_floating_point)
