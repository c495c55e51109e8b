"""What `junto[join]` promises: tables in memory and CSV files are joined."""

import csv
import tempfile
from pathlib import Path

import pandas as pd

import junto as sf
from junto.join import join

sf.init(parties=["alice", "bob"], address="local")
alice, bob = sf.PYU("alice"), sf.PYU("bob")

joined = join(
    {
        alice: alice(lambda: pd.DataFrame({"id": [1, 2, 3], "x": [10, 20, 30]}))(),
        bob: bob(lambda: pd.DataFrame({"id": [2, 3, 4], "y": ["b", "c", "d"]}))(),
    },
    on="id",
)
hers, his = sf.reveal((joined[alice], joined[bob]))
if sorted(zip(hers["x"], his["y"], strict=True)) != [(20, "b"), (30, "c")]:
    raise SystemExit("the joined rows are wrong")

with tempfile.TemporaryDirectory() as folder:
    paths = {alice: Path(folder, "a.csv"), bob: Path(folder, "b.csv")}
    paths[alice].write_text("id,x\n1,10\n2,20\n")
    paths[bob].write_text("id,y\n2,b\n")
    written = {party: str(path.with_suffix(".out.csv")) for party, path in paths.items()}
    files = join({party: str(path) for party, path in paths.items()}, on="id", output=written)
    sf.wait([files[alice], files[bob]])
    with open(written[alice], newline="") as file:
        if list(csv.reader(file)) != [["id", "x"], ["2", "20"]]:
            raise SystemExit("the joined file is wrong")
    in_memory = join({party: str(path) for party, path in paths.items()}, on="id")
    if list(sf.reveal(in_memory[bob])["y"]) != ["b"]:
        raise SystemExit("a joined CSV file is wrong in memory")
sf.shutdown()
