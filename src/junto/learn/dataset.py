"""Tables and labels on their way to the SPU: checked at their owners, scaled there, then shared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any, TypeAlias

from junto.device.disclosure import reveal
from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.errors import LearnError
from junto.learn import examine
from junto.learn.families import Family, LabelScale
from junto.learn.faults import fault_of

Table: TypeAlias = Any
"""Columns of one or several parties: ``{alice: x, bob: z}``, handles of arrays or tables of the same rows in
the same order; anything with an attribute ``partitions`` of that kind; or an array that is on the SPU
already."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A table as its owners found it.

    Attributes:
        tables: the handles by owner; empty if the array was on the SPU already.
        array: that array.
        rows: how many.
        widths: columns of each owner, or of `array`.
    """

    tables: Mapping[PYU, PYUObject]
    array: SPUObject | None
    rows: int
    widths: tuple[int, ...]

    @property
    def owners(self) -> tuple[PYU, ...]:
        """Who has columns, in their order."""
        return tuple(self.tables)


@dataclass(frozen=True, slots=True)
class Scales:
    """What training has fixed for later tables.

    Attributes:
        by_owner: handles of `examine.Scaling`, each at its owner.
        widths: see `Columns`.
    """

    by_owner: Mapping[PYU, PYUObject]
    widths: tuple[int, ...]

    @property
    def places(self) -> Mapping[PYU, tuple[int, int]]:
        """Where each owner's columns begin and end among all."""
        ends = accumulate(self.widths)
        return {
            owner: (end - width, end)
            for owner, end, width in zip(self.by_owner, ends, self.widths, strict=False)
        }


def checked(X: Table, y: Any = None, *, domain: str = "any", scaled: bool = True) -> tuple[Columns, Any]:
    """X and y as handles, checked at their owners; every party learns rows, columns, and the first fault.

    Args:
        X: see `Table`.
        y: None, or a handle of a vector or one-column table, or something with one partition.
        domain: what y may be, see `Family`.
        scaled: whether columns will be brought to deviation 1, so that their size does not matter.

    Raises:
        LearnError: at all parties alike: a fault, or rows that differ.
        RemoteError: a handle's operation failed at its owner.
    """
    tables, array = _handles(X)
    label = None if y is None else _label(y)
    if isinstance(label, SPUObject) and len(label.shape) != 1:
        raise LearnError(f"y is {label!r}", fix="a label on the SPU has one dimension")
    asked = {f"X {owner.party}": owner(examine.examine)(table, scaled) for owner, table in tables.items()}
    if isinstance(label, PYUObject):
        asked[f"y {label.device.party}"] = label.device(examine.examine_label)(label, domain)
    told = [_believed(key, facts) for key, facts in reveal(asked).items()]
    on_spu = (("X SPU", array), ("y SPU", label))
    told += [(key, *_shape(each)) for key, each in on_spu if isinstance(each, SPUObject)]
    _require_equal_rows({key: rows for key, rows, _ in told})
    widths = tuple(columns for key, _, columns in told if key.startswith("X "))
    return Columns(tables, array, told[0][1], widths), label


def _handles(X: Table) -> tuple[Mapping[PYU, PYUObject], SPUObject | None]:
    if isinstance(X, SPUObject):
        return {}, X
    tables = getattr(X, "partitions", X)
    if not isinstance(tables, Mapping) or not tables:
        raise LearnError(
            f"X is {type(X).__name__}", fix="pass {alice: her_table, bob: his_table}, or a value on the SPU"
        )
    for owner, table in tables.items():
        if not isinstance(owner, PYU) or not isinstance(table, PYUObject) or table.device != owner:
            raise LearnError(
                f"X has {table!r} under {owner!r}", fix="each table is a handle under the PYU where it lives"
            )
    return dict(tables), None


def only_part(value: Any) -> Any:
    """The handle of a frame that one party has; anything else as it is."""
    parts = getattr(value, "partitions", None)
    if isinstance(parts, Mapping) and len(parts) == 1:
        return next(iter(parts.values()))
    return value


def _label(y: Any) -> PYUObject | SPUObject:
    y = only_part(y)
    if not isinstance(y, PYUObject | SPUObject):
        raise LearnError(f"y is {type(y).__name__}", fix="pass a handle of a vector")
    return y


