"""A prepared table: what comes out of asking it, what crosses, what a copy is worth, and what is refused."""

from __future__ import annotations

import os
import secrets
import stat
from collections import Counter
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import junto as sf
from junto.join import (
    PreparedLimits,
    PreparedTable,
    answering,
    count_common,
    hashed_dh,
    join,
    lookup,
    prepare,
    update,
)
from junto.join import prepared_file as files
from junto.join.answering import AnsweringDesk, PreparedKeeper, checked_offer
from junto.join.keys import DIGEST_BYTES
from junto.join.prepared_key import PreparedKey, saved_key
from moves import watched_moves
from tries import tries

PAIR = ["alice", "bob"]
FOLDER = TemporaryDirectory()
ACCOUNTS = pd.DataFrame(
    {
        "id": range(100, 400),
        "n": range(300),
        "name": [None if i % 7 == 0 else "x" * (i % 19) for i in range(300)],
    }
)


@pytest.fixture
def quick():
    with sf.Session(["alice", "bob", "carol"], debug_mode=True) as opened:
        yield opened


def at(name, value):
    return sf.PYU(name)(lambda: value)()


def prepared_at(folder, table=ACCOUNTS, columns=("n", "name"), keep=True, **options):
    alice, bob = map(sf.PYU, PAIR)
    paths = {bob: folder / "table"} | ({alice: folder / "copy"} if keep else {})
    return prepare({bob: at("bob", table)}, "id", paths, columns, **options)


def joined(ids, prepared, **options):
    alice, bob = map(sf.PYU, PAIR)
    found = join({alice: at("alice", ids), bob: prepared}, **({"on": "id"} | options))
    return sf.reveal(found[alice]), found.learned


def asked(ids, prepared, columns=("n", "name")):
    alice, bob = map(sf.PYU, PAIR)
    return sf.reveal(lookup({alice: at("alice", ids)}, {bob: prepared}, list(columns), "id"))


def rows(table):
    """Beside nulls pandas makes floats of whole numbers."""
    whole = lambda v: None if pd.isna(v) else int(v) if isinstance(v, float) else v  # noqa: E731
    return sorted(str(tuple(map(whole, row))) for row in table.itertuples(index=False, name=None))


# ------------------------------------------------------------------ results


@pytest.mark.parametrize("how", ["inner", "semi", "difference"])
@pytest.mark.parametrize("duplicates", ["first", "all"])
def test_a_join_has_the_rows_that_pandas_has(quick, tmp_path, how, duplicates):
    prepared = prepared_at(tmp_path, columns=())
    for ids in ([], [1], [399], [5, 100, 100, None, 250, 400, 399, 5]):
        own = pd.DataFrame({"id": pd.array(ids, "Int64"), "own": range(len(ids))})
        found, _ = joined(own, prepared, how=how, duplicates=duplicates)
        there = own["id"].isin(ACCOUNTS["id"])
        want = own[there] if how != "difference" else own[~there]
        if duplicates == "first":
            want = want[want["id"].isna() | ~want["id"].duplicated()]
        assert rows(found) == rows(want)


@pytest.mark.parametrize("keep", [False, True])
def test_a_look_up_has_the_rows_that_pandas_has(quick, tmp_path, keep):
    prepared = prepared_at(tmp_path, keep=keep)
    for ids in ([], [7], [399, 399, 100, 3, 101]):
        found = asked(ids, prepared)
        want = pd.DataFrame({"id": ids}, dtype=int).merge(ACCOUNTS, "left", on="id")
        assert rows(found) == rows(want)
    assert os.path.exists(tmp_path / "copy") == keep


def test_it_is_named_again_in_another_session_and_read_from_files(tmp_path):
    ACCOUNTS.to_csv(tmp_path / "accounts.csv", index=False)
    pd.DataFrame({"id": [101, 4]}).to_csv(tmp_path / "ids.csv", index=False)
    with sf.Session(PAIR, address="local"):
        alice, bob = map(sf.PYU, PAIR)
        made = prepare({bob: str(tmp_path / "accounts.csv")}, "id", tmp_path / "table", "n")
        assert (made.keys, made.row) == (300, 6 + 8 + 2 * 8)
    with sf.Session(PAIR, address="local"):
        prepared = PreparedTable(bob, tmp_path / "table")
        found = join({alice: str(tmp_path / "ids.csv"), bob: prepared}, on={alice: "id"})
        assert (found.rows, list(found.parts)) == (1, [alice])
        assert asked([101, 4], prepared, ["n"])["n"].tolist()[0] == 1


