"""How many values a function returns."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

from junto.errors import DeviceError


def number_of_returns(function: Callable[..., Any], said: int | None) -> int | None:
    """What the caller said, or the length of a ``tuple[A, B]`` annotation, or None: one value.

    Raises:
        DeviceError: `said` is not a positive whole number.
    """
    if said is not None:
        if not isinstance(said, int) or isinstance(said, bool) or said < 1:
            raise DeviceError(
                f"num_returns must be a whole number from 1 on, not {said!r}",
                fix="num_returns=2, of a function that returns two values",
            )
        return None if said == 1 else said
    if "return" not in getattr(function, "__annotations__", {}):
        return None
    try:
        annotation = typing.get_type_hints(function)["return"]
    except Exception:
        return None
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is tuple and len(arguments) > 1 and Ellipsis not in arguments:
        return len(arguments)
    return None
