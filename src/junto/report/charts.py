"""Charts as SVG or HTML text: no script, no font and no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, MARGIN = 420, 320, 48


def curve(x: Sequence[float], y: Sequence[float], labels: tuple[str, str], diagonal: bool) -> str:
    """A line through points of the unit square's plane, with axes at the data's ends.

    Args:
        x, y: as many numbers each.
        labels: of the axes.
        diagonal: draw the line of equal coordinates, dashed.
    """
    left, right = _span(x)
    low, high = _span(y)

    def place(u: float, v: float) -> str:
        across = MARGIN + (u - left) / (right - left) * (WIDTH - 2 * MARGIN)
        up = HEIGHT - MARGIN - (v - low) / (high - low) * (HEIGHT - 2 * MARGIN)
        return f"{across:.1f},{up:.1f}"

    points = " ".join(place(u, v) for u, v in zip(x, y, strict=True))
    start, end = max(left, low), min(right, high)
    ends = f"{place(start, start)} {place(end, end)}"
    return "".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">',
            f'<rect class="field" x="{MARGIN}" y="{MARGIN}" width="{WIDTH - 2 * MARGIN}"'
            f' height="{HEIGHT - 2 * MARGIN}"/>',
            f'<polyline class="even" points="{ends}"/>' if diagonal and end > start else "",
            f'<polyline class="line" points="{points}"/>',
            _text(WIDTH / 2, HEIGHT - 10, labels[0], "middle"),
            f'<text transform="translate(14 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">',
            f"{escape(labels[1])}</text>",
            _text(MARGIN, HEIGHT - MARGIN + 16, _number(left), "middle"),
            _text(WIDTH - MARGIN, HEIGHT - MARGIN + 16, _number(right), "middle"),
            _text(MARGIN - 6, HEIGHT - MARGIN, _number(low), "end"),
            _text(MARGIN - 6, MARGIN + 4, _number(high), "end"),
            "</svg>",
        ]
    )


def bars(names: Sequence[str], values: Sequence[float]) -> str:
    """One bar a name, to the left of the middle for negative values; text keeps its size on any screen."""
    largest = max((abs(value) for value in values), default=0.0) or 1.0
    parts = ['<div class="bars">']
    for name, value in zip(names, values, strict=True):
        length = 50 * abs(value) / largest
        kind, start = ("more", 50.0) if value >= 0 else ("less", 50 - length)
        parts.append(
            f'<div class="bar"><span>{escape(name)}</span>'
            f'<div><i class="{kind}" style="left:{start:.2f}%;width:{length:.2f}%"></i></div>'
            f"<b>{_number(value)}</b></div>"
        )
    return "".join([*parts, "</div>"])


def lanes(rows: Mapping[str, Sequence[tuple[float, float, str]]], length: float) -> str:
    """One lane a name, with bars along a time that all share; text keeps its size on a narrow screen.

    Args:
        rows: of each name begin and length of its bars, and what they are.
        length: of the whole time; in the unit of the bars, seconds.
    """
    whole = max([length, *(begin + took for bars in rows.values() for begin, took, _ in bars)]) or 1.0
    parts = ['<div class="lanes">']
    for name, bars in rows.items():
        parts.append(f'<div class="lane"><span>{escape(name)}</span><div class="track">')
        for begin, took, what in bars:
            place = f"left:{100 * begin / whole:.2f}%;width:{100 * took / whole:.2f}%"
            parts.append(f'<i style="{place}" title="{escape(what)}"></i>')
        parts.append("</div></div>")
    ends = f"<span>0 s</span><span>{_number(whole)} s</span>"
    return "".join([*parts, f'<div class="lane"><span></span><div class="ends">{ends}</div></div></div>'])


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:.4g}"
