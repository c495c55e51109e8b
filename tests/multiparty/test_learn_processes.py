"""Training by three real processes over mutual TLS: who sees what, bad tables, and a party that is gone."""

from __future__ import annotations

import time

import pytest
from sklearn.linear_model import LogisticRegression

from junto.ledger import read
from parties import KILL, Job, free_ports

PARTIES = ["alice", "bob", "carol"]

DATA = """
import numpy as np
def table(rows=300):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(rows, 4)) * [1, 50, 0.1, 3] + 4
    return x, ((x - x.mean(0)) @ [0.8, -0.02, 3, 0.1] + rng.logistic(size=rows) > 0).astype(int)
"""

TABLES = """
from junto import learn
from junto.learn import metrics
at = {{p: f"127.0.0.1:{{q}}" for p, q in zip(("alice", "bob", "carol"), {ports})}}
spu = sf.SPU(cluster_def={{"nodes": [{{"party": p, "address": a, "listen_addr": a}} for p, a in at.items()]}})
alice, bob, carol = sf.PYU("alice"), sf.PYU("bob"), sf.PYU("carol")
def columns(low, high, rows=300):
    return table(rows)[0][:, low:high]
def label(rows=300):
    return table(rows)[1]
X, y = {{alice: alice(columns)(0, 2), bob: bob(columns)(2, 4)}}, bob(label)()
"""


def script(text: str) -> str:
    return "sf.init(logging_level='warning')\n" + DATA + TABLES.format(ports=free_ports(3)) + text


@pytest.fixture
def job(tmp_path):
    with Job(tmp_path, PARTIES) as job:
        yield job


@pytest.mark.slow
def test_each_party_sees_its_own_part_and_nothing_else_crosses_in_the_clear(job):
    text = script("""
model = learn.LogisticRegression(spu, inference=True).fit(X, y)
parts = {owner.party: sf.reveal(part, to=[owner.party]) for owner, part in model.export().items()}
say({name: repr(part) if PARTY != name else part.tolist() for name, part in parts.items()})
score = model.decision_function(X, to=bob)
say(sf.reveal(metrics.roc_auc_score(y, score)), float(sf.reveal(model.score(X, y))))
summary = sf.reveal(model.summary_of(alice), to=["alice"])
say(summary["p_value"].tolist() if PARTY == "alice" else repr(summary))
sf.shutdown()
""")
    for name in PARTIES:
        job.start(name, text, ledger=f"{name}.jsonl")
    space: dict[str, object] = {}
    exec(DATA, space)
    x, y = space["table"]()
    scaled = (x - x.mean(0)) / x.std(0)
    reference = LogisticRegression(max_iter=1000, tol=1e-10).fit(scaled, y)
    coef = reference.coef_[0] / x.std(0)
    for name, party in job.running.items():
        parts = party.next()[0]
        for owner, own in (("alice", coef[:2]), ("bob", coef[2:])):
            seen = (
                pytest.approx(own, rel=2e-3) if owner == name else f"<undisclosed: revealed to {owner} only>"
            )
            assert parts[owner] == seen
        auc, accuracy = party.next()
        assert auc > 0.75
        assert accuracy == pytest.approx(reference.score(scaled, y), abs=0.01)
        shown = party.next()[0]
        assert len(shown) == 2 if name == "alice" else "undisclosed" in shown
    assert set(job.all_end().values()) == {0}
    for name in PARTIES:
        entries = [each.entry for each in read(job.folder / f"{name}.jsonl")]
        clear = [each for each in entries if each.kind in ("move", "reveal")]
        # counts, two metrics, pieces of what was told to one party; as large as a column: the scores
        large = [each for each in clear if each.nbytes > 300]
        assert {(each.text, each.receiver) for each in large} <= {("SPU#1 -> bob", "bob")}
        pieces = {(each.text, each.receiver) for each in clear if each.text.startswith("SPU")}
        assert pieces <= {("SPU#1 -> alice", "alice"), ("SPU#1 -> bob", "bob")}
        assert {each.kind for each in entries} >= {"share", "reveal"} if name == "alice" else entries


