"""A hidden join has on the SPU what pandas merges; nobody sees a match, and the helper no number."""

from __future__ import annotations

import datetime
import decimal

import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import linear_model

import junto as sf
from junto import learn
from junto.errors import ProtocolViolation
from junto.join import aligning, cuckoo, hidden, hidden_pair, join
from junto.join.hidden_desk import HiddenDesk, Routing, new_keys, piece_of
from junto.join.opprf import PIECES, OpprfSizes
from junto.join.table_actor import Order
from junto.mpc import ring128
from junto.mpc.ot import symbol_vole
from moves import watched_moves
from tries import each_once, tries

PARTIES = ["alice", "bob", "carol"]


@pytest.fixture(params=["debug", "simulation"])
def mode(request):
    return {"debug_mode": True} if request.param == "debug" else {"address": "local"}


def spu_of(parties, ring):
    return sf.SPU(parties=parties, cluster_def={"runtime_config": {"field": ring}})


RINGS = ["FM64", "FM128"]


@pytest.fixture(params=RINGS)
def quick(request):
    with sf.Session([*PARTIES, "dave"], debug_mode=True):
        yield spu_of(PARTIES, request.param)


def at(name, table):
    return sf.PYU(name)(lambda: table)()


def joined(spu, ours, theirs, **options):
    tables = {sf.PYU("alice"): at("alice", ours), sf.PYU("bob"): at("bob", theirs)}
    return join(tables, on={"alice": "id", "bob": "nr"}, onto=spu, **options)


def shown(result):
    arrays = sf.reveal(dict(result.columns) | {"flag": result.flag})
    return pd.DataFrame({name: np.asarray(array) for name, array in arrays.items()})


def people(count=40, seed=2):
    rng = np.random.default_rng(seed)
    return (
        pd.DataFrame({"id": rng.permutation(count), "age": rng.integers(18, 90, count)}),
        pd.DataFrame(
            {
                "nr": rng.permutation(count) + count // 4,
                "pay": rng.normal(size=count) * 1000,
                "vip": rng.random(count) < 0.5,
            }
        ),
    )


THREE = ["bob", "alice", "carol"]
HELP = [
    (THREE, "FM64", 0),
    (THREE, "FM64", 9),
    (THREE[:2], "FM64", None),
    (THREE, "FM128", 9),
    (THREE, "FM128", None),
]
"""Of whom the SPU is, its ring, and the padding; None: nobody helps."""


@pytest.mark.parametrize(("parties", "ring", "pad"), HELP)
def test_what_pandas_merges(mode, parties, ring, pad):
    with sf.Session(PARTIES, **mode):
        merged_as_pandas_does(spu_of(parties, ring), pad)


def merged_as_pandas_does(spu, pad):
    ours, theirs = people()
    result = joined(spu, ours, theirs, pad=pad or 0, helper=pad is not None)
    if pad is None:  # rows that stand for nobody
        pad = cuckoo.bins_of(len(ours)) - len(ours)
    found, want = shown(result), ours.merge(theirs, left_on="id", right_on="nr")
    both = found[found["flag"] == 1].sort_values(["age", "pay"])
    want = want.sort_values(["age", "pay"])
    assert result.rows == len(found) == len(ours) + pad
    assert both["age"].tolist() == want["age"].tolist()
    assert both["vip"].tolist() == want["vip"].astype(int).tolist()
    assert np.abs(both["pay"].to_numpy() - want["pay"].to_numpy()).max() < 1e-4  # as the SPU holds it
    none = found[found["flag"] != 1]
    assert not none[["pay", "vip", "flag"]].to_numpy().any()
    assert sorted(none["age"])[:pad] == [0] * pad

    def mean(pay, flag):
        return jnp.sum(pay * flag) / jnp.sum(flag)

    assert float(sf.reveal(spu(mean)(result["pay"], result.flag))) == pytest.approx(
        want["pay"].mean(), abs=0.01
    )


KEYS = st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=8)


