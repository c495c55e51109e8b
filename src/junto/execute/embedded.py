"""A thread pool in the driver's process: starts in no time, the default.

A call is queued when the last of its arguments is there, so no pool thread ever waits for another
and no graph of calls, however deep, can block the pool or the stack.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Any

from junto.errors import SessionError
from junto.execute.executor import Actor, Executor, Promise, Ref, TaskCall
from junto.execute.isolation import with_own_arguments
from junto.execute.local import LocalActor, foreign, new_slots, outcome, over, references, settle
from junto.execute.slot import Slot, when_done
from junto.execute.thread_pool import ThreadPool

FEWEST_WORKERS, MOST_WORKERS = 4, 32


class EmbeddedExecutor(Executor):
    """Runs calls on a pool of threads.

    Args:
        workers: how many at most (None: one a processor, but at least 4 and at most 32).
    """

    def __init__(self, workers: int | None = None) -> None:
        self._pool = ThreadPool(workers or min(max(os.cpu_count() or 1, FEWEST_WORKERS), MOST_WORKERS))
        self._lock = threading.Lock()
        self._open: set[_Work] = set()
        self._over = False

    def submit(self, call: TaskCall) -> tuple[Ref, ...]:
        work = self._begin(_Work(self, with_own_arguments(call), new_slots(call)))
        when_done(references(call), work.queue)
        return work.slots

    def create_actor(self, call: TaskCall) -> Actor:
        actor = _EmbeddedActor(self, call.resources.max_concurrency)
        work = self._begin(_Work(self, with_own_arguments(call), (actor.made,)))
        when_done(references(call), work.queue)
        return actor

    def call_actor(self, actor: Actor, call: TaskCall) -> tuple[Ref, ...]:
        if not isinstance(actor, _EmbeddedActor) or actor.owner is not self:
            raise foreign()
        work = self._begin(_Work(self, with_own_arguments(call), new_slots(call), actor))
        actor.append(work)
        return work.slots

    def promise(self) -> Promise:
        return Slot()

    def shutdown(self, *, cancel: bool) -> None:
        """End; every value that is not there by then gets an error.

        A running call cannot be stopped: with `cancel` it goes on in its daemon thread, and what it
        returns is dropped.
        """
        with self._lock:
            self._over = True
        if not cancel:
            self._pool.drain()
        self._pool.close()
        for work in tuple(self._open):
            work.settle(over())

    def _begin(self, work: _Work) -> _Work:
        with self._lock:
            if self._over:
                raise SessionError("the executor was shut down", fix="start again with sf.init")
            self._open.add(work)
        return work


class _Work:
    """One call on its way: waits for its arguments, is queued, runs, settles its slots."""

    __slots__ = ("_actor", "_call", "_executor", "slots")

    def __init__(
        self,
        executor: EmbeddedExecutor,
        call: TaskCall,
        slots: tuple[Slot, ...],
        actor: _EmbeddedActor | None = None,
    ) -> None:
        self._executor = executor
        self._call = call
        self._actor = actor
        self.slots = slots

    @property
    def needs(self) -> list[Ref]:
        refs = references(self._call)
        return refs if self._actor is None else [self._actor.made, *refs]

    def queue(self) -> None:
        self._executor._pool.run(self._run)

    def settle(self, result: tuple[Any, ...] | BaseException) -> None:
        # Whoever takes the work out of the set settles it: its run, or the shutdown.
        try:
            self._executor._open.remove(self)
        except KeyError:
            return
        settle(self.slots, result)

    def _run(self) -> None:
        made = self._actor.made if self._actor is not None else None
        self.settle(outcome(self._call, made))
        if self._actor is not None:
            self._actor.finished()


class _EmbeddedActor(LocalActor):
    """An instance, and the calls that await their turn."""

    def __init__(self, owner: EmbeddedExecutor, concurrency: int) -> None:
        super().__init__(owner)
        self._lock = threading.Lock()
        self._turns: deque[_Work] = deque()
        self._free = concurrency

    def append(self, work: _Work) -> None:
        with self._lock:
            self._turns.append(work)
        self._advance()

    def finished(self) -> None:
        with self._lock:
            self._free += 1
        self._advance()

    def _advance(self) -> None:
        while True:
            with self._lock:
                if not self._turns or not self._free:
                    return
                self._free -= 1
                work = self._turns.popleft()
            when_done(work.needs, work.queue)
