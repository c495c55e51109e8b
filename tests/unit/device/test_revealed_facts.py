"""What a peer reveals is of the form that our code goes on with, or the peer is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import junto as sf
from junto.device.revealed_facts import (
    LONGEST_TEXT,
    any_text,
    fact,
    facts,
    integer,
    list_of,
    natural,
    one_of,
    read,
    real,
    record,
    text,
    truth,
)
from junto.errors import ProtocolViolation

FORMS: dict[str, tuple[Any, type, list[Any]]] = {
    "truth": (truth, bool, [True, np.False_, np.array(True)]),
    "integer": (integer(-3, 9), int, [-3, 9, np.int8(4), np.array(0)]),
    "natural": (natural, int, [0, 1 << 48, np.uint64(7)]),
    "real": (real, float, [0, -1.5, 1e308, np.float32(2), np.array(0.25)]),
    "text": (text, str, ["", "é" * LONGEST_TEXT]),
    "any_text": (any_text, str, ["", "\x1b[31m"]),
    "one_of": (one_of("a", "b"), str, ["a", "b"]),
    "list_of": (list_of(truth, 1, 2), list, [[True], (True, False), np.array([True])]),
    "record": (record(a=real, b=text), dict, [{"a": 1, "b": ""}, {"b": "x", "a": np.float64(2)}]),
}
"""Of each form what it gives, and some that are of it."""

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.binary(max_size=9),
    st.sampled_from([10**400, 1 << 49, "x" * 2000, "\n[J999]", np.zeros((2, 2)), np.zeros(0), np.int64(5)]),
    st.sampled_from([np.array("a"), np.datetime64("2020-01-01"), np.array([1, 2]), np.float64("nan"), 1j]),
)  # fmt: skip
TOLD = st.recursive(
    LEAVES,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from("abc"), each, max_size=3),
    max_leaves=6,
)
"""Whatever a peer may send."""


@pytest.mark.parametrize("name", FORMS)
@given(told=TOLD)
def test_what_a_peer_tells_is_of_its_form_or_the_peer_is_named(name: str, told: Any) -> None:
    form, kind, _ = FORMS[name]
    try:
        found = read("mallory", told, form)
    except ProtocolViolation as error:
        assert "mallory" in error.message  # noqa: PT017
        assert error.message.isprintable() and len(error.message) < 300 and error.fix  # noqa: PT017, PT018
    else:
        assert type(found) is kind
        assert read("mallory", found, form) == found


@pytest.mark.parametrize("name", FORMS)
def test_what_is_of_a_form_is_taken(name: str) -> None:
    form, kind, some = FORMS[name]
    for told in some:
        found = read("alice", told, form)
        assert type(found) is kind
        assert np.array_equal(list(found) if kind is list else found, list(told) if kind is list else told)


BAD = [
    (truth, 1), (truth, np.array([True])), (truth, "yes"), (integer(0, 5), 6), (integer(0, 5), True),
    (integer(0, 5), 5.0), (natural, -1), (real, float("nan")), (real, float("inf")), (real, 10**400),
    (real, True),
    (text, "a\nb"), (text, "x" * (LONGEST_TEXT + 1)), (text, b"a"), (one_of("a"), "b"), (one_of("a"), ["a"]),
    (list_of(truth, 2), [True]), (list_of(truth, 2), [True, 1]), (list_of(real, 2), "12"),
    (list_of(real, 1), np.zeros((1, 1))), (record(a=real), {}), (record(a=real), {"a": 1, "b": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("form", "told"), BAD)
def test_what_is_not_of_a_form_is_refused(form: Any, told: Any) -> None:
    with pytest.raises(ProtocolViolation, match="what bob revealed makes no sense"):
        read("bob", told, form)


def test_who_revealed_it_is_named() -> None:
    with sf.Session(["alice", "bob"], debug_mode=True):
        alice, bob, spu = sf.PYU("alice"), sf.PYU("bob"), sf.SPU(parties=["alice", "bob"])
        handles = {"alice": alice(_yes)(), "bob": bob(_lies)()}
        assert fact(handles["alice"], truth) is True
        with pytest.raises(ProtocolViolation, match="what bob revealed"):
            facts(handles, truth)
        with pytest.raises(ProtocolViolation, match=r"what .*SPU.* revealed"):
            fact(spu(_yes)(), natural)


def _yes() -> bool:
    return True


def _lies() -> list[float]:
    return [0.5, 0.5]
