"""A party whose partner has other versions of Python, jax and all the rest: `pair.py PARTY PORT PORT`."""

import sys

import jax
import jax.numpy as jnp
import numpy as np

import junto as sf
from junto.errors import ProgramDivergence
from junto.learn import LogisticRegression

me, ports = sys.argv[1], sys.argv[2:]
addresses = {
    party: {"address": f"localhost:{port}"} for party, port in zip(("alice", "bob"), ports, strict=True)
}
sf.init(
    cluster_config={"self_party": me, "parties": addresses},
    tls_config={"ca_cert": "certs/ca.pem", "cert": f"certs/{me}.pem", "key": f"certs/{me}.key"},
)
alice, bob = sf.PYU("alice"), sf.PYU("bob")
spu = sf.SPU(parties=["alice", "bob"])


def table(seed):
    return np.random.default_rng(seed).normal(size=(32, 2)).astype(np.float32)


def joined(x, y):
    """Stacks, loops, conditions, gradients and choices: where versions of jax differ most."""
    rows = jnp.stack([x, y])
    total, _ = jax.lax.scan(lambda carry, row: (carry + row, carry), rows[0], rows)
    slope = jax.grad(lambda v: jnp.sum(jax.nn.softmax(v) * v))(total[0])
    return jnp.median(total, axis=0), slope, jax.lax.top_k(x[:, 0], 3), sum(row for row in y[:3])


hers, his = alice(table)(1), bob(table)(2)
secret = sf.reveal(spu(joined)(hers, his))
for got, expected in zip(jax.tree.leaves(secret), jax.tree.leaves(joined(table(1), table(2))), strict=True):
    np.testing.assert_allclose(got, expected, atol=1e-3)
labels = alice(lambda x: (x[:, 0] > 0).astype(np.int64))(hers)
model = LogisticRegression(spu).fit({alice: hers, bob: his}, labels)
chance = np.asarray(sf.reveal(model.predict_proba({alice: hers, bob: his}, to=alice))).reshape(32, -1)[:, -1]
if np.mean((chance > 0.5) == (table(1)[:, 0] > 0)) < 0.9:
    raise SystemExit("the model is not right in nine of ten of its own rows")

# What jax itself writes otherwise is refused at both, and the versions are named.
try:
    sf.reveal(spu(jnp.hypot)(hers, his))
except ProgramDivergence as error:
    if "jax" not in str(error):
        raise
else:
    raise SystemExit("jnp.hypot was the same plan: take another function")
