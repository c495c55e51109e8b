"""What `junto[spu]` promises: jax on secrets, and learning from arrays."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np

import junto as sf
from junto.learn import LogisticRegression
from junto.native import status

if shutil.which("gcc") and status() != "compiled kernels":
    raise SystemExit(f"the wheel was built beside a compiler, and has no kernels: {status()}")

sf.init(parties=["alice", "bob", "carol"], address="local")
alice, bob = sf.PYU("alice"), sf.PYU("bob")


def random_table(columns, seed):
    return np.random.default_rng(seed).normal(size=(64, columns))


def label(table):
    return (table[:, 0] > 0).astype(np.int64)


def steps(x):
    """Loops, conditions, gradients and gathers: where versions of jax differ most."""
    total, rows = jax.lax.scan(lambda carry, row: (carry + row, carry * 2), x[0], x)
    turned = jax.lax.fori_loop(0, 3, lambda _, value: value + 1, total)
    chosen = jax.lax.cond(turned[0] > 0, lambda v: v + 1, lambda v: v - 1, turned)
    slope = jax.grad(lambda v: jnp.sum(jax.nn.softmax(v) * v))(chosen)
    return rows, chosen, slope, jnp.sort(x, axis=0), x.at[0].set(1.0)[jnp.array([0, 2])]


def rows():
    return random_table(3, 1)[:4].astype(np.float32)


for nodes in (["alice", "bob", "carol"], ["alice", "bob"]):
    spu = sf.SPU(parties=nodes)
    secret = sf.reveal(spu(steps)(alice(rows)()))
    for got, expected in zip(
        jax.tree.leaves(secret), jax.tree.leaves(steps(jnp.asarray(rows()))), strict=True
    ):
        np.testing.assert_allclose(got, expected, atol=1e-3)
    if len(nodes) == 3:
        hers, his = alice(random_table)(2, 1), bob(random_table)(2, 2)
        model = LogisticRegression(spu).fit({alice: hers, bob: his}, alice(label)(hers))
        chance = sf.reveal(model.predict_proba({alice: hers, bob: his}, to=alice))
        agree = np.mean((np.asarray(chance).reshape(64, -1)[:, -1] > 0.5) == label(random_table(2, 1)))
        if agree < 0.9:
            raise SystemExit(f"the model is right in {agree:.0%} of its own rows")
sf.shutdown()
