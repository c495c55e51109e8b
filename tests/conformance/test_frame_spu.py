"""What frames compute on an SPU is what pandas, numpy and scikit-learn compute of the whole table."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression as Reference
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split as their_split
from sklearn.preprocessing import StandardScaler as TheirScaler

import junto as sf
from frames import at, made_by, split, whole
from junto.frame import (
    HorizontalFrame,
    StandardScaler,
    VerticalFrame,
    WeightOfEvidenceEncoder,
    correlation,
    train_test_split,
    variance_inflation_factor,
)
from junto.learn import LogisticRegression, metrics

DIABETES = load_diabetes(as_frame=True, scaled=False).data
CANCER = load_breast_cancer(as_frame=True).frame


def evidence_by_pandas(bins: pd.Series, label: pd.Series) -> tuple[dict, float]:
    """Weight of evidence by bin, and information value; written for this test alone."""
    ones = label.groupby(bins, observed=True).sum().astype(float)
    zeros = (1 - label).groupby(bins, observed=True).sum().astype(float)
    lacking = ((ones == 0) | (zeros == 0)) * 0.5
    good, bad = (ones + lacking) / label.sum(), (zeros + lacking) / (1 - label).sum()
    weights = np.log(good / bad)
    return weights.to_dict(), float(((good - bad) * weights).sum())


def quantile_bins(column: pd.Series, count: int) -> pd.Series:
    """The bins of scikit-learn's KBinsDiscretizer; -1 of what is missing."""
    edges = np.quantile(column.dropna(), np.linspace(0, 1, count + 1), method="averaged_inverted_cdf")
    return pd.Series(np.digitize(column, edges[1:-1]).astype(float)).where(column.notna(), -1.0)


# Weight of evidence.


@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_weight_of_evidence_and_information_value(spu, library):
    table = pd.DataFrame(
        {
            "radius": CANCER["mean radius"],
            "smooth": CANCER["mean smoothness"].where(CANCER.index % 7 != 0),
            "kind": np.where(CANCER["mean area"] > 600, "large", "small"),
            "malignant": 1 - CANCER["target"],
        }
    )
    frame = split(table, 3, (library, library))
    encoder = WeightOfEvidenceEncoder(spu=spu, n_bins=5).fit(frame, "malignant")
    changed = whole(encoder.transform(frame))
    assert list(changed) == list(table)
    assert (changed["malignant"] == table["malignant"]).all()
    values = sf.reveal(encoder.information_value_[sf.PYU("alice")])
    for name in ("radius", "smooth", "kind"):
        bins = table[name]
        if name != "kind":
            bins = quantile_bins(bins, 5)
        weights, value = evidence_by_pandas(bins, table["malignant"])
        assert values[name] == pytest.approx(value, rel=1e-9)
        np.testing.assert_allclose(changed[name], bins.map(weights), rtol=1e-9)


def test_the_label_s_owner_counts_its_own_features_in_the_clear(spu):
    frame = split(CANCER[["mean radius", "mean texture", "target"]], 1)
    encoder = WeightOfEvidenceEncoder(spu=spu, n_bins=4).fit(frame, "target")
    mine = sf.reveal(encoder.information_value_[sf.PYU("bob")])
    texture = quantile_bins(CANCER["mean texture"], 4)
    assert mine["mean texture"] == pytest.approx(evidence_by_pandas(texture, CANCER["target"])[1], rel=1e-9)


@pytest.mark.parametrize("strategy", ["chi_merge", "tree", "monotone"])
def test_bins_that_follow_the_label_are_the_same_at_its_owner_and_elsewhere(spu, strategy):
    """Few missing values, which count with a bin; many, which have one; and columns of few values."""
    texture = CANCER["mean texture"].where(np.arange(len(CANCER)) % 50 > 0)
    few = CANCER["mean radius"].where(np.arange(len(CANCER)) > 2)
    flag = (CANCER["mean area"] > 1500).astype(float)
    table = pd.DataFrame(
        {"texture": texture, "few": few, "flag": flag, "none": np.nan, "y": 1 - CANCER["target"]}
    )
    theirs = WeightOfEvidenceEncoder(spu=spu, n_bins=4, strategy=strategy).fit(split(table, 4), "y")
    own = split(table.assign(other=0.0)[["other", *table]], 1)
    mine = WeightOfEvidenceEncoder(columns=list(table)[:4], n_bins=4, strategy=strategy).fit(own, "y")
    changed = whole(theirs.transform(split(table, 4)))
    pd.testing.assert_frame_equal(changed, whole(mine.transform(own))[list(table)])
    weights = sf.reveal(theirs.woe_[sf.PYU("alice")])
    assert {name: len(each) for name, each in weights.items()} == {
        "texture": 5,
        "few": 5,
        "flag": 3,
        "none": 2,
    }
    label, bins = table["y"], changed["texture"].map({w: place for place, w in enumerate(weights["texture"])})
    for name in ("texture", "flag"):
        expected, value = evidence_by_pandas(changed[name], label)
        np.testing.assert_allclose(changed[name], changed[name].map(expected), rtol=1e-9)
        assert sf.reveal(theirs.information_value_[sf.PYU("alice")])[name] == pytest.approx(value, rel=1e-9)
    assert bins[texture.isna()].nunique() == 1


