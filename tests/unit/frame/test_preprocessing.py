"""Preprocessing: frozen parameters, fitted attributes, names that say nothing, what is refused."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn.preprocessing
from sklearn import preprocessing

import junto as sf
from frames import LIBRARIES, at, split, whole
from junto.frame import (
    HorizontalFrame,
    KBinsDiscretizer,
    LabelEncoder,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    SimpleImputer,
    StandardScaler,
    WeightOfEvidenceEncoder,
)
from junto.frame.supervised_bins import evidence
from junto.frame.woe import _groups
from tries import each_once

TABLE = pd.DataFrame(
    {"age": [1.0, 2.0, np.nan, 5.0], "flat": [3.3] * 4, "city": ["b", "a", None, "b"], "y": [0, 1, 1, 0]}
)
ALL = [
    StandardScaler, MinMaxScaler, OneHotEncoder, OrdinalEncoder, KBinsDiscretizer, LabelEncoder,
    SimpleImputer, WeightOfEvidenceEncoder,
]  # fmt: skip


@pytest.fixture(autouse=True)
def session():
    sf.init(parties=["alice", "bob"], debug_mode=True, logging_level="error")
    yield
    sf.shutdown()


@pytest.fixture(params=LIBRARIES)
def frame(request):
    return split(TABLE, 2, (request.param, request.param))


def by_name(handles):
    return {name: value for part in sf.reveal(list(handles.values())) for name, value in part.items()}


UNDONE = [
    (StandardScaler(columns="n"), preprocessing.StandardScaler()),
    (StandardScaler(columns="n", with_mean=False), preprocessing.StandardScaler(with_mean=False)),
    (StandardScaler(columns="n", with_std=False), preprocessing.StandardScaler(with_std=False)),
    (MinMaxScaler(columns="n", feature_range=(-2, 3)), preprocessing.MinMaxScaler((-2, 3))),
    (OrdinalEncoder(columns="n"), preprocessing.OrdinalEncoder()),
    (LabelEncoder(columns="n"), preprocessing.OrdinalEncoder()),
    (OneHotEncoder(columns="n"), preprocessing.OneHotEncoder(sparse_output=False)),
    (
        OneHotEncoder(columns="n", drop="first"),
        preprocessing.OneHotEncoder(drop="first", sparse_output=False),
    ),
    (
        OneHotEncoder(columns="n", drop="if_binary", value_names=True),
        preprocessing.OneHotEncoder(drop="if_binary", sparse_output=False),
    ),
    *(
        (
            KBinsDiscretizer(columns="n", n_bins=3, strategy=strategy, encode=encode),
            preprocessing.KBinsDiscretizer(
                3,
                strategy=strategy,
                encode=encode.replace("hot", "hot-dense"),
                quantile_method="averaged_inverted_cdf",
            ),
        )
        for strategy in ("quantile", "uniform")
        for encode in ("ordinal", "onehot")
    ),
]
COLUMNS = {
    "whole": pd.Series([3, 1, 7, 3, 12], dtype="int64"),
    "decimals": pd.Series([0.5, -2.0, 1e6, 0.5, 3.25]),
    "money with gaps": pd.Series([0.5, None, 19.99, 0.5, 3.25]),
    "constant": pd.Series([0.1] * 5),
    "whole with gaps": pd.Series([1, None, 3, 1, 5], dtype="Int64"),
    "words": pd.Series(["Zürich", "北京", "apfel", "北京", "Zürich"]),
    "words with gaps": pd.Series(["Zürich", None, "apfel", None, "Zürich"]),
    "truth": pd.Series([True, False, True, True, False]),
    "days": pd.Series(pd.to_datetime(["2024-02-29", "1970-01-01", "2024-02-29", "1999-12-31", "2000-01-01"])),
}


@pytest.mark.parametrize(("library", "both"), each_once(LIBRARIES, UNDONE), ids=lambda each: repr(each)[:60])
def test_what_was_made_of_a_column_can_be_undone(both, library):
    """Each kind of preprocessing, with each kind of column that it takes, as scikit-learn does."""
    mine, theirs = both
    for kind, column in COLUMNS.items():
        table = pd.DataFrame({"n": column, "other": range(5)})
        frame = split(table, 1, (library, library))
        numbers = column.dtype.kind in "iufb"
        gaps = column.isna().any() and isinstance(mine, LabelEncoder | KBinsDiscretizer)
        if (mine.numbers and not numbers) or gaps or (kind == "constant" and mine.get_params().get("drop")):
            continue
        if kind in ("constant", "truth") and isinstance(mine, KBinsDiscretizer):
            continue  # scikit-learn has no bins of them, or no middle
        made = mine.fit_transform(frame)
        got = whole(mine.inverse_transform(made))
        assert list(got) == ["n", "other"], kind
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = theirs.inverse_transform(theirs.fit_transform(table[["n"]]))[:, 0]
        for found, wanted in zip(got["n"], want, strict=True):
            nothing = pd.isna(wanted)
            assert pd.isna(found) if nothing else found == pytest.approx(wanted), kind
        assert got["other"].tolist() == list(range(5))


@pytest.mark.parametrize(
    ("kind", "wrong", "says"),
    [
        (OrdinalEncoder, {"city": [9.0] * 4}, "numbers that are no category"),
        (OrdinalEncoder, {"city": [0.5] * 4}, "numbers that are no category"),
        (LabelEncoder, {"city": [-1] * 4}, "numbers that are no category"),
        (OneHotEncoder, {"city_0": [0.0] * 4, "city_1": [0.0] * 4, "city_2": [0.0] * 4}, "has none of"),
        (OneHotEncoder, {"city_0": [1.0] * 4}, "there is no 'city_1', 'city_2'"),
        (OneHotEncoder, {"n": [1.0] * 4}, "there is no 'city_0'"),
        (
            OneHotEncoder,
            {**dict.fromkeys(("city_0", "city_1", "city_2", "city"), [1.0] * 4)},
            "'city' already",
        ),
    ],
)
def test_what_transform_has_not_made_cannot_be_undone(kind, wrong, says):
    table = TABLE.assign(city=["b", "a", "c", "b"])[["city", "y"]]
    fitted = kind(columns="city").fit(split(table, 1))
    assert fitted.feature_names_in_ == ["city", "y"]
    assert fitted.n_features_in_ == 2
    with pytest.raises(sf.RemoteError, match=says):
        whole(fitted.inverse_transform(split(pd.DataFrame(wrong).assign(y=0), len(wrong))))


def test_what_has_no_inverse_has_no_such_method():
    assert not hasattr(SimpleImputer(), "inverse_transform")
    assert not hasattr(WeightOfEvidenceEncoder(), "inverse_transform")


def test_a_missing_label_is_called_missing(frame):
    with pytest.raises(sf.RemoteError, match="missing values"):
        whole(LabelEncoder(columns="city").fit_transform(frame))


@pytest.mark.parametrize("kind", ALL)
def test_parameters_are_frozen_and_known_by_name(kind):
    one = kind(columns=["age"])
    assert repr(one) == f"{kind.__name__}(columns=['age'])"
    assert one.get_params()["columns"] == ["age"]
    assert one.with_params(columns="city").columns == "city"
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.columns = None
    with pytest.raises(sf.FrameError, match="no parameter colour"):
        one.with_params(colour=1)
    with pytest.raises(sf.FrameError, match="learned nothing yet"):
        one.transform(split(TABLE, 2))


def test_attributes_are_at_the_owners(frame):
    scaler = StandardScaler(columns=["age", "flat", "y"]).fit(frame)
    assert list(scaler.mean_) == [sf.PYU("alice"), sf.PYU("bob")]
    assert by_name(scaler.mean_) == pytest.approx({"age": 8 / 3, "flat": 3.3, "y": 0.5})
    assert by_name(scaler.scale_)["flat"] == 1
    assert by_name(scaler.var_)["flat"] == 0
    assert whole(scaler.transform(frame))["flat"].tolist() == [0] * 4
    ranges = MinMaxScaler(columns=["age"]).fit(frame)
    assert (by_name(ranges.data_min_), by_name(ranges.data_max_)) == ({"age": 1}, {"age": 5})
    assert by_name(OneHotEncoder(columns=["city"]).fit(frame).categories_) == {"city": ["a", "b", None]}
    assert by_name(OrdinalEncoder(columns=["city"]).fit(frame).categories_) == {"city": ["a", "b"]}
    assert by_name(LabelEncoder(columns=["y"]).fit(frame).classes_) == {"y": [0, 1]}
    edges = by_name(
        KBinsDiscretizer(columns=["age", "flat"], n_bins=2, strategy="uniform").fit(frame).bin_edges_
    )
    assert {name: each.tolist() for name, each in edges.items()} == {
        "age": [1, 3, 5],
        "flat": [-np.inf, np.inf],
    }
    assert by_name(SimpleImputer(columns="age", strategy="median").fit(frame).statistics_) == {"age": 2}


def test_a_later_table_is_changed_as_the_first_one_was(frame):
    scaler = MinMaxScaler(columns=["age"]).fit(frame)
    assert whole(scaler.transform(frame.assign(sf.PYU("alice"), age=9.0)))["age"].tolist() == [2.0] * 4
    assert whole(frame)["age"].iloc[0] == 1


def test_new_columns_stand_where_the_old_one_was_and_do_not_show_values(frame):
    encoded = OneHotEncoder(columns=["city"]).fit_transform(frame)
    assert encoded.columns == ["age", "flat", "city_0", "city_1", "city_2", "y"]
    assert whole(encoded)[["city_0", "city_1", "city_2"]].to_numpy().tolist() == [
        [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0],
    ]  # fmt: skip
    named = OneHotEncoder(columns=["city"], value_names=True, drop="first").fit_transform(frame)
    assert named.columns == ["age", "flat", "city_b", "city_None", "y"]


@pytest.mark.parametrize("kind", [OneHotEncoder, OrdinalEncoder, LabelEncoder])
def test_values_that_were_not_there_in_fit(frame, kind):
    encoder = kind(columns=["city"]).fit(frame)
    with pytest.raises(sf.RemoteError) as caught:
        whole(encoder.transform(frame.fillna({"city": "new"})))
    assert "not there in fit" in str(caught.value.__cause__)
    assert "new" not in str(caught.value.__cause__).replace("a new column", "")


def test_values_that_were_not_there_in_fit_can_be_let_through(frame):
    later = frame.fillna({"city": "new"})
    ignored = OneHotEncoder(columns="city", handle_unknown="ignore").fit(
        frame.dropna("city", disclose_rows=True)
    )
    assert whole(ignored.transform(later))[["city_0", "city_1"]].iloc[2].tolist() == [0, 0]
    coded = OrdinalEncoder(columns="city", handle_unknown="use_encoded_value", unknown_value=-1).fit(frame)
    assert whole(coded.transform(later))["city"].tolist() == [1, 0, -1, 1]


@pytest.mark.parametrize(
    "kind", [StandardScaler, MinMaxScaler, KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, SimpleImputer]
)
def test_infinity_is_refused_as_scikit_learn_does(kind):
    """In `fit` and in `transform`, and where no number is learned, too."""
    good, bad = (
        pd.DataFrame({"x": [1.0, 2.0, 4.0], "z": [0.5, 1.0, 0.0]}),
        pd.DataFrame({"x": [1.0, np.inf, 4.0], "z": [0.5, 1.0, 0.0]}),
    )
    fitted = kind().fit(split(good, 1))
    for make in (
        lambda: whole(kind().fit_transform(split(bad, 1))),
        lambda: whole(fitted.transform(split(bad, 1))),
    ):
        with pytest.raises(sf.RemoteError, match="column 'x' has infinite values") as caught:
            make()
        assert "replace them by finite numbers" in caught.value.fix


def test_bins_of_infinity_are_not_weighed():
    frame = split(pd.DataFrame({"x": [1.0, np.inf, 4.0, 2.0], "y": [0, 1, 1, 0]}), 1, ("pandas", "arrow"))
    encoder = WeightOfEvidenceEncoder(columns=["x"], disclose_labels=True, strategy="uniform")
    with pytest.raises(sf.RemoteError, match="column 'x' has infinite values"):
        by_name(encoder.with_params(spu=None).fit(frame.assign(sf.PYU("alice"), y2=[0, 1, 1, 0]), "y2").woe_)


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e-6, 1.0, 1e160, 1e300])
def test_scaling_does_not_depend_on_the_size_of_numbers(size):
    """Where scikit-learn's own squares leave the range of floats, too; a spread of rounding alone is none."""
    numbers = np.array([-3.0, 1.0, 2.5, 4.0])
    rounded = np.array([0.1, 0.1, 0.1, np.nextafter(0.1, 1)])
    frame = split(pd.DataFrame({"x": numbers * size, "rounded": rounded * size}), 1)
    found = whole(StandardScaler().fit_transform(frame))
    want = sklearn.preprocessing.StandardScaler().fit_transform(numbers[:, None])
    np.testing.assert_allclose(found["x"], want[:, 0], rtol=1e-12)
    assert np.abs(found["rounded"]).max() < 1e-15 * size


