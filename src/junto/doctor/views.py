"""What each side of a pair sees of the other, and who has been told: so that both tell the same story.

Two doctors exchange their views over whichever direction works, in both directions at once: the party that
cannot reach the other learns that it is reached, and the one that reaches the other that it is not.
A doctor stays until each other doctor has its final view, or until its time is over.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from junto.errors import MalformedBytes
from junto.locks import Condition
from junto.net.words import Short, Text, Words

_SEEN: Final = 16


class Seen(Words, frozen=True, array_like=False):
    """One thing that failed, as the party that saw it words it. `own`: in itself, not on the way to us."""

    rung: Short
    cause: Short
    text: Text
    own: bool = False


class View(Words, frozen=True, array_like=False):
    """What `party` sees of the one that it tells.

    Attributes:
        seen: what failed; empty if all is well, or if nothing is known yet.
        final: it will not change any more.
        address: where `party` looks for the one that it tells.
        shows: the fingerprint of its own certificate.
        saw: the fingerprint of the certificate that was shown to it at that address.
        local: its own address on the way there; `calls_from`: whence the calls of that one come.
    """

    party: Short
    seen: Annotated[tuple[Seen, ...], msgspec.Meta(max_length=_SEEN)] = ()
    final: bool = False
    address: Short = ""
    shows: Short = ""
    saw: Short = ""
    local: Short = ""
    calls_from: Short = ""


def read_view(data: bytes) -> View:
    """A view that another party sent. Raises MalformedBytes."""
    try:
        return msgspec.json.decode(data, type=View)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise MalformedBytes("its view cannot be read") from error


class Views:
    """All views of one doctor's pairs. Any thread may call; a party that is not ours is not kept.

    Args:
        me: us.
        others: the other parties, and where we look for each.
        shows: the fingerprint of our certificate.
    """

    def __init__(self, me: str, others: Mapping[str, str], shows: str = "") -> None:
        self._mine = {party: View(me, address=address, shows=shows) for party, address in others.items()}
        self._nobody = View(me, final=True)
        self._theirs: dict[str, View] = {}
        self._told: set[str] = set()
        self._changed = Condition()

    def publish(
        self, party: str, seen: tuple[Seen, ...], *, final: bool, saw: str = "", local: str = ""
    ) -> None:
        """What we see of `party` by now."""
        with self._changed:
            self._mine[party] = msgspec.structs.replace(
                self._mine[party], seen=seen[:_SEEN], final=final, saw=saw, local=local
            )

    def mine(self, party: str) -> View:
        """What we tell `party`."""
        with self._changed:
            return self._mine.get(party, self._nobody)

    def theirs(self, party: str) -> View | None:
        """What `party` told us last; None if nothing."""
        with self._changed:
            return self._theirs.get(party)

    def exchanged(self, party: str, theirs: View, mine: View) -> None:
        """`party` told us `theirs` and has `mine`."""
        with self._changed:
            if party not in self._mine:
                return
            held = self._theirs.get(party)
            if held is None or theirs.final or not held.final:
                self._theirs[party] = theirs
            if mine.final:
                self._told.add(party)
            self._changed.notify_all()

    def answer(self, party: str, theirs: View, calls_from: str) -> View:
        """Take the view of `party`, whose call comes from that address, and give ours."""
        with self._changed:
            if party in self._mine:
                self._mine[party] = msgspec.structs.replace(self._mine[party], calls_from=calls_from)
        mine = self.mine(party)
        self.exchanged(party, theirs, mine)
        return mine

    def wait(self, party: str, ends: float) -> bool:
        """Until `party` and we have each other's final view, or `ends` (monotonic); whether we have."""

        def settled() -> bool:
            theirs = self._theirs.get(party)
            return party in self._told and theirs is not None and theirs.final

        with self._changed:
            return self._changed.wait_for(settled, max(0.0, ends - time.monotonic()))
