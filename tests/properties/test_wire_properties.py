"""Whatever can be sent arrives; whatever arrives is a value or MalformedBytes, in bounded memory."""

from __future__ import annotations

import datetime as dt
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import foreign_types as ft
from junto.errors import MalformedBytes
from junto.wire import value_tags
from junto.wire.policy import WirePolicy
from tries import tries
from wire_helpers import forge, from_bytes, round_trip, to_bytes

POLICY = WirePolicy(pickle={"foreign_types": ("*",)})
DTYPES = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.unsigned_integer_dtypes(endianness="?"),
    npst.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    npst.complex_number_dtypes(sizes=(64, 128)),
    npst.datetime64_dtypes(endianness="?"),
    npst.timedelta64_dtypes(endianness="?"),
    npst.byte_string_dtypes(min_len=1),
    npst.unicode_string_dtypes(endianness="?", min_len=1),
)
ARRAYS = npst.arrays(DTYPES, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
ZONES = st.one_of(
    st.none(),
    st.just(dt.UTC),
    st.timezones(),
    st.builds(dt.timezone, st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23))),
)
HASHABLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.dates(),
    st.timedeltas(),
    st.datetimes(timezones=ZONES),
    st.times(),
    st.uuids(),
    st.fractions(),
    st.decimals(allow_nan=False),
    st.complex_numbers(allow_nan=False),
)
KEYS = st.recursive(
    HASHABLE,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.lists(inner, max_size=3).map(frozenset),
)
LEAVES = st.one_of(
    HASHABLE,
    st.binary(min_size=4090, max_size=4100),
    st.builds(range, st.integers(), st.integers()),
    st.builds(slice, st.integers(), st.none()),
    st.binary(max_size=9).map(bytearray),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.lists(st.tuples(KEYS, inner), max_size=4).map(dict)
        | st.lists(KEYS, max_size=4).map(set)
    ),
    max_leaves=25,
)
QUICK = settings(max_examples=tries(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(max_examples=tries(300), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def same(left: Any, right: Any) -> bool:
    """Equal in value and type all the way down."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, dt.datetime | dt.time):
        return (left == right or left.utcoffset() is None) and repr(left) == repr(right)
    if isinstance(left, Decimal):
        return left.as_tuple() == right.as_tuple()
    return bool(left == right) and (not isinstance(left, float) or str(left) == str(right))


@QUICK
@given(VALUES)
def test_every_value_arrives(value: Any) -> None:
    assert same(round_trip(value), value)


@QUICK
@given(ARRAYS, st.booleans())
def test_every_array_arrives(array: Any, transposed: bool) -> None:
    array = array.T if transposed else array
    arrived = round_trip({"a": array})["a"]
    assert (arrived.dtype, arrived.shape) == (array.dtype, array.shape)
    assert arrived.tobytes() == array.tobytes()


CELLS = st.one_of(st.none(), st.text(max_size=10))


@QUICK
@given(
    st.lists(st.tuples(CELLS, st.none() | st.integers(-(2**63), 2**63 - 1), st.floats()), max_size=8),
    st.integers(0, 8),
    st.integers(0, 8),
)
def test_every_table_arrives(rows: list[tuple[Any, Any, Any]], start: int, stop: int) -> None:
    frame = pd.DataFrame(
        {
            "t": pd.array([row[0] for row in rows], dtype="str"),
            "i": pd.array([row[1] for row in rows], dtype="Int64"),
            "f": np.array([row[2] for row in rows], float),
            "o": pd.Series([row[0] for row in rows], dtype=object),
        }
    ).iloc[start:stop]
    pd.testing.assert_frame_equal(round_trip(frame), frame)
    table = pa.table(
        {
            "i": pa.array([row[1] for row in rows], pa.int64()),
            "l": pa.array([row[0] and [row[0]] for row in rows], pa.list_(pa.string())),
        }
    ).slice(start, stop)
    assert round_trip(table).equals(table)


@QUICK
@given(VALUES)
def test_every_value_arrives_inside_a_listed_object(value: Any) -> None:
    arrived = round_trip(ft.Model({"deep": [value]}), POLICY)
    assert same(arrived.weights["deep"][0], value)


# What the decoder imports on first use would count as memory of the value.
for library in ("polars", "scipy.sparse", "jax"):
    with suppress(ImportError):
        import_module(library)


@contextmanager
def memory_within(limit: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def is_value_or_malformed(data: bytes | bytearray) -> None:
    try:
        value = from_bytes(data, POLICY)
    except MalformedBytes:
        return
    assert same_kind(from_bytes(to_bytes(value, POLICY), POLICY), value)


def same_kind(left: Any, right: Any) -> bool:
    return type(left) is type(right)


SAMPLES = [
    bytes(to_bytes(value, POLICY))
    for value in (
        {"a": [1, 2.5, (None, True)], (1, 2): {3}, "big": 2**99},
        [1, 2, 3],
        np.arange(6.0).reshape(2, 3).T,
        np.array(["ab", "c"]),
        {"x": np.arange(3), "y": np.float32(1)},
        pa.table({"a": ["x", None], "b": [[1], None]}),
        pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])}),
        ft.Model([1, {2: (3,)}]),
        pd.Series(pd.date_range("2020", periods=2, tz="UTC")),
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        pd.MultiIndex.from_product([["a"], [1, 2]]),
        pa.array(["x", "y"]).dictionary_encode(),
    )
]


@MANY
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_changed_bytes_are_a_value_or_malformed(sample: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(sample)
    for position, value in changes:
        data[position % len(data)] = value
    is_value_or_malformed(data)


@QUICK
@given(st.sampled_from(SAMPLES), st.integers(0, 10**6))
def test_shortened_bytes_are_malformed(sample: bytes, end: int) -> None:
    cut = bytearray(sample[: end % len(sample)])
    try:
        from_bytes(cut, POLICY)
    except MalformedBytes:
        return
    raise AssertionError("a shortened value was accepted")


ATOMS = st.one_of(
    st.integers(0, 60),
    st.integers(-(2**63), 2**63 - 1),
    st.none(),
    st.booleans(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(
        [
            "<f8",
            "|O",
            "values",
            "range",
            "labels",
            "levels",
            "numpy",
            "masked",
            "category",
            "zoned",
            "string",
            "object",
            "arrow",
            "table",
            "frame",
            "csr",
            "coo",
            "UTC",
            "D",
        ]
    ),
)


@MANY
@given(st.lists(ATOMS, max_size=25), st.binary(max_size=100), st.binary(max_size=20))
def test_any_atoms_are_a_value_or_malformed(atoms: list[Any], buffer: bytes, blobs: bytes) -> None:
    is_value_or_malformed(forge(atoms, buffer, blobs=blobs))
    is_value_or_malformed(forge([value_tags.LIST, 1, *atoms], blobs=blobs))


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_are_malformed(data: bytes) -> None:
    for made in (bytearray(data), bytearray(value_tags.MAGIC + data)):
        with memory_within(1_000_000):
            is_value_or_malformed(made)


@QUICK
@given(st.binary(max_size=120))
def test_any_pickle_is_a_value_or_malformed(body: bytes) -> None:
    data = b"\x80\x05\x8c\x0dforeign_types\x8c\x05Model\x93" + body + b"."
    with memory_within(2_000_000), suppress(MalformedBytes):
        from_bytes(forge([value_tags.PICKLE, len(data), 0], data), POLICY)
    assert ft.RAN == []


@MANY
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2**62)), max_size=12))
def test_memory_is_bounded_by_the_bytes_received(pairs: list[tuple[int, int]]) -> None:
    data = forge([atom for pair in pairs for atom in pair])
    with memory_within(2_000_000), suppress(MalformedBytes):
        from_bytes(data, POLICY)
