"""The states of one value on its way to us: a table, and what is known of the value. See `mailbox`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from junto.silo.api import Failure, Key
from junto.silo.buffers import Buffer
from junto.silo.story import Story


class State(enum.Enum):
    """Of one key."""

    NEW = "new"
    EXPECTED = "expected"  # by the program; nothing has come
    PARKED = "parked"  # here, before its time
    DEFERRED = "deferred"  # known, not here; asked for once it is expected
    WANTED = "wanted"  # known, not here, expected: asked for when it is its turn
    EARLY = "early"  # arriving, before its time
    ARRIVING = "arriving"  # expected and arriving
    OVER = "over"


class Event(enum.Enum):
    """What happens to a key."""

    EXPECT = "expect"
    WHOLE = "whole"
    TAKE = "take"
    BEGIN = "begin"
    DEFER = "defer"
    COMPLETE = "complete"
    BREAK = "break"
    DROP = "drop"


TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.NEW, Event.EXPECT): State.EXPECTED,
    (State.NEW, Event.WHOLE): State.PARKED,
    (State.NEW, Event.TAKE): State.EARLY,
    (State.NEW, Event.DEFER): State.DEFERRED,
    (State.EXPECTED, Event.WHOLE): State.OVER,
    (State.EXPECTED, Event.TAKE): State.WANTED,
    (State.EXPECTED, Event.DROP): State.OVER,
    (State.WANTED, Event.BEGIN): State.ARRIVING,
    (State.WANTED, Event.BREAK): State.EXPECTED,  # it will be offered again
    (State.WANTED, Event.DROP): State.OVER,
    (State.DEFERRED, Event.EXPECT): State.WANTED,
    (State.DEFERRED, Event.BREAK): State.OVER,
    (State.DEFERRED, Event.DROP): State.OVER,
    (State.EARLY, Event.EXPECT): State.ARRIVING,
    (State.EARLY, Event.COMPLETE): State.PARKED,
    (State.EARLY, Event.DROP): State.OVER,
    (State.ARRIVING, Event.COMPLETE): State.OVER,
    (State.ARRIVING, Event.DROP): State.OVER,
    (State.PARKED, Event.EXPECT): State.OVER,
    (State.PARKED, Event.DROP): State.OVER,
}


@dataclass(slots=True, eq=False)
class Entry:
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

    key: Key
    story: Story[State, Event] = field(default_factory=lambda: Story(TRANSITIONS, State.NEW))
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

    key: Key
    content: memoryview | Failure | OSError


@dataclass(frozen=True, slots=True)
class Write:
    """Instruction: store this part, then call `Mailbox.written`."""

    entry: Entry
    buffer: Buffer
    offset: int
    data: memoryview