@settings(max_examples=tries(15), deadline=None)
@given(
    KEYS,
    KEYS,
    st.sampled_from([0, 3, None]),
    st.sampled_from([pa.table, pd.DataFrame]),
    st.sampled_from(["FM64", "FM128"]),
)
def test_any_keys(ours, theirs, pad, kind, ring):
    """Nulls match nothing, and of equal keys the first row counts."""
    tables = [
        kind({name: pa.array(ids, pa.int64()) if kind is pa.table else pd.array(ids, "Int64"), what: values})
        for name, what, ids in (("id", "a", ours), ("nr", "b", theirs))
        for values in [np.arange(1, len(ids) + 1)]
    ]
    with sf.Session(PARTIES, debug_mode=True):
        options = {"helper": False} if pad is None else {"pad": pad}
        found = shown(joined(spu_of(PARTIES, ring), *tables, **options, duplicates="first"))
    firsts = [
        pd.DataFrame({"key": pd.array(ids, "Int64"), "row": range(1, len(ids) + 1)})
        .dropna()
        .drop_duplicates("key")
        for ids in (ours, theirs)
    ]
    want = firsts[0].merge(firsts[1], "left", on="key").fillna(0)
    rows = [(a, b, b > 0) for a, b in zip(want["row_x"], want["row_y"], strict=True)]
    if pad is None:
        pad = cuckoo.bins_of(len(rows)) - len(rows)
    assert sorted(zip(found["a"], found["b"], found["flag"] == 1, strict=True)) == sorted(
        [*rows, *[(0, 0, False)] * pad]
    )


