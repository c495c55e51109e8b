"""The ring of integers modulo 2**64: numbers in and out, matrix products, convolutions, shifts.

`+`, `-` and `*` of numpy's `uint64` arrays are the ring's own; what needs more thought is here. Everything
wraps around silently and exactly. Numbers are in two's complement: a ring element is a signed number, too.

A product of matrices takes the quickest of four ways, all exact (costs measured on one core, see `_Cost`):

* numpy's own loop, for tiny ones;
* `einsum`, whose inner loop is quick if it runs along memory, for thin and middling ones;
* the compiled kernel, for all others;
* where there is none, the system's BLAS (`limbs`) for large ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final, TypeAlias

import numpy as np

from junto.mpc.gates import BITS, Words
from junto.mpc.limbs import Limbs, multiply_into, words_of
from junto.mpc.outline import Outline
from junto.mpc.ring128 import WideArray, as_ring, matmul_wide, shift_right_wide
from junto.native import kernels

Dimensions: TypeAlias = tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]

# -------------------------------------------------------------------- shifts


def shift_right(x: Words, count: int, out: Words | None = None) -> Words:
    """Divide by 2**count, rounded down, of numbers in two's complement.

    Args:
        x: numbers.
        count: less than the ring's bits.
        out: where to put the result; may be `x`.
    """
    if isinstance(x, WideArray):
        return shift_right_wide(x, count)
    signed = np.asarray(x, np.uint64).view(np.int64)
    into = None if out is None else out.view(np.int64)
    return np.asarray(np.right_shift(signed, np.int64(count), out=into)).view(np.uint64)


def shift_right_logical(x: Words, count: int, out: Words | None = None) -> Words:
    """The same of numbers without a sign: zeros come in."""
    return np.asarray(np.right_shift(x, np.uint64(count), out=out))


# -------------------------------------------------------------------- products of matrices

_WINDOWS: Final = 1 << 22
"""Elements of a convolution's windows that are laid out at once: bounds the memory."""


class _Cost:
    """Nanoseconds on one core (AVX2): what decides which way a product takes."""

    BLAS = 0.18
    """Of one product of two elements by limbs."""
    SPLIT = 3.0
    """Of splitting one element."""
    JOIN = 4.0
    """Of putting one element together."""
    CALLS = 30_000.0
    """Of all calls."""
    DIRECT = 0.26
    """Of one product of two elements by `einsum`."""
    TURN = 2.0
    """Of bringing one element of the second matrix into the order that `einsum` likes."""
    COMPILED = 30_000
    """With so many products the compiled kernel is worth its call."""
    THIN = 4
    """Rows, or columns, of a result of fewer than which the kernel leaves most of its registers idle."""
    TINY = 6000
    """With fewer products than these numpy's own loop is quickest: it takes the shortest to start."""


def matmul(a: Words | Limbs, b: Words | Limbs) -> Words:
    """`a @ b`, with the shapes of `numpy.matmul`.

    Raises:
        ValueError: the shapes do not fit.
    """
    x, y = words_of(a), words_of(b)
    inner = y.shape[-2] if y.ndim > 1 else y.shape[-1] if y.ndim else None
    if not x.ndim or x.shape[-1] != inner:
        raise ValueError(f"matrices of shapes {x.shape} and {y.shape} cannot be multiplied")
    left = x[None, :] if x.ndim == 1 else x
    right = y[:, None] if y.ndim == 1 else y
    if left.ndim > 2 and right.ndim == 2:
        made = _matrices(left.reshape(-1, x.shape[-1]), b if right is y else right)
        made = made.reshape(*left.shape[:-1], right.shape[-1])
    else:
        made = _matrices(a if left is x else left, b if right is y else right)
    if x.ndim == 1:
        made = made[..., 0, :]
    return np.asanyarray(made[..., 0] if y.ndim == 1 else made)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RowSums:
    """A public linear map: the sums of all rows, their elements times `weights` [count]."""

    weights: Words

    def __call__(self, x: Words) -> Words:
        return matmul(x, self.weights)


