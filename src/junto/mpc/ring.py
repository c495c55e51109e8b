"""The ring of integers modulo 2**64: matrix products, convolutions, shifts.

`+`, `-` and `*` of numpy's `uint64` are the ring's own; what needs more thought is here. numpy has no quick
product of integer matrices, but a very quick one of floats: numbers are split into three signed limbs of 22
bits, so that products of limbs and sums of 2048 of them are exact in a float (53 bits), and the six pairs of
limbs that matter modulo 2**64 are multiplied by the system's BLAS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import BITS, Words

_LIMB = 22
_HALF = np.int64(1 << (_LIMB - 1))
_WHOLE = np.int64((1 << _LIMB) - 1)
_EXACT = 1 << (53 - 2 * (_LIMB - 1))
"""So many products of limbs add up exactly: 2048."""

_SPLIT_COST, _ADD_COST = 12.0, 12.0
"""Of an element, in units of one multiplication in numpy's own loop (measured)."""
_BLAS_COST = 0.3

_Limbs: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
Dimensions: TypeAlias = tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]


def shift_right(x: Words, count: int) -> Words:
    """Divide by 2**count, rounded down, of a number in two's complement."""
    signed: NDArray[np.int64] = x.view(np.int64)
    return (signed >> np.int64(count)).astype(np.uint64)


def matmul(a: Words, b: Words) -> Words:
    """`a @ b` modulo 2**64, with the shapes of `numpy.matmul`."""
    m = a.shape[-2] if a.ndim > 1 else 1
    n = b.shape[-1] if b.ndim > 1 else 1
    k = a.shape[-1]
    loop = m * n * k
    blas = _BLAS_COST * loop + _SPLIT_COST * k * (m + n) + _ADD_COST * m * n
    if blas >= loop or min(m, n, k) == 0:
        return np.asarray(np.matmul(a, b), np.uint64)
    if k <= _EXACT:
        return _by_limbs(a, b)
    left = (a[..., i : i + _EXACT] for i in range(0, k, _EXACT))
    right = (b[..., i : i + _EXACT, :] if b.ndim > 1 else b[i : i + _EXACT] for i in range(0, k, _EXACT))
    total: Words | None = None
    for part, other in zip(left, right, strict=True):
        product = _by_limbs(part, other)
        total = product if total is None else total + product
    return np.zeros((), np.uint64) if total is None else total


def dot_general(a: Words, b: Words, dimensions: Dimensions) -> Words:
    """`jax.lax.dot_general` modulo 2**64.

    Args:
        a, b: operands.
        dimensions: ``((a's contracting, b's contracting), (a's batch, b's batch))``.

    Returns:
        Batch dimensions, then the rest of `a`, then the rest of `b`.
    """
    (a_sum, b_sum), (a_batch, b_batch) = dimensions
    a_rest = [i for i in range(a.ndim) if i not in (*a_sum, *a_batch)]
    b_rest = [i for i in range(b.ndim) if i not in (*b_sum, *b_batch)]
    batch = [a.shape[i] for i in a_batch]
    m = [a.shape[i] for i in a_rest]
    n = [b.shape[i] for i in b_rest]
    k = _size(a.shape[i] for i in a_sum)
    left = a.transpose(*a_batch, *a_rest, *a_sum).reshape(*batch, _size(m), k)
    right = b.transpose(*b_batch, *b_sum, *b_rest).reshape(*batch, k, _size(n))
    return matmul(left, right).reshape((*batch, *m, *n))


def convolve(
    a: Words,
    b: Words,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilations: tuple[Sequence[int], Sequence[int]],
    groups: int = 1,
) -> Words:
    """A convolution modulo 2**64, as a matrix product over windows.

    Args:
        a: [batch, channels, *space].
        b: [features, channels / groups, *window].
        strides: of the windows, one for each dimension of space.
        padding: zeros before and after each dimension; negative ones cut.
        dilations: of `a` and of `b`: zeros between their elements.
        groups: channels are treated in so many groups.

    Returns:
        [batch, features, *space].
    """
    a = _padded(_dilated(a, dilations[0]), padding)
    b = _dilated(b, dilations[1])
    space = len(strides)
    axes = tuple(range(2, 2 + space))
    window = b.shape[2:]
    if any(size < wanted for size, wanted in zip(a.shape[2:], window, strict=True)):
        out = [max(0, (s - w) // d + 1) for s, w, d in zip(a.shape[2:], window, strides, strict=True)]
        return np.zeros((a.shape[0], b.shape[0], *out), np.uint64)
    views = np.lib.stride_tricks.sliding_window_view(a, window, axis=axes)
    views = views[(slice(None), slice(None), *(slice(None, None, step) for step in strides))]
    batch, channels, *out = views.shape[: 2 + space]
    each, features = channels // groups, b.shape[0] // groups
    # [groups, batch * space, channels of a group * window]
    rows = views.reshape(batch, groups, each, *out, *window)
    order = (1, 0, *range(3, 3 + space), 2, *range(3 + space, 3 + 2 * space))
    rows = rows.transpose(order).reshape(groups, batch * _size(out), each * _size(window))
    columns = b.reshape(groups, features, each * _size(window)).swapaxes(1, 2)
    product = matmul(rows, columns).reshape(groups, batch, *out, features)
    back = (1, 0, 2 + space, *range(2, 2 + space))
    return product.transpose(back).reshape((batch, groups * features, *out))


def _by_limbs(a: Words, b: Words) -> Words:
    a0, a1, a2 = _limbs(a)
    b0, b1, b2 = _limbs(b)
    total = _whole(a0 @ b0)
    middle = _whole(a0 @ b1)
    middle += _whole(a1 @ b0)
    total += middle << np.uint64(_LIMB)
    high = _whole(a0 @ b2)
    high += _whole(a1 @ b1)
    high += _whole(a2 @ b0)
    total += high << np.uint64(2 * _LIMB)
    return total


def _limbs(x: Words) -> _Limbs:
    rest = np.ascontiguousarray(x).view(np.int64)
    low = ((rest + _HALF) & _WHOLE) - _HALF
    rest = (rest - low) >> np.int64(_LIMB)
    middle = ((rest + _HALF) & _WHOLE) - _HALF
    rest = (rest - middle) >> np.int64(_LIMB)
    return low.astype(np.float64), middle.astype(np.float64), rest.astype(np.float64)


def _whole(x: NDArray[np.float64]) -> Words:
    return np.asarray(x).astype(np.int64).view(np.uint64)


def _dilated(x: Words, steps: Sequence[int]) -> Words:
    if all(step == 1 for step in steps):
        return x
    sizes = [max(0, (size - 1) * step + 1) for size, step in zip(x.shape[2:], steps, strict=True)]
    made = np.zeros((*x.shape[:2], *sizes), np.uint64)
    made[(slice(None), slice(None), *(slice(None, None, step) for step in steps))] = x
    return made


def _padded(x: Words, padding: Sequence[tuple[int, int]]) -> Words:
    cut = [
        slice(max(0, -low), size - max(0, -high))
        for (low, high), size in zip(padding, x.shape[2:], strict=True)
    ]
    grown = [(max(0, low), max(0, high)) for low, high in padding]
    return np.pad(x[(slice(None), slice(None), *cut)], [(0, 0), (0, 0), *grown])


def _size(sizes: object) -> int:
    return int(np.prod(list(sizes), dtype=np.int64))  # type: ignore[call-overload]


__all__ = ["BITS", "convolve", "dot_general", "matmul", "shift_right"]
