"""A join of two parties' CSV files into CSV files, twice: the first time code is loaded and compiled, too."""

import tempfile
import time
from pathlib import Path

import numpy as np
from say import given, memory, say

import junto as sf
from junto.join import join

SHARED = 0.5


def write(folder, number, rows):
    """A file of `rows` rows, of which the other party has half."""
    ids = np.random.default_rng(number).permutation(rows) + int(number * rows * (1 - SHARED))
    path = Path(folder) / f"{number}.csv"
    np.savetxt(path, np.stack([ids, ids % 97], axis=1), "%d", ",", header="id,value", comments="")
    return str(path)


def joined(paths, outputs, method):
    """Seconds, processor seconds of this party, and rows found."""
    sf.barrier()
    began, worked = time.perf_counter(), time.process_time()
    rows = join(paths, on="id", output=outputs, method=method).rows
    return {"seconds": time.perf_counter() - began, "worked": time.process_time() - worked, "found": rows}


sf.init()
parties = [sf.PYU("alice"), sf.PYU("bob")]
with tempfile.TemporaryDirectory() as folder:
    rows = given()["rows"]
    paths = {party: write(folder, number, rows) for number, party in enumerate(parties)}
    outputs = {party: str(Path(folder) / f"{number}-out.csv") for number, party in enumerate(parties)}
    for _ in range(2):
        say(**joined(paths, outputs, given()["method"]))
    say(peak=memory()["peak"])
    sf.shutdown()
