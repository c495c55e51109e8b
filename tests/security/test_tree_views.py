"""What each party of a real SPU receives while a forest of boosted trees is grown: what ``Learns`` says."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import junto as sf
from junto.learn import GradientBoostingClassifier
from spu_values import PARTIES, at
from views import LIMIT, Views, chi_square

ROWS, DEPTH, TREES = 320, 2, 2  # bits fill whole words
COLUMNS_OF_BOB, BINS = 2, 4


@pytest.fixture(scope="module", params=[None, {"alice.0": 1, "bob.1": 1}], ids=["free", "monotone"])
def constraints(request):
    """In which directions predictions follow columns."""
    return request.param


@pytest.fixture(scope="module")
def seen(constraints):
    """A model that was fitted, and all that anybody received meanwhile."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(ROWS, 3))
    label = (table[:, 0] + table[:, 2] > 0).astype(int)
    with pytest.MonkeyPatch.context() as patch:
        sf.init(parties=PARTIES, address="local", logging_level="error")
        spu = sf.SPU(parties=PARTIES)
        views = Views(patch)
        views.watch(spu)
        X = {sf.PYU("alice"): at("alice", table[:, :1]), sf.PYU("bob"): at("bob", table[:, 1:])}
        model = GradientBoostingClassifier(spu, n_estimators=TREES, max_depth=DEPTH, max_bins=BINS)
        model = model.with_params(monotone_constraints=constraints)
        model.fit(X, at("bob", label))
        learned = model._fitted()
        sf.wait(learned.weights)
        picks = {who.party: sf.reveal(each) for who, each in learned.picks.items()}
        fitted = len(views.values), len(views.messages)
        told = {
            "shap_values": model.shap_values(X, to="alice"),
            "apply": model.apply(X, to="alice"),
            "feature_importances": model.feature_importances("alice"),
            "export": model.export("alice", with_stats=True),
        }
        sf.wait(list(told.values()))
        yield views, picks, fitted
        sf.shutdown()


def test_all_are_told_how_many_rows_and_columns_and_nothing_else(seen, constraints):
    """And who has a column that the script names."""
    views, *_ = seen
    told = [
        ref.value()
        for passage, ref in views.values
        if passage.stamp.text == "reveal" and passage.stamp.operation < 20
    ]
    owning = [each for each in told if isinstance(each, list)]
    assert {tuple(each) for each in owning} == (set() if constraints is None else {(1, 0), (0, 1)})
    told = [each for each in told if each not in owning]
    assert {key for each in told for key in each} == {"rows", "columns", "fault", "column", "known"}
    assert {(each["rows"], each["fault"], each["column"], each["known"]) for each in told} == {
        (ROWS, "", "", True)
    }


def test_an_owner_is_shown_its_own_splits_and_nobody_is_shown_anything_else(seen):
    views, picks, (fitted, _) = seen
    shown = Counter()
    for passage, _ in views.values[:fitted]:
        if passage.kind == "reveal" and passage.stamp.text != "reveal":
            assert passage.stamp.text == f"SPU#1 -> {passage.target}"
            shown[passage.target] += 1
    assert shown == {"alice": TREES * DEPTH, "bob": TREES * DEPTH}
    assert picks["alice"].shape == picks["bob"].shape == (TREES, 2**DEPTH - 1)
    assert ((picks["alice"] == -1) | (picks["bob"] == -1)).all()  # no node is shown to two
    assert all((each != -1).any() for each in picks.values())


def test_all_else_is_uniform(seen):
    views, *_ = seen
    pieces = [data for passage, data in views.pieces() if passage.kind == "share"]
    assert chi_square(np.concatenate(pieces)) < LIMIT
    for party in ("alice", "bob"):
        heard = [data for _, who, by, _, data in views.messages if who == party and by != "carol"]
        online = [
            np.frombuffer(data, np.uint8) for data in heard if len(data) > 1000
        ]  # bits of few fill no word
        assert len(np.concatenate(online)) > 50_000
        assert chi_square(np.concatenate(online)) < LIMIT
    assert not [who for _, who, *_ in views.messages if who == "carol"]


def test_what_a_tree_is_grown_of_is_shared_in_the_ring_in_which_it_grows(seen):
    """Of 64 bits, on an SPU of 128: the sides of rows are the most that a training sends."""
    views, _, (fitted, _) = seen
    sizes = [value.nbytes for passage, value in told_of(views.values[:fitted]) if passage.kind == "share"]
    assert max(sizes) == 8 * ROWS * COLUMNS_OF_BOB * (BINS - 1)


def told_of(passages):
    """Passages and arrays in what they brought."""
    for passage, ref in passages:
        value = ref.value()
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, np.ndarray):
                yield passage, part


def test_what_the_trees_say_is_shown_to_one_party_alone(seen):
    """SHAP values, leaves, importances, and the model: alice is shown four results, and bob none."""
    views, _, (fitted, heard) = seen
    kinds = Counter((passage.kind, passage.target) for passage, _ in views.values[fitted:])
    shown = Counter(
        passage.target
        for passage, _ in views.values[fitted:]
        if passage.kind == "reveal" and passage.stamp.text != "reveal"
    )
    assert shown == {"alice": 4}
    moved = [
        (passage.target, ref.value()) for passage, ref in views.values[fitted:] if passage.kind == "move"
    ]
    assert {target for target, _ in moved} == {"alice"}
    assert kinds["share", "carol"] == 0
    for party in ("alice", "bob"):
        online = [
            np.frombuffer(data, np.uint8)
            for _, who, by, _, data in views.messages[heard:]
            if who == party and by != "carol" and len(data) > 1000
        ]
        assert len(np.concatenate(online)) > 50_000
        assert chi_square(np.concatenate(online)) < LIMIT
