"""Whether something that has to get on stands still although the other party is alive. No I/O, no clock.

By the law of `delivery` that cannot be. Should it be all the same (a fault of ours, a network
that passes heartbeats only), then it is said, and which value it is: nobody has to guess why a run waits.
"""

from __future__ import annotations

from junto.net.api import TransferKey


class Standstill:
    """One direction of one peer.

    Args:
        way: for a person, such as ``what we send to bob``.
        patience_s: how long nothing may move.
    """

    def __init__(self, way: str, patience_s: float) -> None:
        self._way = way
        self._patience_s = patience_s
        self._moved = -1
        self._since = 0.0
        self._next_s = patience_s

    def look(self, now: float, moved: int, value: tuple[TransferKey, int, int] | None) -> str | None:
        """What to tell a person now, if anything: first after the patience, then ever more rarely.

        Args:
            now: monotonic seconds.
            moved: grows whenever anything of this direction moves.
            value: one that has to move (key, bytes there, bytes in all); None: there is none, or the party is
                not alive, so nothing can.
        """
        if value is None or moved != self._moved:
            self._moved, self._since, self._next_s = moved, now, self._patience_s
            return None
        still = now - self._since
        if still < self._next_s:
            return None
        self._next_s *= 2
        key, done, nbytes = value
        return (
            f"{self._way} has not moved for {still:.0f} s although it is alive: value {key.index} of "
            f"operation {key.operation} stands at {done} of {nbytes} bytes. If that goes on, end the run and "
            "report it with the logs of both parties"
        )
