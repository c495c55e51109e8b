"""`join(..., method="vole")`: what comes out, what crosses, and what is made of a peer that breaks it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto.join import join, okvs, oprf, vole_psi
from junto.join.keys import DIGEST_BYTES
from junto.join.oprf import OprfInput, OprfKey, OprfSizes
from junto.join.request import METHODS
from junto.join.vole_psi import OprfMatching
from junto.mpc.ot import symbol_vole
from moves import watched_moves

PAIR = ["alice", "bob"]


def joined(tables, **options):
    handles = {sf.PYU(name): sf.PYU(name)(lambda t=table: t)() for name, table in tables.items()}
    result = join(handles, on="id", **options)
    return {party.party: sf.reveal(part) for party, part in result.parts.items()}, result.learned


def rows(parts):
    wide = pd.concat([part.add_prefix(name) for name, part in parts.items()], axis=1).astype(object)
    return sorted(map(str, wide.where(wide.notna(), None).itertuples(index=False, name=None)))


def tables(counts, shared):
    """Of so many rows each, the first `shared` keys being in both."""
    rng, start = np.random.default_rng(1), 0
    made = {}
    for name, count in zip(PAIR, counts, strict=True):
        ids = [*range(min(shared, count)), *range(10_000 + start, 10_000 + start + count - shared)]
        made[name] = pd.DataFrame({"id": rng.permutation(ids).astype(int), name: np.arange(len(ids))})
        start += count
    return made


HOWS = ["inner", "left", "right", "outer"]


def merged(given, how):
    """By pandas; semi joins and differences are of the first table alone."""
    one, other = (given[name].add_prefix(name) for name in PAIR)
    there = one["aliceid"].isin(other["bobid"])
    if how in HOWS:
        wide = one.merge(other, how, left_on="aliceid", right_on="bobid").astype(object)
    else:
        wide = one[there if how == "semi" else ~there].astype(object)
    return sorted(map(str, wide.where(wide.notna(), None).itertuples(index=False, name=None)))


@pytest.mark.parametrize(
    ("counts", "shared", "hows"),
    [
        ((0, 0), 0, ["outer"]), ((1, 1), 1, ["inner"]), ((0, 3), 0, ["left"]), ((70, 1), 1, ["right"]),
        ((3, 2500), 2, ["inner", "difference"]),
        pytest.param((1200, 1100), 600, [*HOWS, "semi", "difference"], marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_tables_are_joined_as_pandas_joins_them(counts, shared, hows):
    given = tables(counts, shared)
    with sf.Session(PAIR, debug_mode=True):
        for how in hows:
            assert rows(joined(given, how=how, method="vole")[0]) == merged(given, how)


@pytest.mark.parametrize("how", ["inner", "left", "outer", "difference"])
def test_both_methods_tell_the_parties_the_same(how):
    with sf.Session(PAIR, debug_mode=True):
        for to in (None, "alice", "bob") if how == "inner" else (None,):
            found = [joined(tables((4, 3), 2), how=how, to=to, method=method) for method in METHODS]
            assert rows(found[0][0]) == rows(found[1][0])
            assert found[0][1] == found[1][1]


@pytest.mark.parametrize("duplicates", ["first", "all"])
def test_rows_of_equal_keys_and_without_one_are_what_they_are_with_the_other_method(duplicates):
    given = {
        "alice": pd.DataFrame({"id": ["a", None, "b", "b", "c"], "x": range(5)}),
        "bob": pd.DataFrame({"id": ["b", "c", "c", None, "d"], "y": range(5)}),
    }
    with sf.Session(PAIR, debug_mode=True):
        found = [rows(joined(given, how="left", duplicates=duplicates, method=each)[0]) for each in METHODS]
        assert found[0] == found[1]


def test_what_each_party_receives(monkeypatch):
    moved = watched_moves(monkeypatch)
    with sf.Session(PAIR, debug_mode=True):
        found = {}
        for shared in (0, 150):
            moved.clear()
            joined(tables((200, 300), shared), method="vole")
            found[shared] = [
                (source, target, getattr(value, "shape", len(value) if isinstance(value, bytes) else None))
                for source, target, handle in moved
                for value in [handle.ref.value()]
            ]
        crossed = [(source, target, handle.ref.value()) for source, target, handle in moved]
    sizes = OprfSizes(200, 300)
    assert (sizes.symbols, sizes.columns, sizes.slots, sizes.output) == (10, 31, 640, 11)
    column, to = (6, sizes.slots // 64), [("alice", "bob"), ("bob", "alice")]
    assert found[0] == found[150]  # how many keys are in common changes no size
    assert [size for *way, size in found[0] if tuple(way) == to[0]] == [
        32, sizes.reply, *[column] * sizes.columns, (300,)
    ]  # fmt: skip
    assert [size for *way, size in found[0] if tuple(way) == to[1]] == [
        32 + symbol_vole.functions_bytes(sizes.columns), (300, sizes.output)
    ]  # fmt: skip
    values = next(value for source, _, value in crossed if getattr(value, "shape", ()) == (300, 11))
    assert len(np.unique(values, axis=0)) == 300
    for _, _, value in crossed:
        if isinstance(value, np.ndarray) and value.dtype != np.int32:
            drawn = np.unpackbits(np.ascontiguousarray(value).view(np.uint8))
            assert abs(drawn.mean() - 0.5) < 6 * 0.5 / len(drawn) ** 0.5


def keys(*numbers):
    made = np.zeros((len(numbers), DIGEST_BYTES), np.uint8)
    made[:, :8] = np.array(numbers, np.int64)[:, None].view(np.uint8)
    return made


def ran(ours, theirs, sizes=None, expected=()):
    """The two parties by themselves, up to the columns."""
    sizes = sizes or OprfSizes(len(ours), len(theirs))
    given, key = OprfInput(sizes, "bob"), OprfKey(sizes, "alice")
    given.meet(key.meet(given.begin()))
    given.add(ours)
    encoded = given.encode()
    for number, some in enumerate(expected):
        key.expect(number, some)
    key.open(encoded)
    return given, key, sizes


def columns(given, key, sizes):
    for number in range(sizes.columns):
        key.column(number, given.column(number))


@pytest.mark.parametrize("piece", [7, okvs.PIECE], ids=["in pieces", "at once"])
def test_values_are_equal_of_equal_keys_alone_and_others_in_each_run(monkeypatch, piece):
    monkeypatch.setattr(okvs, "PIECE", piece)
    ours, theirs, seen = keys(*range(100)), keys(*range(50, 120)), []
    for _ in range(2):
        given, key, sizes = ran(ours, theirs)
        columns(given, key, sizes)
        own = np.concatenate([given.outputs(0, 60), given.outputs(60, 40)])
        other = key.outputs(theirs)
        np.testing.assert_array_equal(own[50:], other[:50])
        every = {row.tobytes() for row in np.concatenate([own, other])}
        assert len(every) == 120
        seen.append(every)
    assert not seen[0] & seen[1]


@pytest.mark.parametrize("failures", [0, 1])
@pytest.mark.parametrize("room", [0, 60, 1000])
def test_what_is_expected_changes_no_value(monkeypatch, failures, room):
    monkeypatch.setattr(oprf, "_EXPECTED", room)
    laid, left = okvs.Echelon.lay, [failures]

    def failing(echelon, bands, values):
        left[0] -= 1
        return left[0] < 0 and laid(echelon, bands, values)

    monkeypatch.setattr(okvs.Echelon, "lay", failing)
    theirs, computed = [keys(*range(50, 100)), keys(*range(100, 120))], []
    given, key, sizes = ran(keys(*range(100)), keys(*range(70)), expected=theirs)
    columns(given, key, sizes)
    tags = oprf._tags
    monkeypatch.setattr(oprf, "_tags", lambda *given: computed.append(given) or tags(*given))
    other = np.concatenate([key.outputs(some, number) for number, some in enumerate(theirs)])
    again = np.concatenate([key.outputs(some) for some in theirs])
    np.testing.assert_array_equal(other, again)
    np.testing.assert_array_equal(given.outputs(50, 50), other[:50])
    assert len(computed) == 2 + (2 if failures or not room else int(room == 60))


def test_a_table_that_fails_is_made_anew_and_not_for_ever(monkeypatch):
    laid, fails = okvs.Echelon.lay, []

    def failing(echelon, bands, values):
        fails.append(bands.messages.tobytes())
        return len(fails) > most and laid(echelon, bands, values)

    monkeypatch.setattr(okvs.Echelon, "lay", failing)
    most = oprf.ATTEMPTS - 1
    given, key, sizes = ran(keys(1, 2, 3), keys(3, 4))
    columns(given, key, sizes)
    assert given.outputs(2, 1).tobytes() == key.outputs(keys(3, 4))[:1].tobytes()
    assert len(set(fails)) == oprf.ATTEMPTS  # each time by another hash
    fails, most = [], oprf.ATTEMPTS
    with pytest.raises(sf.JoinError, match="no table"):
        ran(keys(1, 2, 3), keys(3, 4))


@pytest.mark.parametrize("count", [1, 2, 1000, 10**6, 1 << 20, 1 << 33])
def test_sizes_leave_no_more_to_chance_than_is_said(count):
    for other in (1, count):
        sizes = OprfSizes(count, other)
        assert 2.0 ** (-6 * sizes.symbols) * other <= 2.0**-40  # another key is taken for one in the table
        assert 2.0 ** (-8 * sizes.output) * (count + other) ** 2 / 2 <= 2.0**-40  # two values are equal
        assert 6 * sizes.columns <= 64 * oprf._WORDS
        assert sizes.output <= 16


def test_ranks_are_not_in_the_order_of_the_values():
    holder = OprfMatching({"alice": 300, "bob": 2}, "left", "alice", None, 8)
    values = np.zeros((300, 8), np.uint8)
    values[:, :2] = np.arange(300, dtype=">u2")[:, None].view(np.uint8)
    holder.add("alice", values, 300, "alice")
    holder.add("bob", values[[7, 200]], 2, "bob")
    assert holder.compare(["alice", "bob"]) == 300
    ranks = holder.ranks("alice", 0, 300)
    assert ranks.dtype == np.int32
    assert sorted(ranks) == list(range(300))
    assert holder.ranks("bob", 0, 2).tolist() == ranks[[7, 200]].tolist()
    assert abs(np.corrcoef(ranks, np.arange(300))[0, 1]) < 6 / 300**0.5


# A peer that breaks the protocol.

GARBAGE = [None, b"", b"x" * 10_000, "text", 7, np.zeros((3, 4)), [b""], bytearray(32)]


@pytest.mark.parametrize("said", GARBAGE)
def test_what_is_no_message_is_refused_by_the_name_of_its_sender(said):
    _, key, sizes = ran(keys(1, 2), keys(3))
    for act, name in [
        (lambda: OprfKey(sizes, "alice").meet(said), "alice"),
        (lambda: OprfInput(sizes, "bob").meet(said), "bob"),
        (lambda: key.open(said), "alice"),
        (lambda: key.column(0, said), "alice"),
        (lambda: OprfMatching({"bob": 2}, "inner", "bob", None, 8).add("bob", said, 2, "bob"), "bob"),
    ]:
        with pytest.raises(sf.ProtocolViolation, match=f"what {name} sent is"):
            act()


def test_messages_of_the_right_size_and_wrong_inside_are_refused():
    _, key, sizes = ran(keys(1, 2), keys(3))
    size, matching = (
        32 + symbol_vole.functions_bytes(sizes.columns),
        OprfMatching({"bob": 2}, "inner", "", None, 8),
    )
    for act in (
        lambda: OprfInput(sizes, "them").meet(b"\xff" * size),
        lambda: key.open(b"\x00" * sizes.reply),
        lambda: key.open(b"\xff" + b"\x00" * (sizes.reply - 1)),
        lambda: key.column(0, np.zeros((6, sizes.slots // 64 + 1), np.uint64)),
        lambda: key.column(0, np.zeros((6, sizes.slots // 64), np.int64)),
        lambda: matching.add("bob", np.zeros((2, 9), np.uint8), 2, "bob"),
    ):
        with pytest.raises(sf.ProtocolViolation):
            act()


@pytest.mark.parametrize("act", ["meet", "encode", "column", "outputs"])
def test_a_cheating_party_is_one_error_for_both(monkeypatch, act):
    cheat = vole_psi.OprfKey if act in ("meet", "outputs") else vole_psi.OprfInput
    honest = getattr(cheat, act)
    monkeypatch.setattr(cheat, act, lambda *given: honest(*given)[:-1])

    def run():
        with sf.Session(PAIR, address="local"):
            joined(tables((5, 4), 2), method="vole")

    with pytest.raises(sf.RemoteError) as caught:
        run()
    assert caught.value.origin.error_type == "ProtocolViolation"


def test_more_keys_than_have_room_are_refused_before_anything_is_made(monkeypatch):
    monkeypatch.setattr(okvs, "MOST_KEYS", 99)
    with sf.Session(PAIR, debug_mode=True), pytest.raises(sf.JoinError, match="alice has 100 keys") as caught:
        joined(tables((100, 3), 1), method="vole")
    assert "ecdh" in caught.value.fix


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "VOLE"}, "no method"), ({"method": 3}, "no method"), ({"method": "vole"}, "two tables"),
        ({"method": "vole", "helper": "dave"}, "dave helps"),
    ],
)  # fmt: skip
def test_methods_that_cannot_be(options, said):
    with sf.Session([*PAIR, "carol", "dave"], debug_mode=True):
        three = {sf.PYU(name): sf.PYU(name)(pd.DataFrame)({"id": [1]}) for name in [*PAIR, "carol"]}
        with pytest.raises(sf.JoinError, match=said):
            join(three, on="id", **options)


def test_the_name_of_a_run_and_the_free_slots_of_its_table_are_new_each_time():
    keys = np.arange(3 * DIGEST_BYTES, dtype=np.uint8).reshape(3, DIGEST_BYTES)
    sessions, tables = [], []
    for nonce in (None, None, bytes(32)):  # of the input party: fresh ones, and one that it chooses again
        one, other = OprfInput(OprfSizes(3, 3), "bob"), OprfKey(OprfSizes(3, 3), "alice")
        one._nonce = one.begin() if nonce is None else nonce
        one.meet(other.meet(one.begin()))
        assert one._session == other._session
        sessions.append(one._session)
        one._session = bytes(32)  # as if two runs had one name, which leaves the same keys in the same bands
        one.add(keys)
        one.encode()
        tables.append(one._columns.tobytes())
    assert len(set(sessions)) == 3
    assert len(set(tables)) == 3
    named = {oprf._session(first, second) for first in (b"1", b"2") for second in (b"3", b"4")}
    assert len(named) == 4
