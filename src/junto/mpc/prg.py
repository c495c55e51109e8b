"""Keystreams: what two nodes that share a key draw alike, without a word.

AES-128 in counter mode (NIST SP 800-38A, section 6.5) from zero on; each key serves one purpose only: keys
are derived (HKDF-SHA256, RFC 5869) from the secret of two nodes and the purpose's name, so that no keystream
is ever used twice.
"""

from __future__ import annotations

import os

import numpy as np
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from junto.mpc.bits import Planes, word_count
from junto.mpc.gates import Words
from junto.native import kernels

KEY_BYTES = 16
SECRET_BYTES = 32
MOST_BLOCKS = 1 << 48
"""AES blocks of one keystream: far below the number at which it shows that no block comes twice."""

_AHEAD = 512
"""Words that are made ahead."""

_PIECE = 1 << 20
_ZEROS = memoryview(bytes(_PIECE))
_SLACK = 15
"""`update_into` wants room for one more block less one byte."""


class Stream:
    """One keystream. Whatever is drawn, the words come in one order.

    Small draws are served from what is made ahead.

    Args:
        key: 16 bytes, for this purpose alone.

    Raises:
        ValueError: the key has another length.
        OverflowError: (all that draw) more than MOST_BLOCKS blocks are wanted.
    """

    __slots__ = ("_ahead", "_begins", "_drawn", "_key")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a keystream's key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self._drawn = 0  # words
        self._ahead = np.empty(0, np.uint64)
        self._begins = 0  # the number of its first word

    def words(self, count: int) -> Words:
        """`count` uniform words."""
        first, self._drawn = self._drawn, self._drawn + count
        if self._drawn > 2 * MOST_BLOCKS:
            raise OverflowError("a keystream is used up; the operation draws more randomness than it may")
        start = first - self._begins
        if start + count <= len(self._ahead):
            return self._ahead[start : start + count]  # of which nobody else ever gets a part
        if count > _AHEAD // 2:
            return keystream(self._key, first, count)
        self._ahead, self._begins = keystream(self._key, first, _AHEAD), first
        return self._ahead[:count]

    def planes(self, count: int, lanes: int) -> Planes:
        """`count` planes of uniform bits."""
        return self.words(count * word_count(lanes)).reshape(count, word_count(lanes))

    def octets(self, count: int) -> bytes:
        """`count` uniform bytes; draws whole words."""
        return self.words(-(-count // 8)).tobytes()[:count]

    def __repr__(self) -> str:
        return "<Stream>"


def keystream(key: bytes, first: int, count: int) -> Words:
    """Words `first` to `first + count` of the keystream of a key of 16 bytes."""
    native = kernels()
    if native is None or not native.has_aes:
        return plain_keystream(key, first, count)
    return native.keystream(key, first, count)


def plain_keystream(key: bytes, first: int, count: int) -> Words:
    """The kernel's twin."""
    size = 8 * (count + first % 2)
    cipher = Cipher(algorithms.AES(key), modes.CTR((first // 2).to_bytes(16, "big"))).encryptor()
    made = np.empty(size + _SLACK, np.uint8)
    for start in range(0, size, _PIECE):
        piece = min(_PIECE, size - start)
        cipher.update_into(_ZEROS[:piece], made.data[start : start + piece + _SLACK])
    return made[:size].view(np.uint64)[first % 2 :]


def derive(secret: bytes, *context: str | int | bytes) -> bytes:
    """A key for one purpose, of 16 bytes: see `derive_secret`."""
    return derive_secret(secret, *context)[:KEY_BYTES]


def derive_secret(secret: bytes, *context: str | int | bytes) -> bytes:
    """32 bytes for one purpose that say nothing of `secret` or of what other purposes get.

    Args:
        secret: 32 uniform bytes.
        context: the purpose; different contexts give independent keys, however they are split.

    HKDF's second step alone (RFC 5869, section 2.3; 3.3 says when the first may be left out).

    Raises:
        ValueError: `secret` has another length.
        TypeError: a part of the context is of another type.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"keys are derived from {SECRET_BYTES} bytes, not from {len(secret)}")
    expand = hmac.HMAC(secret, hashes.SHA256())
    for part in context:
        kind, data = _encoded(part)
        expand.update(kind + len(data).to_bytes(4, "big") + data)
    expand.update(b"\x01")
    return expand.finalize()


def fresh_key() -> bytes:
    """A new key from the system's own source."""
    return os.urandom(KEY_BYTES)


def _encoded(part: str | int | bytes) -> tuple[bytes, bytes]:
    if isinstance(part, bytes):
        return b"b", part
    if isinstance(part, str):
        return b"s", part.encode()
    if isinstance(part, int) and not isinstance(part, bool):
        return b"i", str(part).encode()
    raise TypeError(f"a purpose is named by bytes, texts and integers, not by a {type(part).__name__}")
