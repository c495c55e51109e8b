from __future__ import annotations

import enum
from dataclasses import dataclass, field, make_dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from junto.errors import CannotTravel, ConfigError, MalformedBytes
from junto.wire import value_tags
from junto.wire.codec import encode, policy_fingerprint
from junto.wire.policy import Limits, WirePolicy
from wire_helpers import PLAIN, forge, from_bytes, round_trip, to_bytes


@dataclass
class Model:
    weights: Any
    name: str = "m"
    children: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Key:
    a: int
    b: str


@dataclass
class Careful:
    x: int
    ran: int = 0

    def __post_init__(self) -> None:
        self.ran += 1


class Pair(NamedTuple):
    left: Any
    right: int


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Bits(enum.Flag):
    A = 1
    B = 2


POLICY = WirePolicy(
    types={"Model": Model, "Key": Key, "Careful": Careful, "Pair": Pair, "Colour": Colour, "Bits": Bits}
)


@pytest.mark.parametrize(
    "value",
    [Key(1, "x"), {Key(1, "x"): [Key(2, "y")]}, Pair(Pair(1, 2), 3), Colour.GREEN, {Colour.RED: Bits.A}],
    ids=repr,
)
def test_registered_types_travel(value: Any) -> None:
    arrived = round_trip(value, POLICY)
    assert arrived == value
    assert type(arrived) is type(value)


def test_a_dataclass_with_arrays_inside_travels() -> None:
    arrived = round_trip(Model(np.arange(3.0), children=[Model({"w": np.eye(2)})]), POLICY)
    assert type(arrived) is Model
    assert arrived.weights.tolist() == [0, 1, 2]
    assert arrived.children[0].weights["w"].tolist() == [[1, 0], [0, 1]]


def test_post_init_does_not_run_at_the_receiver() -> None:
    sent = Careful(1)
    assert sent.ran == 1
    assert round_trip(sent, POLICY).ran == 1


def test_only_declared_fields_travel() -> None:
    model = Model(1)
    model.__dict__["cache"] = "SECRET"
    assert b"SECRET" not in to_bytes(model, POLICY)
    assert not hasattr(round_trip(model, POLICY), "cache")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (Key(1, "x"), r"wire_types=\[Key\]"),
        (Pair(1, 2), r"wire_types=\[Pair\]"),
        (Colour.RED, r"wire_types=\[Colour\]"),
    ],
)
def test_an_unregistered_type_is_refused_with_the_sentence_that_registers_it(value: Any, says: str) -> None:
    with pytest.raises(CannotTravel, match=says):
        encode([value], PLAIN)


def test_subclasses_and_broken_instances_of_registered_types_are_refused() -> None:
    class Derived(Model):
        pass

    with pytest.raises(CannotTravel):
        encode(Derived(1), POLICY)
    with pytest.raises(CannotTravel, match="not set"):
        encode(object.__new__(Key), POLICY)
    with pytest.raises(CannotTravel, match="combination"):
        encode(Bits.A | Bits.B, POLICY)


@pytest.mark.parametrize(
    "atoms",
    [
        [value_tags.RECORD, "os.system", 1, "true"],
        [value_tags.RECORD, "builtins", "eval"],
        [value_tags.RECORD, "Model", 2, 1.0, "m"],
        [value_tags.RECORD, "Key", 3, 1.0, "m", None],
        [value_tags.RECORD, "Colour", "BLUE"],
        [value_tags.RECORD, "Colour", "__class__"],
        [value_tags.RECORD, "Colour", "mro"],
        [value_tags.RECORD, "Bits", "A|B"],
        [value_tags.RECORD, 1.0],
        [value_tags.RECORD, None],
    ],
)
def test_records_we_do_not_know_are_refused(atoms: list[Any]) -> None:
    with pytest.raises(MalformedBytes):
        from_bytes(forge(atoms), POLICY)


def test_a_receiver_that_did_not_register_refuses() -> None:
    with pytest.raises(MalformedBytes, match="not registered"):
        from_bytes(to_bytes(Key(1, "x"), POLICY))


def test_the_fingerprint_changes_with_every_part_of_the_policy() -> None:
    other_key = make_dataclass("Key", [("a", "int"), ("c", "str")])
    retyped = make_dataclass("Key", [("a", "float"), ("b", "str")])
    same = make_dataclass("Key", [("a", "int"), ("b", "str")])
    base = policy_fingerprint(WirePolicy(types={"Key": Key}))
    assert policy_fingerprint(WirePolicy(types={"Key": same})) == base
    different = [
        WirePolicy(types={"Key": other_key}),
        WirePolicy(types={"Key": retyped}),
        WirePolicy(types={"K": Key}),
        WirePolicy(),
        WirePolicy(Limits(max_depth=5), types={"Key": Key}),
        WirePolicy(types={"Key": Key}, pickle={}),
        WirePolicy(types={"Key": Key}, pickle={"m": ("C",)}),
        WirePolicy(types={"Key": Key}, pickle={"m": ("D",)}),
    ]
    prints = [policy_fingerprint(policy) for policy in different]
    assert all(fingerprint != base for fingerprint in prints)
    assert len({str(fingerprint) for fingerprint in prints}) == len(prints)


@pytest.mark.parametrize(
    "policy",
    [
        WirePolicy(types={"int": int}),
        WirePolicy(types={"a": Key, "b": Key}),
        WirePolicy(pickle={"*": ("*",)}),
        WirePolicy(pickle={"m": ("A.b",)}),
        WirePolicy(pickle={"m": ("__import__",)}),
        WirePolicy(pickle={"m": ("A*",)}),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_before_anything_starts(policy: WirePolicy) -> None:
    with pytest.raises(ConfigError):
        policy_fingerprint(policy)
