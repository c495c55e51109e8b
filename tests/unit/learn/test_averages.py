"""Precision, recall and F1 of classes are scikit-learn's, for each kind of label, average and weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as theirs

import junto as sf
from junto.errors import LearnError
from junto.learn import metrics
from junto.learn.metrics import averages, clear
from junto.learn.metrics.averages import Averaging

RNG = np.random.default_rng(5)
NAMES = ("precision_score", "recall_score", "f1_score")
AVERAGES = ("micro", "macro", "weighted", None)
WEIGHTS = {"alike": None, "numbers": RNG.uniform(0, 9, 60), "few": (np.arange(60) % 7 == 0).astype(float)}


def drawn(classes: list[Any], guessed: list[Any]) -> tuple[Any, Any]:
    return np.array(classes)[RNG.integers(len(classes), size=60)], np.array(guessed)[
        RNG.integers(len(guessed), size=60)
    ]


LABELS = {
    "0 and 1": drawn([0, 1], [0, 1]),
    "truth": drawn([False, True], [False, True]),
    "numbers": drawn([3, 5, 9], [3, 5, 9]),
    "words": drawn(["no", "perhaps", "yes"], ["no", "perhaps", "yes"]),
    "one that is never guessed": drawn([1, 2, 3], [1, 2]),
    "one that never is": drawn(["a", "b"], ["a", "b", "c"]),
    "nothing in common": drawn([0, 1], [2, 3]),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", LABELS)
def test_averages_are_scikit_learns(name: str, kind: str) -> None:
    y, guess = LABELS[kind]
    there = np.unique(np.concatenate([y, guess])).tolist()
    for average in AVERAGES:
        for labels in (None, there[:2], there[::-1], [99] if kind == "numbers" else None):
            for weight in WEIGHTS.values():
                for zero in (0.0, 1.0):
                    how = Averaging(
                        labels=None if labels is None else tuple(labels), average=average, zero_division=zero
                    )
                    want = getattr(theirs, name)(
                        y, guess, labels=labels, average=average, sample_weight=weight, zero_division=zero
                    )
                    assert getattr(clear, name)(y, guess, weight, how) == pytest.approx(want), (
                        average,
                        labels,
                    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("y", "wanted"),
    [
        ([0, 1, 1, 0], 0),
        ([5, 7, 7, 5], 5),
        (["no", "yes", "no", "no"], "yes"),
        ([True, False, True, True], False),
    ],
)
def test_the_class_that_is_looked_for_is_scikit_learns(name: str, y: Any, wanted: Any) -> None:
    labels, guess = np.array(y), np.array(y)[[1, 1, 0, 0]]
    for weight in (None, [1, 2, 0, 4]):
        want = getattr(theirs, name)(labels, guess, pos_label=wanted, sample_weight=weight)
        assert getattr(clear, name)(labels, guess, weight, Averaging(pos_label=wanted)) == pytest.approx(want)


@pytest.mark.parametrize(
    ("y", "how"),
    [
        ([0, 1, 2], Averaging(pos_label=2)),
        (["no", "yes"], Averaging()),
        (["no", "yes"], Averaging(pos_label="maybe")),
        ([0, 1], Averaging(pos_label="yes")),
        ([0, 1], Averaging(pos_label=7)),
    ],
)
def test_what_scikit_learn_refuses_is_refused(y: Any, how: Averaging) -> None:
    with pytest.raises(ValueError, match=r"pos_label|average"):
        theirs.f1_score(y, y, pos_label=how.pos_label)
    with pytest.raises(LearnError):
        clear.f1_score(y, y, None, how)


def test_words_and_numbers_are_not_compared() -> None:
    averages.require_alike(np.array(["1"]), np.array(["2"]))
    with pytest.raises(LearnError, match="words, and the other numbers"):
        clear.f1_score(["1", "2"], [1, 2], None, Averaging(average="macro"))


def test_handles_at_a_party_take_the_same_and_an_spu_says_what_it_takes() -> None:
    y, guess = LABELS["words"]
    with sf.Session(["alice", "bob", "carol"], debug_mode=True, logging_level="error"):
        bob, spu = sf.PYU("bob"), sf.SPU(parties=["alice", "bob", "carol"])
        own, other = bob(pd.Series)(y.tolist()), bob(pd.Series)(guess.tolist())
        weight = bob(np.asarray)(WEIGHTS["numbers"])
        for name in NAMES:
            found = getattr(metrics, name)(own, other, average="weighted", sample_weight=weight)
            want = getattr(theirs, name)(y, guess, average="weighted", sample_weight=WEIGHTS["numbers"])
            assert sf.reveal(found) == pytest.approx(want)
            assert sf.reveal(getattr(metrics, name)(own, other, average=None)).shape == (3,)
        with pytest.raises(sf.LearnError, match="labels is for averages"):
            metrics.f1_score(own, other, labels=["no"])
        with pytest.raises(sf.LearnError, match="average is 'mean'"):
            metrics.f1_score(own, other, average="mean")
        bits = bob(np.asarray)([0, 1]).to(spu)
        with pytest.raises(sf.LearnError, match="on an SPU"):
            metrics.f1_score(bits, bits, pos_label=0)
        assert sf.reveal(metrics.f1_score(bits, bits)) == pytest.approx(1.0, abs=1e-4)
