"""SPUs of three processes, of either ring: what each function takes, waited for at every party.

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


def timed(name, function, *arguments, count, on=None):
    for _ in range(count):
        began, worked = time.perf_counter(), time.process_time()
        sf.wait((on or spu)(function)(*arguments))
        seconds, processor = time.perf_counter() - began, time.process_time() - worked
        say(what=name, seconds=seconds, processor=processor)


def built(field):
    nodes = [
        {"party": name, "address": at, "listen_addr": at} for name, at in given()["nodes"][field].items()
    ]
    return sf.SPU(cluster_def={"nodes": nodes, "runtime_config": {"field": field}})


sf.init()
alice, bob, carol = map(sf.PYU, PARTIES)
sf.barrier()
began = time.perf_counter()
spu = built("FM64")
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
wide = built("FM128")
small = alice(normal)(0, ()).to(wide)
x, y = alice(normal)(1, (side, side)).to(wide), bob(normal)(2, (side, side)).to(wide)
sf.wait([small, x, y])
timed("tiny128", product, small, small, count=given()["tiny"], on=wide)
timed("matmul128", matmul, x, y, count=count, on=wide)
timed("product128", product, x, y, count=count, on=wide)
timed("less128", less, x, y, count=count, on=wide)
timed("logistic128", jax.nn.sigmoid, x, count=count, on=wide)
del x, y
if given()["many"]:
    x, y = alice(normal)(3, given()["many"]).to(spu), bob(normal)(4, given()["many"]).to(spu)
    sf.wait([x, y])
    before = memory()["rss"]
    forget_peak()
    timed("many", less, x, y, count=1)
    say(peak=memory()["peak"], before=before)
sf.shutdown()
