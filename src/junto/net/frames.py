"""What travels on a connection between two parties: bytes in, frames out, and back. No I/O.

Each side dials the other one, and a connection carries both directions, whoever has opened it. What a party
sends goes on the connection that the other one has named last (`Resumed`): the one that the sender has
dialled, where there is one, else the other one's. A message is one of

    0x00 + MessagePack list of control frames     (several frames queued together leave in one message)
    0x01 + transfer (u64) + offset (u64) + bytes  (a chunk of a large value, big endian)
    0x02 or 0x03 ...                              (a frame of an ordered stream, see `header`)

`Any` is the closed set of control frames; `open_message` checks everything that can be checked without
knowing the state: types, unknown fields, lengths, ranges.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from junto.errors import ProtocolViolation
from junto.net.api import Abort, Activity, Count, Failure, Stamp, TransferKey
from junto.net.header import MARK, Ordered, parse
from junto.net.ordered import STREAMS
from junto.net.words import Lines, Long, Short, Words

PROTOCOL = 6
CHUNK_BYTES = 1 << 19
"""Half a mebibyte stays in a core's cache on its way through gRPC and TLS; 256 KiB and 1 MiB were slower."""

INLINE_BYTES = 1 << 20
BATCH_BYTES = 256 << 10
MESSAGE_BYTES = CHUNK_BYTES + INLINE_BYTES
NONCE_BYTES = 16
HISTORY_STAMPS = 128
AT_ONCE = 2_000
"""Transfers that one frame acknowledges at most."""

GAPS = 65_537
"""Ranges of settled transfers that a receiver tells at most: one more than a sender has under way."""

_CONTROL, _CHUNK = b"\x00", b"\x01"
_CHUNK_HEADER = struct.Struct(">cQQ")

Ranges: TypeAlias = tuple[tuple[Count, Count], ...]
Nonce = Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]


class ControlFrame(Words, frozen=True, forbid_unknown_fields=True):
    """Base of all control frames."""


class Hello(ControlFrame, frozen=True, tag=1):
    """Who we are and what must be equal. First on every connection, and the answer to it.

    Attributes:
        protocol: version of this file's law.
        party: the sender's name; must be the one its certificate names.
        job: name of the job.
        parties: all parties, sorted.
        facts: settings that must be equal, one readable line each.
        versions: of junto, Python and so on; see `handshake` for which may differ.
        nonce: this start of this party.
    """

    protocol: Count
    party: Short
    job: Short
    parties: Annotated[tuple[Short, ...], Meta(max_length=1000)]
    facts: Annotated[dict[Short, Long], Meta(max_length=2000)]
    versions: Annotated[dict[Short, Short], Meta(max_length=50)]
    nonce: Nonce


class Refused(ControlFrame, frozen=True, tag=2):
    """The connection is not accepted. `final`: it never will be, for the reason in `cause`."""

    kind: Short
    cause: Lines
    final: bool


class Resume(ControlFrame, frozen=True, tag=3):
    """The sender's run; once both have said the same, the connection is open for its values."""

    run: Nonce


class Declined(ControlFrame, frozen=True, tag=10):
    """This transfer is not taken and never will be. `no_room`: nothing is wrong with it; our disk is full."""

    transfer: Count
    cause: Long
    no_room: bool = False


class Resumed(ControlFrame, frozen=True, tag=4):
    """Send on this connection, which is open, from here on; this is what has arrived on earlier ones.

    Attributes:
        below: every transfer with a smaller number is settled.
        also: settled transfers from `below` on, as ranges (first, last).
        partial: (transfer, bytes) of values that have arrived in part and are still wanted.
        position: number of the receiver's newest operation.
        streams: (stream, frames read) of all ordered streams that the receiver has opened.
        turn: counts the connections that the receiver has named: of two it is the later one that counts, in
            whichever order they are heard.
        declined: of the settled transfers the latest that were not taken, for who has not heard of it.
    """

    below: Count
    also: Annotated[Ranges, Meta(max_length=GAPS)]
    partial: Annotated[Ranges, Meta(max_length=AT_ONCE)]
    position: Count
    streams: Annotated[Ranges, Meta(max_length=STREAMS)] = ()
    turn: Count = 0
    declined: Annotated[tuple[Declined, ...], Meta(max_length=AT_ONCE)] = ()


