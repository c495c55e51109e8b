"""Logistic regression by mini-batches on an SPU of three processes; scikit-learn on the same rows.

Timed from `fit` until the coefficients are there at every node.
"""

import time

import numpy as np
from say import forget_peak, given, memory, say
from sklearn.linear_model import LogisticRegression as InTheClear
from sklearn.metrics import roc_auc_score

import junto as sf
from junto.learn import LogisticRegression, metrics

ROWS, WIDTH = given()["rows"], given()["columns"] // 2


def columns(seed):
    return np.random.default_rng(seed).normal(size=(ROWS, WIDTH))


def weights(seed):
    return np.random.default_rng(seed + 10).normal(size=WIDTH) / np.sqrt(WIDTH)


def label():
    """Made-up data: this party may know the others' columns."""
    score = 1.5 * (columns(1) @ weights(1) + columns(2) @ weights(2))
    return (np.random.default_rng(3).uniform(size=ROWS) < 1 / (1 + np.exp(-score))).astype(float)


def in_the_clear(y):
    """Seconds and AUC of scikit-learn on the whole table; it trains until nothing changes."""
    x = np.hstack([columns(1), columns(2)])
    began = time.perf_counter()
    model = InTheClear().fit(x, y)
    return time.perf_counter() - began, float(roc_auc_score(y, model.decision_function(x)))


sf.init()
alice, bob = sf.PYU("alice"), sf.PYU("bob")
spu = sf.SPU(parties=["alice", "bob", "carol"], cluster_def={"runtime_config": {"field": given()["field"]}})
X, y = {alice: alice(columns)(1), bob: bob(columns)(2)}, bob(label)()
sf.wait([*X.values(), y])
forget_peak()
for _ in range(given()["count"]):
    sf.barrier()
    began, worked = time.perf_counter(), time.process_time()
    model = LogisticRegression(spu, solver="sgd", max_iter=given()["epochs"], batch_size=1024).fit(X, y)
    sf.wait(model.coef_)
    say(fit=time.perf_counter() - began, worked=time.process_time() - worked)
say(peak=memory()["peak"])
auc = sf.reveal(metrics.roc_auc_score(y, model.decision_function(X, to=bob)))
seconds, clear = sf.reveal(bob(in_the_clear)(y))
say(auc=auc, clear_auc=clear, clear_seconds=seconds)
sf.shutdown()
