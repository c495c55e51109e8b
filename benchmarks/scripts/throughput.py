"""Arrays from alice to bob: how long each takes, and the peak of memory meanwhile.

Timed at alice: from the moment at which the array is there and both parties know, until a task at bob that
looks at nothing but its shape has run and alice has its answer.
"""

import time

import numpy as np
from say import forget_peak, given, memory, say

import junto as sf


def make(nbytes):
    return np.ones(nbytes // 8)


def length(array):
    return array.shape[0]


def move(nbytes):
    array = alice(make)(nbytes)
    sf.wait(array)
    forget_peak()
    began = time.perf_counter()
    seen = sf.reveal(bob(length)(array.to(bob)), to="alice")
    seconds = time.perf_counter() - began
    if not isinstance(seen, sf.Undisclosed) and seen != nbytes // 8:
        raise SystemExit(f"{seen} numbers arrived of {nbytes // 8}")
    return {"nbytes": nbytes, "seconds": seconds, "peak": memory()["peak"]}


sf.init()
alice, bob = sf.PYU("alice"), sf.PYU("bob")
sf.reveal(bob(length)(alice(make)(8 * 1000).to(bob)))
say(idle=memory()["rss"])
for size, count in given()["sizes"]:
    for _ in range(count):
        say(**move(size))
sf.shutdown()
