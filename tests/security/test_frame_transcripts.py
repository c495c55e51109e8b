"""What crosses when frames are summed up, and when a function reveals within: all of it is in the ledger."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

import junto as sf
from junto.frame import HorizontalFrame, VerticalFrame
from junto.ledger import read
from spu_values import PARTIES, at, secret

A, B, C = PARTIES
SHARES = [("layout", frm, to, "str") for frm, to in ((A, B), (A, C), (B, A), (B, C))]
SHARES += [("share", A, B, "list"), ("share", B, A, "list")]
"""Of a number of each owner, on its way to the SPU; its size is what all know."""

FACTS = [("reveal", frm, to, "dict") for frm, to in ((A, B), (A, C), (B, A), (B, C))]
"""Names and types of columns, and how many rows."""

TO_ALL = [("reveal", frm, to, "list") for frm, to in ((A, B), (A, C), (B, A), (B, C))]
"""Pieces of what the SPU shows; or what is wrong with an owner's columns."""


def crossed(run, tmp_path):
    path = tmp_path / "ledger.jsonl"
    with sf.Session(PARTIES, address="local", ledger=path, logging_level="error"):
        run(sf.SPU(parties=PARTIES))
    entries = [recorded.entry for recorded in read(path)]
    return Counter(
        (each.kind, each.sender, each.receiver, each.type_name)
        for each in entries
        if each.kind not in ("wait", "barrier")
    )


def frame(kind, columns):
    tables = zip((A, B), columns, strict=True)
    return kind({sf.PYU(who): at(who, pd.DataFrame(table)) for who, table in tables})


def test_of_a_statistic_nobody_sees_what_one_party_counted(tmp_path):
    """Shown to all: whether others have enough; counts and sizes over all; faults. Then the sum, to Alice."""

    def run(spu):
        rows = frame(HorizontalFrame, [{"x": np.arange(20.0)}, {"x": np.arange(9.0)}])
        rows.sum(spu).reveal(to=[A])

    assert crossed(run, tmp_path) == Counter(FACTS + 4 * SHARES + 4 * TO_ALL + [("reveal", B, A, "list")])


def test_of_rows_that_are_complete_at_all_nobody_sees_where_they_are_not(tmp_path):
    def run(spu):
        rows = frame(VerticalFrame, [{"x": [1.0, 2.0]}, {"y": [1.0, np.nan]}])
        sf.wait(list(rows.dropna(disclose_rows=True, spu=spu).partitions.values()))

    both = [("reveal", A, B, "list"), ("reveal", B, A, "list")]
    assert crossed(run, tmp_path) == Counter(FACTS + SHARES + both)


def test_what_a_function_reveals_within_is_in_the_ledger_under_its_name(tmp_path):
    def run(spu):
        found = spu(lambda x: sf.reveal_inside(x, name="loss"), reveals="loss")(secret(spu, 1.5))
        sf.wait(found)

    shown = {what for what in crossed(run, tmp_path) if what[0] == "reveal"}
    assert shown == {("reveal", frm, to, "loss: float32") for frm, to in ((A, B), (B, A), (B, C))}
