"""What two parties have made for later calls, on one party's disk: each entry serves one run, once.

    folder/<call>/00000007   entry 7: 12 bytes of nonce, then AES-256-GCM (NIST SP 800-38D) of the entry
    folder.key               mode 0600 (or elsewhere): for each call 32 bytes of its name, 16 of its filling,
                             8 of the next number, 32 of its chain key
    lock                     in the folder and beside the key (``.lock``): held while a pool is open

A *chain key* makes the key of one entry and the next chain key (HKDF-SHA256, RFC 5869), and is then gone:
the key file is replaced, down to the disk, before the entry is read. So an entry that was used, or passed
over, can neither be used nor be decrypted again, whatever remains of its file: a copy of the folder that is
brought back brings no entry back. Only who brings back *both* files at *both* parties makes masks serve
twice, and then the two could learn differences of each other's values. Do not back up the key file.

The ciphertext is bound to the call, the filling, the number and the party, so that no file passes for
another. An entry's file is renamed before it is read: of two who want it, one gets it, even where the file
system keeps no locks. After a crash between that and its use it is lost, and never used twice.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from junto.errors import DeviceError
from junto.mpc.prg import SECRET_BYTES, derive_secret
from junto.mpc.ring128 import WIDE_DTYPE, as_ring
from junto.whole_files import sync, write_whole

NONCE_BYTES = 12
FILL_BYTES = 16
LARGEST = (1 << 31) - 1024
"""Bytes of an entry: what one AES-GCM call takes."""

NO_FILL = bytes(FILL_BYTES)
"""Of a call for which there is nothing."""

_RECORD = struct.Struct(f">32s{FILL_BYTES}sQ{SECRET_BYTES}s")
_CLAIMED = ".claimed"
_SHELF, _NUMBER = 32 * "[0-9a-f]", 8 * "[0-9]"
_LEFT_OVER = f"{_SHELF}/{_NUMBER}.*{_CLAIMED}", f"{_SHELF}/.{_NUMBER}.*.part"
"""By a crash: entries that were claimed and cannot be used any more, and drafts."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PoolEntry:
    """What one run needs.

    Attributes:
        key: of the party's keystream, from which its masks are drawn.
        after: what comes next in it after the run.
        made: for each demand of the plan what was made, in order.
    """

    key: bytes
    after: int
    made: Sequence[tuple[NDArray[Any], ...]]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Chain:
    """Where the keys of one call's entries have come to.

    Attributes:
        fill: which filling of the call it is, the same at both parties.
        number: of the next entry.
        key: from which its key is made.
    """

    fill: bytes
    number: int
    key: bytes

    def entry_key(self) -> AESGCM:
        """Of the entry `number`."""
        return AESGCM(derive_secret(self.key, "entry", self.number))

    def at(self, number: int) -> _Chain:
        """The chain at a later entry: from there no way leads back."""
        chain = self
        while chain.number < number:
            chain = replace(chain, number=chain.number + 1, key=derive_secret(chain.key, "next"))
        return chain


class CorrelationPool:
    """One party's folder, open: nobody else opens it, or its key, until `close`.

    Args:
        folder: is made if it is not there, for its owner's eyes only.
        key: the file of the keys (default: beside the folder), made likewise.
        party: 0 or 1.

    Raises:
        DeviceError: another SPU or process has it open; others may enter the folder or read the key; it is
            no key; or the disk refuses. No message names a path.
    """

    def __init__(self, folder: Path, key: Path | None, party: int) -> None:
        self._folder = folder
        self._party = party
        path = folder.with_name(folder.name + ".key") if key is None else key
        with ExitStack() as undo, _disk("opened"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _own_alone(folder, "enter the folder", "700")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for place in (folder / "lock", path.with_name(path.name + ".lock")):
                undo.enter_context(_locked(place))
            self._keys = _ChainKeys(path)
            for pattern in _LEFT_OVER:
                for path in folder.glob(pattern):
                    path.unlink()
            self._locks = undo.pop_all()

    def shelf(self, call: str) -> Shelf:
        """The entries for one call: `call` names its plan, its settings and its public arguments."""
        return Shelf(self._folder / call, self._keys, call, f"{call}|{self._party}|".encode())

    def close(self) -> None:
        """Let others open it. Idempotent."""
        self._locks.close()

    def __repr__(self) -> str:
        return f"<Pool of P{self._party}>"


class Shelf:
    """The entries of one call. Made by `CorrelationPool.shelf`."""

    def __init__(self, folder: Path, keys: _ChainKeys, call: str, about: bytes) -> None:
        self._folder = folder
        self._keys = keys
        self._call = call
        self._about = about
        self._filling: _Chain | None = None

    def begin(self, fill: bytes) -> None:
        """A new filling; what is left of an earlier one is gone, so that no two fillings mix."""
        chain = _Chain(fill, 0, secrets.token_bytes(SECRET_BYTES))
        with _disk("filled"):
            self._keys.put(self._call, chain)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            for path in self._folder.iterdir():
                path.unlink()
        self._filling = chain

    def put(self, entry: PoolEntry) -> None:
        """Keep the next entry of the filling.

        Raises:
            DeviceError: it is too large, or the disk refuses.
        """
        chain = self._filling
        if chain is None:
            raise TypeError("a filling has to begin before an entry is kept")
        plain = _packed(entry)
        if len(plain) > LARGEST:
            raise DeviceError(
                f"what one run needs has {len(plain):,} bytes, and an entry of a pool {LARGEST:,} at most",
                fix="split the function, or let the call make it when it runs",
            )
        nonce = os.urandom(NONCE_BYTES)
        sealed = chain.entry_key().encrypt(nonce, plain, self._bound(chain))
        with _disk("filled"):
            write_whole(self._folder / f"{chain.number:08d}", [nonce + sealed], mode=0o600)
        self._filling = chain.at(chain.number + 1)

    def state(self) -> tuple[bytes, int, int]:
        """Which filling it is (`NO_FILL`: none), the first number, and one past the last one."""
        with _disk("read"):
            chain = self._keys.get(self._call)
            if chain is None:
                return NO_FILL, 0, 0
            numbers = [number for number in self._numbers() if number >= chain.number]
            return chain.fill, min(numbers, default=0), max(numbers, default=-1) + 1

    def take(self, number: int) -> PoolEntry | None:
        """An entry, which is gone from the disk then, as are those before it; None: it cannot be used."""
        with _disk("emptied"):
            chain = self._keys.get(self._call)
            if chain is None or number < chain.number:
                return None
            chain = chain.at(number)
            self._keys.put(self._call, chain.at(number + 1))  # from here on nobody can use it but we
            data = self._claimed(number)
            for each in self._numbers():
                if each <= number:
                    (self._folder / f"{each:08d}").unlink(missing_ok=True)
            sync(self._folder)
        try:
            plain = chain.entry_key().decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], self._bound(chain))
            return _unpacked(plain)
        except (InvalidTag, ValueError):
            return None

    def _claimed(self, number: int) -> bytes:
        """What is in the file of an entry, which has no name any more; empty: it is not there."""
        claimed = self._folder / f"{number:08d}.{secrets.token_hex(8)}{_CLAIMED}"
        try:
            (self._folder / f"{number:08d}").rename(claimed)
        except FileNotFoundError:
            return b""
        data = claimed.read_bytes()
        claimed.unlink()
        return data

    def _numbers(self) -> list[int]:
        if not self._folder.exists():
            return []
        return [int(path.name) for path in self._folder.iterdir() if path.name.isdecimal()]

    def _bound(self, chain: _Chain) -> bytes:
        return self._about + chain.fill + chain.number.to_bytes(8, "big")


