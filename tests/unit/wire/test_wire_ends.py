"""Writer and reader of a value by themselves: what each counts, and that no length is believed unchecked."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import value_tags
from junto.wire.arrays import parse_dtype, read_array, write_array
from junto.wire.decode import Reader
from junto.wire.encode import Encoder
from junto.wire.payload import Summary
from junto.wire.policy import Limits, WirePolicy
from junto.wire.sink import ValueWriter
from junto.wire.source import ValueReader
from wire_helpers import PLAIN, forge

FEW = WirePolicy(limits=Limits(max_depth=2, max_nodes=4, max_header_bytes=40, max_value_bytes=400))


def laid_out(sink: ValueWriter) -> bytes:
    payload = sink.payload(Summary("a value"))
    whole = b"".join(payload.pieces)
    assert len(whole) == payload.nbytes
    return whole


def written(value: object) -> bytes:
    sink = Encoder(FEW)
    sink.write(value)
    return laid_out(sink)


def reader(*atoms: object, blobs: bytes = b"", policy: WirePolicy = PLAIN) -> ValueReader:
    return Reader(memoryview(forge([*atoms], blobs=blobs)), policy)


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(max_size=9).filter(str.isprintable) | st.booleans()),
    st.lists(st.binary(max_size=30)),
    st.lists(st.binary(min_size=1, max_size=200)),
)
def test_what_was_put_in_is_taken_out_in_order(atoms: list, blobs: list, buffers: list) -> None:
    sink = Encoder(PLAIN)
    sink.atoms += [*atoms, 0]
    for data in blobs:
        sink.blob(data)
    for data in buffers:
        sink.buffer(memoryview(data))
    source = Reader(memoryview(laid_out(sink)), PLAIN)
    assert [source.atom() for _ in range(len(atoms) + 1)] == [*atoms, 0]
    assert [bytes(source.blob(value_tags.LONG_BYTES_LEN)) for _ in blobs] == blobs
    assert [bytes(source.buffer(len(data))) for data in buffers] == buffers
    assert source.left() == 0


def test_every_buffer_begins_on_its_boundary_after_zeros() -> None:
    sink = Encoder(PLAIN)
    write_array(sink, np.full(3, 255, np.uint8))
    write_array(sink, np.full(5, 255, np.uint8))
    whole = laid_out(sink)
    head = value_tags.PREFIX + struct.unpack_from("<I", whole, 4)[0]
    first = -(-head // 64) * 64
    assert whole[head:] == bytes(first - head) + b"\xff" * 3 + bytes(61) + b"\xff" * 5


@pytest.mark.parametrize(
    ("change", "about"),
    [
        (lambda data: data[:11], "shorter than its prefix"),
        (lambda data: b"JNU" + data[3:], "does not begin like one of ours"),
        (lambda data: data[:3] + b"\x02" + data[4:], "another version"),
        (lambda data: data[:4] + struct.pack("<I", len(data)) + data[8:], "longer than allowed, or than"),
        (lambda data: data[:8] + struct.pack("<I", 9) + data[12:], "longer than allowed, or than"),
        (lambda data: data[:12] + b"\xdd\xff\xff\xff\xff" + data[17:], "more parts than it can have"),
    ],
)
def test_a_prefix_that_lies_is_refused(change, about: str) -> None:
    data = bytes(forge([value_tags.INT, 5, "text", 7.5]))
    with pytest.raises(MalformedBytes, match=about):
        Reader(memoryview(change(data)), PLAIN)


def test_the_limits_of_a_policy_hold_for_whoever_reads() -> None:
    for atoms, more, about in (
        (["x" * 41], b"", "longer than allowed"),
        ([1], bytes(400), "larger than allowed"),
        ([None] * 41, b"", "more parts|longer than allowed"),
    ):
        with pytest.raises(MalformedBytes, match=about):
            Reader(memoryview(bytes(forge(atoms)) + more), FEW)
    for inside, about in (([1, 2, 3, 4, 5], "more elements than allowed"), ([[[1]]], "nested deeper")):
        sink = Encoder(PLAIN)
        sink.write(inside)
        with pytest.raises(MalformedBytes, match=about):
            Reader(memoryview(laid_out(sink)), FEW).value()


def test_the_limits_of_a_policy_hold_for_whoever_writes() -> None:
    for value, about in (
        ([1, 2, 3, 4, 5], "more than 4 elements"),
        ([[[1]]], "nested deeper than 2"),
        ("x" * 41, "a header of .* bytes; 40 are allowed"),
        (np.zeros(60), "has .* bytes; 400 are allowed"),
        ("\ud800", "lone surrogate"),
    ):
        with pytest.raises(CannotTravel, match=about):
            written(value)


def test_an_atom_is_what_it_has_to_be() -> None:
    for take, atom, about in (
        (lambda s: s.integer(0, 9), 10, "out of range"),
        (lambda s: s.integer(0, 9), True, "out of range"),
        (lambda s: s.of(str), 1, "of the wrong type"),
        (lambda s: s.of(float), 1, "of the wrong type"),
        (lambda s: s.value_of(str), None, "of the wrong type"),
        (lambda s: s.enter(2), None, "more elements than there are"),
        (lambda s: s.blob(9), 10, "out of range"),
        (lambda s: [s.atom(), s.atom()], 1, "in the middle of a value"),
    ):
        with pytest.raises(MalformedBytes, match=about):
            take(reader(atom))


def test_bytes_that_are_not_there_are_not_read() -> None:
    with pytest.raises(MalformedBytes):
        reader(4, blobs=b"abc").blob(9)
    with pytest.raises(MalformedBytes):
        reader(1).buffer(1)


@pytest.mark.parametrize(
    "code", ["O", "|O8", "V8", "<f16", "<i3", "i4", "<M8[3]", "<U0", "|S0", "<f4,<f4", "bool"]
)
def test_a_dtype_that_is_not_of_the_closed_set_is_refused(code: str) -> None:
    with pytest.raises(MalformedBytes, match="closed set"):
        parse_dtype(code)


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("dtype", ["|b1", "<i8", ">f4", "<c16", "<U3", "|S2", "<M8[ns]", "<m8[7s]"])
def test_an_array_is_read_as_it_was_written(dtype: str, order: str) -> None:
    array = np.asarray(np.arange(6).reshape(2, 3) % 2, order=order).astype(dtype)
    sink = Encoder(PLAIN)
    write_array(sink, array)
    source = Reader(memoryview(laid_out(sink)), PLAIN)
    source.integer(value_tags.ARRAY, value_tags.ARRAY)
    found = read_array(source)
    np.testing.assert_array_equal(found, array)
    assert (found.dtype, found.flags.writeable) == (array.dtype, True)
    assert found.flags.f_contiguous == array.flags.f_contiguous
