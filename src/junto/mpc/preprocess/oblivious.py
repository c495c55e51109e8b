"""What two parties need of each other, from oblivious transfer."""

from __future__ import annotations

from collections.abc import Sequence

from junto.mpc.preprocess.correlations import Correlations, Demand, Made
from junto.mpc.prg import Stream
from junto.mpc.protocol.role import Wire


class Oblivious(Correlations):
    """One party's end. The two meet when something is asked for the first time.

    Args:
        wire: to the other party.
        index: 0 or 1.
        own: a keystream of this party alone.
        session: names the device and the run, the same at both parties.
        peer: the other party, for errors.
    """

    def __init__(self, wire: Wire, index: int, own: Stream, session: bytes, peer: str) -> None:
        self._wire = wire
        self._index = index
        self._own = own
        self._session = session
        self._peer = peer

    def make(self, demands: Sequence[Demand]) -> list[Made]:
        raise NotImplementedError
