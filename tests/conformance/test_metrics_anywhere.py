"""Every metric, wherever its arguments are and whatever their size, says what scikit-learn says."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as theirs

import junto as sf
from junto.learn import metrics
from spu_values import at, is_debug, secret

LAST = 2.0**-18
"""What an SPU rounds numbers to that are put there."""

RNG = np.random.default_rng(11)
SCALES = [1e-3, 0.009, 1.0, 3e4, 1e6]
LENGTHS = [2, 3, 100]
PLACES = ["party", "spu", "label mixed", "score mixed"]
CONTINUOUS = {
    "root_mean_squared_error": lambda y, p: theirs.mean_squared_error(y, p) ** 0.5,
    "mean_squared_error": theirs.mean_squared_error,
    "mean_absolute_error": theirs.mean_absolute_error,
    "r2_score": theirs.r2_score,
}
CLASSES = {
    "roc_auc_score": theirs.roc_auc_score,
    "accuracy_score": lambda y, s: theirs.accuracy_score(y, s > 0.5),
    "precision_score": lambda y, s: theirs.precision_score(y, s > 0.5, zero_division=0),
    "recall_score": lambda y, s: theirs.recall_score(y, s > 0.5, zero_division=0),
    "f1_score": lambda y, s: theirs.f1_score(y, s > 0.5, zero_division=0),
    "log_loss": lambda y, s: theirs.log_loss(y, s, labels=[0, 1]),
    "brier_score_loss": theirs.brier_score_loss,
}


OF_GUESSES = ("accuracy_score", "precision_score", "recall_score", "f1_score")

IN_MODES = pytest.mark.parametrize("spu", ["debug", "simulation"], indirect=True)
AT_PLACES = pytest.mark.parametrize(
    ("spu", "place"), [*(("debug", place) for place in PLACES), ("simulation", "spu")], indirect=["spu"]
)
"""The real protocols are tried at one place: at the others the same programs run."""


def placed(spu, place, y, p):
    """Handles of label and score at one of the places."""
    if place == "party":
        return at("bob", y), at("bob", p)
    return (
        at("bob", y) if place == "label mixed" else secret(spu, y, "bob"),
        at("alice", p) if place == "score mixed" else secret(spu, p),
    )


def judged(name, spu, place, y, p):
    return float(sf.reveal(getattr(metrics, name)(*placed(spu, place, y, p))))


def cases(scale, rows):
    """Labels and scores: spread out, far from 0, constant, with one row far out, all right."""
    y, noise = RNG.normal(size=rows), RNG.normal(size=rows) * 0.3
    far = np.where(np.arange(rows) == rows // 2, 30.0, 0.1 * y)
    for label, guess in (
        (y, y + noise),
        (y + 15, y + 15 + noise),
        (np.full(rows, 4.0), 4 + noise),
        (np.full(rows, 4.0), np.full(rows, 4.0)),
        (far, far + noise),
        (y, y),
        (y, np.zeros(rows)),
    ):
        yield label * scale, guess * scale


@AT_PLACES
@pytest.mark.parametrize("name", CONTINUOUS)
def test_errors_of_numbers_of_any_size(spu, name, place):
    for rows in LENGTHS if is_debug(spu) else [100]:
        for scale in (SCALES if place == "spu" else SCALES[1::3]) if is_debug(spu) else [3e4]:
            for y, p in cases(scale, rows):
                want, tolerance = wanted(name, y, p, scale)
                if place == "party":
                    tolerance = 1e-9 * max(1, abs(want))
                got = judged(name, spu, place, y, p)
                assert got == pytest.approx(want, abs=tolerance), (scale, rows)


def wanted(name, y, p, scale):
    """What scikit-learn says, and how far what a label and a guess are rounded to may be from it."""
    gap, spread = np.sqrt(np.mean((y - p) ** 2)), y.std()
    if name == "mean_squared_error":
        return gap**2, 2 * gap * (1e-4 * gap + LAST) + LAST**2
    if name != "r2_score":
        return CONTINUOUS[name](y, p), 1e-4 * gap + LAST
    if y.min() == y.max():  # scaled, or rounding would give it a variance
        return CONTINUOUS[name](y / scale, p / scale), 0
    part, lost = gap / spread, LAST / spread
    return CONTINUOUS[name](y, p), 1e-4 * (1 + part**2) + 4 * lost * (1 + part) ** 2 * (1 + lost)


WEIGHTS = {
    "whole": lambda rows: RNG.integers(1, 5, rows),
    "flags": lambda rows: RNG.random(rows) < 0.6,
    "parts": lambda rows: RNG.uniform(0, 1e-6, rows),
    "large": lambda rows: RNG.integers(0, 10**9, rows) / 4,
    "one far out": lambda rows: np.where(np.arange(rows) == 3, 300.0, 1.0),
    "frame": lambda rows: pd.DataFrame({"w": RNG.integers(0, 3, rows)}, dtype="Int64"),
}
EVERY = {
    **{name: getattr(theirs, name) for name in [*CONTINUOUS, *CLASSES]},
    **{name: partial(getattr(theirs, name), zero_division=0) for name in OF_GUESSES[1:]},
}
"""scikit-learn's function of the same name."""


