"""Many large values on their way at once, with mutual TLS: all of them arrive, both ways."""

import pytest

from parties import Job

pytestmark = pytest.mark.slow

MANY = """
import numpy as np
sf.init()
alice, bob = sf.PYU("alice"), sf.PYU("bob")
def make(number, size):
    return np.full(size >> 3, float(number))
def total(values):
    return float(sum(value[0] + value[-1] for value in values)), sum(value.nbytes for value in values)
def send(source, target, count, size):
    return target(total)([source(make)(number, size).to(target) for number in range(count)])
"""
SHAPES = {
    "13 of 16 MB, of which only the last is awaited": (
        "for number in range(13):\n    last = alice(make)(number, 16_000_000).to(bob)\n"
        "say(sf.reveal(bob(total)([last])))\n",
        [24.0, 16_000_000],
    ),
    "100 of 4.5 MB": ("say(sf.reveal(send(alice, bob, 100, 4_500_000)))\n", [9900.0, 450_000_000]),
    "40 of 5 MB both ways at once": (
        "there, back = send(alice, bob, 40, 5_000_000), send(bob, alice, 40, 5_000_000)\n"
        "assert sf.reveal(there) == sf.reveal(back)\nsay(sf.reveal(back))\n",
        [1560.0, 200_000_000],
    ),
    "70 of 1.5 MB beyond a quota of 4 MiB, the last one first": (
        "sent = [alice(make)(number, 1_500_000).to(bob) for number in range(70)]\n"
        "say(sf.reveal(bob(total)(sent[::-1])))\n",
        [4830.0, 105_000_000],
    ),
}


LONG = ("100 of 4.5 MB", "13 of 16 MB, of which only the last is awaited")


@pytest.mark.parametrize(
    "shape", [pytest.param(each, marks=pytest.mark.long if each in LONG else ()) for each in SHAPES]
)
def test_many_large_values_arrive(tmp_path, shape):
    script, expected = SHAPES[shape]
    more = {"quota_bytes": 4 << 20} if "quota" in shape else {}
    with Job(tmp_path, ["alice", "bob"]) as job:
        job.start_all(MANY + script + "sf.shutdown()\n", **more)
        for party in job.running.values():
            assert party.next() == [expected], party.text
        assert set(job.all_end().values()) == {0}
