"""Round trips and tiny tasks of two parties. Every party says its own seconds; alice's are read."""

import time

from say import given, say

import junto as sf


def one():
    return 1


def increment(value):
    return value + 1


def add(left, right):
    return left + right


def total(values):
    return sum(values)


def round_trips(count):
    """Alice -> bob -> alice, who reads the answer before the next begins."""
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        answer = bob(increment)(alice(one)().to(bob)).to(alice)
        sf.reveal(answer, to="alice")
        seconds.append(time.perf_counter() - began)
    return seconds


def chain(count):
    """As many round trips, each taking the last one's answer; the script waits at the end only."""
    began = time.perf_counter()
    value = alice(one)()
    for _ in range(count):
        value = bob(increment)(value.to(bob)).to(alice)
    sf.reveal(value, to="alice")
    return time.perf_counter() - began


def lockstep(count):
    """Three tasks an iteration: one at each party and their sum, which all see before the next begins."""
    began = time.perf_counter()
    for _ in range(count):
        sf.reveal(alice(add)(alice(one)(), bob(one)().to(alice)))
    return time.perf_counter() - began


def pipelined(count):
    """The same tasks; all see the sum of all sums at the end."""
    began = time.perf_counter()
    sums = [alice(add)(alice(one)(), bob(one)().to(alice)) for _ in range(count)]
    sf.reveal(alice(total)(sums))
    return time.perf_counter() - began


arguments = given()
sf.init()
alice, bob = sf.PYU("alice"), sf.PYU("bob")
round_trips(arguments["warm_up"])
say(round_trips=round_trips(arguments["round_trips"]))
say(chain=chain(arguments["round_trips"]))
say(lockstep=lockstep(arguments["iterations"]))
say(pipelined=pipelined(arguments["iterations"]))
sf.shutdown()
