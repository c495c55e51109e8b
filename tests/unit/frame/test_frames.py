"""What frames are asked, what they refuse, and what they say of themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import model_selection

import junto as sf
from frames import LIBRARIES, at, shown, split, values, whole
from junto import frame as frames
from junto.frame import HorizontalFrame, VerticalFrame, train_test_split
from tries import each_once

TABLE = pd.DataFrame(
    {
        "age": [31.0, np.nan, 45.0, 22.0, 67.0],
        "income": [10, 20, 30, 40, 50],
        "city": ["Rome", "Oslo", None, "Rome", "Bonn"],
        "late": [0, 1, 0, 1, 1],
    }
)


@pytest.fixture(autouse=True)
def session():
    sf.init(parties=["alice", "bob", "carol"], debug_mode=True, logging_level="error")
    yield
    sf.shutdown()


@pytest.fixture(params=LIBRARIES)
def frame(request):
    return split(TABLE, 2, (request.param, request.param))


def alice():
    return sf.PYU("alice")


def bob():
    return sf.PYU("bob")


# -------------------------------------------------------------------- what is known


def test_names_types_and_rows_are_known_and_data_is_never_shown(frame):
    assert repr(frame) == "<VerticalFrame of alice, bob>"
    assert frame.columns == ["age", "income", "city", "late"] == list(frame)
    assert (frame.rows, len(frame), frame.shape) == (5, 5, (5, 4))
    assert frame.owners == {"age": alice(), "income": alice(), "city": bob(), "late": bob()}
    assert list(frame.dtypes) == frame.columns
    assert "age" in frame
    assert "name" not in frame
    assert repr(frame) == "<VerticalFrame: alice (age, income), bob (city, late); 5 rows>"
    assert "Rome" not in repr(frame) + repr(frame.facts) + repr(frame.partitions)


def test_a_frame_never_changes(frame):
    before = values(whole(frame))
    frame.fillna(0 if False else {"age": 0.0}).rename({"age": "years"}).drop("city").head(1)
    frame.assign(alice(), age=1)
    assert values(whole(frame)) == before
    with pytest.raises(TypeError):
        frame.partitions[alice()] = None
    with pytest.raises(AttributeError):
        frame.partitions = {}


def test_aliases_are_the_same_things():
    assert frames.VDataFrame is VerticalFrame
    assert frames.HDataFrame is HorizontalFrame
    assert frames.v_read_parquet is frames.read_parquet


# -------------------------------------------------------------------- columns and rows


def test_a_party_without_chosen_columns_is_left_out(frame):
    assert list(frame["late"].partitions) == [bob()]
    assert frame[["city", "age"]].columns == ["age", "city"]


def test_assign_sees_the_columns_made_before(frame):
    made = frame.assign(alice(), half=lambda t: t["income"] / 2, quarter=lambda t: t["half"] / 2)
    assert whole(made)["quarter"].tolist() == [2.5, 5, 7.5, 10, 12.5]
    assert made.columns == ["age", "income", "half", "quarter", "city", "late"]


def test_functions_see_pandas_whatever_the_table_is_made_by(frame):
    kinds = []
    frame.assign(alice(), x=lambda t: kinds.append(type(t)) or 1).filter(
        "city", lambda c: kinds.append(type(c)) or c.notna(), disclose_rows=True
    )
    assert kinds == [pd.DataFrame, pd.Series]


def test_sampling_is_alike_at_all_parties_and_without_repetition(frame):
    for options in ({"n": 3}, {"frac": 0.6}, {"n": 3, "random_state": 1}):
        rows = whole(frame.sample(**options))
        assert len(rows) == 3
        ages = dict(zip(TABLE["income"], TABLE["late"], strict=True))
        assert [ages[i] for i in rows["income"]] == rows["late"].tolist()
        assert rows["income"].is_unique
    assert len(frame.sample()) == 1
    assert values(whole(frame.sample(3, random_state=4))) == values(whole(frame.sample(3, random_state=4)))


def test_a_split_without_a_seed_is_alike_at_all_parties(frame):
    train, test = train_test_split(frame)
    together = pd.concat([whole(train), whole(test)])
    assert sorted(together["income"]) == [10, 20, 30, 40, 50]
    late = dict(zip(TABLE["income"], TABLE["late"], strict=True))
    assert [late[i] for i in together["income"]] == together["late"].tolist()
    assert (train.rows, test.rows) == (3, 2)


STRATA = {
    "whole": np.arange(60) % 4,
    "rare": (np.arange(60) < 5).astype(int),
    "truth": np.arange(60) % 3 == 0,
    "words": np.array(["北京", "Zürich", "apfel"])[np.arange(60) % 7 % 3],
    "ordered": pd.Categorical(np.array(["b", "a", "c"])[np.arange(60) % 3], ["c", "a", "b"], ordered=True),
    "whole beside gaps": pd.array(np.arange(60) % 3, "Int64"),
}


@pytest.mark.parametrize(("library", "kind"), each_once(LIBRARIES, STRATA))
def test_a_stratified_split_is_scikit_learns(kind, library):
    """For each kind of column and size, at both parties; without a seed it is as even, and some other one."""
    table = pd.DataFrame({"x": np.arange(60), "label": STRATA[kind]})
    frame = split(table, 1, (library, library))
    for sizes in ({}, {"test_size": 0.34}, {"test_size": 7}, {"train_size": 0.41, "test_size": 0.2}):
        want = model_selection.train_test_split(table, stratify=table["label"], random_state=3, **sizes)
        got = train_test_split(frame, stratify="label", random_state=3, disclose_rows=True, **sizes)
        free = train_test_split(frame, stratify="label", **sizes)
        for found, other, wanted in zip(got, free, want, strict=True):
            assert values(whole(found)) == values(wanted.reset_index(drop=True))
            counts = [each["label"].value_counts() for each in (whole(other), wanted)]
            assert (counts[0].sort_index().to_numpy() - counts[1].sort_index().to_numpy()).max() <= 1
            assert found.rows == other.rows == len(wanted)
            at_home = table["label"].iloc[whole(other)["x"]].tolist()
            assert whole(other)["label"].tolist() == at_home
        both = pd.concat([whole(part) for part in free])["x"]
        assert both.is_unique
    again, _ = train_test_split(frame, stratify="label", **sizes)
    assert whole(free[0])["x"].tolist() != whole(again)["x"].tolist()


@pytest.mark.parametrize(
    ("label", "options", "says"),
    [
        ([0, 0, 1, 1, 1, 1], {"random_state": 1}, "alice would learn much of bob's 'label'"),
        ([0, 0, 1, 1, 1, 1], {"shuffle": False}, "stratify chooses rows"),
        ([0, 1, 1, 1, 1, 1], {}, "in one row only"),
        ([0, 0, 1, 1, 2, 2], {"test_size": 2}, "fewer rows than column 'label' has values"),
        ([0, 0, 1, 1, 1, None], {}, "missing values"),
    ],
)
def test_a_stratified_split_that_cannot_be_is_refused(label, options, says):
    frame = split(pd.DataFrame({"x": range(6), "label": label}), 1)
    with pytest.raises((sf.FrameError, sf.RemoteError), match=says):
        whole(train_test_split(frame, stratify="label", **options)[0])


def test_dropna_can_show_only_which_rows_are_complete(frame):
    spu = sf.SPU(parties=["alice", "bob", "carol"])
    kept = frame.dropna(disclose_rows=True, spu=spu)
    assert whole(kept)["income"].tolist() == [10, 40, 50]


# -------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    "ask",
    [
        lambda f: f.filter("age", lambda a: a > 30),
        lambda f: f.dropna(),
        lambda f: f.dropna("age"),
    ],
)
def test_rows_are_shown_to_others_only_where_it_is_said(frame, ask):
    with pytest.raises(sf.FrameError, match=r"would learn(.|\n)*disclose_rows=True"):
        ask(frame)


def test_a_party_alone_shows_nothing_and_need_not_say_so(frame):
    assert frame["age"].filter("age", lambda a: a > 30).rows == 3
    assert frame[["age", "income"]].dropna().rows == 4


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda f: f["name"], "no party has a column 'name'"),
        (lambda f: f[["age", "name"]], "'name'"),
        (lambda f: f[[]], "no columns are left"),
        (lambda f: f.drop(f.columns), "no columns are left"),
        (lambda f: f.drop("name"), "'name'"),
        (lambda f: f.rename({"age": "city"}), "two columns would be called 'city'"),
        (lambda f: f.rename({"name": "city"}), "'name'"),
        (lambda f: f.fillna({"name": 1}), "'name'"),
        (lambda f: f.assign(sf.PYU("alice"), city=1), "'city' is at bob"),
        (lambda f: f.assign(sf.PYU("carol"), new=1), "has no columns"),
        (lambda f: f.filter(["age", "city"], bool, disclose_rows=True), "alice, bob"),
        (lambda f: f.head(-1), "n is -1"),
        (lambda f: f.sample(6), "5 rows, not 6"),
        (lambda f: f.sample(1, frac=0.5), "n or frac"),
        (lambda f: f.sample(frac=1.5), "frac is 1.5"),
        (lambda f: f.to_numpy_parts(dtype="text"), "dtype"),
        (lambda f: train_test_split(f, test_size=5), "5 rows cannot be parted into 0"),
        (lambda f: train_test_split(f, test_size=0.0), "test_size is 0.0"),
        (lambda f: train_test_split(f, test_size="half"), "test_size is 'half'"),
        (lambda f: bool(f), "no truth value"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(frame, ask, says):
    with pytest.raises(sf.FrameError, match=says):
        ask(frame)


@pytest.mark.parametrize(
    "partitions",
    [{}, None, [1], {"alice": 1}, lambda: {bob(): at("alice", TABLE)}, lambda: {alice(): TABLE}],
    ids=["empty", "none", "list", "no PYU", "elsewhere", "no handle"],
)
def test_partitions_are_handles_where_they_say(partitions):
    with pytest.raises(sf.FrameError):
        VerticalFrame(partitions() if callable(partitions) else partitions)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda f: f[["age", "city"]], "column 'city' of bob is .*to_numpy_parts takes numbers"),
        (lambda f: f[["age", "late"]], "column 'age' of alice has missing values"),
        (lambda f: f.assign(bob(), r=np.inf)[["income", "r"]], "column 'r' of bob has infinite values"),
    ],
)
def test_learning_takes_complete_numbers_and_says_whose_are_not(frame, wrong, says):
    with pytest.raises(sf.FrameError, match=says):
        wrong(frame).to_numpy_parts()


def test_arrays_for_learning(frame):
    parts = sf.reveal(frame.fillna({"age": 0})[["age", "income", "late"]].to_numpy_parts())
    assert parts[alice()].dtype == np.float64
    assert parts[alice()].tolist() == [[31, 10], [0, 20], [45, 30], [22, 40], [67, 50]]
    assert parts[bob()].tolist() == [[0], [1], [0], [1], [1]]
    assert sf.reveal(frame["late"].to_numpy_parts("int32"))[bob()].dtype == np.int32


def test_tables_that_were_never_joined_are_told_apart_by_their_rows():
    with pytest.raises(sf.FrameError, match=r"5 at alice, 4 at bob(.|\n)*on="):
        _ = VerticalFrame({alice(): at("alice", TABLE), bob(): at("bob", TABLE[["late"]].head(4))}).columns


def test_a_column_at_two_parties_is_refused():
    with pytest.raises(sf.FrameError, match="'late' is at alice and at bob"):
        _ = VerticalFrame({alice(): at("alice", TABLE), bob(): at("bob", TABLE[["late"]])}).columns


def test_a_condition_must_answer_for_each_row(frame):
    for wrong in (lambda a: True, lambda a: a.head(2) > 0, lambda a: a):
        with pytest.raises(sf.RemoteError) as caught:
            _ = frame.filter("income", wrong, disclose_rows=True).rows
        assert isinstance(caught.value.__cause__, sf.FrameError)


def test_a_step_that_fails_at_its_owner_is_one_error_without_data(frame):
    with pytest.raises(sf.RemoteError) as caught:
        _ = frame.astype({"city": "float64"}).rows
    assert "Rome" not in str(caught.value)
    assert caught.value.party == "bob"


# -------------------------------------------------------------------- horizontal


def rows_of(*tables):
    parties = ("alice", "bob", "carol")
    return HorizontalFrame(
        {sf.PYU(party): at(party, table) for party, table in zip(parties, tables, strict=False)}
    )


def test_a_description_of_times_and_words_can_be_shown():
    """pandas mixes numbers and times in a column, which cannot travel."""
    days, words = pd.date_range("2024-01-01", periods=3), {"word": ["x", "y", None]}
    for columns in ({"a": [1.0, 2, 3], "day": days}, words, {"truth": [True, False, True]}):
        table = pd.DataFrame(columns)
        described = sf.reveal(VerticalFrame({sf.PYU("alice"): at("alice", table)}).describe())
        (found,) = described.values()
        assert found.astype(str).equals(table.describe().astype(str))


@pytest.mark.parametrize("n", [-2, 1.5, "two", True])
def test_horizontal_frames_have_a_whole_number_of_first_rows(n):
    tables = {sf.PYU(party): at(party, pd.DataFrame({"a": [1, 2, 3]})) for party in ("alice", "bob")}
    with pytest.raises(sf.FrameError, match=f"n is {n!r}"):
        HorizontalFrame(tables).head(n)


def test_horizontal_frames_choose_rows_at_each_party():
    frame = rows_of(TABLE.head(2), pl.from_pandas(TABLE.tail(3)))
    assert frame.shape == (5, 4)
    assert frame.columns == list(TABLE.columns)
    assert [len(t) for t in shown(frame.head(3)).values()] == [2, 1]
    assert [len(t) for t in shown(frame.filter("income", lambda i: i > 10)).values()] == [1, 3]
    assert [len(t) for t in shown(frame.dropna()).values()] == [1, 2]
    assert [len(t) for t in shown(frame.dropna("age")).values()] == [1, 3]
    doubled = frame.assign(twice=lambda t: t["income"] * 2)[["twice"]]
    assert [opened["twice"].to_list() for opened in shown(doubled).values()] == [[20, 40], [60, 80, 100]]
    assert repr(doubled) == "<HorizontalFrame: alice (twice), bob (twice); 5 rows>"


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (TABLE[["age", "income", "city"]], "different columns: 'late' is at one of them only"),
        (TABLE[["income", "age", "city", "late"]], "another order"),
        (TABLE.assign(income="text"), "column 'income' is int64 at alice and str at bob"),
    ],
)
def test_horizontal_frames_have_the_same_columns_everywhere(other, says):
    with pytest.raises(sf.FrameError, match=says):
        _ = rows_of(TABLE, other).rows
    with pytest.raises(sf.FrameError, match="no column 'name'"):
        rows_of(TABLE, TABLE)["name"]
