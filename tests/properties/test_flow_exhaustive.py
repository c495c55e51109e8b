"""Every order of events between two small ends: no state in which something is due and nothing can happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from flows import PACED, SMALL, Pair, snapshot
from junto.config.model import LinkSettings
from junto.net.api import TransferKey


@dataclass(frozen=True)
class Story:
    """Values of one operation from alice to bob, and how often the line may break.

    Attributes:
        sizes: bytes of each.
        quota: of bob, in bytes.
        cuts: breaks of the line.
        ahead: whether alice sends before bob's program has come there.
    """

    sizes: tuple[int, ...]
    quota: int
    cuts: int
    ahead: bool
    constants: tuple[tuple[str, int], ...] = ()


STORIES = {
    "two large ones share a window of two chunks": Story((11, 11), 100, 0, False),
    "large ones beyond the window, each less than what is acknowledged at once": Story(
        (11, 11, 11), 100, 0, False, (("IN_FLIGHT_BYTES", 20), ("ACK_BYTES", 15), ("ABREAST", 3))
    ),
    "a slow way": Story((5, 5), 100, 0, False, tuple(PACED.items())),
    "one at a time": Story((11, 11), 100, 0, False, (("ABREAST", 1),)),
    "before their time and beyond the quota": Story((5, 11), 4, 0, True),
}
SLOW_STORY = Story((5,), 4, 1, True)
"""A break, before its time and beyond the quota."""
LONG_STORIES = {
    "a break, and a small one besides": Story((11, 5), 100, 1, False),
    "a break, before their time and beyond the quota": Story((11,), 4, 1, True),
}


ALICES = ("alice -> bob: send", "alice -> bob: hear answer")
"""Her steps; the others are bob's."""


class Play:
    """One run of a story; `choices` names what can happen next."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.pair = Pair(LinkSettings(quota_bytes=story.quota), SMALL | dict(story.constants), both=False)
        self.cuts = 0
        self.keys = [TransferKey(1, index) for index in range(len(story.sizes))]
        self.pair.alice.come_to(1)
        if not story.ahead:
            self.begin()
        for key, size in zip(self.keys, story.sizes, strict=True):
            self.pair.alice.push(key, bytes([key.index]) * size)

    def begin(self) -> None:
        self.pair.bob.come_to(1)
        for key in self.keys:
            self.pair.bob.expect(key)

    def choices(self) -> Iterator[tuple[str, Callable[[], None]]]:
        yield from self.pair.steps()
        if self.pair.bob.position == 0:
            yield "bob comes to the operation", self.begin
        stream = self.pair.streams[0]
        if stream.cut:
            yield "dial again", lambda: self.pair.redial(0)
        elif self.cuts < self.story.cuts:
            for still in range(min(len(stream.forward), 1) + 1):
                yield f"break, {still} arrive late", lambda still=still: self.breaks(still)
        for index in range(len(self.pair.old)):
            yield f"break {index} is noticed", lambda index=index: self.pair.old.pop(index).noticed()

    def breaks(self, still: int) -> None:
        self.cuts += 1
        self.pair.streams[0].breaks(still)

    def check(self, last: bool) -> None:
        bob, alice = self.pair.bob, self.pair.alice
        assert bob.peer.connection.mailbox.in_memory <= self.story.quota
        assert not bob.peer.refusals.by_cause()
        for key, size in zip(self.keys, self.story.sizes, strict=True):
            arrived = bob.expected.get(key, [])
            assert arrived in ([], [bytes([key.index]) * size])
            if last:
                assert arrived, f"nothing can happen any more, and {key} has not arrived"
                assert alice.delivered[key] == [None], f"nothing can happen any more, {key} is unacknowledged"

    def next(self, in_full: bool) -> list[tuple[str, Callable[[], None]]]:
        """The choices; of those that commute only one party's, unless `in_full`."""
        choices, party = [*self.choices()], "" if in_full else self.alone()
        return [each for each in choices if not party or (each[0] in ALICES) is (party == "alice")]

    def alone(self) -> str:
        """A party whose next steps commute with all that the other one does meanwhile; none: an empty text.

        Messages are on their way to it, so the other one can only add to them; and nothing more can befall
        both. What each party comes through, and how all ends, is then the same if the other one steps later.
        """
        stream = self.pair.streams[0]
        if stream.cut or self.cuts < self.story.cuts:
            return ""
        return "alice" if stream.backward else "bob" if stream.forward else ""


def explore(story: Story, most: int, in_full: bool = False) -> int:
    """Depth first over all orders, each state once; how many states there are.

    Of two steps that commute only one order is tried, unless `in_full`.
    """
    seen = set()
    paths: list[tuple[int, ...]] = [()]
    while paths:
        path = paths.pop()
        play = Play(story)
        try:
            for choice in path:
                play.next(in_full)[choice][1]()
            while (now := hash(snapshot((play.pair, play.cuts)))) not in seen:
                seen.add(now)
                choices = play.next(in_full)
                play.check(last=all(name.startswith("break") for name, _ in choices))
                paths.extend((*path, choice) for choice in range(1, len(choices)))
                if choices:  # the first one goes on from here
                    path = (*path, 0)
                    choices[0][1]()
        finally:
            play.pair.close()
        assert len(seen) <= most, "the story is too long to tell in all ways"
    return len(seen)


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_events_ends_with_everything_delivered_once(name: str) -> None:
    assert explore(STORIES[name], most=3000) > 10


@pytest.mark.slow
def test_every_order_of_events_with_a_break() -> None:
    assert explore(SLOW_STORY, most=10_000) > 1000


@pytest.mark.long
@pytest.mark.parametrize("name", LONG_STORIES)
def test_every_order_of_events_of_a_longer_story(name: str) -> None:
    assert explore(LONG_STORIES[name], most=20_000) > 10
