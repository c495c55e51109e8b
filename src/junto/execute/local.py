"""What the two executors of this process share: arguments in, results out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from junto.errors import ExecutorError, SessionError
from junto.execute.base import Actor, Call, Ref
from junto.execute.slot import Slot
from junto.tree import leaves, map_leaves


class LocalActor(Actor):
    """An instance of this process.

    Args:
        owner: the executor that made it.
    """

    def __init__(self, owner: object) -> None:
        self.owner = owner
        self.made = Slot()


def references(call: Call) -> list[Ref]:
    """The references among the arguments."""
    return [leaf for leaf in leaves((call.args, dict(call.kwargs))) if isinstance(leaf, Ref)]


def new_slots(call: Call) -> tuple[Slot, ...]:
    """As many as the call has results."""
    return tuple([Slot() for _ in range(call.num_returns or 1)])


def outcome(
    call: Call, made: Slot | None = None, through: tuple[type[BaseException], ...] = ()
) -> tuple[Any, ...] | BaseException:
    """Run the call, whose arguments are all there: its results, or the error its outputs carry.

    Args:
        made: for a method's call, its instance.
        through: exceptions that are raised. All others are not, `SystemExit` neither: a task that
            calls `sys.exit` has failed like any other.
    """
    error = _error_before(call, made)
    if error is not None:
        return error
    try:
        args, kwargs = map_leaves(_value, (call.args, dict(call.kwargs)))
        function: Any = call.function if made is None else getattr(made.value(), str(call.function))
        return split(call.name, call.num_returns, function(*args, **kwargs))
    except through:
        raise
    except BaseException as problem:
        return explained(call, problem)


def explained(call: Call, problem: BaseException) -> BaseException:
    """What `call.explain` makes of `problem`."""
    try:
        return call.explain(problem)
    except Exception as bug:
        bug.__cause__ = problem
        return bug


def split(name: str, count: int | None, returned: Any) -> tuple[Any, ...]:
    """`returned` as the results of a call with ``num_returns=count``.

    Raises:
        TypeError: it is not that many values.
    """
    if count is None:
        return (returned,)
    if not isinstance(returned, tuple | list):
        got = f"one {type(returned).__name__}"
    elif len(returned) != count:
        got = f"{len(returned)} values"
    else:
        return tuple(returned)
    raise TypeError(f"{name} was to return {count} values (num_returns={count}), but returned {got}")


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


def _error_before(call: Call, made: Slot | None) -> BaseException | None:
    for ref in (*(() if made is None else (made,)), *references(call)):
        error = ref.error()
        if error is not None:
            return error
    return None


def _value(leaf: Any) -> Any:
    return leaf.value() if isinstance(leaf, Ref) else leaf
