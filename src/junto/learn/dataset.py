"""Tables and labels on their way to the SPU: checked at their owners, scaled there, then shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, TypeAlias

import jax.numpy as jnp

from junto.device.disclosure import reveal
from junto.device.pyu import PYU, PYUObject
from junto.device.revealed_facts import any_text, natural, one_of, read, record, truth
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.errors import LearnError
from junto.frame.horizontal import HorizontalFrame
from junto.learn import examine
from junto.learn.families import ClassFamily, Family, LabelScale
from junto.learn.faults import FAULTS, fault_of

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
        by_owner: handles of `examine.ColumnScaling`, each at its owner.
        widths: see `Columns`.
        secret: of columns that are on the SPU, what `on_scale` takes, if they are scaled there.
    """

    by_owner: Mapping[PYU, PYUObject]
    widths: tuple[int, ...]
    secret: SPUObject | None = None

    @property
    def places(self) -> Mapping[PYU, tuple[int, int]]:
        """Where each owner's columns begin and end among all."""
        ends = accumulate(self.widths)
        return {
            owner: (end - width, end)
            for owner, end, width in zip(self.by_owner, ends, self.widths, strict=False)
        }


@dataclass(frozen=True, slots=True)
class Judge:
    """By what a label is judged.

    Attributes:
        family: its distribution.
        centred: whether there is an intercept.
        fitted: whether there was a `fit`, and the label is for a score.
        home: handle of the `families.LabelScale` of that `fit`, at its label's owner.
        start: the score with which training begins; None: that of the label's mean.
    """

    family: Family
    centred: bool
    fitted: bool = False
    home: PYUObject | None = None
    start: float | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A table and a label that can be used.

    Attributes:
        columns: the table.
        label: handle of the label; None: there is none.
        known: whether fixed point can hold what is predicted in the label's own units.
    """

    columns: Columns
    label: Any
    known: bool


Look: TypeAlias = Callable[[Any, bool, Any], examine.Facts]
"""What examines a table at its owner: see `examine.examine`."""


def checked(
    X: Table, *, scaled: bool = True, scales: Scales | None = None, look: Look = examine.examine
) -> Columns:
    """X as handles, checked at its owners; every party learns rows, columns, and the first fault.

    Args:
        X: see `Table`.
        scaled: whether columns will be brought to deviation 1, so that their size does not matter.
        scales: those of `fit`, if there was one: then X must have the same columns.
        look: at each table, at its owner.

    Raises:
        LearnError: at all parties alike: a fault, or rows that differ.
        RemoteError: a handle's operation failed at its owner.
    """
    return _checked(X, scaled, scales, {}, None, look)[0]


def checked_with_label(
    X: Table,
    y: Any,
    judge: Judge,
    *,
    scaled: bool = True,
    scales: Scales | None = None,
    look: Look = examine.examine,
) -> Checked:
    """X and y, likewise.

    Args:
        X, scaled, scales, look: see `checked`.
        y: a handle of a vector or one-column table, or something with one partition.
        judge: of y.

    Raises:
        LearnError, RemoteError: see `checked`.
    """
    label = _label(y)
    if isinstance(label, SPUObject) and len(label.shape) != 1:
        raise LearnError(f"y is {label!r}", fix="a label on the SPU has one dimension")
    asked = {}
    if isinstance(label, PYUObject):
        home = judge.home if judge.home is not None and judge.home.device == label.device else None
        judged = label.device(examine.examine_score_label if judge.fitted else examine.examine_label)
        asked[f"y {label.device.party}"] = judged(label, judge.family, judge.centred, home, judge.start)
    columns, known = _checked(X, scaled, scales, asked, label, look)
    return Checked(columns, label, known)


def _checked(
    X: Table, scaled: bool, scales: Scales | None, label: Mapping[str, PYUObject], y: Any, look: Look
) -> tuple[Columns, bool]:
    tables, array = _handles(X)
    known = {} if scales is None else scales.by_owner
    asked = {
        f"X {owner.party}": owner(look)(table, scaled, known.get(owner)) for owner, table in tables.items()
    }
    told = [believed(key, facts) for key, facts in reveal({**asked, **label}).items()]
    on_spu = (("X SPU", array), ("y SPU", y))
    told += [(key, *_shape(each), True) for key, each in on_spu if isinstance(each, SPUObject)]
    _require_equal_rows({key: rows for key, rows, *_ in told})
    widths = tuple(columns for key, _, columns, _ in told if key.startswith("X "))
    return Columns(tables, array, told[0][1], widths), all(fits for *_, fits in told)


def require_rows(vector: PYUObject, what: str, rows: int, look: Callable[[Any], examine.Facts]) -> None:
    """Look at a vector at its owner; every party learns the first fault.

    Args:
        vector: a handle.
        what: it is, for messages.
        rows: that it must have.
        look: at its owner.

    Raises:
        LearnError: at all parties alike: a fault, or other rows.
    """
    owner = vector.device
    _, found, *_ = believed(f"{what} {owner.party}", reveal(owner(look)(vector)))
    _require_equal_rows({f"{what} {owner.party}": found, f"X {owner.party}": rows})


def _handles(X: Table) -> tuple[Mapping[PYU, PYUObject], SPUObject | None]:
    if isinstance(X, SPUObject):
        return {}, X
    if isinstance(X, HorizontalFrame):
        raise LearnError(
            "X has rows of several parties, and this model is of columns of several parties",
            fix="a model that was fitted to rows takes such rows: fit(X, y) with a HorizontalFrame",
        )
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
    """The handle of a frame, or of a mapping ``{bob: label}``, that one party has; anything else as it is."""
    parts = getattr(value, "partitions", value)
    if isinstance(parts, Mapping) and len(parts) == 1:
        return next(iter(parts.values()))
    return value


def _label(y: Any) -> PYUObject | SPUObject:
    y = only_part(y)
    if not isinstance(y, PYUObject | SPUObject):
        raise LearnError(f"y is {type(y).__name__}", fix="pass a handle of a vector")
    return y


def believed(key: str, facts: Any) -> tuple[str, int, int, bool]:
    """What an owner told of its table, once it makes sense.

    Raises:
        LearnError: the table has a fault.
        ProtocolViolation: the facts are none.
    """
    what, party = key.split(" ", 1)
    told = read(party, facts, FACTS)
    if told["fault"]:
        raise fault_of(told["fault"], f"{party}'s {what}", told["column"])
    return key, told["rows"], told["columns"], told["known"]


FACTS: Final = record(
    rows=natural,
    columns=natural,
    fault=one_of("", *FAULTS),
    column=any_text,
    known=truth,
)
"""Of a table; see `examine.Facts`."""


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


def small_ring(spu: SPU, columns: Columns) -> str | None:
    """The smaller ring, as `field` of a call, for columns of mean 0 and deviation 1; None: it has no room.

    Of such columns the squares add up to rows times columns, so no number, and no product of two rows or two
    columns, is larger than that. (Of later tables, and of columns as they are, nobody knows a bound.)

    Args:
        spu: where they go.
        columns: as they are trained on; None if they are on the SPU already, which has scaled them.
    """
    smaller = spu.settings.smaller
    fits = columns.array is None and columns.rows * sum(columns.widths) < examine.LARGEST_SUM
    return smaller.name if smaller is not None and fits else None


def share(
    spu: SPU, columns: Columns, scales: Scales, seed: int | None = None, field: str | None = None
) -> tuple[SPUObject, ...]:
    """The columns on their scales, one array an owner, in the order of `fit`; rows in that of `seed` if any.

    `field`: the ring in which they are held, see `SPU.share`.

    Raises:
        LearnError: they are not the columns that the scales are for.
    """
    require_known(columns, scales)
    if columns.array is not None:
        return (columns.array if scales.secret is None else spu(on_scale)(columns.array, scales.secret),)
    return tuple(
        spu.share(owner(examine.scaled_columns)(columns.tables[owner], scaling, seed), field=field)
        for owner, scaling in scales.by_owner.items()
    )


def on_scale(x: Any, moments: Any) -> Any:
    """Columns with mean 0 and deviation 1; on the SPU. Two products cost far less than a quotient."""
    return (x - moments["mean"]) * moments["first"] * moments["second"]


def require_known(columns: Columns, scales: Scales) -> None:
    """Look whether the owners and the numbers of their columns are those of `fit`.

    Raises:
        LearnError: they are not.
    """
    given, known = (
        dict(zip(owners, widths, strict=False))
        for owners, widths in ((columns.owners, columns.widths), (scales.by_owner, scales.widths))
    )
    if given != known or (not known and columns.widths != scales.widths):
        raise LearnError(
            f"X has columns {_widths(columns.owners, columns.widths)}, the model was trained on "
            f"{_widths(tuple(scales.by_owner), scales.widths)}",
            fix="the same columns of the same parties",
        )


@dataclass(frozen=True, slots=True)
class Label:
    """A label on its scale.

    Attributes:
        home: handle of its `families.LabelScale`, at the owner; None if the label was on the SPU already.
        scale: a handle of `examine.scale_numbers`; the same public if `home` is None.
        target: [rows], secret; None after training.
    """

    home: PYUObject | None
    scale: Any
    target: SPUObject | None

    def without_target(self) -> Label:
        """What is kept of it after training."""
        return Label(self.home, self.scale, None)


def share_label(
    spu: SPU,
    label: PYUObject | SPUObject,
    judge: Judge,
    penalty: tuple[float, int],
    seed: int | None,
    field: str | None = None,
) -> Label:
    """The label on its scale, on the SPU.

    Args:
        spu: where.
        label: the label.
        judge: see `Judge`.
        penalty: of L2, and of how many rows.
        seed: the public order of the rows, if they are moved.
        field: the ring in which the target is held, see `SPU.share`.
    """
    family = judge.family
    if isinstance(label, SPUObject):
        scale = LabelScale() if judge.start is None else LabelScale(start=family.each_output(judge.start))
        numbers = examine.scale_numbers(scale, family, *penalty)
        return Label(None, numbers, target_on(spu, label, family))
    owner = label.device
    home = owner(examine.scale_of_label)(label, family, judge.centred, judge.start)
    scale = owner(examine.scale_numbers)(home, family, *penalty).to(spu)
    target = owner(examine.scaled_label)(label, family, home, seed)
    return Label(home, scale, spu.share(target, field=field))


def target_on(spu: SPU, label: SPUObject, family: Family) -> SPUObject:
    """A label that is on the SPU already, as training takes it."""
    if not isinstance(family, ClassFamily):
        return label
    code = spu(_coded, static_argnames=("classes", "apart"))
    made: SPUObject = code(label, classes=family.classes, apart=bool(family.outputs))
    return made


def coded(spu: SPU, label: PYUObject | SPUObject, family: Family) -> SPUObject:
    """A label on the SPU, with 0, 1, ... in place of classes."""
    if isinstance(label, PYUObject):
        shared: SPUObject = label.device(examine.numbers_of)(label, family).to(spu)
        return shared
    if not isinstance(family, ClassFamily):
        return label
    made: SPUObject = spu(_coded, static_argnames=("classes", "apart"))(
        label, classes=family.classes, apart=False
    )
    return made


def _coded(label: Any, classes: tuple[Any, ...], apart: bool) -> Any:
    """The number of each row's class; `apart`: 1 in its place [rows, classes]."""
    numbers = tuple(range(len(classes)))
    classes = numbers if isinstance(classes[0], str) else classes  # no text is on an SPU
    if classes == numbers and not apart:
        return label
    if len(classes) == 2:
        return label == classes[1]
    places = label[:, None] == jnp.asarray(classes)
    return places if apart else places.astype(jnp.int32) @ jnp.asarray(numbers)


def columns_of(scales: Scales, party: PYU | str) -> tuple[PYU, tuple[int, int]]:
    """A party, and where its columns stand among all.

    Raises:
        LearnError: it has none.
    """
    owner = party if isinstance(party, PYU) else PYU(party)
    mine = scales.places.get(owner)
    if mine is None:
        raise LearnError(
            f"{owner.party} has no columns in this model", fix="name a party whose columns were in fit"
        )
    return owner, mine


def gathered(spu: SPU, scales: Scales, of: Any, field: str | None = None) -> tuple[Any, ...]:
    """A vector that each owner makes of its scaling, on the SPU; `field`: see `SPU.share`."""
    return tuple(spu.share(owner(of)(scaling), field=field) for owner, scaling in scales.by_owner.items())


def _widths(owners: Sequence[PYU], widths: Sequence[int]) -> str:
    if not owners:
        return f"SPU {sum(widths)}"
    return ", ".join(f"{owner.party} {width}" for owner, width in zip(owners, widths, strict=True))
