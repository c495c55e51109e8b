"""pandas frames, series, indexes and scalars.

Columns of numbers and times travel as arrays, text as Arrow; dtypes and indexes are told in our own
atoms, so pandas' metadata does not exist on the wire. What is not part of the value stays at home:
numbers under a missing one, levels a MultiIndex no longer uses, `attrs`. All *categories* of a
categorical column are part of its dtype and travel, used or not (`cat.remove_unused_categories`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import value_tags
from junto.wire.arrays import AnyArray, read_array, write_array
from junto.wire.scalars import decimal_of, decimal_text, read_zone, write_zone
from junto.wire.sink import ValueWriter
from junto.wire.source import ValueReader

_MASKED: Final = (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)
_INDEXES: Final = (
    pd.Index,
    pd.RangeIndex,
    pd.DatetimeIndex,
    pd.TimedeltaIndex,
    pd.CategoricalIndex,
    pd.MultiIndex,
)
_FREQUENCY: Final = re.compile(
    r"-?(?:[1-9][0-9]{0,5})?(?:ns|us|ms|s|min|h|D|B|W(?:-[A-Z]{3})?|[MQYB]{1,2}[SE](?:-[A-Z]{3})?)"
)
"""Steps that pandas makes by arithmetic; business hours and calendars it walks through one by one."""

_FEW: Final = 10_000
"""So many labels in any order pandas may tell apart by its hash table, whose hash anybody can steer."""

_FEW_OBJECTS: Final = 1_000
"""So many of Python's own objects, whose hashes pandas takes, and which it compares more slowly."""

_MOST_STEPS: Final = 64
"""So many different distances from one time to the next an index of one frequency can have: months have four
lengths, each with and without an hour of summer time. Pandas counts them by its hash table."""

_OBJECTS: Final[Mapping[type, str]] = {str: "object", dt.date: "dates", Decimal: "decimals", bool: "truths"}
"""What a column of Python's own objects may hold, of one type; the word that says so on the wire."""

_MISSING: Final[tuple[Any, ...]] = (None, np.nan, pd.NaT, pd.NA)
"""What stands among them where nothing is: one of these in a column, told by its place here."""

_MISSING_TYPES: Final = tuple(map(type, _MISSING))


def writer_for(value: Any) -> Callable[[ValueWriter, Any], None] | None:
    """What writes `value`, or None if pandas has it but the closed set has not."""
    kind = type(value)
    if kind is pd.DataFrame:
        return _write_frame
    if kind is pd.Series:
        return _write_series
    if kind in _INDEXES:
        return _write_index_value
    if kind is pd.Timestamp:
        return _write_timestamp
    if kind is pd.Timedelta:
        return _write_timedelta
    return _write_missing if value is pd.NaT or value is pd.NA else None


def _write_frame(sink: ValueWriter, frame: pd.DataFrame) -> None:
    sink.spend(value_tags.TABLE_COST + value_tags.COLUMN_COST * frame.shape[1])
    sink.enter(frame.shape[1])
    sink.atoms.append(value_tags.FRAME)
    _write_index(sink, frame.columns)
    _write_index(sink, frame.index)
    for position in range(frame.shape[1]):
        _write_column(sink, frame.iloc[:, position].array)
    sink.leave()


def read_frame(source: ValueReader) -> pd.DataFrame:
    """A DataFrame."""
    source.spend(value_tags.TABLE_COST)
    labels = read_index(source)
    source.enter(len(labels))
    source.spend(value_tags.COLUMN_COST * len(labels))
    index = read_index(source)
    columns = {position: _as_series(_column_of(source, len(index)), index) for position in range(len(labels))}
    source.leave()
    frame = pd.DataFrame(columns, index=index, copy=False)
    frame.columns = labels
    return frame


def _write_series(sink: ValueWriter, series: pd.Series) -> None:
    sink.spend(value_tags.TABLE_COST)
    sink.atoms.append(value_tags.SERIES)
    _write_label(sink, series.name)
    _write_index(sink, series.index)
    _write_column(sink, series.array)


def read_series(source: ValueReader) -> pd.Series:
    """A Series."""
    source.spend(value_tags.TABLE_COST)
    name = _read_label(source)
    index = read_index(source)
    values = _column_of(source, len(index))
    series = _as_series(values, index)
    series.name = name
    return series


def _as_series(values: Any, index: pd.Index) -> pd.Series:
    """With its dtype told: pandas would make text of objects."""
    return pd.Series(values, index=index, dtype=values.dtype, copy=False)


def _write_index_value(sink: ValueWriter, index: pd.Index) -> None:
    sink.atoms.append(value_tags.INDEX)
    _write_index(sink, index)


