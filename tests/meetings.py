"""The handshake of several parties without a network: who dials, hears, starts again, step by step.

Each party has what its gateway has: a meeting, a peer for each other party, the ends of streams. What a
thread would do at once is done at once; what another may do before or after is a step of its own.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

from flows import Clock, Thread
from gateways import FACTS, Heard
from junto.config.model import Address, LinkSettings, PartySettings
from junto.errors import DeadlineExceeded
from junto.net import frames as f
from junto.net import handshake
from junto.net.api import Abort
from junto.net.ends import LineEnd
from junto.net.meeting import Meeting
from junto.net.peer import Peer

NOWHERE = Address("127.0.0.1", 1)
Step = tuple[str, Callable[[], None]]


@functools.cache
def hello(me: str, parties: tuple[str, ...], nonce: bytes) -> f.Hello:
    return handshake.hello(me, "job", parties, FACTS, nonce)


class Side:
    """One start of one party."""

    def __init__(self, me: str, parties: tuple[str, ...], start: int) -> None:
        self.me = me
        nonce = me.encode()[:1] * 15 + bytes([start])
        others = [party for party in parties if party != me]
        link = LinkSettings()
        self.peers = {name: Peer(PartySettings(name, NOWHERE, NOWHERE), link, Heard()) for name in others}
        self.meeting = Meeting(hello(me, parties, nonce), self.peers)
        self.untold: list[Talk] = []  # streams that are still to be told of the run
        self.run: bytes | None = None

    def try_to_meet(self) -> bool:
        """Whether everybody is met; from then on the run is fixed."""
        try:
            self.run = self.meeting.wait(0.0, lambda _: None)
        except DeadlineExceeded:
            return False
        return True


class Talk:
    """A stream that one side has opened to another."""

    def __init__(self, dialler: Side, dialled: Side, clock: Clock) -> None:
        self.dialler, self.dialled = dialler, dialled
        self.out = LineEnd(dialler.peers[dialled.me], dialler.meeting)
        self.into = LineEnd(dialled.peers[dialler.me], dialled.meeting, caller="somewhere")
        for end in (self.out, self.into):
            said, refused = list(end.line._urgent), end.line.on_refused
            end.line = Thread(end.peer.connection.pull, clock)
            end.line.on_refused = refused
            end.line.say(*said)
        self.forward: deque[bytes] = deque()
        self.backward: deque[bytes] = deque()
        self.open_there = self.open_here = True  # whether each side still listens
        self.late = False
        self.flush()

    def flush(self) -> None:
        """What the sending threads do."""
        for end, queue in ((self.out, self.forward), (self.into, self.backward)):
            while end.line.due():
                message = end.line.turn()
                if message is not None and not self.late:
                    queue.append(message)

    def end_here(self) -> None:
        self.open_here = False
        self.backward.clear()
        self.dialler.peers[self.dialled.me].drop(self.out.line)

    def end_there(self) -> None:
        self.open_there = False
        self.forward.clear()
        self.into.peer.drop(self.into.line)


class World:
    """All parties, and what can happen next."""

    def __init__(self, parties: tuple[str, ...]) -> None:
        self.parties = parties
        self.clock = Clock()
        self.starts = dict.fromkeys(parties, 0)
        self.sides = {party: Side(party, parties, 0) for party in parties}
        self.talks: list[Talk] = []
        self.refused: list[str] = []

    def steps(self) -> Iterator[Step]:
        """All that happens by itself."""
        for talk in list(self.talks):
            name = f"{talk.dialler.me} -> {talk.dialled.me}"
            if talk.open_there and talk.forward:
                yield f"{name}: hear", lambda talk=talk: self._hear(talk)
            if talk.open_here and talk.backward:
                yield f"{name}: hear back", lambda talk=talk: self._hear_back(talk)
            if talk.open_here and not talk.backward and (talk.into.line.closed or not talk.open_there):
                yield f"{name}: it is over", lambda talk=talk: self._do(talk.end_here)
            if talk.open_there and not talk.forward and (talk.out.line.closed or not talk.open_here):
                yield f"{name}: its end is noticed", lambda talk=talk: self._do(talk.end_there)
        for side in self.sides.values():
            for index in range(len(side.untold)):
                yield f"{side.me}: tells {index}", lambda s=side, i=index: self._do(lambda: self._tell(s, i))
            for other in side.peers:
                if not any(t.open_here and t.dialler is side and t.dialled.me == other for t in self.talks):
                    yield f"{side.me}: dials {other}", lambda s=side, o=other: self._dial(s, o)
            if side.run is None and side.meeting.complete():
                yield f"{side.me}: has met all", side.try_to_meet

    def break_off(self, index: int, still: int) -> None:
        """The network between the ends of a stream is gone; `still` messages come late."""
        talk = self.talks[index]
        while len(talk.forward) > still:
            talk.forward.pop()
        talk.late = True
        self._do(talk.end_here)

    def start_again(self, party: str) -> None:
        """A party dies and is started anew."""
        for talk in self.talks:
            if talk.dialler is self.sides[party]:
                talk.late, talk.open_here = True, False
            if talk.dialled is self.sides[party]:
                talk.late, talk.open_there = True, False
                talk.forward.clear()
        self.starts[party] += 1
        self.sides[party] = Side(party, self.parties, self.starts[party])
        self._do(lambda: None)

    def leave(self, party: str) -> None:
        """A party ends the run, whether or not it has begun."""
        ending = f.Ending(Abort("interrupted", f"{party} was interrupted (Ctrl-C)"))
        for peer in self.sides[party].peers.values():
            self._do(partial(peer.stand, "ending", ending))

    def all_met(self) -> bool:
        runs = {side.run for side in self.sides.values()}
        return None not in runs and len(runs) == 1

    def check(self) -> None:
        """Nobody honest has refused anybody for good, or said what does not belong there."""
        for side in self.sides.values():
            assert side.meeting._error is None, side.meeting._error
            for peer in side.peers.values():
                assert set(peer.refusals.by_cause()) <= {"another run"}, peer.refusals.by_cause()
                assert sum(self.starts.values()) or not peer.refusals.by_cause()

    # Inside.

    def _do(self, what: Callable[[], None]) -> None:
        before = {name: side.meeting.run for name, side in self.sides.items()}
        what()
        for name, side in self.sides.items():
            if side.meeting.run != before[name]:
                self._run_changed(side, before[name])
        for talk in self.talks:
            talk.flush()
        self.talks = [talk for talk in self.talks if talk.open_here or talk.open_there]

    def _run_changed(self, side: Side, before: bytes | None) -> None:
        mine = [talk for talk in self.talks if side in (talk.dialler, talk.dialled)]
        if before is None:
            side.untold = mine
            return
        for talk in mine:
            if talk.dialler is side:
                talk.out.line.close()
            else:
                talk.into.line.close()
        for peer in side.peers.values():
            peer.connection.forget()

    def _tell(self, side: Side, index: int) -> None:
        talk = side.untold.pop(index)
        if talk.dialler is side:
            talk.out.proceed()
        else:
            talk.into.proceed()

    def _hear(self, talk: Talk) -> None:
        def hear() -> None:
            talk.into.hear(talk.forward.popleft())

        self._do(hear)

    def _hear_back(self, talk: Talk) -> None:
        def hear() -> None:
            message = talk.backward.popleft()
            assert not any(isinstance(x, f.Refused) and x.final for x in f.open_message(message)), message
            talk.out.hear(message)
            if talk.out.line.closed:
                talk.end_here()

        self._do(hear)

    def _dial(self, side: Side, other: str) -> None:
        self.talks.append(Talk(side, self.sides[other], self.clock))
        self._do(lambda: None)
