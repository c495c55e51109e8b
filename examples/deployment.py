"""The deployment guide's program: two organisations, a machine each, mutual TLS, and an SPU of the two alone.

Each makes its certificate with `junto certs`, replaces the addresses by real ones, and runs the same file:

    alice$ PARTY=alice python deployment.py          bob$ PARTY=bob python deployment.py

Who has a Ray cluster gives its head's address: sf.init(address="ip:port", ...).
"""

import os

import jax.numpy as jnp
import numpy as np

import junto as sf

PARTY = os.environ["PARTY"]
ALICE, BOB = os.environ.get("ALICE", "192.0.2.1:9394"), os.environ.get("BOB", "192.0.2.2:9394")

cluster_config = {
    "parties": {
        "alice": {"address": ALICE, "listen_addr": "0.0.0.0:" + ALICE.rpartition(":")[2]},
        "bob": {"address": BOB, "listen_addr": "0.0.0.0:" + BOB.rpartition(":")[2]},
    },
    "self_party": PARTY,
}
tls_config = {"ca_cert": "ca.pem", "cert": f"{PARTY}.pem", "key": f"{PARTY}.key"}


def measured(seed):
    """A real one reads this party's own file."""
    return np.random.default_rng(seed).normal(size=1000)


def agreement(x, y):
    """The correlation of two columns of the same people, which nobody sees side by side."""
    x, y = x - jnp.mean(x), y - jnp.mean(y)
    return jnp.mean(x * y) / jnp.sqrt(jnp.mean(x * x) * jnp.mean(y * y))


def main():
    sf.init(cluster_config=cluster_config, tls_config=tls_config)
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    spu = sf.SPU(parties=["alice", "bob"])
    print(spu.settings.trust)
    x, y = alice(measured)(1), bob(lambda seed: 0.6 * measured(1) + 0.8 * measured(seed))(2)
    print(f"correlation {sf.reveal(spu(agreement)(x, y)):.3f}")
    sf.shutdown()


if __name__ == "__main__":
    main()
