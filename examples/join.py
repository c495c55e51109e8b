"""A clinic and a pharmacy find the patients that both know, and compute on them row by row.

Neither learns who else the other knows. The key has another name at each, and is an integer of another width.

Run it: junto simulate examples/join.py --parties alice,bob
"""

import numpy as np
import pandas as pd

import junto as sf
from junto.join import join


def patients(seed):
    """A real one reads this party's own file."""
    generator = np.random.default_rng(seed)
    numbers = generator.choice(10_000, size=600, replace=False)
    return pd.DataFrame({"patient": numbers, "age": generator.integers(18, 90, size=600)})


def prescriptions(seed):
    """The same; here patients are called clients."""
    generator = np.random.default_rng(seed)
    numbers = generator.choice(10_000, size=900, replace=False).astype("int32")
    return pd.DataFrame({"client": numbers, "pills": generator.poisson(3, size=900)})


def pills_over_sixty(ages, pills):
    """Row i of both is the same person."""
    return int(pills["pills"][ages["age"] > 60].sum())


def main():
    sf.init()
    clinic, pharmacy = sf.PYU("alice"), sf.PYU("bob")
    tables = {clinic: clinic(patients)(1), pharmacy: pharmacy(prescriptions)(2)}
    joined = join(tables, on={clinic: "patient", pharmacy: "client"})
    for sentence in joined.learned.values():
        print(sentence)
    ages = joined[clinic].to(pharmacy)  # the clinic agrees to show these rows, and no others
    print(f"{joined.rows} in common; pills: {sf.reveal(pharmacy(pills_over_sixty)(ages, joined[pharmacy]))}")
    sf.shutdown()


if __name__ == "__main__":
    main()