def _matrices(a: Words | Limbs, b: Words | Limbs) -> Words:
    """`matmul` of arrays with two dimensions or more."""
    x, y = words_of(a), words_of(b)
    if isinstance(x, Outline) or isinstance(y, Outline):
        return np.asanyarray(np.matmul(x, y))  # an outline, which alone can be computed with in either ring
    if isinstance(x, WideArray) or isinstance(y, WideArray):
        wide: Words = matmul_wide(x, y, _matrices)
        return wide
    (m, k), n = x.shape[-2:], y.shape[-1]
    loop = m * k * n
    rows = n == 1 and x.ndim == y.ndim == 2 and x.flags.c_contiguous
    if rows and loop >= _Cost.COMPILED and (native := kernels()) is not None:
        return native.dots(x, y[:, 0])[:, None]
    if loop >= _Cost.COMPILED and min(m, n) >= _Cost.THIN and (native := kernels()) is not None:
        return _into(x, y, native.matmul_into)
    split = (0 if isinstance(a, Limbs) else m * k) + (0 if isinstance(b, Limbs) else k * n)
    limbs = _Cost.BLAS * loop + _Cost.SPLIT * split + _Cost.JOIN * m * n + _Cost.CALLS
    if limbs >= _Cost.DIRECT * loop + _Cost.TURN * k * n:
        return _direct(x, y)
    if x.ndim == y.ndim == 2:
        made = np.empty((m, n), np.uint64)
        multiply_into(a, b, made)
        return made
    return _into(x, y, _one_by_one)


def _into(a: Words, b: Words, product: Callable[[Words, Words, Words], None]) -> Words:
    """`product` of all pairs of matrices, into the result."""
    (m, k), n = a.shape[-2:], b.shape[-1]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    made = np.empty((*batch, m, n), np.uint64)
    product(np.broadcast_to(a, (*batch, m, k)), np.broadcast_to(b, (*batch, k, n)), made)
    return made


def _one_by_one(a: Words, b: Words, out: Words) -> None:
    for at in np.ndindex(out.shape[:-2]):
        multiply_into(a[at], b[at], out[at])


def _direct(a: Words, b: Words) -> Words:
    """By integers, in the order in which the inner loop runs along memory."""
    (m, k), n = a.shape[-2:], b.shape[-1]
    loop = m * k * n
    if n == 1 and loop > 1:
        return np.asarray(np.einsum("...ij,...j->...i", a, b[..., 0]))[..., None]
    if m == 1 and loop > 1:
        return np.asarray(np.einsum("...j,...jk->...k", a[..., 0, :], b))[..., None, :]
    if loop < _Cost.TINY or (k < 16 and n < 16):
        return np.asarray(np.matmul(a, b))
    flipped = b.swapaxes(-1, -2)
    if k < 16 or (m < 6 and flipped.strides[-1] != flipped.itemsize):
        return np.asarray(np.einsum("...ij,...jk->...ik", a, np.ascontiguousarray(b)))
    rows = np.ascontiguousarray(a) if n >= 8 else a
    return np.asarray(np.einsum("...ij,...kj->...ik", rows, np.ascontiguousarray(flipped)))


# -------------------------------------------------------------------- other bilinear maps

Product: TypeAlias = Callable[[Words, Words], Words]
"""Products of matrices with the shapes of `matmul`. The maps below do nothing else that is not linear in each
operand, so they serve shares, too."""


def dot_general(a: Words, b: Words, dimensions: Dimensions, product: Product = matmul) -> Words:
    """`jax.lax.dot_general` modulo 2**64.

    Args:
        a, b: operands.
        dimensions: ``((a's contracting, b's contracting), (a's batch, b's batch))``.
        product: how matrices are multiplied.

    Returns:
        Batch dimensions, then the rest of `a`, then the rest of `b`.
    """
    (a_sum, b_sum), (a_batch, b_batch) = dimensions
    a_rest = [i for i in range(a.ndim) if i not in (*a_sum, *a_batch)]
    b_rest = [i for i in range(b.ndim) if i not in (*b_sum, *b_batch)]
    batch = [a.shape[i] for i in a_batch]
    m = [a.shape[i] for i in a_rest]
    n = [b.shape[i] for i in b_rest]
    k = prod(a.shape[i] for i in a_sum)
    left = a.transpose(*a_batch, *a_rest, *a_sum).reshape(*batch, prod(m), k)
    right = b.transpose(*b_batch, *b_sum, *b_rest).reshape(*batch, k, prod(n))
    return product(left, right).reshape((*batch, *m, *n))


@dataclass(frozen=True, slots=True)
class Convolution:
    """The numbers of `jax.lax.conv_general_dilated`.

    Args:
        strides: of the windows, one for each dimension of space.
        padding: zeros before and after each dimension of space; negative ones cut.
        dilations: of the operands: each so many times as far apart, with zeros between.
        numbers: `lhs_spec`, `rhs_spec`, `out_spec` of jax's `ConvDimensionNumbers`: where batch (features),
            channels and the dimensions of space are. None: in this order.
        feature_groups: `feature_group_count`.
        batch_groups: `batch_group_count`.
    """

    strides: Sequence[int]
    padding: Sequence[tuple[int, int]]
    dilations: tuple[Sequence[int], Sequence[int]]
    numbers: tuple[Sequence[int], Sequence[int], Sequence[int]] | None = None
    feature_groups: int = 1
    batch_groups: int = 1


