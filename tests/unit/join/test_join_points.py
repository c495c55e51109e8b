"""Rows of a prepared table are read through point functions, at an owner and a helper who learn not which."""

from __future__ import annotations

import hashlib
import os
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import junto as sf
from junto.join import PreparedTable, lookup, points_lookup, prepare, update
from junto.join.fuse_table import FuseShape, laid
from junto.join.point_function import evaluated, key_bytes, levels_of, point_keys
from junto.join.point_reading import PointServer
from junto.join.prepared_file import HEADER_BYTES, digest_after, state_of
from moves import watched_moves
from tries import tries

PARTIES = ["alice", "bob", "carol"]
ACCOUNTS = pd.DataFrame({"id": range(100, 400), "n": range(300), "name": ["x" * (i % 9) for i in range(300)]})


@pytest.fixture
def quick():
    with sf.Session(PARTIES, debug_mode=True) as opened:
        yield opened


def at(name, value):
    return sf.PYU(name)(lambda: value)()


def prepared_at(folder, table=ACCOUNTS):
    bob = sf.PYU("bob")
    return prepare({bob: at("bob", table)}, "id", {bob: folder / "t", "carol": folder / "c"}, ["n", "name"])


def asked(ids, prepared, **options):
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    table = lookup({alice: at("alice", ids)}, {bob: prepared}, "n", "id", helper="carol", **options)
    return [None if pd.isna(n) else int(n) for n in sf.reveal(table)["n"]]


def test_rows_are_those_of_the_table_and_of_its_later_versions(tmp_path):
    with sf.Session(PARTIES, address="local"):
        prepared = prepared_at(tmp_path)
        assert asked([100, 399, 7, 100], prepared) == [0, 299, None, 0]
        new = pd.DataFrame({"id": [7], "n": [70], "name": ["new"]})
        prepared = update(prepared, "id", at("bob", new), at("bob", ACCOUNTS[:1]))
        assert asked([100, 399, 7], prepared) == [None, 299, 70]
        assert asked([], prepared) == []
    assert sorted(path.name.split(".")[0] for path in tmp_path.glob("*.points")) == [
        "c",
        "t",
    ]  # of one version
    with sf.Session(PARTIES, debug_mode=True):
        assert asked([7], PreparedTable(sf.PYU("bob"), tmp_path / "t")) == [70]  # no copy is kept
        assert asked([7], prepared_at(tmp_path, ACCOUNTS[:0])) == [None]


def test_what_each_party_receives(quick, tmp_path, monkeypatch):
    prepared = prepared_at(tmp_path)
    asked([100], prepared)
    moved = watched_moves(monkeypatch)
    runs = []
    for ids in ([100, 399], [100, 7]):
        moved.clear()
        asked(ids, prepared)
        runs.append([(s, t, h.ref.value()) for s, t, h in moved])
    slots = FuseShape(300, b"").slots
    size, row = key_bytes(levels_of(slots)), (2, -(-(6 + 8 + 4 * 8) // 8))
    for run in runs:
        found = Counter((s, t, len(v) if isinstance(v, bytes) else v.shape) for s, t, v in run)
        assert found == Counter(
            [("alice", "bob", (2, 32)), ("bob", "alice", (2, 32))]  # blinded keys, and back
            + [("alice", server, 6 * size) for server in ("bob", "carol")]
            + [(server, "alice", row) for server in ("bob", "carol")]
        )
    sent = [value for run in runs for _, _, value in run if isinstance(value, bytes)]
    keys = [each[at : at + size] for each in sent for at in range(0, 6 * size, size)]
    assert len({key[:16] for key in keys}) == len(keys) == 24
    assert len({key[17:33] for key in keys if slots > 256}) in (0, 12)  # corrections, which both servers have


@settings(max_examples=tries(40), deadline=None)
@given(st.integers(1, 3000), st.data())
def test_two_pieces_differ_at_the_point_alone(places, data):
    points = data.draw(st.lists(st.integers(0, places - 1), min_size=1, max_size=4))
    made = [point_keys(point, places) for point in points]
    assert {len(key) for pair in made for key in pair} == {key_bytes(levels_of(places))}
    pieces = [evaluated(b"".join(some), len(points), places, "alice") for some in zip(*made, strict=True)]
    for one, other, point in zip(*pieces, points, strict=True):
        bits = np.unpackbits((one ^ other).view(np.uint8), bitorder="little")
        assert np.flatnonzero(bits[:places]).tolist() == [point]


def test_a_piece_alone_looks_the_same_wherever_the_point_is():
    """Bits of a key, and of what it gives, over many keys of two points: as often 1 as 0."""
    for point in (0, 299):
        pairs = [point_keys(point, 300) for _ in range(400)]
        for side in (0, 1):
            keys = [pair[side] for pair in pairs]
            raw = np.array([list(key[:16] + key[17:33] + key[-16:]) for key in keys], np.uint8)
            given = evaluated(b"".join(keys), 400, 300, "alice").view(np.uint8)
            raw[:, 16] = (
                raw[:, 16] & 254 | given[:, 0] & 1
            )  # of a child's 128 bits, one is taken for its flag
            for drawn in (np.unpackbits(raw, axis=1), np.unpackbits(given, axis=1)):
                assert np.abs(drawn.mean(axis=0) - 0.5).max() < 6 * 0.5 / 400**0.5


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50, 700, 5000])
def test_each_row_is_the_sum_of_three_slots(count):
    drawn = np.random.default_rng(count)
    hashes, rows = (drawn.integers(0, 2**64, (count, width), np.uint64) for width in (2, 5))
    hashes[:, 0] &= np.uint64(15)  # buckets are few
    shape = FuseShape(count, b"name")
    table, seed = laid(shape, hashes, rows)
    assert table.shape == (5, shape.slots)
    places = shape.places(hashes, seed)
    assert ((places >= 0) & (places < shape.slots)).all()
    np.testing.assert_array_equal(np.bitwise_xor.reduce(table.T[places], axis=1), rows)
    again, same = laid(shape, hashes, rows)
    assert (again.tobytes(), same) == (table.tobytes(), seed)
    assert shape.slots <= 1.25 * count + 500


