from __future__ import annotations

import datetime as dt
import logging
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

import foreign_types as ft
from junto.errors import CannotTravel, MalformedBytes
from junto.wire import pickles
from junto.wire.codec import encode
from junto.wire.policy import Limits, WirePolicy
from wire_helpers import from_bytes, round_trip, to_bytes

GUIDE = {"numpy.core.numeric": ("*",), "numpy": ("dtype",)}
ALL = WirePolicy(
    pickle={**GUIDE, "foreign_types": ("*",), "collections": ("OrderedDict", "deque", "defaultdict")}
)


@dataclass
class Registered:
    x: Any


def test_the_guides_list_and_a_class_carry_an_object_with_arrays() -> None:
    policy = WirePolicy(pickle={**GUIDE, "foreign_types": ("Model",)})
    model = ft.Model({"w": np.arange(6.0).reshape(2, 3), "t": np.eye(3)[:, ::2], "d": np.dtype("f4")})
    arrived = round_trip({"m": [model, 1]}, policy)["m"][0]
    assert type(arrived) is ft.Model
    np.testing.assert_array_equal(arrived.weights["w"], model.weights["w"])
    np.testing.assert_array_equal(arrived.weights["t"], model.weights["t"])
    assert arrived.weights["d"] == np.dtype("f4")
    assert arrived.weights["w"].flags.writeable


def test_a_large_array_inside_an_object_is_not_copied() -> None:
    weights = np.arange(1000.0)
    pieces = encode(ft.Model(weights), ALL).pieces
    assert any(np.shares_memory(weights, np.frombuffer(piece, np.uint8)) for piece in pieces)


def test_sharing_and_cycles_inside_an_object_survive() -> None:
    weights = np.zeros(2)
    model: Any = ft.Model([weights, weights])
    model.me = model
    model.items = (model, {1: model})
    arrived = round_trip(model, ALL)
    assert arrived.weights[0] is arrived.weights[1]
    assert arrived.me is arrived
    assert arrived.items[1][1] is arrived


@pytest.mark.parametrize(
    "inside",
    [
        1,
        2**100,
        -1.5,
        True,
        None,
        "text",
        "ü" * 300,
        b"b",
        b"c" * 300,
        bytearray(b"m"),
        [1, [2]],
        (1,),
        (1, 2, 3, 4),
        {1: 2},
        {1, 2},
        frozenset({3}),
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        1j,
        range(3),
        OrderedDict(a=1, b=2),
        deque([1, 2], 5),
        defaultdict(ft.Bag, a=1),
        [],
        {},
        (),
        set(),
        list(range(3000)),
    ],
    ids=repr,
)
def test_whatever_an_object_holds_arrives(inside: Any) -> None:
    arrived = round_trip(ft.Model(inside), ALL).weights
    assert arrived == inside
    assert type(arrived) is type(inside)


def test_slots_states_subclasses_and_exceptions() -> None:
    slots = ft.Slots()
    slots.a, slots.b = 1, np.arange(2)
    arrived = round_trip(slots, ALL)
    assert (arrived.a, list(arrived.b)) == (1, [0, 1])
    assert round_trip(ft.WithState(), ALL).restored == 1
    for value in (ft.Bag({1: 2}), ft.Row([1, 2, 3]), ft.Blob(b"abc"), ft.Row()):
        arrived = round_trip(value, ALL)
        assert arrived == value
        assert type(arrived) is type(value)
    assert round_trip(ft.Stops("why"), ALL).args == ("why",)
    assert round_trip(ft.Model(ft.Model), ALL).weights is ft.Model


def test_a_function_must_be_listed_by_its_name() -> None:
    with pytest.raises(CannotTravel, match="rebuild"):
        encode(ft.ByFunction(), ALL)
    named = WirePolicy(pickle={"foreign_types": ("*", "rebuild")})
    assert round_trip(ft.ByFunction(), named).weights == 5


