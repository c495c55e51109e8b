"""One party's part of a value that is kept in files: the format, version 1.

    magic      16 bytes  "junto-spu-share" and a newline
    version    4 bytes   1, the highest byte first, like all numbers here
    header     4 bytes of length, then JSON
    payload    the pieces of all arrays: ring elements as 8 bytes each, the lowest first (16 if field
               is FM128 and the array's layout names no ring of its own); bits packed
    checksum   32 bytes  SHA-256 of everything before

With a passphrase, all of it is encrypted: see `encrypted_files`.

The header's ``common`` is the same text in all parts of one dump and different for every dump: field,
fraction, roles, layout, and each part's seal, SHA-256 of its salt and payload. A seal says nothing of a
payload, because the salt stays in the part; so parts are compared without being shown. Whoever holds the
parts of both compute parties has the value.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import stat
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.device.encrypted_files import encrypting, opened
from junto.device.spu.layout import ArrayLayout, parse
from junto.errors import UNREADABLE, DeviceError
from junto.whole_files import draft_of, publish, sync

log: logging.Logger = logging.getLogger("junto.spu")

MAGIC = b"junto-spu-share\n"
VERSION = 1
SALT_BYTES = 32
CHECKSUM_BYTES = 32
LARGEST_HEADER = 64 << 20
RECEIPT_LETTERS = 32
"""128 bits: nobody finds a second dump with the same receipt."""

_LENGTHS = struct.Struct(">II")
Parcel = NDArray[np.uint64] | NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class DumpCommon:
    """What all parts of one dump have in common.

    Attributes:
        field: the ring's name, FM64 or FM128.
        fraction: bits after the point.
        roles: the parties in the roles P0, P1 and helper (which may be missing).
        layout: of the value.
        seals: of the parts, in the order of the roles.
    """

    field: str
    fraction: int
    roles: tuple[str, ...]
    layout: Any
    seals: tuple[str, ...]

    def words(self, leaf: ArrayLayout) -> int:
        """Words of a ring element of an array."""
        return (leaf.own.width if leaf.own else 128 if self.field == "FM128" else 64) // 64

    @property
    def receipt(self) -> str:
        """Names the dump: whoever keeps it can say later which one is wanted."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:RECEIPT_LETTERS]

    @property
    def text(self) -> str:
        """Canonical: equal for the parts of one dump, different for those of two."""
        return json.dumps(asdict(self) | {"layout": _to_json(self.layout)}, sort_keys=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Part:
    """What one file holds.

    Attributes:
        common: see `DumpCommon`.
        index: which of the roles has it.
        parcels: the pieces of all arrays; empty at the helper.
    """

    common: DumpCommon
    index: int
    parcels: Sequence[Parcel]


def common_of(text: str) -> DumpCommon:
    """What a party's part says, as all parties have heard it.

    Raises:
        DeviceError: it makes no sense.
    """
    try:
        found = json.loads(text)
        common = DumpCommon(
            field=str(found["field"]),
            fraction=int(found["fraction"]),
            roles=tuple(map(str, found["roles"])),
            layout=_from_json(found["layout"]),
            seals=tuple(map(str, found["seals"])),
        )
    except UNREADABLE as error:
        raise _damaged("its header makes no sense") from error
    if common.text != text or len(common.roles) != len(common.seals):
        raise _damaged("its header contradicts itself")
    return common


def seal(salt: bytes, parcels: Sequence[Parcel]) -> str:
    """What the other parties may know of a part."""
    state = hashlib.sha256(salt)
    for parcel in parcels:
        state.update(np.ascontiguousarray(parcel).data)
    return state.hexdigest()


def fresh_salt() -> bytes:
    """For one part of one dump."""
    return secrets.token_bytes(SALT_BYTES)


# ---------------------------------------------------------------- writing


class Draft:
    """A part that is written, and does not count yet.

    Args:
        path: where it is to be.
        overwrite: whether it may take the place of a file.

    Raises:
        DeviceError: there is a file, or it cannot be written. The message names no path: it may travel.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self._path = path
        self._overwrite = overwrite
        self._draft = draft_of(path)
        if not overwrite and path.exists():
            raise _exists()

    def write(self, part: Part, salt: bytes, passphrase: str | None = None) -> None:
        """Write it beside its place, for its owner's eyes only, down to the disk.

        Args:
            part: what the file holds.
            salt: of its seal.
            passphrase: where that of the file is; None: it is not encrypted.
        """
        about = {"common": part.common.text, "index": part.index, "salt": salt.hex()}
        header = json.dumps(about).encode()
        state = hashlib.sha256()
        try:
            descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                head = (MAGIC, _LENGTHS.pack(VERSION, len(header)), header)
                with encrypting(file, passphrase) as sink:
                    for piece in (*head, *map(_octets, part.parcels)):
                        state.update(piece)
                        sink.write(piece)
                    sink.write(state.digest())
            sync(self._draft)
        except OSError as error:
            self.drop()
            raise _cannot("be written", error) from error

    def publish(self) -> None:
        """Put it in its place, at once."""
        try:
            publish(self._draft, self._path, overwrite=self._overwrite)
        except FileExistsError:
            self.drop()
            raise _exists() from None
        except OSError as error:
            self.drop()
            raise _cannot("be put in its place", error) from error

    def drop(self) -> None:
        """Leave nothing behind. Idempotent."""
        self._draft.unlink(missing_ok=True)


def _exists() -> DeviceError:
    return DeviceError(
        "there is a file already where this party's part of the dump should go",
        fix="choose another path, or spu.dump(..., overwrite=True) at every party",
    )


def _cannot(what: str, error: OSError) -> DeviceError:
    return DeviceError(
        f"this party's part of the dump cannot {what}: {error.strerror}",
        fix="see that the folder exists, that it may be written to, and that the disk has room",
    )


def _octets(parcel: Parcel) -> Any:
    return np.ascontiguousarray(parcel).reshape(-1).view(np.uint8).data


# ---------------------------------------------------------------- reading


def read(path: Path, passphrase: str | None = None) -> Part:
    """Read a part, and check that it is whole; `passphrase`: where that of the file is.

    Raises:
        DeviceError: it is not there, no part, of another version, cut off or changed, or does not open with
            this passphrase. The message names no path: it may travel.
    """
    try:
        file, length = opened(path, passphrase)
        with file:
            about = path.stat()
            if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                log.warning("others on this machine may read a part of a dump: chmod 600 is for it")
            head = file.read(len(MAGIC) + _LENGTHS.size)
            header = file.read(_header_length(head))
            common, index, salt = _parse(header)
            described = parse(common.layout) if index < 2 else []
            sizes = [_size(leaf, common.words(leaf)) for leaf in described]
            whole = len(head) + len(header) + sum(sizes) + CHECKSUM_BYTES
            if length != whole:
                raise _damaged(f"it has {length} bytes and should have {whole}")
            payload, checksum = memoryview(file.read(sum(sizes))), file.read()
    except OSError as error:
        raise DeviceError(
            f"this party's part of the dump cannot be read: {error.strerror}",
            fix="see that the path is right",
        ) from error
    state = hashlib.sha256(head)
    state.update(header)
    state.update(payload)
    if state.digest() != checksum:
        raise _damaged("its checksum is wrong")
    parcels = _parcels(payload, described, list(map(common.words, described)))
    if seal(salt, parcels) != common.seals[index]:
        raise _damaged("its seal is wrong")
    return Part(common, index, parcels)


def _header_length(head: bytes) -> int:
    if len(head) != len(MAGIC) + _LENGTHS.size or not head.startswith(MAGIC):
        raise DeviceError(
            "this party's file is no part of a dump of an SPU", fix="see that the path is right"
        )
    version, length = _LENGTHS.unpack_from(head, len(MAGIC))
    if version != VERSION:
        raise DeviceError(
            f"this party's part of the dump is of version {version}, and this junto reads version {VERSION}",
            fix="read it with the version of junto that wrote it",
        )
    if length > LARGEST_HEADER:
        raise _damaged("its header is too long")
    return int(length)


def _parse(header: bytes) -> tuple[DumpCommon, int, bytes]:
    try:
        head = json.loads(header)
        text, index, salt = str(head["common"]), int(head["index"]), bytes.fromhex(head["salt"])
    except UNREADABLE as error:
        raise _damaged("its header makes no sense") from error
    common = common_of(text)
    if not 0 <= index < len(common.roles):
        raise _damaged("its header contradicts itself")
    return common, index, salt


def _size(leaf: ArrayLayout, words: int) -> int:
    """Bytes of the piece of one array."""
    count = int(np.prod(leaf.shape, dtype=object))
    return -(-count // 8) if leaf.dtype == "bool" else 8 * words * count


def _parcels(payload: memoryview, described: Sequence[ArrayLayout], lengths: Sequence[int]) -> list[Parcel]:
    made: list[Parcel] = []
    start = 0
    for leaf, words in zip(described, lengths, strict=True):
        size, shape = _size(leaf, words), leaf.shape if words == 1 else (*leaf.shape, words)
        octets = np.frombuffer(payload[start : start + size], np.uint8)
        made.append(octets if leaf.dtype == "bool" else octets.view(np.uint64).reshape(shape))
        start += size
    return made


def _damaged(how: str) -> DeviceError:
    return DeviceError(
        f"this party's part of the dump is damaged: {how}",
        fix="dump the value again, or fetch a copy of the part",
    )


# ---------------------------------------------------------------- layouts as JSON


def _to_json(layout: Any) -> Any:
    """A layout's tree: dicts as lists of pairs, for their keys need not be texts."""
    if layout is None or isinstance(layout, str):
        return layout
    if type(layout) is dict:
        if not all(isinstance(key, str | int | float | bool | None) for key in layout):
            raise DeviceError(
                "a dict whose keys are neither texts nor numbers cannot be kept in files",
                fix="make the keys texts: str(key)",
            )
        return {"dict": [[key, _to_json(item)] for key, item in layout.items()]}
    if type(layout) in (list, tuple):
        return {type(layout).__name__: [_to_json(item) for item in layout]}
    raise DeviceError(
        f"a {type(layout).__name__} cannot be kept in files", fix="make it a dict, a list or a tuple"
    )


def _from_json(text: Any) -> Any:
    if text is None or isinstance(text, str):
        return text
    ((kind, items),) = text.items()
    if kind == "dict":
        return {key: _from_json(item) for key, item in items}
    return {"list": list, "tuple": tuple}[kind](_from_json(item) for item in items)
