"""A party's part of an SPU: one thread that takes one operation after the other.

All nodes of an SPU take the same operations in the same order, so none waits for another that is busy with
something else. An operation begins when its inputs are here. Whoever cannot compute it, because an input
failed or in its middle, leaves it out: its results carry the reason, the other nodes are told and leave it
out, too, if they still need it for that, and all go on with the next one. Only if a link fails is the SPU
broken: every later operation fails with the same error.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from junto.errors import LinkError, SessionError
from junto.execute.executor import Ref
from junto.execute.slot import Slot, when_done
from junto.locks import Event
from junto.mpc.channel import LeftOut

CLOSE_S = 5.0
"""What an array operation may still take that is under way when the run ends; its thread ends with it."""

log: logging.Logger = logging.getLogger("junto.spu")

Explain = Callable[[BaseException], BaseException]


@dataclass(frozen=True, slots=True, eq=False)
class NodeJob:
    """One operation.

    Attributes:
        inputs: what must be here before it begins.
        run: takes the values of `inputs`; returns as many values as there are `outputs`.
        outputs: where the results go.
        explain: turns what `run` raised into the error that its outputs carry.
        operation: its number, if the nodes send each other messages in it; else None.
    """

    inputs: Sequence[Ref]
    run: Callable[..., Sequence[Any]]
    outputs: Sequence[Slot]
    explain: Explain
    operation: int | None


class Links(Protocol):
    """What a node does with its channels to the other nodes."""

    def interrupt(self, error: Exception) -> None:
        """End a running operation with this error; called from another thread."""

    def abort(self, error: Exception) -> None:
        """Tell the other nodes that this one has failed, and close."""

    def leave_out(self, operation: int, error: BaseException) -> None:
        """Tell them that this one has left an operation out, and why. Raises LinkError."""

    def done(self, operation: int) -> None:
        """Tell them, if they need to know, that an operation is over here."""

    def reason(self, left_out: LeftOut) -> BaseException:
        """What another node has told of why it left an operation out."""

    def rest(self) -> None:
        """This node waits for something else than them now."""


class NodeThread:
    """See the module.

    Args:
        name: of the SPU and the party, for the thread's name.
        links: to the other nodes.
        patience_s: a link that fails may be the work of a third party: so long is awaited what the heartbeats
            between the parties say of it, for they know who is gone.
    """

    def __init__(
        self,
        name: str,
        links: Links,
        patience_s: float = 0.0,
    ) -> None:
        self._patience_s = patience_s
        self._links = links
        self._jobs: queue.SimpleQueue[NodeJob | None] = queue.SimpleQueue()
        self._broken: BaseException | None = None
        self._woken = Event()
        self._working = False
        self._thread = threading.Thread(target=self._loop, name=f"junto-spu-{name}", daemon=True)
        self._thread.start()

    def submit(
        self,
        inputs: Sequence[Ref],
        run: Callable[..., Sequence[Any]],
        count: int,
        explain: Explain,
        operation: int | None = None,
    ) -> tuple[Slot, ...]:
        """Append an operation with `count` results; returns at once."""
        outputs = tuple([Slot() for _ in range(count)])
        self._jobs.put(NodeJob(tuple(inputs), run, outputs, explain, operation))
        return outputs

    def cancel(self, error: Exception) -> None:
        """Nothing more will be computed; what is asked for fails with `error`."""
        if self._broken is None:
            self._broken = error
        self._woken.set()
        self._links.interrupt(error)

    @property
    def working(self) -> bool:
        """Whether it computes."""
        return self._working

    def close(self) -> None:
        """End the thread. What has not been computed fails."""
        self.cancel(SessionError("the session is over"))
        self._jobs.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_S)

    def _loop(self) -> None:
        with np.errstate(over="ignore"):  # the ring wraps around, by design
            while (job := self._next()) is not None:
                self._take(job)

    def _next(self) -> NodeJob | None:
        if self._jobs.empty():
            self._links.rest()
        return self._jobs.get()

    def _take(self, job: NodeJob) -> None:
        arrived = self._await(job)
        if self._broken is not None:
            _fail(job, self._broken)
        elif arrived:
            failed = [error for error in [ref.error() for ref in job.inputs] if error is not None]
            if failed:
                self._leave_out(job, failed[0])
            else:
                self._run(job)

    def _await(self, job: NodeJob) -> bool:
        missing = [ref for ref in job.inputs if not ref.done()]
        if not missing:
            return True
        self._links.rest()
        self._woken.clear()
        when_done(missing, self._woken.set)
        while self._broken is None and not all(ref.done() for ref in missing):
            self._woken.wait()
        return self._broken is None

    def _run(self, job: NodeJob) -> None:
        self._working = True
        try:
            results = job.run(*[ref.value() for ref in job.inputs])
            if job.operation is not None:
                self._links.done(job.operation)
        except LeftOut as left_out:
            self._leave_out(job, self._links.reason(left_out))
        except LinkError as error:
            self._fail_and_break(job, error)
        except BaseException as error:  # the thread stays, or whoever waits for it would for ever
            self._leave_out(job, job.explain(error))
        else:
            for slot, value in zip(job.outputs, results, strict=True):
                slot.set_value(value)
        finally:
            self._working = False

    def _leave_out(self, job: NodeJob, error: BaseException) -> None:
        _fail(job, self._broken or error)
        if job.operation is not None and self._broken is None:
            try:
                self._links.leave_out(job.operation, error)
            except LinkError as trouble:
                self._fail_and_break(job, trouble)

    def _fail_and_break(self, job: NodeJob, error: LinkError) -> None:
        explained = self._who_is_gone(error) or job.explain(error)
        self._break(error)
        _fail(job, explained)

    def _who_is_gone(self, error: LinkError) -> BaseException | None:
        """Of an error of a link, the program's own word on it, if that comes in time."""
        if self._patience_s <= 0:
            return self._broken
        self._links.abort(error)
        ends = time.monotonic() + self._patience_s
        while self._broken is None and (left := ends - time.monotonic()) > 0:
            self._woken.clear()
            if self._broken is None:
                self._woken.wait(left)
        return self._broken

    def _break(self, error: LinkError) -> None:
        if self._broken is None:
            self._broken = error
            log.error("a link between the nodes failed, so this SPU cannot go on")
            self._links.abort(error)


def _fail(job: NodeJob, error: BaseException) -> None:
    for slot in job.outputs:
        if not slot.done():
            slot.set_error(error)
