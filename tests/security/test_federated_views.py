"""What each party receives while several add up: keys, facts, uniform words that are fresh, and the sum."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto import learn
from junto.federated import FedAvg, SecureAggregator
from junto.federated.fixed_words import FixedWords, Words
from junto.frame import HorizontalFrame
from junto.learn.trees import pooled_bins
from views import LIMIT, Views

NAMES = ("alice", "bob", "carol")
SIZE = 2000


@pytest.fixture
def views(monkeypatch):
    seen = Views(monkeypatch)
    with sf.Session(list(NAMES), address="local", logging_level="error"):
        yield seen


def received(views: Views, begin: int = 0) -> list[tuple[str, str, str, object]]:
    """Kind, sender, receiver and value of what crossed between two parties."""
    return [
        (passage.kind, passage.source, passage.target, ref.value())
        for passage, ref in views.values[begin:]
        if passage.source != passage.target
    ]


def uniform(words: Words) -> bool:
    counts = np.bincount(words.reshape(-1).view(np.uint8), minlength=256)
    expected = counts.sum() / 256
    return bool(((counts - expected) ** 2 / expected).sum() < LIMIT)


def test_of_a_sum_each_party_receives_masked_vectors_and_the_sum(views):
    values = {sf.PYU(name): sf.PYU(name)(lambda i=i: np.full(SIZE, i / 8))() for i, name in enumerate(NAMES)}
    adder = SecureAggregator(list(values))
    sf.wait(list(adder.sum(values).values()))
    first = len(views.values)
    sf.wait(list(adder.sum(values).values()))

    crossed = received(views)
    facts = [each for each in crossed if each[0] == "reveal" and each[3] is not None]
    assert all(set(value) == {"fault", "size", "form"} for *_, value in facts)
    assert all((value["size"], value["fault"]) == (SIZE, "") for *_, value in facts)

    moved = [each for each in crossed if each[0] == "move"]
    keys = [each for each in moved if isinstance(each[3], bytes)]
    assert Counter((frm, to) for _, frm, to, _ in keys) == Counter(
        (frm, to) for frm in NAMES for to in NAMES if frm != to
    )
    assert all(len(value) == 32 for *_, value in keys)

    words = [each for each in moved if isinstance(each[3], np.ndarray)]
    assert len(keys) + len(words) == len(moved)
    masked = [value for _, _, to, value in words if to == "alice"]
    sums = [(to, value) for _, frm, to, value in words if frm == "alice"]
    assert [len(masked), len(sums)] == [4, 4]
    assert all(uniform(value) for value in masked)
    assert len({value.tobytes() for value in masked}) == 4  # the same vectors, added twice
    apart = [a - b for i, a in enumerate(masked) for b in masked[:i]]
    assert all(uniform(each) for each in apart)  # no two have the same mask
    total = FixedWords.fitting(2.0**16, 3).encode(np.full(SIZE, 3 / 8))
    assert all(np.array_equal(value, total) for _, value in sums)
    assert received(views, first)  # the second sum has no keys
    assert not any(isinstance(value, bytes) for *_, value in received(views, first))


def test_of_federated_averaging_nobody_receives_a_change(views):
    rows = {name: np.full((rows, SIZE), float(rows)) for name, rows in zip(NAMES, (2, 3, 5), strict=True)}
    data = {sf.PYU(name): sf.PYU(name)(lambda v=value: v)() for name, value in rows.items()}
    trained = FedAvg(list(data), lambda p, d: p + d.mean(axis=0)).fit(np.zeros(SIZE), data, rounds=2)
    sf.wait(list(trained.parameters.values()))
    words = [each for each in received(views) if isinstance(each[3], np.ndarray) and each[3].size == SIZE]
    to_adder = [value for _, _, to, value in words if to == "alice"]
    assert len(to_adder) == 4
    assert all(uniform(value) for value in to_adder)
    average = FixedWords.fitting(2.0**16, 3).decode
    assert all(np.allclose(average(value), (4 + 9 + 25) / 10) for _, frm, _, value in words if frm == "alice")
    small = [value for kind, _, _, value in received(views) if kind != "move" and value is not None]
    assert all(set(value) == {"fault", "size", "form"} for value in small if isinstance(value, dict))
    assert all(value.tolist() == [10] for value in small if isinstance(value, np.ndarray))  # all rows


@pytest.mark.parametrize("model", ["LinearRegression", "GradientBoostingRegressor"])
def test_of_a_models_rows_nobody_receives_a_sum_of_one_party(views, model, monkeypatch):
    """What is not uniform goes out from the first party, which has totals only; the others send facts."""
    monkeypatch.setattr(pooled_bins, "SEARCHES", 1)
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=["a", "b", "y"])
    frame = HorizontalFrame({sf.PYU(name): sf.PYU(name)(lambda: table)() for name in NAMES})
    params = {"n_estimators": 1, "max_depth": 2} if model.startswith("Gradient") else {}
    fitted = getattr(learn, model)(sf.SPU(parties=list(NAMES)), **params).fit(frame[["a", "b"]], frame["y"])
    sf.wait(fitted.predict(frame[["a", "b"]]))
    sent = [each for each in received(views) if each[1] != "alice" and each[3] is not None]
    masked = [value.ravel() for _, _, to, value in sent if isinstance(value, np.ndarray)]
    assert masked
    assert uniform(np.concatenate(masked))
    assert len({value.tobytes() for value in masked}) == len(masked)
    others = [(kind, value) for kind, *_, value in sent if not isinstance(value, np.ndarray)]
    facts = {"fault", "size", "form", "rows", "columns", "column", "known", "problem"}
    told = [set(value) - facts for kind, value in others if kind != "move"]
    assert told == [set()] * len(told)
    assert all(isinstance(value, bytes) for kind, value in others if kind == "move")