@pytest.mark.parametrize(
    ("label", "says"),
    [
        (np.zeros(20, int), "has one class only"),
        (np.arange(20) % 3, "has other values than 0 and 1"),
        (np.where(np.arange(20) % 2, 1.0, np.nan), "has missing values"),
    ],
)
def test_a_label_that_is_none_is_one_sentence(spu, label, says):
    frame = split(pd.DataFrame({"x": np.arange(20.0), "y": label}), 1)
    with pytest.raises(sf.FrameError, match=f"label 'y' of bob {says}"):
        WeightOfEvidenceEncoder(spu=spu).fit(frame, "y")


# Correlation and inflation.


@pytest.mark.parametrize("libraries", [("pandas", "polars"), ("arrow", "pandas")])
def test_correlation_is_that_of_pandas(spu, libraries):
    frame = split(DIABETES, 4, libraries)
    found = correlation(frame, spu).reveal()
    want = DIABETES.corr()
    assert list(found) == list(found.index) == list(want)
    np.testing.assert_allclose(found, want, atol=1e-5)


def test_a_constant_column_correlates_with_nothing(spu):
    frame = split(DIABETES[["age", "bmi", "bp"]].assign(flat=3.0), 2)
    shared = correlation(frame, spu)
    found = shared.reveal()
    assert found["flat"].isna().all()
    assert found.loc["flat"].isna().all()
    assert found.loc["age", "bp"] == pytest.approx(DIABETES["age"].corr(DIABETES["bp"]), abs=1e-5)
    assert sf.reveal(shared.constant) == {sf.PYU("alice"): [], sf.PYU("bob"): ["flat"]}


def test_inflation_is_the_diagonal_of_the_inverse_correlation(spu):
    found = variance_inflation_factor(split(DIABETES, 4), spu).reveal()
    want = pd.Series(np.diag(np.linalg.inv(DIABETES.corr())), index=DIABETES.columns)
    np.testing.assert_allclose(found, want, rtol=0.01)
    assert want.max() > 10


def test_collinear_columns_have_infinite_inflation(spu):
    table = DIABETES[["age", "bmi", "bp"]]
    table = table.assign(sum=table["age"] + table["bp"], flat=1.0)
    found = variance_inflation_factor(split(table, 2), spu).reveal()
    assert np.isinf(found[["age", "bp", "sum"]]).all()
    assert np.isnan(found["flat"])
    assert found["bmi"] < 2


# Rows of several parties.


@pytest.fixture
def rows(spu):
    table = pd.DataFrame(
        {
            "age": [30, 41, 19, 77, 65, 52, 23],
            "pay": [1.5, np.nan, 2.25, -3.0, 1e3, 0.125, np.nan],
            "well": [True, False, True, True, False, True, True],
            "town": ["x", "y", "x", None, "z", "x", "y"],
        }
    )
    cuts = {"alice": table[:3], "bob": table[3:4], "carol": table[4:]}
    libraries = {"alice": "pandas", "bob": "polars", "carol": "arrow"}
    frame = HorizontalFrame(
        {sf.PYU(party): at(party, made_by(libraries[party], part)) for party, part in cuts.items()}
    )
    return frame, table


@pytest.mark.parametrize("name", ["sum", "mean", "std", "min", "max"])
def test_statistics_over_all_rows(spu, rows, name):
    frame, table = rows
    found = getattr(frame, name)(spu, disclose_rows=True).reveal()
    numbers = table[["age", "pay", "well"]].astype(float)
    want = getattr(numbers, name)()
    assert list(found.index) == ["age", "pay", "well"]
    np.testing.assert_allclose(found.astype(float), want, rtol=2e-5)
    if name in ("sum", "min", "max"):
        assert found["age"] == want["age"]


def far_apart(kind, distance, rng):
    """300 values around `distance`, that differ by 1 or so; of whole numbers by 1000."""
    if kind == "whole":
        return int(distance) + rng.integers(0, 1000, 300)
    if kind == "one far out":
        return np.where(np.arange(300) == 7, distance, rng.normal(size=300))
    if kind == "means far apart":
        return np.repeat([0.0, distance, -distance], 100) + rng.normal(size=300)
    return distance + rng.normal(size=300)