@settings(max_examples=tries(12), deadline=None, phases=[Phase.generate])  # one try takes a second
@given(st.data())
def test_a_copy_follows_whatever_came_and_went(data):
    """By differences or as a whole: the same rows as a dictionary has, the same file as the owner's."""
    folder = Path(FOLDER.name, secrets.token_hex(8))
    folder.mkdir()
    start = data.draw(st.integers(0, 200))
    held = {i: (i, "v" * (i % 5)) for i in range(start)}
    longest = pd.DataFrame({"id": [-1], "n": [0], "name": ["v" * 16]})
    held[-1] = (0, "v" * 16)
    with sf.Session(PAIR, debug_mode=True):
        first = pd.DataFrame(
            {"id": range(start), "n": range(start), "name": [held[i][1] for i in range(start)]}
        )
        prepared = prepared_at(folder, pd.concat([first, longest]))
        for turn in range(data.draw(st.integers(1, 4))):
            gone = data.draw(st.lists(st.sampled_from(sorted(held)), unique=True, max_size=20))
            free = sorted({*range(-30, 230)} - set(held)) + gone
            come = data.draw(st.lists(st.sampled_from(free), unique=True, max_size=20))
            new = {i: (1000 * turn + i, "w" * data.draw(st.integers(0, 16))) for i in come}
            held = {i: row for i, row in held.items() if i not in gone} | new
            table = pd.DataFrame(
                {"id": come, "n": [r[0] for r in new.values()], "name": [r[1] for r in new.values()]}
            )
            prepared = update(
                prepared, "id", at("bob", table.astype({"id": int, "n": int, "name": str})),
                at("bob", pd.DataFrame({"id": gone}, dtype=int)),
            )  # fmt: skip
            assert prepared.keys == len(held)
            if data.draw(st.booleans()):
                ids = data.draw(st.lists(st.integers(-40, 240), unique=True))
                found = asked(ids, prepared)
                want = [(i, *held.get(i, (None, None))) for i in ids]
                assert rows(found) == sorted(map(str, want))
                assert (folder / "copy").read_bytes() == (folder / "table").read_bytes()


def test_a_small_change_is_fetched_as_a_difference(quick, tmp_path, monkeypatch):
    many = pd.DataFrame({"id": range(2_000)})
    prepared = prepared_at(tmp_path, many, ())
    joined(pd.DataFrame({"id": [1]}), prepared)
    for new in (40_000, 50_000):
        prepared = update(prepared, "id", at("bob", pd.DataFrame({"id": [new]})))
    moved = watched_moves(monkeypatch)
    found, _ = joined(pd.DataFrame({"id": [40_000, 50_000, 60_000]}), prepared)
    assert sorted(found["id"]) == [40_000, 50_000]
    sizes = [
        v.nbytes
        for s, t, h in moved
        if (s, t) == ("bob", "alice")
        for v in [h.ref.value()]
        if hasattr(v, "nbytes")
    ]
    assert len(sizes) == 3
    assert max(sizes[:2]) < 1000
    assert sizes[2] == 3 * 32
    (tmp_path / "table.2").unlink()  # then the whole is fetched by who has the first version
    (tmp_path / "copy").unlink()
    assert len(joined(pd.DataFrame({"id": [50_000]}), prepared)[0]) == 1


# ------------------------------------------------------------------ who learns what


