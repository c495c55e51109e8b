"""An SPU of two processes and nobody else: what each function takes, preparing included.

Timed from the call until both nodes are done (`sf.wait`). Processor seconds are of this process meanwhile,
bytes what it sent of both phases.
"""

import time

import jax
import jax.numpy as jnp
import numpy as np
from say import given, say

import junto as sf

PARTIES = ("alice", "bob")


def normal(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


def product(x, y):
    return x * y


def matmul(x, y):
    return x @ y


def less(x, y):
    return x < y


def train(x, y):
    """Logistic regression by gradient descent, full batch, ten epochs."""

    def step(_, w):
        return w - x.T @ (jax.nn.sigmoid(x @ w) - y) / len(x)

    return jax.lax.fori_loop(0, 10, step, jnp.zeros(x.shape[1]))


def timed(name, function, *arguments, count=1):
    for _ in range(count):
        with spu.profile() as profile:
            began, worked = time.perf_counter(), time.process_time()
            sf.wait(spu(function)(*arguments))
            seconds, processor = time.perf_counter() - began, time.process_time() - worked
        cost = profile.total()
        facts = {"online": cost.online_bytes, "offline": cost.offline_bytes, "rounds": cost.rounds}
        say(what=name, seconds=seconds, processor=processor, **facts)


def shared(seed, shape, owner):
    return owner(normal)(seed, shape).to(spu)


sf.init()
alice, bob = map(sf.PYU, PARTIES)
sf.barrier()
began, worked = time.perf_counter(), time.process_time()
nodes = [{"party": name, "address": at, "listen_addr": at} for name, at in given()["nodes"].items()]
spu = sf.SPU(cluster_def={"nodes": nodes})
one = alice(normal)(0, ()).to(spu)
sf.wait(spu(product)(one, one))
say(what="first", seconds=time.perf_counter() - began, processor=time.process_time() - worked)

size, few, side, count = (given()[name] for name in ("size", "few", "side", "count"))
x, y = shared(1, (size,), alice), shared(2, (size,), bob)
sf.wait([x, y])
timed("product", product, x, y, count=count)
timed("less", less, x, y, count=count)
x = shared(3, (few,), alice)
timed("logistic", jax.nn.sigmoid, x, count=count)
x, y = shared(4, (side, side), alice), shared(5, (side, side), bob)
timed("matmul", matmul, x, y, count=count)
x, y = (
    shared(6, given()["table"], alice),
    bob(lambda n: (normal(7, n) > 0).astype(float))(given()["table"][0]),
)
timed("train", train, x, y.to(spu), count=count)
sf.shutdown()