@pytest.mark.parametrize("kind", ["floats", "none at one party", "whole", "one far out", "means far apart"])
def test_a_deviation_does_not_depend_on_how_far_from_zero_the_values_are(spu, kind):
    """Moments of one day, places of one town, amounts that hardly differ: by exact sums of whole numbers."""
    rng = np.random.default_rng(5)
    table = pd.DataFrame({str(size): far_apart(kind, size, rng) for size in (0.0, -1e4, 1.7e9, 1e12, -5e17)})
    if kind in ("floats", "none at one party"):
        table = table.drop(columns="-5e+17")  # floats of that size differ by 64
    if kind == "none at one party":
        table.iloc[200:] = np.nan
    cuts = {"alice": table[:100], "bob": table[100:200], "carol": table[200:]}
    frame = HorizontalFrame({sf.PYU(party): at(party, part) for party, part in cuts.items()})
    found = frame.std(spu).reveal()
    for name, column in table.items():
        values = [Fraction(value) for value in column.dropna().tolist()]
        middle = sum(values) / len(values)
        want = float(sum((value - middle) ** 2 for value in values) / (len(values) - 1)) ** 0.5
        assert found[name] == pytest.approx(want, rel=2e-5), name


@pytest.mark.parametrize("size", [1.0, 2.0**-30, 2.0**40, 2.0**52])
def test_numbers_of_both_signs_up_to_a_power_of_two_have_room(spu, size):
    """Sums of as many as fit, and differences of the greatest and the least, which a comparison needs."""
    most = size * (1 - 2.0**-20)
    parts = {"alice": [most, -most, most, most], "bob": [-most, -most, most, -most]}
    # Besides sums of both signs: of one sign, and a party that has nothing.
    tables = {
        party: pd.DataFrame({"both": numbers, "one": np.abs(numbers), "lacking": np.array(numbers) * missing})
        for (party, numbers), missing in zip(parts.items(), (-1, np.nan), strict=True)
    }
    frame = HorizontalFrame({sf.PYU(party): at(party, table) for party, table in tables.items()})
    whole = pd.concat(tables.values())
    for name in ("sum", "min", "max"):
        found, want = getattr(frame, name)(spu, disclose_rows=True).reveal(), getattr(whole, name)()
        assert found.to_dict() == want.to_dict()


@pytest.mark.parametrize("dtype", ["int64", "Int64", "uint64"])
def test_whole_numbers_of_64_bits_stay_what_they_are(spu, dtype):
    """Over all rows and at their owner, beside missing ones, too; sums of any size."""
    least, most = (0, (1 << 64) - 1) if dtype == "uint64" else (-(1 << 63), (1 << 63) - 1)
    small = [2**53 + 1, 3, 2**53 + 3]
    parts = {"alice": [most, 5, most - 1], "bob": [least + 3, most - 2, least + 1]}
    made = partial(pd.array, dtype=dtype) if dtype == "Int64" else partial(np.array, dtype=dtype)
    gap = [None] if dtype == "Int64" else []
    tables = {
        party: pd.DataFrame({"id": made(large + gap), "low": made(small + gap)})
        for party, large in parts.items()
    }
    whole = [*parts["alice"], *parts["bob"]]
    frame = HorizontalFrame({sf.PYU(party): at(party, table) for party, table in tables.items()})
    for name, of in (("sum", sum), ("min", min), ("max", max)):
        found = getattr(frame, name)(spu, disclose_rows=True).reveal()
        assert list(found) == [of(whole), of(2 * small)]
        vertical = VerticalFrame({sf.PYU("alice"): at("alice", tables["alice"])})
        (own,) = sf.reveal(list(getattr(vertical, name)().values()))
        assert own["low"] == of(small)
        assert own["id"] == pytest.approx(of(parts["alice"]), rel=0 if name != "sum" else 1e-15)


@pytest.mark.parametrize("size", [1e-250, 1e-160, 1e-6, 1e200])
def test_correlations_do_not_depend_on_the_size_of_numbers(spu, size):
    """Squares of numbers of any size have room."""
    table = CANCER.iloc[:60, :4]
    sized = table * [size, 1.0, 1.0, 1 / size]
    want = table.corr()
    found = correlation(split(sized, 2), spu).reveal()
    np.testing.assert_allclose(found, want, atol=1e-5)


