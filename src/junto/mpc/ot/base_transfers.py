"""Base transfers: the few that need public-key cryptography, of random keys, in one round.

Paper:     McQuoid, Rosulek, Roy, "Batching base oblivious transfers", ASIACRYPT 2021, with the two-round
           Feistel function of "Minimal symmetric PAKE and 1-out-of-N OT from programmable-once public
           functions", CCS 2020, over X25519; all transfers share one key of the sender.
Computes:  keys k0, k1 for the sender of each transfer, k_b for its receiver.
Parties:   a sender, and a receiver who chooses b.
Secure:    composable as published; what is built on it here is semi-honest. Random oracles; CDH on
           Curve25519, and that public keys of X25519 look uniform in its subgroup of prime order.
Learns:    the sender: points and bits that are uniform whatever b. The receiver: nothing of the other key.
Cost:      1 round; 112 bytes a transfer from the receiver, 32 bytes from the sender.

The receiver sends a function with one free value: (t, s) gives the point t + H(b, s + H'(b, t)) at b, where t
is made so that this is his public key, and the other value is a point that nobody knows the logarithm of. The
sender agrees on a key with both. The hash to the curve is onto half of the group, uniform there, so that a
challenge of CDH lies in it every second time, and no more is needed of it: what hides b is the receiver's
own key.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256, shake_256

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

from junto.mpc.gates import Words
from junto.mpc.ot import curve_points
from junto.mpc.prg import Stream

MASK_BYTES = 48
FUNCTION_BYTES = curve_points.POINT_BYTES + MASK_BYTES
"""What a receiver sends for a transfer."""
REPLY_BYTES = 32
"""What a sender sends for all of them."""

_DOMAIN = b"junto mpc ot base, version 1, with curve25519_XMD:SHA-512_ELL2_NU_"


class BaseReceiver:
    """The one who chooses.

    Args:
        stream: randomness that nobody else knows.
        choices: [count] of 0 and 1.
        session: names this use of the protocol, the same at both parties and different each time.

    Attributes:
        message: to the sender.
    """

    def __init__(self, stream: Stream, choices: Sequence[int], session: bytes) -> None:
        self._session = session
        self._choices = list(choices)
        self._keys = [curve_points.ScalarKey(stream.octets(32)) for _ in self._choices]
        inner = [stream.octets(MASK_BYTES) for _ in self._choices]
        names = [_name(session, i, b) for i, b in enumerate(self._choices)]
        hidden = curve_points.hash_to_curve([n + mask for n, mask in zip(names, inner, strict=True)], _DOMAIN)
        points = curve_points.add([key.point for key in self._keys], curve_points.negative(hidden))
        heads = [curve_points.to_bytes([point]) for point in points]
        self._functions = [
            head + _xor(mask, _pad(name, head)) for head, mask, name in zip(heads, inner, names, strict=True)
        ]
        self.message: bytes = b"".join(self._functions)

    def keys(self, reply: memoryview) -> Words:
        """The chosen keys, two words each: [count, 2].

        Args:
            reply: the sender's message.

        Raises:
            ValueError: it is no public key.
        """
        x = int.from_bytes(reply, "little")
        made = [
            _key(_name(self._session, i, b) + bytes(reply) + function, key.shared(x))
            for i, (b, function, key) in enumerate(
                zip(self._choices, self._functions, self._keys, strict=True)
            )
        ]
        return _words(made)


class BaseSender:
    """The one who gets both keys.

    Args:
        stream: randomness that nobody else knows.
        count: transfers.
        session: see `BaseReceiver`.

    Attributes:
        message: to the receiver.
    """

    def __init__(self, stream: Stream, count: int, session: bytes) -> None:
        self._session = session
        self._count = count
        self._key = X25519PrivateKey.from_private_bytes(stream.octets(32))
        self.message: bytes = self._key.public_key().public_bytes_raw()

    def keys(self, functions: memoryview) -> tuple[Words, Words]:
        """Both keys of each transfer, two words each: [count, 2] for 0 and for 1.

        Args:
            functions: the receiver's message, FUNCTION_BYTES a transfer.

        Raises:
            ValueError: it holds what is no point of the curve, or points that an honest receiver never sends.
        """
        each = [bytes(functions[i * FUNCTION_BYTES :][:FUNCTION_BYTES]) for i in range(self._count)]
        points = curve_points.from_bytes(memoryview(b"".join(f[: curve_points.POINT_BYTES] for f in each)))
        zero, one = (self._keys_at(b, each, points) for b in (0, 1))
        return zero, one

    def _keys_at(self, b: int, functions: list[bytes], points: list[curve_points.Point]) -> Words:
        names = [_name(self._session, i, b) for i in range(self._count)]
        inner = [
            name
            + _xor(function[curve_points.POINT_BYTES :], _pad(name, function[: curve_points.POINT_BYTES]))
            for name, function in zip(names, functions, strict=True)
        ]
        public = curve_points.add(points, curve_points.hash_to_curve(inner, _DOMAIN))
        made = [
            _key(name + self.message + function, curve_points.shared(self._key, x.to_bytes(32, "little")))
            for name, function, (x, _) in zip(names, functions, public, strict=True)
        ]
        return _words(made)


def random_choices(stream: Stream, count: int) -> NDArray[np.uint8]:
    """Uniform bits, one a byte."""
    octets = np.frombuffer(stream.octets(-(-count // 8)), np.uint8)
    return np.unpackbits(octets, count=count, bitorder="little")


def _name(session: bytes, number: int, b: int) -> bytes:
    return sha256(session + number.to_bytes(4, "big") + bytes([b])).digest()


def _pad(name: bytes, head: bytes) -> bytes:
    return shake_256(b"pad" + name + head).digest(MASK_BYTES)


def _key(transcript: bytes, shared: bytes) -> bytes:
    return sha256(b"key" + transcript + shared).digest()[:16]


def _xor(a: bytes, b: bytes) -> bytes:
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")


def _words(keys: list[bytes]) -> Words:
    return np.frombuffer(b"".join(keys), np.uint64).reshape(-1, 2).copy()
