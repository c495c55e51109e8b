"""The header: what is written is read, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from junto.net.header import (
    HEADER_BYTES,
    Header,
    Reason,
    check_of,
    pack,
    parse,
    sentence_of,
    text_of_check,
)

words = st.integers(0, 2**64 - 1)


@given(st.integers(0, 255), st.integers(0, 2**16 - 1), words, words, words, words)
def test_a_header_is_read_as_it_was_written(
    kind: int, detail: int, stream: int, number: int, check: int, length: int
) -> None:
    header = Header(kind, detail, stream, number, check, length)
    assert parse(pack(header)) == header


def test_the_layout_is_fixed() -> None:
    fields = "02 01 0002 0000000000000003 0000000000000004 0000000000000005 0000000000000006"
    assert pack(Header(1, 2, 3, 4, 5, 6)) == bytes.fromhex(fields)
    assert HEADER_BYTES == 36


@pytest.mark.parametrize(
    ("first", "text"),
    [
        (b"\x16\x03\x01", "no frame of a link"),
        (b"HTTP/1.1", "no frame of a link"),
        (b"jS\x01", "no frame of a link"),
    ],
)
def test_other_protocols_are_told_apart(first: bytes, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parse(first.ljust(HEADER_BYTES, b"\0"))


def test_numbers_and_words_never_have_the_same_check() -> None:
    assert check_of(17) == 17
    assert check_of("17") >= 2**63
    assert check_of("reveal") != check_of("share")
    assert text_of_check(17) == "operation 17"
    for wrong in (-1, 2**63):
        with pytest.raises(ValueError, match="has to be between"):
            check_of(wrong)


def test_every_reason_has_a_sentence() -> None:
    assert len({sentence_of(reason) for reason in Reason}) == len(Reason)
    assert [reason.sentence for reason in Reason] == [sentence_of(int(reason)) for reason in Reason]
    assert sentence_of(0) == "reason 0"
    assert sentence_of(99) == "reason 99"
