"""What `junto[tables]` promises: frames over pandas, polars and Arrow tables, without an SPU."""

import tempfile
from pathlib import Path

import junto as sf
from junto.frame import read_csv, train_test_split

sf.init(parties=["alice", "bob"], address="local")
alice, bob = sf.PYU("alice"), sf.PYU("bob")
with tempfile.TemporaryDirectory() as folder:
    paths = {alice: Path(folder, "a.csv"), bob: Path(folder, "b.csv")}
    paths[alice].write_text("id,x\n1,10\n2,20\n3,60\n")
    paths[bob].write_text("id,y\n3,c\n2,b\n1,a\n")
    for library in ("pandas", "polars", "arrow"):
        frame = read_csv({party: str(path) for party, path in paths.items()}, on="id", library=library)
        if frame.rows != 3 or sf.reveal(frame[["x"]].mean()[alice])["x"] != 30:
            raise SystemExit(f"a frame of {library} is wrong")
        train, test = train_test_split(frame, test_size=1 / 3, random_state=7)
        if (train.rows, test.rows) != (2, 1):
            raise SystemExit(f"a split frame of {library} is wrong")
sf.shutdown()
