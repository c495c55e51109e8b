"""Statistics of a table that three organisations hold together, and none of them sees whole.

The table is scikit-learn's breast-cancer data: 569 patients, 30 measurements each, and a diagnosis.

    patients     measurements 0-19   measurements 20-29, diagnosis
    0-299        alice               carol
    300-568      bob                 carol

Split by rows between alice and bob, by columns between them and carol. Every party computes count,
means and scatter of what it has; only these leave it. carol combines them into the mean and standard
deviation of all 30 measurements and the correlations within each block, and everybody learns the result.

Then the job for which organisations come together. alice and carol hold different measurements of
patients whom only some they share, each list in an order of its own, and carol knows the diagnoses. They
find the patients that they have in common without showing the others, train a logistic regression on the
joined rows, which neither of them sees, and judge it on patients it has not seen: alice and carol compute on
shares that say nothing by themselves, bob helps, or with `junto demo --two-party` nobody does. Only carol is
shown the scores; she writes a report of the run. (The table has no names in it: the patients' numbers are
made up.)

Run it with `junto demo`, or: junto simulate THIS_FILE --parties alice,bob,carol
"""

import os

import numpy as np
import pandas as pd
from sklearn import linear_model
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score, roc_curve

import junto as sf
from junto.join import join
from junto.learn import LogisticRegression
from junto.learn.metrics import gains_table

ALICE_ROWS, BOB_ROWS, ALL_ROWS = slice(0, 300), slice(300, 569), slice(0, 569)
CLINIC, LAB = slice(0, 20), slice(20, 30)
KNOWN_TO_ALICE, KNOWN_TO_CAROL = slice(0, 500), slice(60, 569)
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


def patients(known, columns, seed):
    """A party's list, by patient number and in an order of its own. A real script names a file instead."""
    data = load_breast_cancer(as_frame=True).data.iloc[known, columns]
    data.insert(0, "patient", [f"P{7919 * (row + 1) % 100_003:05d}" for row in data.index])
    return data.sample(frac=1.0, random_state=seed)


def diagnosed(table):
    """Carol's list with her diagnoses: 1 malignant, 0 benign."""
    return table.assign(malignant=1.0 - load_breast_cancer().target[table.index])


def split(table):
    """Three quarters to train on, the rest to judge by; rows are in the same, arbitrary order everywhere."""
    cut = len(table) * 3 // 4
    return table.iloc[:cut], table.iloc[cut:]


def features(table):
    return table.drop(columns=["patient", "malignant"], errors="ignore")


def spread(table):
    """The standard deviation of each feature, by which a coefficient compares with the others."""
    return np.std(features(table), axis=0)


def truth(table):
    """1 malignant, 0 benign."""
    return table["malignant"]


def scores(probability):
    """Of being malignant."""
    return probability[:, 1]


def judged(test, probability):
    """At carol: how well the scores tell the test patients apart, and the curve."""
    known, score = truth(test).to_numpy(), scores(probability)
    curves = {"roc": roc_curve(known, score)[:2], "calibration": calibration(known, score)}
    return float(roc_auc_score(known, score)), {
        name: [line.tolist() for line in lines] for name, lines in curves.items()
    }


def calibration(known, score, groups=5):
    """Of groups of equally many patients: the mean probability, the part that is malignant."""
    parts = np.array_split(np.argsort(score, kind="stable"), groups)
    return [np.array([values[part].mean() for part in parts]) for values in (score, known)]


def without_secrets(train, test):
    """For comparison only, as nobody could: scikit-learn on all columns of the same patients."""
    whole = patients(ALL_ROWS, ALL_ROWS, seed=0).set_index("patient")
    seen, unseen = whole.loc[train["patient"]], whole.loc[test["patient"]]
    mean, deviation = seen.mean(), seen.std(ddof=0)
    model = linear_model.LogisticRegression().fit((seen - mean) / deviation, train["malignant"])
    return float(roc_auc_score(test["malignant"], model.decision_function((unseen - mean) / deviation)))


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

    report(*sf.reveal([clinic, lab, by_diagnosis]))

    hers = alice(patients)(KNOWN_TO_ALICE, CLINIC, seed=1)
    theirs = carol(diagnosed)(carol(patients)(KNOWN_TO_CAROL, LAB, seed=2))
    joined = join({alice: hers, carol: theirs}, on="patient")

    of_alice, of_alice_later = alice(split, num_returns=2)(joined[alice])
    of_carol, of_carol_later = carol(split, num_returns=2)(joined[carol])
    spu = sf.SPU(parties=NODES)
    print(spu.settings.trust)
    model = LogisticRegression(spu)
    model.fit(
        {alice: alice(features)(of_alice), carol: carol(features)(of_carol)},
        carol(pd.DataFrame.__getitem__)(of_carol, "malignant"),
    )
    later = {alice: alice(features)(of_alice_later), carol: carol(features)(of_carol_later)}
    probability = model.predict_proba(later, to=carol)
    quality, curve = carol(judged, num_returns=2)(of_carol_later, probability)
    plain = carol(without_secrets)(of_carol, of_carol_later)

    secure, clear = sf.reveal([quality, plain])
    print(f"joint logistic regression: AUC {secure:.4f}; scikit-learn in the clear {clear:.4f}")
    gains = gains_table(carol(truth)(of_carol_later), carol(scores)(probability), bins=5)
    for_carol = [curve, gains, model.coef_of(carol), carol(spread)(of_carol)]
    write_report(joined.rows, secure, sf.reveal(for_carol, to=[carol]))
    sf.shutdown()
    if not abs(secure - clear) < 5e-3:
        raise SystemExit("the secret result differs from that in the clear")


def write_report(rows, secure, shown):
    """At carol, who alone is shown the curve and the coefficients of her own columns."""
    curve, gains, coefficients, deviations = shown
    if isinstance(curve, sf.Undisclosed):
        return
    page = sf.Report("Which tumours are malignant?")
    page.figures("The joint model", {"patients in common": rows, "AUC on a quarter of them": secure})
    page.curve(
        "ROC curve", *curve["roc"], labels=("false positive rate", "true positive rate"), diagonal=True
    )
    labels = ("mean probability", "part that is malignant")
    page.curve(
        "Calibration, a fifth of the patients each", *curve["calibration"], labels=labels, diagonal=True
    )
    fifths = pd.DataFrame(gains)[["rows", "positives", "gain", "lift"]]
    page.table("Gains, from the highest scores on", fifths.to_dict("records"))
    names = list(load_breast_cancer().feature_names[LAB])
    raw = np.ravel(coefficients)
    page.bars("Carol's coefficients, each for one standard deviation", names, raw * deviations)
    rows = [{"measurement": name, "for one unit": each} for name, each in zip(names, raw, strict=True)]
    page.table("Carol's coefficients in the measurements' own units", rows)
    print("what ran, what crossed, and the curve:", page.save("report.html"))


def report(clinic, lab, by_diagnosis):
    """Print a few figures, and how far all of them are from the same figures of the whole table."""
    radius, area = clinic[:2, 0], clinic[:2, 3]
    print(f"radius {radius[0]:.3f} (sd {radius[1]:.3f}), area {area[0]:.1f} (sd {area[1]:.1f})")
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


if __name__ == "__main__":
    main()
