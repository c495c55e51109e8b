"""Everything at once, in the calling thread: breakpoints and tracebacks are where one expects them."""

from __future__ import annotations

import bdb
from collections import deque
from collections.abc import Callable
from functools import partial

from junto.execute.executor import Actor, Executor, Promise, Ref, TaskCall
from junto.execute.local import LocalActor, foreign, new_slots, outcome, references, settle
from junto.execute.slot import Slot, when_done

END_THE_SCRIPT = (KeyboardInterrupt, bdb.BdbQuit)


class DebugExecutor(Executor):
    """Runs a call when it is submitted; one that awaits a promise, when that is fulfilled.

    Ctrl-C and the debugger's ``quit`` end the script, not only the task that they hit.
    """

    def __init__(self) -> None:
        self._jobs: deque[Callable[[], None]] = deque()
        self._running = False

    def submit(self, call: TaskCall) -> tuple[Ref, ...]:
        slots = new_slots(call)
        self._run(call, slots, None)
        return slots

    def create_actor(self, call: TaskCall) -> Actor:
        actor = LocalActor(self)
        self._run(call, (actor.made,), None)
        return actor

    def call_actor(self, actor: Actor, call: TaskCall) -> tuple[Ref, ...]:
        if not isinstance(actor, LocalActor) or actor.owner is not self:
            raise foreign()
        slots = new_slots(call)
        self._run(call, slots, actor.made)
        return slots

    def promise(self) -> Promise:
        return Slot()

    def shutdown(self, *, cancel: bool) -> None:
        """Nothing runs between two calls, so there is nothing to end."""
        del cancel

    def _run(self, call: TaskCall, slots: tuple[Slot, ...], made: Slot | None) -> None:
        needs = references(call) if made is None else [made, *references(call)]
        job = partial(_now, call, slots, made)
        if all(ref.done() for ref in needs):
            job()
        else:
            when_done(needs, partial(self._later, job))

    def _later(self, job: Callable[[], None]) -> None:
        # A chain that one promise sets off runs here one after the other, not one inside the other.
        self._jobs.append(job)
        if self._running:
            return
        self._running = True
        try:
            while self._jobs:
                self._jobs.popleft()()
        finally:
            self._running = False


def _now(call: TaskCall, slots: tuple[Slot, ...], made: Slot | None) -> None:
    settle(slots, outcome(call, made, through=END_THE_SCRIPT))