def of_kind(name, rows, constant=False):
    """Label and guess, as a metric takes them; a number in the first row is unlike the (constant) others."""
    y, noise = RNG.integers(0, 2, rows), RNG.normal(size=rows)
    if name in CONTINUOUS:
        return np.where(np.arange(rows), 3.0 if constant else noise, 40.0), noise + 0.3 * y
    return y, y ^ (noise > 1) if name in OF_GUESSES else np.round(0.4 * y + RNG.uniform(0.1, 0.5, rows), 1)


@pytest.mark.parametrize(
    ("spu", "name"),
    [*(("debug", each) for each in EVERY), ("simulation", "r2_score"), ("simulation", "roc_auc_score")],
    indirect=["spu"],
)
def test_rows_weigh_as_in_scikit_learn(spu, name):
    """Wherever weights are, and whatever they are: the first row, the only one of its kind, counts or not."""
    for kind, made in WEIGHTS.items() if is_debug(spu) else [("whole", WEIGHTS["whole"])]:
        rows = 1200 if kind == "whole" and is_debug(spu) else 60  # the sum of weights has an exponent, or not
        (y, p), weight = of_kind(name, rows, constant=kind == "flags"), made(rows)
        if kind == "flags":
            weight[0] = False
        want = EVERY[name](y, p, sample_weight=np.asarray(weight, float).reshape(-1))
        for place in PLACES if is_debug(spu) else ["spu"]:
            w = at("bob" if place == "party" else "alice", weight)
            if kind == "flags" and place != "party":
                w = w.to(spu)
            got = sf.reveal(getattr(metrics, name)(*placed(spu, place, y, p), sample_weight=w))
            assert got == pytest.approx(want, **({} if place == "party" else {"abs": 4e-4, "rel": 4e-4})), (
                kind
            )


@pytest.mark.parametrize("spu", ["debug"], indirect=True)
@pytest.mark.parametrize("name", EVERY)
def test_weights_that_make_no_sense_are_refused(spu, name):
    y, p = of_kind(name, 6)
    for weight, says in (
        (np.array([1, 1, 1, 1, 1, -1]), "numbers below 0"),
        (np.zeros(6), "zeros only"),
        (np.array([1, 1, np.nan, 1, 1, 1]), "missing or infinite"),
        (np.ones(5), "6 rows and 5 rows"),
        (np.ones((6, 2)), r"sample_weight argument .* shape \(6, 2\)"),
        (np.array(list("abcabc")), "no column of numbers"),
    ):
        for place in ("party", "spu"):
            w = at("bob", weight)
            with pytest.raises((sf.RemoteError, sf.LearnError), match=says):
                sf.reveal(getattr(metrics, name)(*placed(spu, place, y, p), sample_weight=w))


@AT_PLACES
@pytest.mark.parametrize("name", CLASSES)
def test_judgements_of_classes(spu, name, place):
    for rows, rate in ((2, 0.5), (90, 0.5), (90, 0.03), (90, 0.97), (300, 0.01)):
        if rows != 90 and not is_debug(spu):
            continue
        y = (np.arange(rows) < max(1, min(rows - 1, round(rows * rate)))).astype(int)
        for score in (RNG.uniform(0.01, 0.99, rows), RNG.integers(0, 3, rows) / 2, np.where(y, 0.99, 0.01)):
            want = CLASSES[name](y, score)
            given = (score > 0.5).astype(int) if name in OF_GUESSES else score
            assert judged(name, spu, place, y, given) == pytest.approx(want, abs=2e-4, rel=2e-4)


@IN_MODES
@pytest.mark.parametrize("scale", SCALES)
def test_an_auc_depends_on_the_order_alone(spu, scale):
    y = RNG.integers(0, 2, 40)
    score = RNG.normal(size=40) * scale
    want = theirs.roc_auc_score(y, score)
    for place in PLACES if is_debug(spu) else ["spu"]:
        assert judged("roc_auc_score", spu, place, y, score) == pytest.approx(want, abs=5e-3)


@AT_PLACES
def test_what_is_not_defined_is_not_a_number(spu, place):
    one, both, score = np.ones(4), np.array([1, 0, 1, 0]), np.array([0.1, 0.6, 0.4, 0.3])
    for name, y, p in (
        ("roc_auc_score", one, score),
        ("roc_auc_score", 0 * one, score),
        ("log_loss", both, score * 9),
    ):
        if place == "party" or (name == "roc_auc_score" and place == "label mixed"):
            with pytest.raises(sf.RemoteError) as caught:
                judged(name, spu, place, y, p)
            assert "classes" in str(caught.value) or "beyond 0 and 1" in str(caught.value)
        else:
            assert np.isnan(judged(name, spu, place, y, p))


