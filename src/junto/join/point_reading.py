"""Rows of a prepared table are read through point functions: at two servers, and at who asks.

Each server has the table of `fuse_table`, which it makes of the prepared file, and sums up the rows that a
selection picks: one bit a row, of which each server has a piece that says nothing.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from junto.errors import ProtocolViolation
from junto.join.answering import AskingDesk
from junto.join.fuse_table import FuseShape, Words, laid
from junto.join.point_function import evaluated, point_keys
from junto.join.prepared_file import (
    REST_BYTES,
    Numbers,
    PreparedFile,
    PreparedHeader,
    digest_after,
    header_of,
    rest_bytes,
    split,
    state_of,
    tags_of,
)
from junto.whole_files import write_whole

SLOTS: Final = 3
"""Of a key."""
_DIGEST: Final = 32
"""Bytes of a kept table that are SHA-256 of the others."""
_AT_ONCE: Final = 1 << 14
"""Rows whose words stay in a processor's cache."""


class PointServer:
    """One of the two that have the table.

    Args:
        owner: whose it is.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner

    def open(self, path: Any) -> int:
        """Have the table of the file at `path`, made now or before; the seed of its places.

        It is kept beside the file, as ``.points``, under the digest of what it is made of; one that is not
        whole is made anew.

        Raises:
            ProtocolViolation: the file at `path` is not what was signed.
        """
        file = PreparedFile(os.fspath(path), self._owner)
        self._shape = shape_of(file.header)
        words = _words(file.header)
        kept = Path(f"{os.fspath(path)}.{file.header.digest[:16]}.points")
        if not _is_whole(kept, 8 * (1 + words * self._shape.slots)):
            file.check()
            table, seed = laid(self._shape, *_rows(file))
            for old in kept.parent.glob(f"{Path(path).name}.*.points"):
                old.unlink(missing_ok=True)
            begins = np.uint64(seed).tobytes()
            digest = hashlib.sha256(begins)
            digest.update(table.data)
            write_whole(kept, [digest.digest(), begins, table.data])
        held = np.memmap(kept, np.uint64, "r", _DIGEST)
        self._table: Words = held[1:].reshape(words, self._shape.slots)
        return int(held[0])

    def read(self, keys: Any, count: int, sender: str) -> Words:
        """This server's piece of `count` rows, [count, words], of keys that `sender` made.

        Raises:
            ProtocolViolation: they are none.
        """
        pieces = evaluated(keys, SLOTS * count, self._shape.slots, sender)
        chosen = np.bitwise_xor.reduce(pieces.reshape(count, SLOTS, pieces.shape[1]), axis=1)
        found = np.empty((count, len(self._table)), np.uint64)
        for number, each in enumerate(chosen):
            found[number] = self._summed(each)
        return found

    def close(self) -> None:
        """Forget it."""
        del self._table

    def _summed(self, chosen: Words) -> Words:
        bits = np.unpackbits(chosen.view(np.uint8), bitorder="little")[: self._shape.slots]
        found = np.zeros(len(self._table), np.uint64)
        for start in range(0, self._shape.slots, _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            picked = np.negative(bits[some].astype(np.uint64))
            found ^= np.bitwise_xor.reduce(self._table[:, some] & picked, axis=1)
        return found


class PointDesk(AskingDesk):
    """The keys, at the party that asks two servers."""

    def points(self, sealed: bytes, seed: int, owner: str) -> tuple[bytes, bytes]:
        """What is asked of each server, of all keys."""
        header = self._header = header_of(sealed, owner)
        shape = shape_of(header)
        places = shape.places(_hashes(*split(tags_of(self._all_values()), header.bits)), seed)
        made = [point_keys(int(place), shape.slots) for place in places.ravel()]
        return b"".join(one for one, _ in made), b"".join(other for _, other in made)

    def combine(self, pieces: list[Any], names: list[str]) -> Any:
        """The rows of the keys, of both servers' pieces; see `LookupDesk.found`.

        Raises:
            ProtocolViolation: they are none.
        """
        header, values = self._header, self._all_values()
        shape = (len(values), _words(header))
        for piece in pieces:
            if not isinstance(piece, np.ndarray) or piece.dtype != np.uint64 or piece.shape != shape:
                raise ProtocolViolation(f"what a server sent is not {shape} words of a prepared table")
        records = (pieces[0] ^ pieces[1]).view(np.uint8)[:, : header.record]
        rests = rest_bytes(split(tags_of(values), header.bits)[1])
        there = (records[:, :REST_BYTES] == rests).all(axis=1)
        found = np.where(there, np.arange(len(values)), -1)
        return self.decrypt(header.forms, found, records, names)


def _is_whole(path: Path, size: int) -> bool:
    """Whether a seed and a table, of `size` bytes, are kept there as they were written."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        state, said = state_of(file.fileno()), file.read(_DIGEST)
    return state.size == _DIGEST + size and digest_after(str(path), _DIGEST, state) == said.hex()


def shape_of(header: PreparedHeader) -> FuseShape:
    """Of the table that is made of a file."""
    return FuseShape(header.keys, bytes.fromhex(header.digest))


def _words(header: PreparedHeader) -> int:
    return -(-header.record // 8)


def _hashes(buckets: Numbers, rests: Words) -> Words:
    return np.stack([buckets.astype(np.uint64), rests], axis=1)


def _rows(file: PreparedFile) -> tuple[Words, Words]:
    """Hashes and rows of words of a file; of equal hashes, which chance hardly makes, the first."""
    counts = np.diff(file.starts)
    buckets = np.repeat(np.arange(len(counts)), counts)
    wide = np.zeros((len(buckets), 8 * _words(file.header)), np.uint8)
    wide[:, : file.header.record] = file.records
    rests = np.zeros((len(buckets), 8), np.uint8)
    rests[:, 2:] = file.records[:, :REST_BYTES]
    hashes = _hashes(buckets, rests.view(">u8").ravel().astype(np.uint64))
    new = np.ones(len(hashes), bool)
    new[1:] = (hashes[1:] != hashes[:-1]).any(axis=1)
    return hashes[new], wide.view(np.uint64)[new]
