"""What is demanded, kind by kind, from oblivious transfer: many demands of one kind at once.

Each function takes demands of one kind and form, and gives this party's results in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc import bits
from junto.mpc.bits import Planes
from junto.mpc.gates import BITS, Flags, Words
from junto.mpc.ot import carries, products
from junto.mpc.ot.conjunctions import conjunctions
from junto.mpc.ot.extension import Extension
from junto.mpc.ot.jobs import octets
from junto.mpc.preprocess.correlations import Made
from junto.mpc.preprocess.elements import ElementProducts
from junto.mpc.preprocess.matrices import MatrixProducts
from junto.mpc.protocol.demands import (
    BOTH,
    Bilinear,
    BothBits,
    Conjunction,
    Cut,
    Number,
    Product,
    Selected,
    Square,
    times_factor,
)
from junto.mpc.ring128 import elements as elements_of
from junto.mpc.ring128 import from_octets, is_below_zero, ring_bits, unsigned

Exchange = Callable[[Sequence[memoryview], int], memoryview]


# -------------------------------------------------------------------- products


def elements(several: ElementProducts, demands: Sequence[Product]) -> list[Words]:
    """Products of arrays of one shape, element by element; the same parties have pieces of all of them."""
    pairs = [(each.left.reshape(-1), each.right.reshape(-1)) for each in demands]
    made = several.multiply(_owners(demands[0].held), pairs)
    return [part.reshape(each.shape) for part, each in zip(made, demands, strict=True)]


def squares(several: ElementProducts, demands: Sequence[Square]) -> list[Words]:
    """Products of arrays with themselves."""
    made = several.squares([each.mask.reshape(-1) for each in demands])
    return [part.reshape(each.mask.shape) for part, each in zip(made, demands, strict=True)]


def broadcast(matrices: MatrixProducts, several: ElementProducts, demands: Sequence[Product]) -> list[Words]:
    """Products of arrays whose shapes differ: of columns and rows as matrices, or of each element alone."""
    return [_broadcast(matrices, several, each) for each in demands]


def _broadcast(matrices: MatrixProducts, several: ElementProducts, demand: Product) -> Words:
    owners = _owners(demand.held)
    if several.takes(demand):
        left, right = (
            np.broadcast_to(each, demand.shape).reshape(-1) for each in (demand.left, demand.right)
        )
        return several.multiply(owners, [(left, right)])[0].reshape(demand.shape)
    made = products.by_matrices(demand.left, demand.right, partial(matrices.matmul, owners))
    return np.broadcast_to(made, demand.shape)


def bilinear(matrices: MatrixProducts, demands: Sequence[Bilinear]) -> list[Words]:
    """Bilinear maps: of shares their products of matrices become products of shares."""
    return [each.map(each.left, each.right, partial(matrices.matmul, _owners(each.held))) for each in demands]


def _owners(held: tuple[int, int]) -> products.Owners:
    """Who has all of the left mask, and of the right one: see `demands.crosses`."""
    left, right = (None if each == BOTH else each.bit_length() - 1 for each in held)
    return left, right


def selected(extension: Extension, demands: Sequence[Selected]) -> list[Words]:
    """Bits times numbers."""
    flags = _flat_flags([(each.bits, each.shape) for each in demands])
    numbers = np.concatenate([np.broadcast_to(each.right, each.shape).reshape(-1) for each in demands])
    return _shaped(products.select(extension, flags, numbers), [each.shape for each in demands])


# -------------------------------------------------------------------- bits


def numbers(extension: Extension, demands: Sequence[Number]) -> list[Words]:
    """Bits as numbers."""
    flags = np.concatenate([each.bits.reshape(-1) for each in demands])
    return _shaped(
        products.to_ring(extension, flags, demands[0].width), [each.bits.shape for each in demands]
    )


def both_bits(extension: Extension, demands: Sequence[BothBits]) -> list[Words]:
    """Products of bits as numbers."""
    left, right = (
        _flat_flags(part)
        for part in (
            [(each.left, each.shape) for each in demands],
            [(each.right, each.shape) for each in demands],
        )
    )
    both = conjunctions(extension, bits.pack(left), bits.pack(right)[None])[0]
    flags = bits.unpack(both, len(left))
    return _shaped(products.to_ring(extension, flags, demands[0].width), [each.shape for each in demands])


def planes(extension: Extension, demands: Sequence[Conjunction]) -> list[Planes]:
    """Conjunctions of bits with as many others each; short planes are packed together first."""
    left = [_dense(each.left, each.lanes) for each in demands]
    right = [np.stack([_dense(plane, each.lanes) for plane in _several(each)], axis=0) for each in demands]
    a, sizes = np.concatenate(left), [len(each) for each in left]
    b = np.concatenate(right, axis=1)
    found = conjunctions(extension, bits.pack(a), np.stack([bits.pack(row) for row in b]))
    flags = np.stack([bits.unpack(row, len(a)) for row in found])
    pieces = np.split(flags, np.cumsum(sizes)[:-1], axis=1)
    return [_spread(piece, each) for piece, each in zip(pieces, demands, strict=True)]


def _several(demand: Conjunction) -> Planes:
    return demand.right if demand.right.ndim == 3 else demand.right[None]


def _dense(planes: Planes, lanes: int) -> Flags:
    """All bits of some planes, without the lanes beyond the last one."""
    octets = np.ascontiguousarray(planes).view(np.uint8)
    return np.unpackbits(octets, axis=1, count=lanes, bitorder="little").view(np.bool_).reshape(-1)


def _spread(flags: Flags, demand: Conjunction) -> Planes:
    """The inverse of `_dense`, for each of several factors."""
    count = len(demand.left)
    made = np.zeros((len(flags) * count, bits.word_count(demand.lanes) * 8), np.uint8)
    packed = np.packbits(flags.reshape(len(made), demand.lanes), axis=1, bitorder="little")
    made[:, : packed.shape[1]] = packed
    return made.view(np.uint64)


# -------------------------------------------------------------------- truncations


def cuts(extension: Extension, exchange: Exchange, demands: Sequence[Cut]) -> list[Made]:
    """What truncations need of their masks.

    With the carry c out of the lower f places of r0 + r1 and the carry w out of all of them,

        r >> f = (r0 >> f) + (r1 >> f) + c - 2**(k - f) w

    and the top bit is that of r0, of r1 and the carry into it, by exclusive or. With a factor a instead of a
    shift, r a = r0 a + r1 a - 2**k a w, and c is left out; in a larger ring r itself is r0 + r1 - 2**k w.
    What this and the pieces that the parties have chosen beforehand differ by is opened: these are uniform,
    and used for nothing else.
    """
    own, low = (
        np.concatenate([each.reshape(-1) for each in part])
        for part in ([each.mask for each in demands], [each.low for each in demands])
    )
    chosen = np.concatenate([each.top.reshape(-1) for each in demands])
    factors = [np.broadcast_to(each.factor, each.mask.shape) for each in demands if each.factor is not None]
    if factors:
        whole, into_top = _rescaled(extension, own, np.concatenate([each.reshape(-1) for each in factors]))
    elif demands[0].shift:
        whole, into_top = _shifted(extension, own, demands[0].shift)
    else:
        whole, into_top = _widened(extension, own)
    top = into_top ^ is_below_zero(own)
    missing, flipped = _opened(exchange, whole - low, top ^ chosen)
    as_sum = products.to_ring(extension, chosen, ring_bits(low))
    sizes = [each.mask.shape for each in demands]
    return list(zip(*(_shaped(each, sizes) for each in (missing, flipped, as_sum)), strict=True))


def _shifted(extension: Extension, own: Words, shift: int) -> tuple[Words, Flags]:
    """Our shares of `r >> shift`, and of the carry into r's top bit."""
    width = ring_bits(own)
    lower, upper, highest = carries.ranges(extension, own, (0, shift, width - 1, width))
    middle = carries.join(extension, upper, lower.generate)
    wrap = carries.join(extension, highest, middle)
    carry = products.to_ring(extension, bits.unpack(lower.generate[0], len(own)), width)
    lifted = elements_of(products.to_ring(extension, bits.unpack(wrap[0], len(own)), shift), width)
    return (own >> np.uint64(shift)) + carry - (lifted << np.uint64(width - shift)), bits.unpack(
        middle[0], len(own)
    )


