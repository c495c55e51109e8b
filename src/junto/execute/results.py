"""The results of one call. Imports nothing: this module also travels to Ray's workers, by value."""

from __future__ import annotations

from typing import Any

ONCE = ("__next__", "__anext__", "cr_frame")
"""What iterators, generators, open files and coroutines have."""

MOST_LOOKED_AT = 1000
"""Longer containers hold data; nobody fills them with iterators."""


class UnfitResult(TypeError):
    """What is wrong with a result, and what to do: `program.failure` makes an error of ours of it."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message, fix)

    def __str__(self) -> str:
        return ". ".join(self.args)


def split(name: str, count: int | None, returned: Any) -> tuple[Any, ...]:
    """`returned` as the results of a call with ``num_returns=count``.

    Raises:
        UnfitResult: it is not that many values; or there is something in it that can be read only once, so
            that whoever reads its handle second would find nothing.
    """
    once = _read_once(returned)
    if once is not None:
        fix = "return its items, as in list(...), or keep it in an actor (sf.proxy) and return what is next"
        if hasattr(type(once), "cr_frame"):
            fix = "return what it comes to, as in asyncio.run(...)"
        raise UnfitResult(f"{name} returned a {type(once).__name__}, which can be read only once", fix)
    if count is None:
        return (returned,)
    if not isinstance(returned, tuple | list):
        got = f"one {type(returned).__name__}"
    elif len(returned) != count:
        got = f"{len(returned)} values"
    else:
        return tuple(returned)
    raise UnfitResult(
        f"{name} was to return {count} values (num_returns={count}), but returned {got}",
        "let it return a tuple of that length, or correct num_returns",
    )


def _read_once(value: Any) -> Any:
    """A generator, an iterator or an open file, in a value or in its lists, tuples and dicts; else None."""
    pending = [value]
    for _ in range(MOST_LOOKED_AT):
        if not pending:
            break
        each = pending.pop()
        kind = type(each)
        if any(hasattr(kind, mark) for mark in ONCE):
            return each
        if kind in (list, tuple, dict) and len(each) <= MOST_LOOKED_AT:
            pending.extend(each.values() if kind is dict else each)
    return None
