"""A call that runs at a node, entered where a person can see how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from junto.accounting import progress
from junto.accounting.progress import Board, Count
from junto.device.spu.call_forms import SecretInput
from junto.device.spu.engine import EngineCall
from junto.mpc.meter import Counted
from junto.mpc.step_counter import StepCounter
from junto.net.api import Stamp


@contextmanager
def under_way(board: Board, stamp: Stamp, work: EngineCall, role: Counted) -> Iterator[StepCounter]:
    """Inside, the call is on the board; whoever runs it counts its steps in what this gives.

    Rounds and bytes are those that the node's role counts anyway.
    """
    pace = StepCounter(work.plan, [isinstance(each, SecretInput) for each in work.inputs])
    before = role.cost

    def count() -> Count:
        spent = role.cost - before
        return Count(pace.done, pace.total, spent.rounds, spent.online_bytes + spent.offline_bytes)

    with board.working(progress.ComputeProgress(stamp.operation, stamp.text, work.heading, count)):
        yield pace
