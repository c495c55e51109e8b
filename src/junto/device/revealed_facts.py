"""Small facts that parties reveal for the program itself: of the form that it goes on with, or refused.

`reveal` gives whatever a party sent. Where our own code decides by it, it is read as a form: a function that
returns the value as a type of Python's, and raises ValueError if what was told is no such thing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np

from junto.device.disclosure import reveal
from junto.device.handle import DeviceObject
from junto.device.pyu import PYUObject
from junto.errors import ProtocolViolation

T = TypeVar("T")
Form: TypeAlias = Callable[[Any], T]

LONGEST_TEXT = 1000
"""Characters; a name, or a sentence, has fewer."""


def fact(handle: DeviceObject, form: Form[T]) -> T:
    """Reveal a value to all parties, and read it as `form`.

    Raises:
        ProtocolViolation: it is none; the message names the party.
        RemoteError, PartyUnreachable, PartyAborted, ProgramDivergence: see `reveal`.
    """
    return read(_whose(handle), reveal(handle), form)


def facts(handles: Mapping[str, DeviceObject], form: Form[T]) -> dict[str, T]:
    """Reveal values, each under the name of who tells it, and read all as `form`.

    Raises:
        ProtocolViolation, RemoteError, PartyUnreachable, PartyAborted, ProgramDivergence: see `fact`.
    """
    shown = reveal(dict(handles))
    return {name: read(_whose(handle), shown[name], form) for name, handle in handles.items()}


def read(who: str, told: Any, form: Form[T]) -> T:
    """What `who` told, as `form`.

    Raises:
        ProtocolViolation: it is none.
    """
    try:
        return form(told)
    except ValueError as error:
        raise ProtocolViolation(
            f"what {who} revealed makes no sense: {error}",
            fix=f"ask {who}: junto, unchanged and of the same version, reveals something else there",
        ) from None


def _whose(handle: DeviceObject) -> str:
    return handle.device.party if isinstance(handle, PYUObject) else repr(handle.device)


# -------------------------------------------------------------------- forms


def truth(told: Any) -> bool:
    """True or false."""
    single = _single(told)
    if type(single) is not bool:
        raise ValueError(f"a {type(told).__name__} where a truth value is due")
    return single


def integer(low: int, high: int) -> Form[int]:
    """A whole number from `low` to `high`."""

    def form(told: Any) -> int:
        single = _single(told)
        if type(single) is not int or not low <= single <= high:
            raise ValueError(f"a {type(told).__name__} where a whole number from {low} to {high} is due")
        return single

    return form


natural: Form[int] = integer(0, 1 << 48)
"""How many of something."""


def real(told: Any) -> float:
    """A finite number."""
    single = _single(told)
    if type(single) not in (int, float) or not _is_finite(single):
        raise ValueError(f"a {type(told).__name__} where a finite number is due")
    return float(single)


def text(told: Any) -> str:
    """A printable text of at most `LONGEST_TEXT` characters."""
    if type(told) is not str or len(told) > LONGEST_TEXT or not told.isprintable():
        raise ValueError(f"a {type(told).__name__} where a short, printable text is due")
    return told


def any_text(told: Any) -> str:
    """A text of any length and characters: it is shown as its `repr`, and cut."""
    if type(told) is not str:
        raise ValueError(f"a {type(told).__name__} where a text is due")
    return told


def one_of(*words: str) -> Form[str]:
    """One of these words."""

    def form(told: Any) -> str:
        if type(told) is not str or told not in words:
            raise ValueError(f"a {type(told).__name__} that is none of those there are")
        return told

    return form


def list_of(form: Form[T], least: int, most: int | None = None) -> Form[list[T]]:
    """From `least` to `most` of a form, or exactly `least`: a list, a tuple, or an array of one dimension."""
    most = least if most is None else most

    def lists(told: Any) -> list[T]:
        flat = isinstance(told, list | tuple) or (isinstance(told, np.ndarray) and told.ndim == 1)
        if not flat or not least <= len(told) <= most:
            raise ValueError(f"a {type(told).__name__} where a list of {least} to {most} is due")
        return [form(each) for each in told]

    return lists


def record(**forms: Form[Any]) -> Form[dict[str, Any]]:
    """A dict of exactly these names."""

    def dicts(told: Any) -> dict[str, Any]:
        if not isinstance(told, dict) or set(told) != set(forms):
            raise ValueError(f"a {type(told).__name__} where a dict of {', '.join(forms)} is due")
        return {name: form(told[name]) for name, form in forms.items()}

    return dicts


def _single(told: Any) -> Any:
    """A number or truth value of numpy's as one of Python's; anything else as it is."""
    scalar = isinstance(told, np.generic) or (isinstance(told, np.ndarray) and told.ndim == 0)
    return told.item() if scalar else told


def _is_finite(single: int | float) -> bool:
    try:
        return math.isfinite(single)
    except OverflowError:  # a whole number that no float holds
        return False
