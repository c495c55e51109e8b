"""Text between parties: what another party says can be printed as it is, by construction.

Every structure that travels and holds text is `Words`. When one is made, and decoding makes it, its texts
lose what a terminal or a log would obey: escapes, carriage returns, marks that turn the direction of writing.
So none of the places that show such a text (errors, status lines, logs, ledger, report) can forget it.
A text of type `Lines` keeps its line breaks, but no line of it begins at the margin, where a log's own begin.
And they are short enough to travel: what is longer than its field allows is cut where it is made, and refused
where it comes from a peer. Names (`Short`) are never cut.
"""

from __future__ import annotations

import functools
import sys
import typing
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

TEXT_CHARS = 500
LONG_CHARS = 4_000
DETAIL_CHARS = 16_000
_MANY, _END = msgspec.Meta(extra={"lines": True}), msgspec.Meta(extra={"end": True})

Short = Annotated[str, msgspec.Meta(max_length=200)]
"""A name."""

Text = Annotated[str, msgspec.Meta(max_length=TEXT_CHARS)]
"""What a status line can show."""

Site = Annotated[str, _END, msgspec.Meta(max_length=TEXT_CHARS)]
"""A text whose end is the useful part, such as a call site."""

Long = Annotated[str, msgspec.Meta(max_length=LONG_CHARS)]
"""One long line."""

Lines = Annotated[str, _MANY, msgspec.Meta(max_length=DETAIL_CHARS)]
"""Text of several lines."""

Trace = Annotated[str, _MANY, _END, msgspec.Meta(max_length=DETAIL_CHARS)]
"""Text of several lines whose end is the useful part, such as a traceback."""

MARGIN = "  | "


def line(text: str) -> str:
    """`text` as one line that can be printed."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def lines(text: str) -> str:
    """`text` with its line breaks, but nothing else that is not printable; see the module."""
    if text.isprintable():
        return text
    first, *rest = text.replace("\t", "    ").split("\n")
    return "\n".join([line(first), *(MARGIN + line(each.removeprefix(MARGIN)) for each in rest)])


def printable(value: Any) -> Any:
    """The same value with each text in it printable, in tuples and dicts, too."""
    if isinstance(value, str):
        return line(value)
    if isinstance(value, tuple):
        return tuple(map(printable, value))
    if isinstance(value, dict):
        return {printable(name): printable(each) for name, each in value.items()}
    return value


class Words(msgspec.Struct, frozen=True, array_like=True):
    """Base of whatever travels and holds text."""

    def __post_init__(self) -> None:
        for name, clean, most in _cleaners(type(self)):
            said = getattr(self, name)
            if not said or (type(said) is str and len(said) <= most and said.isprintable()):
                continue  # nearly always: what follows is for the others
            told = clean(said)
            if told is not said:
                msgspec.structs.force_setattr(self, name, told)


Clean = Callable[[Any], Any]


@functools.cache
def _cleaners(kind: type) -> tuple[tuple[str, Clean, int], ...]:
    """How each field is made printable, and how long it may be; fields without text are left out."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return tuple(
        (name, *_cleaner(hints[name]))
        for name in kind.__struct_fields__  # type: ignore[attr-defined]
        if _has_text(hints[name])
    )


def _cleaner(hint: Any) -> tuple[Clean, int]:
    kind, *notes = typing.get_args(hint) or (hint,)
    clean: Clean = lines if _MANY in notes else printable
    most = next((note.max_length for note in notes if getattr(note, "max_length", None)), 0)
    if kind is not str or hint is Short or not most:
        return clean, sys.maxsize
    kept = slice(-most, None) if _END in notes else slice(most)
    return lambda said: clean(said)[kept], most


def _has_text(hint: Any) -> bool:
    return hint is str or any(map(_has_text, typing.get_args(hint)))
