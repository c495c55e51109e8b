"""A homomorphic encryption of polynomials modulo 2**64: what is multiplied by is known to who multiplies.

Paper:     Brakerski, "Fully homomorphic encryption without modulus switching from classical GapSVP", CRYPTO
           2012; Fan, Vercauteren, "Somewhat practical fully homomorphic encryption", IACR ePrint 2012/144;
           that an answer hides what it was made with: Gentry, "A fully homomorphic encryption scheme", PhD
           thesis, Stanford 2009, chapter 21.
Computes:  from m at the one party and w at the other m w - r, modulo X**n + 1 and 2**64, at chosen
           coefficients.
Parties:   the holder, who has the key and m; the other one, who has w and draws r.
Secure:    semi-honest.
Learns:    the holder m w - r, and of w nothing that shows with more than the probability below; the other one
           nothing, if ring learning with errors is hard.
Cost:      a ciphertext has 25 n bytes, an answer 10 n and 9 for each coefficient that is asked for.

A ciphertext of m is (a, b) with b = -a s + e + (q / 2**64) m, rounded by chance, so that its error has the
mean 0. Times w it is one of m w with the error v = (e + rounding) w, for (q / 2**64) times a multiple of
2**64 is 0 modulo q. To it are added an encryption of 0 under the holder's public key, which makes its a look
uniform to the holder, the message -r, and an error f, uniform among 2**FLOOD_BITS numbers, beside which v
does not show: the two distributions differ by |v| / 2**FLOOD_BITS.

In bits, for n = 8192, q of 200, s and u ternary, e centred binomial of variance 10.5 (the standard's 3.2**2):

    security of the key, by table 1 of Albrecht
    et al., "Homomorphic encryption standard",
    2018, for log2(q) <= 218                       128
    |v| at worst, of T coefficients of w           67.5 + log2(T)
    |v| in the mean, over the holder's errors      64.8 + log2(T) / 2
    |f|                                            134
    the answer's modulus q'                        100
    f and v in it                                  34
    what is cut off of a, times s, at worst        32
    what is cut off of b                           27
    the error that decryption bears: q' / 2**65    35

So the sum is 2**34 + 2**32 + 2**27 at worst, and decryption never fails; see `_Bounds`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2, prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Words
from junto.mpc.lattice.negacyclic import DEGREE, coefficients, summed_products, values
from junto.mpc.lattice.residues import (
    MODULUS,
    PRIMES,
    SHORT,
    below,
    centred,
    errors,
    lengthened,
    lifted,
    minus,
    moduli,
    packed,
    plus,
    rounded,
    shortened,
    signed,
    ternary,
    uniform,
    unpacked,
    wide_uniform,
)
from junto.mpc.ot.jobs import octets, parts
from junto.mpc.prg import KEY_BYTES, Stream

FLOOD_BITS: Final = 135
LEAST_DISTANCE: Final = 40
"""Of one product's answers, all together, the holder sees a difference with a probability of 2**-40 at
most."""
CIPHERTEXT_BYTES: Final = len(PRIMES) * DEGREE * 25 // 4
SEED_BYTES: Final = KEY_BYTES
MASK_BYTES: Final = 10 * DEGREE
"""Of an answer's a."""
RESULT_BYTES: Final = 9
"""Of one coefficient of an answer's b."""
_LARGEST: Final = 21
_VARIANCE: Final = 10.5 + 0.25
"""Of an error and of the rounding of a message."""
_CUT_MASK, _CUT_RESULT = 20, 28
"""Bits that are not sent: what is left has 80 and 72."""
_KINDS: Final = tuple(map(np.dtype, ("<u8", "<u2", "<u8", "u1")))
"""Of what is sent of an answer: lower and upper parts of its a, and of its results."""
_AT_ONCE: Final = 4
"""Ciphertexts whose arrays stay in a processor's cache."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Judges the numbers above.

    Raises:
        ValueError: an answer could be decrypted to something else, or the key is too weak.
    """

    terms: int = 1 << 40
    """Coefficients of what is multiplied by, at most, that one result depends on."""

    def __post_init__(self) -> None:
        product = (_LARGEST + 1) * self.terms << 63
        zero = 2 * _LARGEST * DEGREE + _LARGEST
        flooded = ((1 << FLOOD_BITS - 1) + product + zero + 1) * SHORT // MODULUS
        cut = (1 + (1 << _CUT_MASK - 1)) * (DEGREE + 1) + (1 << _CUT_RESULT - 1)
        if (flooded + cut) << 65 >= SHORT * 31 // 32 or log2(MODULUS) > 218:
            raise ValueError("these parameters are not sound")


BOUNDS: Final = _Bounds()


def distance_bits(terms: int, results: int) -> float:
    """How well answers hide what they were made with: -log2 of the probability that a difference shows.

    In the mean over the holder's own errors; by the variance of the v above, for each result.

    Args:
        terms: coefficients of what was multiplied by that one result depends on.
        results: coefficients in all answers.
    """
    return FLOOD_BITS - 63 - log2(_VARIANCE * terms) / 2 - log2(results)


def expanded(public: Stream, count: int) -> Words:
    """The uniform halves of the next ciphertexts of a seed, as values: [count, primes, n]."""
    return np.concatenate([uniform(public, (1, len(PRIMES), DEGREE)) for _ in range(count)])


