"""What two nodes say first: read as it was written, bounded, and compared line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from junto.errors import ConfigError
from junto.mpc.greeting import Greeting, NodeHello, binding, difference

hellos = st.builds(
    NodeHello,
    st.text(max_size=50),
    st.text(max_size=50),
    st.builds(Greeting, st.binary(min_size=1, max_size=64), st.text(max_size=2000)),
)


@given(hellos)
def test_a_greeting_is_read_as_it_was_written(hello: NodeHello) -> None:
    assert NodeHello.parse(hello.pack()) == hello
    assert len(hello.pack()) <= 16 << 10


@given(hellos, st.data())
def test_a_greeting_that_is_cut_off_or_too_long_is_none(hello: NodeHello, data: st.DataObject) -> None:
    whole = hello.pack()
    cut = data.draw(st.integers(0, len(whole) - 1))
    for wrong in (whole[:cut], whole + b"x"):
        with pytest.raises(ValueError, match="a greeting is"):
            NodeHello.parse(wrong)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_greeting_or_a_value_error(data: bytes) -> None:
    try:
        hello = NodeHello.parse(data)
    except ValueError:
        return
    assert hello.pack() == data


@pytest.mark.parametrize("greeting", [(b"", ""), (bytes(65), ""), (b"x", "e" * 9000)])
def test_greetings_are_bounded(greeting: tuple[bytes, str]) -> None:
    with pytest.raises(ConfigError, match="a digest of 1 to 64 bytes and a text of at most 8 KiB"):
        Greeting(*greeting)


def test_only_what_differs_is_printed_and_both_print_the_same() -> None:
    alice = NodeHello("alice", "bob", Greeting(b"1", "a: 1\nb: 2\nc: 3"))
    bob = NodeHello("bob", "alice", Greeting(b"2", "a: 1\nb: \x1b[2J\nd: 4"))
    errors = difference(alice, bob), difference(bob, alice)
    assert errors[0] is not None
    assert errors[1] is not None
    lines = errors[0].message.splitlines()
    assert sorted(lines) == sorted(errors[1].message.splitlines())
    assert lines == [
        "alice and bob do not have the same SPU:",
        "  b",
        "    alice  2",
        "    bob    ?[2J",
        "  c",
        "    alice  3",
        "    bob    -",
        "  d",
        "    alice  -",
        "    bob    4",
    ]
    assert (errors[0].party, errors[1].party) == ("bob", "alice")
    assert difference(alice, NodeHello("bob", "alice", alice.greeting)) is None


def test_the_binding_is_equal_at_both_and_different_for_others() -> None:
    def between(one: str, other: str, digest: bytes) -> bytes:
        greeting = Greeting(digest)
        mine, theirs = NodeHello(one, other, greeting), NodeHello(other, one, greeting)
        assert binding(mine, theirs) == binding(theirs, mine)
        return binding(mine, theirs)

    pairs = [("a", "b", b"1"), ("a", "b", b"2"), ("a", "c", b"1"), ("ab", "", b"1")]
    assert len({between(*each) for each in pairs}) == len(pairs)
