"""The states of one value on its way to us: a table, and what is known of the value. See `mailbox`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from junto.net.api import Failure, TransferKey
from junto.net.buffers import Buffer
from junto.net.story import Story


class ArrivalState(enum.Enum):
    """Of one key."""

    NEW = "new"
    EXPECTED = "expected"  # by the program; nothing has come
    PARKED = "parked"  # here, before its time
    DEFERRED = "deferred"  # known, not here; asked for once it is expected
    WANTED = "wanted"  # known, not here, expected: asked for when it is its turn
    EARLY = "early"  # arriving, before its time
    ARRIVING = "arriving"  # expected and arriving
    OVER = "over"


class ArrivalEvent(enum.Enum):
    """What happens to a key."""

    EXPECT = "expect"
    WHOLE = "whole"
    TAKE = "take"
    BEGIN = "begin"
    DEFER = "defer"
    COMPLETE = "complete"
    BREAK = "break"
    DROP = "drop"


TRANSITIONS: Mapping[tuple[ArrivalState, ArrivalEvent], ArrivalState] = {
    (ArrivalState.NEW, ArrivalEvent.EXPECT): ArrivalState.EXPECTED,
    (ArrivalState.NEW, ArrivalEvent.WHOLE): ArrivalState.PARKED,
    (ArrivalState.NEW, ArrivalEvent.TAKE): ArrivalState.EARLY,
    (ArrivalState.NEW, ArrivalEvent.DEFER): ArrivalState.DEFERRED,
    (ArrivalState.EXPECTED, ArrivalEvent.WHOLE): ArrivalState.OVER,
    (ArrivalState.EXPECTED, ArrivalEvent.TAKE): ArrivalState.WANTED,
    (ArrivalState.EXPECTED, ArrivalEvent.DROP): ArrivalState.OVER,
    (ArrivalState.WANTED, ArrivalEvent.BEGIN): ArrivalState.ARRIVING,
    (ArrivalState.WANTED, ArrivalEvent.BREAK): ArrivalState.EXPECTED,  # it will be offered again
    (ArrivalState.WANTED, ArrivalEvent.DROP): ArrivalState.OVER,
    (ArrivalState.DEFERRED, ArrivalEvent.EXPECT): ArrivalState.WANTED,
    (ArrivalState.DEFERRED, ArrivalEvent.BREAK): ArrivalState.OVER,
    (ArrivalState.DEFERRED, ArrivalEvent.DROP): ArrivalState.OVER,
    (ArrivalState.EARLY, ArrivalEvent.EXPECT): ArrivalState.ARRIVING,
    (ArrivalState.EARLY, ArrivalEvent.COMPLETE): ArrivalState.PARKED,
    (ArrivalState.EARLY, ArrivalEvent.DROP): ArrivalState.OVER,
    (ArrivalState.ARRIVING, ArrivalEvent.COMPLETE): ArrivalState.OVER,
    (ArrivalState.ARRIVING, ArrivalEvent.DROP): ArrivalState.OVER,
    (ArrivalState.PARKED, ArrivalEvent.EXPECT): ArrivalState.OVER,
    (ArrivalState.PARKED, ArrivalEvent.DROP): ArrivalState.OVER,
}


@dataclass(slots=True, eq=False)
class ArrivingEntry:
    """One key.

    Attributes:
        key: which.
        story: its state.
        transfer: under which number it comes.
        nbytes, received, acked: of it.
        buffer: what it arrives in.
        in_memory: bytes that count against the quota.
        content: once it is here.
    """

    key: TransferKey
    story: Story[ArrivalState, ArrivalEvent] = field(
        default_factory=lambda: Story(TRANSITIONS, ArrivalState.NEW)
    )
    transfer: int = -1
    nbytes: int = 0
    received: int = 0
    acked: int = 0
    buffer: Buffer | None = None
    in_memory: int = 0
    content: memoryview | Failure | None = None


@dataclass(frozen=True, slots=True)
class Deliver:
    """Instruction: the program's `key` is over."""

    key: TransferKey
    content: memoryview | Failure | OSError


@dataclass(frozen=True, slots=True)
class Write:
    """Instruction: store this part, then call `Mailbox.written`."""

    entry: ArrivingEntry
    buffer: Buffer
    offset: int
    data: memoryview