DAY = datetime.date(1970, 1, 1)
KINDS = {
    "large and negative": lambda n: (2**62 * (-1) ** n + n,),
    "short and long text": lambda n: ("ключ" * (n % 12) + str(n),),
    "dates": lambda n: (DAY + datetime.timedelta(days=n - 7),),
    "instants": lambda n: (pd.Timestamp("2020-01-01", tz="UTC") + pd.Timedelta(n, "ms"),),
    "decimals": lambda n: (decimal.Decimal(n).scaleb(-2),),
    "several": lambda n: (n % 3, str(n // 3), DAY + datetime.timedelta(days=n % 2)),
}


@pytest.mark.parametrize(("quick", "kind"), each_once(RINGS, KINDS), indirect=["quick"])
def test_sums_and_counts_over_keys_of_any_kind(quick, kind):
    """Sums of whole numbers are pandas' whether somebody helps or not."""
    rng, tables = np.random.default_rng(3), []
    for name, numbers in (("a", range(30)), ("b", range(12, 50))):
        keys = [KINDS[kind](n) for n in rng.permutation(numbers).tolist()]
        table = pd.DataFrame(keys, columns=[f"k{place}" for place in range(len(keys[0]))])
        tables.append(table.assign(**{name: rng.integers(-1000, 1000, len(keys))}))
    on = [name for name in tables[0] if name.startswith("k")]
    want = tables[0].merge(tables[1], on=on)
    for helper in (True, False):
        sides = {sf.PYU(name): at(name, table) for name, table in zip(PARTIES, tables, strict=False)}
        found = shown(join(sides, on=on, onto=quick, helper=helper))
        assert found["flag"].sum() == len(want) == 18
        assert (found["a"] * found["flag"]).sum() == want["a"].sum()
        assert found["b"].sum() == want["b"].sum()


def weighted_line(x, y, weight):
    table = jnp.stack([jnp.ones_like(x), x], axis=1)
    return jnp.linalg.solve(table.T @ (table * weight[:, None]), table.T @ (y * weight))


def test_a_line_is_fitted_to_the_rows_of_both(quick):
    """With the flag as weight, it is scikit-learn's of the rows that pandas merges."""
    rng = np.random.default_rng(8)
    ours = pd.DataFrame({"id": rng.permutation(60), "x": rng.normal(size=60)})
    theirs = pd.DataFrame({"nr": rng.permutation(60) + 20, "y": rng.normal(size=60)})
    found = joined(quick, ours, theirs, helper=False)
    told = np.asarray(sf.reveal(quick(weighted_line)(found["x"], found["y"], found.flag)))
    want = ours.merge(theirs, left_on="id", right_on="nr")
    reference = linear_model.LinearRegression().fit(want[["x"]].to_numpy(), want["y"])
    np.testing.assert_allclose(told, [reference.intercept_, *reference.coef_], atol=2e-3)


COLUMNS = ["age", "pay", "vip"]


@pytest.mark.parametrize(("quick", "helper"), each_once(RINGS, [True, False]), indirect=["quick"])
def test_the_flag_is_the_weight_of_rows(quick, helper):
    """Models and statistics are scikit-learn's and pandas' of the rows that pandas merges."""
    ours, theirs = people(120)
    theirs["cost"] = 300 + theirs["pay"] + 90.0 * theirs["vip"] + np.arange(120) % 7
    ours["plan"] = ours["id"] % 3
    found = joined(quick, ours, theirs, helper=helper)
    want = ours.merge(theirs, left_on="id", right_on="nr")
    x = found[COLUMNS]
    assert x.shape == (found.rows, 3)
    model = learn.LinearRegression(quick).fit(x, found["cost"], sample_weight=found.flag)
    reference = linear_model.LinearRegression().fit(want[COLUMNS].to_numpy(float), want["cost"])
    expected = np.sort(reference.predict(want[COLUMNS].to_numpy(float)))
    both = np.asarray(sf.reveal(found.flag)) == 1
    predicted = np.sort(np.asarray(sf.reveal(model.predict(x)))[both])
    np.testing.assert_allclose(predicted, expected, atol=1e-4 * np.abs(expected).max())
    of_all = {"count": len(want), "sum": want["pay"].sum(), "mean": want["pay"].mean()}
    for name, value in of_all.items():
        given = [] if name == "count" else ["pay"]
        assert float(sf.reveal(getattr(found, name)(*given))) == pytest.approx(value, rel=1e-4, abs=0.01)
    groups = found.groupby("plan", [2, 0, 1, 9])
    table = want.groupby("plan")["pay"].agg(["count", "sum", "mean"]).reindex([2, 0, 1, 9]).fillna(0)
    for name in table.columns:
        given = [] if name == "count" else ["pay"]
        told = np.asarray(sf.reveal(getattr(groups, name)(*given)))
        np.testing.assert_allclose(told, table[name], rtol=1e-4, atol=0.01)


SIZES = {"small": 0.03, "ordinary": 40.0, "large": 2e5}
STATISTICS = ["count", "sum", "mean", "std", "min", "max"]


@pytest.mark.parametrize(("quick", "size"), each_once(RINGS, SIZES), indirect=["quick"])
def test_statistics_of_the_rows_in_common_are_those_of_pandas(quick, size):
    """Of columns of any size, of both owners, of floats, whole numbers and truth values."""
    rng, ids = np.random.default_rng(5), np.arange(60)
    ours = pd.DataFrame({"id": ids, "a": SIZES[size] * (3 + rng.normal(size=60)), "group": ids % 3})
    ours = ours.assign(whole=rng.integers(-9, 1000, 60), old=ids % 2 == 0)
    theirs = pd.DataFrame({"nr": ids + 25, "b": -SIZES[size] * rng.random(60), "constant": 4.5})
    theirs = theirs.assign(b=theirs["b"] + 0.1 * SIZES[size] * (ids % 7))
    found, want = joined(quick, ours, theirs), ours.merge(theirs, left_on="id", right_on="nr")
    close = {"rel": 1e-3, "abs": 1e-4 * max(1, SIZES[size] / 40)}
    for column in ("a", "b", "whole", "old", "constant"):
        numbers = want[column].astype(float)
        for name in STATISTICS[1:]:
            told = float(sf.reveal(getattr(found, name)(column)))
            assert told == pytest.approx(getattr(numbers, name)(), **close), (name, column)
        for q in (0, 0.3, 0.5, 1):
            assert float(sf.reveal(found.quantile(column, q))) == pytest.approx(numbers.quantile(q), **close)
    groups, table = found.groupby("group", [2, 0, 9]), want.groupby("group")["a"].agg(STATISTICS)
    for name in STATISTICS[1:]:
        told = np.asarray(sf.reveal(getattr(groups, name)("a")))
        assert told == pytest.approx(table[name].reindex([2, 0, 9]).fillna(0).to_numpy(), **close), name
    told = np.asarray(sf.reveal(found.corr(["a", "b", "whole", "constant"])))
    assert told == pytest.approx(want[["a", "b", "whole", "constant"]].corr().fillna(0), abs=1e-3)


def test_where_no_row_is_in_common_nothing_is_said_of_the_others(quick):
    ours = pd.DataFrame({"id": range(5), "a": [5.0, 6.0, 7.0, 8.0, 9.0], "text": list("abcde")})
    found = joined(quick, ours, pd.DataFrame({"nr": [9], "b": [3.0]}))
    for name in ("std", "min", "max", "quantile", "mean"):
        assert float(sf.reveal(getattr(found, name)("a"))) == 0, name
        with pytest.raises(sf.JoinError, match="is of text"):
            getattr(found, name)("text")


def test_columns_are_asked_for_by_name(quick):
    found = joined(quick, *people())
    for wrong in ("pays", ["age", "pays"], [], (), b"age", [0], {0: "age"}, 0):
        with pytest.raises(sf.JoinError, match=r"no column|are named"):
            found[wrong]
    with pytest.raises(sf.DeviceError, match="set"):
        found[{"age", "pay"}]
    names = ["age", "pay"]
    both = sf.reveal(found[names]).tolist()
    for right in (
        tuple(names),
        np.array(names),
        pd.Index(names),
        pd.Series(names),
        dict.fromkeys(names).keys(),
        iter(names),
    ):
        assert sf.reveal(found[right]).tolist() == both


# Text, and where a row of the first table is.

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
COLUMN_KINDS = {
    "pandas": lambda ids, texts: pd.DataFrame({"id": ids, "text": pd.Series(texts, dtype=object)}),
    "categorical": lambda ids, texts: pd.DataFrame(
        {"id": ids, "text": pd.Categorical(texts, categories=[*dict.fromkeys(["not there", *texts])][::-1])}
    ),
    "polars": lambda ids, texts: pl.DataFrame({"id": ids, "text": pl.Series(texts, dtype=pl.String)}),
    "enum": lambda ids, texts: pl.DataFrame(
        {"id": ids, "text": pl.Series(texts, dtype=pl.Enum([*dict.fromkeys([*texts, "not there"])]))}
    ),
    "arrow": lambda ids, texts: pa.table({"id": ids, "text": pa.array(texts, pa.string_view())}),
    "dictionary": lambda ids, texts: pa.table(
        {"id": ids, "text": pa.array(texts, pa.string()).dictionary_encode()}
    ),
}


@settings(max_examples=tries(20), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 12), WORDS), max_size=8, unique_by=lambda row: row[0]),
    st.lists(st.tuples(st.integers(0, 12), WORDS), max_size=8, unique_by=lambda row: row[0]),
    st.tuples(st.sampled_from(sorted(COLUMN_KINDS)), st.sampled_from(sorted(COLUMN_KINDS))),
    st.booleans(),
)
def test_text_is_known_by_its_codes(ours, theirs, kinds, helper):
    """Texts of the rows in common are pandas'; groups of them, too, also of a text that nobody has."""
    sides = [
        (np.array([row[0] for row in rows], np.int64), [row[1] for row in rows]) for rows in (ours, theirs)
    ]
    tables = [COLUMN_KINDS[kind](*side) for kind, side in zip(kinds, sides, strict=True)]
    with sf.Session(PARTIES, debug_mode=True):
        alice, bob = sf.PYU("alice"), sf.PYU("bob")
        second = as_column(tables[1], "other")
        handles = {alice: at("alice", tables[0]), bob: at("bob", second)}
        found = join(handles, on="id", onto=spu_of(PARTIES, "FM64"), helper=helper)
        labels = sf.reveal(dict(found.labels))
        codes = {name: np.asarray(sf.reveal(found[name])) for name in labels}
        flags = np.asarray(sf.reveal(found.flag)) == 1
        wanted = sorted({"a", *sides[1][1]})
        counted = np.asarray(sf.reveal(found.groupby("other", wanted).count()))
    merged = pd.DataFrame({"id": sides[0][0], "text": sides[0][1]}).merge(
        pd.DataFrame({"id": sides[1][0], "other": sides[1][1]}), on="id"
    )
    texts = {name: [labels[name][code] for code in codes[name][flags]] for name in labels}
    assert sorted(zip(texts["text"], texts["other"], strict=True)) == sorted(
        zip(merged["text"], merged["other"], strict=True)
    )
    assert counted.tolist() == [(merged["other"] == text).sum() for text in wanted]
    for name, kind, (_, each) in zip(("text", "other"), kinds, sides, strict=True):
        if kind in ("pandas", "polars", "arrow"):
            assert labels[name] == sorted(set(each))
        else:  # what the column says
            assert set(labels[name]) - {"not there"} == set(each)