def conv_general_dilated(a: Words, b: Words, form: Convolution, product: Product = matmul) -> Words:
    """`jax.lax.conv_general_dilated` modulo 2**64; `product`: how matrices are multiplied."""
    straight = tuple(range(a.ndim))
    lhs, rhs, out = form.numbers or (straight, straight, straight)
    lefts = np.split(a.transpose(*lhs), form.batch_groups, 0)
    rights = np.split(b.transpose(*rhs), form.batch_groups, 0)
    made = [_convolved(left, right, form, product) for left, right in zip(lefts, rights, strict=True)]
    return np.concatenate(made, 1).transpose(*np.argsort(out))


def _convolved(a: Words, b: Words, form: Convolution, product: Product) -> Words:
    """The same of [batch, channels, *space] and [features, channels / groups, *window]."""
    a = _padded(_dilated(a, form.dilations[0]), form.padding)
    b = _dilated(b, form.dilations[1])
    groups = form.feature_groups
    space, window = a.shape[2:], b.shape[2:]
    out = [max(0, (s - w) // step + 1) for s, w, step in zip(space, window, form.strides, strict=True)]
    wider = max(a.dtype, b.dtype, key=lambda each: each.itemsize)
    made: Words = as_ring(np.zeros((a.shape[0], b.shape[0], *out), wider))
    if not made.size or not b.size:
        return made
    axes = tuple(range(2, a.ndim))
    views = np.lib.stride_tricks.sliding_window_view(a, window, axis=axes)
    views = views[(slice(None), slice(None), *(slice(None, None, step) for step in form.strides))]
    samples = max(1, _WINDOWS // prod(views.shape[1:]))
    columns = b.reshape(groups, b.shape[0] // groups, -1).swapaxes(1, 2)
    for start in range(0, len(a), samples):
        made[start : start + samples] = _windows_by(columns, views[start : start + samples], out, product)
    return made


def _windows_by(columns: Words, views: Words, out: Sequence[int], product: Product) -> Words:
    """[groups, channels of a group * window, features of a group], [batch, channels, *out, *window]."""
    groups, depth, each = columns.shape
    batch, space = len(views), len(out)
    split = views.reshape(batch, groups, views.shape[1] // groups, *views.shape[2:])
    rows = split.transpose(1, 0, *range(3, 3 + space), 2, *range(3 + space, 3 + 2 * space))
    found = product(rows.reshape(groups, batch * prod(out), depth), columns)
    found = found.reshape(groups, batch, *out, each)
    return found.transpose(1, 0, 2 + space, *range(2, 2 + space)).reshape(batch, groups * each, *out)


def _dilated(x: Words, steps: Sequence[int]) -> Words:
    if all(step == 1 for step in steps):
        return x
    sizes = [max(0, (size - 1) * step + 1) for size, step in zip(x.shape[2:], steps, strict=True)]
    made: Words = as_ring(np.zeros((*x.shape[:2], *sizes), x.dtype))
    made[(slice(None), slice(None), *(slice(None, None, step) for step in steps))] = x
    return made


def _padded(x: Words, padding: Sequence[tuple[int, int]]) -> Words:
    cut = [
        slice(max(0, -low), size - max(0, -high))
        for (low, high), size in zip(padding, x.shape[2:], strict=True)
    ]
    x = x[(slice(None), slice(None), *cut)]
    grown = [(max(0, low), max(0, high)) for low, high in padding]
    return np.pad(x, [(0, 0), (0, 0), *grown]) if any(map(any, grown)) else x


__all__ = [
    "BITS",
    "Convolution",
    "Dimensions",
    "Limbs",
    "Product",
    "conv_general_dilated",
    "dot_general",
    "matmul",
    "shift_right",
    "shift_right_logical",
]


def high_product(x: Words, y: Words) -> Words:
    """The upper half of the product of unsigned numbers: `x * y >> 64`, of all 128 bits."""
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    a, b, c, d = x >> half, x & low, y >> half, y & low
    middle = a * d + (b * d >> half)
    upper: Words = a * c + (middle >> half) + ((b * c + (middle & low)) >> half)
    return upper
