"""pandas frames, series, indexes and scalars.

Columns of numbers and times travel as arrays, text as Arrow; dtypes and indexes are told in our own
atoms, so pandas' metadata does not exist on the wire. What is not part of the value stays at home:
numbers under a missing one, levels a MultiIndex no longer uses, `attrs`. All *categories* of a
categorical column are part of its dtype and travel, used or not (`cat.remove_unused_categories`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import tags
from junto.wire.arrays import AnyArray, read_array, write_array
from junto.wire.scalars import read_zone, write_zone

if TYPE_CHECKING:
    from junto.wire.decode import Reader
    from junto.wire.encode import Encoder

_MASKED: Final = (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)
_INDEXES: Final = (
    pd.Index,
    pd.RangeIndex,
    pd.DatetimeIndex,
    pd.TimedeltaIndex,
    pd.CategoricalIndex,
    pd.MultiIndex,
)
_ONE_INDEX: Final = tuple(kind for kind in _INDEXES if kind is not pd.MultiIndex)
_TEXT_OR_MISSING: Final = frozenset((str, type(None), float))


def writer_for(value: Any) -> Callable[[Encoder, Any], None] | None:
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


def _write_frame(encoder: Encoder, frame: pd.DataFrame) -> None:
    encoder.spend(tags.TABLE_COST)
    encoder.enter(frame.shape[1])
    encoder.atoms.append(tags.FRAME)
    _write_index(encoder, frame.columns)
    _write_index(encoder, frame.index)
    for position in range(frame.shape[1]):
        _write_column(encoder, frame.iloc[:, position].array)
    encoder.leave()


def read_frame(reader: Reader) -> pd.DataFrame:
    """A DataFrame."""
    reader.spend(tags.TABLE_COST)
    labels = _read_index(reader)
    reader.enter(len(labels))
    index = _read_index(reader)
    columns = {position: _as_series(_column_of(reader, len(index)), index) for position in range(len(labels))}
    reader.leave()
    frame = pd.DataFrame(columns, index=index, copy=False)
    frame.columns = labels
    return frame


def _write_series(encoder: Encoder, series: pd.Series[Any]) -> None:
    encoder.spend(tags.TABLE_COST)
    encoder.atoms.append(tags.SERIES)
    _write_label(encoder, series.name)
    _write_index(encoder, series.index)
    _write_column(encoder, series.array)


def read_series(reader: Reader) -> pd.Series[Any]:
    """A Series."""
    reader.spend(tags.TABLE_COST)
    name = _read_label(reader)
    index = _read_index(reader)
    values = _column_of(reader, len(index))
    series = _as_series(values, index)
    series.name = name
    return series


def _as_series(values: Any, index: pd.Index[Any]) -> pd.Series[Any]:
    """With its dtype told: pandas would make text of objects."""
    return pd.Series(values, index=index, dtype=values.dtype, copy=False)


def _write_index_value(encoder: Encoder, index: pd.Index[Any]) -> None:
    encoder.atoms.append(tags.INDEX)
    _write_index(encoder, index)


def _write_index(encoder: Encoder, index: pd.Index[Any]) -> None:
    encoder.spend(tags.TABLE_COST)
    if type(index) not in _INDEXES:
        raise CannotTravel(
            f"a pandas {type(index).__name__} may not travel", fix="reset_index(), or convert it"
        )
    if isinstance(index, pd.MultiIndex):
        _write_multi_index(encoder, index)
        return
    if isinstance(index, pd.RangeIndex):
        encoder.atoms.append("range")
        encoder.write(range(index.start, index.stop, index.step))
    elif index.dtype == object and not _is_text(index.array):
        encoder.atoms.append("labels")
        encoder.write(list(index))
    else:
        encoder.atoms.append("values")
        _write_column(encoder, index.array)
        encoder.atoms.append(_frequency(index))
    _write_label(encoder, index.name)


def read_index(reader: Reader) -> pd.Index[Any]:
    """An Index of any of the kinds that travel."""
    return _read_index(reader)


def _read_index(reader: Reader) -> pd.Index[Any]:
    reader.spend(tags.TABLE_COST)
    form = reader.of(str)
    if form == "levels":
        return _read_multi_index(reader)
    index: pd.Index[Any]
    if form == "range":
        index = pd.RangeIndex(reader.value_of(range))
    elif form == "labels":
        labels = reader.value_of(list)
        objects = np.empty(len(labels), object)
        objects[:] = [*labels, None][:-1] if labels else []
        index = pd.Index(objects, dtype=object, tupleize_cols=False)
    elif form == "values":
        values = _read_column(reader)
        index = pd.Index(values, dtype=values.dtype, copy=False)
        frequency = reader.atom()
        if isinstance(frequency, str) and isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
            index.freq = frequency  # pandas checks that it fits the values
        elif frequency is not None:
            raise MalformedBytes("an index cannot have a frequency")
    else:
        raise MalformedBytes("an index of an unknown form")
    return index.rename(_read_label(reader))


def _write_multi_index(encoder: Encoder, index: pd.MultiIndex) -> None:
    index = index.remove_unused_levels()
    encoder.atoms += ("levels", index.nlevels)
    encoder.enter(index.nlevels)
    for level, codes, name in zip(index.levels, index.codes, index.names, strict=True):
        _write_index(encoder, level)
        write_array(encoder, np.asarray(codes))
        _write_label(encoder, name)
    encoder.leave()


def _read_multi_index(reader: Reader) -> pd.MultiIndex:
    count = reader.integer(1, reader.left())
    reader.enter(count)
    levels, codes, names = [], [], []
    for _ in range(count):
        levels.append(_read_index(reader))
        codes.append(_read_codes(reader))
        names.append(_read_label(reader))
    reader.leave()
    if any(isinstance(level, pd.MultiIndex) for level in levels):
        raise MalformedBytes("a level of an index has levels of its own")
    return pd.MultiIndex(levels=levels, codes=codes, names=names, verify_integrity=True)


def _write_column(encoder: Encoder, values: Any) -> None:
    if type(values) is pd.arrays.NumpyExtensionArray:
        values = values.to_numpy()
    dtype = values.dtype
    if isinstance(dtype, np.dtype) and dtype != object:
        encoder.atoms.append("numpy")
        write_array(encoder, np.asarray(values))
    elif isinstance(values, _MASKED):
        missing = values.isna() & ~np.zeros(len(values), bool)
        encoder.atoms.append("masked")
        numpy_dtype = np.dtype(bool) if isinstance(values, pd.arrays.BooleanArray) else dtype.numpy_dtype
        write_array(encoder, values.to_numpy(dtype=numpy_dtype, na_value=numpy_dtype.type(0)))
        write_array(encoder, missing)
    elif isinstance(dtype, pd.CategoricalDtype):
        encoder.atoms += ("category", bool(dtype.ordered))
        _write_index(encoder, dtype.categories)
        write_array(encoder, np.asarray(values.codes))
    elif isinstance(dtype, pd.DatetimeTZDtype):
        encoder.atoms.append("zoned")
        write_zone(encoder, _zone(dtype.tz))
        write_array(encoder, values.tz_convert("UTC").tz_localize(None).to_numpy())
    else:
        _write_text_column(encoder, values)


def _write_text_column(encoder: Encoder, values: Any) -> None:
    import pyarrow as pa

    from junto.wire.arrow import write_table

    dtype = values.dtype
    if isinstance(dtype, pd.StringDtype):
        encoder.atoms += ("string", str(dtype.storage), dtype.na_value is pd.NA)
        column = pa.array(values, type=pa.large_string(), from_pandas=True)
    elif isinstance(dtype, pd.ArrowDtype):
        encoder.atoms.append("arrow")
        column = values.__arrow_array__()
    elif dtype == object and _is_text(values):
        items = list(values)
        missing = {type(item) for item in items} - {str}
        if len(missing) > 1:
            raise CannotTravel("a text column has None beside NaN", fix='convert it: .astype("string")')
        encoder.atoms += ("object", float in missing)
        column = pa.array(items, type=pa.large_string(), from_pandas=True)
    else:
        raise CannotTravel(
            f"a pandas column of dtype {dtype} may not cross a silo's edge",
            fix="convert it to numbers, text, times or categories (object columns may hold text only)",
        )
    write_table(encoder, pa.table({"": column}))


def _column_of(reader: Reader, rows: int) -> Any:
    values = _read_column(reader)
    if len(values) != rows:
        raise MalformedBytes("a column is not as long as its index")
    return values


def _read_column(reader: Reader) -> Any:
    form = reader.of(str)
    if form == "numpy":
        values = _read_vector(reader)
        if values.dtype.kind not in "biufcmM":
            raise MalformedBytes("a column has an element type that pandas has not")
        return values
    if form == "masked":
        return _read_masked(reader)
    if form == "category":
        ordered = reader.of(bool)
        categories = _read_index(reader)
        return pd.Categorical.from_codes(_read_codes(reader), categories=categories, ordered=ordered)
    if form == "zoned":
        zone = read_zone(reader)
        values = _read_vector(reader)
        if values.dtype.kind != "M" or zone is None:
            raise MalformedBytes("a column of times has no times or no zone")
        return (
            pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(zone).array.copy()
        )  # an index gives a read-only one
    return _read_text_column(reader, form)


def _read_masked(reader: Reader) -> Any:
    values, missing = _read_vector(reader), _read_vector(reader)
    build = {
        "b": pd.arrays.BooleanArray,
        "i": pd.arrays.IntegerArray,
        "u": pd.arrays.IntegerArray,
        "f": pd.arrays.FloatingArray,
    }.get(values.dtype.kind)
    if build is None or missing.dtype != bool or len(values) != len(missing):
        raise MalformedBytes("a column with missing values has the wrong parts")
    return build(values, missing)


def _read_text_column(reader: Reader, form: str) -> Any:
    from junto.wire.arrow import read_table

    if form == "string":
        storage, plain_missing = reader.of(str), reader.of(bool)
        dtype = pd.StringDtype(storage) if plain_missing else pd.StringDtype(storage, na_value=np.nan)
        return dtype.__from_arrow__(_only_column(read_table(reader)))
    if form == "arrow":
        column = _only_column(read_table(reader))
        return pd.arrays.ArrowExtensionArray(column)
    if form != "object":
        raise MalformedBytes("a column of an unknown form")
    use_nan: bool = reader.of(bool)
    objects = _only_column(read_table(reader)).to_numpy(zero_copy_only=False)
    if objects.dtype != object:
        objects = objects.astype(object)
    if use_nan:
        objects[[item is None for item in objects]] = np.nan
    return objects


def _only_column(table: Any) -> Any:
    if table.num_columns != 1:
        raise MalformedBytes("a column of text has other columns beside it")
    return table.column(0)


def _read_vector(reader: Reader) -> AnyArray:
    reader.integer(tags.ARRAY, tags.ARRAY)
    array = read_array(reader)
    if array.ndim != 1:
        raise MalformedBytes("a column is not one-dimensional")
    return array


def _read_codes(reader: Reader) -> AnyArray:
    codes = _read_vector(reader)
    if codes.dtype.kind != "i":
        raise MalformedBytes("codes are no ints")
    return codes


def _write_label(encoder: Encoder, label: Any) -> None:
    encoder.write(label)


def _read_label(reader: Reader) -> Any:
    label = reader.value()
    hash(label)
    return label


def _is_text(values: Any) -> bool:
    items = list(values)
    kinds = frozenset(map(type, items))
    return kinds <= _TEXT_OR_MISSING and not any(type(item) is float and item == item for item in items)


def _frequency(index: pd.Index[Any]) -> str | None:
    frequency = getattr(index, "freqstr", None)
    return frequency if frequency and pd.tseries.frequencies.to_offset(frequency) == index.freq else None  # type: ignore[attr-defined]


def _zone(zone: dt.tzinfo) -> dt.tzinfo:
    """pandas 2 may hold a zone of pytz, which has a name too."""
    name = getattr(zone, "zone", None)
    return ZoneInfo(name) if isinstance(name, str) else zone


def _write_timestamp(encoder: Encoder, value: pd.Timestamp) -> None:
    encoder.atoms.append(tags.TIMESTAMP)
    encoder.write(value.to_datetime64())
    write_zone(encoder, None if value.tz is None else _zone(value.tz))


def read_timestamp(reader: Reader) -> pd.Timestamp:
    """A Timestamp."""
    moment = pd.Timestamp(reader.value_of(np.datetime64))
    zone = read_zone(reader)
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone)


def _write_timedelta(encoder: Encoder, value: pd.Timedelta) -> None:
    encoder.atoms.append(tags.PANDAS_TIMEDELTA)
    encoder.write(value.to_timedelta64())


def read_timedelta(reader: Reader) -> pd.Timedelta:
    """A Timedelta."""
    return pd.Timedelta(reader.value_of(np.timedelta64))


def _write_missing(encoder: Encoder, value: Any) -> None:
    encoder.atoms += (tags.MISSING, value is pd.NA)


def read_missing(reader: Reader) -> Any:
    """`pd.NA` or `pd.NaT`."""
    return pd.NA if reader.of(bool) else pd.NaT