def as_column(table, name):
    """The same with its column of text under another name."""
    if isinstance(table, pa.Table):
        return table.rename_columns(["id", name])
    return (
        table.rename(columns={"text": name})
        if isinstance(table, pd.DataFrame)
        else table.rename({"text": name})
    )


def test_columns_that_say_the_same_texts_have_the_same_codes(quick):
    cities = ["Bern", "Genf", "Basel"]

    def lives(*names):
        return pd.Categorical(names, categories=cities)

    ours = pd.DataFrame({"id": [1, 2, 3], "lives": lives("Genf", "Bern", "Genf")})
    theirs = pd.DataFrame({"nr": [3, 2, 1], "works": lives("Bern", "Bern", "Genf")})
    found = joined(quick, ours, theirs)
    same = quick(lambda one, other, flag: jnp.sum((one == other) * flag))
    assert float(sf.reveal(same(found["lives"], found["works"], found.flag))) == 2
    assert sf.reveal(dict(found.labels)) == {"lives": cities, "works": cities}


@pytest.mark.parametrize(("quick", "helper"), each_once(RINGS, [True, False]), indirect=["quick"])
def test_the_first_owner_knows_its_rows_again(quick, helper):
    """Whatever is computed for each row: rows without a key and later ones of a key are none."""
    ours = pd.DataFrame({"id": pd.array([5, None, 7, 5, 6], "Int64"), "age": [1, 2, 3, 4, 5]})
    theirs = pd.DataFrame({"nr": [6, 5, 9], "pay": [60.0, 50, 90]})
    found = joined(quick, ours, theirs, helper=helper, duplicates="first")
    positions = sf.reveal(found.positions)
    assert positions.dtype == np.int64
    assert positions.shape == (found.rows,)
    assert sorted(positions[positions >= 0]) == [0, 2, 4]
    rows = positions >= 0
    age, pay = (np.asarray(sf.reveal(found[name])) for name in ("age", "pay"))
    assert age[rows].tolist() == ours["age"].to_numpy()[positions[rows]].tolist()
    assert dict(zip(positions[rows].tolist(), pay[rows].tolist(), strict=True)) == {0: 50, 2: 0, 4: 60}
    assert not age[~rows].any()