def _believed(key: str, facts: Any) -> tuple[str, int, int]:
    """What an owner told of its table, once it makes sense.

    Raises:
        LearnError: the table has a fault, or the facts are none.
    """
    what, party = key.split(" ", 1)
    try:
        rows, columns, kind, column = (facts[name] for name in ("rows", "columns", "fault", "column"))
        sound = type(rows) is type(columns) is int and rows >= 0 and columns >= 0
        sound = sound and isinstance(kind, str) and isinstance(column, str)
        fault = fault_of(kind, f"{party}'s {what}", column) if kind else None
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise LearnError(f"{party} described its {what} in a way that makes no sense")
    if fault is not None:
        raise fault
    return key, rows, columns


def _shape(value: SPUObject) -> tuple[int, int]:
    shape = value.shape
    if not 1 <= len(shape) <= 2 or 0 in shape:
        raise LearnError(f"{value!r} cannot be trained on", fix="X has two dimensions, y has one")
    return shape[0], shape[1] if len(shape) == 2 else 1


def _require_equal_rows(told: Mapping[str, int]) -> None:
    if len(set(told.values())) > 1:
        each = [f"{what} of {party} has {rows} rows" for what, party, rows in _split(told)]
        raise LearnError(
            f"{', '.join(each)}: rows belong together by their place",
            fix="join the tables first, so that every party has the same rows in the same order",
        )


def _split(told: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    for key, rows in told.items():
        what, party = key.split(" ", 1)
        yield what, party, rows


# -------------------------------------------------------------------- sharing


def scales_of(columns: Columns, *, scaled: bool, centred: bool) -> Scales:
    """The scaling of each owner's columns, at the owner."""
    by_owner = {
        owner: owner(examine.scaling_of)(table, scaled, centred) for owner, table in columns.tables.items()
    }
    return Scales(by_owner, columns.widths)


def share(spu: SPU, columns: Columns, scales: Scales, seed: int | None = None) -> tuple[SPUObject, ...]:
    """The columns on their scales, one array an owner; rows in the order of `seed` if they can be moved.

    Raises:
        LearnError: they are not the columns that the scales are for.
    """
    if columns.array is not None and columns.widths == scales.widths and not scales.by_owner:
        return (columns.array,)
    if columns.owners != tuple(scales.by_owner) or columns.widths != scales.widths:
        raise LearnError(
            f"X has columns {_widths(columns.owners, columns.widths)}, the model was trained on "
            f"{_widths(tuple(scales.by_owner), scales.widths)}",
            fix="the same columns of the same parties, in the same order",
        )
    return tuple(
        owner(examine.scaled_columns)(table, scales.by_owner[owner], seed).to(spu)
        for owner, table in columns.tables.items()
    )


@dataclass(frozen=True, slots=True)
class Label:
    """A label on its scale.

    Attributes:
        home: handle of its `families.LabelScale`, at the owner; None if the label was on the SPU already.
        scale: the same as secrets by name; public numbers if `home` is None.
        target: [rows], secret.
    """

    home: PYUObject | None
    scale: Any
    target: SPUObject


def share_label(
    spu: SPU, label: PYUObject | SPUObject, family: Family, *, centred: bool, seed: int | None
) -> Label:
    """The label on its scale, on the SPU; rows in the order of `seed`."""
    if isinstance(label, SPUObject):
        return Label(None, asdict(LabelScale()), label)
    owner = label.device
    home = owner(examine.scale_of_label)(label, family, centred)
    scale = owner(examine.scale_numbers)(home).to(spu)
    return Label(home, scale, owner(examine.scaled_label)(label, family, home, seed).to(spu))


def columns_of(scales: Scales, party: PYU | str) -> tuple[PYU, tuple[int, int]]:
    """A party, and where its columns stand among all.

    Raises:
        LearnError: it has none.
    """
    owner = party if isinstance(party, PYU) else PYU(party)
    mine = scales.places.get(owner)
    if mine is None:
        raise LearnError(f"{owner.party} has no columns in this model")
    return owner, mine


def gathered(spu: SPU, scales: Scales, of: Any) -> tuple[Any, ...]:
    """A vector that each owner makes of its scaling, on the SPU."""
    return tuple(owner(of)(scaling).to(spu) for owner, scaling in scales.by_owner.items())


def _widths(owners: Sequence[PYU], widths: Sequence[int]) -> str:
    if not owners:
        return f"on the SPU ({sum(widths)})"
    return ", ".join(f"{owner.party} {width}" for owner, width in zip(owners, widths, strict=True))