def test_counts_over_all_rows(spu, rows):
    frame, table = rows
    assert frame.count(spu, disclose_rows=True).reveal().to_dict() == table.count().to_dict()
    found = frame.value_counts("town", ["x", "y", "w"], spu, disclose_rows=True).reveal()
    assert found.to_dict() == {"x": 3, "y": 2, "w": 0}


@pytest.mark.parametrize("spu", ["debug"], indirect=True)
@pytest.mark.parametrize(
    ("present", "fine"),
    [
        ((8, 8), True),
        ((100, 8), True),
        ((8, 0), True),  # its own; and those who have none see eight
        ((0, 0), True),
        ((7, 8), False),
        ((100, 7), False),
        ((100, 1), False),
        ((7, 0), False),
        ((8, 8, 0), True),
        ((4, 4, 4), True),
        ((4, 4, 3), False),
        ((100, 100, 1), True),  # nobody has so many of its own that few are left
        ((100, 7, 0), False),
    ],
)
def test_totals_of_few_values_of_others_are_refused_unless_the_script_says_so(spu, present, fine):
    """Rows are enough everywhere; what counts are the values that are there."""
    tables = {
        party: pd.DataFrame({"x": np.where(np.arange(100) < n, 1.5, np.nan), "full": np.arange(100)})
        for party, n in zip(("alice", "bob", "carol"), present, strict=False)
    }
    frame = HorizontalFrame({sf.PYU(party): at(party, table) for party, table in tables.items()})
    assert frame[["full"]].sum(spu).reveal()["full"] == 4950 * len(tables)
    calls = [partial(getattr(frame, name), spu) for name in ("sum", "mean", "std", "min", "max", "count")]
    for call in [*calls, partial(frame.value_counts, "x", [1.5], spu)]:
        if not fine:
            with pytest.raises(sf.FrameError, match="of 'x' a party could work out") as caught:
                call()
            assert "disclose_rows=True" in caught.value.fix
    agreed = {} if fine else {"disclose_rows": True}
    assert frame.sum(spu, **agreed).reveal()["x"] == 1.5 * sum(present)


def test_statistics_are_shown_to_whom_it_is_said(spu, rows):
    frame, table = rows
    found = frame.mean(spu, disclose_rows=True).reveal(to=["alice"])
    assert found["age"] == pytest.approx(table["age"].mean())


# On to learning.


@pytest.mark.parametrize("spu", ["debug", "simulation"], indirect=True)
@pytest.mark.parametrize(
    "library", ["pandas", *(pytest.param(each, marks=pytest.mark.slow) for each in ("polars", "arrow"))]
)
def test_a_frame_goes_into_a_model_as_it_is(spu, library):
    table = CANCER.iloc[:, [0, 1, 4, 20, 24]].assign(malignant=1 - CANCER["target"])
    frame = split(table, 2, (library, library))
    train, test = train_test_split(frame, test_size=0.3, random_state=4)
    scaler = StandardScaler(columns=[name for name in frame.columns if name != "malignant"])
    train, test = scaler.fit_transform(train), scaler.transform(test)
    model = LogisticRegression(spu).fit(train.drop("malignant"), train["malignant"])
    score = model.decision_function(test.drop("malignant"), to=sf.PYU("bob"))
    auc = sf.reveal(metrics.roc_auc_score(test["malignant"], score))

    one, two = their_split(table, test_size=0.3, random_state=4)
    theirs = TheirScaler().fit(one.drop(columns="malignant"))
    reference = Reference(C=1.0).fit(theirs.transform(one.drop(columns="malignant")), one["malignant"])
    want = reference.decision_function(theirs.transform(two.drop(columns="malignant")))
    assert auc == pytest.approx(roc_auc_score(two["malignant"], want), abs=0.002)


def test_text_is_refused_before_anything_is_shared(spu):
    frame = split(pd.DataFrame({"name": ["a", "b"] * 20, "y": [0, 1] * 20}), 1)
    with pytest.raises(sf.LearnError, match=r"column 'name' of alice.* is no column of numbers"):
        LogisticRegression(spu).fit(frame["name"], frame["y"])
    with pytest.raises(sf.FrameError, match="column 'name' of alice is str: correlation takes numbers"):
        correlation(frame, spu)


def test_rows_that_were_never_joined_are_told_apart(spu):
    frame = VerticalFrame(
        {
            sf.PYU("alice"): at("alice", pd.DataFrame({"x": [1.0, 2.0]})),
            sf.PYU("bob"): at("bob", pd.DataFrame({"y": [1.0, 2.0, 3.0]})),
        }
    )
    with pytest.raises(sf.FrameError, match="different numbers of rows: 2 at alice, 3 at bob"):
        correlation(frame, spu)