# -------------------------------------------------------------------- keys


class _ChainKeys:
    """The file of the chain keys. Nothing of it is remembered: what counts is what is on the disk.

    Args:
        path: is made if it is not there.

    Raises:
        DeviceError: others may read it, or it is no such file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            write_whole(path, [b""], mode=0o600)
        _own_alone(path, "read the key", "600")
        self._chains()

    def get(self, call: str) -> _Chain | None:
        """Where the keys of `call` have come to; None: it was never filled."""
        return self._chains().get(_called(call))

    def put(self, call: str, chain: _Chain) -> None:
        """From now on, down to the disk, the keys of `call` begin with `chain`."""
        chains = self._chains() | {_called(call): chain}
        records = [_RECORD.pack(name, each.fill, each.number, each.key) for name, each in chains.items()]
        write_whole(self._path, [b"".join(records)], mode=0o600)

    def __repr__(self) -> str:
        return "<keys of a pool>"

    def _chains(self) -> dict[bytes, _Chain]:
        data = self._path.read_bytes()
        if len(data) % _RECORD.size:
            raise DeviceError(
                f"the key of the pool has {len(data)} bytes and should have a multiple of {_RECORD.size}",
                fix="name another file, and fill the pool again",
            )
        return {name: _Chain(*rest) for name, *rest in _RECORD.iter_unpack(data)}


def _called(call: str) -> bytes:
    """A call's name in the key file."""
    name = call.encode()
    if len(name) > 32:
        raise ValueError("a call of a pool is named by 32 bytes at most")
    return name.ljust(32, b"\0")


# -------------------------------------------------------------------- files


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone, by a file that stays."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DeviceError(
                "another SPU or another process has this party's pool open, and an entry may serve only once",
                fix="give each SPU and each job a folder (and a key) of its own, or wait until the other one "
                "has ended",
            ) from None
        try:
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a process forked meanwhile has the descriptor, too
    finally:
        os.close(descriptor)


def _own_alone(path: Path, what: str, mode: str) -> None:
    about = path.stat()
    if about.st_uid != os.geteuid():
        raise DeviceError(
            "this party's pool belongs to another user of this machine",
            fix="name a place of the user who runs the party",
        )
    if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise DeviceError(f"others on this machine may {what} of the pool", fix=f"chmod {mode} is for it")


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


def _packed(entry: PoolEntry) -> bytes:
    forms = [[(part.dtype.str, part.shape) for part in made] for made in entry.made]
    head = json.dumps({"key": entry.key.hex(), "after": entry.after, "forms": forms}).encode()
    arrays = [np.ascontiguousarray(part).tobytes() for made in entry.made for part in made]
    return b"".join([len(head).to_bytes(8, "big"), head, *arrays])


def _unpacked(data: bytes) -> PoolEntry:
    """The inverse, of what this party has written and sealed itself."""
    start = 8 + int.from_bytes(data[:8], "big")
    head = json.loads(data[8:start])
    made: list[tuple[NDArray[Any], ...]] = []
    for forms in head["forms"]:
        parts = []
        for dtype, shape in forms:
            count = int(np.prod(shape, dtype=np.int64))
            kind = WIDE_DTYPE if dtype == WIDE_DTYPE.str else np.dtype(dtype)
            part = np.frombuffer(data, kind, count, start).reshape(shape)
            parts.append(as_ring(part.copy()))
            start += part.nbytes
        made.append(tuple(parts))
    return PoolEntry(bytes.fromhex(head["key"]), int(head["after"]), made)