def test_registered_types_and_tables_inside_an_object_go_by_the_codec() -> None:
    policy = WirePolicy(types={"Registered": Registered}, pickle={"foreign_types": ("Model",)})
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    arrived = round_trip(ft.Model([Registered(ft.Model(1)), frame]), policy)
    assert arrived.weights[0].x.weights == 1
    pd.testing.assert_frame_equal(arrived.weights[1], frame)


def test_the_closed_set_never_goes_through_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("pickle was used")

    monkeypatch.setattr(pickles, "write_foreign", never)
    value = {"a": [np.zeros(3), pd.DataFrame({"x": [1]}), dt.date(2020, 1, 1), {1}, b"x"], "b": 2**99}
    data = to_bytes(value, ALL)
    monkeypatch.setattr(pickles, "read_foreign", never)
    assert from_bytes(data, ALL)["b"] == 2**99


def test_the_sender_refuses_what_is_not_listed_and_says_how_to_list_it() -> None:
    off = WirePolicy()
    with pytest.raises(CannotTravel, match=r"allowed_list=\{'foreign_types': \['Model'\]\}"):
        encode(ft.Model(), off)
    guide = WirePolicy(pickle=GUIDE)
    with pytest.raises(CannotTravel, match=r"allowed_list=\{'foreign_types': \['Model'\]\}"):
        encode([ft.Model()], guide)


@pytest.mark.parametrize(
    "value",
    [
        lambda: 1,
        print,
        np.add,
        ft.getter("a"),
        ft.generator(),
        np.random.default_rng(0),
        ft.Model(object()),
        type,
        ft.Model(np.array([object()])),
        ft.Array((2,)),
        ft.Meta("M", (), {}),
        ft,
        ft.Model(ft.os),
        ft.Unruly(),
        np.zeros(2, "f8,i4"),
        pd.Period("2020"),
        iter([1]),
        open,
        ft.Model.__init__,
        ft.flag,
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_sender_refuses_what_the_receiver_would(value: Any) -> None:
    with pytest.raises(CannotTravel) as caught:
        encode(value, ALL)
    assert "SECRET" not in str(caught.value)


def test_a_receiver_with_a_shorter_list_or_none_refuses() -> None:
    data = to_bytes(ft.Model(1), ALL)
    for policy in (WirePolicy(), WirePolicy(pickle={}), WirePolicy(pickle={"foreign_types": ("Slots",)})):
        with pytest.raises(MalformedBytes):
            from_bytes(data, policy)


def test_a_failing_setstate_is_malformed_bytes_without_its_text() -> None:
    with pytest.raises(MalformedBytes) as caught:
        from_bytes(to_bytes(ft.Loud(), ALL), ALL)
    assert "SECRET" not in str(caught.value)


def test_each_global_is_logged_once_by_name_only(caplog: pytest.LogCaptureFixture) -> None:
    data = to_bytes([ft.Model("SECRET"), ft.Model(1)], ALL)
    with caplog.at_level(logging.INFO, logger="junto.wire"):
        from_bytes(data, ALL)
    assert [record.getMessage() for record in caplog.records] == ["pickle: resolved foreign_types.Model"]


def test_limits_hold_inside_a_pickle() -> None:
    small = WirePolicy(Limits(max_nodes=500), pickle={"foreign_types": ("*",)})
    assert round_trip(ft.Model(list(range(100))), small).weights == list(range(100))
    with pytest.raises(CannotTravel):
        encode(ft.Model(list(range(1000))), small)
    with pytest.raises(MalformedBytes):
        from_bytes(to_bytes(ft.Model(list(range(1000))), ALL), small)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(CannotTravel):
        encode(ft.Model(deep), ALL)
    while deep:
        deep = deep.pop()


def test_an_object_that_holds_itself_through_a_registered_type_is_refused() -> None:
    policy = WirePolicy(types={"Registered": Registered}, pickle={"foreign_types": ("Model",)})
    model = ft.Model()
    model.weights = Registered(model)
    with pytest.raises(CannotTravel, match="contains itself"):
        encode(model, policy)
