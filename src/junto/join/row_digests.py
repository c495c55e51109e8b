"""SHA-2 of each row of an array: by a kernel, or one by one by `hashlib`."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from junto.native import kernels

Octets = npt.NDArray[np.uint8]


def sha256_rows(rows: Octets) -> Octets:
    """SHA-256 of each row of bytes: [rows, 32]."""
    return _digests(rows, False)


def sha512_rows(rows: Octets) -> Octets:
    """SHA-512 of each row of bytes: [rows, 64]."""
    return _digests(rows, True)


def plain_digests(rows: Octets, wide: bool) -> Octets:
    """The same of `hashlib`: SHA-512 if `wide`, else SHA-256."""
    made, size, data = hashlib.sha512 if wide else hashlib.sha256, rows.shape[1], rows.tobytes()
    found = [made(data[row * size : (row + 1) * size]).digest() for row in range(len(rows))]
    return np.frombuffer(bytearray(b"".join(found)), np.uint8).reshape(-1, made().digest_size)


def _digests(rows: Octets, wide: bool) -> Octets:
    native = kernels()
    return plain_digests(rows, wide) if native is None else native.sha2(rows, wide)
