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
    assert structure(forward, Handle) == structure(backward, Handle) == "{'path':*,'x':#1.0,'y':#2.0}"


def test_namedtuples_are_containers():
    pair = namedtuple("pair", "left right")
    assert structure(pair(Handle(1), 2), Handle) == "pair(left=#1.0,right=*)"


def test_what_differs_in_the_digest_differs_in_the_report():
    one, other = (Description("reveal", structure=structure({key: Handle(1)}, Handle)) for key in ("a", "a "))
    assert one.full_text == "reveal of {'a':#1.0}"
    assert one.full_text != other.full_text
    kinds = [Description(kind, "alice", "f").full_text for kind in ("call", "actor", "method", "compute")]
    assert len(set(kinds)) == 4
    long = [Description("call", "alice", "f", "x" * 1000 + end).full_text for end in "ab"]
    assert len(set(long)) == 2
    assert all(len(text) < 500 for text in long)


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "\u202e", "'", "\ud800"])
def test_a_name_that_no_terminal_should_print_is_escaped(name):
    for description in (Description("call", "alice", name), Description("move", name, "bob")):
        assert description.full_text.isprintable()
        assert len(follow(START, description, "").digest) == 16


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
