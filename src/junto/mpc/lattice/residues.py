"""Numbers modulo primes just below a power of two, in words; and how they are sent.

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

BITS: Final = 50
_MASK: Final = np.uint64((1 << BITS) - 1)
_SHIFT: Final = np.uint64(BITS)
GROUP: Final = 64
"""As many numbers of any width fill whole words."""


def column(numbers: tuple[int, ...] | list[int]) -> Words:
    """One number for each prime, to be combined with [..., primes, n]."""
    return np.array(numbers, np.uint64)[:, None]


def moduli(count: int = len(PRIMES)) -> Words:
    """The first primes: [count, 1]."""
    return column(PRIMES[:count])


def widths(primes: Words) -> Words:
    """How many bits primes have, from 45 to 50."""
    made: Words = np.frexp(primes.astype(np.float64))[1].astype(np.uint64)
    return made


def folded(x: Words, primes: Words) -> Words:
    """Any words modulo primes, which are at most 2**24 below a power of two."""
    shift = widths(primes)
    power = np.uint64(1) << shift
    made: Words = (x >> shift) * (power - primes) + (x & (power - np.uint64(1)))
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
    shift = widths(primes)
    whole = ((np.uint64(1) << shift) - primes) << (np.uint64(PLAIN_BITS) - shift)  # 2**64 modulo each
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


def uniform(stream: Stream, shape: tuple[int, ...], primes: Words | None = None) -> Words:
    """Numbers modulo primes, [..., primes, n]: words whose upper bits are no such number are drawn again."""
    primes = moduli() if primes is None else primes
    shift = np.uint64(64) - widths(primes)
    drawn = stream.words(prod(shape)).reshape(shape)
    drawn >>= shift
    while (refused := drawn >= primes).any():
        again = np.broadcast_to(shift, shape)[refused]
        drawn[refused] = stream.words(len(again)) >> again
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


def packed(x: Words, bits: int = BITS) -> NDArray[np.uint8]:
    """Numbers of so many bits, the last axis a multiple of `GROUP`, as bytes: [..., bits n / 8].

    Of all `GROUP` parts of the last axis the first numbers are side by side in the same words, then the
    second ones.
    """
    rows = x.reshape(*x.shape[:-1], GROUP, -1)
    made = np.zeros((*x.shape[:-1], bits, rows.shape[-1]), np.uint64)
    for row in range(GROUP):
        place, low = divmod(row * bits, 64)
        made[..., place, :] |= rows[..., row, :] << np.uint64(low)
        if low + bits > 64:
            made[..., place + 1, :] |= rows[..., row, :] >> np.uint64(64 - low)
    return made.astype("<u8", copy=False).view(np.uint8).reshape(*x.shape[:-1], -1)


def unpacked(data: memoryview, shape: tuple[int, ...], bits: int = BITS) -> Words:
    """The inverse of `packed`, of that shape: numbers of so many bits, of which nothing else is known."""
    words = np.frombuffer(data, "<u8").reshape(*shape[:-1], bits, -1)
    made = np.empty((*shape[:-1], GROUP, shape[-1] // GROUP), np.uint64)
    mask = np.uint64((1 << bits) - 1)
    for row in range(GROUP):
        place, low = divmod(row * bits, 64)
        part = words[..., place, :] >> np.uint64(low)
        if low + bits > 64:
            part |= words[..., place + 1, :] << np.uint64(64 - low)
        np.bitwise_and(part, mask, out=made[..., row, :])
    return made.reshape(shape)


def below(x: Words, primes: Words) -> Words:
    """Numbers that somebody else has sent, modulo primes [..., primes, n].

    Raises:
        ValueError: one is not below its prime.
    """
    if (x >= primes).any():
        raise ValueError("a coefficient is not below its prime")
    return x


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
    top = (digit >> np.uint64(64 - BITS)) + (whole < bottom)
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
    above = lower >> np.uint64(BITS - cut) | upper << np.uint64(64 - BITS + cut)
    above = times(folded(above[..., None, :], primes), column([2**BITS % p for p in PRIMES[:2]]), primes)
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
