"""The same script, the same results in every mode."""

import json

import junto as sf
from parties import Job

PARTIES = ["alice", "bob", "carol"]

SCRIPT = """
import numpy as np


def load(offset):
    return np.arange(6, dtype=np.float32).reshape(2, 3) + offset


def stats(table):
    return {"sum": table.sum(axis=0), "rows": len(table)}


def split(table) -> tuple[np.ndarray, np.ndarray]:
    return table[:, :1], table[:, 1:]


def combine(parts, *, weight):
    return {"sum": weight * sum(part["sum"] for part in parts), "rows": sum(part["rows"] for part in parts)}


def fail(_):
    raise ValueError("secret 4711")


@sf.proxy(sf.PYUObject)
class Counter:
    def __init__(self, start):
        self.total = start

    def add(self, value):
        self.total += float(np.sum(value))
        return self.total

    def both(self):
        return self.total, -self.total


def program():
    alice, bob, carol = sf.PYU("alice"), sf.PYU("bob"), sf.PYU("carol")
    a, b = alice(load)(0), bob(load)(10)
    parts = [alice(stats)(a).to(carol), bob(stats)(b).to(carol)]
    total = sf.reveal(carol(combine)(parts, weight=2.0))
    left, right = alice(split)(a)
    shapes = sf.reveal({"left": left, "right": [right, 7]})
    counter = Counter(1.0, device=bob)
    counter.add(b)
    added = counter.add(a.to(bob))
    plus, minus = counter.both(_num_returns=2)
    only = sf.reveal(plus, to=[alice])
    sf.wait([added, minus])
    sf.barrier()
    failures = []
    for value in (alice(fail)(a), carol(combine)([alice(fail)(a).to(carol)], weight=1.0)):
        try:
            sf.reveal(value)
        except sf.RemoteError as error:
            failures.append([error.party, error.origin.text, error.origin.error_type])
    put = sf.to(bob, {"k": (1, 2.5, None)})
    return {
        "total": [total["sum"].tolist(), total["rows"], str(total["sum"].dtype)],
        "left": shapes["left"].tolist(),
        "right": [shapes["right"][0].shape, shapes["right"][1]],
        "added": sf.reveal(added),
        "minus": sf.reveal(minus),
        "only": only if isinstance(only, float) else "undisclosed",
        "failures": failures,
        "put": sf.reveal(put),
    }
"""

EXPECTED = {
    "total": [[52.0, 60.0, 68.0], 4, "float32"],
    "left": [[0.0], [3.0]],
    "right": [[2, 2], 7],
    "added": 91.0,
    "minus": -91.0,
    "only": 91.0,
    "failures": [["alice", "alice(fail)", "ValueError"]] * 2,
    "put": {"k": [1, 2.5, None]},
}


def run_here(**settings):
    scope = {"__name__": "script", "sf": sf}
    exec(compile(SCRIPT, "script.py", "exec"), scope)
    with sf.Session(PARTIES, **settings):
        return json.loads(json.dumps(scope["program"]()))


def test_debug():
    assert run_here(debug_mode=True) == EXPECTED


def test_simulation():
    assert run_here(address="local") == EXPECTED


def test_production_with_the_embedded_executor(tmp_path):
    with Job(tmp_path, PARTIES) as job:
        job.start_all(SCRIPT + "\nsf.init()\nsay(program())\nsf.shutdown()\n")
        results = {name: party.next()[0] for name, party in job.running.items()}
        assert job.all_end() == dict.fromkeys(PARTIES, 0), {n: p.text for n, p in job.running.items()}
        output = {name: party.text for name, party in job.running.items()}
    for name, result in results.items():
        assert result == EXPECTED | ({} if name == "alice" else {"only": "undisclosed"})
    assert "4711" in output["alice"]
    assert "4711" not in output["bob"] + output["carol"]
