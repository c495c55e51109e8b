"""A thread pool in the driver's process: starts in no time, the default.

A call is queued when the last of its arguments is there, so no pool thread ever waits for another
and no graph of calls, however deep, can block the pool.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from junto.errors import SessionError
from junto.execute.base import Actor, Call, Executor, Promise, Ref
from junto.execute.local import fail, first_error, fulfil, new_slots, references
from junto.execute.slot import Slot

Job = Callable[[], None]
MOST_WORKERS = 32


class Pool:
    """Daemon threads, started on demand, that run jobs in order."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._ready = threading.Condition(threading.Lock())
        self._jobs: deque[Job] = deque()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def run(self, job: Job) -> None:
        """Queue `job`. It must not raise."""
        with self._ready:
            if self._closed:
                raise SessionError("the executor was shut down")
            self._jobs.append(job)
            if self._idle >= len(self._jobs):
                self._ready.notify()
                return
            start = self._threads < self._workers
            self._threads += start
        if start:
            threading.Thread(target=self._work, name=f"junto-worker-{self._threads}", daemon=True).start()

    def close(self, *, cancel: bool) -> None:
        """No more jobs; `cancel`: forget those that have not begun."""
        with self._ready:
            self._closed = True
            if cancel:
                self._jobs.clear()
            self._ready.notify_all()

    def _work(self) -> None:
        while True:
            with self._ready:
                self._idle += 1
                while not self._jobs and not self._closed:
                    self._ready.wait()
                self._idle -= 1
                if not self._jobs:
                    return
                job = self._jobs.popleft()
            job()
            del job  # what it held must not outlive it while we wait


class Waiting:
    """Runs `start` once all of `refs` are done."""

    def __init__(self, refs: list[Ref], start: Job) -> None:
        self._lock = threading.Lock()
        self._left = len(refs)
        self._start = start
        for ref in refs:
            ref.add_done_callback(self._one)

    def _one(self, _: Ref) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._start()


class EmbeddedActor(Actor):
    """An instance and the calls that wait for their turn."""

    def __init__(self, concurrency: int) -> None:
        self.made = Slot()
        self.lock = threading.Lock()
        self.turns: deque[tuple[Call, tuple[Slot, ...]]] = deque()
        self.active = 0
        self.concurrency = concurrency


class EmbeddedExecutor(Executor):
    """Runs calls on a pool of threads.

    Args:
        workers: how many at most (None: one a processor, at least 4).
    """

    def __init__(self, workers: int | None = None) -> None:
        self._pool = Pool(workers or min(max(os.cpu_count() or 1, 4), MOST_WORKERS))

    def submit(self, call: Call) -> tuple[Ref, ...]:
        slots = new_slots(call)
        self._when_ready(call, lambda: self._pool.run(lambda: self._run(call, slots, call.function)))
        return slots

    def create_actor(self, call: Call) -> Actor:
        actor = EmbeddedActor(call.resources.max_concurrency)
        slots = (actor.made,)
        self._when_ready(call, lambda: self._pool.run(lambda: self._run(call, slots, call.function)))
        return actor

    def call_actor(self, actor: Actor, call: Call) -> tuple[Ref, ...]:
        if not isinstance(actor, EmbeddedActor):
            raise SessionError("this actor belongs to another executor")
        slots = new_slots(call)
        with actor.lock:
            actor.turns.append((call, slots))
            first = len(actor.turns) == 1 and actor.active < actor.concurrency
        if first:
            self._next_turn(actor)
        return slots

    def promise(self) -> Promise:
        return Slot()

    def shutdown(self, *, cancel: bool) -> None:
        self._pool.close(cancel=cancel)

    def _when_ready(self, call: Call, start: Job) -> None:
        refs = [ref for ref in references(call) if not ref.done()]
        if refs:
            Waiting(refs, start)
        else:
            start()

    def _run(self, call: Call, slots: tuple[Slot, ...], function: Any) -> None:
        error = first_error(references(call))
        if error is not None:
            fail(slots, error)
        else:
            fulfil(call, slots, function)

    def _next_turn(self, actor: EmbeddedActor) -> None:
        with actor.lock:
            if not actor.turns or actor.active >= actor.concurrency:
                return
            call, slots = actor.turns.popleft()
            actor.active += 1
        needed = [ref for ref in (actor.made, *references(call)) if not ref.done()]
        start = lambda: self._pool.run(lambda: self._turn(actor, call, slots))  # noqa: E731
        if needed:
            Waiting(needed, start)
        else:
            start()
        if actor.concurrency > 1:
            self._next_turn(actor)

    def _turn(self, actor: EmbeddedActor, call: Call, slots: tuple[Slot, ...]) -> None:
        error = actor.made.error()
        if error is not None:
            fail(slots, error)
        else:
            self._run(call, slots, getattr(actor.made.value(), str(call.function)))
        with actor.lock:
            actor.active -= 1
        self._next_turn(actor)
