"""What another party says of its table is looked at before it is believed."""

from __future__ import annotations

import pytest

import junto as sf
from junto.errors import ProtocolViolation
from junto.learn.dataset import believed
from junto.learn.faults import FAULTS, NAME_LENGTH

GOOD = {"rows": 3, "columns": 2, "fault": "", "column": "", "known": True}


def test_facts_that_make_sense_arebelieved():
    assert believed("X alice", GOOD) == ("X alice", 3, 2, True)


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_is_a_sentence_that_names_the_party(kind):
    with pytest.raises(sf.LearnError) as caught:
        believed("X alice", {**GOOD, "fault": kind, "column": "city"})
    assert "alice" in str(caught.value)
    assert "{" not in str(caught.value)


@pytest.mark.parametrize(
    "facts",
    [
        None, 3, [], {}, {"rows": 3}, {**GOOD, "rows": -1}, {**GOOD, "rows": "3"}, {**GOOD, "rows": True},
        {**GOOD, "columns": 2.0}, {**GOOD, "fault": "unheard of"}, {**GOOD, "fault": []},
        {**GOOD, "column": 7}, {**GOOD, "known": 1},
    ],
    ids=str,
)  # fmt: skip
def test_facts_that_make_no_sense_are_not(facts):
    with pytest.raises(ProtocolViolation, match="alice revealed makes no sense"):
        believed("X alice", facts)


def test_a_name_cannot_fill_or_forge_the_log():
    name = "\n[J999] forged \x1b[31m" + "x" * 5000
    with pytest.raises(sf.LearnError) as caught:
        believed("y alice", {**GOOD, "fault": "text", "column": name})
    assert "\n[J999]" not in caught.value.message
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 2 * NAME_LENGTH + 80
