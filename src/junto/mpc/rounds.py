"""Secret computations as coroutines, and the rounds in which they talk.

A gate that has to open something awaits an `Opening`. Every coroutine that can go on goes on until it awaits
one, too; only when all of them wait, everything that they asked to open travels in *one* message. So two
computations that do not need each other share their rounds, and a program takes as many rounds as it is
deep, not as it is long.

Nothing here depends on time: the same coroutines give the same rounds, in the same order, at every node of
the SPU. That is what lets the helper, who opens nothing, deal in the order in which the others will ask.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from types import CoroutineType
from typing import Any, Generic, Protocol, TypeVar, cast, overload

from junto.native.pool import pooled

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


class Observer(Protocol):
    """Hears whose work is done when; what a computation is for is its label (see `start`)."""

    def enter(self, label: str) -> None:
        """What follows, up to the `leave` that belongs to this, is done for `label`."""

    def leave(self) -> None:
        """Back to what was done before the last `enter`."""

    def ended_round(self, asked: Sequence[tuple[str, Any]]) -> None:
        """A round is over, in which these labels had these shares opened."""


class Opening(Generic[T]):
    """Something to be opened at the end of this round. Awaiting it gives what was opened.

    Args:
        share: this node's piece, in the form that `flush` of the round's owner understands.
    """

    __slots__ = ("share",)

    def __init__(self, share: object) -> None:
        self.share: object = share

    def __await__(self) -> Generator[Any, Any, T]:
        return cast(T, (yield self))


class RoundFuture(Generic[T]):
    """A value that another coroutine is still computing. Any number of coroutines may await it."""

    __slots__ = ("_task",)

    def __init__(self, task: _Task) -> None:
        self._task = task

    def __await__(self) -> Generator[Any, Any, T]:
        if not self._task.done:
            yield self._task
        return cast(T, self._task.result())


class _Task:
    """One coroutine, and the tasks that wait for its end."""

    __slots__ = ("coroutine", "done", "error", "label", "value", "waiting")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], label: str) -> None:
        self.coroutine: Coroutine[Any, Any, Any] = coroutine
        self.label: str = label
        self.done: bool = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.waiting: list[_Task] = []

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class Start(Generic[T]):
    """Asks the scheduler to start a coroutine now; awaiting it gives its `RoundFuture`."""

    __slots__ = ("computation", "label")

    def __init__(self, computation: Coroutine[Any, Any, T], label: str) -> None:
        self.computation: Coroutine[Any, Any, T] = computation
        self.label: str = label

    def __await__(self) -> Generator[Any, Any, RoundFuture[T]]:
        return cast("RoundFuture[T]", (yield self))


def start(computation: Coroutine[Any, Any, T], label: str = "") -> Start[T]:
    """Let `computation` run beside the caller; the result can be awaited, now or later, more than once.

    Args:
        computation: what runs.
        label: what it is done for, for an `Observer`; default: the same as the caller.
    """
    return Start(computation, label)


@overload
async def together(first: Awaitable[A], second: Awaitable[B], /) -> tuple[A, B]: ...
@overload
async def together(first: Awaitable[A], second: Awaitable[B], third: Awaitable[C], /) -> tuple[A, B, C]: ...
@overload
async def together(*computations: Awaitable[T]) -> tuple[T, ...]: ...
async def together(*computations: Awaitable[Any]) -> tuple[Any, ...]:
    """Run several computations side by side, sharing their rounds; their results in the order given."""
    started = [
        await start(each if isinstance(each, CoroutineType) else _as_coroutine(each)) for each in computations
    ]
    return tuple([await each for each in started])


async def _as_coroutine(awaitable: Awaitable[T]) -> T:
    return await awaitable


class Rounds:
    """Runs coroutines to their end.

    Args:
        flush: called once a round with everything that is to be opened in it, in the order in which it was
            asked for; returns what was opened, in the same order. Whatever it raises ends the run.
        observer: hears for whom all this is done; costs nothing if there is none.
    """

    def __init__(
        self, flush: Callable[[Sequence[Any]], Sequence[Any]], observer: Observer | None = None
    ) -> None:
        self._flush = flush
        self._observer = observer
        self._ready: deque[tuple[_Task, Any]] = deque()
        self._asked: list[tuple[_Task, Any]] = []
        self._failed: Exception | None = None
        self._step = self._resume if observer is None else self._watched

    def run(self, computation: Coroutine[Any, Any, T]) -> T:
        """Run `computation` and everything it starts.

        Raises:
            Whatever the computation, any that it has started, or `flush` raises: at once, before anything
            more is opened, whether or not somebody awaits the one that failed.
        """
        steps = self.steps(computation)
        with pooled():
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    return cast(T, end.value)

    def steps(
        self, computation: Coroutine[Any, Any, T], ready: Callable[[Sequence[Any]], bool] | None = None
    ) -> Generator[None, None, T]:
        """The same, a round at a time; a round does not end before `ready` of what is to be opened in it."""
        main = _Task(computation, "")
        self._ready.append((main, None))
        try:
            while not main.done:
                self._proceed()
                if not main.done:
                    while ready is not None and not ready([share for _, share in self._asked]):
                        yield
                    self._end_round()
                    yield
        finally:
            self._close()
        return cast(T, main.result())

    def _proceed(self) -> None:
        while self._ready:
            task, value = self._ready.popleft()
            self._step(task, value)
            if self._failed is not None:
                # A round without its openings would be a message of the wrong size, for which the other node
                # would blame this one.
                raise self._failed

    def _watched(self, task: _Task, value: Any) -> None:
        if self._observer is None:
            return self._resume(task, value)
        self._observer.enter(task.label)
        try:
            return self._resume(task, value)
        finally:
            self._observer.leave()

    def _resume(self, task: _Task, value: Any) -> None:
        """Resume one task until it waits or ends."""
        while True:
            try:
                wish = task.coroutine.send(value)
            except StopIteration as stop:
                return self._end(task, stop.value, None)
            except Exception as error:
                self._failed = self._failed or error
                return self._end(task, None, error)
            if isinstance(wish, Start):
                child = _Task(wish.computation, wish.label or task.label)
                value = RoundFuture(child)
                self._step(child, None)
            elif isinstance(wish, Opening):
                self._asked.append((task, wish.share))
                return None
            elif isinstance(wish, _Task):
                if wish.done:
                    value = None
                    continue
                wish.waiting.append(task)
                return None
            else:
                task.coroutine.close()
                self._failed = self._failed or TypeError(f"a computation awaited {type(wish).__name__}")
                return self._end(task, None, self._failed)

    def _end(self, task: _Task, value: Any, error: BaseException | None) -> None:
        task.done, task.value, task.error = True, value, error
        if task.waiting:
            self._ready.extend([(each, None) for each in task.waiting])
            task.waiting.clear()

    def _end_round(self) -> None:
        if not self._asked:
            raise RuntimeError("the computations wait for each other, so none of them can go on")
        asked, self._asked = self._asked, []
        opened = self._flush([share for _, share in asked])
        if self._observer is not None:
            self._observer.ended_round([(task.label, share) for task, share in asked])
        self._ready.extend((task, value) for (task, _), value in zip(asked, opened, strict=True))

    def _close(self) -> None:
        """End what has not ended, and what waits for it: nobody else may find it half done, and clean up."""
        pending = [task for task, _ in [*self._ready, *self._asked]]
        while pending:
            task = pending.pop()
            pending.extend(task.waiting)
            task.waiting.clear()
            task.coroutine.close()
        self._ready.clear()
        self._asked.clear()