def _write_index(sink: ValueWriter, index: pd.Index) -> None:
    sink.spend(value_tags.TABLE_COST)
    if type(index) not in _INDEXES:
        raise CannotTravel(
            f"a pandas {type(index).__name__} may not travel", fix="reset_index(), or convert it"
        )
    if isinstance(index, pd.MultiIndex):
        _write_multi_index(sink, index)
        return
    if isinstance(index, pd.RangeIndex):
        sink.atoms.append("range")
        sink.write(range(index.start, index.stop, index.step))
    elif index.dtype == object and not _is_text(index.array):
        sink.atoms.append("labels")
        sink.write(list(index))
    else:
        sink.atoms.append("values")
        _write_column(sink, index.array)
        sink.atoms.append(_frequency(index))
    _write_label(sink, index.name)


def read_index(source: ValueReader) -> pd.Index:
    """An Index of any of the kinds that travel."""
    source.spend(value_tags.TABLE_COST)
    form = source.of(str)
    if form == "levels":
        return _read_multi_index(source)
    index: pd.Index
    if form == "range":
        index = pd.RangeIndex(source.value_of(range))
    elif form == "labels":
        labels = source.value_of(list)
        objects = np.empty(len(labels), object)
        objects[:] = [*labels, None][:-1] if labels else []
        index = pd.Index(objects, dtype=object, tupleize_cols=False)
    elif form == "values":
        values = _read_column(source)
        index = pd.Index(values, dtype=values.dtype, copy=False)
        frequency = source.atom()
        if isinstance(frequency, str) and isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
            steps = np.sort(np.diff(index.asi8))
            if not _FREQUENCY.fullmatch(frequency) or np.count_nonzero(np.diff(steps)) >= _MOST_STEPS:
                raise MalformedBytes("an index has a frequency that is not of the closed set")
            index.freq = frequency  # pandas checks that it fits the values
        elif frequency is not None:
            raise MalformedBytes("an index cannot have a frequency")
    else:
        raise MalformedBytes("an index of an unknown form")
    return index.rename(_read_label(source))


def _write_multi_index(sink: ValueWriter, index: pd.MultiIndex) -> None:
    index = index.remove_unused_levels()
    sink.atoms += ("levels", index.nlevels)
    sink.enter(index.nlevels)
    for level, codes, name in zip(index.levels, index.codes, index.names, strict=True):
        _write_labels(sink, level)
        write_array(sink, np.asarray(codes))
        _write_label(sink, name)
    sink.leave()


def _read_multi_index(source: ValueReader) -> pd.MultiIndex:
    count = source.integer(1, source.left())
    source.enter(count)
    levels, codes, names = [], [], []
    for _ in range(count):
        levels.append(_read_labels(source))
        codes.append(_read_codes(source))
        names.append(_read_label(source))
    source.leave()
    return pd.MultiIndex(levels=levels, codes=codes, names=names, verify_integrity=True)


def _write_labels(sink: ValueWriter, labels: pd.Index) -> None:
    """Categories, or a level: each once, and each with bytes of its own."""
    if isinstance(labels, pd.RangeIndex):
        labels = pd.Index(labels.to_numpy(), name=labels.name)
    if problem := _cannot_be_told_apart(labels):
        raise CannotTravel(f"categories may not travel: {problem}", fix="sort them, or make them text")
    _write_index(sink, labels)


def _read_labels(source: ValueReader) -> pd.Index:
    labels = read_index(source)
    if problem := _cannot_be_told_apart(labels):
        raise MalformedBytes(f"categories that {problem}")
    return labels


def _cannot_be_told_apart(labels: pd.Index) -> str:
    """Why telling these labels apart could take more time than a constant for each, or an empty text."""
    if isinstance(labels, pd.RangeIndex | pd.MultiIndex | pd.CategoricalIndex):
        return "are no plain labels"
    if isinstance(labels.dtype, pd.ArrowDtype) and labels.dtype.kind == "O":
        return "are lists or structures"
    objects = labels.dtype == object
    few = _FEW_OBJECTS if objects else _FEW
    text = _is_text(labels.array) if objects else isinstance(labels.dtype, pd.StringDtype)
    if text or len(labels) <= few or labels.is_monotonic_increasing:
        return ""
    return f"are more than {few} {'objects' if objects else 'numbers'} in no order"


