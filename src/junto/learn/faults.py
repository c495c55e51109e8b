"""What can be wrong with a table, a label or an argument of a metric, as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from junto.errors import LearnError

NAME_LENGTH: Final = 80
"""So much of a column's name is told."""

FAULTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "shape": ("{what} has the wrong number of dimensions or columns", "X has two, y has one"),
        "empty": ("{what} is empty", ""),
        "text": ("column {column} of {what} is no column of numbers", "encode it, or leave it out"),
        "missing": ("column {column} of {what} has missing or infinite numbers", "fill or drop them"),
        "large": (
            "column {column} of {what} has numbers too large for fixed point",
            "scale it down, or leave out what is far from all others",
        ),
        "classes": (
            "column {column} of {what} has other values than the classes, which are 0 and 1 unless given",
            "say classes=('no', 'yes') to the model, if all may know the names; else its owner "
            "says which class is 1: y = bob(lambda y: (y == 'yes').astype(int))(y)",
        ),
        "one class": ("column {column} of {what} has one class only", "both classes must occur"),
        "negative": ("column {column} of {what} has negative numbers", "take another family"),
        "unknown column": (
            "column {column} of {what} is none that the model was trained on",
            "pass the columns that fit was given, in any order",
        ),
        "lost column": (
            "{what} lacks the column {column}, on which the model was trained",
            "pass the columns that fit was given, in any order",
        ),
        "same name": ("{what} has two columns {column}", "give each column a name of its own"),
        "no size": (
            "column {column} of {what} has a mean far from 1",
            "fit with an intercept, or bring the label to about 1 in size",
        ),
        "zero": ("column {column} of {what} is 0 where it must not be", "take another family"),
    }
)
"""By kind: the sentence, and what to do."""


class TableFault(Exception):
    """A table that cannot be used.

    Attributes:
        kind: key of `FAULTS`.
        column: where.
    """

    def __init__(self, kind: str, column: str = "") -> None:
        super().__init__(kind, column)
        self.kind = kind
        self.column = column


def fault_of(kind: str, what: str, column: str) -> LearnError:
    """A fault as an error.

    Args:
        kind: key of `FAULTS`.
        what: in which table, for a person: ``alice's X``.
        column: its name, which may come from another party.

    Raises:
        KeyError, TypeError: there is no such kind; the name is none.
    """
    sentence, fix = FAULTS[kind]
    return LearnError(sentence.format(what=what, column=repr(column[:NAME_LENGTH])), fix=fix)
