"""Preprocessing at the owners does what scikit-learn does to the whole table."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import impute, preprocessing

import junto as sf
from frames import LIBRARIES, split, whole
from junto import frame as ours
from tries import tries


@pytest.fixture(scope="module", autouse=True)
def session():
    sf.init(parties=["alice", "bob"], debug_mode=True, logging_level="error")
    yield
    sf.shutdown()


LIBRARY_PAIRS = st.tuples(*[st.sampled_from(LIBRARIES)] * 2)
VALUES = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e4, 1e4, width=32))


@st.composite
def numbers(draw, missing=True):
    rows = draw(st.integers(2, 12))
    element = st.one_of(VALUES, st.just(float("nan"))) if missing else VALUES
    table = {name: draw(st.lists(element, min_size=rows, max_size=rows)) for name in "ab"}
    table["c"] = draw(st.lists(st.integers(0, 4), min_size=rows, max_size=rows))
    found = pd.DataFrame(table)
    assume(found.notna().any().all())
    return found


@st.composite
def words(draw, missing=True):
    rows = draw(st.integers(1, 12))
    word = st.sampled_from(["x", "y", "Z", "ä"])
    column = st.lists(st.one_of(word, st.none()) if missing else word, min_size=rows, max_size=rows)
    return pd.DataFrame(
        {"s": draw(column), "n": draw(st.lists(st.integers(0, 3), min_size=rows, max_size=rows))}
    )


def compare(mine, theirs, table, libraries):
    """Fit both to the same rows; the arrays they make of them."""
    frame = split(table, 1, libraries)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = np.asarray(theirs.fit_transform(table), float)
        again = np.asarray(theirs.transform(table.head(1)), float)
    got = mine.fit_transform(frame)
    for found, expected in ((got, want), (mine.transform(frame.head(1)), again)):
        array = whole(found).to_numpy(float, na_value=np.nan)
        np.testing.assert_allclose(array, expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=tries(40), deadline=None)
@given(table=numbers(), libraries=LIBRARY_PAIRS, mean=st.booleans(), std=st.booleans())
def test_standard_scaler(table, libraries, mean, std):
    options = {"with_mean": mean, "with_std": std}
    compare(ours.StandardScaler(**options), preprocessing.StandardScaler(**options), table, libraries)


@settings(max_examples=tries(40), deadline=None)
@given(
    table=numbers(), libraries=LIBRARY_PAIRS, bounds=st.sampled_from([(0, 1), (-2, 5)]), clip=st.booleans()
)
def test_min_max_scaler(table, libraries, bounds, clip):
    options = {"feature_range": bounds, "clip": clip}
    compare(ours.MinMaxScaler(**options), preprocessing.MinMaxScaler(**options), table, libraries)


@settings(max_examples=tries(40), deadline=None)
@given(table=words(), libraries=LIBRARY_PAIRS, drop=st.sampled_from([None, "first", "if_binary"]))
def test_one_hot_encoder(table, libraries, drop):
    assume(drop != "first" or (table.nunique(dropna=False) > 1).all())  # or a party has no column left
    theirs = preprocessing.OneHotEncoder(drop=drop, sparse_output=False)
    compare(ours.OneHotEncoder(drop=drop), theirs, table.astype(object), libraries)


@settings(max_examples=tries(40), deadline=None)
@given(table=words(), libraries=LIBRARY_PAIRS)
def test_ordinal_encoder(table, libraries):
    assume(table["s"].notna().any())  # of a column without any value scikit-learn makes a category, None
    compare(ours.OrdinalEncoder(), preprocessing.OrdinalEncoder(), table.astype(object), libraries)


@settings(max_examples=tries(40), deadline=None)
@given(table=words(missing=False), libraries=LIBRARY_PAIRS)
def test_label_encoder(table, libraries):
    got = whole(ours.LabelEncoder(columns="s").fit_transform(split(table, 1, libraries)))["s"]
    assert got.tolist() == preprocessing.LabelEncoder().fit_transform(table["s"]).tolist()


@settings(max_examples=tries(60), deadline=None)
@given(
    table=numbers(missing=False),
    libraries=LIBRARY_PAIRS,
    n_bins=st.integers(2, 6),
    strategy=st.sampled_from(["quantile", "uniform"]),
    onehot=st.booleans(),
)
def test_bins(table, libraries, n_bins, strategy, onehot):
    spread = table.max() - table.min()
    assume(((spread == 0) | (spread > 1e-6)).all())  # scikit-learn fails where all quantiles are one
    theirs = preprocessing.KBinsDiscretizer(
        n_bins=n_bins,
        strategy=strategy,
        encode="onehot-dense" if onehot else "ordinal",
        quantile_method="averaged_inverted_cdf",
        subsample=None,
    )
    mine = ours.KBinsDiscretizer(n_bins=n_bins, strategy=strategy, encode="onehot" if onehot else "ordinal")
    compare(mine, theirs, table, libraries)


@settings(max_examples=tries(40), deadline=None)
@given(
    table=numbers(), libraries=LIBRARY_PAIRS, strategy=st.sampled_from(["mean", "median", "most_frequent"])
)
def test_imputer(table, libraries, strategy):
    compare(ours.SimpleImputer(strategy=strategy), impute.SimpleImputer(strategy=strategy), table, libraries)
