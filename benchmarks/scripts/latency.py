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


def read(value, wanted, to=None):
    """Reveal `value`, which must be `wanted`."""
    seen = sf.reveal(value, to=to)
    if not isinstance(seen, sf.Undisclosed) and seen != wanted:
        raise SystemExit(f"{seen} is not {wanted}")


def round_trips(count):
    """Alice -> bob -> alice, who reads the answer before the next begins."""
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        answer = bob(increment)(alice(one)().to(bob)).to(alice)
        read(answer, 2, to="alice")
        seconds.append(time.perf_counter() - began)
    return seconds


def chain(count):
    """As many round trips, each taking the last one's answer; the script waits at the end only."""
    began = time.perf_counter()
    value = alice(one)()
    for _ in range(count):
        value = bob(increment)(value.to(bob)).to(alice)
    read(value, count + 1, to="alice")
    return time.perf_counter() - began


def lockstep(count):
    """Three tasks an iteration: one at each party and their sum, which all see before the next begins."""
    began = time.perf_counter()
    for _ in range(count):
        read(alice(add)(alice(one)(), bob(one)().to(alice)), 2)
    return time.perf_counter() - began


def pipelined(count):
    """The same tasks; all see the sum of all sums at the end."""
    began = time.perf_counter()
    sums = [alice(add)(alice(one)(), bob(one)().to(alice)) for _ in range(count)]
    read(alice(total)(sums), 2 * count)
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
