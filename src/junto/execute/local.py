"""What the two executors of this process share: arguments in, results out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from junto.execute.base import Call, Ref
from junto.execute.slot import Slot
from junto.tree import leaves, map_leaves


def references(call: Call) -> list[Ref]:
    """The references among the arguments."""
    return [leaf for leaf in leaves((call.args, dict(call.kwargs))) if isinstance(leaf, Ref)]


def first_error(refs: Sequence[Ref]) -> BaseException | None:
    """The error that one of the arguments carries, if any does."""
    for ref in refs:
        error = ref.error()
        if error is not None:
            return error
    return None


def invoke(call: Call, function: Any) -> Any:
    """Run `function` on the call's arguments, which are all there."""
    args, kwargs = map_leaves(_value, (call.args, dict(call.kwargs)))
    return function(*args, **kwargs)


def fulfil(call: Call, slots: tuple[Slot, ...], function: Any) -> None:
    """Run, and put the results or the failure into `slots`. Raises nothing."""
    try:
        results = _results(call, invoke(call, function))
    except BaseException as error:  # noqa: BLE001 - SystemExit in a task is that task's failure, too
        fail(slots, call.explain(error))
        return
    for slot, result in zip(slots, results, strict=True):
        slot.set_value(result)


def fail(slots: Sequence[Slot], error: BaseException) -> None:
    """Put `error` into all of `slots`."""
    for slot in slots:
        slot.set_error(error)


def new_slots(call: Call) -> tuple[Slot, ...]:
    """As many as the call has results."""
    return tuple([Slot() for _ in range(call.num_returns or 1)])


def _value(leaf: Any) -> Any:
    return leaf.value() if isinstance(leaf, Ref) else leaf


def _results(call: Call, returned: Any) -> tuple[Any, ...]:
    if call.num_returns is None:
        return (returned,)
    if not isinstance(returned, tuple | list) or len(returned) != call.num_returns:
        got = f"{len(returned)} values" if isinstance(returned, tuple | list) else type(returned).__name__
        raise TypeError(f"{call.name} was to return {call.num_returns} values, but returned {got}")
    return tuple(returned)
