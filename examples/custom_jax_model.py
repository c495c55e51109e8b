"""Your own model: a small neural network in plain jax, on columns that two parties do not show each other.

Nothing in `network`, `loss` or `train` knows of junto: what jax differentiates, the SPU computes.

Run it: junto simulate examples/custom_jax_model.py --parties alice,bob,carol
"""

import jax
import jax.numpy as jnp
import numpy as np

import junto as sf

HIDDEN, STEPS, RATE = 8, 25, 8.0


def data(which):
    """Two columns and whether they have different signs, which no linear model can tell."""
    points = np.random.default_rng(1).uniform(-1, 1, (200, 2))
    return {"x": points[:, 0], "y": points[:, 1], "label": (points.prod(axis=1) < 0).astype(float)}[which]


def network(parameters, inputs):
    first, bias, last = parameters
    return jax.nn.sigmoid(jnp.tanh(inputs @ first + bias) @ last)


def loss(parameters, inputs, labels):
    return jnp.mean((network(parameters, inputs) - labels) ** 2)


def train(x, y, labels):
    inputs = 2 * jnp.stack([x, y], axis=1)
    keys = jax.random.split(jax.random.key(3))
    start = (
        jax.random.normal(keys[0], (2, HIDDEN)),
        jnp.zeros(HIDDEN),
        jax.random.normal(keys[1], (HIDDEN,)),
    )

    def step(_, parameters):
        slopes = jax.grad(loss)(parameters, inputs, labels)
        return jax.tree.map(lambda value, slope: value - RATE * slope, parameters, slopes)

    trained = jax.lax.fori_loop(0, STEPS, step, start)
    return jnp.mean((network(trained, inputs) > 0.5) == (labels > 0.5))


def main():
    sf.init()
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    spu = sf.SPU(parties=["alice", "bob", "carol"])
    accuracy = spu(train)(alice(data)("x"), bob(data)("y"), bob(data)("label"))
    print(f"accuracy {sf.reveal(accuracy):.2f}")
    sf.shutdown()


if __name__ == "__main__":
    main()
