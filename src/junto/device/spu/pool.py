"""What two parties have made for later calls, on one party's disk: each entry serves one run, once.

    folder/key                    32 bytes, mode 0600 (or elsewhere): the key of everything else
    folder/<call>/fill            which filling this is: 16 bytes, the same at both parties
    folder/<call>/00000007        entry 7: 12 bytes of nonce, then AES-256-GCM (NIST SP 800-38D) of the entry

The ciphertext is bound to the call, the filling, the number and the party, so that no file passes for
another. An entry is gone from the disk, folder included, before anything is computed with it: after a crash
it is lost, and never used twice. (Whoever brings a folder back from a backup at *both* parties does use them
twice, and then the two could learn differences of each other's values. Do not back it up.)
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from junto.errors import DeviceError

KEY_BYTES = 32
NONCE_BYTES = 12
FILL_BYTES = 16
LARGEST = (1 << 31) - 1024
"""Bytes of an entry: what one AES-GCM call takes."""

NO_FILL = bytes(FILL_BYTES)
"""Of a call for which there is nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What one run needs.

    Attributes:
        key: of the party's keystream, from which its masks are drawn.
        after: what comes next in it after the run.
        made: for each demand of the plan what was made, in order.
    """

    key: bytes
    after: int
    made: Sequence[tuple[NDArray[Any], ...]]


class Pool:
    """One party's folder.

    Args:
        folder: is made if it is not there, for its owner's eyes only.
        key: the file of the key (default: in the folder), made likewise.
        party: 0 or 1.

    Raises:
        DeviceError: others may read the key, it is none, or the disk refuses. No message names a path.
    """

    def __init__(self, folder: Path, key: Path | None, party: int) -> None:
        self._folder = folder
        self._party = party
        with _disk("opened"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._cipher = AESGCM(_key(key or folder / "key"))

    def shelf(self, call: str) -> Shelf:
        """The entries for one call: `call` names its plan, its settings and its public arguments."""
        return Shelf(self._folder / call, self._cipher, f"{call}|{self._party}|".encode())

    def __repr__(self) -> str:
        return f"<Pool of P{self._party}>"


class Shelf:
    """The entries of one call. Made by `Pool.shelf`."""

    def __init__(self, folder: Path, cipher: AESGCM, about: bytes) -> None:
        self._folder = folder
        self._cipher = cipher
        self._about = about

    def begin(self, fill: bytes) -> None:
        """A new filling; what is left of an earlier one is gone, so that no two fillings mix."""
        with _disk("filled"):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            for path in self._folder.iterdir():
                path.unlink()
            _write(self._folder / "fill", fill)

    def put(self, number: int, entry: Entry) -> None:
        """Keep an entry.

        Raises:
            DeviceError: it is too large, or the disk refuses.
        """
        plain = _packed(entry)
        if len(plain) > LARGEST:
            raise DeviceError(
                f"what one run needs has {len(plain):,} bytes, and an entry of a pool {LARGEST:,} at most",
                fix="split the function, or let the call make it when it runs",
            )
        nonce = os.urandom(NONCE_BYTES)
        with _disk("filled"):
            _write(
                self._folder / f"{number:08d}",
                nonce + self._cipher.encrypt(nonce, plain, self._bound(number)),
            )

    def state(self) -> tuple[bytes, int, int]:
        """Which filling it is (`NO_FILL`: none), the first number, and one past the last one."""
        with _disk("read"):
            if not (self._folder / "fill").exists():
                return NO_FILL, 0, 0
            numbers = self._numbers()
            return self._fill(), min(numbers, default=0), max(numbers, default=-1) + 1

    def take(self, number: int) -> Entry | None:
        """An entry, which is gone from the disk then, as are those before it; None: it cannot be used."""
        with _disk("emptied"):
            path = self._folder / f"{number:08d}"
            data = path.read_bytes() if path.exists() else b""
            bound = self._bound(number)
            for each in self._numbers():
                if each <= number:
                    (self._folder / f"{each:08d}").unlink()
            sync_folder(self._folder)
        try:
            return _unpacked(self._cipher.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], bound))
        except (InvalidTag, ValueError):
            return None

    def _numbers(self) -> list[int]:
        return [int(path.name) for path in self._folder.iterdir() if path.name.isdecimal()]

    def _fill(self) -> bytes:
        return (self._folder / "fill").read_bytes()[:FILL_BYTES].ljust(FILL_BYTES, b"\0")

    def _bound(self, number: int) -> bytes:
        return self._about + self._fill() + number.to_bytes(8, "big")


# -------------------------------------------------------------------- files


def _key(path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, secrets.token_bytes(KEY_BYTES))
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise DeviceError("others on this machine may read the key of the pool", fix="chmod 600 is for it")
    data = path.read_bytes()
    if len(data) != KEY_BYTES:
        raise DeviceError(f"the key of the pool has {len(data)} bytes and should have {KEY_BYTES}")
    return data


def _write(path: Path, data: bytes) -> None:
    """At once and down to the disk, for its owner's eyes only."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Names that have come and gone are so on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk(what: str) -> Iterator[None]:
    """What the disk refuses is an error that names no path."""
    try:
        yield
    except OSError as error:
        raise DeviceError(
            f"this party's pool cannot be {what}: {error.strerror}",
            fix="see that its folder may be written to, and that the disk has room",
        ) from error


# -------------------------------------------------------------------- entries as bytes


def _packed(entry: Entry) -> bytes:
    forms = [[(part.dtype.str, part.shape) for part in made] for made in entry.made]
    head = json.dumps({"key": entry.key.hex(), "after": entry.after, "forms": forms}).encode()
    arrays = [np.ascontiguousarray(part).tobytes() for made in entry.made for part in made]
    return b"".join([len(head).to_bytes(8, "big"), head, *arrays])


def _unpacked(data: bytes) -> Entry:
    """The inverse, of what this party has written and sealed itself."""
    start = 8 + int.from_bytes(data[:8], "big")
    head = json.loads(data[8:start])
    made: list[tuple[NDArray[Any], ...]] = []
    for forms in head["forms"]:
        parts = []
        for dtype, shape in forms:
            count = int(np.prod(shape, dtype=np.int64))
            part = np.frombuffer(data, np.dtype(dtype), count, start).reshape(shape)
            parts.append(part.copy())
            start += part.nbytes
        made.append(tuple(parts))
    return Entry(bytes.fromhex(head["key"]), int(head["after"]), made)
