"""Numbers of one owner in an order that a helper knows and the owner does not, and nobody sees the numbers.

Paper:     share translation: Chase, Ghosh, Poburinnaya, "Secret-shared shuffle", ASIACRYPT 2020, section 3;
           with a party that deals in place of transfers, as in the switching networks of Mohassel, Rindal,
           Rosulek, "Fast database joins and PSI for secret shared data", CCS 2020, section 3.
Computes:  [x[p[i]]] for i < n, from x (N numbers) at its owner and p (n different places) at the helper.
Parties:   the owner of x; the helper, which has p; a dealer.
Secure:    semi-honest, one of three corrupted; AES in counter mode as a pseudo-random generator.
Learns:    the owner: n random places that say nothing of p. The helper: N + N uniform words. The dealer:
           nothing; or, where it is given the helper's piece, n uniform words (`hand_over`).
Cost:      8 * N bytes owner -> helper, 8 * N dealer -> helper, 8 * n helper -> owner, 8 * n of the piece;
           for numbers of 128 bits twice as many, but for the places.

The dealer and the owner share a seed of masks a and b, the dealer and the helper one of an order s. The
dealer gives the helper a[s[j]] - b[j], the owner x - a. For each i the helper names the place j at which s[j]
is p[i]: to the owner, who has not s, these are random places. What the helper has been given at p[i] and at j
adds up to x[p[i]] - b[j], and the owner knows b[j]. Numbers are modulo 2**64, or 2**128 as an
SPU has them.
"""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from junto.errors import ProtocolViolation
from junto.join.relabelling import SEED_BYTES, order_of_seed
from junto.mpc.ring128 import element_bytes, from_octets, ring_bits
from junto.mpc.travelling import is_travelling, travelled, travelling

Words = npt.NDArray[Any]
"""Elements of the ring modulo 2**64 or 2**128; what travels is `travelling` of them."""
Places = npt.NDArray[np.int64]

_OUTER, _INNER = 0, 1  # which of the two masks of a column


def masks(seed: Any, label: int, count: int, width: int = 64) -> Words:
    """`count` pseudo-random numbers of `width` bits, others for each label.

    Raises:
        ProtocolViolation: what was sent as a seed is none.
    """
    if not isinstance(seed, bytes) or len(seed) != SEED_BYTES:
        raise ProtocolViolation("what masks are made of is no seed")
    nonce = label.to_bytes(8, "big") + bytes(8)
    stream = Cipher(algorithms.AES(seed), modes.CTR(nonce)).encryptor()
    made: Words = from_octets(stream.update(bytes(element_bytes(width) * count)), width)
    return made


def masked(values: Words, seed: Any, column: int) -> Words:
    """At the owner: what the helper gets of a column."""
    return travelling(values - masks(seed, 2 * column + _OUTER, len(values), ring_bits(values)))


def correction(owners_seed: bytes, helpers_seed: bytes, column: int, count: int, width: int = 64) -> Words:
    """At the dealer: what the helper gets of a column of `count` numbers of `width` bits."""
    order = order_of_seed(helpers_seed, count)
    outer, inner = (masks(owners_seed, 2 * column + which, count, width) for which in (_OUTER, _INNER))
    return travelling(outer[order] - inner)


def places_for(wanted: Places, seed: Any, count: int) -> Places:
    """At the helper: the places by which it speaks of `wanted`, some of `count` numbers, to their owner."""
    order = order_of_seed(seed, count)
    back = np.empty(count, np.int64)
    back[order] = np.arange(count)
    return back[wanted]


def helpers_piece(
    wanted: Places, places: Places, of_owner: Any, of_dealer: Any, count: int, width: int = 64
) -> Words:
    """At the helper: its piece of the numbers that are `wanted`.

    Raises:
        ProtocolViolation: what it was given is not `count` numbers each.
    """
    if not all(is_travelling(each, (count,), width) for each in (of_owner, of_dealer)):
        raise ProtocolViolation(f"a masked column is not {count} numbers of {width} bits")
    piece: Words = travelled(of_owner[wanted], width) + travelled(of_dealer[places], width)
    return piece


def owners_piece(places: Any, seed: Any, column: int, count: int, wanted: int, width: int = 64) -> Words:
    """At the owner: its piece of the `wanted` numbers at places that only the helper understands.

    Raises:
        ProtocolViolation: they are no such places.
    """
    if not isinstance(places, np.ndarray) or places.dtype != np.int64 or places.shape != (wanted,):
        raise ProtocolViolation(f"what says where numbers are is not {wanted} places")
    if wanted and (places.min() < 0 or places.max() >= count):
        raise ProtocolViolation("a number is looked for at a place that is none")
    found: Words = masks(seed, 2 * column + _INNER, count, width)[places]
    return found


def hand_over(piece: Words, seed: bytes, column: int) -> Words:
    """At the helper: its piece for the dealer, who knows the masks: under another one. See `taken_over`."""
    return travelling(piece - masks(seed, column, len(piece), ring_bits(piece)))


def taken_over(piece: Words, seed: Any, column: int) -> Words:
    """At the owner: its piece, now that the helper's has been hidden from the dealer."""
    return travelling(piece + masks(seed, column, len(piece), ring_bits(piece)))


def drawn_order(count: int) -> Places:
    """An order that nobody else knows."""
    return order_of_seed(secrets.token_bytes(SEED_BYTES), count)
