"""The digest: what makes two programs the same, and what does not."""

from collections import namedtuple

import pytest

from junto.program.operation import START, Description, follow, structure


class Handle:
    def __init__(self, operation, index=0):
        self.identity = (operation, index)


def digest(**changes):
    fields = {"kind": "call", "device": "alice", "function": "f", "structure": "[#1.0]", "results": 1}
    return follow(START, Description(**(fields | changes)), "x.py:1").digest


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "method"},
        {"device": "bob"},
        {"function": "g"},
        {"structure": "[#1.1]"},
        {"results": 2},
    ],
)
def test_each_part_of_an_operation_enters_the_digest(change):
    assert digest(**change) != digest()


def test_the_call_site_does_not_enter_the_digest():
    description = Description("reveal")
    assert follow(START, description, "a.py:1").digest == follow(START, description, "b.py:99").digest


def test_the_digest_covers_all_operations_before():
    first, other = Description("barrier"), Description("reveal")
    after_first = follow(follow(START, first, ""), other, "")
    after_other = follow(follow(START, other, ""), other, "")
    assert after_first.operation == after_other.operation == 2
    assert after_first.digest != after_other.digest


def test_fields_cannot_be_shifted_into_each_other():
    assert digest(device="ali", function="cef") != digest(device="alicef", function="")


def test_plain_arguments_do_not_matter_but_handles_and_their_places_do():
    assert structure((("a.csv",), {"k": 1}), Handle) == structure((("b.csv",), {"k": [2, 3]}), Handle)
    assert structure([1, Handle(3)], Handle) == "[*,#3.0]"
    assert structure([Handle(3), 1], Handle) != structure([1, Handle(3)], Handle)
    assert structure([Handle(3, 1)], Handle) != structure([Handle(3, 0)], Handle)


def test_dicts_are_read_by_key_not_by_order():
    forward = {"x": Handle(1), "y": Handle(2), "path": "a"}
    backward = {"path": "b", "y": Handle(2), "x": Handle(1)}
    assert structure(forward, Handle) == structure(backward, Handle) == "{x:#1.0,y:#2.0}"


def test_namedtuples_are_containers():
    pair = namedtuple("pair", "left right")
    assert structure(pair(Handle(1), 2), Handle) == "[#1.0,*]"


@pytest.mark.parametrize(
    ("description", "text"),
    [
        (Description("call", "alice", "train"), "alice(train)"),
        (Description("move", "alice", "bob"), "alice -> bob"),
        (Description("reveal"), "reveal"),
        (Description("reveal", "alice,bob"), "reveal alice,bob"),
    ],
)
def test_an_operation_reads_well(description, text):
    assert description.text == text
