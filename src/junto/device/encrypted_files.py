"""What a party keeps in files, encrypted under a passphrase of its own.

The format, version 1:

    magic    16 bytes  "junto encrypted" and a newline
    version  4 bytes   1, the highest byte first
    salt     16 bytes  fresh for each file
    pieces   of 2**20 bytes each, but for the last: AES-256-GCM, with 16 bytes more

The key is that of scrypt (RFC 7914; N = 2**15, r = 8, p = 1) of passphrase and salt. A piece's nonce is its
number, 11 bytes, and 1 if it is the last one, else 0, so that pieces cannot be moved, left out or cut off
(Hoang et al., "Online authenticated encryption and its nonce-reuse misuse-resistance", CRYPTO 2015: STREAM);
what stands before the pieces is authenticated with each.

A passphrase's source is what it is of a private key: ``"env:NAME"``, ``"file:PATH"`` or ``"prompt"``.
"""

from __future__ import annotations

import io
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from junto.config.passphrase import read_passphrase, require_source
from junto.errors import CertificateError, DeviceError

MAGIC: Final = b"junto encrypted\n"
VERSION: Final = struct.pack(">I", 1)
SALT_BYTES, TAG_BYTES = 16, 16
PIECE: Final = 2**20
HEAD: Final = len(MAGIC) + len(VERSION) + SALT_BYTES
WHAT: Final = "this party's files"


class PlainSink(Protocol):
    """What bytes are written to."""

    def write(self, data: Any, /) -> Any:
        """Write bytes, or what has a buffer of them."""


def require_passphrase(source: str | None) -> None:
    """Raise a DeviceError unless it says where a passphrase is. The passphrase itself is not taken."""
    if source is None:
        return
    try:
        require_source(WHAT, source)
    except CertificateError as error:
        raise DeviceError(error.message, fix=error.fix) from None


@contextmanager
def encrypting(file: BinaryIO, source: str | None) -> Iterator[PlainSink]:
    """What is written comes into the file encrypted; without a source as it is.

    Raises:
        DeviceError: there is no passphrase.
    """
    if source is None:
        yield file
        return
    salt = secrets.token_bytes(SALT_BYTES)
    writer = _Sealer(file, MAGIC + VERSION + salt, _key(source, salt, new=True))
    yield writer
    writer.finish()


def opened(path: Path, source: str | None) -> tuple[BinaryIO, int]:
    """A file to read, decrypted if it is encrypted, and how many bytes it has.

    Raises:
        DeviceError: it is encrypted and no passphrase is given, or the other way round; the passphrase is
            another one; the file was changed or cut off. The message names no path: it may travel.
        OSError: it cannot be read.
    """
    file = path.open("rb")
    try:
        size = os.fstat(file.fileno()).st_size
        head = file.read(HEAD)
        if not head.startswith(MAGIC):
            if source is not None:
                raise DeviceError(
                    "this party's file is not encrypted, although a passphrase is given",
                    fix="see that it is the right file; or load it without passphrase=",
                )
            file.seek(0)
            return file, size
        if source is None:
            raise DeviceError(
                "this party's file is encrypted, and nothing says where its passphrase is",
                fix='passphrase="env:NAME", "file:PATH" or "prompt"',
            )
        with file:
            plain = _decrypted(file, head, source, size)
        return io.BytesIO(plain), len(plain)
    except BaseException:
        file.close()
        raise


class _Sealer:
    def __init__(self, file: BinaryIO, head: bytes, key: Any) -> None:
        self._file, self._head, self._key = file, head, key
        self._waiting, self._pieces = bytearray(), 0
        file.write(head)

    def write(self, data: Any) -> None:
        rest = memoryview(data).cast("B")
        while len(self._waiting) + len(rest) > PIECE:  # one that is full may be the last
            room = PIECE - len(self._waiting)
            self._waiting += rest[:room]
            rest = rest[room:]
            self._seal(last=False)
        self._waiting += rest

    def finish(self) -> None:
        self._seal(last=True)

    def _seal(self, last: bool) -> None:
        self._file.write(self._key.encrypt(_nonce(self._pieces, last), bytes(self._waiting), self._head))
        self._waiting.clear()
        self._pieces += 1


def _decrypted(file: BinaryIO, head: bytes, source: str, size: int) -> bytearray:
    from cryptography.exceptions import InvalidTag

    if head[len(MAGIC) : -SALT_BYTES] != VERSION or len(head) < HEAD:
        raise DeviceError(
            "this party's file is encrypted in a way that this junto does not know",
            fix="read it with the version of junto that wrote it, or a newer one",
        )
    key, plain, number, left = _key(source, head[-SALT_BYTES:]), bytearray(), 0, size - HEAD
    try:
        while True:
            piece = file.read(PIECE + TAG_BYTES)
            left -= len(piece)
            last = left <= 0
            plain += key.decrypt(_nonce(number, last), piece, head)
            number += 1
            if last:
                return plain
    except (InvalidTag, ValueError):
        raise DeviceError(
            "this party's file does not open: the passphrase is another one, or the file was changed",
            fix="see that passphrase= says where that of the time of writing is, or fetch a copy of the file",
        ) from None


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _key(source: str, salt: bytes, *, new: bool = False) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    try:
        passphrase = read_passphrase(WHAT, source, repeat=new)
    except CertificateError as error:
        raise DeviceError(  # the other message may name a path
            f"{WHAT} have no passphrase: that from {source.partition(':')[0]} is not there",
            fix="see that the variable is set at this party, or that the file may be read and is not empty",
        ) from error
    return AESGCM(Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase))
