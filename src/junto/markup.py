"""HTML of small things, for notebooks and reports. What comes in is text, and is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

UNKNOWN = "\u2013"
"""In place of a number that nobody knows, which is not zero."""

_NUMBER = ' class="number"'


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
    """Numbers, and None for unknown, stand to the right. Cells are text or `Folded`, never HTML."""
    cells = [list(row) for row in rows]
    right = [
        bool(cells) and all(row[i] is None or _is_number(row[i]) for row in cells)
        for i in range(len(columns))
    ]
    head = "".join(
        f"<th{_NUMBER if number else ''}>{escape(name)}</th>"
        for name, number in zip(columns, right, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in cells)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: object) -> str:
    if isinstance(value, Folded):
        opened = table(value.columns, value.rows)
        return f"<td><details><summary>{escape(value.summary)}</summary>{opened}</details></td>"
    if value is None:
        return f"<td{_NUMBER}>{UNKNOWN}</td>"
    if not _is_number(value):
        return f"<td>{escape(str(value))}</td>"
    text = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return f"<td{_NUMBER}>{text}</td>"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_right(value: object) -> bool:
    return value is None or _is_number(value)
