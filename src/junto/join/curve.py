"""Curve25519 as a group for private set intersection: hashing to it, and multiplying.

A point is its u-coordinate: 32 bytes, little-endian, below p = 2**255 - 19, as in X25519 (RFC 7748).
A batch of points is an array of bytes of shape (count, 32).

* **Hashing** follows RFC 9380, suite ``curve25519_XMD:SHA-512_ELL2_NU_`` (Elligator 2), of whose result the
  u-coordinate is kept. Taking the hash itself as a coordinate would be quicker and wrong: half of all
  coordinates lie on the curve's twist, multiplying preserves on which of the two, so each blinded key would
  carry one bit of its hash. The suite's *non-uniform* encoding suffices: a reduction to decisional
  Diffie-Hellman in the random oracle model can choose any point of the map's image (half of the curve, by
  rejection) and set the oracle to one of its two preimages, which are as uniform as the oracle is.
* **Multiplying** is X25519. Its clamped scalars are multiples of the cofactor 8, so points of small order
  and the torsion part of any other vanish, on the curve and on its twist (whose cofactor is 4, and whose
  other factor is prime, too: Bernstein, Curve25519, PKC 2006, section 3). What a peer sends can therefore
  tell it nothing about a scalar, beyond what a point of large order tells.
* X25519(a, X25519(b, P)) = X25519(b, X25519(a, P)), which is what the protocol lives on.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from junto.errors import ProtocolViolation
from junto.join.row_digests import Octets, sha512_rows
from junto.join.spool import sort_words
from junto.locks import once
from junto.native import kernels, status

log: logging.Logger = logging.getLogger("junto.join")

Points = npt.NDArray[np.uint8]

BYTES = 32
P = 2**255 - 19
A = 486662
DOMAIN = b"junto-join-V01-with-curve25519_XMD:SHA-512_ELL2_NU_"

FIELD_BYTES = 48
"""Bytes that are hashed to for one element of the field: RFC 9380's L, for 128 bits of security."""

_BLOCK = 128  # bytes of a block of SHA-512


class Curve(ABC):
    """What computes on batches of points. All of them give the same bytes."""

    @abstractmethod
    def encode(self, messages: Octets, domain: bytes = DOMAIN) -> Points:
        """The points that stand for messages [count, length] (RFC 9380, ``encode_to_curve``)."""

    @abstractmethod
    def multiply(self, scalar: bytes, points: Points) -> Points:
        """X25519 of one scalar (32 bytes, clamped here) and each point; zeros where the order is small."""


@once
def curve() -> Curve:
    """The quickest curve that this machine has; made once a process."""
    from junto.join.native_curve import NativeCurve
    from junto.join.plain_curve import PlainCurve

    if (native := kernels()) is not None:
        return NativeCurve(native)
    log.warning("keys are blinded slowly, on one core: %s", status())
    return PlainCurve()


def check(points: Any, count: int, sender: str) -> Points:
    """What `sender` sent as a batch of `count` points, once it is one.

    Raises:
        ProtocolViolation: not bytes of that shape; a coordinate that is not reduced; the same point twice.
    """
    if not isinstance(points, np.ndarray) or points.dtype != np.uint8 or points.shape != (count, BYTES):
        raise ProtocolViolation(f"what {sender} sent is not {count} points of {BYTES} bytes")
    words = words_of(points)
    top, low = words[:, 3], words[:, 0]
    largest = (words[:, 1:3] == np.uint64(2**64 - 1)).all(axis=1) & (top == np.uint64(2**63 - 1))
    if (top >> np.uint64(63)).any() or (largest & (low >= np.uint64(2**64 - 19))).any():
        raise ProtocolViolation(f"{sender} sent a coordinate that is not reduced modulo 2**255 - 19")
    if _repeats(words):
        raise ProtocolViolation(f"{sender} sent the same blinded key twice")
    return points


def check_order(points: Points, sender: str) -> Points:
    """The results of multiplying what `sender` sent.

    Raises:
        ProtocolViolation: one is zero, hence what was sent is of small order (RFC 7748, section 6.1).
    """
    if not words_of(points).any(axis=1).all():
        raise ProtocolViolation(f"{sender} sent a point of small order")
    return points


def _repeats(words: npt.NDArray[np.uint64]) -> bool:
    """Whether two rows are equal. Their first words hardly ever are, and are sorted quickly."""
    ordered = words[:, 0].copy()
    sort_words(ordered, 0, 64)
    return bool((ordered[1:] == ordered[:-1]).any()) and len(np.unique(words, axis=0)) < len(words)


def words_of(points: Points) -> npt.NDArray[np.uint64]:
    """Each point as four little-endian words, the lowest first."""
    return np.ascontiguousarray(points).view("<u8").astype(np.uint64, copy=False)


def expanded(messages: Octets, domain: bytes) -> Octets:
    """RFC 9380, ``expand_message_xmd`` with SHA-512: 48 bytes of each message, a big-endian number.

    Args:
        messages: of one length, [count, length].
        domain: the domain separation tag.
    """
    if len(domain) > 255:
        raise ValueError("a domain separation tag has at most 255 bytes")
    tag = domain + bytes([len(domain)])
    ends = FIELD_BYTES.to_bytes(2, "big") + b"\0" + tag, b"\1" + tag
    last, first = (np.broadcast_to(np.frombuffer(end, np.uint8), (len(messages), len(end))) for end in ends)
    block = np.zeros((len(messages), _BLOCK), np.uint8)
    return sha512_rows(np.hstack([sha512_rows(np.hstack([block, messages, last])), first]))[:, :FIELD_BYTES]
