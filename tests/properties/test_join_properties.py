"""Keys as bytes are injective, and a join is the intersection, whatever the keys are."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import junto as sf
from junto.join import join
from junto.join.keys import digests, encoded, prefixed
from junto.join.tags import tagged
from tries import tries

PAIR, THREE = ["alice", "bob"], ["alice", "bob", "carol"]

INTS = st.integers(-(2**63), 2**64 - 1)
VALUES = {
    "integer": INTS,
    "text": st.text(max_size=5),
    "bytes": st.binary(max_size=5),
    "decimal": st.decimals(-1000, 1000, allow_nan=False, places=3),
    "floats": st.floats(-(2.0**53), 2.0**53, exclude_min=True, exclude_max=True),
    "booleans": st.booleans(),
    "dates": st.dates(),
    "times": st.datetimes(),
    "of day": st.times(),
}


def column(values):
    if any(type(value) is int for value in values):
        return pa.array(values, pa.int64() if max(values) < 2**63 else pa.uint64())
    return pa.array(values)


@st.composite
def pairs_of_keys(draw):
    """Two keys of the same kinds of columns."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3))
    return [tuple(draw(VALUES[kind]) for kind in kinds) for _ in range(2)]


@given(pairs_of_keys())
def test_keys_have_the_same_bytes_exactly_if_they_are_equal(pair):
    def raw(key):
        return b"".join(prefixed(encoded(column([value]))[0]) for value in key)

    def digest(key):
        found, there = digests([column([value]) for value in key])
        assert there.all()
        return found[0].tobytes()

    assert (raw(pair[0]) == raw(pair[1])) == (pair[0] == pair[1]) == (digest(pair[0]) == digest(pair[1]))


@given(st.lists(st.lists(st.binary(max_size=3), min_size=2, max_size=2), min_size=2, max_size=2))
def test_no_two_rows_of_text_run_together(rows):
    one, other = (digests([pa.array([value]) for value in row])[0].tobytes() for row in rows)
    assert (one == other) == (rows[0] == rows[1])


@pytest.mark.parametrize("size", [1, 5, 12, 13, 14, 15, 16, 40])
def test_where_a_column_ends_and_the_last_byte_count_at_every_length(size):
    """Below 31 bytes a digest is the key itself, beyond it a hash; tags are made of two blocks."""
    text = b"x" * size
    rows = [
        (text, text),
        (text + b"x", text[1:]),
        (text[1:], text + b"x"),
        (text, text[1:] + b"y"),
        (text, b""),
        (text + b"\0y", b""),
        (text, b"y\0"),  # its last byte is none that fills up
    ]
    found = [digests([pa.array([value]) for value in row])[0] for row in rows]
    assert len({each.tobytes() for each in found}) == len(rows)
    assert len({tagged(bytes(16), each).tobytes() for each in found}) == len(rows)


@given(st.integers(-(2**7), 2**7 - 1))
def test_a_whole_number_is_the_same_in_every_width(value):
    signed = [pa.int8(), pa.int16(), pa.int32(), pa.int64()]
    unsigned = [pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()] if value >= 0 else []
    assert len({encoded(pa.array([value], kind))[0] for kind in signed + unsigned}) == 1


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=4))
def test_a_decimal_is_the_same_at_every_scale(value):
    exact = value.quantize(Decimal("0.0001"))
    kinds = [pa.decimal128(20, 4), pa.decimal128(30, 9), pa.decimal256(60, 20)]
    assert len({encoded(pa.array([exact], kind))[0] for kind in kinds}) == 1


@given(st.datetimes())
def test_a_moment_is_the_same_in_every_unit(moment):
    whole = moment.replace(microsecond=0)
    assert len({encoded(pa.array([whole], pa.timestamp(unit)))[0] for unit in ("s", "ms", "us")}) == 1


TZ = datetime.timezone(datetime.timedelta(hours=9))
MOMENTS = [
    datetime.datetime(1969, 12, 31, 23, 59, 59, 999_000),
    datetime.datetime(2024, 2, 29, 12, 0, 0, 1000),
]
SAME = {
    "whole": ([0, 5, 127], [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint64()]),
    "negative": ([-128, -1, 0], [pa.int8(), pa.int16(), pa.int32(), pa.int64()]),
    "large": ([2**63 - 1, 2**53 + 1, 2**53], [pa.int64(), pa.uint64()]),
    "text": (["", "a", "a\0", "é", "e\u0301", "x" * 40], [pa.string(), pa.large_string(), pa.string_view()]),
    "bytes": ([b"", b"a", b"a\0", b"x" * 40], [pa.binary(), pa.large_binary(), pa.binary_view()]),
    "float": ([0.0, 1.5, -1.5], [pa.float16(), pa.float32(), pa.float64()]),
    "date": ([datetime.date(1, 1, 1), datetime.date(1969, 12, 31)], [pa.date32(), pa.date64()]),
    "moment": (MOMENTS, [pa.timestamp(unit) for unit in ("ms", "us", "ns")]),
    "instant": (
        [each.replace(tzinfo=TZ) for each in MOMENTS],
        [pa.timestamp(unit, zone) for unit in ("ms", "us", "ns") for zone in ("UTC", "Asia/Tokyo")],
    ),
    "of day": (
        [datetime.time(0), datetime.time(23, 59, 59, 999_000)],
        [pa.time32("ms"), pa.time64("us"), pa.time64("ns")],
    ),
    "span": (
        [datetime.timedelta(-1), datetime.timedelta(0, 0, 1000)],
        [pa.duration(unit) for unit in ("ms", "us", "ns")],
    ),
    "decimal": (
        [Decimal("1.50"), Decimal("-1.5"), Decimal("15"), Decimal("0"), Decimal("150")],
        [pa.decimal128(9, 2), pa.decimal128(30, 9), pa.decimal256(60, 20)],
    ),
    "truth": ([True, False], [pa.bool_()]),
}  # fmt: skip