@AT_PLACES
@pytest.mark.parametrize("name", OF_GUESSES[1:])
def test_what_is_neither_0_nor_1_has_no_precision(spu, name, place):
    good, other = np.array([1, 0, 1, 0]), np.array([1, 2, 2, 1])
    for y, p in ((good, other), (other, good)):
        shares = place == "party" or ((place == "label mixed") == (y is other) and place != "spu")
        if shares:  # whoever shares it sees it
            with pytest.raises(sf.RemoteError, match="0 and 1"):
                judged(name, spu, place, y, p)
        else:
            assert np.isnan(judged(name, spu, place, y, p))
    none = np.zeros(4)
    assert judged(name, spu, place, none, none) == 0


@AT_PLACES
def test_two_classes_are_any_two_in_the_clear(spu, place):
    label, score = np.array([1, 2, 2, 1, 2]), np.array([0.2, 0.9, 0.4, 0.5, 0.6])
    want = theirs.roc_auc_score(label, score)
    for y in (label, np.where(label > 1, "yes", "no"), label > 1, pd.Series(label - 3)):
        if place in ("party", "label mixed") or (isinstance(y, np.ndarray) and y.dtype == bool):
            assert judged("roc_auc_score", spu, place, y, score) == pytest.approx(want, abs=1e-4)
        elif not (isinstance(y, np.ndarray) and y.dtype.kind == "U"):
            assert np.isnan(judged("roc_auc_score", spu, place, y, score))
    both = np.column_stack([1 - score, score])
    loss = judged("log_loss", spu, place, label > 1, both)
    assert loss == pytest.approx(theirs.log_loss(label, both), abs=1e-4)


RANGES = {name: (0, np.inf) for name in ("log_loss", "root_mean_squared_error", "mean_absolute_error")} | {
    **{name: (0, 1) for name in OF_GUESSES},
    "roc_auc_score": (0, 1),
    "brier_score_loss": (0, 1),
    "r2_score": (-np.inf, 1),
}


@IN_MODES
@pytest.mark.parametrize("name", RANGES)
def test_a_metric_lies_in_its_range_however_it_is_rounded(spu, name):
    """All right, and all wrong: what is at an end of the range by mathematics is not beyond it."""
    least, most = RANGES[name]
    for rows in range(3, 121, 9) if is_debug(spu) else (90, 120):
        y = (RNG.permutation(rows) < max(1, rows // 3)).astype(int)
        for guess in (y, 1 - y):
            assert least <= judged(name, spu, "spu", y, guess) <= most


SHAPES: list[tuple[str, Any, Any, str]] = [
    ("accuracy_score", np.ones(3), np.ones(1), "3 rows and 1 rows"),
    ("root_mean_squared_error", np.ones(3), np.ones(4), "3 rows and 4 rows"),
    ("r2_score", np.ones(1), np.ones(1), "needs 2 at least"),
    ("r2_score", np.ones((3, 2)), np.ones(3), r"first argument .* shape \(3, 2\)"),
    ("r2_score", np.ones(3), np.ones((3, 2)), r"second argument .* shape \(3, 2\)"),
    ("roc_auc_score", np.array([0, 1, 1]), np.ones((3, 2)), "second argument"),
    ("log_loss", np.array([0, 1, 1]), np.ones((3, 3)), r"second argument .* shape \(3, 3\)"),
    ("log_loss", np.array([0, 1, 1]), np.ones((2, 2)), "3 rows and 2 rows"),
]


@AT_PLACES
@pytest.mark.parametrize(("name", "y", "p", "says"), SHAPES)
def test_shapes_that_make_no_sense_are_refused(spu, place, name, y, p, says):
    if place == "party":
        with pytest.raises(sf.RemoteError, match=says):
            judged(name, spu, place, y, p)
    else:
        handles = placed(spu, place, y, p)
        with pytest.raises(sf.LearnError, match=says):
            getattr(metrics, name)(*handles)


@pytest.mark.parametrize("spu", ["debug"], indirect=True)
def test_what_is_no_number_is_refused_with_a_sentence(spu):
    for bad, says in (
        (np.array([1.0, np.nan]), "missing or infinite"),
        (np.array(["a", "b"]), "no column of numbers"),
        (np.zeros(0), "0 rows"),
    ):
        with pytest.raises(sf.RemoteError, match=says):
            judged("r2_score", spu, "party", bad, np.ones(len(bad)))
    for place in (
        "party",
        "label mixed",
        "score mixed",
    ):  # whoever shares decimals sees that they are no classes
        with pytest.raises(sf.RemoteError, match="decimals"):
            judged("accuracy_score", spu, place, np.array([0.5, 1]), np.array([0.5, 1]))


@pytest.mark.parametrize("spu", ["debug"], indirect=True)
def test_one_column_is_a_vector_and_words_can_be_guessed(spu):
    y = np.array([1.0, 3.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for place in PLACES:
            got = judged("r2_score", spu, place, pd.DataFrame({"y": y}), (y + 0.5)[:, None])
            assert got == pytest.approx(theirs.r2_score(y, y + 0.5), abs=1e-4)
    words = np.array(["a", "b", "b"])
    assert judged("accuracy_score", spu, "party", words, np.array(["a", "b", "c"])) == pytest.approx(2 / 3)