def ciphertexts(data: memoryview, count: int) -> Words:
    """What `SecretKey.encrypted` gives, as values [count, 2, primes, n].

    Raises:
        ValueError: these are none.
    """
    made = np.empty((count, 2, len(PRIMES), DEGREE), np.uint64)
    made[:, 1] = below(unpacked(data[SEED_BYTES:], (count, len(PRIMES), DEGREE)), moduli())
    made[:, 0] = expanded(Stream(bytes(data[:SEED_BYTES])), count)
    return made


def plain(words: Words) -> Words:
    """Polynomials modulo 2**64 to multiply by, their first coefficients, as values [..., primes, n]."""
    made = np.zeros((*words.shape[:-1], len(PRIMES), DEGREE), np.uint64)
    made[..., : words.shape[-1]] = centred(words[..., None, :], moduli())
    return values(made)


class SecretKey:
    """The holder's.

    Args:
        stream: randomness that nobody else knows.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._key = values(signed(ternary(stream, (1, DEGREE)), moduli()))[None]

    def encrypted(self, words: Words) -> list[memoryview]:
        """Ciphertexts of polynomials [count, n]: a seed of `SEED_BYTES`, and `CIPHERTEXT_BYTES` each."""
        seed = self._stream.octets(SEED_BYTES)
        public, made = Stream(seed), [memoryview(seed)]
        for part in parts(len(words), _AT_ONCE):
            shape = (part.stop - part.start, 1, DEGREE)
            dither = self._stream.words(prod(shape)).reshape(shape)
            error = signed(errors(self._stream, shape), moduli())
            body = values(plus(lifted(words[part, None], dither), error, moduli()))
            mask = expanded(public, shape[0])
            body = minus(body, summed_products(mask[:, None], self._key), moduli())
            made.append(octets(packed(body)))
        return made

    def public(self) -> list[memoryview]:
        """A ciphertext of 0, by which others make more: `SEED_BYTES` and `CIPHERTEXT_BYTES`."""
        return self.encrypted(np.zeros((1, DEGREE), np.uint64))

    def decrypted(self, data: memoryview, count: int, places: NDArray[np.intp]) -> Words:
        """Of `count` answers the messages [count, places].

        Raises:
            ValueError: these are none.
        """
        low, high, result, top = _answers_read(data, count, len(places))
        made = np.empty((count, len(places)), np.uint64)
        for part in parts(count, _AT_ONCE):
            mask = values(lengthened(low[part], high[part].astype(np.uint64), _CUT_MASK))
            product = coefficients(summed_products(mask[:, None], self._key[:, :2]))
            body = lengthened(result[part], top[part].astype(np.uint64), _CUT_RESULT)
            made[part] = rounded(plus(product[..., places], body, moduli(2)))
        return made

    def __repr__(self) -> str:
        return "<SecretKey>"


class Answering:
    """The other party, who has the holder's public key.

    Args:
        public: see `SecretKey.public`.
        stream: randomness that nobody else knows.

    Raises:
        ValueError: it is no key.
    """

    def __init__(self, public: memoryview, stream: Stream) -> None:
        (self._public,) = ciphertexts(public, 1)
        self._stream = stream

    def answers(self, sums: Words, places: NDArray[np.intp]) -> tuple[list[memoryview], Words]:
        """What the holder decrypts to the sums' messages minus fresh words; and these words.

        Args:
            sums: sums of products of ciphertexts, as values [count, 2, primes, n].
            places: the coefficients that are asked for.

        Returns:
            `MASK_BYTES` and `RESULT_BYTES` a place for each; the words, [count, places].
        """
        words = self._stream.words(len(sums) * len(places)).reshape(len(sums), len(places))
        made = [self._some(sums[part], words[part], places) for part in parts(len(sums), _AT_ONCE)]
        columns = zip(*made, strict=True)
        return [
            octets(np.concatenate(each).astype(kind)) for each, kind in zip(columns, _KINDS, strict=True)
        ], words

    def _some(self, sums: Words, words: Words, places: NDArray[np.intp]) -> tuple[Words, Words, Words, Words]:
        """Both halves of a few, in the parts in which they are sent."""
        stream, primes, shape = self._stream, moduli(), (len(sums), 1, DEGREE)
        factor = values(signed(ternary(stream, shape), primes))
        zero = [summed_products(factor[:, None], half[None]) for half in self._public]
        mask, body = (coefficients(plus(sums[:, i], zero[i], primes)) for i in (0, 1))
        mask = plus(mask, signed(errors(stream, shape), primes), primes)
        noise = wide_uniform(stream, words.shape, FLOOD_BITS)
        result = plus(plus(body[..., places], noise, primes), lifted(0 - words[:, None]), primes)
        return *shortened(mask, _CUT_MASK), *shortened(result, _CUT_RESULT)

    def __repr__(self) -> str:
        return "<Answering>"


def _answers_read(data: memoryview, count: int, places: int) -> list[Words]:
    """The parts of answers: lower and upper words of all a, and of all results, a row for each."""
    sizes = (DEGREE, DEGREE, places, places)
    ends = np.cumsum([count * size * kind.itemsize for size, kind in zip(sizes, _KINDS, strict=True)])
    starts = (0, *ends[:-1])
    return [
        np.frombuffer(data[start:end], kind).reshape(count, -1)
        for start, end, kind in zip(starts, ends, _KINDS, strict=True)
    ]
