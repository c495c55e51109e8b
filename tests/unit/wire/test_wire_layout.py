from __future__ import annotations

import struct
import sys
import threading
from typing import Any

import numpy as np
import pytest

from junto.errors import MalformedBytes
from junto.wire import value_tags
from junto.wire.codec import encode
from junto.wire.payload import Summary
from junto.wire.policy import Limits, WirePolicy
from wire_helpers import PLAIN, forge, forge_header, from_bytes, round_trip, to_bytes


def test_buffers_lie_on_64_byte_boundaries_and_are_not_copied() -> None:
    arrays = [np.arange(5.0), np.arange(3, dtype="i1"), np.arange(7.0)]
    payload = encode(arrays, PLAIN)
    offset, seen = 0, 0
    for piece in payload.pieces:
        assert piece.format == "B"
        assert piece.nbytes > 0
        owner = next((a for a in arrays if np.shares_memory(a, np.frombuffer(piece, np.uint8))), None)
        if owner is not None:
            assert offset % value_tags.ALIGN == 0
            seen += 1
        offset += piece.nbytes
    assert seen == 3
    assert offset == payload.nbytes


def test_a_small_value_is_one_piece() -> None:
    assert len(encode({"a": (1, 2.5, b"x")}, PLAIN).pieces) == 1


@pytest.mark.parametrize(
    ("value", "summary"),
    [
        (1, Summary("int")),
        ([1, 2], Summary("list")),
        (np.zeros((2, 3), "f4"), Summary("ndarray[float32]", (2, 3))),
        (np.float64(1), Summary("float64", ())),
    ],
)
def test_the_summary_tells_type_and_shape_only(value: Any, summary: Summary) -> None:
    assert encode(value, PLAIN).summary == summary


def test_every_truncation_and_every_addition_is_refused() -> None:
    data = to_bytes({"a": [1, 2, (3.5, "x")], "b": np.arange(6.0), "c": bytes(5000), "d": b"blob"})
    for end in range(len(data)):
        if end < 400 or end % 7 == 0:
            with pytest.raises(MalformedBytes):
                from_bytes(data[:end])
    for more in (b"\0", b"\0" * 64, b"x"):
        with pytest.raises(MalformedBytes):
            from_bytes(data + more)


def test_a_gap_that_is_not_empty_is_refused() -> None:
    data = to_bytes(np.arange(3.0))
    gap = struct.unpack_from("<II", data, 4)[0] + value_tags.PREFIX
    data[gap] = 1
    with pytest.raises(MalformedBytes, match="gap"):
        from_bytes(data)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\xc0",
        b"\x80",
        b"\x90",
        b"\x91",
        b"\x91\x91\xc0",
        b"\x91\x81\xc0\xc0",
        b"\x91\xc4\x01a",
        b"\x91\xd6\xff\0\0\0\0",
        b"\x92\xc0",
        b"\x92\xc0\xc0",
        b"\x91\xc1",
        b"\x91\xa2\xff\xff",
        b"\x91\xc0\xc0",
        b"\xdd\xff\xff\xff\xff\xc0",
        b"\xdc\xff\xff\xc0",
        b"\xdd\xff",
        b"\x91\xdb\xff\xff\xff\xff",
        b"\x91\x7f",
        b"\x91\xe0",
        b"\x91\xcf" + b"\xff" * 8,
    ],
)
def test_headers_that_are_no_flat_array_of_known_tags_are_refused(packed: bytes) -> None:
    with pytest.raises(MalformedBytes):
        from_bytes(forge_header(packed))


@pytest.mark.parametrize("start", [b"", b"JNT", b"JNT\x02" + bytes(20), b"\x80\x04." + bytes(20), bytes(12)])
def test_other_beginnings_are_refused(start: bytes) -> None:
    with pytest.raises(MalformedBytes):
        from_bytes(start)


@pytest.mark.parametrize(
    "atoms",
    [
        [value_tags.LIST, 2, None],
        [value_tags.LIST, -2, 1, "x"],
        [value_tags.LIST, -2, 1, True],
        [value_tags.LIST, 1 << 40],
        [value_tags.LIST, True, None],
        [value_tags.DICT, 1, None],
        [value_tags.DICT, 2, "a", 1.0, "a", 2.0],
        [value_tags.DICT, 2, 1.0, "a", True, "b"],
        [value_tags.DICT, -1],
        [value_tags.DICT, 1, value_tags.LIST, 0, None],
        [value_tags.SET, 2, "a", "a"],
        [value_tags.SET, 1, value_tags.LIST, 0],
        [value_tags.FROZENSET, 1, value_tags.DICT, 0],
        [value_tags.DICT, 1, value_tags.TUPLE, 1, value_tags.SET, 0, None],
        [None, None],
    ],
)
def test_containers_that_lie_are_refused(atoms: list[Any]) -> None:
    with pytest.raises(MalformedBytes):
        from_bytes(forge(atoms))


def test_a_view_of_any_format_can_be_decoded() -> None:
    data = to_bytes([1, 2, "abc", b"x"])
    data += bytes(-len(data) % 4)
    padded = memoryview(to_bytes(np.arange(4.0))).cast("B").cast("i")
    from junto.wire.codec import decode

    assert decode(padded, PLAIN).tolist() == [0.0, 1.0, 2.0, 3.0]


def test_threads_do_not_disturb_each_other() -> None:
    failed: list[int] = []

    def work(number: int) -> None:
        value = {"n": number, "items": list(range(number)), "text": str(number) * 50}
        for _ in range(50):
            if round_trip(value) != value:
                failed.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_package_that_is_missing_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = forge([value_tags.POLARS, "frame", value_tags.LIST, 0, 1], b"x")
    monkeypatch.setitem(sys.modules, "junto.wire.polars_tables", None)
    with pytest.raises(MalformedBytes, match="polars_tables"):
        from_bytes(data)


def test_the_claim_of_the_header_is_checked_before_it_is_parsed() -> None:
    few = WirePolicy(Limits(max_nodes=10))
    for data in (forge([None] * 5000), forge_header(b"\xdd\xff\xff\xff\xff\xc0")):
        with pytest.raises(MalformedBytes, match="claims more parts"):
            from_bytes(data, few)
