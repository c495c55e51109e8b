"""What crossed the silos' edges: the ledgers of several parties laid side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from junto.ledger import SENT, LedgerEntry, Recorded, summarise

if TYPE_CHECKING:
    from rich.console import Console

_WITHOUT_DATA = ("wait", "barrier")
_MOST_ROWS = 200
"""More nobody reads, and laying out thousands takes minutes."""

_UNITS = ("B", "KB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class Crossing:
    """One value on its way from one party to another, as far as the given ledgers tell.

    Attributes:
        run: hex.
        sent, received: what either side wrote; None: not in the given ledgers. Never both None.
        missing_at: a party that should have written it, and whose ledger of this run is given; or None.
    """

    run: str
    sent: LedgerEntry | None
    received: LedgerEntry | None
    missing_at: str | None = None

    @property
    def entry(self) -> LedgerEntry:
        """The sender's entry if there is one, else the receiver's."""
        entry = self.sent or self.received
        if entry is None:
            raise ValueError("a crossing that nobody wrote down")
        return entry

    @property
    def differs(self) -> bool:
        """Whether the two sides wrote down different things."""
        if self.sent is None or self.received is None:
            return False
        return _content(self.sent) != _content(self.received)


def put_together(records: Iterable[Recorded], begun: Iterable[tuple[str, str]] = ()) -> tuple[Crossing, ...]:
    """Each crossing once: runs in the order given, within a run in the order of its operations.

    `begun`: run and party of further ledgers that are given, such as those without any entry.
    """
    sides: dict[tuple[str, int, int, str, str], dict[bool, LedgerEntry]] = {}
    writers: dict[str, set[str]] = {}
    for record in records:
        entry = record.entry
        key = (record.run, entry.operation, entry.index, entry.sender, entry.receiver)
        sides.setdefault(key, {})[entry.direction == SENT] = entry
        writers.setdefault(record.run, set()).add(record.party)
    runs = list(writers)
    for run, party in begun:
        writers.setdefault(run, set()).add(party)
    crossings = []
    for key in sorted(sides, key=lambda key: (runs.index(key[0]), *key[1:])):
        run, _, _, sender, receiver = key
        sent, received = sides[key].get(True), sides[key].get(False)
        absent = sender if sent is None else receiver if received is None else None
        missing_at = absent if absent in writers[run] else None
        crossings.append(Crossing(run, sent, received, missing_at))
    return tuple(crossings)


def as_json(crossing: Crossing) -> dict[str, Any]:
    """The fields of the entry, and who is missing."""
    fields = asdict(crossing.entry)
    del fields["direction"]
    return {**fields, "run": crossing.run, "missing_at": crossing.missing_at, "differs": crossing.differs}


def show(crossings: Sequence[Crossing], console: Console) -> None:
    """Print them as a table, and how much went from whom to whom.

    Values that one line of the script sent in the same way are one row: the first one's operation, how many
    there were, and the size of all. So the table is as long as the script, not as its loops.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title="What crossed a silo's edge",
        title_justify="left",
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    table.add_column("op", justify="right", no_wrap=True)
    for heading in ("from", "to", "why"):
        table.add_column(heading, no_wrap=True)
    table.add_column("value")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("at", overflow="fold")
    rows = _alike(_with_data(crossings))
    for row in rows[:_MOST_ROWS]:
        entry = row[0].entry
        many = f"{len(row)} x " if len(row) > 1 else ""
        cells = [str(entry.operation), entry.sender, entry.receiver, entry.kind, many + value_text(entry)]
        cells += [size_text(sum(each.entry.nbytes for each in row)), entry.site + _remark(row[0])]
        style = "red" if row[0].differs or row[0].missing_at else None
        table.add_row(*map(Text, cells), style=style)
    console.print(table)
    if len(rows) > _MOST_ROWS:
        line = f"and {len(rows) - _MOST_ROWS} more rows; with --json all values are named"
        console.print(line, markup=False)
    show_edges(crossings, console)


def _alike(crossings: Sequence[Crossing]) -> list[list[Crossing]]:
    """What one line of the script sent in the same way; what does not fit together stands first."""
    rows: dict[tuple[object, ...], list[Crossing]] = {}
    for each in crossings:
        entry = each.entry
        way = (each.run, entry.sender, entry.receiver, entry.kind, entry.site, _remark(each))
        rows.setdefault((*way, value_text(entry)), []).append(each)
    return sorted(rows.values(), key=lambda row: not _remark(row[0]) if len(rows) > _MOST_ROWS else 0)


def show_edges(crossings: Sequence[Crossing], console: Console) -> None:
    """Print how much went from whom to whom."""
    values = _with_data(crossings)
    for edge in summarise(crossing.entry for crossing in values):
        values_text = "1 value" if edge.values == 1 else f"{edge.values} values"
        line = f"{edge.sender} -> {edge.receiver}: {values_text}, {size_text(edge.nbytes)}"
        console.print(line, markup=False)
    if len(values) < len(crossings):
        line = f"and {len(crossings) - len(values)} messages of waits and barriers, which carry no data"
        console.print(line, markup=False, style="dim")


def _with_data(crossings: Sequence[Crossing]) -> list[Crossing]:
    return [crossing for crossing in crossings if crossing.entry.kind not in _WITHOUT_DATA]


def value_text(entry: LedgerEntry) -> str:
    """Type and shape: ``ndarray[float64] 20 x 20``."""
    shape = "" if entry.shape is None else " x ".join(map(str, entry.shape))
    return f"{entry.type_name} {shape}".rstrip()


def size_text(nbytes: int) -> str:
    """A number of bytes for a person, in powers of 1000: ``3.5 KB``."""
    size, unit = float(nbytes), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 or size >= 99.5 else f"{size:.1f} {_UNITS[unit]}"


def _content(entry: LedgerEntry) -> tuple[object, ...]:
    return (entry.text, entry.kind, entry.type_name, entry.shape, entry.nbytes)


def _remark(crossing: Crossing) -> str:
    if crossing.differs:
        return "  (the two sides wrote down different things)"
    return f"  ({crossing.missing_at} has not written it down)" if crossing.missing_at else ""