def test_keys_that_fit_into_no_table_are_said_to():
    with pytest.raises(sf.JoinError, match="fit into no table"):
        laid(FuseShape(2, b"name"), np.zeros((2, 2), np.uint64), np.zeros((2, 1), np.uint64))


@pytest.mark.parametrize("name", ["c", "t"])
@pytest.mark.parametrize("place", [0, 32, 40, 20_000, -1, None])
def test_a_kept_table_that_is_damaged_is_made_anew(tmp_path, name, place):
    """Also when this process has found it whole before."""
    with sf.Session(PARTIES, debug_mode=True):
        prepared, ids = prepared_at(tmp_path), list(range(99, 130))
        want = asked(ids, prepared)
        assert want == [None, *range(30)]
        (kept,) = tmp_path.glob(f"{name}.*.points")
        raw = bytearray(kept.read_bytes())
        if place is None:
            kept.write_bytes(raw[:-8])
        else:
            raw[place] ^= 1
            kept.write_bytes(raw)
        os.utime(kept, ns=(0, 0))  # a clock may not have gone on
        assert asked(ids, prepared) == want


def test_rows_are_read_of_a_table_that_was_signed_alone(tmp_path):
    with sf.Session(PARTIES, debug_mode=True):
        prepared = prepared_at(tmp_path)
        assert asked([100], prepared) == [0]
        for old in tmp_path.glob("t.*.points"):
            old.unlink()
        raw = bytearray((tmp_path / "t").read_bytes())
        raw[HEADER_BYTES + 1000] ^= 1
        (tmp_path / "t").write_bytes(raw)
        with pytest.raises(sf.RemoteError, match="the prepared table of bob is not what was signed"):
            asked([100], prepared)


def test_a_file_is_hashed_once_in_each_state(tmp_path):
    path = tmp_path / "file"
    for content in (b"head" + b"one", b"head" + b"two"):
        path.write_bytes(content)
        os.utime(path, ns=(len(content), content[-1]))
        with path.open("rb") as file:
            state = state_of(file.fileno())
        before = digest_after.cache_info().misses
        for _ in range(3):
            assert digest_after(str(path), 4, state) == hashlib.sha256(content[4:]).hexdigest()
        assert digest_after.cache_info().misses == before + 1
    path.unlink()
    path.write_bytes(b"another")
    assert digest_after(str(path), 3, state) == ""


@pytest.mark.parametrize("said", [None, b"", b"x" * 9, 7, np.zeros(3), bytearray(99)])
def test_what_is_no_key_is_refused_by_the_name_of_its_sender(said):
    with pytest.raises(sf.ProtocolViolation, match="what alice sent is not 1 keys"):
        evaluated(said, 1, 1000, "alice")


@pytest.mark.parametrize("act", ["read", "open", "points"])
def test_a_cheating_party_is_one_error_for_all(tmp_path, monkeypatch, act):
    cheat = points_lookup.PointDesk if act == "points" else PointServer
    honest = getattr(cheat, act)
    wrong = {
        "read": lambda said: said[:-1],
        "open": lambda said: said + 50,
        "points": lambda said: (said[0][:-1], said[1]),
    }[act]
    monkeypatch.setattr(cheat, act, lambda *given: wrong(honest(*given)))
    with (
        pytest.raises((sf.RemoteError, sf.ProtocolViolation)) as caught,
        sf.Session(PARTIES, address="local"),
    ):
        asked([100], prepared_at(tmp_path))
    kind = getattr(getattr(caught.value, "origin", None), "error_type", type(caught.value).__name__)
    assert kind == "ProtocolViolation"


def test_what_is_said_wrongly(quick, tmp_path):
    prepared = prepared_at(tmp_path)
    for act, message in [
        (
            lambda: asked([1] * 3 + list(range(100)), prepared),
            "alice asks for 100 keys; with a helper 64 are",
        ),
        (lambda: asked([1], prepared, pad=1), "pad is for a look-up in a table that is not prepared"),
        (lambda: asked(pd.DataFrame({"id": [1], "n": [1]}), prepared), "the table of keys has a column 'n'"),
    ]:
        with pytest.raises(sf.JoinError, match=message):
            act()
