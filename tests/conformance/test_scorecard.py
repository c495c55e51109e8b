"""A scorecard has the points of the textbook's formula for the model of scikit-learn on the same columns."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression as Reference
from sklearn.preprocessing import StandardScaler

import junto as sf
from frames import split, whole
from junto.frame import WeightOfEvidenceEncoder
from junto.learn import LogisticRegression, Scorecard
from spu_values import PARTIES

ROWS = 400
RNG = np.random.default_rng(5)
AGE, PAY = RNG.integers(18, 80, ROWS).astype(float), RNG.lognormal(8, 1, ROWS)
AGE[::9] = np.nan
TOWN = RNG.choice(["north", "=south", "it's"], ROWS)
BAD = RNG.random(ROWS) < 1 / (
    1 + np.exp(1 + 0.04 * np.nan_to_num(AGE, nan=30) - 0.3 * np.log(PAY) - (TOWN == "north"))
)
TABLE = pd.DataFrame({"age": AGE, "town": TOWN, "pay": PAY, "bad": BAD.astype(int)})
NAMES = ["age", "town", "pay"]
SIZE = {"base_points": 650.0, "base_odds": 20.0, "pdo": 40.0}


@pytest.fixture(scope="module")
def made():
    """A card, the frame, and by hand: the points that scikit-learn's model gives each feature of each row."""
    sf.init(parties=PARTIES, address="local", debug_mode=True, logging_level="error")
    spu, frame = sf.SPU(parties=PARTIES), split(TABLE, 2)
    encoder = WeightOfEvidenceEncoder(spu=spu, n_bins=4).fit(frame, "bad")
    encoded = encoder.transform(frame)
    model = LogisticRegression(spu).fit(encoded[NAMES], encoded["bad"])
    woe = whole(encoded)[NAMES]
    scaler = StandardScaler().fit(woe)
    reference = Reference(tol=1e-8).fit(scaler.transform(woe), BAD)
    coef = reference.coef_[0] / scaler.scale_
    intercept = reference.intercept_[0] - coef @ scaler.mean_
    factor = 40 / math.log(2)
    base = 650 - factor * math.log(20) - factor * intercept
    yield Scorecard(encoder=encoder, model=model, **SIZE), frame, base, -factor * coef * woe
    sf.shutdown()


def test_points_are_those_of_the_formula(made):
    card, frame, base, points = made
    want = base + points.sum(axis=1)
    assert sf.reveal(card.score(frame, to="bob")) == pytest.approx(want, abs=0.1)
    table = pd.DataFrame(sf.reveal(card.table("bob")))
    assert table["points"][0] == pytest.approx(base, abs=0.1)
    for name in NAMES:
        rows = table[table["feature"] == name]
        known = rows["points"][rows["woe"] != 0].round(6).unique()
        assert sorted(known) == pytest.approx(sorted(points[name].round(6).unique()), abs=0.1)


def test_points_double_the_odds(made):
    card, frame, *_ = made
    encoded = card.encoder.transform(frame)[NAMES]
    chance = np.asarray(sf.reveal(card.model.predict_proba(encoded, to="bob")))[:, 1]
    odds = (1 - chance) / chance
    want = 650 + 40 * np.log2(odds / 20)
    assert sf.reveal(card.score(frame, to="bob")) == pytest.approx(want, abs=0.1)


def test_a_card_is_a_function_without_junto(made):
    """Whatever a row has: a gap, a number beyond all others, a value that was never seen."""
    card, frame, *_ = made
    source = sf.reveal(card.export("bob", format="python"))
    assert "junto" not in source
    module: dict = {}
    exec(source, module)
    rows = TABLE[NAMES].to_dict("records")
    want = sf.reveal(card.score(frame, to="bob"))
    assert [module["score"](row) for row in rows] == pytest.approx(want, abs=0.02)
    odd = TABLE.iloc[:3].assign(age=[np.nan, 1e9, -1e9], town=["nowhere", "north", "it's"])
    assert [module["score"](row) for row in odd[NAMES].to_dict("records")] == pytest.approx(
        sf.reveal(card.score(split(odd, 2), to="bob")), abs=0.02
    )
    text = sf.reveal(card.export("bob"))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["points"]) for row in rows] == sf.reveal(card.table("bob"))["points"]
    assert [row["bin"] for row in rows if row["feature"] == "town"] == ["'=south", "it's", "north"]


def test_reasons_are_where_most_points_are_lost(made):
    card, frame, _, points = made
    lost = points.max() - points
    found = sf.reveal(card.reason_codes(frame, k=2, to="bob"))
    order = np.sort(lost.to_numpy(), axis=1)
    for place in (0, 1):
        taken = lost.to_numpy()[np.arange(ROWS), [NAMES.index(name) for name in found[:, place]]]
        assert taken == pytest.approx(order[:, -1 - place], abs=0.1)
    assert (found[:, 0] != found[:, 1]).all()


def test_what_is_no_card_is_refused(made):
    card, frame, *_ = made
    encoded = card.encoder.transform(frame)
    spu = card.model.spu
    other = LogisticRegression(spu).fit(encoded[["age", "pay"]], encoded["bad"])
    given = {"encoder": card.encoder, "model": card.model}
    with pytest.raises(sf.LearnError, match="not fitted to the features of the encoder"):
        Scorecard(encoder=card.encoder, model=other)
    for wrong in ({"pdo": 0.0}, {"base_odds": -1.0}, {"base_points": math.nan}):
        with pytest.raises(sf.LearnError, match=f"{next(iter(wrong))} is "):
            Scorecard(**given, **wrong)
    with pytest.raises(sf.LearnError, match="format is 'sql'"):
        card.export("bob", format="sql")
    with pytest.raises(sf.LearnError, match="k is 4"):
        card.reason_codes(frame, k=4)
