"""A logistic regression on columns of two parties, trained with jax.grad where nobody sees a row.

alice has 20 measurements of each patient (scikit-learn's breast-cancer table), bob has 10 more and the
diagnosis. Only bob sees the scores of the test patients.

Run it: junto simulate examples/logistic_regression.py --parties alice,bob,carol
"""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score

import junto as sf

ROWS = np.random.default_rng(0).permutation(569)
TRAIN, TEST = ROWS[:400], ROWS[400:]


def columns(first, last):
    """Standardised by the training rows. A real script reads its party's own file here."""
    table = load_breast_cancer().data[:, first:last]
    table = (table - table[TRAIN].mean(axis=0)) / table[TRAIN].std(axis=0)
    return table[TRAIN], table[TEST]


def labels():
    return load_breast_cancer().target[TRAIN].astype(float)


def loss(weights, x, y):
    score = x @ weights
    return jnp.mean(jnp.logaddexp(0.0, score) - y * score) + weights @ weights / 400


def train_and_score(alice_part, bob_part, y):
    x = jnp.hstack([alice_part[0], bob_part[0]])
    start = jnp.zeros(x.shape[1])
    weights = jax.lax.fori_loop(0, 10, lambda _, w: w - 0.5 * gradient(w, x, y), start)
    return jnp.hstack([alice_part[1], bob_part[1]]) @ weights


def gradient(weights, x, y):
    return jax.grad(loss)(weights, x, y)


def main():
    sf.init()
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    spu = sf.SPU(parties=["alice", "bob", "carol"])
    hers, his = alice(columns)(0, 20), bob(columns)(20, 30)
    scores = spu(train_and_score)(hers, his, bob(labels)()).to(bob)
    auc = bob(lambda s: float(roc_auc_score(load_breast_cancer().target[TEST], s)))(scores)
    print(f"AUC on the test patients: {sf.reveal(auc):.3f}")
    sf.shutdown()


if __name__ == "__main__":
    main()
