"""A join gives the same in every mode, and the same errors."""

from __future__ import annotations

import json

import pytest

import junto as sf
from junto.join import join
from parties import Job

PARTIES = ["alice", "bob", "carol"]

SCRIPT = """
import pandas as pd
import polars as pl
import pyarrow as pa

from junto.join import join

TABLES = {
    "alice": lambda: pd.DataFrame({"id": [4, 1, 7, 2, 9], "a": list("vwxyz")}),
    "bob": lambda: pl.DataFrame({"nr": [2, 9, 5, 4], "b": [20, 90, 50, 40]}),
    "carol": lambda: pa.table({"id": pa.array([9, 4, 6], pa.int8()), "c": ["nine", "four", "six"]}),
}


def load(name):
    return TABLES[name]()


def text_keys(table):
    return table.astype({"id": str})


def listed(table):
    if isinstance(table, pl.DataFrame):
        columns = table.to_dict(as_series=False)
    else:
        columns = table.to_pydict() if isinstance(table, pa.Table) else table.to_dict("list")
    return {name: [None if value != value else value for value in values] for name, values in columns.items()}


def program():
    handles = {sf.PYU(name): sf.PYU(name)(load)(name) for name in TABLES}
    alice, bob, carol = handles
    on = {alice: "id", "bob": "nr", carol: "id"}
    found = {}
    for how in ("inner", "left", "right", "difference"):
        result = join(handles, on=on, how=how)
        parts = {party.party: sf.reveal(party(listed)(part)) for party, part in result.parts.items()}
        rows = result.rows if isinstance(result.rows, int) else len(parts["alice"]["id"])
        found[how] = sorted(map(str, zip(*(each for part in parts.values() for each in part.values()))))
        assert rows == len(found[how])
    one = join({alice: handles[alice], bob: handles[bob]}, on=on, to=bob)
    found["at bob"] = sorted(sf.reveal(bob(listed)(one[bob]))["nr"])
    found["learned"] = one.learned[bob]
    quick = join({alice: handles[alice], bob: handles[bob]}, on=on, helper=carol)
    found["helped"] = sorted(sf.reveal(alice(listed)(quick[alice]))["id"])
    found["helper"] = len(quick.learned)
    for wrong, options in (
        (handles[alice], {"on": "id"}),
        (alice(text_keys)(handles[alice]), {"on": on}),
        (handles[alice], {"on": {alice: "a", bob: "b"}, "how": "left"}),
    ):
        try:
            join({alice: wrong, bob: handles[bob]}, **options)
        except sf.JoinError as error:
            found[f"error {len(found)}"] = error.message
    return found
"""

EXPECTED = {
    "inner": ["(4, 'v', 4, 40, 4, 'four')", "(9, 'z', 9, 90, 9, 'nine')"],
    "left": [
        "(1, 'w', None, None, None, None)",
        "(2, 'y', 2, 20, None, None)",
        "(4, 'v', 4, 40, 4, 'four')",
        "(7, 'x', None, None, None, None)",
        "(9, 'z', 9, 90, 9, 'nine')",
    ],
    "right": [
        "(4.0, 'v', 4, 40, 4, 'four')",
        "(9.0, 'z', 9, 90, 9, 'nine')",
        "(None, None, None, None, 6, 'six')",
    ],
    "difference": ["(1, 'w')", "(7, 'x')"],
    "at bob": [2, 4, 9],
    "learned": "bob learns how many different keys alice has; which of its own keys alice has.",
    "helped": [2, 4, 9],
    "helper": 3,
    "error 8": "bob: there is no column 'id'",
    "error 9": 'the key column is text ("id") at alice and integer ("nr") at bob: '
    "no key of one can equal one of the other",
    "error 10": 'the key column is text ("a") at alice and integer ("b") at bob: '
    "no key of one can equal one of the other",
}


@pytest.mark.parametrize("mode", ["debug", "simulation"])
def test_in_one_process(mode):
    settings = {"debug_mode": True} if mode == "debug" else {"address": "local"}
    scope = {"__name__": "script", "sf": sf}
    exec(compile(SCRIPT, "script.py", "exec"), scope)
    with sf.Session(PARTIES, **settings):
        assert json.loads(json.dumps(scope["program"]())) == EXPECTED


@pytest.mark.slow
def test_in_production_with_the_embedded_executor(tmp_path):
    with Job(tmp_path, PARTIES) as job:
        job.start_all(SCRIPT + "\nsf.init()\nsay(program())\nsf.shutdown()\n")
        results = {name: party.next()[0] for name, party in job.running.items()}
        assert job.all_end() == dict.fromkeys(PARTIES, 0), {n: p.text for n, p in job.running.items()}
    assert results == dict.fromkeys(PARTIES, EXPECTED)


@pytest.mark.ray
@pytest.mark.long  # what a join asks of an executor, objects with a state included: test_executors.py
def test_in_simulation_on_a_ray_cluster(ray_cluster):
    scope = {"__name__": "script", "sf": sf}
    exec(compile(SCRIPT, "script.py", "exec"), scope)
    with sf.Session(PARTIES, address=ray_cluster):
        handles = {sf.PYU(name): sf.PYU(name)(scope["load"])(name) for name in PARTIES}
        result = join(handles, on={"alice": "id", "bob": "nr", "carol": "id"})
        parts = [sf.reveal(party(scope["listed"])(part)) for party, part in result.parts.items()]
    wide = zip(*(each for part in parts for each in part.values()), strict=True)
    assert sorted(map(str, wide)) == EXPECTED["inner"]
