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

KEY_BYTES = 16
SECRET_BYTES = 32
MOST_BLOCKS = 1 << 48
"""AES blocks of one keystream: far below the number at which it shows that no block comes twice."""

_AHEAD = 4096
_PIECE = 1 << 20
_ZEROS = memoryview(bytes(_PIECE))
_SLACK = 15
"""`update_into` wants room for one more block less one byte."""


class Stream:
    """One keystream. Whatever is drawn, the bytes come in one order, whole words at a time.

    Small draws are served from what is made ahead.

    Args:
        key: 16 bytes, for this purpose alone.

    Raises:
        ValueError: the key has another length.
        OverflowError: (all that draw) more than MOST_BLOCKS blocks are wanted.
    """

    __slots__ = ("_ahead", "_at", "_blocks", "_cipher")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a keystream's key has {KEY_BYTES} bytes, not {len(key)}")
        self._cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
        self._blocks = 0
        self._ahead = np.empty(0, np.uint8)
        self._at = 0

    def words(self, count: int) -> Words:
        """`count` uniform words."""
        return self._draw(8 * count).view(np.uint64)

    def planes(self, count: int, lanes: int) -> Planes:
        """`count` planes of uniform bits."""
        return self.words(count * word_count(lanes)).reshape(count, word_count(lanes))

    def octets(self, count: int) -> bytes:
        """`count` uniform bytes; draws whole words."""
        return self._draw(-(-count // 8) * 8)[:count].tobytes()

    def __repr__(self) -> str:
        return "<Stream>"

    def _draw(self, size: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        left = len(self._ahead) - self._at
        if size <= left:
            self._at += size
            return self._ahead[self._at - size : self._at]  # of which nobody else ever gets a part
        if size <= _AHEAD // 2:
            rest = self._ahead[self._at :]
            self._ahead = self._made(_AHEAD)
            self._at = size - left
            return np.concatenate([rest, self._ahead[: self._at]])
        buffer = np.empty(size + _SLACK, np.uint8)
        buffer[:left] = self._ahead[self._at :]
        self._at += left
        self._fill(buffer.data[left:], size - left)
        return buffer[:size]

    def _made(self, size: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        buffer = np.empty(size + _SLACK, np.uint8)
        self._fill(buffer.data, size)
        return buffer[:size]

    def _fill(self, buffer: memoryview, size: int) -> None:
        self._blocks += -(-size // 16)
        if self._blocks > MOST_BLOCKS:
            raise OverflowError("a keystream is used up; the operation draws more randomness than it may")
        for start in range(0, size, _PIECE):
            piece = min(_PIECE, size - start)
            self._cipher.update_into(_ZEROS[:piece], buffer[start : start + piece + _SLACK])


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
