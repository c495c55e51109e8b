"""Who finds nothing in common and has keys that others may have written otherwise reads so in its own log."""

from __future__ import annotations

import logging

import pandas as pd
import pyarrow as pa
import pytest

import junto as sf
from junto.join import join
from junto.join.kinds import KeyColumns

PLAIN = ["1", "-1", "0", "10", "a b", "", "1.5", "v1.0", "0x1", "0-1"]
UNUSUAL = [" 1", "1 ", "\t1", "1\n", "1.0", "1.", "-1.00", "+1", "01", "007"]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_which_keys_are_unusual(kind):
    for text in PLAIN + UNUSUAL:
        reading = KeyColumns(["id"], [""], True)
        reading.read([pa.array(["7", None, text], kind)])
        assert (reading.unusual == {"id"}) is (text in UNUSUAL), text


@pytest.mark.parametrize(
    ("hers", "his", "who"),
    [
        ([" 1", "2 "], ["1", "2"], ["'id'"]),
        (["1", "2"], ["1.0", "2.0"], ["'key'"]),
        ([" 1", "2"], ["1", "2"], []),
        (["1", "2"], ["3", "4"], []),
    ],
)
def test_only_who_finds_nothing_and_has_some_is_told_of_its_own(hers, his, who, caplog):
    with sf.Session(["alice", "bob"], debug_mode=True), caplog.at_level(logging.WARNING, "junto.join"):
        alice, bob = sf.PYU("alice"), sf.PYU("bob")
        tables = {alice: alice(pd.DataFrame)({"id": hers}), bob: bob(pd.DataFrame)({"key": his})}
        sf.wait(list(join(tables, on={alice: "id", bob: "key"}).parts.values()))
    told = [record.getMessage() for record in caplog.records if "in common" in record.getMessage()]
    assert len(told) == len(who)
    assert all(name in each for name, each in zip(who, told, strict=True))
    assert not any(text in each for each in told for text in (" 1'", "2.0"))
