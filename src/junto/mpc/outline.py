"""Arrays of which only shape and dtype matter: all their elements are one zero in memory.

numpy takes them for arrays. What it computes element by element, and products of matrices, gives the next
outline at once, however large it is; everything else is done on the zeros, and gives an outline, too.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from junto.mpc.ring128 import WIDE_DTYPE, as_ring


class Outline(np.ndarray[Any, Any]):
    """See the module. Made by `outline`."""

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: tuple[Any, ...] | None = None, **more: Any
    ) -> Any:
        if out is not None:
            for each in out:
                each[...] = 0
            return out[0] if len(out) == 1 else out
        if method == "__call__" and ufunc.nout == 1 and not more:
            if ufunc.signature is None:
                shape = np.broadcast_shapes(*[np.shape(each) for each in inputs])
                return outline(shape, _dtype_after(ufunc, *[_kind(each) for each in inputs]))
            if ufunc is np.matmul:
                return outline(_matmul_shape(*[np.shape(each) for each in inputs]), _product_dtype(*inputs))
        return _outlined(getattr(ufunc, method)(*[_plain(each) for each in inputs], **more))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func is np.einsum and isinstance(args[0], str):
            return outline(_einsum_shape(args[0], args[1:]), _product_dtype(*args[1:]))
        if func is np.zeros_like:
            return outline(args[0].shape, args[0].dtype)
        return _outlined(super().__array_function__(func, types, args, kwargs))

    def astype(self, dtype: Any, *_: Any, **__: Any) -> Any:
        """Of another dtype."""
        return outline(self.shape, dtype)

    def copy(self, *_: Any) -> Any:
        """Another one."""
        return outline(self.shape, self.dtype)

    def widened(self, dtype: Any) -> Any:
        """As elements of a wider ring (`ring128.widened`)."""
        return outline(self.shape, dtype)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return found if isinstance(found, np.ndarray) else outline((), self.dtype)

    def __setitem__(self, key: Any, value: Any) -> None:
        """It has nothing to change."""


def outline(shape: tuple[int, ...], dtype: DTypeLike) -> Any:
    """An array of this shape and dtype, in no memory."""
    return np.broadcast_to(np.zeros((), dtype), shape).view(Outline)


def _kind(value: Any) -> Any:
    """An array's or a number's dtype; of what has none (Python's own numbers) the value."""
    return getattr(value, "dtype", value)


@lru_cache(maxsize=256)
def _dtype_after(ufunc: np.ufunc, *kinds: Any) -> np.dtype[Any]:
    operands = [as_ring(np.ones(1, each)) if isinstance(each, np.dtype) else each for each in kinds]
    return np.asarray(ufunc(*operands)).dtype


def _product_dtype(*operands: Any) -> np.dtype[Any]:
    wide = any(each.dtype == WIDE_DTYPE for each in operands)
    return WIDE_DTYPE if wide else np.result_type(*operands)


def _plain(value: Any) -> Any:
    return as_ring(value.view(np.ndarray)) if isinstance(value, Outline) else value


def _outlined(result: Any) -> Any:
    if isinstance(result, np.ndarray):
        return outline(result.shape, result.dtype)
    if type(result) in (list, tuple):
        return type(result)(_outlined(each) for each in result)
    return result


def _matmul_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    left, right = (a if len(a) > 1 else (1, *a)), (b if len(b) > 1 else (*b, 1))
    if left[-1] != right[-2]:
        raise ValueError(f"matrices of shapes {a} and {b} cannot be multiplied")
    rows = left[-2:-1] if len(a) > 1 else ()
    columns = right[-1:] if len(b) > 1 else ()
    return (*np.broadcast_shapes(left[:-2], right[:-2]), *rows, *columns)


def _einsum_shape(subscripts: str, operands: tuple[NDArray[Any], ...]) -> tuple[int, ...]:
    """Of an `einsum` that names its result, with or without an ellipsis."""
    terms, result = subscripts.split("->")
    sizes: dict[str, int] = {}
    batch: tuple[int, ...] = ()
    for term, operand in zip(terms.split(","), operands, strict=True):
        letters = term.replace("...", "")
        lead = np.ndim(operand) - len(letters)
        batch = np.broadcast_shapes(batch, np.shape(operand)[:lead])
        sizes.update(zip(letters, np.shape(operand)[lead:], strict=True))
    return (*batch, *[sizes[letter] for letter in result.replace("...", "")])
