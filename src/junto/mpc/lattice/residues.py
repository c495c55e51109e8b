"""Numbers modulo four primes just below 2**50, in words; and how they are sent.

Without a branch, a division or an address that depends on a number. A difference x - p that would be
negative is huge without a sign, so the smaller of x and x - p is x modulo p for x below 2p.
"""

from __future__ import annotations

from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Words
from junto.mpc.prg import Stream
from junto.mpc.ring import high_product

PRIMES: Final = (1125899906826241, 1125899906629633, 1125899905744897, 1125899905351681)
"""The largest below 2**50 that are 1 modulo 2**14, so that there are transforms of 8192 coefficients."""
MODULUS: Final = prod(PRIMES)
"""q, of 200 bits."""
PLAIN_BITS: Final = 64
"""Messages are modulo t = 2**64."""

_BITS: Final = 50
_MASK: Final = np.uint64((1 << _BITS) - 1)
_SHIFT: Final = np.uint64(_BITS)
PACKED: Final = 25
"""Bytes of four numbers of 50 bits."""


def column(numbers: tuple[int, ...] | list[int]) -> Words:
    """One number for each prime, to be combined with [..., primes, n]."""
    return np.array(numbers, np.uint64)[:, None]


def moduli(count: int = len(PRIMES)) -> Words:
    """The first primes: [count, 1]."""
    return column(PRIMES[:count])


def folded(x: Words, primes: Words) -> Words:
    """Any words modulo primes."""
    made: Words = (x >> _SHIFT) * (_MASK + np.uint64(1) - primes) + (x & _MASK)
    return _below(made, primes)


def times(x: Words, y: Words, primes: Words) -> Words:
    """Products of numbers below the primes, modulo them.

    The quotient is computed with floats: of three roundings each is at most 2**-53 of it, so it is less than
    1 away.
    """
    quotient = (x.astype(np.float64) * y.astype(np.float64) * (1.0 / primes)).astype(np.uint64)
    made: Words = x * y - quotient * primes + primes  # in (0, 3p)
    return _below(_below(made, primes), primes)


def plus(x: Words, y: Words, primes: Words) -> Words:
    """Sums of numbers below the primes."""
    made: Words = x + y
    return _below(made, primes)


def minus(x: Words, y: Words, primes: Words) -> Words:
    """Differences of numbers below the primes."""
    return plus(x, primes - y, primes)


def signed(x: NDArray[np.int64], primes: Words) -> Words:
    """Small numbers with a sign."""
    made: Words = x.astype(np.uint64) + primes
    return _below(made, primes)


def _below(x: Words, primes: Words) -> Words:
    """Numbers below twice the primes."""
    made: Words = np.minimum(x, x - primes)
    return made


def centred(x: Words, primes: Words) -> Words:
    """Words as numbers from -2**63 to 2**63 - 1."""
    whole = (np.uint64(1 << PLAIN_BITS - _BITS)) * (_MASK + np.uint64(1) - primes)  # 2**64 modulo each
    return minus(folded(x, primes), (x >> np.uint64(63)) * whole, primes)


def lifted(x: Words, dither: Words | int = 0) -> Words:
    """(q x + dither) >> 64 modulo all primes, of x [..., 1, n]: how a message stands in a ciphertext.

    The remainder r of the division is known modulo 2**64, and q is 0 modulo each prime.
    """
    primes, added = moduli(), np.asarray(dither, np.uint64)
    remainder = np.uint64(MODULUS % 2**64) * x + added
    difference = minus(folded(added, primes), folded(remainder, primes), primes)
    return times(difference, column([pow(2**64, -1, p) for p in PRIMES]), primes)


# -------------------------------------------------------------------- random numbers


def uniform(stream: Stream, shape: tuple[int, ...]) -> Words:
    """Numbers modulo all primes, [..., primes, n]: words whose 50 bits are no such number are drawn again."""
    drawn = stream.words(prod(shape)).reshape(shape) >> np.uint64(64 - _BITS)
    bound = np.broadcast_to(moduli(), shape)
    while (count := int((refused := drawn >= bound).sum())) > 0:
        drawn[refused] = stream.words(count) >> np.uint64(64 - _BITS)
    return drawn


