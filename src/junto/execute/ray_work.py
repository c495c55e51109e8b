"""One call on its way through a Ray cluster: awaits what Ray cannot await, is handed over, is heard of."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from junto.execute.executor import Actor, Ref, TaskCall
from junto.execute.isolation import with_own_arguments
from junto.execute.local import explained, first_error, references
from junto.execute.ray_errors import not_taken, translated
from junto.execute.ray_refs import RayRef, argument, unplaced
from junto.execute.ray_task import Job
from junto.execute.slot import when_done
from junto.execute.thread_pool import ThreadPool
from junto.tree import map_leaves

Remote = Callable[..., list[Any]]
"""Hands ``(job, *objects)`` to Ray; returns its references to the results and to the status."""


class Register(Protocol):
    """What a call needs of its executor.

    Attributes:
        clerk: a pool of one thread. It hears of completions (Ray's own threads may not be blocked) and
            hands over calls that had to wait; so a chain of them does not recurse.
    """

    clerk: ThreadPool

    def is_open(self, work: RayTask) -> bool:
        """Whether `work` is still to be settled."""
        ...

    def close(self, work: RayTask) -> bool:
        """Whether it is the caller who is to settle `work`."""
        ...


class RayTask:
    """One call.

    Args:
        register: its executor.
        call: what to do.
        remote: how to hand it to Ray.
        actor: whose method it calls.
    """

    def __init__(
        self, register: Register, call: TaskCall, remote: Remote, actor: RayActor | None = None
    ) -> None:
        self._register = register
        self._call = call
        self._remote = remote
        self._refs = references(call)
        self._first: list[Ref] = []
        if actor is not None and actor.made is not None:
            self._refs.insert(0, actor.made)
            if actor.concurrency > 1:  # its calls could overtake its making
                self._first.append(actor.made)
        self.outputs: tuple[RayRef, ...] = ()
        self.status: Any = None

    def missing(self) -> list[Ref]:
        """What has to be done before this call can be handed to Ray."""
        return [ref for ref in self._first if not ref.done()] + unplaced(self._refs)

    def prepare(self, *, deferred: bool) -> None:
        """Make the outputs. `deferred`: the call is handed to Ray later, but with its arguments of now."""
        if deferred:
            self._call = with_own_arguments(self._call)
        count = self._call.num_returns or 1
        self.outputs = tuple([RayRef(self._call.name, deferred=deferred) for _ in range(count)])

    def place(self) -> None:
        """Hand it to Ray, or find out that there is no use in that. Calls nobody back."""
        if not self._register.is_open(self):
            return
        error = first_error([ref for ref in self._refs if ref.done()])
        if error is None:
            error = self._hand_over()
        if error is not None:
            self._register.clerk.run(partial(self.settle, error))
        for output in self.outputs:
            if output.placed is not None:
                output.placed.settle(None)

    def settle(self, error: BaseException | None) -> None:
        """The results are there, or `error` is in their place."""
        if self._register.close(self):
            for output in self.outputs:
                output.settle(error)

    def _hand_over(self) -> BaseException | None:
        call = self._call
        objects: list[Any] = []
        plain: list[Any] = []

        def sort(leaf: Any) -> bool:
            is_object, item = argument(leaf)
            (objects if is_object else plain).append(item)
            return is_object

        try:
            skeleton = map_leaves(sort, (call.args, dict(call.kwargs)))
            job: Job = (call.function, skeleton, plain, call.num_returns, call.name)
            *results, self.status = self._remote(job, *objects)
        except Exception as problem:  # an argument that cannot be pickled; options that Ray refuses
            return explained(call, not_taken(problem, call.name))
        for output, result in zip(self.outputs, results, strict=True):
            output.object = result
        self.status._on_completed(self._heard)
        return None

    def _heard(self, answer: BaseException | None) -> None:
        self._register.clerk.run(partial(self._finish, answer))

    def _finish(self, answer: BaseException | None) -> None:
        if answer is None:
            self.settle(None)
        else:
            # Ray fails a call for the failure of its argument and may tell the call's first.
            failed = partial(self._register.clerk.run, partial(self._fail, answer))
            when_done(self._refs, failed)

    def _fail(self, answer: BaseException) -> None:
        error = first_error(self._refs)
        self.settle(explained(self._call, translated(answer, self._call.name)) if error is None else error)


class RayActor(Actor):
    """A stateful object in the cluster, and the calls that await their turn to be handed to Ray.

    Args:
        owner: the executor that made it.
        handle: Ray's; None if Ray did not take it.
        concurrency: of its calls.
        made: its making.
    """

    def __init__(self, owner: Register, handle: Any, concurrency: int, made: Ref | None = None) -> None:
        self.owner = owner
        self.handle = handle
        self.concurrency = concurrency
        self.made = made
        self._lock = threading.Lock()
        self._turns: deque[RayTask] = deque()

    def enqueue(self, work: RayTask) -> None:
        """Hand `work` to Ray after all earlier calls."""
        with self._lock:
            missing = work.missing()
            waits = bool(missing or self._turns)
            work.prepare(deferred=waits)
            if not waits:
                work.place()
                return
            self._turns.append(work)
            first = len(self._turns) == 1
        if first:
            when_done(missing, self._later)

    def _later(self) -> None:
        self.owner.clerk.run(self._advance)

    def _advance(self) -> None:
        while True:
            with self._lock:
                if not self._turns:
                    return
                missing = self._turns[0].missing()
                if not missing:
                    self._turns[0].place()
                    self._turns.popleft()
                    continue
            when_done(missing, self._later)
            return
