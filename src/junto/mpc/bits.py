"""Bits packed 64 lanes a word: how they are made, taken apart and sent.

A *plane* holds one bit of each of `lanes` numbers: lane i is bit `i % 64` of word `i // 64`, lowest first.
Planes are rows of an array [count, words]. On the wire a plane takes `ceil(lanes / 8)` bytes: a bit is sent
as a bit. The lanes beyond the last one hold anything; they are never sent.

Numbers become planes by transposing 64 x 64 bits: of rows i and i + s, where i has not the bit s, the upper
half of each 2s bits of one changes places with the lower half of the other, for s = 32, 16, ... 1, in any
order (Warren, "Hacker's Delight", 2nd edition, section 7-3). A kernel in C does it where there is one; in
numpy all blocks of a piece are treated at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import BITS, Flags, Words
from junto.mpc.ring128 import WideArray, as_ring, ring_bits
from junto.native import kernels

Planes: TypeAlias = NDArray[np.uint64]
"""[count, words]."""

LANES: Final = 64
_PIECE: Final = 1 << 10
"""Words of a plane that are treated at once: 64 of them and what is computed with them stay in a cache."""
_FEW: Final = 256
"""Numbers for which as many bytes as bits are soonest packed."""

if sys.byteorder != "little":
    raise ImportError("junto.mpc needs a little-endian machine: packed bits are sent as they lie in memory")


def word_count(lanes: int) -> int:
    """Words of a plane."""
    return -(-lanes // LANES)


def wire_size(lanes: int) -> int:
    """Bytes of a plane on the wire."""
    return -(-lanes // 8)


# -------------------------------------------------------------------- numbers to planes and back


def planes(x: Words, count: int = BITS) -> Planes:
    """The lowest `count` bits of the numbers `x` [lanes], as planes [count, words].

    The lanes beyond the last one are 0.
    """
    if ring_bits(x) > LANES:
        both: WideArray = as_ring(np.asarray(x))
        lower = planes(np.ascontiguousarray(both.low), min(count, 64))
        if count <= 64:
            return lower
        return np.concatenate([lower, planes(np.ascontiguousarray(both.high), count - 64)])
    native = kernels()
    return _planes(x, count) if native is None else native.planes(x, count)


def _planes(x: Words, count: int) -> Planes:
    lanes = len(x)
    if lanes <= _FEW:
        return _few_planes(x, count)
    made = np.empty((count, word_count(lanes)), np.uint64)
    for start, rows, spare in _pieces(made.shape[1]):
        _spread(x[LANES * start : LANES * (start + _PIECE)], rows)
        _transpose_down(rows, spare, count)
        made[:, start : start + _PIECE] = rows[:count]
    return made


def unplanes(x: Planes, lanes: int) -> Words:
    """The numbers whose lowest bits are the planes `x`: the inverse of `planes`."""
    if (native := kernels()) is not None:
        into = np.empty(lanes, np.uint64)
        native.unplanes(x, into)
        return into
    return _unplanes(x, lanes)


def unplanes_into(x: Planes, out: Words) -> None:
    """`out[...] = unplanes(x, len(out))`, where the numbers may lie apart."""
    if (native := kernels()) is not None:
        native.unplanes(x, out)
    else:
        out[...] = _unplanes(x, len(out))


def _unplanes(x: Planes, lanes: int) -> Words:
    count, width = x.shape
    if lanes <= _FEW:
        return _few_numbers(x, lanes)
    made = np.empty(width * LANES, np.uint64)
    for start, rows, spare in _pieces(width):
        rows[:count] = x[:, start : start + _PIECE]
        _transpose_up(rows, spare, count)
        made[LANES * start : LANES * (start + _PIECE)].reshape(-1, LANES)[...] = rows.T
    return made[:lanes]


def _few_planes(x: Words, count: int) -> Planes:
    lanes = len(x)
    made = np.zeros((count, word_count(lanes) * 8), np.uint8)
    octets = np.ascontiguousarray(x).view(np.uint8).reshape(lanes, 8)
    flags = np.unpackbits(octets, axis=1, count=count, bitorder="little")
    made[:, : wire_size(lanes)] = np.packbits(flags.T, axis=1, bitorder="little")
    return made.view(np.uint64)


def _few_numbers(x: Planes, lanes: int) -> Words:
    made = np.zeros((lanes, 8), np.uint8)
    octets = np.ascontiguousarray(x).view(np.uint8)
    flags = np.unpackbits(octets, axis=1, count=lanes, bitorder="little")
    made[:, : wire_size(len(x))] = np.packbits(flags.T, axis=1, bitorder="little")
    return made.view(np.uint64).reshape(lanes)


def _pieces(width: int) -> Iterator[tuple[int, Words, Words]]:
    """Where each piece starts, 64 rows of its width, and room for half as many; the same memory each time."""
    most = min(width, _PIECE)
    room = np.empty(LANES * 3 // 2 * most, np.uint64)
    for start in range(0, width, _PIECE):
        size = min(_PIECE, width - start)
        whole = room[: LANES * 3 // 2 * size].reshape(-1, size)
        yield start, whole[:LANES], whole[LANES:]


def _spread(x: Words, rows: Words) -> None:
    """Row i of `rows` becomes the i-th of each 64 numbers; 0 for those that are missing."""
    whole = len(x) // LANES
    rows[:, :whole] = x[: whole * LANES].reshape(whole, LANES).T
    if whole < rows.shape[1]:
        rest = x[whole * LANES :]
        rows[: len(rest), whole] = rest
        rows[len(rest) :, whole] = 0


_STAGES: Final = tuple(
    (s, np.array(s, np.uint64), np.array(sum(((1 << s) - 1) << i for i in range(0, LANES, 2 * s)), np.uint64))
    for s in (32, 16, 8, 4, 2, 1)
)
"""Distance, as a shift, and the lower half of each 2 * distance bits."""


def _transpose_down(rows: Words, spare: Words, count: int) -> None:
    """Transpose each column of `rows` [64, words] as 64 x 64 bits; only the first `count` rows are wanted."""
    for distance, shift, mask in _STAGES:
        low, high, moved = _pairs(rows, spare, distance)
        _difference(low, high, moved, shift, mask)
        if count > distance:
            high ^= moved
        else:
            rows = rows[:distance]  # the others hold bits that nobody wants
        moved <<= shift
        low ^= moved


def _transpose_up(rows: Words, spare: Words, count: int) -> None:
    """The same, when only the first `count` rows are given and the others are to be taken for 0."""
    given = 1 << (count - 1).bit_length()
    rows[count:given] = 0
    for distance, shift, mask in reversed(_STAGES):
        low, high, moved = _pairs(rows[: max(given, 2 * distance)], spare, distance)
        if distance < given:
            _difference(low, high, moved, shift, mask)
            high ^= moved
        else:
            np.right_shift(low, shift, out=moved)
            moved &= mask
            high[...] = moved
        moved <<= shift
        low ^= moved


def _pairs(rows: Words, spare: Words, distance: int) -> tuple[Words, Words, Words]:
    """Rows without and with the bit `distance` in their number, and room for as many."""
    split = rows.reshape(-1, 2, distance * rows.shape[1])
    return split[:, 0], split[:, 1], spare[: len(rows) // 2].reshape(split[:, 0].shape)


def _difference(low: Words, high: Words, moved: Words, shift: Words, mask: Words) -> None:
    """Where the upper half of `low` and the lower half of `high` differ."""
    np.right_shift(low, shift, out=moved)
    moved ^= high
    moved &= mask


# -------------------------------------------------------------------- truth values


def pack(flags: Flags) -> Words:
    """Truth values [lanes] as one plane [words]; lanes beyond them are 0."""
    size = wire_size(len(flags))
    packed = np.packbits(flags, bitorder="little")
    if size % 8 == 0:
        return np.ascontiguousarray(packed).view(np.uint64)
    made = np.zeros(word_count(len(flags)) * 8, np.uint8)
    made[:size] = packed
    return made.view(np.uint64)


def unpack(plane: Words, lanes: int) -> Flags:
    """The truth values of one plane: the inverse of `pack`."""
    octets = np.ascontiguousarray(plane).view(np.uint8)
    return np.unpackbits(octets, count=lanes, bitorder="little").view(np.bool_)


# -------------------------------------------------------------------- planes on the wire


def to_wire(x: Planes, lanes: int) -> memoryview:
    """Planes as they are sent, without the lanes beyond the last one; a view of `x` where that will do."""
    octets = np.ascontiguousarray(x).view(np.uint8).reshape(len(x), word_count(lanes) * 8)
    size = wire_size(lanes)
    if size < octets.shape[1] or lanes % 8:
        octets = octets[:, :size].copy()
    if lanes % 8:
        octets[:, -1] &= np.uint8((1 << lanes % 8) - 1)
    return octets.reshape(-1).data


def from_wire(data: memoryview, count: int, lanes: int) -> Planes:
    """`count` planes out of the bytes that `to_wire` made; a view of `data` where that will do.

    Raises:
        ValueError: there are fewer bytes.
    """
    size = wire_size(lanes)
    octets = np.frombuffer(data, np.uint8, count * size).reshape(count, size)
    width = word_count(lanes) * 8
    if size == width and octets.ctypes.data % 8 == 0:
        return octets.view(np.uint64)
    made = np.zeros((count, width), np.uint8)
    made[:, :size] = octets
    return made.view(np.uint64)
