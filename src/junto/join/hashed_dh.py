"""An oblivious pseudo-random function under a key that outlives a run.

Paper:     Jarecki, Kiayias, Krawczyk, "Round-optimal password-protected secret sharing and T-PAKE", ASIACRYPT
           2014 (2HashDH); as in RFC 9497, mode OPRF, on the curve of `curve`.
Computes:  F(x) = SHA-256(x, k H(x)) for the keys x of who asks; k is of who answers.
Parties:   who asks, who answers.
Secure:    semi-honest; one-more gap Diffie-Hellman, decisional Diffie-Hellman, hashes as random oracles.
Learns:    who answers: how many keys there are. Who asks: F of these keys, and of no other one.
Cost:      1 round, 32 bytes a key each way; a hash to the curve and three multiplications.

Who asks multiplies H(x) by a scalar r that is fresh for each time; r k H(x) comes back, and is multiplied by
1/r. One r blinds all keys of a time, which are different ones: as in `ecdh` their points look random by
decisional Diffie-Hellman. A scalar for each, as the RFC has it, would hide them without an assumption.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

import numpy as np

from junto.errors import ProtocolViolation
from junto.join.curve import BYTES, Points, check, check_order, curve
from junto.join.keys import Digests
from junto.join.row_digests import sha256_rows

VALUE_BYTES: Final = 32

_DOMAIN: Final = b"junto-prepared-V01-with-curve25519_XMD:SHA-512_ELL2_NU_"
_HASH: Final = b"junto prepared value, version 1"
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""Of the points that hashing gives: a prime (RFC 7748, section 4.1)."""
_COFACTOR: Final = 8


def new_scalar() -> bytes:
    """A fresh one, in the form in which X25519 takes it."""
    raw = bytearray(secrets.token_bytes(BYTES))
    raw[0] &= 248
    raw[31] = raw[31] & 127 | 64
    return bytes(raw)


def inverse(scalar: bytes) -> bytes | None:
    """What undoes multiplying by `scalar`, as X25519 takes it.

    X25519 takes multiples of 8 from 2**254 to 2**255. Of the inverse and its negative, which have the same
    u-coordinates, one is there but with a probability of 2**-125; None stands for that.
    """
    wanted = pow(int.from_bytes(scalar, "little"), -1, _ORDER) * pow(_COFACTOR, -1, _ORDER) % _ORDER
    for found in (_COFACTOR * wanted, _COFACTOR * (_ORDER - wanted)):
        if 1 << 254 <= found < 1 << 255:
            return found.to_bytes(BYTES, "little")
    return None


def values(scalar: bytes, keys: Digests) -> Digests:
    """F of keys, by who has its scalar: 32 bytes each."""
    return _hashed(keys, curve().multiply(scalar, _points(keys)))


def answered(scalar: bytes, points: Any, count: int, sender: str) -> Points:
    """What who asks sent as `count` blinded keys, multiplied by the scalar of F.

    Raises:
        ProtocolViolation: it is something else; see `curve.check`.
    """
    return check_order(curve().multiply(scalar, check(points, count, sender)), sender)


class Asking:
    """Who asks, once: blinds its keys and opens the answers."""

    def __init__(self) -> None:
        self._scalar, undone = new_scalar(), None
        while (undone := inverse(self._scalar)) is None:
            self._scalar = new_scalar()
        self._inverse: bytes = undone

    def blinded(self, keys: Digests) -> Points:
        """What is sent for different keys: a point of each."""
        return curve().multiply(self._scalar, _points(keys))

    def opened(self, keys: Digests, answers: Any, sender: str) -> Digests:
        """F of the same keys, of what came back for them.

        Raises:
            ProtocolViolation: these are no points of as many keys.
        """
        points = curve().multiply(self._inverse, check(answers, len(keys), sender))
        return _hashed(keys, check_order(points, sender))


def require_scalar(scalar: bytes) -> bytes:
    """Raise ProtocolViolation if it is not one in the form in which X25519 takes it."""
    if len(scalar) != BYTES or scalar[0] & 7 or scalar[31] >> 6 != 1:
        raise ProtocolViolation("what a function is computed with is no scalar")
    return scalar


def _points(keys: Digests) -> Points:
    return curve().encode(keys, _DOMAIN)


def _hashed(keys: Digests, points: Points) -> Digests:
    domain = np.broadcast_to(np.frombuffer(_HASH, np.uint8), (len(keys), len(_HASH)))
    return sha256_rows(np.hstack([domain, keys, points]))
