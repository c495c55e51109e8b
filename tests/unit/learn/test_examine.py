"""What an owner finds in its own table, and what it tells of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from junto.learn import examine
from junto.learn.families import Bernoulli, LabelScale, Normal, Tweedie
from junto.learn.faults import FAULTS, NAME_LENGTH

COLUMNS = {"age": [30, 41, 22], "dose": [0.5, 1.5, 2.0], "treated": [True, False, True]}
NUMBERS = np.array([[30, 0.5, 1], [41, 1.5, 0], [22, 2.0, 1]])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "arrow"])
def test_tables_are_read_alike(make):
    names, values = examine.matrix(make(COLUMNS))
    assert names == ("age", "dose", "treated")
    assert (values == NUMBERS).all()
    assert values.dtype == np.float64


@pytest.mark.parametrize(
    "column",
    [
        np.array([1, 0, 1]), np.array([[1.0], [0], [1]]), [True, False, True], pd.Series([1, 0, 1], name="y"),
        pd.Series([1, 0, 1], dtype="Int64"), pl.Series("y", [1, 0, 1]), pl.DataFrame({"y": [1, 0, 1]}),
        pa.chunked_array([[1, 0], [1]]), pd.DataFrame({"y": [1, 0, 1]}),
    ],
    ids=lambda column: type(column).__name__,
)  # fmt: skip
def test_labels_are_read_alike(column):
    assert examine.matrix(column, vector=True)[1].tolist() == [[1], [0], [1]]
    assert examine.examine_label(column, Bernoulli(), True) == {
        "rows": 3, "columns": 1, "fault": "", "column": "", "known": True,
    }  # fmt: skip


def text_of(facts):
    return facts["fault"], facts["column"]


@pytest.mark.parametrize(
    ("table", "fault", "column"),
    [
        (pd.DataFrame({"age": [1, 2], "city": ["x", "y"]}), "text", "city"),
        (pd.DataFrame({"age": [1, 2], "id": ["1", "2"]}), "text", "id"),
        (pl.DataFrame({"age": [1, None]}), "missing", "age"),
        (pd.DataFrame({"age": pd.array([1, None], dtype="Int64")}), "missing", "age"),
        (pa.table({"age": [1.0, None]}), "missing", "age"),
        (pa.table({"when": pa.array([1, 2], pa.timestamp("s"))}), "text", "when"),
        (np.array([[1, np.inf]]), "missing", "1"),
        (np.array([["a"]]), "text", "0"),
        (np.array([[1 + 1j]]), "text", "0"),
        (np.zeros(3), "shape", ""),
        (np.zeros((2, 3, 1)), "shape", ""),
        (np.zeros((0, 3)), "empty", ""),
        (np.zeros((3, 0)), "empty", ""),
        (pd.DataFrame(), "empty", ""),
    ],
    ids=lambda value: str(value)[:12] if isinstance(value, str) else "",
)
def test_faults_of_tables(table, fault, column):
    facts = examine.examine(table, True)
    assert text_of(facts) == (fault, column)
    assert fault in FAULTS


def test_only_unscaled_columns_have_to_be_small():
    table = np.array([[1e4, 1.0], [-1e4, 2.0]])
    assert text_of(examine.examine(table, True)) == ("", "")
    assert text_of(examine.examine(table, False)) == ("large", "0")


@pytest.mark.parametrize(
    ("label", "family", "fault"),
    [
        ([0, 1, 2], Bernoulli(), "classes"),
        ([0, 1], Bernoulli((1, 2)), "classes"),
        ([1, 2, 3], Bernoulli((1, 2)), "classes"),
        (["no", "yes", None], Bernoulli(("no", "yes")), "classes"),
        (["1", "2"], Bernoulli((1, 2)), "classes"),
        ([1, 2], Bernoulli(("1", "2")), "classes"),
        (["no", "no"], Bernoulli(("no", "yes")), "one class"),
        ([["no", "yes"], ["no", "yes"]], Bernoulli(("no", "yes")), "shape"),
        ([0.5, 1, 0], Bernoulli(), "classes"),
        ([1, 1, 1], Bernoulli(), "one class"),
        ([0, 0], Bernoulli(), "one class"),
        (["no", "yes"], Bernoulli(), "classes"),
        (["no", "yes"], Normal(), "text"),
        ([0, np.nan], Bernoulli(), "missing"),
        ([[0, 1], [1, 0]], Bernoulli(), "shape"),
        ([], Bernoulli(), "empty"),
        ([1e200, 0], Normal(), "large"),
        ([1.0] * 10 + [1e30], Normal(), ""),
        ([1, -1], Tweedie(1.0), "negative"),
        ([0, 0], Tweedie(1.0), "zero"),
        ([1, 0], Tweedie(2.0), "zero"),
        ([1, 0], Tweedie(1.0), ""),
        ([1, -1], Normal(), ""),
    ],
)
def test_faults_of_labels(label, family, fault):
    assert examine.examine_label(np.array(label), family, True)["fault"] == fault
    assert not fault or fault in FAULTS


def test_facts_hold_counts_and_one_short_name():
    secret = pd.DataFrame({"x" * 500: ["a secret"], "y": [1]})
    facts = examine.examine(secret, True)
    assert set(facts) == {"rows", "columns", "fault", "column", "known"}
    assert facts["column"] == "x" * NAME_LENGTH
    assert "a secret" not in str(facts)


def test_columns_get_mean_zero_and_deviation_one_and_constant_ones_are_left_out():
    table = np.array([[1e6, 5.0, 0.1], [1e6 + 1, 5.0, 0.1], [1e6 + 5, 5.0, 0.1]])
    scaling = examine.scaling_of(table, True, True)
    scaled = examine.scaled_columns(table, scaling)
    assert scaled.mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-9)
    assert scaled.std(axis=0) == pytest.approx([1, 0, 0], abs=1e-9)
    assert scaling.constant.tolist() == [0, 1, 1]
    later = examine.scaled_columns(table[:1] + 1, scaling)
    assert later == pytest.approx((table[:1] + 1 - scaling.mean) / scaling.deviation)


def test_coefficients_come_back_to_the_columns_own_units():
    rng = np.random.default_rng(0)
    table, coef = rng.normal(size=(50, 3)) * [1, 100, 0.01] + 7, np.array([0.5, -1, 2])
    scaling = examine.scaling_of(table, True, True)
    scaled = examine.scaled_columns(table, scaling) @ coef
    own = table @ examine.own_units(scaling, coef[None]) - examine.offsets(scaling) @ coef
    assert own == pytest.approx(scaled)
    assert examine.unscaled(scaling, examine.scaled_columns(table, scaling)) == pytest.approx(table)


def test_all_parties_shuffle_alike():
    one, other = np.arange(40.0).reshape(20, 2), np.arange(20.0)
    unscaled = examine.ColumnScaling(("a", "b"), True, np.zeros(2), np.ones(2), np.zeros(2))
    rows = examine.scaled_columns(one, unscaled, 3)
    label = examine.scaled_label(other, Normal(), LabelScale(), 3)
    assert (rows[:, 0] / 2 == label).all()
    assert sorted(label) == sorted(other)
    assert list(label) != list(other)


@pytest.mark.parametrize("family", [Normal(), Tweedie(1.0), Tweedie(2.0)])
def test_labels_on_their_scale_have_a_size_of_one(family):
    y = np.random.default_rng(0).gamma(2, 5000, size=200)
    scale = examine.scale_of_label(y, family, True)
    scaled = examine.scaled_label(y, family, scale)
    assert np.abs(scaled).mean() == pytest.approx(1, rel=0.3)
    numbers = examine.scale_numbers(scale, family, 3.0, 200)
    assert numbers.keys() >= {"start", "penalty", "shift", "exponent"}
    assert all(np.abs(number) < 2**20 for number in numbers.values())
