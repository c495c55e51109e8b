"""The header: what is written is read, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from junto.net.header import (
    Header,
    Reason,
    check_of,
    following,
    pack,
    parse,
    sentence_of,
    text_of_check,
)

MOST_BYTES = 27

words = st.one_of(*[st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 64)])


@given(st.integers(0, 63), st.integers(0, 255), words, words, words, st.binary(max_size=9))
def test_a_frame_is_read_as_it_was_written_and_its_header_has_no_other_form(
    kind: int, detail: int, stream: int, number: int, check: int, body: bytes
) -> None:
    header = Header(kind, detail, stream, number, check)
    packed = pack(header)
    read = parse(packed + body)
    assert (read.header, bytes(read.body)) == (header, body)
    assert len(packed) <= MOST_BYTES
    for code, width in enumerate((2, 4, 8)):
        numbers = b"".join((each % (1 << 8 * width)).to_bytes(width, "big") for each in header[2:])
        other = bytes([2, kind | code << 6, detail]) + numbers
        if other != packed:
            try:
                assert parse(other + body).header != header
            except ValueError:
                continue


def test_the_layout_is_fixed() -> None:
    assert pack(Header(1, 2, 3, 4, 5)) == bytes.fromhex("02 01 02 0003 0004 0005")
    assert pack(Header(1, 2, 3, 4, 1 << 16)) == bytes.fromhex("02 41 02 00000003 00000004 00010000")
    fields = "02 81 02 0000000000000003 0000000100000000 0000000000000005"
    assert pack(Header(1, 2, 3, 1 << 32, 5)) == bytes.fromhex(fields)
    assert len(bytes.fromhex(fields)) == MOST_BYTES


@given(st.integers(0, 63), st.integers(0, 255), words, words, words)
def test_the_header_that_follows_differs_in_its_number_alone(
    kind: int, detail: int, stream: int, number: int, check: int
) -> None:
    after = Header(kind, detail, stream, (number + 1) % 2**64, check)
    assert following(Header(kind, detail, stream, number, check)) == after


@pytest.mark.parametrize(
    "data",
    ["02", "02 01 00 0000 0000 00", "02 41 00 0000ffff 0000ffff 0000ffff", "02 c1 00" + 24 * "00"],
    ids=["one byte", "cut", "longer than it need be", "no width"],
)
def test_what_is_cut_or_has_another_form_is_no_frame(data: str) -> None:
    with pytest.raises(ValueError, match="no frame of a link"):
        parse(bytes.fromhex(data))


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
        parse(first.ljust(MOST_BYTES, b"\0"))


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