FILLERS = {
    "number": 7, "half": 0.5, "truth": True, "text": "seven", "time": pd.Timestamp("2020-01-07"),
}  # fmt: skip
LACKING = {
    "number": pd.array([2**53 + 1, None], "Int64"),
    "truth": pd.array([True, None], "boolean"),
    "text": pd.array(["a", None]),
    "time": pd.array([pd.Timestamp("2020-01-01"), None]),
}


@pytest.mark.parametrize(("library", "kind", "filler"), each_once(LIBRARIES, LACKING, FILLERS))
def test_what_is_missing_is_filled_with_a_value_of_its_kind(library, kind, filler):
    """In every library alike: no number becomes a time, none stands among words."""
    value, given = FILLERS[filler], LACKING[kind][0]
    frame = split(pd.DataFrame({"x": LACKING[kind], "y": 1}), 1, (library, library))
    imputer = SimpleImputer(columns="x", strategy="constant", fill_value=value)
    alike = {filler, kind} in ({kind}, {"number", "half"})
    for work, fits in (
        (lambda: frame.fillna({"x": value}), alike),
        (lambda: imputer.fit_transform(frame), alike or (kind, filler) == ("truth", "half")),
    ):
        if fits:
            assert whole(work())["x"].tolist() == [float(given) if filler == "half" else given, value]
        else:
            with pytest.raises(sf.RemoteError, match=r"(?s)column 'x' of type .* takes no .*astype"):
                whole(work())


