"""Numbers of the one times vectors of the other: the piece that every product of rings is made of.

Paper:     Gilboa, "Two party RSA key generation", CRYPTO 1999, section 4.1, with correlated transfers
           (Asharov, Lindell, Schneider, Zohner, "More efficient oblivious transfer and extensions for faster
           secure computation", CCS 2013, section 5.4) and vectors in place of numbers.
Computes:  [a r] from a at the one party and the vector r at the other, modulo 2**ring.
Parties:   P0, P1: each is the one for some products and the other for others, at the same time.
Secure:    semi-honest.
Learns:    nobody anything: what is sent is uniform to its receiver.
Cost:      1 transfer for each bit of a; ring - b bits, in whole bytes, for bit b and each element of r.

For bit b of a the transfer's pads are p0 and p1; p0 - p1 + r is sent. Who chose 0 has p0, who chose 1 has
p1 + (p0 - p1 + r) = p0 + r: together with -p0 that is the bit times r. It counts 2**b, so that only its lower
ring - b bits matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from junto.mpc import bits
from junto.mpc.gates import BITS, Words
from junto.mpc.ot.jobs import TransferJob, octets
from junto.mpc.ot.pads import Chosen, Offered
from junto.mpc.ring import matmul
from junto.mpc.ring128 import (
    WIDE_BITS,
    WideArray,
    as_ring,
    from_octets,
    highest_words,
    is_wide,
    lowest_words,
    wide_from,
    wide_of_integers,
)

_PIECES: Final = ((4, np.dtype(np.uint32)), (2, np.dtype(np.uint16)), (1, np.dtype(np.uint8)))


@dataclass(frozen=True, slots=True)
class ScalingWidths:
    """How long the numbers are.

    Args:
        factor: bits of a: 1 to 128.
        ring: bits of the result that are wanted, 1 to 128; the others hold anything. With more than 64 the
            results, and r, are elements of the ring of 128 bits.
        width: elements of r.

    Raises:
        ValueError: there are no such numbers.
    """

    factor: int = BITS
    ring: int = BITS
    width: int = 1

    def __post_init__(self) -> None:
        if not (1 <= self.factor <= WIDE_BITS and 1 <= self.ring <= WIDE_BITS and self.width >= 1):
            raise ValueError(f"there are no products of {self}")

    @property
    def bits(self) -> int:
        """Bits of a that matter."""
        return min(self.factor, self.ring)

    @property
    def words(self) -> int:
        """Words that a pad has: as many as r, an even number of them unless it is one."""
        if self.wide:
            return 2 * self.width
        return 1 if self.width == 1 else self.width + self.width % 2

    @property
    def wide(self) -> bool:
        """Whether r has elements of two words."""
        return is_wide(self.ring)

    @property
    def nbytes(self) -> int:
        """What is sent for one product."""
        each = self.width if self.wide else self.words
        return each * sum(len(group) * size for group, size in self.groups())

    def groups(self) -> Iterator[tuple[range, int]]:
        """Bits of a for which equally many bytes are sent, and how many."""
        start = 0
        while start < self.bits:
            size = -(-(self.ring - start) // 8)
            stop = min(self.bits, self.ring - 8 * (size - 1))
            yield range(start, stop), size
            start = stop


class ScalingJob(TransferJob):
    """Products of one block.

    Args:
        factors: our numbers a, [n].
        rows: our vectors r, for the other party's numbers, [m, width].
        taking: of the products with our numbers.
        giving: of the products with our vectors.
        taken: called with our share of our numbers times the other party's vectors, [n, width].
        given: called with our share of the other party's numbers times our vectors, [m, width].
    """

    def __init__(
        self,
        factors: Words,
        rows: Words,
        taking: ScalingWidths,
        giving: ScalingWidths,
        taken: Callable[[Words], None],
        given: Callable[[Words], None],
    ) -> None:
        self._factors = factors
        self._rows = rows
        self._taking = taking
        self._giving = giving
        self._taken = taken
        self._given = given
        self.chooses: int = taking.bits * len(factors)
        self.offers: int = giving.bits * len(rows)
        self.due: int = taking.nbytes * len(factors)

    def choices(self) -> Words:
        return bits.pack(_digits(self._factors, self._taking.bits).astype(np.bool_).reshape(-1))

    def give(self, pads: Offered) -> Sequence[memoryview]:
        form = self._giving
        zero, one = (_planes(each, form) for each in _both(pads, form))
        rows = _columns(self._rows, form)[:, None]
        np.subtract(zero, one, out=one)
        one += rows
        self._given(0 - _vectors(_weighted(zero, form), form))
        return [octets(piece) for group, size in form.groups() for piece in _cut(one[:, _at(group)], size)]

    def take(self, pads: Chosen, data: memoryview) -> None:
        form = self._taking
        chosen = _planes(pads.words() if form.words == 1 else pads.blocks(form.words // 2), form)
        masks = _digits(self._factors, form.bits)
        np.subtract(0, masks, out=masks)
        masks = np.repeat(masks, chosen.shape[2] // masks.shape[1], axis=1)
        start = 0
        for group, size in form.groups():
            part = chosen[:, _at(group)]
            stop = start + size * part.size
            sent = _joined(data[start:stop], part.shape, size, wide=form.wide)
            sent &= masks[_at(group)]
            part += sent
            start = stop
        self._taken(_vectors(_weighted(chosen, form), form))


def _at(group: range) -> slice:
    return slice(group.start, group.stop)


def _digits(x: Words, count: int) -> Words:
    """Bits of numbers, one a word: [count, n]."""
    if count > BITS:
        return np.concatenate([_digits(lowest_words(x), BITS), _digits(highest_words(x), count - BITS)])
    made = lowest_words(x) >> np.arange(count, dtype=np.uint64)[:, None]
    made &= np.uint64(1)
    return made


def _both(pads: Offered, form: ScalingWidths) -> tuple[Words, Words]:
    return pads.words() if form.words == 1 else pads.blocks(form.words // 2)


def _planes(pads: Words, form: ScalingWidths) -> Words:
    """Pads in the order of transfers as [pieces, bits of a, products * numbers of a piece]."""
    if form.wide:
        return wide_from(pads).reshape(form.width, form.bits, -1)
    pieces = max(1, form.words // 2)
    return pads.reshape(pieces, form.bits, -1)


def _columns(rows: Words, form: ScalingWidths) -> Words:
    """Vectors [m, width] in the same order: [pieces, m * words of a piece]."""
    if form.wide:
        return as_ring(np.ascontiguousarray(rows.T))  # type: ignore[no-any-return]
    if form.words == 1:
        return rows.reshape(1, -1)
    made = np.zeros((form.words // 2, len(rows), 2), np.uint64)
    made[:, :, 0] = rows[:, 0::2].T
    made[: form.width // 2, :, 1] = rows[:, 1::2].T
    return made.reshape(len(made), -1)


def _vectors(columns: Words, form: ScalingWidths) -> Words:
    """The inverse of `_columns`."""
    if form.wide:
        return columns.T
    if form.words == 1:
        return columns.reshape(-1, 1)
    made = columns.reshape(len(columns), -1, 2).swapaxes(0, 1)
    return np.ascontiguousarray(made.reshape(len(made), -1)[:, : form.width])


def _weighted(planes: Words, form: ScalingWidths) -> Words:
    """The sum of 2**b times plane b; overwrites the planes."""
    if form.wide:
        powers = wide_of_integers([1 << b for b in range(form.bits)])
        return matmul(powers[None], planes)[:, 0]
    total: Words = planes[:, form.bits - 1].copy()
    for b in range(form.bits - 2, -1, -1):
        total <<= np.uint64(1)
        total += planes[:, b]
    return total


def _cut(x: Words, size: int) -> Iterator[Words]:
    """The lowest `size` bytes of numbers, as arrays of shorter ones."""
    if isinstance(x, WideArray):
        if size == WIDE_BITS // 8:
            yield np.ascontiguousarray(x)
            return
        yield from _cut(x.low, min(size, BITS // 8))
        if size > BITS // 8:
            yield from _cut(x.high, size - BITS // 8)
        return
    if size == BITS // 8:
        yield np.ascontiguousarray(x)
        return
    shift = 0
    for length, dtype in _PIECES:
        if size & length:
            yield np.ascontiguousarray((x >> np.uint64(shift) if shift else x).astype(dtype))
            shift += 8 * length


def _joined(data: memoryview, shape: tuple[int, ...], size: int, *, wide: bool = False) -> Words:
    """The inverse of `_cut`."""
    count = len(data) // size
    if wide:
        if size == WIDE_BITS // 8:
            return np.asanyarray(from_octets(data, WIDE_BITS).reshape(shape).copy())
        words = np.zeros((*shape, 2), np.uint64)
        lower = min(size, BITS // 8)
        words[..., 0] = _joined(data[: lower * count], shape, lower)
        if size > lower:
            words[..., 1] = _joined(data[lower * count :], shape, size - lower)
        return wide_from(words)
    if size == BITS // 8:
        return np.frombuffer(data, np.uint64).reshape(shape).copy()
    made: Words | None = None
    start = shift = 0
    for length, dtype in _PIECES:
        if size & length:
            piece = np.frombuffer(data[start : start + length * count], dtype).astype(np.uint64)
            if made is None:
                made = piece
            else:
                piece <<= np.uint64(shift)
                made |= piece
            start += length * count
            shift += 8 * length
    if made is None:
        raise ValueError("numbers have at least one byte")
    return made.reshape(shape)
