"""What `on=` may say: columns of each party, the types of the key's parts, and nothing else."""

from __future__ import annotations

import pytest

from junto.device.pyu import PYU
from junto.errors import JoinError
from junto.join.on import checked_on

ALICE, BOB = PYU("alice"), PYU("bob")


@pytest.mark.parametrize(
    ("on", "hers", "his", "kinds"),
    [
        ("id", ("id",), ("id",), ("",)),
        (["name", "born"], ("name", "born"), ("name", "born"), ("", "")),
        (("id",), ("id",), ("id",), ("",)),
        ({"id": str}, ("id",), ("id",), ("str",)),
        ({"id": int, "day": None}, ("id", "day"), ("id", "day"), ("int", "")),
        ({ALICE: "id", BOB: "number"}, ("id",), ("number",), ("",)),
        ({"alice": "id", BOB: ["number"]}, ("id",), ("number",), ("",)),
        ({ALICE: "id", BOB: {"number": str}}, ("id",), ("number",), ("str",)),
        ({ALICE: {"a": int, "b": None}, BOB: {"c": int, "d": str}}, ("a", "b"), ("c", "d"), ("int", "str")),
        ({BOB: "b", ALICE: "a", PYU("carol"): "c"}, ("a",), ("b",), ("",)),
    ],
)
def test_what_on_says_is_what_each_party_reads(on, hers, his, kinds):
    columns, found = checked_on(on, [ALICE, BOB])
    assert list(columns) == [ALICE, BOB]
    assert (columns[ALICE], columns[BOB]) == (hers, his)
    assert len(found) == len(kinds)
    assert all(bool(each) == bool(kind) for each, kind in zip(found, kinds, strict=True))


@pytest.mark.parametrize(
    ("on", "said"),
    [
        (None, "takes names of columns"),
        ([], "takes names of columns"),
        (b"id", "takes names of columns"),
        (7, "takes names of columns"),
        (["id", 7], "takes names of columns"),
        (["id", "id"], "a column twice"),
        ({"id": dict}, "no key can be read as"),
        ({ALICE: "id"}, "no columns of bob"),
        ({ALICE: "id", BOB: ["a", "b"]}, "different numbers of columns: 1 at alice, 2 at bob"),
        ({ALICE: {"a": int}, BOB: {"b": str}}, "of the same part of the key"),
        ({ALICE: [], BOB: "b"}, "takes names of columns"),
        ({ALICE: "a", BOB: 3}, "takes names of columns"),
    ],
)
def test_anything_else_is_refused(on, said):
    with pytest.raises(JoinError, match=said):
        checked_on(on, [ALICE, BOB])
