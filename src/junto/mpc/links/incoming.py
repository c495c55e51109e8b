"""What a channel receives: headers compared with what is due, and bytes put where they belong.

A frame is read in two steps: its 32 bytes of header and then, straight into the memory of whoever asked, what
was asked for. Nothing is read ahead. So a node that does not read is not filled with what others send: the
system's buffers fill up, and the sender waits.
"""

from __future__ import annotations

import contextlib

from junto.errors import LinkError
from junto.mpc.links.buffers import Due
from junto.mpc.links.channel import Counters
from junto.mpc.links.frame import HEADER_BYTES, Header, Kind, parse, sentence_of
from junto.mpc.links.pipe import Pipe, PipeEnded
from junto.mpc.links.place import Place

_BURST = 32
_SCRATCH_BYTES = 64 << 10


class Incoming:
    """The receiving half of a channel. Nothing in it waits.

    Attributes:
        left: bytes of the frame under way that were not read yet.
    """

    def __init__(self, pipe: Pipe, place: Place, counters: Counters) -> None:
        self._pipe = pipe
        self._place = place
        self._counters = counters
        self._header = memoryview(bytearray(HEADER_BYTES))
        self._header_got = 0
        self._number = 0
        self.left = 0

    def pull(self, due: Due) -> bool:
        """Read what is there of what is due; whether anything was. Raises LinkError."""
        moved = False
        for _ in range(_BURST):
            if due.done:
                break
            in_body = self.left > 0
            into = due.view(self.left) if in_body else self._header[self._header_got :]
            try:
                count = self._pipe.read(into)
            except PipeEnded:
                raise self._ended(due) from None
            if not count:
                break
            moved = True
            self._counters.wire_received += count
            if in_body:
                self.left -= count
                due.advance(count)
            elif self._header_complete(count):
                self._begin(due)
        return moved

    def last_words(self) -> LinkError:
        """The other node takes nothing any more: why, if it has said so in what is still to be read."""
        scratch, skip = memoryview(bytearray(_SCRATCH_BYTES)), self.left
        with contextlib.suppress(PipeEnded, ValueError):
            while count := self._pipe.read(scratch[:skip] if skip else self._header[self._header_got :]):
                if skip:
                    skip -= count
                elif self._header_complete(count):
                    header = parse(self._header)
                    if text := _departure(header):
                        return self._place.error(text)
                    skip = header.length
        return self._ended(None)

    def _header_complete(self, count: int) -> bool:
        self._header_got = (self._header_got + count) % HEADER_BYTES
        return self._header_got == 0

    def _begin(self, due: Due) -> None:
        """Compare a header with what is due; only then is memory taken for what follows it."""
        try:
            header = parse(self._header)
        except ValueError as error:
            raise self._place.error(str(error)) from None
        if problem := _departure(header) or self._difference(header, due):
            raise self._place.error(problem)
        self._number += 1
        self._counters.messages_received += 1
        self.left = header.length
        due.begin()

    def _difference(self, header: Header, due: Due) -> str:
        """What is wrong with a header; empty if nothing is."""
        if header.number != self._number:
            return f"message number {header.number} arrived; number {self._number} is due"
        if header.kind != due.kind:
            return f"{_kind(header.kind)} arrived; {_kind(due.kind)} is due"
        if due.kind is Kind.STREAM:
            return "" if header.length and not header.check else "a piece of the stream is not well-formed"
        if header.check != self._place.check:
            return self._place.differs("the message", header.check)
        if header.length != due.size:
            return f"the message has {header.length} bytes; {due.size} are due"
        return ""

    def _ended(self, due: Due | None) -> LinkError:
        where = ""
        if due is not None and self.left:
            where = f" after {due.size - due.left} of {due.size} bytes"
        elif due is not None and self._header_got:
            where = f" after {self._header_got} of {HEADER_BYTES} bytes of a header"
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
    if kind == Kind.MESSAGE:
        return "a message"
    return "a piece of the stream" if kind == Kind.STREAM else f"a frame of kind {kind}"
