"""Frames of three real processes over mutual TLS: from files to a judged model, and files that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression as Reference
from sklearn.metrics import roc_auc_score

from junto.ledger import read
from parties import Job

PARTIES = ["alice", "bob", "carol"]

JOB = """
from junto.frame import StandardScaler, WeightOfEvidenceEncoder, correlation, read_csv, train_test_split
from junto.learn import LogisticRegression, metrics
sf.init(logging_level="warning")
alice, bob = sf.PYU("alice"), sf.PYU("bob")
spu = sf.SPU(parties=["alice", "bob", "carol"])
frame = read_csv({alice: "clinic.csv", bob: "lab.csv"}, on={alice: "patient", bob: "id"})
say(frame.shape, frame.columns)
features = [name for name in frame.columns if name != "malignant"]
train, test = train_test_split(frame, test_size=0.3, random_state=2)
scaler = StandardScaler(columns=features)
train, test = scaler.fit_transform(train), scaler.transform(test)
model = LogisticRegression(spu).fit(train[features], train["malignant"])
scores = model.decision_function(test[features], to=bob)
say(sf.reveal(metrics.roc_auc_score(test["malignant"], scores)))
found = correlation(frame[features], spu).reveal(to=["bob"])
say(found.round(4).to_numpy().tolist() if PARTY == "bob" else repr(found))
encoder = WeightOfEvidenceEncoder(spu=spu, n_bins=5).fit(frame, "malignant")
value = sf.reveal(encoder.information_value_[alice], to=["alice"])
say(value if PARTY == "alice" else repr(value))
sf.shutdown()
"""


@pytest.fixture
def job(tmp_path):
    with Job(tmp_path, PARTIES) as job:
        yield job


@pytest.fixture
def table(job):
    """The whole table, of which each party has a file."""
    table = load_breast_cancer(as_frame=True).frame.rename(columns=lambda name: name.replace(" ", "_"))
    table = table.assign(patient=np.arange(len(table)) * 7 + 3, malignant=1 - table["target"])
    rng = np.random.default_rng(3)
    clinic = table[["patient", "mean_radius", "mean_texture"]].iloc[:500].sample(frac=1, random_state=rng)
    lab = table[["patient", "worst_area", "worst_smoothness", "malignant"]].iloc[50:]
    clinic.to_csv(job.folder / "clinic.csv", index=False)
    lab.rename(columns={"patient": "id"}).sample(frac=1, random_state=rng).to_csv(
        job.folder / "lab.csv", index=False
    )
    return table


@pytest.mark.slow
def test_from_files_to_a_judged_model(job, table):
    for name in PARTIES:
        job.start(name, JOB, ledger=f"{name}.jsonl")
    joined = table.iloc[50:500]
    features = ["mean_radius", "mean_texture", "worst_area", "worst_smoothness"]
    scaled = (joined[features] - joined[features].mean()) / joined[features].std(ddof=0)
    reference = Reference().fit(scaled, joined["malignant"])
    auc = roc_auc_score(joined["malignant"], reference.decision_function(scaled))
    for name, party in job.running.items():
        assert party.next() == [[450, 5], [*features, "malignant"]]
        assert party.next()[0] == pytest.approx(auc, abs=0.06)  # 135 rows of any order, and 0.01 is usual
        shown = party.next()[0]
        if name == "bob":
            np.testing.assert_allclose(shown, joined[features].corr(), atol=1e-4)
        else:
            assert shown == "<undisclosed: revealed to bob only>"
        value = party.next()[0]
        if name == "alice":
            assert value["mean_radius"] > value["mean_texture"] > 0.5
        else:
            assert "undisclosed" in value
    assert set(job.all_end().values()) == {0}
    for name in PARTIES:
        entries = [each.entry for each in read(job.folder / f"{name}.jsonl")]
        clear = [each for each in entries if each.kind in ("move", "reveal")]
        # In the clear cross names, counts, blinded keys and positions of the join, and results: no column.
        floats = [each for each in clear if "float" in each.type_name and each.shape and 450 in each.shape]
        assert not floats
        assert {each.type_name for each in clear if each.nbytes > 450 * 8} <= {
            "ndarray[int64]",
            "ndarray[uint8]",
        }


@pytest.mark.slow
def test_files_that_are_not_as_they_should_be_are_the_same_error_at_every_party(job):
    (job.folder / "a.csv").write_text("id,x,flat,word\n1,2.5,1,secret\n2,3.5,1,secret\n3,1.0,1,secret\n")
    (job.folder / "b.csv").write_text("id,y\nn1,0\nn2,1\n")
    (job.folder / "c.csv").write_text("id,y\n1,0\n2,1\n3,1\n")
    job.start_all("""
from junto.frame import correlation, read_csv
sf.init(logging_level="error")
alice, bob = sf.PYU("alice"), sf.PYU("bob")
spu = sf.SPU(parties=["alice", "bob", "carol"])
def attempt(step):
    try:
        say(step())
    except sf.JuntoError as error:
        say(type(error).__name__ + ": " + str(error))
attempt(lambda: read_csv({alice: "a.csv", bob: "secret.csv"}, on="id"))
attempt(lambda: read_csv({alice: "a.csv", bob: "b.csv"}, columns={bob: ["y"]}))
attempt(lambda: read_csv({alice: "a.csv", bob: "b.csv"}, on={"id": int}))
frame = read_csv({alice: "a.csv", bob: "c.csv"}, on="id")
attempt(lambda: correlation(frame, spu))
attempt(lambda: str(correlation(frame.drop("word"), spu, disclose_rows=True).reveal().loc["flat", "flat"]))
sf.shutdown()
""")
    for name, party in job.running.items():
        missing, rows, kinds, text, constant = (party.next(30)[0] for _ in range(5))
        for said, kind, what in (
            (missing, "JoinError", "FileNotFoundError"),
            (rows, "FrameError", "3 at alice, 2 at bob"),
            (kinds, "JoinError", "id"),
            (text, "FrameError", "column 'word' of alice"),
        ):
            assert said.startswith(kind)
            assert what in said
        assert constant == "nan"
        assert "secret" not in rows + kinds + text
        assert ("secret" in missing) == (name == "bob")  # who is told its own path
    assert set(job.all_end().values()) == {0}, [party.text for party in job.running.values()]
