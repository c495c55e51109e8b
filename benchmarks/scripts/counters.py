"""One thing at a time, for the ledger to count: what crosses, in values and bytes."""

import numpy as np

import junto as sf


def one():
    return 1


def increment(value):
    return value + 1


def array():
    return np.ones(1000)


sf.init()
alice, bob = sf.PYU("alice"), sf.PYU("bob")
answer = bob(increment)(alice(one)().to(bob)).to(alice)
sf.reveal(answer, to="alice")
sf.reveal(answer)
sf.wait(answer)
alice(array)().to(bob)
sf.barrier()
sf.shutdown()
