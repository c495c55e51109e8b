"""Exact products of matrices modulo 2**64 by the system's BLAS.

A number is split into three signed limbs, x = x0 + 2**22 x1 + 2**42 x2, so small that sums of products of
limbs are exact in a float's 53 bits. Modulo 2**64 six products of limbs matter; by Karatsuba's identity

    x0 y1 + x1 y0 = (x0 + x1)(y0 + y1) - x0 y0 - x1 y1

five products of float matrices do (Karatsuba and Ofman, 1963; exact products by splitting: Ozaki et al.,
"Error-free transformations of matrix multiplication", Numerical Algorithms 59, 2012).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Words

Floats: TypeAlias = NDArray[np.float64]

_WIDTHS: Final = (22, 20, 22)
"""Bits of the limbs. What their places leave out, x1 y2 and x2 y1, is a multiple of 2**64."""
_PLACES: Final = (0, 22, 42)
_OFFSETS: Final = tuple(1 << (width - 1) for width in _WIDTHS)
"""What makes signed limbs out of unsigned ones: digits of a balanced representation."""
_DEPTH: Final = 1310
"""So many products of x0 + x1, less than 2.5 * 2**20 each, add up exactly: the longest sum of all."""
_TILE: Final = (256, 1024)
"""Rows and columns of the result that are computed at once: bounds the memory for limbs and products."""
_ALONE: Final = 1 << 18
"""A product of so many elements OpenBLAS computes in the caller's thread; larger ones it shares out."""
_NARROW: Final = 1 << 14
"""Results of so few elements are not worth sharing out: their threads would rather wait for each other."""
_BLOCK: Final = 1 << 15
"""Elements that are split or put together at once: they stay in a core's cache."""
_FLOAT_BITS: Final = np.uint64(0x433 << 52)
"""Put before an integer of fewer than 52 bits: the float 2**52 plus the integer."""


class Limbs:
    """A matrix that is split once for several products.

    Args:
        matrix: its elements; must not be changed any more.
    """

    __slots__ = ("parts", "words")

    def __init__(self, matrix: Words) -> None:
        if matrix.ndim != 2:
            raise ValueError(f"a matrix is wanted, not an array with {matrix.ndim} dimensions")
        self.words: Words = matrix
        self.parts: Floats = _split(matrix)

    @property
    def shape(self) -> tuple[int, ...]:
        """The matrix's."""
        return self.words.shape

    @property
    def T(self) -> Limbs:
        """The transposed matrix, for nothing."""
        made = Limbs.__new__(Limbs)
        made.words, made.parts = self.words.T, self.parts.swapaxes(1, 2)
        return made


def words_of(x: Words | Limbs) -> Words:
    """The matrix itself."""
    return x.words if isinstance(x, Limbs) else x


def multiply_into(a: Words | Limbs, b: Words | Limbs, out: Words) -> None:
    """`out[...] = a @ b` of two matrices, tile by tile."""
    (m, k), n = words_of(a).shape, out.shape[1]
    high, wide = min(m, _TILE[0]), min(n, _TILE[1])
    products = np.empty((5, high * wide))
    spare = np.empty((4, min(max(_BLOCK, wide), high * wide)), np.int64)
    for depth in _even(k, _DEPTH):
        for columns in _even(n, wide):
            right = _limbs(b, depth, columns)
            for rows in _even(m, high):
                left = _limbs(a, rows, depth)
                tile = out[rows, columns]
                here = products[:, : tile.size].reshape(5, *tile.shape)
                for (i, j), product in zip(((0, 0), (1, 1), (3, 3), (0, 2), (2, 0)), here, strict=True):
                    _float_product(left[i], right[j], product)
                _join(here, tile, spare, fresh=depth.start == 0)


def _float_product(a: Floats, b: Floats, out: Floats) -> None:
    """`out[...] = a @ b`; a small result of long sums in pieces that stay in this thread.

    Where there are more parties than cores, threads that wait for each other spin, at a multiple of the cost.
    """
    (m, k), n = a.shape, b.shape[1]
    depth = max(1, _ALONE // max(1, m * n))
    count = k // depth
    if m * n > _NARROW or count < 2:
        np.matmul(a, b, out=out)
        return
    cut = count * depth
    left = a[:, :cut].reshape(m, count, depth).swapaxes(0, 1)
    np.add.reduce(np.matmul(left, b[:cut].reshape(count, depth, n)), axis=0, out=out)
    if cut < k:
        out += a[:, cut:] @ b[cut:]


def _join(products: Floats, out: Words, spare: NDArray[np.int64], *, fresh: bool) -> None:
    """Put the products of limbs (00, 11, (0 + 1)(0 + 1), 02, 20) together, into or onto `out`."""
    width = out.shape[1]
    step = max(1, spare.shape[1] // max(1, width))
    for start in range(0, len(out), step):
        here = products[:, start : start + step]
        into = out[start : start + step].view(np.int64)
        low, middle, cross, high = spare[:, : into.size].reshape(4, *into.shape)
        np.copyto(low, here[3], casting="unsafe")
        np.copyto(high, here[4], casting="unsafe")
        high += low
        for part, product in zip((low, middle, cross), here[:3], strict=True):
            np.copyto(part, product, casting="unsafe")
        cross -= low
        cross -= middle
        middle <<= 2 * _PLACES[1] - _PLACES[2]
        high += middle
        high <<= _PLACES[2] - _PLACES[1]
        cross += high
        cross <<= _PLACES[1]
        if fresh:
            np.add(low, cross, out=into)
        else:
            into += low
            into += cross


def _limbs(x: Words | Limbs, rows: slice, columns: slice) -> Floats:
    return x.parts[:, rows, columns] if isinstance(x, Limbs) else _split(x[rows, columns])


def _split(x: Words) -> Floats:
    """The limbs of a matrix, and the sum of the first two: [4, *x.shape].

    They lie in memory as the matrix does, or BLAS would have to bring them into order.
    """
    if x.strides[0] < x.strides[1]:
        return _split(x.T).swapaxes(1, 2)
    made = np.empty((4, *x.shape))
    step = max(1, _BLOCK // max(1, x.shape[1]))
    rest = np.empty((min(step, len(x)), x.shape[1]), np.uint64)
    offset = np.uint64(sum(each << place for each, place in zip(_OFFSETS, _PLACES, strict=True)))
    for start in range(0, len(x), step):
        part = x[start : start + step]
        digits = np.add(part, offset, out=rest[: len(part)])
        limbs = made[:, start : start + step]
        for limb, width, signed in zip(limbs[:3], _WIDTHS, _OFFSETS, strict=True):
            bits = limb.view(np.uint64)
            np.bitwise_and(digits, np.uint64((1 << width) - 1), out=bits)
            np.right_shift(digits, np.uint64(width), out=digits)
            bits |= _FLOAT_BITS
            limb -= float((1 << 52) + signed)
        np.add(limbs[0], limbs[1], out=limbs[3])
    return made


def _even(size: int, most: int) -> Iterator[slice]:
    """`size` in the fewest pieces of at most `most`, as equal as they can be."""
    count = max(1, -(-size // most))
    step = -(-size // count)
    return (slice(start, min(size, start + step)) for start in range(0, size, max(1, step)))
