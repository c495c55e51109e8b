"""What one Ray cluster does by itself: start of a driver, tasks that follow one another, tiny tasks."""

import time

import ray
from say import given, say


@ray.remote
def one():
    return 1


@ray.remote
def increment(value):
    return value + 1


@ray.remote
def add(left, right):
    return left + right


@ray.remote
def total(*values):
    return sum(values)


def timed(work, count):
    began = time.perf_counter()
    for _ in range(count):
        work()
    return time.perf_counter() - began


arguments = given()
ray.init(address=arguments["address"], log_to_driver=False, logging_level="error")
ray.get(one.remote())
say(answered=time.monotonic())
if arguments["round_trips"]:
    timed(lambda: ray.get(increment.remote(one.remote())), 20)
    chain = [
        timed(lambda: ray.get(increment.remote(one.remote())), 1) for _ in range(arguments["round_trips"])
    ]
    say(round_trips=chain)
    iterations = arguments["iterations"]
    say(lockstep=timed(lambda: ray.get(add.remote(one.remote(), one.remote())), iterations))
    began = time.perf_counter()
    sums = [add.remote(one.remote(), one.remote()) for _ in range(iterations)]
    ray.get(total.remote(*sums))
    say(pipelined=time.perf_counter() - began)
ray.shutdown()