@pytest.mark.parametrize("kind", SAME)
def test_a_value_is_the_same_key_in_each_type_that_holds_it_and_no_other_one(kind):
    values, types = SAME[kind]
    seen = [
        digests([part])[0].tolist()
        for each in types
        for whole in [pa.array([None, *values, values[0]], each)]
        for part in (whole[1 : 1 + len(values)], pa.array(values, each).dictionary_encode())
    ]
    assert all(each == seen[0] for each in seen)
    assert len({tuple(each) for each in seen[0]}) == len(values)


def test_zero_has_one_sign():
    for kind in (pa.float16(), pa.float32(), pa.float64()):
        assert len({encoded(pa.array([value], kind))[0] for value in (0.0, -0.0)}) == 1
    assert len({encoded(pa.array([Decimal(text)]))[0] for text in ("0", "-0.00", "0.000")}) == 1


def joined(names, tables, **options):
    with sf.Session([*names, "dave"], debug_mode=True):
        handles = {sf.PYU(name): sf.PYU(name)(lambda t=table: t)() for name, table in tables.items()}
        result = join(handles, on="id", **options)
        return {party.party: sf.reveal(part) for party, part in result.parts.items()}


SETS = st.lists(st.sets(st.integers(0, 12), max_size=8), min_size=3, max_size=3)


@settings(max_examples=tries(15), deadline=None)
@given(SETS, st.randoms(use_true_random=False))
def test_an_inner_join_is_the_intersection_in_the_same_order_everywhere(sets, random):
    tables = {
        name: pd.DataFrame({"id": pd.Series(random.sample(sorted(ids), len(ids)), dtype="int64")})
        for name, ids in zip(THREE, sets, strict=True)
    }
    parts = joined(THREE, tables)
    orders = {tuple(part["id"]) for part in parts.values()}
    assert len(orders) == 1
    assert sorted(orders.pop()) == sorted(set.intersection(*sets))


KEYS = st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=8)


@settings(max_examples=tries(20), deadline=None)
@given(KEYS, KEYS, st.sampled_from(["inner", "left", "right", "outer"]), st.sampled_from(["dave", False]))
def test_all_duplicates_and_nulls_as_in_sql(ours, theirs, how, helper):
    tables = {
        name: pa.table({"id": pa.array(ids, pa.int64()), "row": np.arange(len(ids))})
        for name, ids in zip(PAIR, (ours, theirs), strict=True)
    }
    parts = joined(PAIR, tables, how=how, duplicates="all", helper=helper)
    found = zip(*(part.column("row").to_pylist() for part in parts.values()), strict=True)
    matches = [[j for j, other in enumerate(theirs) if key is not None and key == other] for key in ours]
    expected = [(i, j) for i, each in enumerate(matches) for j in each]
    matched = {j for each in matches for j in each}
    if how in ("left", "outer"):
        expected += [(i, None) for i, each in enumerate(matches) if not each]
    if how in ("right", "outer"):
        expected += [(None, j) for j in range(len(theirs)) if j not in matched]
    assert sorted(found, key=str) == sorted(expected, key=str)


@settings(max_examples=tries(20), deadline=None)
@given(st.lists(KEYS, min_size=2, max_size=3), st.sampled_from(["semi", "difference", "outer"]))
def test_joins_of_several_tables_as_pandas_has_them(columns, how):
    tables = {
        name: pd.DataFrame({"id": pd.array(ids, "Int64"), name: [f"{name}{i}" for i in range(len(ids))]})
        for name, ids in zip(THREE, columns, strict=False)
    }
    parts = joined(list(tables), tables, how=how, duplicates="all", helper="dave")
    first, *others = tables
    keyed = {name: table.dropna(subset="id") for name, table in tables.items()}
    if how != "outer":
        there = [tables[first]["id"].isin(keyed[other]["id"]) for other in others]
        kept = np.all(there, axis=0) if how == "semi" else ~np.any(there, axis=0)
        assert sorted(parts[first][first]) == sorted(tables[first][first][kept])
        return
    wide = keyed[first]
    for other in others:
        wide = wide.merge(keyed[other], "outer", on="id")
    lone = [table[table["id"].isna()] for table in tables.values()]  # which match nothing, as in SQL
    wide = pd.concat([wide, *lone])[list(tables)]
    found = pd.concat([parts[name][name] for name in tables], axis=1)
    made, want = (table.astype(object).where(table.notna(), "-").to_numpy() for table in (found, wide))
    assert sorted(map(str, made.tolist())) == sorted(map(str, want.tolist()))
