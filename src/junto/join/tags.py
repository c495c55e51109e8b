"""Tags of keys: a block cipher of each key's digest, so that equal keys have equal tags under one cipher key.

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

TAG_BYTES = 16
"""Of 2**32 different keys two have equal tags with probability 2**-65."""


def new_key() -> bytes:
    """A fresh cipher key."""
    return secrets.token_bytes(TAG_BYTES)


class Tagging:
    """A permutation of 128-bit values: AES under one key.

    Raises:
        ProtocolViolation: what is given as key is none.
    """

    def __init__(self, key: Any) -> None:
        if not isinstance(key, bytes) or len(key) != TAG_BYTES:
            raise ProtocolViolation("what keys are tagged with is no key")
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - a permutation

    def __call__(self, values: Digests) -> npt.NDArray[np.uint64]:
        """The tags of the first 16 bytes of each row, as two words each."""
        blocks = np.ascontiguousarray(values[:, :TAG_BYTES]).tobytes()
        return np.frombuffer(self._cipher.encryptor().update(blocks), "<u8").reshape(-1, 2)


def tagged(key: Any, keys: Digests) -> Digests:
    """The tags of a batch of digests, as bytes of shape (keys, 16)."""
    return Tagging(key)(keys).view(np.uint8)