def ternary(stream: Stream, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """-1, 0 or 1, each with a probability of 1/3 to 2**-61."""
    drawn = ((stream.words(prod(shape)) >> np.uint64(2)) * np.uint64(3)) >> np.uint64(62)
    made: NDArray[np.int64] = drawn.reshape(shape).astype(np.int64) - 1
    return made


def errors(stream: Stream, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Centred binomial of 21 pairs of bits: a variance of 10.5, from -21 to 21."""
    drawn, half = stream.words(prod(shape)).reshape(shape), np.uint64((1 << 21) - 1)
    above, below = (np.bitwise_count(each & half) for each in (drawn, drawn >> np.uint64(21)))
    made: NDArray[np.int64] = above.astype(np.int64) - below.astype(np.int64)
    return made


def wide_uniform(stream: Stream, shape: tuple[int, ...], bits: int) -> Words:
    """Numbers from -2**(bits - 1) to 2**(bits - 1) - 1, modulo all primes: [..., primes, n].

    Args:
        stream: from which they are drawn.
        shape: [..., n].
        bits: from 129 to 177.
    """
    low, middle, high = stream.words(3 * prod(shape)).reshape(3, *shape)[:, ..., None, :]
    primes = moduli()
    made = plus(folded(low, primes), times(folded(middle, primes), _power(64), primes), primes)
    top = folded(high >> np.uint64(192 - bits), primes)
    made = plus(made, times(top, _power(128), primes), primes)
    return minus(made, _power(bits - 1), primes)


def _power(exponent: int, count: int = len(PRIMES)) -> Words:
    return column([pow(2, exponent, p) for p in PRIMES[:count]])


# -------------------------------------------------------------------- on the wire


def packed(x: Words) -> NDArray[np.uint8]:
    """Numbers below 2**50, the last axis a multiple of four, as bytes: [..., 25 n / 4]."""
    a, b, c, d = np.moveaxis(x.reshape(*x.shape[:-1], -1, 4), -1, 0)
    made = np.empty((*a.shape, PACKED), np.uint8)
    words = (
        a | b << np.uint64(50),
        b >> np.uint64(14) | c << np.uint64(36),
        c >> np.uint64(28) | d << np.uint64(22),
    )
    whole = np.stack(words, axis=-1)
    made[..., :24] = whole.astype("<u8", copy=False).view(np.uint8)
    made[..., 24] = (d >> np.uint64(42)).astype(np.uint8)
    return made.reshape(*x.shape[:-1], -1)


def unpacked(data: memoryview, shape: tuple[int, ...]) -> Words:
    """The inverse of `packed`, [..., primes, n].

    Raises:
        ValueError: these are no numbers modulo the primes.
    """
    octets = np.frombuffer(data, np.uint8).reshape(*shape[:-1], shape[-1] // 4, PACKED)
    a, b, c = np.moveaxis(np.ascontiguousarray(octets[..., :24]).view("<u8"), -1, 0)
    made = np.empty((*a.shape, 4), np.uint64)
    made[..., 0] = a & _MASK
    made[..., 1] = (a >> np.uint64(50) | b << np.uint64(14)) & _MASK
    made[..., 2] = (b >> np.uint64(36) | c << np.uint64(28)) & _MASK
    made[..., 3] = c >> np.uint64(22) | octets[..., 24].astype(np.uint64) << np.uint64(42)
    found = made.reshape(shape)
    if (found >= moduli(shape[-2])).any():
        raise ValueError("a coefficient is not below its prime")
    return found


# -------------------------------------------------------------------- what is left of q in an answer

SHORT: Final = PRIMES[0] * PRIMES[1]
"""q' of 100 bits: the modulus of an answer."""


def shortened(x: Words, cut: int) -> tuple[Words, Words]:
    """floor(x q' / q) / 2**cut, rounded, of x [..., 4, n]: lower and upper words, [..., n]."""
    first, second, _, fourth = (np.array([prime], np.uint64) for prime in PRIMES)
    kept, low = moduli(2), x[..., 2, :]
    digit = minus(x[..., 3, :], folded(low, fourth), fourth)
    digit = times(digit, _inverse(PRIMES[2], PRIMES[3]), fourth)
    lower = times(folded(digit, kept[0])[..., None, :], column([PRIMES[2] % p for p in PRIMES[:2]]), kept)
    lower = plus(lower, folded(low[..., None, :], kept), kept)
    scale = column([pow(PRIMES[2] * PRIMES[3], -1, p) for p in PRIMES[:2]])
    left = times(minus(x[..., :2, :], lower, kept), scale, kept)
    low = left[..., 0, :]
    digit = times(minus(left[..., 1, :], folded(low, second), second), _inverse(PRIMES[0], PRIMES[1]), second)
    # low + digit first = 2**50 digit + low - (2**50 - first) digit, and half of what is cut off
    part = digit * (_MASK + np.uint64(1) - first)
    bottom = digit << _SHIFT
    whole = bottom + (low + np.uint64(1 << (cut - 1)))
    top = (digit >> np.uint64(64 - _BITS)) + (whole < bottom)
    top -= whole < part
    whole -= part
    shift = np.uint64(cut)
    return whole >> shift | top << np.uint64(64 - cut), top >> shift


def lengthened(lower: Words, upper: Words, cut: int) -> Words:
    """Numbers times 2**cut modulo the first two primes: [..., 2, n].

    Raises:
        ValueError: one is larger than what `shortened` gives.
    """
    most = (SHORT - 1 + (1 << (cut - 1))) >> cut
    high, low = np.uint64(most >> 64), np.uint64(most & (2**64 - 1))
    if ((upper > high) | ((upper == high) & (lower > low))).any():
        raise ValueError("an answer's coefficient is not below its modulus")
    primes = moduli(2)
    above = lower >> np.uint64(_BITS - cut) | upper << np.uint64(64 - _BITS + cut)
    above = times(folded(above[..., None, :], primes), column([2**_BITS % p for p in PRIMES[:2]]), primes)
    return plus(above, folded((lower << np.uint64(cut) & _MASK)[..., None, :], primes), primes)


def rounded(x: Words) -> Words:
    """round(t x / q') modulo t, of x [..., 2, n]: [..., n].

    x / q' is the sum of x_i (q' / p_i)**-1 / p_i modulo 1. Of t times that the digits behind the point are
    known to 2**-13.
    """
    primes = moduli(2)
    shares = times(x, column([pow(SHORT // p, -1, p) for p in PRIMES[:2]]), primes)
    upper = column([(2**128 // p) >> 64 for p in PRIMES[:2]])
    lower = column([2**128 // p % 2**64 for p in PRIMES[:2]])
    bottom = shares * lower
    whole = shares * upper + high_product(shares, np.broadcast_to(lower, shares.shape))
    total = bottom[..., 0, :] + bottom[..., 1, :]
    carry = (total < bottom[..., 0, :]).astype(np.uint64)
    made: Words = whole.sum(-2, dtype=np.uint64) + carry + (total >> np.uint64(63))
    return made


def _inverse(x: int, prime: int) -> Words:
    return np.array([pow(x, -1, prime)], np.uint64)
