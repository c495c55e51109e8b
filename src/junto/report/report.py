"""Report: a run as one page."""

from __future__ import annotations

import datetime
import html
import os
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from junto.device.current import current
from junto.device.handle import DeviceObject
from junto.errors import DeviceError
from junto.markup import UNKNOWN, Folded, paragraph, table
from junto.program.timeline import MOST_WAITS, Spell, Timeline, Traffic, edges
from junto.report import charts
from junto.report.page import page, section
from junto.whole_files import write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = Sequence[float] | NDArray[Any]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

SHOWN_S = 0.001
"""A shorter wait is nobody's fault."""

_READABLE = frozenset({"move", "reveal"})
_WITHOUT_DATA = frozenset({"wait", "barrier"})


class Report:
    """The current run as one self-contained HTML page, as this party has seen it.

    Args:
        title: what the run was for.

    The page always says what ran where and how long it took, whom the script waited for, what crossed each
    edge, and for each SPU who could read what by colluding with whom. Sections before that are what the
    script adds: values that it holds, hence may show. Making a report moves and reveals nothing.

        report = sf.Report("Who pays late?")
        report.figures("Judged on the test rows", {"AUC": 0.91})
        report.curve("ROC curve", false_positives, true_positives, diagonal=True)
        report.bars("Coefficients of alice", names, values)
        report.save("report.html")
    """

    def __init__(self, title: str) -> None:
        session = current()
        self._title = title
        self._program = session.program
        self._sections: list[str] = []

    def text(self, title: str, text: str) -> None:
        """A section of plain text.

        Args:
            title: its heading.
            text: one paragraph.
        """
        self._sections.append(section(title, paragraph(text)))

    def figures(self, title: str, figures: Mapping[str, Any]) -> None:
        """A section of names and numbers, such as a join's sizes or a model's metrics.

        Args:
            title: its heading.
            figures: numbers or text by name.

        Raises:
            DeviceError: a figure is a handle: reveal it first, to whom it may be shown.
        """
        _plain(figures.values())
        self._sections.append(section(title, table(("", ""), [(n, _scalar(v)) for n, v in figures.items()])))

    def table(self, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """A section of rows that share their columns.

        Args:
            title: its heading.
            rows: numbers or text by column; the first one says which columns there are.

        Raises:
            DeviceError: a cell is a handle.
        """
        columns = list(rows[0]) if rows else []
        cells = [[_scalar(row[name]) for name in columns] for row in rows]
        _plain(cell for row in cells for cell in row)
        self._sections.append(section(title, table(columns, cells)))

    def curve(
        self,
        title: str,
        x: Numbers,
        y: Numbers,
        *,
        labels: tuple[str, str] = ("", ""),
        diagonal: bool = False,
    ) -> None:
        """A section with a line chart, such as a ROC curve.

        Args:
            title: its heading.
            x: [points], at least one.
            y: [points], as many.
            labels: of the two axes.
            diagonal: whether the line from (0, 0) to (1, 1) is drawn, too.

        Raises:
            DeviceError: they are handles, empty, or of different lengths.
        """
        _plain((x, y))
        if len(x) != len(y) or not len(x):
            raise DeviceError(
                f"{title}: a curve of {len(x)} and {len(y)} coordinates",
                fix="as many of the one as of the other",
            )
        drawn = charts.curve([float(u) for u in x], [float(v) for v in y], labels, diagonal)
        self._sections.append(section(title, drawn))

    def bars(self, title: str, names: Sequence[str], values: Numbers) -> None:
        """A section with one bar a name, such as a model's coefficients.

        Args:
            title: its heading.
            names: of the bars.
            values: [bars].

        Raises:
            DeviceError: they are handles, or of different lengths.
        """
        _plain((names, values))
        if len(names) != len(values):
            raise DeviceError(
                f"{title}: {len(names)} names for {len(values)} bars", fix="a name for each bar"
            )
        drawn = charts.bars([str(name) for name in names], [float(value) for value in values])
        self._sections.append(section(title, drawn))

    def html(self) -> str:
        """The page."""
        timeline = self._program.timeline
        parts = [*self._sections, *_facts(timeline, self._program.traffic())]
        return page(self._title, self._subtitle(timeline), parts)

    def _repr_html_(self) -> str:
        """In a notebook: the page in a frame of its own, so that neither's style reaches the other."""
        frame = "width: 100%; height: 40rem; border: 0"
        return f'<iframe sandbox="" style="{frame}" srcdoc="{html.escape(self.html())}"></iframe>'

    def __repr__(self) -> str:
        return f"<Report {self._title!r}: {len(self._sections)} sections of the script>"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page.

        Args:
            path: of the file, which is written anew; where that fails, on a full disk say, the old one stays.

        Returns:
            The same path.
        """
        write_whole(path, [self.html().encode()])
        return Path(path)

    def _subtitle(self, timeline: Timeline) -> str:
        settings = self._program.settings
        seen_by = f"seen by {settings.self_party}" if settings.self_party else "all parties in one process"
        now = datetime.datetime.now(datetime.UTC)
        run = self._program.run_id.hex()[:12]
        parts = [f"job {settings.job_name}", f"parties {', '.join(self._program.parties)}", seen_by]
        parts += (
            [f"{settings.mode.value} mode", f"run {run}"]
            if settings.self_party
            else [f"{settings.mode.value} mode"]
        )
        return " · ".join([*parts, f"{timeline.age_s:.1f} s", f"{now:%Y-%m-%d %H:%M} UTC"])


def _facts(timeline: Timeline, crossed: Iterable[Traffic]) -> list[str]:
    traffic = [item for item in crossed if item.kind not in _WITHOUT_DATA]
    spells = timeline.spells()
    sections = [
        section("Whom to trust", *[paragraph(f"{n}: {s}", "trust") for n, s in timeline.trust().items()])
    ]
    sections = sections if timeline.trust() else []
    return [
        *sections,
        section("What crossed each edge", _edges(traffic)),
        section("What each party was shown", _shown(traffic)),
        section("What crossed, line by line", _crossings(traffic), whole=True),
        section("What ran, and how long it took", _lines(spells)),
        section("Who was waited for", _waits(spells)),
        section("When who was waited for", _when(timeline), whole=True),
    ]


def _edges(traffic: Iterable[Traffic]) -> str:
    rows = [(edge.sender, edge.receiver, edge.values, edge.nbytes) for edge in edges(traffic)]
    return table(("from", "to", "values", "bytes"), rows) if rows else paragraph("Nothing.")


def _shown(traffic: Iterable[Traffic]) -> str:
    """Who could read what: not shares, nor what the nodes of an SPU send each other."""
    clear = [item for item in traffic if item.kind in _READABLE]
    if not clear:
        return paragraph("Nothing.")
    note = paragraph(
        "Values that came to a party as they are: moved there, or revealed to it. A join moves blinded keys.",
        "dim",
    )
    rows = []
    groups = _grouped(clear, lambda t: (t.receiver, t.sender))
    for (party, sender), group in sorted(groups.items(), key=lambda each: each[0]):
        lines = [(t.site, t.kind, t.type_name, t.values, t.nbytes) for t in group]
        places = len({t.site for t in group})
        what = Folded(
            f"{places} line{'s' if places > 1 else ''}", ("line", "why", "type", "values", "bytes"), lines
        )
        rows.append((party, sender, what, *_sums(group)))
    return note + table(("party", "by", "where", "values", "bytes"), rows)


def _crossings(traffic: Sequence[Traffic]) -> str:
    if not traffic:
        return paragraph("Nothing.")
    note = paragraph("What the nodes of an SPU send each other is of kind link.", "dim")
    rows = [
        (site, _names(t.kind for t in group), sender, receiver, _types(group), *_sums(group))
        for (site, sender, receiver), group in _grouped(
            traffic, lambda t: (t.site, t.sender, t.receiver)
        ).items()
    ]
    return note + table(("line", "why", "from", "to", "type", "values", "bytes"), rows)


def _types(group: Sequence[Traffic]) -> object:
    if len(group) == 1:
        return group[0].type_name
    rows = [(t.kind, t.type_name, t.values, t.nbytes) for t in group]
    return Folded(f"{len(group)} kinds", ("why", "type", "values", "bytes"), rows)


def _sums(group: Sequence[Traffic]) -> tuple[int, int]:
    return sum(t.values for t in group), sum(t.nbytes for t in group)


def _lines(spells: Sequence[Spell]) -> str:
    note = paragraph(
        f"Seconds from a call until its work was done here, {UNKNOWN} if none was; work may overlap. "
        "A line of the script that takes several steps can be opened.",
        "dim",
    )
    rows = []
    for site, group in _grouped(spells, lambda spell: spell.site).items():
        took = [spell.took_s for spell in group if spell.took_s is not None]
        steps = _steps(
            [(spell.text, spell.calls, spell.took_s) for spell in group], ("operation", "calls", "seconds")
        )
        rows.append((site, steps, sum(spell.calls for spell in group), sum(took) if took else None))
    return note + table(("line", "operation", "calls", "seconds"), rows)


def _when(timeline: Timeline) -> str:
    lanes: dict[str, list[tuple[float, float, str]]] = {}
    for wait in timeline.waits():
        if wait.took_s >= SHOWN_S:
            for party in wait.parties:
                what = f"{wait.took_s:.3g} s for {party}: {wait.text}, {wait.site}"
                lanes.setdefault(party, []).append((wait.began_s, wait.took_s, what))
    if not lanes:
        return paragraph("Nobody.")
    note = paragraph(
        "When the script stood still here, and for whom; a bar says how long and at which line. "
        f"Of many waits the {MOST_WAITS} longest.",
        "dim",
    )
    return note + charts.lanes({f"for {party}": bars for party, bars in lanes.items()}, timeline.age_s)


def _waits(spells: Iterable[Spell]) -> str:
    waits = [
        (spell.site, party, spell.text, seconds)
        for spell in spells
        for party, seconds in spell.waited_s.items()
        if seconds >= SHOWN_S
    ]
    if not waits:
        return paragraph("Nobody.")
    rows = [
        (
            site,
            _steps([wait[2:] for wait in group], ("operation", "seconds")),
            party,
            sum(w[3] for w in group),
        )
        for (site, party), group in _grouped(waits, lambda wait: wait[:2]).items()
    ]
    rows.sort(key=lambda row: row[3], reverse=True)
    spent: dict[str, float] = {}
    for _, awaited, _, took in waits:
        spent[awaited] = spent.get(awaited, 0.0) + took
    drawn = charts.bars([f"seconds for {party}" for party in spent], list(spent.values()))
    return drawn + table(("line", "operation", "party", "seconds"), rows)


def _steps(rows: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> object:
    """The one step, or what opens to all of them."""
    return rows[0][0] if len(rows) == 1 else Folded(f"{rows[0][0]} and {len(rows) - 1} more", columns, rows)


def _names(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """In the order of the first of each group."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _plain(values: Iterable[object]) -> None:
    for value in values:
        if isinstance(value, DeviceObject):
            raise DeviceError(
                f"{value!r} is no number here", fix="sf.reveal(x, to=[...]) it first, to those who may see it"
            )


def _scalar(value: Any) -> Any:
    """Numpy's numbers as Python's."""
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value