def _rescaled(extension: Extension, own: Words, factor: Words) -> tuple[Words, Flags]:
    """Our shares of `r * factor >> 64`, or one less, and of the carry into r's top bit."""
    width = ring_bits(own)
    wrap, into_top = _wrapped(extension, own)
    lifted = elements_of(wrap * factor, width) << np.uint64(width - BITS)
    return times_factor(own, factor) - lifted, into_top


def _widened(extension: Extension, own: Words) -> tuple[Words, Flags]:
    """Our shares of r modulo 2**128, and of the carry into r's top bit, of words."""
    wrap, into_top = _wrapped(extension, own)
    return unsigned(own) - (unsigned(wrap) << np.uint64(BITS)), into_top


def _wrapped(extension: Extension, own: Words) -> tuple[Words, Flags]:
    """Our shares, modulo 2**64, of the carry out of all places, and by exclusive or of that into the top."""
    width = ring_bits(own)
    lower, highest = carries.ranges(extension, own, (0, width - 1, width))
    wrap = carries.join(extension, highest, lower.generate)
    number = products.to_ring(extension, bits.unpack(wrap[0], len(own)))
    return number, bits.unpack(lower.generate[0], len(own))


def _opened(exchange: Exchange, words: Words, flags: Flags) -> tuple[Words, Words]:
    """Sums and exclusive ors of what the parties have."""
    packed = np.packbits(flags)
    size = words.nbytes
    data = exchange([octets(words), packed.data], size + len(packed))
    others = np.unpackbits(np.frombuffer(data[size:], np.uint8), count=len(flags))
    total = words + from_octets(data[:size], ring_bits(words))
    return total, (flags ^ others.view(np.bool_)).astype(np.uint64)


# -------------------------------------------------------------------- shapes


def _flat_flags(parts: Sequence[tuple[Flags, tuple[int, ...]]]) -> Flags:
    return np.concatenate([np.broadcast_to(flags, shape).reshape(-1) for flags, shape in parts])


def _shaped(flat: Words, shapes: Sequence[tuple[int, ...]]) -> list[NDArray[Any]]:
    """A flat array as arrays of those shapes."""
    ends = np.cumsum([np.prod(shape, dtype=np.int64) for shape in shapes])
    return [piece.reshape(shape) for piece, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]
