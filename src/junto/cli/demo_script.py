"""Statistics of a table that three organisations hold together, and none of them sees whole.

The table is scikit-learn's breast-cancer data: 569 patients, 30 measurements each, and a diagnosis.

    patients     measurements 0-19   measurements 20-29, diagnosis
    0-299        alice               carol
    300-568      bob                 carol

Split by rows between alice and bob, by columns between them and carol. Every party computes count,
means and scatter of what it has; only these leave it. carol combines them into the mean and standard
deviation of all 30 measurements and the correlations within each block (those across the blocks need
rows side by side, hence secure computation), and everybody learns the result.

Run it with `junto demo`, or: junto simulate THIS_FILE --parties alice,bob,carol
"""

import numpy as np
from sklearn.datasets import load_breast_cancer

import junto as sf

ALICE_ROWS, BOB_ROWS = slice(0, 300), slice(300, 569)
CLINIC, LAB = slice(0, 20), slice(20, 30)


def measurements(rows, columns):
    """What a party has. A real script reads its party's own file here."""
    return load_breast_cancer().data[rows, columns]


def moments(table):
    """(count, means, scatter): everything that mean, deviation and correlation need."""
    centred = table - table.mean(axis=0)
    return len(table), table.mean(axis=0), centred.T @ centred


def merged(one, other):
    """The moments of two tables' rows together (Chan, Golub, LeVeque 1983)."""
    (n, mean, scatter), (m, other_mean, other_scatter) = one, other
    shift = other_mean - mean
    total = n + m
    return total, mean + shift * m / total, scatter + other_scatter + np.outer(shift, shift) * n * m / total


def statistics(moments_of_a_table):
    """Mean, standard deviation and correlation of each column."""
    n, mean, scatter = moments_of_a_table
    deviation = np.sqrt(np.diag(scatter) / (n - 1))
    return {
        "mean": mean,
        "deviation": deviation,
        "correlation": scatter / (n - 1) / np.outer(deviation, deviation),
    }


def mean_by_diagnosis(table):
    """Row 0: malignant, row 1: benign. The diagnoses are carol's."""
    diagnosis = load_breast_cancer().target
    return np.stack([table[diagnosis == kind].mean(axis=0) for kind in (0, 1)])


def difference(result, truth):
    """The largest deviation, relative to the size of the value."""
    return max(
        float(np.max(np.abs(result[key] - truth[key]) / np.maximum(np.abs(truth[key]), 1e-3)))
        for key in truth
    )


def main():
    sf.init()
    alice, bob, carol = sf.PYU("alice"), sf.PYU("bob"), sf.PYU("carol")

    of_alice = alice(moments)(alice(measurements)(ALICE_ROWS, CLINIC))
    of_bob = bob(moments)(bob(measurements)(BOB_ROWS, CLINIC))
    in_the_lab = carol(measurements)(slice(0, 569), LAB)

    of_both = carol(merged)(of_alice.to(carol), of_bob.to(carol))
    clinic = carol(statistics)(of_both)
    lab = carol(statistics)(carol(moments)(in_the_lab))
    by_diagnosis = carol(mean_by_diagnosis)(in_the_lab)

    clinic, lab, by_diagnosis = sf.reveal([clinic, lab, by_diagnosis])
    sf.shutdown()
    report(clinic, lab, by_diagnosis)


def report(clinic, lab, by_diagnosis):
    """Print a few rows, and how far all of it is from the same statistics of the whole table."""
    whole = load_breast_cancer()  # for this comparison only: nobody would have it
    names = whole.feature_names
    for column in (0, 3):
        print(f"{names[column]:>20}: {clinic['mean'][column]:9.3f} ± {clinic['deviation'][column]:.3f}")
    for column in (0, 3):
        ill, well = by_diagnosis[:, column]
        print(
            f"{names[20 + column]:>20}: {lab['mean'][column]:9.3f} ± {lab['deviation'][column]:.3f}"
            f" (malignant {ill:.3f}, benign {well:.3f})"
        )

    worst = max(
        difference(clinic, statistics(moments(whole.data[:, CLINIC]))),
        difference(lab, statistics(moments(whole.data[:, LAB]))),
        difference({"mean": by_diagnosis}, {"mean": mean_by_diagnosis(whole.data[:, LAB])}),
    )
    print(f"equal to the statistics of the whole table to within {worst:.0e} (asked: 1e-09)")
    if not worst < 1e-9:
        raise SystemExit("the joint result differs from that of the whole table")


if __name__ == "__main__":
    main()
