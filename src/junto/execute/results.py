"""The results of one call. Imports nothing: this module also travels to Ray's workers, by value."""

from __future__ import annotations

from typing import Any


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
