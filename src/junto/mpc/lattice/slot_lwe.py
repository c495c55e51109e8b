"""A homomorphic encryption of many integers at once: a ciphertext times as many that its multiplier knows.

Paper:     Smart, Vercauteren, "Fully homomorphic SIMD operations", Designs, Codes and Cryptography 71, 2014
           (slots); Bajard, Eynard, Hasan, Zucca, "A full RNS variant of FV like somewhat homomorphic
           encryption schemes", SAC 2016 (bases of primes); else see `ring_lwe`.
Computes:  from x at the one party and y at the other, words of 64 bits with a sign, x y - r for each of
           `SLOTS` slots, or the sum of up to four such products less r; r is the other one's randomness.
Parties:   the holder, who has the key; the other one, who draws r.
Secure:    semi-honest.
Learns:    the holder x y - r modulo 2**128, and of y nothing that shows with more than the probability below;
           the other one nothing, if ring learning with errors is hard.
Cost:      a ciphertext has 57.75 bytes a slot, an answer 50.5.

A plaintext is modulo t, four primes of 48 bits with transforms of n coefficients: so its n slots hold
integers modulo t, and products of polynomials are products of slots. q = t D with six primes of 45 bits
more. A ciphertext (a, b) has b = -a s + e + D m, where D m is 0 modulo these six, and modulo the four a
slot's number times D, without a transform. The other one's numbers are lifted to the polynomial with
coefficients below t / 2, nearly, by which (a, b) is multiplied, with an error v = e y. An encryption of 0
under the holder's public key makes the a of the sum look uniform. In the slots -r is added, for an r of
191 bits beside which the product does not show: the integer x y - r is below t / 3, and what is wanted is
its lowest 128 bits, or 64 of them.

What depends on y is then b = -a s + D m + v and nothing else. It is taken times 2**64 / D, rounded, which
v and the error of the encryption of 0 move by 1 + |v| 2**64 / D at most, and to that a flood is added,
uniform among 2**63 numbers: so the two distributions differ by (1 + |v| 2**64 / D) / 2**63. Of the answer
is sent what is left of it times 2**17 / D in a, and 2**3 / D in b.

In bits, with n = 32768, s and u ternary, e centred binomial of variance 10.5:

    security of the key, by table 1 of the homomorphic encryption standard, for log2(q) <= 881      128
    q, t, D                                                                          462, 192, 270
    |x y| summed over four products                                                            128
    |r|                                                                                        190
    |v| at worst                                                                               213
    |v| in the mean, over the holder's errors                                                  201
    what a rounded number moves by, in the mean: 1 + 2**(201 + 64 - 270)                        0
    the flood                                                                                   63
    in units of D: the flood 1/4, what is cut off of b 1/16, of a, times s, 1/8: below 1/2

so decryption never fails: see `_SlotBounds`. What else the standard allows, at 2**22 products of which none
may show with more than 2**-40 in all, so that t has 191 bits, in m parts:

    n       m parts     log2(q) = 2 log2(t) / m + 72   allowed   bytes of two ciphertexts and an answer
    8192        3                   200                  218       3 x 50 + 3 x 19 = 207 a product
    16384       1                   455                  438       no
    16384       2                   263                  438       2 x 66 + 2 x 27 = 186
    32768       1                   462                  881       2 x 57.75 + 50.5 = 166
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2, prod
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Words
from junto.mpc.lattice.negacyclic import coefficients, combined, summed_products, values
from junto.mpc.lattice.residues import (
    below,
    centred,
    column,
    errors,
    minus,
    packed,
    plus,
    signed,
    ternary,
    times,
    uniform,
    unpacked,
)
from junto.mpc.ot.jobs import octets
from junto.mpc.prg import KEY_BYTES, Stream
from junto.mpc.ring128 import WideArray, wide_from, wide_of_integers

Octets: TypeAlias = NDArray[np.uint8]

SLOTS: Final = 32768
"""n."""
PLAIN: Final = (281474976317441, 281474975662081, 281474974482433, 281474972188673)
"""Of t: the largest below 2**48 that are 1 modulo 2 n."""
SCALE: Final = (
    35184368877569,
    35184368025601,
    35184367828993,
    35184366911489,
    35184365273089,
    35184365076481,
)
"""Of D: the largest below 2**45."""
PRIMES: Final = PLAIN + SCALE
SEED_BYTES: Final = KEY_BYTES
CIPHERTEXT_BYTES: Final = SLOTS * (48 * len(PLAIN) + 45 * len(SCALE)) // 8
_MASK_BITS, _RESULT_BITS = 17, 3
"""Of an answer's a and b behind the point: what they are sent with."""
ANSWER_BYTES: Final = SLOTS * (2 * 48 * len(PLAIN) + _MASK_BITS + _RESULT_BITS) // 8
MOST_TERMS: Final = 4
"""Products that an answer may be the sum of."""
LEAST_DISTANCE: Final = 40
"""See `ring_lwe.LEAST_DISTANCE`."""
_T, _D = prod(PLAIN), prod(SCALE)
_LARGEST, _VARIANCE = 21, 10.5
_RANDOM_BITS: Final = 191
"""Of r, with its sign."""
_FLOOD_BITS: Final = 63
_ROUND: Final = 64 - _RESULT_BITS
"""Bits that are cut off of a flooded number."""
_LIMB: Final = 48
_KEYS: Final = (*PLAIN, PLAIN[0])
"""By which an answer is decrypted: the last one is for what stands behind the point."""


