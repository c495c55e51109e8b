"""Whoever sends a link something else than what is due gets an error out of it, and nothing more."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from junto.errors import LinkError
from junto.mpc.channel import Channel
from junto.net.header import MORE, Kind
from link_helpers import QUICK, frame, rogue_pair

M, S = Kind.MESSAGE, Kind.STREAM


def send_raw(frames: list[bytes], *calls: Callable[[Channel], Any], close: bool = False) -> LinkError:
    """Write frames to bob's channel, let him do the calls, and hand out the error of the last one."""
    bare, bob = rogue_pair(replace(QUICK, recv_timeout_ms=200))
    bob.label(1, "fit.py:31")
    assert all(bare.put(each) for each in frames)
    if close:
        bare.close()
    for call in calls[:-1]:
        call(bob)
    with pytest.raises(LinkError) as raised:
        calls[-1](bob)
    bob.close()
    assert (raised.value.party, raised.value.operation, raised.value.line) == (
        "alice",
        "operation 1",
        "fit.py:31",
    )
    return raised.value


def receive(size: int) -> Callable[[Channel], Any]:
    return lambda channel: channel.receive(size)


def read(size: int) -> Callable[[Channel], Any]:
    return lambda channel: channel.read(size)


FIRST, SECOND = frame(M, 0, b"first"), frame(M, 1, b"other")


@pytest.mark.parametrize(
    ("frames", "calls", "text"),
    [
        ([FIRST, FIRST], [receive(5), receive(5)], "message number 0 arrived; number 1 is due"),
        ([SECOND, FIRST], [receive(5)], "message number 1 arrived; number 0 is due"),
        (
            [FIRST, frame(M, 2, b"later")],
            [receive(5), receive(5)],
            "message number 2 arrived; number 1 is due",
        ),
        ([frame(M, 2**64 - 1, b"first")], [receive(5)], "number 18446744073709551615 arrived"),
        ([frame(M, 0, bytes(1000))], [receive(5)], "has 1000 bytes; 5 are due"),
        ([frame(M, 0, b"first", operation=2)], [receive(5)], "for operation 2; operation 1 is due"),
        (
            [frame(M, 0, b"first", operation="reveal")],
            [receive(5)],
            "for another operation; operation 1 is due",
        ),
        ([frame(59, 0, b"first")], [receive(5)], "a frame of kind 59 arrived; a message is due"),
        ([frame(0, 0, b"")], [read(5)], "a frame of kind 0 arrived; a piece of the stream is due"),
        ([frame(5, 0, b"first")], [receive(5)], "a frame of kind 5 arrived"),
        ([frame(S, 0, b"first")], [receive(5)], "a piece of the stream arrived; a message is due"),
        ([frame(S, 0, b"")], [read(5)], "a piece of the stream is not well-formed"),
        ([FIRST], [read(5)], "a message arrived; a piece of the stream is due"),
        ([b"GET / HTTP/1.1\r\nHost: somewhere\r\n\r\n"], [receive(5)], "what arrives is no frame of a link"),
        ([bytes(27)], [receive(5)], "what arrives is no frame of a link"),
        ([frame(Kind.ABORT, 0, b"")], [receive(5)], "it gave up: reason 0"),
        ([frame(Kind.END, 0, b"")], [receive(5)], "a frame of kind 11 arrived; a message is due"),
        (
            [frame(M, 0, b"first", detail=MORE)],
            [receive(5)],
            "the message is cut otherwise than into 5 bytes",
        ),
        ([frame(M, 0, b"", detail=MORE)], [receive(5)], "the message is cut otherwise than into 5 bytes"),
        ([frame(M, 0, b"firs", detail=MORE), SECOND], [receive(5)], "the message has 9 bytes; 5 are due"),
        (
            [frame(M, 0, b"fir", detail=MORE), frame(S, 1, b"st")],
            [receive(5)],
            "a piece of the stream arrived",
        ),
        ([frame(M, 0, b"fi", detail=MORE), frame(M, 1, b"r", 2)], [receive(5)], "for operation 2"),
        ([frame(M, 0, b"first", detail=2)], [receive(5)], "what arrives is no frame of a link"),
        ([frame(S, 0, b"first", detail=MORE)], [read(5)], "what arrives is no frame of a link"),
        ([FIRST[:-1]], [receive(5)], "the message has 4 bytes; 5 are due"),
        ([FIRST[:8]], [receive(5)], "what arrives is no frame of a link"),
        ([b""], [receive(5)], "what arrives is no frame of a link"),
        ([frame(M, 0, b"fi", detail=MORE)], [receive(5)], "nothing arrived for 0.2 s"),
        ([], [receive(5)], "nothing arrived for 0.2 s"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_frame_that_is_not_due(
    frames: list[bytes], calls: list[Callable[[Channel], Any]], text: str
) -> None:
    assert text in str(send_raw(frames, *calls))


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ([], "the connection ended ("),
        ([frame(M, 0, b"fi", detail=MORE)], "the connection ended after 2 of 5 bytes"),
    ],
)
def test_a_link_that_is_cut_off(frames: list[bytes], text: str) -> None:
    assert text in str(send_raw(frames, receive(5), close=True))


HEADER = len(FIRST) - 5


@pytest.mark.parametrize("position", range(2 * HEADER))
def test_no_byte_of_a_header_can_be_changed(position: int) -> None:
    # The content is TLS's business; what the frames say about it is ours.
    for flip in (1, 0x80, random.Random(position).randrange(2, 256)):
        changed = [bytearray(FIRST), bytearray(SECOND)]
        changed[position // HEADER][position % HEADER] ^= flip
        bare, bob = rogue_pair(replace(QUICK, recv_timeout_ms=20))
        bob.label(1)
        for each in changed:
            bare.put(bytes(each))
        with pytest.raises(LinkError):
            bob.receive(5), bob.receive(5)
        bob.close()
