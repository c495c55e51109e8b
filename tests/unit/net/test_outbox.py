"""Turns of what is sent: nobody waits for ever behind somebody else's many small or large ones."""

from __future__ import annotations

from gateways import payload, stamp
from junto.net import delivery
from junto.net import frames as f
from junto.net.api import TransferKey
from junto.net.header import Kind, Ordered
from junto.net.outbox import Outbox
from junto.net.steps import Outgoing

CHUNKS = 4


def taken(box: Outbox) -> str:
    """What goes next: a batch of small values, a chunk, a frame of a stream, or nothing."""
    match box.take():
        case Outgoing():
            return "chunk"
        case Ordered():
            return "stream"
        case None:
            return ""
        case _:
            return "small"


def flowing() -> Outbox:
    """One large value is accepted, and more small ones come than one batch takes."""
    box = Outbox()
    box.push(TransferKey(0, 0), stamp(0), payload(bytes(CHUNKS * f.CHUNK_BYTES)))
    assert taken(box) == "small"  # its offer
    box.accept(0)
    for index in range(1, 4):
        box.push(TransferKey(0, index), stamp(0), payload(bytes(f.BATCH_BYTES)))
    return box


def test_small_values_and_chunks_go_in_turn():
    box = flowing()
    assert [taken(box) for _ in range(8)] == ["chunk", "small"] * 3 + ["chunk", ""]


def test_streams_and_values_go_in_turn():
    box = flowing()
    writer = box.streams.open(7)
    assert box.streams.hear([(7, 0)]) == []
    for _ in range(3):
        assert writer.push(Kind.MESSAGE, 0, 1, b"round")
    turns = [taken(box) for _ in range(11)]
    assert turns[:6].count("stream") == 3
    assert [each for each in turns if each != "stream"] == ["chunk", "small"] * 3 + ["chunk", ""]


def test_after_a_break_as_much_is_unacknowledged_as_before_one(monkeypatch):
    monkeypatch.setattr(delivery, "IN_FLIGHT_BYTES", 4 * f.CHUNK_BYTES)
    box = Outbox()
    box.push(TransferKey(0, 0), stamp(0), payload(bytes(20 * f.CHUNK_BYTES)))
    assert taken(box) == "small"
    box.accept(0)
    assert [taken(box) for _ in range(5)] == ["chunk"] * 4 + [""]
    assert box.resume(f.Resumed(0, (), ((0, 2 * f.CHUNK_BYTES),), 0)) == []
    for arrived in (6, 10):
        assert [taken(box) for _ in range(5)] == ["chunk"] * 4 + [""]
        assert box.acknowledge(0, arrived * f.CHUNK_BYTES)


def test_a_wake_is_asked_for_only_if_something_may_go_by_it():
    box = Outbox()
    box.push(TransferKey(5_000, 0), stamp(5_000), payload(b"far ahead"))
    assert not box.due
    assert not box.advance(1)
    assert not box.advance(1)
    assert box.advance(4_999)
    assert box.due
