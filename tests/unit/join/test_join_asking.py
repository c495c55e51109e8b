"""How a prepared table is named, by whom it is asked, and what each of the two learns."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import junto as sf
from junto.join import asking, prepared_cost
from junto.join.prepared import learned_by
from junto.join.prepared_table import PreparedTable


@pytest.fixture
def parties():
    with sf.Session(["alice", "bob", "carol"], debug_mode=True):
        yield sf.PYU("alice"), sf.PYU("bob"), sf.PYU("carol")


def test_paths_are_said_by_party_or_of_the_owner_alone(parties):
    alice, bob, carol = parties
    own = PreparedTable(bob, Path("t"))
    assert [own.path_of(party) for party in parties] == [None, "t", None]
    both = PreparedTable(bob, {bob: "t", "alice": Path("c"), carol: None})
    assert dict(both.paths) == {"bob": "t", "alice": "c", "carol": None}
    assert repr(both) == "<Prepared table of bob>"
    for wrong in (7, {bob: b"t"}, {alice: 1.5}):
        with pytest.raises(sf.JoinError, match="is no path of a prepared table"):
            PreparedTable(bob, wrong)
    with pytest.raises(sf.JoinError, match="has an owner"):
        PreparedTable("bob", "t")


def test_the_owners_path_stands_in_the_place_of_its_table(parties):
    alice, bob, carol = parties
    prepared = PreparedTable(bob, {bob: "t", alice: "c"})
    for tables in ({alice: 1, bob: prepared}, {bob: prepared, alice: 1}):
        found, with_path = asking.owners_path(tables)
        assert found is prepared
        assert list(with_path.items()) == [(each, "t" if each == bob else 1) for each in tables]
    for wrong, message in [
        ({alice: prepared, bob: 1}, "is given as the table of alice"),
        ({bob: prepared}, "asked by one party"),
        ({alice: 1, bob: prepared, carol: 2}, "asked by one party"),
        ({alice: PreparedTable(alice, "a"), bob: prepared}, "asked by one party"),
    ]:
        with pytest.raises(sf.JoinError, match=message):
            asking.owners_path(wrong)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("id", "id"),
        (["id", "day"], ["id", "day"]),
        ({"id": str}, {"id": str}),
    ],
)
def test_what_on_says_of_who_asks_holds_for_the_table(parties, said, meant):
    alice, bob, _ = parties
    prepared = PreparedTable(bob, "t")
    assert asking.on_of_both(said, prepared) == meant
    assert asking.on_of_both({alice: said}, prepared) == {"alice": said, "bob": said}
    assert asking.on_of_both({alice: said, bob: "number"}, prepared) == {"alice": said, "bob": "number"}


def test_each_of_the_two_learns_what_it_is_told(parties):
    alice, bob, _ = parties
    said = learned_by(SimpleNamespace(asks=alice, owner=bob), "the columns of its own keys")
    assert list(said) == [alice, bob]
    assert said[bob] == "bob learns how many different keys alice asks for."
    assert "how many different keys bob has; the columns of its own keys" in said[alice]
    assert "later versions" in said[alice]  # which are not asked for again


def test_how_large_a_table_is_is_said_or_read_where_it_lies(parties, tmp_path):
    _, bob, _ = parties
    assert prepared_cost._known_of(PreparedTable(bob, None, 10_000_000, 22)) == (10_000_000, 22)
    prepared_cost._write_small(str(tmp_path / "t"), ["integer"], {"n": ["double", 1]})
    (tmp_path / "other").write_bytes(b"something else")
    paths = {"alice": tmp_path / "other", "carol": tmp_path / "none", bob: tmp_path / "t"}
    assert prepared_cost._known_of(PreparedTable(bob, paths)) == (1, 6 + 8 + 16)
    assert prepared_cost.file_bytes(1, 30) == (tmp_path / "t").stat().st_size
    with pytest.raises(sf.JoinError, match="is not known here") as caught:
        prepared_cost._known_of(PreparedTable(bob, {bob: tmp_path / "none"}))
    assert "keys=" in caught.value.fix
