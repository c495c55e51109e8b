"""Tags of keys: a keyed function of each key's digest, so that equal keys have equal tags under one key.

CBC-MAC on messages of one length is a pseudo-random function (Bellare, Kilian, Rogaway, JCSS 2000).

Whoever has not the cipher key sees random-looking numbers that say nothing about the keys, except which are
equal. They are also what tables and spools are sorted by: an order that says nothing about a table.
"""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from junto.errors import ProtocolViolation
from junto.join.keys import Digests
from junto.native import kernels

TAG_BYTES = 16
"""Of 2**32 different keys two have equal tags with probability 2**-65."""


def new_key() -> bytes:
    """A fresh cipher key."""
    return secrets.token_bytes(TAG_BYTES)


class Tagging:
    """A pseudo-random function of rows of 16 or 32 bytes: CBC-MAC by AES under one key.

    Raises:
        ProtocolViolation: what is given as key is none.
    """

    def __init__(self, key: Any) -> None:
        if not isinstance(key, bytes) or len(key) != TAG_BYTES:
            raise ProtocolViolation("what keys are tagged with is no key")
        self._key = key

    def __call__(self, values: Digests) -> npt.NDArray[np.uint64]:
        """The tags of the rows, as two words each."""
        native = kernels()
        if native is None or not native.has_aes:
            return self.plainly(values)
        return native.tags(self._key, values).view("<u8").astype(np.uint64, copy=False)

    def plainly(self, values: Digests) -> npt.NDArray[np.uint64]:
        """The same without a kernel."""
        cipher = Cipher(algorithms.AES(self._key), modes.ECB())  # noqa: S305 - of which a CBC-MAC is made
        state = np.zeros((len(values), TAG_BYTES), np.uint8)
        for start in range(0, values.shape[1], TAG_BYTES):
            mixed = (state ^ values[:, start : start + TAG_BYTES]).tobytes()
            state = np.frombuffer(cipher.encryptor().update(mixed), np.uint8).reshape(-1, TAG_BYTES)
        return state.view("<u8").astype(np.uint64, copy=False)


def tagged(key: Any, keys: Digests) -> Digests:
    """The tags of a batch of digests, as bytes of shape (keys, 16)."""
    return Tagging(key)(keys).view(np.uint8)
