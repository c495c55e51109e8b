"""Statistics of a table that three organisations hold together, and none of them sees whole.

The table is scikit-learn's breast-cancer data: 569 patients, 30 measurements each, and a diagnosis.

    patients     measurements 0-19   measurements 20-29, diagnosis
    0-299        alice               carol
    300-568      bob                 carol

Split by rows between alice and bob, by columns between them and carol. Every party computes count,
means and scatter of what it has; only these leave it. carol combines them into the mean and standard
deviation of all 30 measurements and the correlations within each block, and everybody learns the result.

What needs rows side by side is computed on an SPU, where no party sees it: the correlation between a
measurement of the clinics and one of the lab, and a logistic regression on all 30. alice and carol compute
on shares that say nothing by themselves, bob helps, or with `junto demo --two-party` nobody does. Only carol,
who has the diagnoses, sees the scores of the test patients; she says how good they are.

Run it with `junto demo`, or: junto simulate THIS_FILE --parties alice,bob,carol
"""

import os

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import junto as sf

ALICE_ROWS, BOB_ROWS, ALL_ROWS = slice(0, 300), slice(300, 569), slice(0, 569)
CLINIC, LAB = slice(0, 20), slice(20, 30)
SHUFFLED = np.random.default_rng(0).permutation(569)
TRAIN, TEST = SHUFFLED[:400], SHUFFLED[400:]
STEPS, RATE, PENALTY = 40, 1.0, 1 / 400
NODES = ["alice", "carol"] if os.environ.get("JUNTO_DEMO") == "two-party" else ["alice", "carol", "bob"]


def measurements(rows, columns):
    """What a party has. A real script reads its party's own file here."""
    return load_breast_cancer().data[rows, columns]


def moments(table):
    """Count, means and scatter: everything that mean, deviation and correlation need."""
    centred = table - table.mean(axis=0)
    return len(table), table.mean(axis=0), centred.T @ centred


def merged(one, other):
    """The moments of two tables' rows together (Chan, Golub, LeVeque 1983)."""
    (n, mean, scatter), (m, other_mean, other_scatter) = one, other
    shift, total = other_mean - mean, n + m
    return total, mean + shift * m / total, scatter + other_scatter + np.outer(shift, shift) * n * m / total


def statistics(count, mean, scatter):
    """One column a measurement: its mean, its standard deviation, its correlation with each of them."""
    deviation = np.sqrt(np.diag(scatter) / (count - 1))
    return np.vstack([mean, deviation, scatter / (count - 1) / np.outer(deviation, deviation)])


def mean_by_diagnosis(table):
    """Row 0: malignant, row 1: benign. The diagnoses are carol's."""
    diagnosis = load_breast_cancer().target
    return np.stack([table[diagnosis == kind].mean(axis=0) for kind in (0, 1)])


def standardised(table, figures):
    """Mean 0 and deviation 1 for each column, by the figures of all patients."""
    mean, deviation = figures[:2]
    return (table - mean) / deviation


def correlation(one, other):
    """On the SPU: of two standardised columns, one a measurement of the clinics, one of the lab."""
    return jnp.dot(jnp.concatenate(one)[:, 0], other[:, 3]) / (len(other) - 1)


def scores(clinics, lab, malignant):
    """On the SPU: fit a logistic regression to the training patients, and judge the others by it."""
    table = jnp.concatenate([jnp.concatenate(clinics), lab], axis=1)
    seen, truth = table[TRAIN], malignant[TRAIN]

    def loss(weights):
        z = seen @ weights
        return jnp.mean(jax.nn.softplus(z) - truth * z) + PENALTY * jnp.sum(weights**2) / 2

    step = jax.grad(loss)
    weights = jax.lax.fori_loop(0, STEPS, lambda _, w: w - RATE * step(w), jnp.zeros(table.shape[1]))
    return table[TEST] @ weights


def area_under_curve(judged):
    """At carol, who has the diagnoses: how well the scores of the test patients tell them apart."""
    return roc_auc_score(diagnoses()[TEST], judged)