@dataclass(frozen=True, slots=True)
class _SlotBounds:
    """Judges the numbers above.

    Raises:
        ValueError: an answer could be decrypted to something else, or the key is too weak.
    """

    flood_bits: int = _FLOOD_BITS
    mask_bits: int = _MASK_BITS
    random_bits: int = _RANDOM_BITS

    def __post_init__(self) -> None:
        # a polynomial that was lifted, and what is rounded, are up to 2**-10 of one beyond a half
        product = MOST_TERMS * SLOTS * _LARGEST * _T
        zero = 2 * _LARGEST * SLOTS + _LARGEST
        parts = 1 << 80
        wrong = (product + zero) * parts // _D + (parts >> 64 - self.flood_bits + 1)
        wrong += (parts >> _RESULT_BITS + 1) + ((SLOTS + 1) * (parts + (parts >> 10)) >> self.mask_bits + 1)
        number = (1 << self.random_bits - 1) + MOST_TERMS * (1 << 126)
        if wrong >= parts * 15 // 32 or number > _T // 3 or log2(_T * _D) > 881:
            raise ValueError("these parameters are not sound")


BOUNDS: Final = _SlotBounds()


def distance_bits(products: int, terms: int = 2) -> float:
    """How well answers hide what they were made with: -log2 of the probability that a difference shows.

    Args:
        products: in all answers, each of a sum of so many.
        terms: how many.
    """
    slots = -(-products // SLOTS) * SLOTS
    mean = log2(_T) - 1 + log2(_VARIANCE * terms * SLOTS) / 2 + 64 - log2(_D)
    moved = slots * (1 + 2**mean) / 2**_FLOOD_BITS
    return -log2(moved + products * terms * 2.0 ** (126 - _RANDOM_BITS))


def ciphertexts(data: memoryview, count: int) -> Words:
    """What `SlotKey.encrypted` gives, as values [count, 2, primes, n].

    Raises:
        ValueError: these are none.
    """
    public, each = Stream(bytes(data[:SEED_BYTES])), CIPHERTEXT_BYTES
    cut = SLOTS * 48 * len(PLAIN) // 8
    made = np.empty((count, 2, len(PRIMES), SLOTS), np.uint64)
    for number, (mask, body) in enumerate(made):
        part = data[SEED_BYTES + number * each :][:each]
        mask[...] = _expanded(public)
        body[: len(PLAIN)] = below(unpacked(part[:cut], (len(PLAIN), SLOTS), 48), column(PLAIN))
        body[len(PLAIN) :] = below(unpacked(part[cut:], (len(SCALE), SLOTS), 45), column(SCALE))
    return made


class SlotKey:
    """The holder's.

    Args:
        stream: randomness that nobody else knows.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        small = ternary(stream, (1, SLOTS))
        self._key = values(signed(small, column(PRIMES)), PRIMES)

    def encrypted(self, words: Words) -> list[memoryview]:
        """Ciphertexts of words [count, n]: a seed of `SEED_BYTES`, and `CIPHERTEXT_BYTES` each."""
        seed = self._stream.octets(SEED_BYTES)
        public, made = Stream(seed), [memoryview(seed)]
        for row in words:
            body = values(signed(errors(self._stream, (1, SLOTS)), column(PRIMES)), PRIMES)
            body = minus(body, summed_products(_expanded(public)[None], self._key[None], PRIMES), _COLUMN)
            some = body[: len(PLAIN)]
            some[...] = plus(
                some, times(_slots(row), column([_D % p for p in PLAIN]), column(PLAIN)), column(PLAIN)
            )
            made += [octets(packed(some, 48)), octets(packed(body[len(PLAIN) :], 45))]
        return made

    def public(self) -> list[memoryview]:
        """A ciphertext of zeros, by which others make more: `SEED_BYTES` and `CIPHERTEXT_BYTES`."""
        return self.encrypted(np.zeros((1, SLOTS), np.uint64))

    def decrypted(self, data: memoryview) -> WideArray:
        """Of an answer the integers modulo 2**128, [n].

        Raises:
            ValueError: it is none.
        """
        mask, mask_low, result, low = _answer_read(data)
        product = values(np.concatenate([mask, mask_low[None]]), _KEYS)
        key = self._key[[0, 1, 2, 3, 0]]
        product = coefficients(summed_products(product[None], key[None], _KEYS), _KEYS)
        # the sum of both halves in units of D / 2**17: what is behind the point, from -1/2 on, is taken off
        part = product[-1] - (product[-1] > np.uint64(PLAIN[0] // 2)) * np.uint64(PLAIN[0])
        half, unit = np.uint64(1 << _MASK_BITS - 1), np.uint64(1 << _MASK_BITS)
        behind = (low << np.uint64(_MASK_BITS - _RESULT_BITS)) + part + half & unit - np.uint64(1)
        whole = plus(product[:-1], half + unit - behind, column(PLAIN))
        whole = times(whole, _inverses(1 << _MASK_BITS), column(PLAIN))
        whole = plus(whole, times(result, _inverses(1 << _RESULT_BITS), column(PLAIN)), column(PLAIN))
        return _lowest(values(minus(whole, column([1] * len(PLAIN)), column(PLAIN)), PLAIN))

    def __repr__(self) -> str:
        return "<SlotKey>"


class SlotAnswering:
    """The other party, who has the holder's public key.

    Args:
        public: see `SlotKey.public`.
        stream: randomness that nobody else knows.

    Raises:
        ValueError: it is no key.
    """

    def __init__(self, public: memoryview, stream: Stream) -> None:
        self._public = ciphertexts(public, 1)
        self._stream = stream

    def answer(self, given: Words, factors: Words) -> tuple[list[memoryview], WideArray]:
        """What the holder decrypts to the sum of products less fresh numbers; and these modulo 2**128.

        Args:
            given: one ciphertext to `MOST_TERMS`, as values [count, 2, primes, n].
            factors: words that they are multiplied by, [count, n].

        Returns:
            `ANSWER_BYTES`; the numbers, [n].
        """
        stream, count = self._stream, len(factors)
        by = np.empty((count + 1, len(PRIMES), SLOTS), np.uint64)
        for row, into in zip(factors, by, strict=False):
            _lifted(row, into)
        by[count] = values(signed(ternary(stream, (1, SLOTS)), _COLUMN), PRIMES)
        ciphers = np.concatenate([given, self._public]).swapaxes(0, 1)
        sums = summed_products(ciphers, by, PRIMES)
        drawn, hidden = _random(stream)
        sums[1, : len(PLAIN)] = plus(sums[1, : len(PLAIN)], hidden, column(PLAIN))
        sums = coefficients(sums, PRIMES)
        mask = plus(sums[0], signed(errors(stream, (1, SLOTS)), _COLUMN), _COLUMN)
        return [octets(each) for each in (*_rounded(mask), *_flooded(sums[1], stream))], drawn

    def __repr__(self) -> str:
        return "<SlotAnswering>"


# -------------------------------------------------------------------- numbers modulo the primes

_COLUMN: Final = column(PRIMES)
_UNITS: Final = np.array([pow(p, -1, 2**64) for p in SCALE], np.uint64)[:, None]


def _inverses(number: int, primes: tuple[int, ...] = PLAIN) -> Words:
    return column([pow(number, -1, p) for p in primes])


def _table(rows: Sequence[Sequence[int]], primes: tuple[int, ...]) -> Words:
    """Numbers of each row, one for each prime, modulo these: what `combined` takes."""
    return np.array([[x % p for x, p in zip(row, primes, strict=True)] for row in rows], np.uint64)


def _alike(rows: Sequence[int], primes: tuple[int, ...]) -> Words:
    """The same for rows of one number."""
    return _table([[x] * len(primes) for x in rows], primes)


def _expanded(public: Stream) -> Words:
    """The uniform half of the next ciphertext of a seed, as values: [primes, n]."""
    return uniform(public, (len(PRIMES), SLOTS), _COLUMN)


def _slots(words: Words) -> Words:
    """Words with a sign as values modulo t, [4, n]."""
    return centred(words[None], column(PLAIN))


_DIGITS_OF_T: Final = column([pow(_T // p, -1, p) for p in PLAIN])
_LIFT: Final = _alike([*(_T // p for p in PLAIN), -_T], SCALE)


def _lifted(words: Words, into: Words) -> None:
    """Values of the polynomial whose slots are words, with coefficients from -t / 2 to t / 2, nearly."""
    slots = _slots(words)
    into[: len(PLAIN)] = slots
    digits = coefficients(times(slots, _DIGITS_OF_T, column(PLAIN)), PLAIN)
    into[len(PLAIN) :] = values(combined(np.concatenate([digits, _wholes(digits, 48)]), _LIFT, SCALE), SCALE)


def _wholes(digits: Words, bits: int) -> Words:
    """The sum of digits / primes of so many bits, rounded; near a half to either side."""
    made: Words = digits.sum(0, keepdims=True, dtype=np.uint64) + np.uint64(1 << bits - 1) >> np.uint64(bits)
    return made


_PARTS_OF_T: Final = wide_of_integers([*(_T // p for p in PLAIN), -_T])[:, None]


def _lowest(slots: Words) -> WideArray:
    """Of integers between -t / 3 and t / 3, by their residues, the lowest 128 bits."""
    digits = times(slots, _DIGITS_OF_T, column(PLAIN))
    made: WideArray = (np.concatenate([digits, _wholes(digits, 48)]) * _PARTS_OF_T).sum(0)
    return made


_RANDOM: Final = _alike([*(-_D << _LIMB * i for i in range(4)), _D << _RANDOM_BITS - 1], PLAIN)


def _random(stream: Stream) -> tuple[WideArray, Words]:
    """Numbers from -2**190 to 2**190 - 1: modulo 2**128, and -D times them modulo the four primes."""
    drawn = stream.words(4 * SLOTS).reshape(4, SLOTS) >> np.uint64(64 - _LIMB)
    drawn[3] >>= np.uint64(4 * _LIMB - _RANDOM_BITS)
    lower = drawn[0] | drawn[1] << np.uint64(_LIMB)
    upper = drawn[1] >> np.uint64(64 - _LIMB) | drawn[2] << np.uint64(2 * _LIMB - 64)
    ones = np.ones((1, SLOTS), np.uint64)
    return wide_from(np.stack([lower, upper], axis=-1)), combined(
        np.concatenate([drawn, ones]), _RANDOM, PLAIN
    )


# -------------------------------------------------------------------- answers


def _divided(x: Words, bits: int) -> tuple[Words, Words]:
    """For x 2**bits / D: digits [6, n] and the wholes in them, [1, n], of what is cut off in rounding.

    round(x 2**bits / D) = x 2**bits / D + wholes - the sum of digits / primes, modulo t; and without the
    first term modulo 2**bits.
    """
    factors = column([(pow(_D // p, -1, p) << bits) % p for p in SCALE])
    digits = times(x[len(PLAIN) :], factors, column(SCALE))
    return digits, _wholes(digits, 45)


_MASK_TABLE: Final = _alike([*[0] * len(SCALE), 1], PLAIN)
_MASK_TABLE[:-1] = _table([[-pow(p, -1, t) for t in PLAIN] for p in SCALE], PLAIN)
_RESULT_TABLE: Final = _table(
    [
        *([-pow(p << _ROUND, -1, t) for t in PLAIN] for p in SCALE),
        [pow(1 << _ROUND, -1, t) for t in PLAIN],
        [pow(1 << _ROUND, -1, t) << 32 for t in PLAIN],
    ],
    PLAIN,
)


def _rounded(x: Words) -> tuple[Octets, Octets]:
    """An answer's a as it is sent: round(x 2**17 / D) modulo t and modulo 2**17."""
    digits, wholes = _divided(x, _MASK_BITS)
    factor = column([pow(_D, -1, p) << _MASK_BITS for p in PLAIN])
    low = wholes[0] - (digits * _UNITS).sum(0, dtype=np.uint64) & np.uint64((1 << _MASK_BITS) - 1)
    made = plus(
        combined(np.concatenate([digits, wholes]), _MASK_TABLE, PLAIN),
        times(x[: len(PLAIN)], factor % column(PLAIN), column(PLAIN)),
        column(PLAIN),
    )
    return packed(made, 48), packed(low, _MASK_BITS)


def _flooded(x: Words, stream: Stream) -> tuple[Octets, Octets]:
    """An answer's b as it is sent: round(x 2**64 / D) and a flood, of which modulo t and 2**3 is left."""
    digits, wholes = _divided(x, 64)
    flood = stream.words(SLOTS) >> np.uint64(64 - _FLOOD_BITS)
    # no more than 2**63 + 2**60 + 6: what is added to the rounded number, with half of what is cut off
    added = flood + wholes[0] + np.uint64(1 << _ROUND - 1)
    whole = added - (digits * _UNITS).sum(0, dtype=np.uint64)
    cut = whole & np.uint64((1 << _ROUND) - 1)
    rest = added + np.uint64(1 << _ROUND) - cut
    halves = np.stack([rest & np.uint64(2**32 - 1), rest >> np.uint64(32)])
    factor = column([(pow(_D, -1, p) << _RESULT_BITS) % p for p in PLAIN])
    made = plus(
        combined(np.concatenate([digits, halves]), _RESULT_TABLE, PLAIN),
        times(x[: len(PLAIN)], factor, column(PLAIN)),
        column(PLAIN),
    )
    # the mean of the flood, and the unit by which the rest was kept above 0
    mean = 1 << _FLOOD_BITS - 1 - _ROUND
    made = minus(made, column([mean + 1] * len(PLAIN)), column(PLAIN))
    low = (whole >> np.uint64(_ROUND)) - np.uint64(mean) & np.uint64((1 << _RESULT_BITS) - 1)
    return packed(made, 48), packed(low, _RESULT_BITS)


def _answer_read(data: memoryview) -> tuple[Words, Words, Words, Words]:
    """Both halves of an answer: modulo t, [4, n], and behind the point, [n]."""
    sizes = [SLOTS * bits // 8 for bits in (4 * 48, _MASK_BITS, 4 * 48, _RESULT_BITS)]
    ends = np.cumsum(sizes)
    mask, mask_low, result, low = (data[end - size : end] for size, end in zip(sizes, ends, strict=True))
    shape = len(PLAIN), SLOTS
    return (
        below(unpacked(mask, shape, 48), column(PLAIN)),
        unpacked(mask_low, (SLOTS,), _MASK_BITS),
        below(unpacked(result, shape, 48), column(PLAIN)),
        unpacked(low, (SLOTS,), _RESULT_BITS),
    )
