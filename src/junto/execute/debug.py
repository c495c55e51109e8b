"""Everything at once, in the calling thread: breakpoints and tracebacks are where one expects them."""

from __future__ import annotations

from junto.execute.base import Actor, Call, Executor, Promise, Ref
from junto.execute.local import fail, first_error, fulfil, new_slots, references
from junto.execute.slot import Slot


class DebugActor(Actor):
    """An instance, or why it could not be made."""

    def __init__(self, made: Slot) -> None:
        self.made = made


class DebugExecutor(Executor):
    """Runs a call when it is submitted."""

    def submit(self, call: Call) -> tuple[Ref, ...]:
        slots = new_slots(call)
        self._run(call, slots, call.function)
        return slots

    def create_actor(self, call: Call) -> Actor:
        (made,) = slots = (Slot(),)
        self._run(call, slots, call.function)
        return DebugActor(made)

    def call_actor(self, actor: Actor, call: Call) -> tuple[Ref, ...]:
        slots = new_slots(call)
        made = actor.made if isinstance(actor, DebugActor) else Slot()
        error = made.error()
        if error is not None:
            fail(slots, error)
        else:
            self._run(call, slots, getattr(made.value(), str(call.function)))
        return slots

    def promise(self) -> Promise:
        return Slot()

    def shutdown(self, *, cancel: bool) -> None:
        del cancel

    def _run(self, call: Call, slots: tuple[Slot, ...], function: object) -> None:
        error = first_error(references(call))
        if error is not None:
            fail(slots, error)
        else:
            fulfil(call, slots, function)