@pytest.mark.parametrize(("quick", "helper"), each_once(RINGS, [True, False]), indirect=["quick"])
def test_texts_do_not_travel(quick, monkeypatch, helper):
    """Short texts and long ones, few and many: what goes between the parties has the same shapes."""
    moved = watched_moves(monkeypatch)
    sizes = []
    for texts in (["a"] * 6, [letter * 50 for letter in "abcdef"]):
        moved.clear()
        theirs = pd.DataFrame({"nr": range(6), "plan": texts})
        found = joined(quick, pd.DataFrame({"id": range(6), "city": texts}), theirs, helper=helper)
        found.groupby("plan", ["a", "b"]).count()
        values = [(source, to, handle.ref.value()) for source, to, handle in moved]
        sizes.append([(source, to, getattr(each, "shape", None) or len(each)) for source, to, each in values])
        assert not any(isinstance(each, list | str) for _, _, each in values)
    assert sizes[0] == sizes[1]


def test_texts_that_cannot_be(quick):
    ours, theirs = people()
    with pytest.raises(sf.JoinError, match=r"bob: column 'plan' of text has gaps"):
        joined(quick, ours, theirs.assign(plan=[None, *["x"] * 39]))
    found = joined(quick, ours.assign(city="Bern"), theirs)
    for name, values in (("city", [1, 2]), ("city", ["Bern", 2]), ("vip", ["Bern"])):
        with pytest.raises(sf.JoinError, match="of another type"):
            found.groupby(name, values)


# Who sees what.


