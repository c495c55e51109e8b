"""Whatever is done to a frame, its parts are those of the whole table to which pandas has done the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import model_selection

import junto as sf
from frames import LIBRARIES, shown, split, values, whole
from junto.frame import train_test_split
from junto.frame.native_tables import opened
from tries import tries


@pytest.fixture(scope="module", autouse=True)
def session():
    sf.init(parties=["alice", "bob"], debug_mode=True, logging_level="error")
    yield
    sf.shutdown()


NUMBERS = st.one_of(st.none(), st.integers(-3, 3).map(float), st.floats(-1e6, 1e6, width=32))
COLUMNS = {
    "i": st.integers(-(2**40), 2**40),
    "f": NUMBERS,
    "g": NUMBERS,
    "s": st.sampled_from(["x", "y", "zz", "ä", None]),
    "t": st.booleans(),
    "k": st.integers(0, 3),
}


@st.composite
def tables(draw):
    rows = draw(st.integers(0, 8))
    names = draw(st.permutations(list(COLUMNS)))
    columns = {name: draw(st.lists(COLUMNS[name], min_size=rows, max_size=rows)) for name in names}
    dtypes = {"i": "int64", "f": "float64", "g": "float64", "s": "str", "t": "bool", "k": "int64"}
    return pd.DataFrame(columns).astype(dtypes)


STEPS = {
    "select": (lambda f: f[["f", "k", "s"]], lambda t: t[["f", "k", "s"]]),
    "one": (lambda f: f["s"], lambda t: t[["s"]]),
    "drop": (lambda f: f.drop(["g", "t"]), lambda t: t.drop(columns=["g", "t"])),
    "rename": (lambda f: f.rename({"s": "i2", "i": "q"}), lambda t: t.rename(columns={"s": "i2", "i": "q"})),
    "head": (lambda f: f.head(3), lambda t: t.head(3)),
    "fill": (
        lambda f: f.fillna({"f": lambda f: f.mean(), "s": "none"}),
        lambda t: t.fillna({"f": t["f"].mean(), "s": "none"}),
    ),
    "map": (lambda f: f.map({"k": lambda k: k * 2 + 1}), lambda t: t.assign(k=t["k"] * 2 + 1)),
    "astype": (
        lambda f: f.astype({"k": "float64", "t": "int8"}),
        lambda t: t.astype({"k": "float64", "t": "int8"}),
    ),
    "replace": (
        lambda f: f.replace({"k": {0: 9, 1: 8}, "s": {"x": "new"}}),
        lambda t: t.replace({"k": {0: 9, 1: 8}, "s": {"x": "new"}}),
    ),
    "isna": (lambda f: f.isna(), lambda t: t.isna()),
    "filter": (
        lambda f: f.filter("f", lambda f: f > 0, disclose_rows=True),
        lambda t: t[t["f"] > 0],
    ),
    "filter text": (
        lambda f: f.filter("s", lambda s: s == "x", disclose_rows=True),
        lambda t: t[t["s"] == "x"],
    ),
    "dropna": (lambda f: f.dropna(disclose_rows=True), lambda t: t.dropna()),
    "dropna some": (lambda f: f.dropna(["f"], disclose_rows=True), lambda t: t.dropna(subset=["f"])),
    "assign": (
        lambda f: f.assign(f.owners["k"], k=lambda t: t["k"] / 4, u=1),
        lambda t: t.assign(k=t["k"] / 4, u=1),
    ),
}


def same(one, other):
    if isinstance(one, float) and other is not None:
        return one == pytest.approx(other, rel=1e-12)
    return one == other


LEAVES_ALL = sorted(set(STEPS) - {"select", "one", "drop", "rename", "isna", "assign", "astype"})
LIBRARY_PAIRS = st.tuples(*[st.sampled_from(LIBRARIES)] * 2)


@settings(max_examples=tries(60), deadline=None)
@given(
    table=tables(),
    cut=st.integers(1, 5),
    libraries=LIBRARY_PAIRS,
    steps=st.lists(st.sampled_from(LEAVES_ALL), max_size=3),
    last=st.sampled_from(sorted(STEPS)),
)
def test_steps_do_to_the_parts_what_pandas_does_to_the_whole(table, cut, libraries, steps, last):
    frame = split(table, cut, libraries)
    for step in [*steps, last]:
        frame, table = (change(each) for change, each in zip(STEPS[step], (frame, table), strict=True))
    got, want = values(whole(frame)), values(table)
    assert set(got) == set(want) == set(frame.columns)
    for name in want:
        assert len(got[name]) == len(want[name])
        assert all(same(*pair) for pair in zip(got[name], want[name], strict=True))
    assert frame.rows == len(table)


@settings(max_examples=tries(40), deadline=None)
@given(table=tables(), cut=st.integers(1, 5), libraries=LIBRARY_PAIRS, seed=st.integers(0, 9))
def test_what_is_not_changed_keeps_its_type_and_order(table, cut, libraries, seed):
    frame = split(table, cut, libraries)
    before = {party: opened(part) for party, part in shown(frame).items()}
    after = frame.fillna({"f": 0.5}).replace({"k": {0: 9}}).sample(frac=1.0, random_state=seed)
    order = np.random.RandomState(seed).permutation(len(table))
    for party, part in shown(after[["i", "g", "s", "t"]]).items():
        assert type(part) is type(before[party].native)
        expected = opened(before[party].select(opened(part).names))
        assert opened(part).dtypes == expected.dtypes
        assert (
            opened(part)
            .pandas()
            .reset_index(drop=True)
            .equals(expected.pandas().iloc[order].reset_index(drop=True))
        )


@settings(max_examples=tries(40), deadline=None)
@given(
    rows=st.integers(2, 60),
    test_size=st.one_of(st.integers(1, 30), st.floats(0.05, 0.9)),
    seed=st.integers(0, 2**32 - 1),
    shuffle=st.booleans(),
    libraries=LIBRARY_PAIRS,
)
def test_the_split_is_that_of_scikit_learn(rows, test_size, seed, shuffle, libraries):
    table = pd.DataFrame({"a": np.arange(rows), "b": np.arange(rows) * 0.5, "c": np.arange(rows).astype(str)})
    frame = split(table, 1, libraries)
    options = {"test_size": test_size, "random_state": seed if shuffle else None, "shuffle": shuffle}
    try:
        train, test = model_selection.train_test_split(table, **options)
    except ValueError:
        with pytest.raises(sf.FrameError):
            train_test_split(frame, **options)
        return
    ours = train_test_split(frame, **options)
    assert [values(whole(each)) for each in ours] == [values(each) for each in (train, test)]


@settings(max_examples=tries(30), deadline=None)
@given(table=tables(), cut=st.integers(1, 5), libraries=LIBRARY_PAIRS)
def test_statistics_at_the_owners_are_those_of_pandas(table, cut, libraries):
    frame = split(table, cut, libraries)
    numbers = table.select_dtypes(["number", "bool"])
    for ours, theirs in (
        (frame.mean(), numbers.mean()),
        (frame.sum(), numbers.sum()),
        (frame.std(), numbers.std()),
        (frame.min(), numbers.min()),
        (frame.max(), numbers.max()),
        (frame.count(), table.count()),
        (frame.isna().sum(), table.isna().sum()),
        (frame.quantile(0.3), table.select_dtypes("number").quantile(0.3)),
    ):
        found = pd.concat([part for part in sf.reveal(list(ours.values())) if len(part)])
        assert {k: float(v) for k, v in found.items()} == pytest.approx(
            {k: float(v) for k, v in theirs.items()}, rel=1e-9, abs=1e-9, nan_ok=True
        )
    counts = sf.reveal(frame.value_counts("s"))
    assert counts.to_dict() == table["s"].value_counts().to_dict()
