"""Without TLS, off loopback: nothing secret is begun, whatever the script calls; plain values still move."""

from __future__ import annotations

import inspect
import operator

import pandas as pd

from junto import frame, join, learn
from junto.device.boundary import Scripted
from parties import Job

CALLS = {
    "SPU": "sf.SPU(parties=['alice', 'bob'])",
    "join": "join.join(TABLES, on='id')",
    "psi": "join.psi({a: None, b: None}, on='id', helper='carol', to=a)",
    "count_common": "join.count_common(TABLES, on='id', helper=False)",
    "sum_common": "join.sum_common(TABLES, on='id', of={b: 'x'}, helper='carol')",
    "lookup": "join.lookup({a: TABLES[a]}, {b: TABLES[b]}, 'x', on='id', helper='carol')",
    "prepare": "join.prepare({a: TABLES[a]}, 'id', 'prepared')",
    "VerticalFrame": "frame.VerticalFrame(TABLES)",
    "HorizontalFrame": "frame.HorizontalFrame(TABLES)",
    "VDataFrame": "frame.VDataFrame(TABLES)",
    "HDataFrame": "frame.HDataFrame(TABLES)",
    "align": "frame.align(TABLES, on='id')",
    "read_csv": "frame.read_csv(CSV)",
    "v_read_csv": "frame.v_read_csv(CSV, keys='id', drop_keys='id')",
    "read_parquet": "frame.read_parquet(PARQUET, on='id')",
    "v_read_parquet": "frame.v_read_parquet(PARQUET)",
    "h_read_csv": "frame.h_read_csv(CSV)",
    "h_read_parquet": "frame.h_read_parquet(PARQUET)",
}
"""Where secret work begins: what a script can call without having an SPU or a frame."""

LATER = {"frame", "spu", "self", "prepared", "estimator", "text", "texts"}
"""First parameters of what takes such a thing, or what was made with it."""


def public() -> set[str]:
    """All that `join`, `frame` and `learn` offer, but for what takes an SPU or a frame, and results."""
    found = {"SPU"}
    for room in (join, frame, learn):
        for name in room.__all__:
            given = getattr(room, name)
            results = not isinstance(given, Scripted) or issubclass(given, frame.Frame)
            if results and next(iter(inspect.signature(given).parameters)) not in LATER:
                found.add(name)
    values = {"Column", "Facts", "Frame", "PreparedLimits", "PreparedTable"}
    return found - values - set(map(operator.attrgetter("__name__"), transformers()))


def transformers() -> list[type]:
    """They begin with a frame: `fit(frame)`."""
    given = [getattr(frame, name) for name in frame.__all__]
    return [each for each in given if isinstance(each, type) and issubclass(each, frame.Transformer)]


JOB = """
import pandas as pd
from junto import frame, join
a, b = sf.PYU("alice"), sf.PYU("bob")
TABLES = {each: each(pd.DataFrame)({"id": [1, 2], each.party: [3, 4]}) for each in (a, b)}
CSV, PARQUET = ({each: f"table.{kind}" for each in (a, b)} for kind in ("csv", "parquet"))
for text in CALLS:
    try:
        eval(text)
        say(text, "went on", "")
    except sf.ConfigError as error:
        say(text, "ConfigError", str(error))
say(sf.reveal(a(lambda t: t["alice"].tolist())(TABLES[a]).to(b)))
sf.shutdown()
"""


def test_the_calls_are_all_there_are():
    assert set(CALLS) == public()


def test_nothing_secret_is_begun_between_two_processes(tmp_path):
    with Job(tmp_path, ["alice", "bob"], tls=False, listen="0.0.0.0") as job:
        table = pd.DataFrame({"id": [1, 2], "x": [3, 4]})
        table.to_csv(tmp_path / "table.csv", index=False)
        table.to_parquet(tmp_path / "table.parquet")
        job.start_all(f"CALLS = {list(CALLS.values())!r}\n" + JOB)
        for party in job.running.values():
            for call in CALLS.values():
                text, ended, says = party.next()
                assert (text, ended) == (call, "ConfigError")
                assert "needs TLS as soon as it leaves the machine: 0.0.0.0:" in says
                assert "tls_config" in says
            assert party.next() == [[3, 4]]
        assert set(job.all_end().values()) == {0}
