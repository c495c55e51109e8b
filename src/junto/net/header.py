"""What stands before each frame of an ordered stream, on every carrier. Pure: no socket, no clock.

    offset  bytes  field
    0       1      0x02: control frames and chunks begin with another byte, see `frames`
    1       1      kind
    2       2      detail: the reason in `ABORT`, `MORE` in a part of a `MESSAGE` that is not the last, else 0
    4       8      stream: which one between the two parties; 0 where there is one only, in memory
    12      8      number: of the frames of this stream and direction, from 0
    20      8      check: the operation that it belongs to (`check_of`)
    28      8      length of what follows

Integers are big-endian. The reader knows beforehand what has to arrive, so each field is compared with what
is due, and memory is taken only for what was asked for.
"""

from __future__ import annotations

import enum
import hashlib
import struct
from typing import NamedTuple

MARK = b"\x02"
_LAYOUT = struct.Struct("!cBHQQQQ")
HEADER_BYTES = _LAYOUT.size
MORE = 1
_NAMED = 1 << 63
"""Set in the check of an operation that is a word; without it the check is the operation's number."""


class Kind(enum.IntEnum):
    """What a frame is.

    LEFT_OUT and DONE say how an operation ended for its sender, who goes on with the next one. After END the
    sender's half of the stream has nothing more.
    """

    MESSAGE = 1
    STREAM = 2
    ABORT = 3
    CLOSE = 4
    LEFT_OUT = 9
    DONE = 10
    END = 11


class Reason(enum.IntEnum):
    """Why a node gives up, as far as the other may know it."""

    FAILED = 1
    LINK = 2
    TIMEOUT = 3
    STOPPED = 4

    @property
    def sentence(self) -> str:
        """For the other node's error."""
        return _SENTENCES[self.value - 1]


_SENTENCES = (
    "its part of the computation failed",
    "one of its links failed",
    "it waited too long",
    "its program was stopped",
)


def sentence_of(reason: int) -> str:
    """Like `Reason.sentence`, for a number that a peer sent."""
    try:
        return Reason(reason).sentence
    except ValueError:
        return f"reason {reason}"


class Header(NamedTuple):
    """A parsed header; `kind` may be one that nobody knows."""

    kind: int
    detail: int
    stream: int
    number: int
    check: int
    length: int


def pack(header: Header) -> bytes:
    """The header's bytes."""
    return _LAYOUT.pack(MARK, *header)


def parse(data: bytes | memoryview) -> Header:
    """Read a header. Raises ValueError, with a sentence, if it is none."""
    if data[:1] != MARK:
        raise ValueError("what arrives is no frame of a link")
    return Header(*_LAYOUT.unpack(data)[1:])


def check_of(operation: int | str) -> int:
    """The operation as 8 bytes of a header: a number as it is, a word as a hash."""
    if isinstance(operation, int):
        if not 0 <= operation < _NAMED:
            raise ValueError(f"an operation's number has to be between 0 and 2**63, and is {operation}")
        return operation
    digest = hashlib.blake2b(operation.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") | _NAMED


def text_of(operation: int | str) -> str:
    """The operation, for an error."""
    return f"operation {operation}" if isinstance(operation, int) else operation


def text_of_check(check: int) -> str:
    """What can be said of the operation of a check that a peer sent."""
    return "another operation" if check & _NAMED else f"operation {check}"