def diagnoses():
    """1: malignant, 0: benign. carol's."""
    return 1.0 - load_breast_cancer().target


def main():
    sf.init()
    alice, bob, carol = sf.PYU("alice"), sf.PYU("bob"), sf.PYU("carol")

    of_alice = alice(moments, num_returns=3)(alice(measurements)(ALICE_ROWS, CLINIC))
    of_bob = bob(moments, num_returns=3)(bob(measurements)(BOB_ROWS, CLINIC))
    in_the_lab = carol(measurements)(ALL_ROWS, LAB)

    of_both = carol(merged, num_returns=3)([x.to(carol) for x in of_alice], [x.to(carol) for x in of_bob])
    clinic = carol(statistics)(*of_both)
    lab = carol(statistics)(*carol(moments, num_returns=3)(in_the_lab))
    by_diagnosis = carol(mean_by_diagnosis)(in_the_lab)

    result = sf.reveal([clinic, lab, by_diagnosis])

    spu = sf.SPU(parties=NODES)
    print(spu.settings.trust)
    of_clinics, of_lab = result[:2]
    clinics = [
        alice(standardised)(alice(measurements)(ALICE_ROWS, CLINIC), of_clinics).to(spu),
        bob(standardised)(bob(measurements)(BOB_ROWS, CLINIC), of_clinics).to(spu),
    ]
    beside = carol(standardised)(in_the_lab, of_lab).to(spu)
    across = spu(correlation)(clinics, beside)
    judged = spu(scores)(clinics, beside, carol(diagnoses)())
    quality = carol(area_under_curve)(judged.to(carol))
    secret = sf.reveal([across, quality])
    sf.shutdown()
    report(*result)
    report_secret(*secret)


def report(clinic, lab, by_diagnosis):
    """Print a few figures, and how far all of them are from the same figures of the whole table."""
    radius, area = clinic[:2, 0], clinic[:2, 3]
    print(f"radius {radius[0]:.3f} ± {radius[1]:.3f}, area {area[0]:.1f} ± {area[1]:.1f}")
    print(f"worst area: malignant {by_diagnosis[0, 3]:.1f}, benign {by_diagnosis[1, 3]:.1f}")

    whole = load_breast_cancer().data  # for this comparison only: nobody would have it
    pairs = [
        (clinic, statistics(*moments(whole[:, CLINIC]))),
        (lab, statistics(*moments(whole[:, LAB]))),
        (by_diagnosis, mean_by_diagnosis(whole[:, LAB])),
    ]
    worst = max(np.max(np.abs(ours - truth) / np.maximum(np.abs(truth), 1e-3)) for ours, truth in pairs)
    print(
        f"all {sum(ours.size for ours, _ in pairs)} figures equal those of the whole table: {worst:.0e} apart"
    )
    if not worst < 1e-9:
        raise SystemExit("the joint result differs from that of the whole table")


def report_secret(across, quality):
    """Print what the SPU computed beside the same on the whole table, by numpy and scikit-learn."""
    table = load_breast_cancer().data  # for this comparison only, too
    table = (table - table.mean(axis=0)) / table.std(axis=0, ddof=1)
    truth = np.corrcoef(table[:, 0], table[:, 23])[0, 1]
    model = LogisticRegression(C=1.0, max_iter=1000).fit(table[TRAIN], diagnoses()[TRAIN])
    plain = roc_auc_score(diagnoses()[TEST], model.decision_function(table[TEST]))
    print(f"radius and worst area, on the SPU: correlation {across:.4f}; on the whole table {truth:.4f}")
    print(f"logistic regression, on the SPU: AUC {quality:.4f}; scikit-learn on the whole table {plain:.4f}")
    if not (abs(across - truth) < 1e-3 and abs(quality - plain) < 5e-3):
        raise SystemExit("the secret result differs from that of the whole table")


if __name__ == "__main__":
    main()
