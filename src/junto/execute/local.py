"""What the two executors of this process share: arguments in, results out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from junto.errors import ExecutorError, SessionError
from junto.execute.executor import Actor, Ref, TaskCall
from junto.execute.isolation import owned, shielded
from junto.execute.results import split
from junto.execute.slot import Slot
from junto.tree import leaves, map_leaves


class LocalActor(Actor):
    """An instance of this process.

    Args:
        owner: the executor that made it.
    """

    def __init__(self, owner: object) -> None:
        self.owner = owner
        self.made: Slot = Slot()


def references(call: TaskCall) -> list[Ref]:
    """The references among the arguments."""
    return [leaf for leaf in leaves((call.args, dict(call.kwargs))) if isinstance(leaf, Ref)]


def first_error(refs: Sequence[Ref]) -> BaseException | None:
    """The error that one of `refs`, which are all there, carries in place of a value."""
    for ref in refs:
        error = ref.error()
        if error is not None:
            return error
    return None


def new_slots(call: TaskCall) -> tuple[Slot, ...]:
    """As many as the call has results."""
    return tuple([Slot() for _ in range(call.num_returns or 1)])


def outcome(
    call: TaskCall, made: Slot | None = None, through: tuple[type[BaseException], ...] = ()
) -> tuple[Any, ...] | BaseException:
    """Run the call, whose arguments are all there: its results, or the error its outputs carry.

    Args:
        made: for a method's call, its instance.
        through: exceptions that are raised. All others are not, `SystemExit` neither: a task that
            calls `sys.exit` has failed like any other.
    """
    error = first_error(references(call) if made is None else [made, *references(call)])
    if error is not None:
        return error
    try:
        args, kwargs = map_leaves(_value, (call.args, dict(call.kwargs)))
        function: Any = call.function if made is None else getattr(made.value(), str(call.function))
        returned = _called(function, args, kwargs)
        # What a method returns may be the instance's own state, which its next call changes.
        return split(call.name, call.num_returns, returned if made is None else owned(returned))
    except through:
        raise
    except BaseException as problem:
        return explained(call, problem)


def _called(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    process = os.getpid()
    try:
        return function(*args, **kwargs)
    finally:
        if os.getpid() != process:
            _end_child(sys.exc_info()[1])


def _end_child(error: BaseException | None) -> NoReturn:
    """The task has forked, and this is its child: it must not go on as a second copy of the party."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    code = error.code if isinstance(error, SystemExit) else error
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def explained(call: TaskCall, problem: BaseException) -> BaseException:
    """What `call.explain` makes of `problem`."""
    try:
        return call.explain(problem)
    except Exception as bug:
        bug.__cause__ = problem
        return bug


def settle(slots: Sequence[Slot], result: tuple[Any, ...] | BaseException) -> None:
    """Put results, or one error, into `slots`."""
    if isinstance(result, BaseException):
        for slot in slots:
            slot.set_error(result)
    else:
        for slot, value in zip(slots, result, strict=True):
            slot.set_value(value)


def over() -> SessionError:
    """In place of a value that nobody will make any more."""
    return SessionError("the executor was shut down before this value was there")


def foreign() -> ExecutorError:
    """An actor of another executor."""
    return ExecutorError("this object was made by another executor, so it cannot be called here")


def _value(leaf: Any) -> Any:
    return shielded(leaf.value()) if isinstance(leaf, Ref) else leaf
