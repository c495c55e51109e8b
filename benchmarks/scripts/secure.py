"""An SPU of three processes: what each function takes, waited for at every party.

Timed from the call until all nodes are done (`sf.wait`). Processor seconds are of this process meanwhile.
"""

import time

import jax
import numpy as np
from say import forget_peak, given, memory, say

import junto as sf

PARTIES = ("alice", "bob", "carol")


def normal(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


def product(x, y):
    return x * y


def matmul(x, y):
    return x @ y


def less(x, y):
    return x < y


def chain(x):
    for _ in range(given()["chain"]):
        x = x * x
    return x


def timed(name, function, *arguments, count):
    for _ in range(count):
        began, worked = time.perf_counter(), time.process_time()
        sf.wait(spu(function)(*arguments))
        seconds, processor = time.perf_counter() - began, time.process_time() - worked
        say(what=name, seconds=seconds, processor=processor)


sf.init()
alice, bob, carol = map(sf.PYU, PARTIES)
sf.barrier()
began = time.perf_counter()
nodes = [{"party": name, "address": at, "listen_addr": at} for name, at in given()["nodes"].items()]
spu = sf.SPU(cluster_def={"nodes": nodes})
sf.barrier()
say(what="build", seconds=time.perf_counter() - began, processor=0.0)

side, count = given()["side"], given()["count"]
small = alice(normal)(0, ()).to(spu)
sf.wait(small)
timed("first", product, small, small, count=1)
timed("tiny", product, small, small, count=given()["tiny"])
timed("chain", chain, small, count=2)
x, y = alice(normal)(1, (side, side)).to(spu), bob(normal)(2, (side, side)).to(spu)
sf.wait([x, y])
timed("matmul", matmul, x, y, count=count)
timed("product", product, x, y, count=count)
timed("less", less, x, y, count=count)
timed("logistic", jax.nn.sigmoid, x, count=count)
del x, y
if given()["many"]:
    x, y = alice(normal)(3, given()["many"]).to(spu), bob(normal)(4, given()["many"]).to(spu)
    sf.wait([x, y])
    before = memory()["rss"]
    forget_peak()
    timed("many", less, x, y, count=1)
    say(peak=memory()["peak"], before=before)
sf.shutdown()
