"""HTML of small things, for notebooks and reports. What comes in is text, and is escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

UNKNOWN = "\u2013"
"""In place of a number that nobody knows, which is not zero."""

_LEFT, _RIGHT = ' style="text-align:left"', ' style="text-align:right;white-space:nowrap"'
_QUANTITY = re.compile(r"-?[\d,.]+(e[-+]?\d+)?( (B|kB|MB|GB|ms|s))?")


@dataclass(frozen=True, slots=True)
class Folded:
    """A cell that opens: its summary, and the table below it."""

    summary: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


def card(title: str, facts: Mapping[str, object]) -> str:
    """A name, and a small table of what is known of the thing."""
    return f"<b>{escape(title)}</b>{table(('', ''), facts.items())}"


def paragraph(text: str, kind: str = "") -> str:
    """One paragraph of plain text."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns of numbers, sizes, times, and None for unknown stand to the right. Cells are text or `Folded`.

    The side is written at each cell: notebooks have rules of their own for tables, and not the same ones.
    """
    cells = [list(row) for row in rows]
    sides = [
        _RIGHT if cells and all(_is_quantity(row[i]) for row in cells) else _LEFT for i in range(len(columns))
    ]
    head = "".join(f"<th{side}>{escape(name)}</th>" for name, side in zip(columns, sides, strict=True))
    body = "".join(f"<tr>{''.join(map(_cell, row, sides))}</tr>" for row in cells)
    inner = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide" style="overflow-x:auto">{inner}</div>'


def _cell(value: object, side: str) -> str:
    if isinstance(value, Folded):
        opened = table(value.columns, value.rows)
        return f"<td{side}><details><summary>{escape(value.summary)}</summary>{opened}</details></td>"
    return f"<td{side}>{escape(_text(value))}</td>"


def _text(value: object) -> str:
    if value is None:
        return UNKNOWN
    if not _is_number(value):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_quantity(value: object) -> bool:
    if isinstance(value, str):
        return _QUANTITY.fullmatch(value) is not None
    return value is None or _is_number(value)