class Turned(ControlFrame, frozen=True, tag=16):
    """What follows on this connection answers the `Resumed` of this turn.

    Said where the connection was named before: what was asked for then may still be on its way on it.
    """

    turn: Count


class Value(ControlFrame, frozen=True, tag=5):
    """A small value, whole."""

    transfer: Count
    key: TransferKey
    stamp: Stamp
    payload: memoryview


class Offer(ControlFrame, frozen=True, tag=6):
    """A large value; its chunks follow once it is accepted."""

    transfer: Count
    key: TransferKey
    stamp: Stamp
    nbytes: Count


class Failed(ControlFrame, frozen=True, tag=7):
    """There is no value: the operation failed at its owner."""

    transfer: Count
    key: TransferKey
    stamp: Stamp
    failure: Failure


class Accept(ControlFrame, frozen=True, tag=8):
    """Send the chunks of this transfer, from its start."""

    transfer: Count


class Ack(ControlFrame, frozen=True, tag=9):
    """What has arrived.

    Attributes:
        settled: transfers that have arrived completely.
        partial: (transfer, bytes) of those under way.
        position: number of the receiver's newest operation.
        streams: (stream, frames read) of ordered streams.
    """

    settled: Annotated[tuple[Count, ...], Meta(max_length=AT_ONCE)]
    partial: Annotated[Ranges, Meta(max_length=AT_ONCE)]
    position: Count
    streams: Annotated[Ranges, Meta(max_length=AT_ONCE)] = ()


class Heartbeat(ControlFrame, frozen=True, tag=11):
    """We are alive, and this is what we do."""

    activity: Activity


class Ending(ControlFrame, frozen=True, tag=12):
    """The sender ends the run for all."""

    abort: Abort


class History(ControlFrame, frozen=True, tag=13):
    """The programs differ: the sender's latest operations, oldest first."""

    stamps: Annotated[tuple[Stamp, ...], Meta(max_length=HISTORY_STAMPS)]


class Bye(ControlFrame, frozen=True, tag=14):
    """The sender has finished, and this many transfers of its were settled."""

    transfers: Count


class Noted(ControlFrame, frozen=True, tag=15):
    """Answer to Ending (what = "ending") and Bye ("bye")."""

    what: Short


class Ping(ControlFrame, frozen=True, tag=17):
    """Say that you have heard the bytes before this, of which it is the number; see `pace`."""

    sent: Count


class Pong(ControlFrame, frozen=True, tag=18):
    """The answer to a `Ping`: its number."""

    sent: Count


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a large value."""

    transfer: int
    offset: int
    data: memoryview


Any: TypeAlias = (
    Hello | Refused | Resume  # the handshake
    | Value | Offer | Failed | Turned  # of who sends values
    | Resumed | Accept | Ack | Declined  # of who takes them
    | Heartbeat | Ending | History | Bye | Noted | Ping | Pong
)  # fmt: skip

_ENCODER = msgspec.msgpack.Encoder()
DECODER = msgspec.msgpack.Decoder(list[Any])


def pack(frames: Sequence[ControlFrame]) -> bytes:
    """One message of control frames."""
    return _CONTROL + _ENCODER.encode(frames)


def pack_chunk(transfer: int, offset: int, pieces: Iterable[memoryview]) -> bytes:
    """One message with a chunk; the one copy that a large value undergoes at its sender."""
    return b"".join((_CHUNK_HEADER.pack(_CHUNK, transfer, offset), *pieces))


def open_message(message: bytes) -> list[Any] | Chunk | Ordered:
    """Parse a message. Raises ProtocolViolation."""
    if message[:1] == MARK:
        try:
            return parse(message)
        except ValueError as error:
            raise ProtocolViolation(str(error)) from error
    if message[:1] == _CHUNK and len(message) > _CHUNK_HEADER.size:
        _, transfer, offset = _CHUNK_HEADER.unpack_from(message)
        return Chunk(transfer, offset, memoryview(message)[_CHUNK_HEADER.size :])
    if message[:1] != _CONTROL:
        raise ProtocolViolation("a message begins with none of the known bytes")
    try:
        frames = DECODER.decode(memoryview(message)[1:])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolViolation("a message does not parse as control frames") from error
    for frame in frames:
        if isinstance(frame, Value) and len(frame.payload) > INLINE_BYTES:
            raise ProtocolViolation("a small value is larger than small values are")
    return frames
