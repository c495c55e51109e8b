"""Bits packed 64 lanes a word: how they are made, taken apart and sent.

A *plane* holds one bit of each of `lanes` numbers: lane i is bit `i % 64` of word `i // 64`, lowest first.
Planes are rows of an array [count, words]. On the wire a plane takes `ceil(lanes / 8)` bytes: a bit is sent
as a bit. The lanes beyond the last one hold anything; they are never sent.
"""

from __future__ import annotations

import sys
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import BITS, Flags, Words

Planes: TypeAlias = NDArray[np.uint64]
"""[count, words]."""

LANES = 64
_BLOCK = 1 << 16
"""Numbers that are transposed at once: their bytes stay in a core's cache."""

if sys.byteorder != "little":
    raise ImportError("junto.mpc needs a little-endian machine: packed bits are sent as they lie in memory")


def word_count(lanes: int) -> int:
    """Words of a plane."""
    return -(-lanes // LANES)


def wire_size(lanes: int) -> int:
    """Bytes of a plane on the wire."""
    return -(-lanes // 8)


def planes(x: Words, count: int = BITS) -> Planes:
    """The lowest `count` bits of the numbers `x` [lanes], as planes [count, words].

    One byte of all numbers at a time: `packbits` takes whatever is not zero for a 1.
    """
    lanes = len(x)
    made = np.zeros((count, word_count(lanes) * 8), np.uint8)
    octets = np.ascontiguousarray(x).view(np.uint8).reshape(lanes, 8)
    for start in range(0, lanes, _BLOCK):
        part = octets[start : start + _BLOCK]
        at = slice(start // 8, start // 8 + wire_size(len(part)))
        for column in range(-(-count // 8)):
            byte = np.ascontiguousarray(part[:, column])
            for bit in range(min(8, count - 8 * column)):
                made[8 * column + bit, at] = np.packbits(byte & np.uint8(1 << bit), bitorder="little")
    return made.view(np.uint64)


def unplanes(x: Planes, lanes: int) -> Words:
    """The numbers whose lowest bits are the planes `x`: the inverse of `planes`."""
    numbers = np.zeros((lanes, 8), np.uint8)
    octets = np.ascontiguousarray(x).view(np.uint8)
    for column in range(-(-len(x) // 8)):
        byte = np.zeros(lanes, np.uint8)
        for bit, plane in enumerate(octets[8 * column : 8 * column + 8]):
            byte |= np.unpackbits(plane, count=lanes, bitorder="little") << np.uint8(bit)
        numbers[:, column] = byte
    return numbers.view(np.uint64).reshape(lanes)


def pack(flags: Flags) -> Words:
    """Truth values [lanes] as one plane [words]."""
    made = np.zeros(word_count(len(flags)) * 8, np.uint8)
    made[: wire_size(len(flags))] = np.packbits(flags, bitorder="little")
    return made.view(np.uint64)


def unpack(plane: Words, lanes: int) -> Flags:
    """The truth values of one plane: the inverse of `pack`."""
    octets = np.ascontiguousarray(plane).view(np.uint8)
    return np.unpackbits(octets, count=lanes, bitorder="little").view(np.bool_)


def to_wire(x: Planes, lanes: int) -> memoryview:
    """Planes as they are sent, without the lanes beyond the last one."""
    octets = np.ascontiguousarray(x).view(np.uint8).reshape(len(x), word_count(lanes) * 8)
    size = wire_size(lanes)
    if lanes % 8:
        octets = octets[:, :size].copy()
        octets[:, -1] &= np.uint8((1 << lanes % 8) - 1)
    elif size < octets.shape[1]:
        octets = octets[:, :size].copy()
    return octets.reshape(-1).data


def from_wire(data: memoryview, count: int, lanes: int) -> Planes:
    """`count` planes out of the bytes that `to_wire` made; may be a view of `data`."""
    size = wire_size(lanes)
    octets = np.frombuffer(data, np.uint8, count * size).reshape(count, size)
    width = word_count(lanes) * 8
    if size == width and octets.ctypes.data % 8 == 0:
        return octets.view(np.uint64)
    made = np.zeros((count, width), np.uint8)
    made[:, :size] = octets
    return made.view(np.uint64)