def _write_column(sink: ValueWriter, values: Any) -> None:
    if type(values) is pd.arrays.NumpyExtensionArray:
        values = values.to_numpy()
    dtype = values.dtype
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        sink.atoms.append("numpy")
        write_array(sink, np.asarray(values))
    elif isinstance(values, _MASKED):
        missing = values.isna() & ~np.zeros(len(values), bool)
        sink.atoms.append("masked")
        numpy_dtype = np.dtype(bool) if isinstance(values, pd.arrays.BooleanArray) else dtype.numpy_dtype
        write_array(sink, values.to_numpy(dtype=numpy_dtype, na_value=numpy_dtype.type(0)))
        write_array(sink, missing)
    elif isinstance(dtype, pd.CategoricalDtype):
        sink.atoms += ("category", bool(dtype.ordered))
        _write_labels(sink, dtype.categories)
        write_array(sink, np.asarray(values.codes))
    elif isinstance(dtype, pd.DatetimeTZDtype):
        sink.atoms.append("zoned")
        write_zone(sink, _zone(dtype.tz))
        write_array(sink, values.tz_convert("UTC").tz_localize(None).to_numpy())
    else:
        _write_text_column(sink, values)


def _write_text_column(sink: ValueWriter, values: Any) -> None:
    import pyarrow as pa

    from junto.wire.arrow import write_table

    dtype = values.dtype
    if isinstance(dtype, pd.StringDtype):
        sink.atoms += ("string", str(dtype.storage), dtype.na_value is pd.NA)
        column = pa.array(values, type=pa.large_string(), from_pandas=True)
    elif isinstance(dtype, pd.ArrowDtype):
        sink.atoms.append("arrow")
        column = values.__arrow_array__()
    elif isinstance(dtype, np.dtype) and (kind := _kind_of_objects(values)):
        missing = set(map(type, values)).intersection(_MISSING_TYPES) or {type(None)}
        if len(missing) > 1:
            raise CannotTravel(
                "a pandas column has None beside NaN, or another such pair",
                fix="replace one of them, or convert the column to a type of its own",
            )
        sink.atoms += (_OBJECTS[kind], _MISSING_TYPES.index(next(iter(missing))))
        column = _objects_as_arrow(kind, [None if type(item) in missing else item for item in values])
    else:
        raise CannotTravel(
            f"a pandas column of dtype {dtype} may not cross a silo's edge",
            fix="convert it to numbers, text, times or categories; Python's own objects may be text, "
            "dates, decimals or truth values, of one type in a column",
        )
    write_table(sink, pa.table({"": column}))


def _objects_as_arrow(kind: type, items: list[Any]) -> Any:
    import pyarrow as pa

    if kind is dt.date:
        return pa.array(items, type=pa.date32())
    if kind is bool:  # a byte each: bits would grow to pointers
        return pa.array(items, type=pa.bool_()).cast(pa.int8())
    if kind is Decimal:
        items = [item if item is None else decimal_text(item) for item in items]
    return pa.array(items, type=pa.large_string())


def _column_of(source: ValueReader, rows: int) -> Any:
    values = _read_column(source)
    if len(values) != rows:
        raise MalformedBytes("a column is not as long as its index")
    return values


def _read_column(source: ValueReader) -> Any:
    form = source.of(str)
    if form == "numpy":
        values = _read_vector(source)
        if values.dtype.kind not in "biufcmM":
            raise MalformedBytes("a column has an element type that pandas has not")
        return values
    if form == "masked":
        return _read_masked(source)
    if form == "category":
        ordered = source.of(bool)
        categories = _read_labels(source)
        return pd.Categorical.from_codes(_read_codes(source), categories=categories, ordered=ordered)
    if form == "zoned":
        zone = _native(read_zone(source))
        values = _read_vector(source)
        if values.dtype.kind != "M" or zone is None:
            raise MalformedBytes("a column of times has no times or no zone")
        return (
            pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(zone).array.copy()
        )  # an index gives a read-only one
    return _read_text_column(source, form)


def _read_masked(source: ValueReader) -> Any:
    values, missing = _read_vector(source), _read_vector(source)
    build = {
        "b": pd.arrays.BooleanArray,
        "i": pd.arrays.IntegerArray,
        "u": pd.arrays.IntegerArray,
        "f": pd.arrays.FloatingArray,
    }.get(values.dtype.kind)
    if build is None or missing.dtype != bool or len(values) != len(missing):
        raise MalformedBytes("a column with missing values has the wrong parts")
    return build(values, missing)


