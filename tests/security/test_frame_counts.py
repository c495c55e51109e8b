"""What frames show of others' rows: counts and correlations from which single rows cannot be worked out."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import LinearConstraint, milp

import junto as sf
from frames import split
from junto.frame import HorizontalFrame, WeightOfEvidenceEncoder, correlation, variance_inflation_factor
from junto.frame.woe import _inside, _says_labels, _width
from spu_values import PARTIES, at

ROWS = 300


@pytest.fixture(scope="module")
def spu():
    sf.init(parties=PARTIES, debug_mode=True, logging_level="error")
    yield sf.SPU(parties=PARTIES)
    sf.shutdown()


def people(columns, seed=0, share=0.5, rows=ROWS):
    """Features, and a label in the last column."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(rows, columns)), columns=[f"x{i}" for i in range(columns)])
    return table.assign(y=(rng.permutation(rows) < share * rows).astype(int))


def equations(table, n_bins):
    """What the features' owner learns, by its own code: [bins, rows] of 0 and 1, and the ones in each bin."""
    encoder = WeightOfEvidenceEncoder(n_bins=n_bins)
    binned = {name: encoder._learn(table[name]) for name in table.columns[:-1]}
    inside = _inside(binned, 0, len(table))
    return inside, inside @ table["y"].to_numpy(), _width(binned)


def test_forty_columns_would_say_every_label_and_are_refused(spu):
    table = people(40)
    inside, counts, width = equations(table, 10)
    solved = np.linalg.lstsq(inside.astype(float), counts.astype(float), rcond=None)[0]
    assert (solved.round() == table["y"]).all()  # the attack: all 300 labels
    assert _says_labels(table["y"].to_numpy(), width, 40)
    with pytest.raises(sf.FrameError, match="alice could find out the labels of bob: 400 bins") as caught:
        WeightOfEvidenceEncoder(spu=spu).fit(split(table, 40), "y")
    assert "disclose_labels=True" in caught.value.fix


def test_who_may_know_the_labels_says_so(spu):
    table = people(3, rows=40)
    frame = split(table, 3)
    with pytest.raises(sf.FrameError, match="could find out"):
        WeightOfEvidenceEncoder(spu=spu, n_bins=8).fit(frame, "y")
    assert WeightOfEvidenceEncoder(spu=spu, n_bins=8, disclose_labels=True).fit(frame, "y").woe_
    both = WeightOfEvidenceEncoder(n_bins=8).fit(split(table.assign(z=0.5), 0).drop("z"), "y")
    assert both.woe_  # features and label have one owner: nothing is shown to anybody


@pytest.mark.parametrize(("share", "n_bins"), [(0.5, 5), (0.5, 10), (0.1, 5), (0.03, 4)])
def test_no_label_can_be_told_from_the_counts_that_are_not_refused(share, n_bins):
    most = max(
        (k for k in range(1, 40) if not _says_labels(people(k, share=share)["y"].to_numpy(), k * n_bins, k)),
        default=0,
    )
    assert most > 0
    table = people(most, seed=3, share=share)
    inside, counts, _ = equations(table, n_bins)
    pure = (inside[(counts == 0) | (counts == inside.sum(axis=1))] > 0).any(axis=0)  # said to be shown
    undecided = np.flatnonzero(~pure)
    assert len(undecided) > ROWS / 3
    for row in np.random.default_rng(1).choice(undecided, 6, replace=False):
        other = 1 - table["y"][row]
        bounds = np.zeros(ROWS), np.ones(ROWS)
        for bound in bounds:
            bound[row] = other
        fits = milp(
            np.zeros(ROWS), integrality=np.ones(ROWS), bounds=_between(*bounds),
            constraints=LinearConstraint(inside, counts, counts), options={"time_limit": 20},
        )  # fmt: skip
        assert fits.status == 0, f"row {row} can only be {table['y'][row]}"


def _between(low, high):
    from scipy.optimize import Bounds

    return Bounds(low, high)


@pytest.mark.parametrize("who", [correlation, variance_inflation_factor])
def test_as_many_columns_as_rows_would_say_every_value_and_are_refused(spu, who):
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.normal(size=(8, 8)), columns=list("abcdefgh"))
    found = table.corr().loc["h", list("abcdefg")]  # the attack, with what would be shown
    centred = table[list("abcdefg")] - table[list("abcdefg")].mean()
    shape = np.linalg.lstsq((centred / centred.std()).T / 7, found, rcond=None)[0]
    assert abs(np.corrcoef(shape, table["h"])[0, 1]) > 0.999
    with pytest.raises(sf.FrameError, match=r"alice could find out.*7 columns, and there are 8 rows"):
        who(split(table, 7), spu)
    with pytest.raises(sf.FrameError, match=r"bob could find out"):
        who(split(table, 1), spu)
    assert who(split(table[list("abgh")], 2), spu).columns == tuple("abgh")


# -------------------------------------------------------------------- consent


def rows_of(*counts):
    """A frame of as many rows of each party."""
    tables = {who: pd.DataFrame({"x": np.arange(n) + 1.0}) for who, n in zip(PARTIES, counts, strict=False)}
    return HorizontalFrame({sf.PYU(who): at(who, table) for who, table in tables.items()})


@pytest.mark.parametrize("said", [1, "yes", [True], np.True_, None], ids=repr)
def test_nothing_but_true_is_consent(spu, said):
    """A number, a text, a truth value of numpy: whatever a script has computed, it has not said that."""
    frame, wide, few = split(people(3, rows=40), 3), split(people(30, rows=40), 25), rows_of(20, 3)
    for call in (
        partial(frame.filter, "x0", lambda x: x > 0, disclose_rows=said),
        partial(frame.dropna, disclose_rows=said),
        partial(WeightOfEvidenceEncoder, spu=spu, n_bins=8, disclose_labels=said),
        partial(correlation, wide, spu, disclose_rows=said),
        partial(variance_inflation_factor, wide, spu, disclose_rows=said),
        partial(few.count, spu, disclose_rows=said),
        partial(few.sum, spu, disclose_rows=said),
        partial(few.value_counts, "x", [1.0], spu, disclose_rows=said),
    ):
        with pytest.raises(sf.FrameError, match=r"disclose_(rows|labels) is ") as caught:
            call()
        assert "takes True or False" in caught.value.fix


def test_consent_is_for_one_call(spu):
    few = rows_of(20, 3)
    few.sum(spu, disclose_rows=True)
    for call in (few.sum, few.mean, few.count):
        with pytest.raises(sf.FrameError, match="could work out"):
            call(spu)


def test_what_is_fine_for_a_frame_is_looked_at_anew_for_what_is_left_of_it(spu):
    frame = rows_of(20, 20)
    frame.sum(spu)
    for less in (frame.filter("x", lambda x: x > 15), frame.head(23)):
        with pytest.raises(sf.FrameError, match="could work out"):
            less.sum(spu)
    assert frame[["x"]].sum(spu).reveal()["x"] == 2 * 210
