"""Which blocks of two matrices polynomials hold, so that their products hold blocks of the matrices' product.

Paper:     Huang, Lu, Hong, Ding, "Cheetah: Lean and fast secure two-party deep neural network inference",
           USENIX Security 2022, section 3: here with blocks in all three directions.

Of blocks [rows, inner] of the left matrix and [inner, columns] of the right one, rows * inner * columns at
most n,

    left   = sum over i, j of L[i, j] X**(i * inner * columns + inner - 1 - j)
    right  = sum over j, l of R[j, l] X**(l * inner + j)

have in their product, at i * inner * columns + l * inner + inner - 1, the sum over j of L[i, j] R[j, l]: for
L[i, j] R[j', l] with other j' the exponent differs from all of these by less than `inner`, and what passes n
comes back below inner - 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Words
from junto.mpc.lattice.negacyclic import DEGREE
from junto.mpc.lattice.ring_lwe import CIPHERTEXT_BYTES, MASK_BYTES, RESULT_BYTES, SEED_BYTES

MOST_CIPHERTEXTS: Final = 128
"""That are held at once, about 64 MB."""
MOST_ANSWERS: Final = 256
"""That go in one message, about 20 MB."""
_BYTE_NS, _TRANSFORM_NS, _PRODUCTS_NS = 8, 600_000, 150_000
"""What choosing blocks goes by: a byte on a line of 1 Gbit/s, and of all four primes together a transform,
and the product of a ciphertext and a polynomial, on one processor."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """How a product of matrices is cut.

    Attributes:
        sizes: rows, inner, columns of the matrices.
        block: rows, inner, columns of a block.
        turned: the product is that of the transposed right matrix and the transposed left one.
    """

    sizes: tuple[int, int, int]
    block: tuple[int, int, int]
    turned: bool

    @property
    def counts(self) -> tuple[int, int, int]:
        """Blocks in each direction."""
        rows, inner, columns = (-(-size // each) for size, each in zip(self.sizes, self.block, strict=True))
        return rows, inner, columns

    @property
    def places(self) -> NDArray[np.intp]:
        """Where a product's polynomial has the results, in the order of rows and columns of a block."""
        rows, inner, columns = self.block
        return np.arange(inner - 1, rows * inner * columns, inner, dtype=np.intp)

    @property
    def terms(self) -> int:
        """Coefficients of right polynomials on which one result's error depends."""
        return self.counts[1] * self.block[1] * self.block[2]

    def together(self, batch: int) -> int:
        """How many of several products are computed at once."""
        rows, inner, _ = self.counts
        return max(1, min(batch, MOST_CIPHERTEXTS // (rows * inner)))

    def left_pieces(self) -> Iterator[tuple[slice, slice]]:
        """Blocks of the left matrix of which the ciphertexts are held at once: of rows, of inner ones."""
        rows, inner, _ = self.counts
        deep = min(inner, MOST_CIPHERTEXTS)
        high = max(1, MOST_CIPHERTEXTS // deep)
        for start, first in product(range(0, rows, high), range(0, inner, deep)):
            yield slice(start, min(rows, start + high)), slice(first, min(inner, first + deep))

    def right_pieces(self, rows: int) -> Iterator[slice]:
        """Blocks of columns of which the answers go in one message.

        Args:
            rows: blocks of rows that are held at once, of all products together.
        """
        columns = self.counts[2]
        step = max(1, MOST_ANSWERS // rows)
        return (slice(start, min(columns, start + step)) for start in range(0, columns, step))

    def fresh_bytes(self, batch: int = 1) -> int:
        """What the holder of the left matrices sends, for so many products."""
        rows, inner, _ = self.counts
        messages = sum(1 for _ in self.left_pieces()) * -(-batch // self.together(batch))
        return batch * rows * inner * CIPHERTEXT_BYTES + SEED_BYTES * messages

    def answer_bytes(self, batch: int = 1) -> int:
        """What the other one sends."""
        return batch * self.answers * self.one_answer

    @property
    def answers(self) -> int:
        """How many there are for one product."""
        return sum((rows.stop - rows.start) * self.counts[2] for rows, _ in self.left_pieces())

    @property
    def one_answer(self) -> int:
        """Bytes of an answer."""
        return MASK_BYTES + RESULT_BYTES * self.block[0] * self.block[2]

    def left(self, x: Words) -> Words:
        """Polynomials of whole blocks of left matrices: [batch, block rows, inner blocks, n]."""
        rows, inner, columns = self.block
        blocks = _cut(x, rows, inner)
        laid = np.zeros((*blocks.shape[:3], rows, columns, inner), np.uint64)
        laid[..., 0, :] = blocks[..., ::-1]
        made = np.zeros((*blocks.shape[:3], DEGREE), np.uint64)
        made[..., : rows * inner * columns] = laid.reshape(*blocks.shape[:3], -1)
        return made

    def right(self, y: Words) -> Words:
        """The polynomials of right matrices: [batch, column blocks, inner blocks, first coefficients]."""
        _, inner, columns = self.block
        blocks = _cut(y.swapaxes(-1, -2), columns, inner)
        return blocks.reshape(*blocks.shape[:3], columns * inner)

    def joined(self, results: Words) -> Words:
        """Results [batch, column blocks, block rows, places] as matrices."""
        batch, wide, high, _ = results.shape
        rows, _, columns = self.block
        parts = results.reshape(batch, wide, high, rows, columns).transpose(0, 2, 3, 1, 4)
        whole = parts.reshape(batch, high * rows, wide * columns)
        return whole[:, : self.sizes[0], : self.sizes[2]]


def _cut(x: Words, rows: int, columns: int) -> Words:
    """Matrices with zeros at their ends as blocks: [batch, block rows, block columns, rows, columns]."""
    batch, height, width = x.shape
    high, wide = -(-height // rows), -(-width // columns)
    whole = np.zeros((batch, high * rows, wide * columns), np.uint64)
    whole[:, :height, :width] = x
    return whole.reshape(batch, high, rows, wide, columns).swapaxes(2, 3)


@lru_cache(maxsize=1024)
def best(sizes: tuple[int, int, int]) -> Blocks:
    """The blocks that take least, of matrices [rows, inner] and [inner, columns]."""
    return min(
        (
            Blocks(whole, (rows, inner, columns), turned)
            for turned, whole in ((False, sizes), (True, (sizes[2], sizes[1], sizes[0])))
            for rows, inner, columns in product(*map(_candidates, whole))
            if rows * inner * columns <= DEGREE
        ),
        key=_work,
    )


def _candidates(size: int) -> list[int]:
    most = min(size, DEGREE)
    even = {-(-size // count) for count in range(1, 9)}
    return sorted({each for each in even if each <= most} | {1 << i for i in range(most.bit_length())})


def _work(blocks: Blocks) -> float:
    rows, inner, columns = blocks.counts
    sent = rows * inner * CIPHERTEXT_BYTES + rows * columns * blocks.one_answer
    transforms = rows * inner + inner * columns + 4 * rows * columns
    return _BYTE_NS * sent + _TRANSFORM_NS * transforms + _PRODUCTS_NS * rows * inner * columns