@pytest.mark.slow
def test_bad_tables_are_the_same_error_at_every_party(job):
    job.start_all(
        script("""
def attempt(X, y):
    try:
        learn.LogisticRegression(spu).fit(X, y)
    except sf.LearnError as error:
        say(str(error))
    else:
        say("no error")
def text(): return np.array([["secret"]] * 300)
def constant(): return np.ones(300)
def fails(): raise FileNotFoundError("secret.csv")
attempt({alice: alice(text)(), bob: X[bob]}, y)
attempt({alice: alice(columns)(0, 2, 299), bob: X[bob]}, y)
attempt(X, carol(constant)())
try:
    learn.LogisticRegression(spu).fit({alice: alice(fails)(), bob: X[bob]}, y)
except sf.RemoteError as error:
    say(error.party, str(error))
model = learn.LogisticRegression(spu).fit(X, y)  # nothing is broken
say(float(sf.reveal(model.score(X, y))))
sf.shutdown()
""")
    )
    for party in job.running.values():
        said = [party.next()[0] for _ in range(3)]
        assert "column '0' of alice's X is no column of numbers" in said[0]
        assert "X of alice has 299 rows, X of bob has 300 rows" in said[1]
        assert "column '0' of carol's y has one class only" in said[2]
        gone, text = party.next()
        assert gone == "alice"
        assert "FileNotFoundError" in text
        assert "secret" not in "".join([*said, text])
        assert party.next()[0] > 0.7
    assert set(job.all_end().values()) == {0}


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["alice", pytest.param("carol", marks=pytest.mark.long)])
def test_a_party_that_is_killed_in_the_middle_of_training_is_named(job, victim):
    job.start_all(
        script("""
from junto.learn import solvers
def told(bit, due, fact=solvers.fact):
    say("an epoch is over", fact(bit, due))
    return True
solvers.fact = told
model = learn.LogisticRegression(spu, solver="sgd", max_iter=1000, batch_size=30, early_stopping=True)
try:
    model.fit(X, y)
except sf.JuntoError as error:
    say(type(error).__name__, str(error))
try:
    model.fit(X, y)
except sf.JuntoError as error:
    say(type(error).__name__, str(error))
sys.exit(4)
"""),
        peer_timeout_s=4.0,
    )
    for party in job.running.values():
        assert party.next() == ["an epoch is over", True]
    job.running[victim].signal(KILL)
    began = time.monotonic()
    for name, party in job.running.items():
        if name != victim:
            for _ in range(2):
                kind, text = said_at_last(party)
                assert kind in ("PartyUnreachable", "LinkError", "RemoteError", "PartyAborted"), text
                assert victim in text, f"{name}: {text}"
            assert party.ends(20) == 4
    assert time.monotonic() - began < 30


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["alice", pytest.param("carol", marks=pytest.mark.long)])
def test_a_training_of_which_a_party_was_killed_goes_on_from_its_checkpoint(job, victim):
    """The same script again, by new processes: what was grown is kept, and the model is the same."""
    text = script("""
from junto.learn.trees.checkpoints import Checkpoint
from junto.learn.trees.ensemble import Ensemble
def keep(self, learned, keep=Checkpoint.keep):
    keep(self, learned)
    sf.wait(learned.weights)
    say("kept", learned.count)
    if learned.count == 2 and not AGAIN:
        hear()
def grow(self, number, score, grow=Ensemble.grow):
    say("grows", number)
    return grow(self, number, score)
Checkpoint.keep, Ensemble.grow = keep, grow
model = learn.GradientBoostingClassifier(spu, n_estimators=4, max_depth=2, max_bins=8)
folders = {party: "kept of " + party for party in ("alice", "bob", "carol")}
try:
    model.fit(X, y, checkpoint=folders)
except sf.JuntoError as error:
    say("broken", str(error))
    sys.exit(4)
say("scores", sf.reveal(model.decision_function(X, to=bob), to=["alice", "bob", "carol"]).tolist())
say("scores", sf.reveal(model.with_params(n_estimators=4).fit(X, y).decision_function(X)).tolist())
sf.shutdown()
""")
    job.start_all("AGAIN = False\n" + text, peer_timeout_s=4.0)
    for party in job.running.values():
        assert [party.next() for _ in range(4)] == [
            ["grows", 0], ["kept", 1], ["grows", 1], ["kept", 2],
        ]  # fmt: skip
    job.running[victim].signal(KILL)
    for name, party in job.running.items():
        if name != victim:
            party.tell()
            while (said := party.next())[0] == "grows":
                pass
            assert said[0] == "broken"
            assert victim in said[1]
            assert party.ends() == 4
    job.start_all("AGAIN = True\n" + text)
    for party in job.running.values():
        assert [party.next() for _ in range(4)] == [
            ["grows", 2], ["kept", 3], ["grows", 3], ["kept", 4],
        ]  # fmt: skip
        (_, got) = party.next()
        assert [party.next() for _ in range(4)] == [["grows", number] for number in range(4)]
        (_, want) = party.next()
        assert got == pytest.approx(want, abs=2e-3)
    assert set(job.all_end().values()) == {0}


def said_at_last(party):
    """What it says after the epochs that were over already."""
    while (said := party.next(25))[0] == "an epoch is over":
        pass
    return said
