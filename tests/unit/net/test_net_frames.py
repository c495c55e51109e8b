import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways import stamp
from junto.errors import ProtocolViolation
from junto.net import frames as f
from junto.net.api import Abort, Activity, Failure, TransferKey

FAILURE = Failure("alice", 1, "f", "x.py:1", "ValueError", "abcd")
HELLO = f.Hello(1, "alice", "job", ("alice", "bob"), {"a": "1"}, {"junto": "0"}, b"n" * 16)
EITHER = [
    f.Heartbeat(Activity(stamp(3))),
    f.Ending(Abort("k", "m")),
    f.History((stamp(1),)),
    f.Bye(3),
    f.Noted("bye"),
]
FORWARD = [
    HELLO,
    f.Resume(b"r" * 16),
    f.Value(0, TransferKey(1, 0), stamp(1), memoryview(b"x")),
    f.Offer(1, TransferKey(1, 1), stamp(1), 1 << 40),
    f.Failed(2, TransferKey(1, 2), stamp(1), FAILURE),
    *EITHER,
]
BACK = [
    HELLO,
    f.Refused("kind", "cause", True),
    f.Resumed(1, ((2, 3),), ((4, 5),), 6, ((7, 8),), 9, (f.Declined(2, "no"),)),
    f.Accept(1),
    f.Ack((1, 2), ((3, 4),), 5, ((6, 7),)),
    f.Declined(1, "no"),
    f.Declined(1, "no room", no_room=True),
    *EITHER,
]


def test_frames_come_back_as_they_were():
    for frames in (FORWARD, BACK):
        assert f.open_message(f.pack(frames)) == frames


def test_a_chunk_is_its_header_and_its_bytes():
    message = f.pack_chunk(7, 1 << 40, [memoryview(b"ab"), memoryview(b"c")])
    assert f.open_message(message) == f.Chunk(7, 1 << 40, memoryview(b"abc"))
    with pytest.raises(ProtocolViolation):
        f.open_message(message[:-3])


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_a_protocol_violation(data):
    for start in (b"", b"\x00", b"\x01", b"\x02"):
        with contextlib.suppress(ProtocolViolation):
            f.open_message(start + data)


@given(st.sampled_from(FORWARD), st.data())
def test_a_damaged_frame_is_a_frame_or_a_protocol_violation(frame, data):
    message = bytearray(f.pack([frame]))
    for _ in range(data.draw(st.integers(1, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(message[: data.draw(st.integers(0, len(message)))])
    with contextlib.suppress(ProtocolViolation):
        f.open_message(damaged)


LIES = [
    f.Bye(-1),
    f.Bye(1 << 63),
    f.Resume(b"short"),
    msgspec.structs.replace(HELLO, job="j" * 201),
    msgspec.structs.replace(HELLO, facts={"a" * 201: ""}),
    f.History((stamp(1),) * (f.HISTORY_STAMPS + 1)),
    f.Value(0, TransferKey(1, 1 << 40), stamp(1), memoryview(b"")),
    f.Value(0, TransferKey(-1, 0), stamp(1), memoryview(b"")),
    f.Value(0, TransferKey(1, 0), stamp(1), memoryview(bytes(f.INLINE_BYTES + 1))),
    f.Heartbeat(Activity(stamp(1), ("p" * 5000,))),
    f.Noted("n" * 300),
    f.Offer(0, TransferKey(1, 0), stamp(-1), 5),
]


@pytest.mark.parametrize("frame", LIES, ids=lambda frame: type(frame).__name__)
def test_values_out_of_range_are_refused(frame):
    with pytest.raises((ProtocolViolation, OverflowError)):
        f.open_message(f.pack([frame]))


def with_a_long_text(frame):
    """The frame as it travels, with each of its texts in turn made longer than any may be."""
    if isinstance(frame, str):
        yield "x" * 20_000
    elif isinstance(frame, list):
        for index, part in enumerate(frame):
            yield from ([*frame[:index], longer, *frame[index + 1 :]] for longer in with_a_long_text(part))


def test_a_text_that_is_too_long_is_cut_by_nobody_but_its_author():
    failure = Failure("alice", 1, "t", "s", "E", "i", "d", "f")
    frames = [
        f.Heartbeat(Activity(stamp(1), ("bob",), 1, "busy")),
        f.Failed(1, TransferKey(1, 0), stamp(1), failure),
        f.Ending(Abort("kind", "message")),
        f.Refused("kind", "cause", final=True),
        f.Declined(1, "cause"),
    ]
    for frame, texts in zip(frames, (4, 9, 2, 2, 1), strict=True):
        longer = [*with_a_long_text(msgspec.msgpack.decode(f.pack([frame])[1:])[0])]
        assert len(longer) == texts
        for each in longer:
            with pytest.raises(ProtocolViolation):
                f.open_message(b"\x00" + msgspec.msgpack.encode([each]))


@pytest.mark.parametrize("streams", [((-1, 0),), ((0, -1),), ((0, 1),) * (f.AT_ONCE + 1)])
def test_what_is_said_of_streams_is_bounded(streams):
    with pytest.raises((ProtocolViolation, OverflowError)):
        f.open_message(f.pack([f.Ack((), (), 0, streams)]))


def test_unknown_fields_and_unknown_frames_are_refused():
    for frame in ([14, 1, "more"], [99], [14], 5, {"a": 1}):
        with pytest.raises(ProtocolViolation):
            f.open_message(b"\x00" + msgspec.msgpack.encode([frame]))


def test_long_texts_are_clipped_so_that_they_can_travel():
    long = "é" * 50_000 + "ü" * 50_000
    here = type(stamp(1))(1, b"d" * 16, long, long)
    failure = Failure("alice", 1, long, long, long, long, long, long)
    frames = [
        f.Heartbeat(Activity(here, ("bob",), 1, long)),
        f.Failed(1, TransferKey(1, 0), here, failure),
        f.Ending(Abort(long, long)),
    ]
    message = f.pack(frames)
    assert f.open_message(message) == frames
    assert len(message) < f.MESSAGE_BYTES
    assert here.site == long[-len(here.site) :]
    assert failure.detail == long[-len(failure.detail) :]
    assert [len(text) for text in (here.text, here.site, failure.detail, failure.fix)] == [
        500,
        500,
        16_000,
        4_000,
    ]