def test_what_each_party_receives_where_nobody_helps(quick, monkeypatch):
    """The same of tables that have no key in common and of those that have all; and of nothing twice."""
    moved = watched_moves(monkeypatch)
    ours, _ = people()
    described, words = [], []
    for shift in (0, 0, 1000):
        moved.clear()
        theirs = pd.DataFrame({"nr": ours["id"] + shift, "pay": ours["age"]})
        result = joined(quick, ours, theirs, helper=False)
        seen = [(source, to, handle.ref.value()) for source, to, handle in moved]
        described.append(
            {
                way: [
                    value.shape if isinstance(value, np.ndarray) else len(value)
                    for source, to, value in seen
                    if (source, to) == way
                ]
                for way in {(source, to) for source, to, _ in seen}
            }
        )
        words += [value.ravel() for _, _, value in seen if getattr(value, "dtype", None) == np.uint64]
    width = quick.numbers.width
    sizes = OpprfSizes(40, 40, width // 64, width)
    assert sum(sizes.widths) == 1 + width // 64
    assert described[0] == {
        ("alice", "bob"): [
            32,  # names the run
            sizes.oprf.reply,  # which try it was; base transfers
            *[(6, sizes.oprf.slots // 64)] * sizes.oprf.columns,  # masked symbols of a table of hashes
        ],
        ("bob", "alice"): [
            32 + symbol_vole.functions_bytes(sizes.oprf.columns),
            16,  # of the hash of the next table
            *[
                (len(range(sizes.slots)[sizes.piece(number)]), words)
                for words in sizes.widths
                for number in range(PIECES)
            ],
        ],
    }
    assert described == described[:1] * 3
    every = np.concatenate(words)
    assert len(np.unique(every)) == len(every)
    ones = np.unpackbits(every.view(np.uint8))
    assert abs(ones.mean() - 0.5) < 6 * 0.5 / len(ones) ** 0.5
    assert result.learned == {
        party: f"{party.party} learns how many different keys {other} has; names and types of its columns."
        for party, other in ((sf.PYU("alice"), "bob"), (sf.PYU("bob"), "alice"))
    }


@pytest.mark.parametrize("pad", [0, 5])
def test_what_each_party_receives(quick, monkeypatch, pad):
    moved = watched_moves(monkeypatch)
    ours, theirs = people()
    n, m, both = len(ours) + pad, len(theirs) + pad, len(set(ours["id"]) & set(theirs["nr"]))
    seen = []
    for _ in range(2):
        moved.clear()
        result = joined(quick, ours, theirs, pad=pad)
        seen.append([(source, to, handle.ref.value()) for source, to, handle in moved])
    described = {
        (source, to): sorted(
            (str(value.dtype), value.shape) if isinstance(value, np.ndarray) else ("bytes", len(value))
            for there, here, value in seen[0]
            if (there, here) == (source, to)
        )
        for source in PARTIES
        for to in PARTIES
        if source != to
    }
    wide = () if quick.numbers.width == 64 else (2,)
    column = ("uint64", (n + m, *wide))
    assert described == {
        ("alice", "bob"): [("bytes", 32), ("bytes", 32)],  # keys of tags; masks
        ("alice", "carol"): [
            ("bytes", 32),
            column,
            column,
            ("uint8", (n, 16)),
        ],  # an order, corrections, tags
        ("bob", "carol"): [column, column, ("uint8", (m, 16))],
        ("carol", "bob"): [("bytes", 32), ("int64", (n,))],  # what hides its pieces; random places
        ("carol", "alice"): [("uint64", (n, *wide)), ("uint64", (n, *wide))],
        ("bob", "alice"): [],
    }
    words = [value for one in seen for _, _, value in one if getattr(value, "dtype", None) == np.uint64]
    everything = np.concatenate([each.ravel() for each in words])
    assert len(np.unique(everything)) == len(everything)  # not one word twice, in both runs: all are masked
    first = {  # of one column: what the helper has, and what it gives the dealer, who knows what hides it
        (source, to): next(
            v
            for s, t, v in seen[0]
            if (s, t) == (source, to) and getattr(v, "dtype", None) in (np.uint64, np.int64)
        )
        for source, to in described
        if described[source, to] and (source, to) != ("alice", "bob")
    }
    lowest = {way: v.reshape(len(v), -1)[:, 0] for way, v in first.items()}
    bare = lowest["bob", "carol"][:, None] + lowest["alice", "carol"][lowest["carol", "bob"]]
    assert not np.isin(lowest["carol", "alice"], bare).any()
    tags = [
        {to: set(map(bytes, v)) for to, _, v in one if getattr(v, "dtype", None) == np.uint8} for one in seen
    ]
    assert all(both <= len(one["alice"] & one["bob"]) <= both + pad for one in tags)
    assert not tags[0]["alice"] & tags[1]["alice"]
    assert [party.party for party in result.learned] == ["carol", "alice", "bob"]
    more = f" plus a number up to {pad} that it does not know" if pad else ""
    assert f"how many they have in common{more}, not which" in result.learned[sf.PYU("carol")]


def test_places_say_nothing_of_what_is_wanted():
    """Whatever the helper wants, all 6 ways to name 2 of 3 places are as likely."""
    for wanted in ([0, 1], [2, 0]):
        ways = {}
        for number in range(600):
            seed = number.to_bytes(32, "big")
            way = tuple(aligning.places_for(np.array(wanted), seed, 3))
            ways[way] = ways.get(way, 0) + 1
        assert len(ways) == 6
        assert all(60 < times < 140 for times in ways.values())  # four deviations


def test_a_piece_that_the_dealer_is_given_is_hidden_from_its_masks():
    """The dealer knows all masks: without one more, of the helper, it would see small numbers."""
    masks, order, handing = (bytes([number]) * 32 for number in range(3))
    x, wanted = np.arange(8, dtype=np.uint64), np.array([5, 2, 7])
    places = aligning.places_for(wanted, order, 8)
    of_owner, of_dealer = aligning.masked(x, masks, 0), aligning.correction(masks, order, 0, 8)
    piece = aligning.helpers_piece(wanted, places, of_owner, of_dealer, 8)
    own = aligning.owners_piece(places, masks, 0, 8, 3)
    given = aligning.hand_over(piece, handing, 0)
    assert (given + aligning.taken_over(own, handing, 0)).tolist() == (piece + own).tolist() == [5, 2, 7]
    known = aligning.masks(masks, 1, 8)  # b of `aligning`
    assert set((piece[:, None] + known).ravel().tolist()) & set(range(8))  # what it would see
    assert not set((given[:, None] + known).ravel().tolist()) & set(range(8))


def desk(ids, pad, keys, first):
    made = HiddenDesk(Order(("id",), ("",), "error", False, None))
    assert made.read(pd.DataFrame({"id": ids}), None, [])["problem"] == ""
    made.mix(keys, pad, first)
    return made


def test_numbers_of_128_bits_are_brought_in_line_exactly():
    """Whatever carries from one word to the next: against Python's integers."""
    rng, masks, order, handing = np.random.default_rng(4), *(bytes([number]) * 32 for number in range(3))
    numbers = [int(a) - 2**63 + (int(b) << 63) for a, b in rng.integers(0, 2**63, (40, 2))] + [-1, 0, 2**64]
    wanted = rng.permutation(43)[:20]
    places = aligning.places_for(wanted, order, 43)
    of_owner = aligning.masked(ring128.wide_of_integers(numbers), masks, 0)
    of_dealer = aligning.correction(masks, order, 0, 43, 128)
    given = aligning.hand_over(
        aligning.helpers_piece(wanted, places, of_owner, of_dealer, 43, 128), handing, 0
    )
    own = aligning.taken_over(aligning.owners_piece(places, masks, 0, 43, 20, 128), handing, 0)
    pieces = [[low + (high << 64) for low, high in each.tolist()] for each in (given, own)]
    found = [(one + other) % 2**128 for one, other in zip(*pieces, strict=True)]
    assert found == [numbers[place] % 2**128 for place in wanted]


def test_how_many_of_nobody_the_helper_finds_is_uniform_and_where_it_finds_them_too():
    times, places = np.zeros(4, int), np.zeros(6, int)
    first, second = desk([1, 2, 3], 3, new_keys(), True), desk([3, 4, 5], 3, new_keys(), False)
    for _ in range(400):
        keys = new_keys()
        first.mix(keys, 3, True)
        second.mix(keys, 3, False)
        ours = list(map(bytes, first.tags(0, 6, None)))
        both = set(ours) & set(map(bytes, second.tags(0, 6, None)))
        times[len(both) - 1] += 1
        places[[place for place, tag in enumerate(ours) if tag in both]] += 1
    assert all(50 < each < 150 for each in times), times  # 100 each, nearly six deviations
    assert all(107 < each < 227 for each in places), places  # 400 * 2.5 / 6 each, six deviations


def test_a_row_is_one_of_both_only_where_all_bits_are_equal():
    differences = [jnp.array([0, 0, 3, -1]), jnp.array([0, 7, 0, 1])]
    (chosen,), flag = hidden_pair._compared(differences, [jnp.array([4, 5, 6, 7])])
    assert (chosen.tolist(), flag.tolist()) == ([4, 0, 0, 0], [1, 0, 0, 0])


# What cannot be.


def test_what_is_said_wrongly(quick):
    alice, bob, dave = (sf.PYU(name) for name in ("alice", "bob", "dave"))
    ours, theirs = people()
    tables = {alice: at("alice", ours), bob: at("bob", theirs.rename(columns={"nr": "id"}))}
    alone = sf.SPU(parties=["alice", "bob"])
    for wrong, options, message in [
        (tables, {"onto": "SPU"}, "not an SPU"),
        (tables, {"onto": alone, "helper": "carol"}, "has no helper"),
        (tables, {"onto": alone, "pad": 3}, "nobody helps"),
        (tables, {"onto": alone, "duplicates": "all"}, "one row a key"),
        ({**tables, bob: at("bob", ours.assign(age=DAY))}, {"onto": alone}, "bob: column 'age' is of type"),
        ({**tables, bob: at("bob", ours)}, {"onto": alone}, "both tables have a column 'age'"),
        ({**tables, bob: at("bob", pd.concat([ours, ours]))}, {"onto": alone}, "bob: 40 rows repeat a key"),
        ({alice: tables[alice], dave: at("dave", theirs)}, {}, "alice and dave, but alice and bob compute"),
        (tables, {"how": "left"}, "nobody gets rows"),
        (tables, {"to": alice}, "nobody gets rows"),
        (tables, {"duplicates": "all"}, "one row a key"),
        (tables, {"pad": -1}, "pad is -1"),
        (tables, {"pad": True}, "pad is True"),
        (tables, {"helper": dave}, "carol is the helper"),
        (tables, {"helper": False, "pad": 3}, "nobody helps"),
        (tables, {"onto": None, "pad": 3}, "onto an SPU only"),
        ({**tables, bob: at("bob", ours)}, {}, "both tables have a column 'age'"),
        ({**tables, bob: at("bob", ours.assign(age=DAY))}, {}, "bob: column 'age' is of type"),
        ({**tables, bob: at("bob", ours.assign(age=np.nan))}, {}, "bob: column 'age' has NaN"),
        ({**tables, bob: at("bob", pd.concat([ours, ours]))}, {}, "bob: 40 rows repeat a key"),
    ]:
        with pytest.raises(sf.JoinError, match=message):
            join(wrong, on="id", **({"onto": quick} | options))


@pytest.mark.parametrize(("bound", "who"), [("MOST_BINS", "alice"), ("MOST_KEYS", "bob")])
def test_more_keys_than_have_room_are_refused_before_anything_is_made(quick, monkeypatch, bound, who):
    monkeypatch.setattr(cuckoo if bound == "MOST_BINS" else hidden_pair, bound, 150)
    with pytest.raises(sf.JoinError, match=f"{who} has [46]0 keys, and in memory") as caught:
        joined(
            quick, *(table.head(rows) for table, rows in zip(people(60), (40, 60), strict=True)), helper=False
        )
    assert "helper" in caught.value.fix


@pytest.mark.parametrize("wrong", [None, np.zeros(3), np.zeros(2, np.uint64), np.zeros((3, 1), np.uint64)])
@pytest.mark.parametrize("width", [64, 128])
def test_pieces_that_are_none(wrong, width):
    good, of_other_ring = np.zeros((3, 2), np.uint64), np.zeros(3, np.uint64)
    if width == 64:
        good, of_other_ring = of_other_ring, good
    places = np.arange(3)
    for bad in (wrong, of_other_ring):
        with pytest.raises(ProtocolViolation, match=f"3 numbers of {width} bits"):
            piece_of(3, bad, width)
        for pair in ((bad, good), (good, bad)):
            with pytest.raises(ProtocolViolation, match=f"3 numbers of {width} bits"):
                aligning.helpers_piece(places, places, *pair, 3, width)
    assert len(aligning.helpers_piece(places, places, good, good, 3, width)) == 3


@pytest.mark.parametrize(
    "wrong", [None, np.zeros(2, np.int32), np.zeros(3, np.int64), np.array([0, 3]), np.array([-1, 0])]
)
def test_places_that_are_none(wrong):
    with pytest.raises(ProtocolViolation, match="place"):
        aligning.owners_piece(wrong, bytes(32), 0, 3, 2)


@pytest.mark.parametrize("seed", [None, bytes(31), "s" * 32])
def test_a_seed_or_a_key_that_is_none(seed):
    with pytest.raises(ProtocolViolation, match="no seed"):
        aligning.masks(seed, 0, 1)
    routing = Routing({"a": 0, "b": 0}, "inner", "a", None)
    routing.compare(["a", "b"])
    with pytest.raises(ProtocolViolation, match="no seed"):
        routing.route(seed, 64)
    with pytest.raises(ProtocolViolation, match="no pair of keys"):
        desk([1], 0, seed, True)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {"types": {}},
        {"types": {"a": "object"}, "problem": ""},
        {"types": {"\x1b[2J": "int32"}, "problem": ""},
        {"types": {1: "int32"}, "problem": ""},
        {"types": [], "problem": ""},
        {"types": {}, "problem": None},
    ],
)
def test_descriptions_that_are_none(wrong):
    assert not hidden._is_description(wrong)