@pytest.mark.parametrize("kind", [StandardScaler, MinMaxScaler, KBinsDiscretizer])
def test_text_where_numbers_are_needed_is_named_at_every_party(frame, kind):
    with pytest.raises(sf.FrameError, match=f"column 'city' of bob is .*: {kind.__name__} takes numbers"):
        kind().fit(frame)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: MinMaxScaler(feature_range=(1, 1)), "feature_range"),
        (lambda: OneHotEncoder(drop="last"), "drop is 'last'"),
        (lambda: OneHotEncoder(handle_unknown="guess"), "handle_unknown is 'guess'"),
        (lambda: OrdinalEncoder(handle_unknown="guess"), "handle_unknown is 'guess'"),
        (lambda: OrdinalEncoder(unknown_value=-1), "unknown_value belongs"),
        (lambda: OrdinalEncoder(handle_unknown="use_encoded_value"), "unknown_value belongs"),
        (lambda: KBinsDiscretizer(n_bins=1), "n_bins is 1"),
        (lambda: KBinsDiscretizer(strategy="kmeans"), "strategy is 'kmeans'"),
        (lambda: KBinsDiscretizer(encode="sparse"), "encode is 'sparse'"),
        (lambda: SimpleImputer(strategy="guess"), "strategy is 'guess'"),
        (lambda: SimpleImputer(strategy="constant"), "fill_value belongs"),
        (lambda: SimpleImputer(fill_value=1), "fill_value belongs"),
        (lambda: WeightOfEvidenceEncoder(min_rows=0), "min_rows is 0"),
        (lambda: WeightOfEvidenceEncoder(n_bins=2.5), "n_bins is 2.5"),
        (lambda: KBinsDiscretizer(strategy="tree"), "(?s)'tree'.*WeightOfEvidenceEncoder has bins"),
        (lambda: WeightOfEvidenceEncoder(strategy="tree", n_prebins=5), "(?s)n_prebins is 5.*n_bins, 10"),
        (lambda: WeightOfEvidenceEncoder(n_prebins=1000), "n_prebins is 1000"),
        (lambda: StandardScaler(columns=["name"]).fit(split(TABLE, 2)), "'name'"),
        (
            lambda: StandardScaler(columns="age").fit(split(TABLE, 2)).transform(split(TABLE, 2)["flat"]),
            "'age'",
        ),
        (lambda: StandardScaler().fit(HorizontalFrame({sf.PYU("bob"): at("bob", TABLE)})), "VerticalFrame"),
        (lambda: WeightOfEvidenceEncoder().fit(split(TABLE, 2)), "name of the label"),
        (lambda: WeightOfEvidenceEncoder().fit(split(TABLE, 2), "city"), "'city' of bob is .*numbers"),
        (lambda: WeightOfEvidenceEncoder().fit(split(TABLE, 2), "y"), "spu=spu"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_sentence(make, says):
    with pytest.raises(sf.FrameError, match=says):
        make()


@pytest.mark.parametrize("kind", [StandardScaler, OneHotEncoder])
def test_a_later_frame_has_the_columns_of_fit_in_any_order(kind):
    """Unless the transformer says which columns it is for: then the others pass."""
    table = TABLE[["age", "flat", "y"]]
    model, other = kind().fit(split(table, 1)), kind(columns=["age"]).fit(split(table, 1))
    wanted = whole(model.transform(split(table, 1)))
    turned = table[["age", "y", "flat"]]
    pd.testing.assert_frame_equal(whole(model.transform(split(turned, 1))), wanted)
    more = table.assign(more=table["age"])
    with pytest.raises(sf.FrameError, match=r"'more' of bob is none that .* was fitted to") as caught:
        model.transform(split(more, 1))
    assert "columns=[...]" in caught.value.fix
    assert "more" in other.transform(split(more, 1)).columns
    for one in (model, other):
        with pytest.raises(sf.FrameError, match="fitted to column 'age' of alice, which is not there"):
            one.transform(split(table.assign(z=0), 1)[["flat", "y"]])
    with pytest.raises(sf.FrameError, match="'flat' of alice is none"):
        model.transform(split(table[["flat", "age", "y"]], 2))  # at another party it is another column


def test_a_table_without_columns_is_not_made():
    frame = split(pd.DataFrame({"one": ["x", "x"], "other": [1, 2]}), 1)
    changed = OneHotEncoder(columns="one", drop="first").fit_transform(frame)
    with pytest.raises(sf.RemoteError, match="FrameError"):
        sf.reveal(changed.partitions[sf.PYU("alice")])


def test_a_column_that_hardly_varies_has_one_bin():
    frame = split(pd.DataFrame({"x": [0.0, 0.0, 1e-27], "y": [1, 2, 3]}), 1)
    assert whole(KBinsDiscretizer(columns="x", encode="ordinal").fit_transform(frame))["x"].tolist() == [
        0,
        0,
        0,
    ]


def test_a_new_column_never_takes_the_name_of_another(frame):
    with pytest.raises(sf.RemoteError) as caught:
        whole(OneHotEncoder(columns="city").fit_transform(frame.rename({"y": "city_0"})))
    assert "name of another" in str(caught.value.__cause__)


def test_a_column_without_values_has_nothing_to_be_filled_with(frame):
    empty = frame.assign(sf.PYU("bob"), none=np.nan)
    with pytest.raises(sf.RemoteError) as caught:
        whole(SimpleImputer(columns=["none"]).fit_transform(empty))
    assert "no value" in str(caught.value.__cause__)
    scaled = whole(StandardScaler(columns=["none"]).fit_transform(empty))
    assert scaled["none"].isna().all()


# -------------------------------------------------------------------- weight of evidence, at the owner


@pytest.mark.parametrize(
    ("sizes", "least", "groups"),
    [
        ([10, 20, 30], 5, [0, 1, 2]),
        ([10, 2, 30], 5, [0, 0, 1]),  # a small bin takes the next smallest with it
        ([10, 2, 4, 30], 5, [1, 0, 0, 2]),
        ([3, 0, 3, 3], 5, [0, -1, 0, 0]),
        ([1, 1], 5, [0, 0]),
        ([7], 5, [0]),
        ([0, 9], 1, [-1, 0]),
        ([0, 0], 1, [-1, -1]),
    ],
)
def test_small_bins_count_together(sizes, least, groups):
    found = _groups(np.array(sizes), least)
    assert found.tolist() == groups
    rows = [sum(np.array(sizes)[found == group]) for group in set(found.tolist()) - {-1}]
    assert sum(sizes) < least or all(row >= least for row in rows)


def test_weights_and_information_by_hand():
    weights, value = evidence(np.array([30.0, 10.0, 0.0]), np.array([10.0, 10.0, 20.0]))
    expected = [
        np.log((30 / 40) / (10 / 40)),
        np.log((10 / 40) / (10 / 40)),
        np.log((0.5 / 40) / (20.5 / 40)),
    ]
    assert weights == pytest.approx(expected)
    assert value == pytest.approx(0.5 * expected[0] + (-20 / 40) * expected[2])