def _read_text_column(source: ValueReader, form: str) -> Any:
    from junto.wire.arrow import read_table

    if form == "string":
        storage, plain_missing = source.of(str), source.of(bool)
        dtype = pd.StringDtype(storage) if plain_missing else pd.StringDtype(storage, na_value=np.nan)
        return dtype.__from_arrow__(_only_column(read_table(source), text=True))
    if form == "arrow":
        column = _only_column(read_table(source))
        return pd.arrays.ArrowExtensionArray(column)
    kind = {word: kind for kind, word in _OBJECTS.items()}.get(form)
    if kind is None:
        raise MalformedBytes("a column of an unknown form")
    missing = _MISSING[source.integer(0, len(_MISSING) - 1)]
    column = _only_column(read_table(source), text=kind in (str, Decimal))
    items = [missing if item is None else item for item in _items(kind, column)]
    objects = np.empty(len(items), object)
    objects[:] = items
    return objects


def _items(kind: type, column: Any) -> list[Any]:
    """Python's own objects: text, dates, decimals or truth values, and None."""
    import pyarrow as pa

    if (kind is dt.date and column.type != pa.date32()) or (kind is bool and column.type != pa.int8()):
        raise MalformedBytes("a column of Python's objects is of another type")
    try:
        items: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):
        raise MalformedBytes("a column of dates has one that is none") from None
    if kind is Decimal:
        return [None if item is None else decimal_of(item) for item in items]
    if kind is bool:
        if not {None, 0, 1}.issuperset(items):
            raise MalformedBytes("a column of truth values has one that is none")
        return [None if item is None else bool(item) for item in items]
    return items


def _only_column(table: Any, *, text: bool = False) -> Any:
    """The column of a table of one. What becomes Python's text has to be text, written out."""
    import pyarrow as pa

    if table.num_columns != 1 or (text and table.schema.field(0).type != pa.large_string()):
        raise MalformedBytes("a column of text is of another type, or has other columns beside it")
    return table.column(0)


def _read_vector(source: ValueReader) -> AnyArray:
    source.integer(value_tags.ARRAY, value_tags.ARRAY)
    array = read_array(source)
    if array.ndim != 1:
        raise MalformedBytes("a column is not one-dimensional")
    return array


def _read_codes(source: ValueReader) -> AnyArray:
    codes = _read_vector(source)
    if codes.dtype.kind != "i":
        raise MalformedBytes("codes are no ints")
    return codes


def _write_label(sink: ValueWriter, label: Any) -> None:
    sink.write(label)


def _read_label(source: ValueReader) -> Any:
    label = source.value()
    hash(label)
    return label


def _is_text(values: Any) -> bool:
    return _kind_of_objects(values) is str


def _kind_of_objects(values: Any) -> type | None:
    """The one type of all that is not missing, of those that may travel; text where nothing is there."""
    if any(type(item) is float and item == item for item in values):
        return None
    kind, *others = set(map(type, values)).difference(_MISSING_TYPES) or {str}
    return None if others or kind not in _OBJECTS else kind


def _frequency(index: pd.Index) -> str | None:
    frequency = getattr(index, "freqstr", None)
    return frequency if frequency and pd.tseries.frequencies.to_offset(frequency) == index.freq else None


def _zone(zone: dt.tzinfo) -> dt.tzinfo:
    """Pandas 2 may hold a zone of pytz, which has a name too."""
    name = getattr(zone, "zone", None)
    return ZoneInfo(name) if isinstance(name, str) else zone


def _native(zone: dt.tzinfo | None) -> dt.tzinfo | str | None:
    """By its name, for pandas to make of it what it uses itself (pytz or zoneinfo)."""
    return zone.key if isinstance(zone, ZoneInfo) else zone


def _write_timestamp(sink: ValueWriter, value: pd.Timestamp) -> None:
    sink.atoms.append(value_tags.TIMESTAMP)
    sink.write(value.to_datetime64())
    write_zone(sink, None if value.tz is None else _zone(value.tz))


def read_timestamp(source: ValueReader) -> pd.Timestamp:
    """A Timestamp."""
    moment = pd.Timestamp(source.value_of(np.datetime64))
    zone = _native(read_zone(source))
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone)


def _write_timedelta(sink: ValueWriter, value: pd.Timedelta) -> None:
    sink.atoms.append(value_tags.PANDAS_TIMEDELTA)
    sink.write(value.to_timedelta64())


def read_timedelta(source: ValueReader) -> pd.Timedelta:
    """A Timedelta."""
    return pd.Timedelta(source.value_of(np.timedelta64))


def _write_missing(sink: ValueWriter, value: Any) -> None:
    sink.atoms += (value_tags.MISSING, value is pd.NA)


def read_missing(source: ValueReader) -> Any:
    """`pd.NA` or `pd.NaT`."""
    return pd.NA if source.of(bool) else pd.NaT