def test_what_each_party_receives(quick, tmp_path, monkeypatch):
    prepared = prepared_at(tmp_path)
    secret = saved_key(
        str(tmp_path / "table"), files.PreparedFile(str(tmp_path / "table"), "bob").header.name
    )
    moved = watched_moves(monkeypatch)
    ids = pd.DataFrame({"id": [100, 200, 7]})
    seen = []
    for _ in range(2):
        moved.clear()
        _, learned = joined(ids, prepared)
        asked([100, 200, 7], prepared)
        crossed = [(s, t, h.ref.value()) for s, t, h in moved]
        assert all(isinstance(value, np.ndarray) and value.dtype == np.uint8 for *_, value in crossed)
        seen.append(crossed)
    size = os.path.getsize(tmp_path / "table")
    points = [("alice", "bob", (3, 32)), ("bob", "alice", (3, 32))]
    first, second = (Counter((s, t, v.shape) for s, t, v in crossed) for crossed in seen)
    assert first == Counter([("bob", "alice", (size,)), *points, *points])  # the file is fetched once
    assert second == Counter([*points, *points])
    blinded = [row.tobytes() for run in seen for s, _, v in run if s == "alice" for row in v]
    assert len(set(blinded)) == len(blinded) == 12  # nothing tells that the same keys are asked for again
    every = b"".join(value.tobytes() for run in seen for *_, value in run)
    assert not any(each in every for each in (secret.scalar, secret.signing))
    assert learned[sf.PYU("bob")] == "bob learns how many different keys alice asks for."
    assert "bob has; which of its own keys bob has" in learned[sf.PYU("alice")]


def test_the_file_shows_hashes_that_only_the_key_explains(quick, tmp_path):
    """Of the same table two files have nothing in common, and columns look random."""
    made = []
    for name in "ab":
        (tmp_path / name).mkdir()
        prepared_at(tmp_path / name)
        made.append(files.PreparedFile(str(tmp_path / name / "table"), "bob").records)
    assert not {row[:6].tobytes() for row in made[0]} & {row[:6].tobytes() for row in made[1]}
    for records in made:
        drawn = np.unpackbits(np.delete(records[:, 6:], np.s_[:8], axis=1))
        assert abs(drawn.mean() - 0.5) < 6 * 0.5 / len(drawn) ** 0.5
        assert len(np.unique(records[:, 14:22], axis=0)) == len(records)


def test_a_row_that_changes_is_encrypted_anew(quick, tmp_path):
    """Else two versions of a file would show the difference of two rows to everybody who has both."""
    table = pd.DataFrame({"id": [1], "n": [5]})
    prepared = prepared_at(tmp_path, table, "n")
    one = np.array(files.PreparedFile(str(tmp_path / "table"), "bob").records)
    update(prepared, "id", at("bob", table), at("bob", table))
    other = files.PreparedFile(str(tmp_path / "table"), "bob").records
    assert (one[:, :6] == other[:, :6]).all()
    assert (one[0, 6:14] != other[0, 6:14]).any()
    assert (one[0, 14:] != other[0, 14:]).sum() > 8


def test_the_owners_secret_is_its_users_alone(quick, tmp_path):
    prepared_at(tmp_path)
    assert stat.S_IMODE(os.stat(tmp_path / "table.key").st_mode) == 0o600
    assert not list(tmp_path.glob(".*"))


def test_what_is_asked_is_counted_and_may_be_bounded(quick, tmp_path):
    prepared = prepared_at(tmp_path, limits=PreparedLimits(keys=5))
    for _ in range(2):
        joined(pd.DataFrame({"id": [100, 7]}), prepared)
    with pytest.raises(sf.JoinError, match="alice has asked for 4 keys of 5 at most, and wants 2 more"):
        asked([100, 101], prepared)
    asked([100], prepared)
    prepared = update(prepared, "id", remove=at("bob", pd.DataFrame({"id": [100]})))  # which forgets nothing
    with pytest.raises(sf.JoinError, match="of 5 at most"):
        asked([101], prepared)


def test_nobody_is_answered_after_the_last_day(quick, tmp_path, monkeypatch):
    prepared = prepared_at(tmp_path, limits=PreparedLimits(days=2))
    real = files.now()
    monkeypatch.setattr(answering, "now", lambda: real + timedelta(days=3))
    with pytest.raises(sf.JoinError, match="bob: the prepared table was to be used until"):
        asked([100], prepared)
    update(prepared, "id", remove=at("bob", ACCOUNTS[:1]), days=9)
    asked([100], prepared)


