"""Products of numbers that both parties hold shares of: of elements, of matrices, of bits and numbers.

Paper:     see `scaling`; the choice of the smaller matrix for the transfers is that of Mohassel and Zhang,
           "SecureML", IEEE S&P 2017, section IV-D.
Computes:  [x y] from [x], [y]: (x0 + x1)(y0 + y1), of which each party computes x_i y_i itself.
Parties:   P0, P1, who do the same: each chooses with its share of the smaller operand, and offers that of
           the other one.
Secure:    semi-honest.
Learns:    nobody anything.
Cost:      a transfer each way for each bit of an element of the smaller operand, 64 or 128; 36 or 68 bits on
           average for each of them and each element of the other operand that it is multiplied with. One
           way only if a party has one of the operands whole; nothing if it has both. A square costs half.
           Rounds: one more than there are blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Final, TypeAlias

import numpy as np

from junto.mpc import ring
from junto.mpc.gates import BITS, Flags, Words
from junto.mpc.ot import softspoken
from junto.mpc.ot.extension import Extension, OtSettings
from junto.mpc.ot.jobs import parts
from junto.mpc.ot.scaling import ScalingJob, ScalingWidths
from junto.mpc.ring128 import elements, zeros
from junto.mpc.ring128 import ring_bits as bits_of_ring

_WIDEST: Final = 512
"""Elements of a vector that one transfer serves: the transfer itself costs little beside them."""
_LOAD: Final = 8
"""Words of pads for each transfer of a block: bounds the memory."""

Owners: TypeAlias = tuple[int | None, int | None]
"""Which party has the left and the right operand whole, so that the other one's share is 0; None: neither."""


def multiply(extension: Extension, x: Words, y: Words, owners: Owners = (None, None)) -> Words:
    """Our share of x y, element by element, broadcasting.

    Args:
        extension: with the other party.
        x, y: our shares.
        owners: of what needs no transfer, the same at both parties.
    """
    return by_matrices(x, y, lambda left, right: matmul(extension, left, right, owners))


def by_matrices(x: Words, y: Words, product: Callable[[Words, Words], Words]) -> Words:
    """Element by element, broadcasting, from products of matrices [batch, m, 1] and [batch, 1, n]."""
    shape = np.broadcast_shapes(x.shape, y.shape)
    dimensions = len(shape)
    x = x.reshape((1,) * (dimensions - x.ndim) + x.shape)
    y = y.reshape((1,) * (dimensions - y.ndim) + y.shape)
    own = [i for i in range(dimensions) if y.shape[i] == 1 != x.shape[i]]
    others = [i for i in range(dimensions) if x.shape[i] == 1 != y.shape[i]]
    common = [i for i in range(dimensions) if x.shape[i] == y.shape[i]]
    order = [*common, *own, *others]
    batch, m, n = (prod(shape[i] for i in each) for each in (common, own, others))
    left = x.transpose(order).reshape(batch, m, 1)
    right = y.transpose(order).reshape(batch, 1, n)
    made = product(left, right).reshape([shape[i] for i in order])
    return made.transpose(np.argsort(order))


def matmul_bytes(
    sizes: tuple[int, int, int], batch: int, settings: OtSettings, ring_bits: int = BITS
) -> tuple[int, int]:
    """Bytes for the products of one party's left share and the other one's right share, without rounding up.

    Args:
        sizes: rows, inner, columns of the matrices.
        batch: so many products.
        settings: of the transfers.
        ring_bits: of the elements.

    Returns:
        From the party with the smaller matrix, which chooses, and from the other one.
    """
    m, k, n = sizes
    chosen = batch * k * min(m, n) * ring_bits * softspoken.rows_of(settings.field_bits) // 8
    return chosen, batch * k * m * n * ScalingWidths(ring_bits, ring_bits).nbytes


def square(extension: Extension, x: Words) -> Words:
    """Our share of x x, element by element: of the two products with the other share one does, doubled."""
    flat = x.reshape(-1)
    made = flat * flat + _halves(extension, flat, flat + flat, _whole(flat))
    return made.reshape(x.shape)


def matmul(extension: Extension, x: Words, y: Words, owners: Owners = (None, None)) -> Words:
    """Our share of x @ y, with the shapes of `numpy.matmul`, for arrays of two dimensions or more.

    As the `product` of `ring.dot_general` and `ring.conv_general_dilated` it makes shares of their results.

    Args:
        extension: with the other party.
        x, y: our shares.
        owners: of what needs no transfer, the same at both parties.
    """
    if x.shape[-2] > y.shape[-1]:
        turned = y.swapaxes(-1, -2), x.swapaxes(-1, -2)
        return matmul(extension, *turned, owners[::-1]).swapaxes(-1, -2)
    made = ring.matmul(x, y)
    (m, k), n = x.shape[-2:], y.shape[-1]
    if not made.size or not k:
        return made
    batch = made.shape[:-2]
    factors = np.broadcast_to(x, (*batch, m, k)).reshape(-1)
    vectors = np.broadcast_to(y, (*batch, k, n)).reshape(-1, n)
    needed = ways(owners, extension.index)
    total = made.reshape(-1, n)
    for start in range(0, n if any(needed) else 0, _WIDEST):
        columns = slice(start, start + _WIDEST)
        matrices = _Matrices(factors, vectors[:, columns], total[:, columns], (m, k))
        matrices.add_products(extension, *needed)
    return total.reshape(made.shape)


