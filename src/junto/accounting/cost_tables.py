"""Costs as a table: in a terminal, and in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from junto import markup
from junto.accounting.costs import LineCost
from junto.accounting.units import seconds_text

SHOWN = 12
"""So many rows of a table are shown; all are in the numbers."""

COST_HEAD = ("rounds", "online", "offline")
COLUMNS, LEAST_TEXT = 80, 12


@dataclass(frozen=True, slots=True)
class CostTable:
    """Rows under a head, of which the first `SHOWN` are printed.

    Attributes:
        head: a name for each column; the first two hold texts, the others numbers.
        rows: as many cells each.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        return text_table(self.head, self.rows[:SHOWN], 2) + (f"\n  {self._more}" if self._more else "")

    @property
    def html(self) -> str:
        """For a notebook."""
        more = markup.paragraph(self._more) if self._more else ""
        return markup.table(self.head, self.rows[:SHOWN]) + more

    @property
    def _more(self) -> str:
        rest = len(self.rows) - SHOWN
        return f"... and {rest} more" if rest > 0 else ""


def line_table(lines: Sequence[LineCost], *, timed: bool, what: str = "primitive") -> CostTable:
    """A row for each line, in the order given; `what` names the second column."""
    rows = [
        [
            each.line or "-",
            each.primitive,
            str(each.runs),
            *each.cost.cells,
            *([seconds_text(each.seconds)] if timed else []),
        ]
        for each in lines
    ]
    return CostTable(["line", what, "runs", *COST_HEAD, *(["seconds"] if timed else [])], rows)


def shortened(text: str, width: int) -> str:
    """At most `width` characters of it; what is left out is three dots, in any encoding."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> str:
    """Rows under a head; the first `texts` columns to the left, numbers to the right.

    Where they have no room on `COLUMNS`, the ends of the longest texts are left out.
    """
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    while sum(widths) + 2 * len(widths) > COLUMNS and max(widths[:texts]) > LEAST_TEXT:
        widths[widths.index(max(widths[:texts]))] -= 1
    made = []
    for row in [head, *rows]:
        cells = [
            shortened(cell, width).ljust(width) if i < texts else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        made.append("  " + "  ".join(cells).rstrip())
    return "\n".join(made)
