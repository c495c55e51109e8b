"""HTML of small things, for notebooks and reports. What comes in is text, and is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

_NUMBER = ' class="number"'


def card(title: str, facts: Mapping[str, object]) -> str:
    """A name, and a small table of what is known of the thing."""
    return f"<b>{escape(title)}</b>{table(('', ''), facts.items())}"


def paragraph(text: str, kind: str = "") -> str:
    """One paragraph of plain text."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Numbers stand to the right. Cells are text, never HTML."""
    cells = [list(row) for row in rows]
    right = [bool(cells) and all(_is_number(row[i]) for row in cells) for i in range(len(columns))]
    head = "".join(
        f"<th{_NUMBER if number else ''}>{escape(name)}</th>"
        for name, number in zip(columns, right, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in cells)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: object) -> str:
    if not _is_number(value):
        return f"<td>{escape(str(value))}</td>"
    text = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return f"<td{_NUMBER}>{text}</td>"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
