from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import value_tags
from junto.wire.codec import encode
from junto.wire.policy import Limits, WirePolicy
from wire_helpers import PLAIN, forge, from_bytes, round_trip, to_bytes

BERLIN = ZoneInfo("Europe/Berlin")
HERE = dt.timezone(dt.timedelta(hours=5, minutes=45))
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64,
    -(2**200),
    0.0,
    -0.0,
    1.5,
    math.inf,
    5e-324,
    1 + 2j,
    "",
    "text",
    "ü" * 20_000,
    "nul\0",
    b"",
    b"bytes",
    bytes(10_000),
    bytearray(b"mutable"),
    bytearray(),
    [],
    [1, 2, 3],
    [1, "a", None, 2.5, True],
    [2**64, 1],
    (),
    (1,),
    ((1, 2), [3]),
    set(),
    {1, 2},
    {"a", (1, 2)},
    frozenset({1, "b"}),
    {},
    {"a": 1},
    {1: {2: {3: []}}},
    {(1, frozenset({2})): None},
    {dt.date(2020, 1, 1): 1, None: 2, 1.5: 3, b"k": 4},
    dt.datetime(2024, 2, 29, 12, 30, 15, 999_999),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
    dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    dt.datetime.min,
    dt.datetime.max,
    dt.date.min,
    dt.date.max,
    dt.time(1, 2, 3, 4),
    dt.time(1, tzinfo=HERE),
    dt.timedelta(days=-3, microseconds=1),
    dt.timedelta.max,
    dt.timedelta.min,
    Decimal("1.50"),
    Decimal("-0"),
    Decimal("Infinity"),
    Decimal("1E+999"),
    Fraction(-3, 7),
    Fraction(2**100, 3),
    uuid.UUID(int=7),
    range(0),
    range(10, 0, -3),
    range(10**30),
    ["x" * 20_000, 1.0],
]


def named(value):
    """The same in every process: the order of a set's words is not."""
    shown = sorted(map(str, value)) if isinstance(value, set | frozenset) else value
    return f"{type(value).__name__}-{str(shown)[:20]}"


@pytest.mark.parametrize("value", VALUES, ids=named)
def test_a_value_arrives_as_it_was_sent(value: Any) -> None:
    arrived = round_trip(value)
    assert arrived == value
    assert type(arrived) is type(value)
    if not isinstance(value, set | frozenset):
        assert repr(arrived) == repr(value)


def test_not_a_number_and_slices_arrive() -> None:
    assert math.isnan(round_trip(math.nan))
    assert Decimal.is_snan(round_trip(Decimal("sNaN12")))
    assert round_trip(slice(1, None, "x")) == slice(1, None, "x")


def test_a_fold_and_a_zone_survive() -> None:
    arrived = round_trip(dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1))
    assert arrived.fold == 1
    assert arrived.tzinfo is BERLIN
    assert arrived.utcoffset() == dt.timedelta(hours=1)


def test_the_order_of_a_dict_and_the_types_of_its_keys_survive() -> None:
    assert list(round_trip({2: "b", "1": "a", 1.5: None, True: 0})) == [2, "1", 1.5, True]


class Text(str):
    __slots__ = ()


class OtherZone(dt.tzinfo):
    pass


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (object(), "builtins.object"),
        ([{"a": (object(),)}], "builtins.object"),
        (Text("x"), "convert it to str"),
        ({Text("x"): 1}, "convert it to str"),
        (lambda: 1, "function"),
        (NotImplemented, "NotImplementedType"),
        (dt.datetime(2020, 1, 1, tzinfo=OtherZone()), "time zone"),
        (dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(0), "named")), "time zone"),
        (1 << (8 * value_tags.MAX_INT_BYTES), "int of"),
        (Fraction(1, 1 << (8 * value_tags.MAX_FRACTION_BYTES)), "Fraction"),
        (Decimal("1" * (value_tags.MAX_DECIMAL_CHARS + 1)), "Decimal"),
        ("lone \ud800", "surrogate"),
        ("lone \ud800" * 10_000, "surrogate"),
        (memoryview(b"x"), "memoryview"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_refused_at_the_sender(value: Any, says: str) -> None:
    with pytest.raises(CannotTravel, match=says):
        encode(value, PLAIN)


def test_a_cycle_is_refused_and_named() -> None:
    loop: list[Any] = []
    loop.append({"again": loop})
    with pytest.raises(CannotTravel, match="contains itself"):
        encode(loop, PLAIN)
    with pytest.raises(CannotTravel, match="contains itself"):
        encode(loop, WirePolicy(Limits(max_depth=1_000_000)))


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_the_limits_are_the_same_on_both_sides() -> None:
    narrow = WirePolicy(Limits(max_depth=3, max_nodes=10, max_header_bytes=300, max_value_bytes=9000))
    fits = [nested(3), [1] * 10, {1: 2, 3: 4}, ["x" * 200], bytes(8500)]
    too_much = [nested(4), [1] * 11, {n: n for n in range(6)}, ["x" * 300], bytes(9001)]
    for value in fits:
        assert round_trip(value, narrow) == value
    for value in too_much:
        with pytest.raises(CannotTravel):
            encode(value, narrow)
        with pytest.raises(MalformedBytes):
            from_bytes(to_bytes(value), narrow)


def test_an_error_says_nothing_of_the_data() -> None:
    secret = "4111-1111"
    for value in ({secret: object()}, [secret, "\ud800"], {secret: {object()}}):
        with pytest.raises(CannotTravel) as caught:
            encode(value, PLAIN)
        assert secret not in str(caught.value)
    with pytest.raises(MalformedBytes) as refused:
        from_bytes(forge([value_tags.DECIMAL, secret]))
    assert secret not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "atoms",
    [
        [value_tags.DATE, 0],
        [value_tags.DATE, 10**9],
        [value_tags.DATETIME, 2020, 13, 1, 0, 0, 0, 0, 0, None],
        [value_tags.DATETIME, 2020, 1, 1, 0, 0, 0, 0, 0, "../../etc/passwd"],
        [value_tags.DATETIME, 2020, 1, 1, 0, 0, 0, 0, 0, "No/Such_Zone"],
        [value_tags.DATETIME, 2020, 1, 1, 0, 0, 0, 0, 0, 86_400_000_000],
        [value_tags.TIME, 25, 0, 0, 0, 0, None],
        [value_tags.TIMEDELTA, 10**9, 0, 0],
        [value_tags.DECIMAL, "one"],
        [value_tags.DECIMAL, " 1"],
        [value_tags.DECIMAL, 1.5],
        [value_tags.UUID, 0],
        [value_tags.RANGE, value_tags.INT, 0, value_tags.INT, 1, value_tags.INT, 0],
        [value_tags.RANGE, 1.5, 1.5, 1.5],
        [value_tags.COMPLEX, 1.0],
        [value_tags.INT],
        [value_tags.INT, "1"],
        [value_tags.INT, True],
        [value_tags.BIG_INT, 1],
        [value_tags.FRACTION, 0, 0],
        [value_tags.LONG_TEXT, 1],
        [value_tags.LONG_BYTES, -1],
        [value_tags.BYTES, 5],
    ],
)
def test_scalars_that_are_none_are_malformed(atoms: list[Any]) -> None:
    with pytest.raises(MalformedBytes):
        from_bytes(forge(atoms))
