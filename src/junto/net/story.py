"""State tables with a memory: an invalid transition raises with the story of how it came about."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Generic, TypeVar

State = TypeVar("State", bound=enum.Enum)
Event = TypeVar("Event", bound=enum.Enum)


class InvalidTransition(Exception):
    """Our own mistake: the machine was asked for a step that its table does not have."""


class Story(Generic[State, Event]):
    """The state of one thing and how it came to be.

    Args:
        table: (state, event) -> state; what is not in it is a mistake.
        state: where the story begins.
    """

    __slots__ = ("_events", "_table", "state")

    def __init__(self, table: Mapping[tuple[State, Event], State], state: State) -> None:
        self._table = table
        self._events: list[Event] = []
        self.state: State = state

    def tell(self, event: Event) -> State:
        """Take one step. Raises InvalidTransition."""
        after = self._table.get((self.state, event))
        if after is None:
            past = ", ".join(str(each.value) for each in self._events) or "nothing"
            raise InvalidTransition(f"{event.value!r} in state {self.state.value!r} after: {past}")
        self._events.append(event)
        del self._events[:-16]
        self.state = after
        return after