# ------------------------------------------------------------------ the function


def keys(*numbers):
    made = np.zeros((len(numbers), DIGEST_BYTES), np.uint8)
    made[:, :8] = np.array(numbers, np.int64)[:, None].view(np.uint8)
    return made


def test_who_asks_has_the_owners_values_and_no_others():
    scalar, own = hashed_dh.new_scalar(), keys(1, 2, 3)
    seen = set()
    for _ in range(2):
        asking = hashed_dh.Asking()
        points = asking.blinded(own)
        seen |= {row.tobytes() for row in points}
        found = asking.opened(own, hashed_dh.answered(scalar, points, 3, "alice"), "bob")
        np.testing.assert_array_equal(found, hashed_dh.values(scalar, own))
    assert len(seen) == 6
    assert (hashed_dh.values(hashed_dh.new_scalar(), own) != hashed_dh.values(scalar, own)).any(axis=1).all()


@settings(max_examples=tries(30), deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_an_inverse_undoes_what_a_scalar_does(raw, other):
    """By X25519 of `cryptography`, whose points come of scalars and so lie in the group of prime order."""
    clamped = bytes([raw[0] & 248, *raw[1:31], raw[31] & 127 | 64])
    undone = hashed_dh.inverse(clamped)
    hashed_dh.require_scalar(undone)
    point = X25519PrivateKey.from_private_bytes(other).public_key()
    there = X25519PrivateKey.from_private_bytes(clamped).exchange(point)
    back = X25519PrivateKey.from_private_bytes(undone).exchange(X25519PublicKey.from_public_bytes(there))
    assert back == point.public_bytes_raw()


# ------------------------------------------------------------------ the file


@settings(max_examples=tries(25), deadline=None)
@given(st.integers(0, 3000), st.integers(0, 2**32 - 1))
def test_what_is_found_in_a_file(count, seed):
    drawn = np.random.default_rng(seed)
    tags = drawn.integers(0, 2**64, (count, 2), np.uint64)
    tags = tags[np.lexsort((tags[:, 1], tags[:, 0]))]
    bits, path = files.bits_for(count), f"{FOLDER.name}/{secrets.token_hex(8)}"
    buckets, rests = files.split(tags, bits)
    wide = [(int(high) << 64) | int(low) for high, low in tags]
    assert [(int(b) << 48) | int(r) for b, r in zip(buckets, rests, strict=True)] == [
        w >> (80 - bits) for w in wide
    ]
    key = PreparedKey.fresh(None)
    header = header_with(count, bits, key)
    cut = count // 2
    parts = [(buckets[some], files.rest_bytes(rests[some])) for some in (slice(cut), slice(cut, count))]
    files.write_prepared(path, parts, bits, lambda digest: header(digest).sealed(key.signer))
    file = files.PreparedFile(path, "bob")
    file.check()
    np.testing.assert_array_equal(file.find(tags), np.arange(count))
    others = drawn.integers(0, 2**64, (500, 2), np.uint64)
    assert (file.find(others) == -1).all()
    assert count / 2**bits * 2.0**-48 <= 2.0**-42


def header_with(count, bits, key, changed=()):
    moment, signer = files.now().isoformat(), key.signer.public_key().public_bytes_raw().hex()
    fields = dict(
        name=key.name, version=1, made=moment, until=moment, on=["id"], kinds=["integer"], keys=count,
        bits=bits, forms={}, signer=signer,
    )  # fmt: skip
    return lambda digest: files.PreparedHeader(**({"digest": digest} | fields | dict(changed)))


@pytest.mark.parametrize(
    "changed",
    [
        {"keys": 257}, {"keys": -1}, {"keys": True}, {"bits": 33}, {"version": "1"}, {"name": "x" * 32},
        {"until": "2026-01-01T00:00:00"}, {"until": "never"}, {"on": ["id", "x"]}, {"kinds": "integer"},
        {"forms": {"n": ["list<int64>", 1]}}, {"forms": []}, {"digest": "00"}, {"signer": "zz" * 32},
        {"on": ["\x1b[31m"]}, {"forms": {"n\n": ["int64", 1]}},
    ],
)  # fmt: skip
def test_a_beginning_that_says_what_cannot_be_is_none(changed):
    """Even if it is signed. 256 keys a bucket are the most at which a wrong one is one in 2**40."""
    key = PreparedKey.fresh(None)
    assert files.header_of(header_with(256, 0, key)("00" * 32).sealed(key.signer), "bob").keys == 256
    with pytest.raises(sf.ProtocolViolation, match="what bob has is not the beginning"):
        files.header_of(header_with(256, 0, key, changed)("00" * 32).sealed(key.signer), "bob")


@pytest.mark.parametrize("place", ["beginning", "records", "end"])
def test_a_file_that_is_not_what_was_signed_is_nobodys(quick, tmp_path, place):
    prepared_at(tmp_path)
    raw = bytearray((tmp_path / "table").read_bytes())
    raw[{"beginning": 60, "records": files.HEADER_BYTES + 5, "end": -1}[place]] ^= 1
    (tmp_path / "table").write_bytes(raw)
    with pytest.raises(sf.ProtocolViolation, match="bob"):
        files.PreparedFile(str(tmp_path / "table"), "bob").check()


# ------------------------------------------------------------------ what is refused

GARBAGE = [None, b"", b"x" * 10_000, "text", 7, [b""], bytearray(32)]


@pytest.mark.parametrize("said", [*GARBAGE, np.zeros((2, 31), np.uint8), np.zeros((2, 32), np.int64)])
def test_what_is_no_message_is_refused_by_the_name_of_its_sender(tmp_path, said):
    asking = hashed_dh.Asking()
    keeper = PreparedKeeper(str(tmp_path / "copy"), "bob", None)
    for act, name in [
        (lambda: hashed_dh.answered(hashed_dh.new_scalar(), said, 2, "alice"), "alice"),
        (lambda: asking.opened(keys(1, 2), said, "bob"), "bob"),
        (lambda: keeper.take(0, 5, said), "bob"),
        (lambda: checked_offer({"sealed": said, "steps": [], "problem": ""}, "bob"), "bob"),
        (lambda: files.header_of(said, "bob"), "bob"),
    ]:
        with pytest.raises(sf.ProtocolViolation, match=name):
            act()


@pytest.mark.parametrize("raw", [b"", bytes(16), bytes(15), b"\xff" * 64, bytes(8) + b"\1" + bytes(40)])
def test_differences_that_are_none(raw):
    if raw == bytes(16):
        assert not len(files.TableChange.unpacked(raw, 6, 3, 0).at)
        return
    with pytest.raises(ValueError, match=r"sizes|numbers|order|buffer"):
        files.TableChange.unpacked(raw, 6, 3, 0)


@pytest.mark.parametrize("act", ["offer", "chunk", "answer", "blinded"])
def test_a_cheating_party_is_one_error_for_both(tmp_path, monkeypatch, act):
    cheat = answering.AskingDesk if act == "blinded" else AnsweringDesk
    honest = getattr(cheat, act)

    def wrong(*given):
        said = honest(*given)
        return said | {"sealed": said["sealed"][:-1]} if act == "offer" else said ^ np.uint8(1 << 7)

    monkeypatch.setattr(cheat, act, wrong)
    run = lambda: joined(pd.DataFrame({"id": [1, 100]}), prepared_at(tmp_path))  # noqa: E731
    with pytest.raises((sf.RemoteError, sf.ProtocolViolation)) as caught, sf.Session(PAIR, address="local"):
        run()
    assert "bob" in str(caught.value) or "alice" in str(caught.value)
    assert not (tmp_path / "copy").exists() or act in ("answer", "blinded")
    assert not list(tmp_path.glob("*.coming"))


def test_what_is_said_wrongly(quick, tmp_path):
    alice, bob, carol = map(sf.PYU, ["alice", "bob", "carol"])
    prepared, ids = prepared_at(tmp_path), at("alice", [100])
    own, text = pd.DataFrame({"id": [100]}), pd.DataFrame({"id": ["a"]})
    (tmp_path / "other").write_text("my own file")
    handle, theirs = at("alice", own), at("carol", own)
    kept_at = lambda name: PreparedTable(bob, {bob: tmp_path / "table", alice: tmp_path / name})  # noqa: E731
    gone = at("bob", pd.DataFrame({"id": [1, 2]}))
    known, wide = at("bob", ACCOUNTS[:2]), at("bob", ACCOUNTS[:2].assign(name="x" * 99))
    for act, message in [
        (lambda: joined(own, prepared, how="left"), "gets rows of its own, bob gets nothing"),
        (lambda: joined(own, prepared, to=["alice", "bob"]), "gets rows of its own"),
        (lambda: joined(own, prepared, helper="carol"), "joined in one way"),
        (lambda: joined(own, prepared, method="vole"), "joined in one way"),
        (lambda: joined(text, prepared), "text .* at alice and integer"),
        (lambda: joined(own, prepared, key={bob: str}), "made when it is prepared"),
        (lambda: join({alice: handle, bob: prepared, carol: theirs}, "id"), "asked by one party"),
        (lambda: join({bob: prepared}, "id"), "asked by one party"),
        (lambda: join({alice: prepared, bob: known}, "id"), "given as the table of alice"),
        (lambda: count_common({alice: handle, bob: prepared}, "id"), "a prepared table stands in"),
        (lambda: prepare({bob: prepared}, "id", tmp_path / "x"), "a prepared table stands in"),
        (lambda: asked([1], prepared, ["m"]), "bob has not prepared a column 'm'"),
        (lambda: lookup({alice: ids}, {bob: prepared}, "n", "id", pad=3), "pad is for a look-up in"),
        (lambda: joined(own, PreparedTable(bob, None)), "bob: there is no path"),
        (lambda: joined(own, PreparedTable(bob, tmp_path / "none")), "bob: .* cannot be opened"),
        (lambda: joined(own, kept_at("other")), "alice: where a copy of the prepared table is kept"),
        (lambda: joined(own, kept_at("no/x")), "alice: there is no folder for the copy"),
        (lambda: joined(own, PreparedTable(bob, tmp_path / "other")), "bob: .* is not the beginning"),
        (lambda: prepared_at(tmp_path / "none"), "bob: the prepared table cannot be written"),
        (lambda: prepared_at(tmp_path, columns=["m"]), "bob: there is not one column 'm'"),
        (lambda: prepared_at(tmp_path, columns=["n", "n"]), "names no columns"),
        (lambda: prepare({}, "id", None), "of one party is prepared"),
        (lambda: prepare({bob: known}, "id", None), "bob: there is no path"),
        (lambda: prepare({bob: known}, "id", 7), "is no path"),
        (lambda: PreparedLimits(days=0), "days of PreparedLimits is 0"),
        (lambda: PreparedLimits(keys=True), "keys of PreparedLimits is True"),
        (lambda: update(prepared, "id"), "nothing comes and nothing goes"),
        (lambda: update(prepared, "id", remove=gone), "2 of the keys to be removed are not in"),
        (lambda: update(prepared, "id", add=known), "2 of the keys to be added are there already"),
        (lambda: update(prepared, "id", add=wide, remove=known), "text in column 'name' of the changes is"),
        (lambda: update(prepared, "id", add=gone), "bob: there is not one column 'n'"),
        (lambda: update(prepared, "n", remove=at("bob", pd.DataFrame({"n": ["1"]}))), "of other kinds"),
    ]:  # fmt: skip
        with pytest.raises(sf.JoinError, match=message):
            act()
    assert (tmp_path / "other").read_text() == "my own file"
    os.rename(tmp_path / "table.key", tmp_path / "kept.key")
    with pytest.raises(sf.JoinError, match="bob: the prepared table cannot be opened"):
        asked([1], prepared)
    (tmp_path / "more").mkdir()
    prepared_at(tmp_path / "more")
    os.rename(tmp_path / "more" / "table.key", tmp_path / "table.key")
    with pytest.raises(sf.JoinError, match="bob: the key beside a prepared table is of another one"):
        asked([1], prepared)
