"""A party's part of an SPU: one thread that takes one operation after the other.

All nodes of an SPU take the same operations in the same order, so none waits for another that is busy with
something else. An operation begins when its inputs are here. If an input failed, at whichever party, all
nodes learn it and leave the operation out; if a node fails in the middle, the SPU is broken: its nodes are
out of step, and every later operation fails with the same error.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from junto.errors import JuntoError, LinkError, SessionError
from junto.execute.base import Ref
from junto.execute.slot import Slot, when_done

log = logging.getLogger("junto.spu")

Explain = Callable[[BaseException], BaseException]


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One operation.

    Attributes:
        inputs: what must be here before it begins.
        run: takes the values of `inputs`; returns as many values as there are `outputs`.
        outputs: where the results go.
        explain: turns what `run` raised into the error that its outputs carry.
        shared: whether all nodes take part at once: then a failure breaks the SPU.
    """

    inputs: Sequence[Ref]
    run: Callable[..., Sequence[Any]]
    outputs: Sequence[Slot]
    explain: Explain
    shared: bool


class Node:
    """See the module.

    Args:
        name: of the SPU and the party, for the thread's name.
        interrupt: makes a running operation end with the given error, from another thread.
        tell: tells the other nodes that this one has failed.
        patience_s: a link that fails may be the work of a third party: so long is awaited what the heartbeats
            between the parties say of it, for they know who is gone.
    """

    def __init__(
        self,
        name: str,
        interrupt: Callable[[Exception], None],
        tell: Callable[[Exception], None],
        patience_s: float = 0.0,
    ) -> None:
        self._patience_s = patience_s
        self._interrupt = interrupt
        self._tell = tell
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._broken: BaseException | None = None
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"junto-spu-{name}", daemon=True)
        self._thread.start()

    def submit(
        self,
        inputs: Sequence[Ref],
        run: Callable[..., Sequence[Any]],
        count: int,
        explain: Explain,
        *,
        shared: bool = True,
    ) -> tuple[Slot, ...]:
        """Append an operation with `count` results; returns at once."""
        outputs = tuple([Slot() for _ in range(count)])
        self._jobs.put(Job(tuple(inputs), run, outputs, explain, shared))
        return outputs

    def cancel(self, error: Exception) -> None:
        """Nothing more will be computed; what is asked for fails with `error`."""
        if self._broken is None:
            self._broken = error
        self._woken.set()
        self._interrupt(error)

    def close(self) -> None:
        """End the thread. What has not been computed fails."""
        self.cancel(SessionError("the session is over"))
        self._jobs.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _loop(self) -> None:
        with np.errstate(over="ignore"):  # the ring wraps around, by design
            while (job := self._jobs.get()) is not None:
                self._take(job)

    def _take(self, job: Job) -> None:
        arrived = self._await(job)
        if self._broken is not None:
            _fail(job, self._broken)
        elif arrived:
            failed = [error for error in [ref.error() for ref in job.inputs] if error is not None]
            if failed:
                _fail(job, failed[0])
            else:
                self._run(job)

    def _await(self, job: Job) -> bool:
        missing = [ref for ref in job.inputs if not ref.done()]
        if not missing:
            return True
        self._woken.clear()
        when_done(missing, self._woken.set)
        while self._broken is None and not all(ref.done() for ref in missing):
            self._woken.wait()
        return self._broken is None

    def _run(self, job: Job) -> None:
        try:
            results = job.run(*[ref.value() for ref in job.inputs])
        except Exception as error:
            fault = self._who_is_gone(error) if job.shared else None
            explained = fault or job.explain(error)
            if job.shared:
                self._break(error, explained)
            _fail(job, explained)
            return
        for slot, value in zip(job.outputs, results, strict=True):
            slot.set_value(value)

    def _who_is_gone(self, error: Exception) -> BaseException | None:
        """Of an error of a link, the program's own word on it, if that comes in time."""
        if not isinstance(error, LinkError) or self._patience_s <= 0:
            return None
        self._tell(error)
        ends = time.monotonic() + self._patience_s
        while self._broken is None and (left := ends - time.monotonic()) > 0:
            self._woken.clear()
            if self._broken is None:
                self._woken.wait(left)
        return self._broken

    def _break(self, error: Exception, explained: BaseException) -> None:
        if self._broken is None:
            self._broken = explained if not isinstance(error, JuntoError) else error
            log.error("an operation failed in the middle, so this SPU cannot go on")
            self._tell(error)


def _fail(job: Job, error: BaseException) -> None:
    for slot in job.outputs:
        slot.set_error(error)
