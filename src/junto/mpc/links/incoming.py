"""What a channel receives: headers compared with what is due, and bytes put where they belong.

A frame is read in two steps: its header and then, straight into the memory of whoever asked, what
was asked for. Nothing is read ahead. So a node that does not read is not filled with what others send: the
system's buffers fill up, and the sender waits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from junto.errors import LinkError
from junto.mpc.links.channel import MOST_REASON, Counters, LeftOut
from junto.mpc.links.message_buffers import Due
from junto.mpc.links.place import Place
from junto.net.api import Pipe, PipeEnded
from junto.net.header import HEADER_BYTES, MARK, MORE, Header, Kind, parse, sentence_of

_BURST = 32
_SCRATCH_BYTES = 64 << 10


class Incoming:
    """The receiving half of a channel. Nothing in it waits.

    Attributes:
        ended: the last operation of which the other node has said how it ended there; -1: none.
        last_left_out: the last operation that either node has left out; -1: none.
    """

    def __init__(self, pipe: Pipe, place: Place, counters: Counters) -> None:
        self._pipe = pipe
        self._place = place
        self._counters = counters
        self._bytes = memoryview(bytearray(HEADER_BYTES))
        self._got = 0
        self._number = 0
        self._header = Header(0, 0, 0, 0, 0, 0)
        self._left = 0
        self._reason: bytearray | None = None
        self._unwanted: set[int] = set()
        self._told: tuple[int, LeftOut] | None = None
        self.ended: int = -1
        self.last_left_out: int = -1
        self._waits = False

    @property
    def hears(self) -> bool:
        """Whether something can be read while nothing is due: no frame waits for whoever asks next."""
        wanted = self._left and self._reason is None and self._header.check not in self._unwanted
        return not (self._waits or wanted)

    def leave_out(self, operation: int) -> None:
        """What comes for this operation is dropped from here on."""
        self._unwanted.add(operation)
        self.last_left_out = max(self.last_left_out, operation)

    def pull(self, due: Due | None) -> bool:
        """Read what is there of what is due; whether anything was. None: only what is said of operations.

        Raises:
            LinkError: what comes is not what is due.
            LeftOut: the other node has left this operation out.
        """
        moved = False
        if self._told is not None and self._told[0] == self._place.check and due is not None:
            raise self._told[1]
        for _ in range(_BURST):
            if due is not None and due.done:
                break
            if self._left == 0 and self._waits:
                if due is None:
                    break
                self._begin(due)
                continue
            into = self._room(due)
            if into is None:
                break
            try:
                count = self._pipe.read(into)
            except PipeEnded:
                raise self._ended(due) from None
            if not count:
                break
            moved = True
            self._counters.wire_received += count
            if self._left:
                self._advance(count, due)
            elif self._header_complete(count) or self._bytes[0] != MARK[0]:
                self._begin(due)
        return moved

    def _room(self, due: Due | None) -> memoryview | None:
        """Where the next bytes go; None: they are for somebody else."""
        if not self._left:
            return self._bytes[self._got :]
        if self._reason is not None:
            return memoryview(self._reason)[-self._left :]
        if self._header.check in self._unwanted:
            return memoryview(bytearray(min(self._left, _SCRATCH_BYTES)))
        if due is None:
            return None
        if problem := self._difference(due, under_way=True):
            raise self._place.error(problem)
        return due.view(self._left)

    def _advance(self, count: int, due: Due | None) -> None:
        self._left -= count
        if self._reason is not None:
            if not self._left:
                self._heed(due)
        elif due is not None and self._header.check not in self._unwanted:
            due.advance(count)

    def last_words(self) -> LinkError:
        """The other node takes nothing any more: why, if it has said so in what is still to be read."""
        scratch, skip = memoryview(bytearray(_SCRATCH_BYTES)), self._left
        if self._waits and (text := _departure(self._header)):
            return self._place.error(text)
        if self._waits:
            skip = self._header.length
        with contextlib.suppress(PipeEnded, ValueError):
            while count := self._pipe.read(scratch[:skip] if skip else self._bytes[self._got :]):
                if skip:
                    skip -= count
                elif self._header_complete(count):
                    header = parse(self._bytes)
                    if text := _departure(header):
                        return self._place.error(text)
                    skip = header.length
        return self._ended(None)

    def _header_complete(self, count: int) -> bool:
        self._got = (self._got + count) % HEADER_BYTES
        return self._got == 0

    def _begin(self, due: Due | None) -> None:
        """Compare a header with what is due; only then is memory taken for what follows it."""
        try:
            header = self._header = parse(self._bytes)
        except ValueError as error:
            raise self._place.error(str(error)) from None
        later = header.kind not in _OUTCOMES or header.check > self._place.check
        self._waits = due is None and later
        if self._waits:
            return
        if problem := _departure(header) or self._misplaced() or self._strange(due):
            raise self._place.error(problem)
        self._number += 1
        self._counters.messages_received += 1
        self._left = header.length
        self._reason = bytearray(header.length) if header.kind in _OUTCOMES else None
        if self._reason is not None and not self._left:
            self._heed(due)
        elif due is not None and self._reason is None and header.check not in self._unwanted:
            due.begin()

    def _heed(self, due: Due | None) -> None:
        """How an operation ended at the other node."""
        reason, header = bytes(self._reason or b""), self._header
        self._reason = None
        self.ended = header.check
        self._unwanted.difference_update([each for each in self._unwanted if each < header.check])
        if header.kind == Kind.LEFT_OUT:
            self.last_left_out = max(self.last_left_out, header.check)
            if header.check == self._place.check and header.check not in self._unwanted:
                self._unwanted.add(header.check)
                self._told = header.check, LeftOut(self._place.peer, reason)
                raise self._told[1]
        if due is not None and due.kind is Kind.DONE:
            due.begin()

    def _misplaced(self) -> str:
        header = self._header
        if header.number != self._number:
            return f"message number {header.number} arrived; number {self._number} is due"
        if header.stream != self._pipe.stream:
            return "a message of another stream arrived"
        known = MORE if header.kind == Kind.MESSAGE else 0
        return "" if header.detail in (0, known) else "what arrives is no frame of a link"

    def _strange(self, due: Due | None) -> str:
        """What is wrong with a header; empty if nothing is."""
        header = self._header
        if header.kind in _OUTCOMES:
            most = MOST_REASON if header.kind == Kind.LEFT_OUT else 0
            late = not self.ended < header.check <= self._place.check
            return "what it says of an operation is not well-formed" if late or header.length > most else ""
        if header.check in self._unwanted and header.kind in (Kind.MESSAGE, Kind.STREAM):
            return ""
        return "" if due is None else self._difference(due)

    def _difference(self, due: Due, *, under_way: bool = False) -> str:
        """What is wrong with the frame, for what is due."""
        header = self._header
        if header.kind == Kind.STREAM and under_way and due.kind is not Kind.STREAM:
            return f"{self._left} bytes of the stream were not read before {_kind(due.kind)} was awaited"
        if header.kind != due.kind:
            return f"{_kind(header.kind)} arrived; {_kind(due.kind)} is due"
        if header.check != self._place.check:
            what = "the stream" if due.kind is Kind.STREAM else "the message"
            return self._place.differs(what, header.check)
        if due.kind is Kind.STREAM:
            return "" if header.length else "a piece of the stream is not well-formed"
        return "" if under_way else self._wrong_size(due)

    def _wrong_size(self, due: Due) -> str:
        """What is wrong with the length of a message, or of a part of it."""
        length = self._header.length
        if not self._header.detail:
            whole = due.size - due.left + length
            return "" if length == due.left else f"the message has {whole} bytes; {due.size} are due"
        return "" if 0 < length < due.left else f"the message is cut otherwise than into {due.size} bytes"

    def _ended(self, due: Due | None) -> LinkError:
        where = ""
        if due is not None and self._left:
            where = f" after {due.size - due.left} of {due.size} bytes"
        elif due is not None and self._got:
            where = f" after {self._got} of {HEADER_BYTES} bytes of a header"
        return self._place.error(
            f"the connection ended{where}",
            f"see whether {self._place.peer}'s process is still there, and what it said last",
        )


def _departure(header: Header) -> str:
    """What a frame says that is the last one of its sender; empty for all others."""
    if header.kind == Kind.ABORT:
        return f"it gave up: {sentence_of(header.detail)}"
    return "it ended the link" if header.kind == Kind.CLOSE else ""


def _kind(kind: int) -> str:
    if kind in _NAMES:
        return _NAMES[kind]
    return f"a frame of kind {kind}"


_OUTCOMES = (Kind.LEFT_OUT, Kind.DONE)
_NAMES: Mapping[int, str] = {
    Kind.MESSAGE: "a message",
    Kind.STREAM: "a piece of the stream",
    Kind.DONE: "the end of an operation",
}
