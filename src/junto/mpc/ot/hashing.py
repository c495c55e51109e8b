"""A correlation-robust hash from AES, for millions of short inputs at once.

Paper:     Guo, Katz, Wang, Yu, "Efficient and secure multiparty computation from fixed-key block ciphers",
           IEEE S&P 2020, section 7.4: TMMO(x, i) = pi(pi(x) + i) + pi(x), where + is exclusive or.
Computes:  pads that look uniform to whoever knows every x but for one common, secret difference.

pi is AES-128 with a public key. Each use of `Hash` (a block of transfers) has a key of its own, so that the
number of inputs under one permutation stays small, which is what the bound suffers from (Guo, Katz, Wang,
Weng, Yu, "Better concrete security for half-gates garbling", CRYPTO 2020). The tweak is the number of the
input and, where more than 16 bytes are wanted of it, the number of the piece.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from junto.mpc.gates import Words
from junto.native import kernels

NOTHING: Final = np.zeros(2, np.uint64)
_PIECE: Final = 1 << 13
"""Inputs that are hashed at once: what is computed with them stays in a core's cache."""


class Hash:
    """TMMO under one public key. No pair of input number and piece may be used for two inputs.

    Args:
        key: 16 bytes, the same at both parties, for this block of inputs alone.
    """

    __slots__ = ("_cipher", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - a permutation

    def words(self, x: Words, difference: Words = NOTHING, first: int = 0) -> Words:
        """The lower 8 bytes of the hash of each x + difference.

        Args:
            x: [n, 2], in memory one after the other.
            difference: [2].
            first: the number of the first of them.

        Returns:
            [n].
        """
        if (native := kernels()) is not None and native.has_aes:
            return native.hashes(self._key, x, difference, 0, first)
        return self._words(x ^ difference, first)

    def _words(self, x: Words, first: int) -> Words:
        made = np.empty(len(x), np.uint64)
        for start in range(0, len(x), _PIECE):
            inner = self._permuted(x[start : start + _PIECE])
            tweaked = inner.copy()
            tweaked[:, 0] ^= _numbers(first + start, len(inner))
            outer = self._permuted(tweaked)
            np.bitwise_xor(outer[:, 0], inner[:, 0], out=made[start : start + _PIECE])
        return made

    def blocks(self, x: Words, count: int, difference: Words = NOTHING, first: int = 0) -> Words:
        """`count` pieces of 16 bytes of each hash.

        Args:
            x: see `words`.
            count: pieces.
            difference: see `words`.
            first: see `words`.

        Returns:
            [count, n, 2].
        """
        if count and (native := kernels()) is not None and native.has_aes:
            return native.hashes(self._key, x, difference, count, first)
        return self._blocks(x ^ difference, count, first)

    def _blocks(self, x: Words, count: int, first: int) -> Words:
        made = np.empty((count, len(x), 2), np.uint64)
        step = max(1, _PIECE // count)
        for start in range(0, len(x), step):
            inner = self._permuted(x[start : start + step])
            tweaked = np.empty((count, *inner.shape), np.uint64)
            tweaked[...] = inner
            tweaked[:, :, 0] ^= _numbers(first + start, len(inner))
            tweaked[:, :, 1] ^= np.arange(count, dtype=np.uint64)[:, None]
            outer = self._permuted(tweaked.reshape(-1, 2)).reshape(tweaked.shape)
            into = made[:, start : start + step]
            flat = inner.reshape(-1)
            for piece, pad in zip(outer.reshape(count, -1), into, strict=True):
                np.bitwise_xor(piece, flat, out=pad.reshape(-1))
        return made

    def __repr__(self) -> str:
        return "<Hash>"

    def _permuted(self, x: Words) -> Words:
        made = np.empty(x.size + 2, np.uint64)  # `update_into` wants room for one more block
        size = 8 * x.size
        self._cipher.update_into(x.reshape(-1).view(np.uint8).data, made.view(np.uint8).data[: size + 15])
        return made[: x.size].reshape(x.shape)


def _numbers(first: int, count: int) -> Words:
    return np.arange(first, first + count, dtype=np.uint64)
