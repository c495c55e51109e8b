"""Whoever dials, breaks off or starts again, in every order: honest parties meet."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import pytest

from flows import IGNORED, snapshot
from meetings import Step, World
from tries import tries

COUNTED = IGNORED | {"_counts", "_causes", "_down", "refused", "events", "activities"}
SAME = {"mine", "parties", "name", "address", "_others", "_mailbox", "_outbox", "_arrivals", "_deliveries"}
SAME |= {"_asked", "_turned", "named", "sends"}  # they decide which values are taken, and there are none
SAME |= {"_watches", "_ours", "_theirs", "_party", "_timeout_s", "_alive_s", "_place", "clock", "starts"}
"""Does not decide what happens in a handshake: counters, and what no step of it changes."""


@dataclass(frozen=True)
class Story:
    """What may go wrong: lines that break, parties that start again before anybody has met all."""

    breaks: int = 0
    starts: int = 0


class Play:
    """One run of a story."""

    def __init__(self, story: Story, parties: tuple[str, ...] = ("alice", "bob")) -> None:
        self.story = story
        self.world = World(parties)
        self.breaks = 0

    def choices(self) -> Iterator[Step]:
        yield from self.world.steps()
        if self.breaks < self.story.breaks:
            for index, talk in enumerate(self.world.talks):
                if talk.open_here:
                    for still in range(min(len(talk.forward), 1) + 1):
                        yield f"fault: {index} breaks, {still} late", lambda i=index, s=still: self.cut(i, s)
        nobody_has_met = all(side.run is None for side in self.world.sides.values())
        if sum(self.world.starts.values()) < self.story.starts and nobody_has_met:
            for party in self.world.parties:
                yield f"fault: {party} starts again", lambda party=party: self.world.start_again(party)

    def cut(self, index: int, still: int) -> None:
        self.breaks += 1
        self.world.break_off(index, still)

    def take(self, choice: int) -> None:
        next(islice(self.choices(), choice, None))[1]()

    def goes_on(self, chance: random.Random) -> None:
        """In any order, until all have met."""
        for _ in range(2000):
            if self.world.all_met():
                return
            steps = [*self.choices()]
            assert steps, "nothing can happen any more, and they have not met"
            chance.choice(steps)[1]()
            self.world.check()
        raise AssertionError("they talk and talk")


def replay(story: Story, path: tuple[int, ...]) -> Play:
    play = Play(story)
    for choice in path:
        play.take(choice)
    return play


def after_a_break(play: Play, path: tuple[int, ...], turn: int) -> None:
    """A stream breaks at the end of `path`, each in turn, with a late message or none; and they meet."""
    play.story = Story(breaks=1)
    ways = [(name, break_off) for name, break_off in play.choices() if name.startswith("fault")]
    if ways:
        name, break_off = ways[turn % len(ways)]
        break_off()
        play.goes_on(random.Random(repr((path, name))))


def explore(
    story: Story, most: int, each: Callable[[Play, tuple[int, ...], int], None] | None = None
) -> tuple[int, int]:
    """Every state once: how many there are, and from how many of them the parties cannot meet any more.

    `each` is called with a play that is in each state and goes on nowhere else, its way there, and a number.
    """
    number: dict[int, int] = {}
    before: dict[int, set[int]] = {}
    met: set[int] = set()
    untold: dict[int, tuple[int, ...]] = {}
    frontier: deque[tuple[tuple[int, ...], int | None, Play | None]] = deque([((), None, Play(story))])
    while frontier:
        path, parent, at_parent = frontier.popleft()
        if at_parent is None:
            play = replay(story, path)
        else:  # the first step from there on: nothing else needs it any more
            play = at_parent
            if path:
                play.take(path[-1])
        play.world.check()
        state = hash(
            snapshot((play.world, play.breaks, sum(play.world.starts.values())), ignored=COUNTED | SAME)
        )
        new = state not in number
        mine = number.setdefault(state, len(number))
        if parent is not None:
            before.setdefault(mine, set()).add(parent)
        if new:
            assert len(number) <= most, "the story is too long to tell in all ways"
            if play.world.all_met():
                met.add(mine)
            untold[mine] = path
            for choice in range(len([*play.choices()])):
                frontier.append(((*path, choice), mine, None if choice else play))
        elif untold.pop(mine, None) is not None and each is not None:
            each(play, path, mine)  # which has come to where another one went on
    for mine, path in untold.items():
        if each is not None:
            each(replay(story, path), path, mine)
    reach, todo = set(met), list(met)
    while todo:
        for earlier in before.get(todo.pop(), ()):
            if earlier not in reach:
                reach.add(earlier)
                todo.append(earlier)
    return len(number), len(number) - len(reach)


@pytest.mark.slow
def test_two_parties_meet_in_every_order_and_after_a_connection_is_lost_anywhere():
    count, lost = explore(Story(), most=4000, each=after_a_break)
    assert count > 1000
    assert lost == 0


@pytest.mark.parametrize("story", [Story(), Story(breaks=2), Story(starts=2), Story(2, 2)], ids=str)
def test_three_parties_meet_in_many_orders(story):
    for seed in range(tries(40)):
        Play(story, ("alice", "bob", "carol")).goes_on(random.Random(seed))


def test_who_leaves_before_the_run_has_begun_tells_all_that_it_has_met():
    told = set()
    for seed in range(tries(60)):
        chance = random.Random(seed)
        world = Play(Story(), ("alice", "bob", "carol")).world
        absent = chance.choice(["nobody", "carol"])
        for _ in range(chance.randrange(50)):
            here = [step for name, step in world.steps() if absent not in name]
            chance.choice(here or [lambda: None])()
        alice = world.sides["alice"]
        met = [name for name, peer in alice.peers.items() if peer.is_here()]
        world.leave("alice")
        while heard := [step for name, step in world.steps() if "hear" in name]:
            chance.choice(heard)()
        for name in met:
            side = world.sides[name]
            assert side.peers["alice"].ended
            assert alice.peers[name].is_through("ending")
            assert side.meeting.over or "alice" in str(side.meeting._error)
            told.add((side.meeting.run is None, side.peers["alice"].is_open()))
    assert told == {(True, False), (False, False), (False, True)}, "before the run is known, and after it"
