"""Groups of customers that two shops have in common, by what each of them knows.

Row i is the same customer at both. The centres become known to both; who belongs where stays on the SPU,
from where each shop could be shown it with `.to(shop)`.

Run it: junto simulate examples/k_means.py --parties alice,bob,carol
"""

import jax
import jax.numpy as jnp
import numpy as np

import junto as sf

CENTRES = np.array([[0.0, 0.0], [3.0, 0.5], [1.0, 4.0]])


def column(which):
    """A real one reads this shop's own file."""
    generator = np.random.default_rng(7)
    points = np.repeat(CENTRES, 100, axis=0) + generator.normal(0, 0.4, (300, 2))
    return points[generator.permutation(300)][:, which]


def k_means(x, y, start, steps=8):
    """Lloyd's algorithm: every point to its nearest centre, every centre to the mean of its points."""
    points = jnp.stack([x, y], axis=1)

    def step(_, centres):
        distance = jnp.sum((points[:, None] - centres[None]) ** 2, axis=2)
        nearest = jax.nn.one_hot(jnp.argmin(distance, axis=1), len(centres))
        return (nearest.T @ points) / (jnp.sum(nearest, axis=0)[:, None] + 1e-3)

    return jax.lax.fori_loop(0, steps, step, start)


def main():
    sf.init()
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    spu = sf.SPU(parties=["alice", "bob", "carol"])
    start = np.array([[0.5, 0.5], [2.0, 1.0], [1.5, 3.0]])
    centres = spu(k_means)(alice(column)(0), bob(column)(1), start)
    for x, y in sf.reveal(centres):
        print(f"centre {x:.1f} {y:.1f}")
    sf.shutdown()


if __name__ == "__main__":
    main()
