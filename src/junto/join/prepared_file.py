"""The file of a prepared table: for each key a short hash, and if so asked, its columns encrypted.

Paper:     Cleary, "Compact hash tables using bidirectional linear probing", IEEE Transactions on Computers
           1984 (quotienting: a hash's first bits are where it stands); as in the filter of Bender and others,
           "Don't thrash: how to cache your hash on flash", VLDB 2012.
Holds:     of n keys the values of a pseudo-random function, 48 bits each, in 2**b buckets; sorted.
Wrong:     if, of a key that is not there, one of its bucket has the same 48 bits. On average a bucket has 64
           keys at most, 256 after updates: so it is taken for one of the table with a probability of 2**-40
           at most.
Size:      6 bytes a key, 8 a bucket, 32768 of the beginning; with columns 8 and 8 bytes a word beside.

The first 32 KiB say what is in the file, and are signed by a key that was made with it (Ed25519). Records
follow, then where each bucket begins; the beginning has a hash of both (SHA-256).
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from junto.errors import UNREADABLE, JoinError, ProtocolViolation
from junto.join.keys import Digests
from junto.join.request import MOST_KEYS, is_sentence
from junto.join.row_words import MOST_WORDS, Form, is_form
from junto.whole_files import written_whole

Numbers = npt.NDArray[np.int64]

MAGIC: Final = b"junto prepared table, version 1\n"
HEADER_BYTES: Final = 1 << 15
REST_BYTES: Final = 6
"""Of a hash, beside the bits that its bucket tells."""
BUCKET: Final = 64
"""Keys of a bucket, on average, of a new file at most."""
FULLEST: Final = 256
"""The same of any file."""
_SIGNATURE: Final = 64
_NONCE: Final = 8
_BLOCK: Final = 1 << 16
_MOST_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class PreparedHeader:
    """What the beginning of a file says.

    Attributes:
        name: of the function, 32 hexadecimal digits: all versions of a table that have one have its key.
        version: from 1 on.
        made, until: moments; later than the second it is not to be used.
        on, kinds: of the key columns, as a table reports them; see `TableActor.read`.
        keys: how many there are.
        bits: logarithm of the number of buckets.
        forms: of the columns that can be looked up; see `row_words`.
        digest: of what follows.
        signer: a public key.
    """

    name: str
    version: int
    made: str
    until: str
    on: list[str]
    kinds: list[str]
    keys: int
    bits: int
    forms: dict[str, Form]
    digest: str
    signer: str

    @property
    def words(self) -> int:
        """Of the columns of a row, with the first one; 0 without columns."""
        return 1 + sum(count for _, count in self.forms.values()) if self.forms else 0

    @property
    def record(self) -> int:
        """Bytes of a key in the file."""
        return record_bytes(self.forms)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return HEADER_BYTES + self.keys * self.record + 8 * ((1 << self.bits) + 1)

    def is_over(self, now: datetime) -> bool:
        """Whether the file is not to be used any more."""
        return now > datetime.fromisoformat(self.until)

    def sealed(self, signing: Ed25519PrivateKey) -> bytes:
        """As bytes, with a signature."""
        text = json.dumps(asdict(self)).encode()
        signed = MAGIC + len(text).to_bytes(4, "little") + text
        made = signed + signing.sign(signed)
        if len(made) > HEADER_BYTES:
            raise JoinError(
                "the names of so many columns are too long for the file",
                fix="take fewer columns, or shorter names",
            )
        return made


def beginning(raw: bytes) -> bytes:
    """What the first bytes of a file say, without those that fill them up."""
    start = len(MAGIC) + 4
    return raw[: start + int.from_bytes(raw[start - 4 : start], "little") + _SIGNATURE]


def header_of(raw: Any, sender: str) -> PreparedHeader:
    """What the bytes say, once they say it.

    Raises:
        ProtocolViolation: they are no such beginning, or another one than was signed.
    """
    wrong = ProtocolViolation(f"what {sender} has is not the beginning of a prepared table")
    if not isinstance(raw, bytes) or len(raw) > HEADER_BYTES or not raw.startswith(MAGIC):
        raise wrong
    start, end = len(MAGIC) + 4, len(raw) - _SIGNATURE
    if end - start != int.from_bytes(raw[start - 4 : start], "little"):
        raise wrong
    try:
        found = json.loads(raw[start:end])
        header = PreparedHeader(**found)
        right = _is_header(header)
        if right:
            signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(header.signer))
            signer.verify(raw[end:], raw[:end])
    except (*UNREADABLE, InvalidSignature):
        raise wrong from None
    if not right:
        raise wrong
    return header


def _is_header(header: PreparedHeader) -> bool:
    numbers = (header.version, header.keys, header.bits)
    texts = {"name": 32, "digest": 64, "signer": 64}
    for each, length in texts.items():
        text = getattr(header, each)
        if not isinstance(text, str) or len(text) != length or bytes.fromhex(text).hex() != text:
            return False
    if any(type(number) is not int or number < 0 for number in numbers):
        return False
    if header.bits > _MOST_BITS or header.keys > min(MOST_KEYS, FULLEST << header.bits):
        return False
    for text in (header.made, header.until):
        if datetime.fromisoformat(text).tzinfo is None:
            return False
    lists = all(isinstance(each, list) and all(map(is_sentence, each)) for each in (header.on, header.kinds))
    named = isinstance(header.forms, dict) and all(map(is_sentence, header.forms))
    return (
        lists
        and len(header.on) == len(header.kinds)
        and named
        and all(map(is_form, header.forms.values()))
        and header.words <= MOST_WORDS
    )


def now() -> datetime:
    """The moment, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def bits_for(keys: int) -> int:
    """Of a new file."""
    return (-(-keys // BUCKET) - 1).bit_length() if keys > BUCKET else 0


def record_bytes(forms: Mapping[str, Form]) -> int:
    """Of a key in a file with these columns."""
    return REST_BYTES + (_NONCE + 8 * (1 + sum(count for _, count in forms.values())) if forms else 0)


def file_bytes(keys: int, record: int) -> int:
    """Of a new file."""
    return HEADER_BYTES + keys * record + 8 * ((1 << bits_for(keys)) + 1)


def tags_of(values: Digests) -> npt.NDArray[np.uint64]:
    """Of values of the function, what keys are found by: [keys, 2]."""
    return np.ascontiguousarray(values[:, :16]).view("<u8").astype(np.uint64)


def split(tags: npt.NDArray[np.uint64], bits: int) -> tuple[Numbers, npt.NDArray[np.uint64]]:
    """The bucket of each tag, and the 48 bits that follow."""
    high, low = tags[:, 0], tags[:, 1]
    if not bits:
        return np.zeros(len(tags), np.int64), high >> np.uint64(16)
    bucket = (high >> np.uint64(64 - bits)).astype(np.int64)
    following = high << np.uint64(bits) | low >> np.uint64(64 - bits)
    return bucket, following >> np.uint64(16)


def rest_bytes(rests: npt.NDArray[np.uint64]) -> Digests:
    """48 bits each, as bytes, highest first."""
    return np.ascontiguousarray(rests.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:])


def encrypted(values: Digests, words: Digests) -> Digests:
    """Rows as bytes under keys of the function's values and a fresh nonce: a key's row may change."""
    nonce = secrets.token_bytes(_NONCE)
    stream = _stream(values, [nonce] * len(values), words.shape[1])
    head = np.tile(np.frombuffer(nonce, np.uint8), (len(values), 1))
    return np.hstack([head, words ^ stream])


def decrypted(values: Digests, records: Digests) -> Digests:
    """Rows as bytes again, of records without their hash."""
    nonces = [row.tobytes() for row in records[:, :_NONCE]]
    plain: Digests = records[:, _NONCE:] ^ _stream(values, nonces, records.shape[1] - _NONCE)
    return plain


def _stream(values: Digests, nonces: list[bytes], size: int) -> Digests:
    keys = [row.tobytes() for row in values[:, 16:]]
    made = [hashlib.shake_128(key + nonce).digest(size) for key, nonce in zip(keys, nonces, strict=True)]
    return np.frombuffer(b"".join(made), np.uint8).reshape(-1, size)


class FileState(NamedTuple):
    """By which a file is known again, unless somebody has changed it."""

    device: int
    number: int
    size: int
    changed: int
    noted: int


def state_of(descriptor: int) -> FileState:
    """Of an open file."""
    found = os.fstat(descriptor)
    return FileState(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@lru_cache(maxsize=32)
def digest_after(path: str, start: int, state: FileState) -> str:
    """SHA-256 of what follows `start` bytes of a file, read once while it is in this state; "" in others."""
    with open(path, "rb") as file:
        if state_of(file.fileno()) != state:
            return ""
        file.seek(start)
        return hashlib.file_digest(file, "sha256").hexdigest()


class PreparedFile:
    """A file that is there, read as needed.

    Args:
        path: where.
        sender: whose it is, for messages.

    Raises:
        OSError: it cannot be read.
        ProtocolViolation: it is no such file.
    """

    def __init__(self, path: str, sender: str) -> None:
        with open(path, "rb") as file:
            self.sealed: bytes = beginning(file.read(HEADER_BYTES))
            self.header: PreparedHeader = header_of(self.sealed, sender)
            self._state = state_of(file.fileno())
            if self._state.size != self.header.size:
                raise ProtocolViolation(f"the prepared table of {sender} is not whole")
        header, self._sender, self._path = self.header, sender, path
        self.raw: Digests = np.memmap(path, np.uint8, "r")
        body, end = self.raw[HEADER_BYTES:], header.keys * header.record
        self.records: Digests = body[:end].reshape(header.keys, header.record)
        self.starts: Numbers = body[end:].view("<i8").astype(np.int64, copy=False)

    def check(self) -> None:
        """Raise ProtocolViolation if the file is not what was signed."""
        starts = self.starts
        right = starts[0] == 0 and starts[-1] == self.header.keys and bool((np.diff(starts) >= 0).all())
        if not right or digest_after(self._path, HEADER_BYTES, self._state) != self.header.digest:
            raise ProtocolViolation(f"the prepared table of {self._sender} is not what was signed")

    def find(self, tags: npt.NDArray[np.uint64]) -> Numbers:
        """Which record each tag has; -1 for those without one."""
        buckets, wanted = split(tags, self.header.bits)
        low, end = self.places(tags), self.starts[buckets + 1]
        found = np.full(len(tags), -1)
        there = np.flatnonzero(low < end)
        there = there[self._rests(low[there]) == wanted[there]]
        found[there] = low[there]
        return found

    def places(self, tags: npt.NDArray[np.uint64]) -> Numbers:
        """The first record of each tag's bucket that is not below it, or where the next bucket begins."""
        buckets, wanted = split(tags, self.header.bits)
        low, high = self.starts[buckets].copy(), self.starts[buckets + 1].copy()
        while len(open_ := np.flatnonzero(low < high)):
            middle = (low[open_] + high[open_]) // 2
            less = self._rests(middle) < wanted[open_]
            low[open_] = np.where(less, middle + 1, low[open_])
            high[open_] = np.where(less, high[open_], middle)
        return low

    def _rests(self, rows: Numbers) -> npt.NDArray[np.uint64]:
        wide = np.zeros((len(rows), 8), np.uint8)
        wide[:, 2:] = self.records[rows, :REST_BYTES]
        return wide.view(">u8").ravel().astype(np.uint64)


def write_prepared(
    path: str, parts: Iterable[tuple[Numbers, Digests]], bits: int, sealed: Callable[[str], bytes]
) -> None:
    """Write a file, whole or not at all.

    Args:
        path: where.
        parts: in order: buckets and records.
        bits: logarithm of the number of buckets.
        sealed: the beginning, once the digest of the rest is known.
    """
    counts, digest = np.zeros(1 << bits, np.int64), hashlib.sha256()
    with written_whole(path) as made, made.open("wb") as file:
        file.write(bytes(HEADER_BYTES))
        for buckets, records in parts:
            counts += np.bincount(buckets, minlength=len(counts))
            raw = np.ascontiguousarray(records).data
            digest.update(raw)
            file.write(raw)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype("<i8").tobytes()
        digest.update(starts)
        file.write(starts)
        file.seek(0)
        file.write(sealed(digest.hexdigest()).ljust(HEADER_BYTES, b"\0"))


@dataclass(frozen=True, slots=True)
class TableChange:
    """What makes of one version of a file the next one.

    Attributes:
        gone: numbers of records of the old one, in order.
        at: before which records of the old one new ones stand, in order.
        buckets: of the new ones.
        records: the new ones.
    """

    gone: Numbers
    at: Numbers
    buckets: Numbers
    records: Digests

    def packed(self) -> bytes:
        """As bytes."""
        sizes = np.array([len(self.gone), len(self.at)], "<i8")
        numbers = [sizes, *(each.astype("<i8") for each in (self.gone, self.at, self.buckets))]
        return b"".join(each.tobytes() for each in numbers) + self.records.tobytes()

    @classmethod
    def unpacked(cls, raw: bytes, record: int, old: int, bits: int) -> TableChange:
        """Of bytes that another party sent; `old`: records of the old version.

        Raises:
            ValueError: they are none.
        """
        gone, new = (int(each) for each in np.frombuffer(raw, "<i8", 2))
        if min(gone, new) < 0 or len(raw) != 16 + 8 * gone + (16 + record) * new:
            raise ValueError("sizes")
        numbers = np.frombuffer(raw, "<i8", gone + 2 * new, 16).astype(np.int64)
        taken, at, buckets = np.split(numbers, [gone, gone + new])
        records = np.frombuffer(raw, np.uint8, offset=16 + 8 * len(numbers)).reshape(new, record)
        if _outside(taken, old) or _outside(at, old + 1) or _outside(buckets, 1 << bits):
            raise ValueError("numbers")
        if (np.diff(taken) <= 0).any() or (np.diff(at) < 0).any():
            raise ValueError("order")
        return cls(taken, at, buckets, records)

    def parts(self, old: PreparedFile) -> Iterator[tuple[Numbers, Digests]]:
        """Buckets and records of the new version, in order."""
        for start in range(0, old.header.keys + 1, _BLOCK):
            end = min(start + _BLOCK, old.header.keys)
            last = end == old.header.keys
            rows = np.setdiff1d(np.arange(start, end), self.gone, assume_unique=True)
            some = slice(*np.searchsorted(self.at, [start, end + 1 if last else end]))
            order = np.lexsort((np.repeat([0, 1], [len(self.at[some]), len(rows)]), [*self.at[some], *rows]))
            buckets = np.searchsorted(old.starts, rows, side="right") - 1
            yield (
                np.concatenate([self.buckets[some], buckets])[order],
                np.concatenate([self.records[some], old.records[rows]])[order],
            )
            if last:
                return


def _outside(numbers: Numbers, end: int) -> bool:
    return bool(len(numbers)) and (int(numbers.min()) < 0 or int(numbers.max()) >= end)
