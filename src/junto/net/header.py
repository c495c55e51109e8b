"""What stands before each frame of an ordered stream, on every carrier. Pure: no socket, no clock.

    offset  bytes    field
    0       1        0x02: control frames and chunks begin with another byte, see `frames`
    1       1        kind, and in the two upper bits the width of each number below: 2, 4 or 8 bytes (0, 1, 2)
    2       1        detail: the reason in `ABORT`, `MORE` in a part of a `MESSAGE` but the last, else 0
    3       a width  stream: which one between the two parties; 0 where there is one only, in memory
                     number: of the frames of this stream and direction, from 0
                     check: the operation that it belongs to (`check_of`)

Integers are big-endian, and as short as the largest of the three allows: so each header has one form only.
Of two frames that follow each other on a connection, the second mostly differs from the first in its number
alone, which is one more. Then a single byte, 0x03, stands for its header. Both ends know what it means from
what has passed this connection before (`following`).

What follows the header is as long as the message that the carrier has brought. The reader knows beforehand
what has to arrive, so each field is compared with what is due, and memory is taken only for what was asked
for.
"""

from __future__ import annotations

import enum
import hashlib
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

MARK, FOLLOWS = b"\x02", b"\x03"
MARKS = (MARK, FOLLOWS)
NO_FRAME = "what arrives is no frame of a link"
MORE = 1
_KINDS = 0x3F
_WIDTHS = tuple(struct.Struct(f"!cBB{code * 3}") for code in "HIQ")
_BELOW = (1 << 16, 1 << 32, 1 << 64)
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
    """What a header says; `kind` may be one that nobody knows."""

    kind: int
    detail: int
    stream: int
    number: int
    check: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """A frame of an ordered stream: its header, and what follows."""

    header: Header
    body: bytes | memoryview = field(repr=False)


def pack(header: Header) -> bytes:
    """The header's bytes."""
    _, detail, stream, number, check = header
    most = stream if stream > number else number
    most = most if most > check else check
    width = (most >= _BELOW[0]) + (most >= _BELOW[1])
    return _WIDTHS[width].pack(MARK, header[0] | width << 6, detail, stream, number, check)


def following(header: Header) -> Header:
    """The header that a single byte stands for after this one."""
    kind, detail, stream, number, check = header
    return Header(kind, detail, stream, (number + 1) % _BELOW[2], check)


def parse(data: bytes | memoryview) -> Ordered:
    """Read a frame. Raises ValueError, with a sentence, if it is none."""
    width = data[1] >> 6 if len(data) > 1 and data[:1] == MARK else 3
    if width == 3 or len(data) < _WIDTHS[width].size:
        raise ValueError(NO_FRAME)
    _, kind, detail, stream, number, check = _WIDTHS[width].unpack_from(data)
    if width and stream < (least := _BELOW[width - 1]) and number < least and check < least:
        raise ValueError(NO_FRAME)
    header = Header(kind & _KINDS, detail, stream, number, check)
    return Ordered(header, memoryview(data)[_WIDTHS[width].size :])


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
