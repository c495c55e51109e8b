"""Three hospitals learn the mean and the spread of a measurement over all their patients.

No hospital shows its patients, its number of patients, or its own mean. That is why the sums are taken on
the SPU and only the two figures of the whole are revealed.

Run it: junto simulate examples/secure_average.py --parties alice,bob,carol
"""

import jax.numpy as jnp
import numpy as np

import junto as sf

HOSPITALS = ("alice", "bob", "carol")


def glucose(seed):
    """A real one reads this party's own file."""
    generator = np.random.default_rng(seed)
    return generator.normal(5.4 + 0.1 * seed, 0.8, size=500 + 100 * seed)


def sums(values):
    """Count, sum and sum of squares in hundreds, so that products stay small numbers."""
    return np.array([len(values), values.sum(), (values**2).sum()]) / 100


def mean_and_deviation(*hospitals):
    """Of all values together, from each hospital's sums."""
    count, total, squares = sum(hospitals)
    mean = total / count
    return mean, jnp.sqrt(squares / count - mean**2)


def main():
    sf.init()
    spu = sf.SPU(parties=list(HOSPITALS))
    own = [sf.PYU(name)(glucose)(seed) for seed, name in enumerate(HOSPITALS)]
    parts = [values.device(sums)(values) for values in own]
    mean, deviation = sf.reveal(spu(mean_and_deviation)(*parts))
    print(f"mean {mean:.2f}, standard deviation {deviation:.2f}")
    sf.shutdown()


if __name__ == "__main__":
    main()