def ways(owners: Owners, index: int) -> tuple[bool, bool]:
    """Which products of one party's share and the other one's are not simply 0.

    Args:
        owners: see `matmul`.
        index: of this party.

    Returns:
        Whether it is that of our left share, and that of our right one.
    """
    left, right = owners
    return left != 1 - index and right != index, left != index and right != 1 - index


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Matrices:
    """Products with the other party's shares.

    Args:
        factors: our left matrices, all elements.
        vectors: our right matrices, all rows.
        total: what the products are added to, all rows.
        sizes: rows and columns of a left matrix.
    """

    factors: Words
    vectors: Words
    total: Words
    sizes: tuple[int, int]

    def add_products(self, extension: Extension, choose: bool, offer: bool) -> None:
        """`choose`: of our left shares with their right ones; `offer`: the other way round."""
        form = _whole(self.vectors, self.vectors.shape[1])
        extension.run(
            ScalingJob(
                self.factors[part if choose else slice(0)],
                self._rows(part if offer else slice(0, 0)),
                form,
                form,
                partial(self._add, part),
                partial(self._add, part),
            )
            for part in parts(len(self.factors), _most(extension, form))
        )

    def _rows(self, part: slice) -> Words:
        """What each of these elements is multiplied with."""
        m, k = self.sizes
        place = np.arange(part.start, part.stop)
        found: Words = self.vectors[place // (m * k) * k + place % k]
        return found

    def _add(self, part: slice, products: Words) -> None:
        rows = np.arange(part.start, part.stop) // self.sizes[1]
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        self.total[rows[0] : rows[-1] + 1] += np.add.reduceat(products, starts, axis=0)


def _whole(x: Words, width: int = 1) -> ScalingWidths:
    """Products of elements of the ring of these."""
    return ScalingWidths(bits_of_ring(x), bits_of_ring(x), width)


def select(extension: Extension, b: Flags, x: Words) -> Words:
    """Our share of b x, for bits that are shared by exclusive or.

    Args:
        extension: with the other party.
        b: our shares of bits, [n].
        x: our shares of numbers, [n].

    Cost: 1 transfer each way an element.
    """
    # b x0 = b0 x0 + b1 (1 - 2 b0) x0, and likewise for x1
    own = b.astype(np.uint64)
    signed = np.where(b, 0 - x, x)
    form = ScalingWidths(1, bits_of_ring(x))
    made = own * x

    def add(part: slice, products: Words) -> None:
        made[part] += products[:, 0]

    extension.run(
        ScalingJob(own[part], signed[part, None], form, form, partial(add, part), partial(add, part))
        for part in parts(len(own), _most(extension, form))
    )
    return made


def to_ring(extension: Extension, b: Flags, ring_bits: int = BITS) -> Words:
    """Our share as a number of bits that are shared by exclusive or: b0 + b1 - 2 b0 b1.

    Args:
        extension: with the other party.
        b: our shares, [n].
        ring_bits: bits of the result that are wanted; the others hold anything. More than 64: elements of
            the ring of 128 bits.

    Cost: half a transfer each way an element.
    """
    own = b.astype(np.uint64)
    numbers = elements(0 - (own + own), ring_bits)
    return np.asanyarray(own + _halves(extension, own, numbers, ScalingWidths(1, ring_bits)))


def _halves(extension: Extension, factors: Words, numbers: Words, form: ScalingWidths) -> Words:
    """Shares of P0's factors times P1's numbers in the first half, and of P1's times P0's in the second."""
    size = len(factors)
    made: Words = zeros(size, form.ring)
    middle = (size + 1) // 2
    halves = (slice(0, middle), slice(middle, size))
    mine, theirs = halves[extension.index], halves[1 - extension.index]

    def put(half: slice, part: slice, products: Words) -> None:
        made[half][part] = products[:, 0]

    extension.run(
        ScalingJob(
            factors[mine][part],
            numbers[theirs][part, None],
            form,
            form,
            partial(put, mine, part),
            partial(put, theirs, part),
        )
        for part in parts(middle, _most(extension, form))
    )
    return made


def _most(extension: Extension, form: ScalingWidths) -> int:
    """Products of one block."""
    block = extension.settings.block
    return max(1, min(block // form.bits, _LOAD * block // (form.bits * form.words)))
