"""Bytes that lie: lengths, depths, offsets, extension types. Nothing may be believed, or allocated for."""

from __future__ import annotations

import json
import struct
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse  # noqa: F401 (so that loading it is not counted as memory)

from junto.errors import MalformedBytes
from junto.wire import arrow as _arrow  # noqa: F401 (likewise)
from junto.wire import (  # noqa: F401 (likewise)
    pandas_values,
    pickles,
    sparse,
    value_tags,
)
from junto.wire.policy import Limits, WirePolicy
from wire_helpers import forge, forge_header, from_bytes, to_bytes


@contextmanager
def little_memory(limit: int = 8_000_000) -> Iterator[None]:
    arrow = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
        assert pa.total_allocated_bytes() - arrow < limit
    finally:
        tracemalloc.stop()


def refused(data: bytes | bytearray, policy: WirePolicy | None = None) -> None:
    with little_memory(), pytest.raises(MalformedBytes):
        from_bytes(data, policy or WirePolicy())


@pytest.mark.parametrize("depth", [65, 1000, 100_000])
def test_depth_bombs(depth: int) -> None:
    refused(forge([value_tags.LIST, 1] * depth + [None]))
    refused(forge([value_tags.TUPLE, 1] * depth + [None]))
    refused(forge([value_tags.DICT, 1, None] * depth + [None]))
    refused(forge_header(b"\x91" * depth + b"\xc0"))
    refused(forge_header(b"\x81\xc0" * depth + b"\xc0"))


def test_a_depth_bomb_where_our_own_limit_is_set_too_high() -> None:
    refused(forge([value_tags.LIST, 1] * 50_000 + [None]), WirePolicy(Limits(max_depth=10**9)))


def test_sixty_four_gigabytes_in_a_line() -> None:
    huge = 1 << 36
    for atoms in (
        [value_tags.ARRAY, "<f8", False, 1, huge],
        [value_tags.ARRAY, "<f8", False, 2, huge, huge],
        [value_tags.LIST, huge],
        [value_tags.LIST, -huge],
        [value_tags.LONG_TEXT, huge],
        [value_tags.LONG_BYTES, huge],
        [value_tags.BYTEARRAY, huge],
        [value_tags.ARROW, "table", huge],
        [value_tags.PICKLE, huge, 0],
        [value_tags.BYTES, huge],
        [value_tags.BIG_INT, huge],
        [value_tags.ARRAY_SCALAR, "<U99999999", 0],
        [value_tags.ARRAY, "<U99999999", False, 1, huge],
        [
            value_tags.SPARSE,
            "csr",
            False,
            huge,
            huge,
            value_tags.ARRAY,
            "<f8",
            False,
            1,
            0,
            value_tags.ARRAY,
            "<i4",
            False,
            1,
            0,
            value_tags.ARRAY,
            "<i4",
            False,
            1,
            0,
        ],
    ):
        refused(forge(atoms))
    for prefix in (
        b"\xdd\xff\xff\xff\xff",
        b"\xdc\xff\xff",
        b"\x91\xdb\xff\xff\xff\xff",
        b"\x91\xdf\xff\xff\xff\xff",
    ):
        refused(forge_header(prefix))
    refused(struct.pack("<4sII", value_tags.MAGIC, 0xFFFFFFFF, 0xFFFFFFFF))


def test_many_empty_containers_are_counted() -> None:
    policy = WirePolicy(Limits(max_nodes=10_000))
    refused(forge([value_tags.LIST, 5000] + [value_tags.SET, 0] * 5000 + [None]), policy)
    refused(forge([value_tags.LIST, 20_000] + [value_tags.SET, 0] * 20_000), policy)
    index = ["range", value_tags.RANGE, value_tags.INT, 0, value_tags.INT, 0, value_tags.INT, 1, None]
    refused(forge([value_tags.LIST, 5000] + [value_tags.FRAME, *index, *index] * 5000), policy)


def stream_of(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def arrow(stream: bytes, form: str = "table") -> bytearray:
    return forge([value_tags.ARROW, form, len(stream)], stream)


TEXT = pa.table({"a": ["first", "second", "third"] * 20})


def test_a_hand_made_stream_is_read() -> None:
    assert from_bytes(arrow(stream_of(TEXT))).equals(TEXT)


def test_patched_arrow_offsets() -> None:
    good = stream_of(TEXT)
    offsets = TEXT.column(0).chunk(0).buffers()[1].to_pybytes()
    at = good.index(offsets[:60])
    for position, value in ((4, 0x7FFFFFF0), (8, -5), (240, 1 << 30), (0, 100)):
        bad = bytearray(good)
        struct.pack_into("<i", bad, at + position, value)
        refused(arrow(bytes(bad)))


def test_arrow_text_that_is_no_text_and_indices_outside_of_the_dictionary() -> None:
    good = stream_of(TEXT)
    refused(arrow(good.replace(b"second", b"sec\xff\xffd")))
    encoded = pa.table({"a": TEXT.column(0).dictionary_encode()})
    good = stream_of(encoded)
    at = good.index(struct.pack("<6i", 0, 1, 2, 0, 1, 2))
    for value in (3, -1, 1 << 30):
        bad = bytearray(good)
        struct.pack_into("<i", bad, at + 4, value)
        refused(arrow(bytes(bad)))


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_arrow_is_refused(codec: str) -> None:
    for values in (np.zeros(10_000_000), np.arange(1000.0)):
        table = pa.table({"a": values})
        refused(arrow(stream_of(table, compression=codec)))
    encoded = pa.table({"a": pa.array(["x" * 100] * 9).dictionary_encode()})
    refused(arrow(stream_of(encoded, compression=codec)))


CALLED: list[Any] = []


class Extension(pa.ExtensionType):
    def __init__(self) -> None:
        super().__init__(pa.int64(), "junto.test")

    def __arrow_ext_serialize__(self) -> bytes:
        return b"payload"

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: Any, data: Any) -> Extension:
        CALLED.append(data)
        return cls()


def test_an_extension_type_is_refused_before_its_code_runs() -> None:
    extension = Extension()
    pa.register_extension_type(extension)
    try:
        table = pa.table({"a": pa.ExtensionArray.from_storage(extension, pa.array([1, 2]))})
        nested = pa.table({"a": pa.ListArray.from_arrays([0, 1, 2], table.column(0).chunk(0))})
        for bad in (table, nested):
            CALLED.clear()
            refused(arrow(stream_of(bad)))
            assert CALLED == []
    finally:
        pa.unregister_extension_type("junto.test")


def test_the_names_pyarrow_and_pandas_register_are_refused() -> None:
    for name in ("arrow.py_extension_type", "pandas.period", "arrow.json", "arrow.opaque"):
        field = pa.field(
            "a", pa.int64(), metadata={"ARROW:extension:name": name, "ARROW:extension:metadata": "{}"}
        )
        refused(arrow(stream_of(pa.table({"a": [1]}, schema=pa.schema([field])))))


def test_pandas_metadata_leads_nowhere() -> None:
    told = {
        "index_columns": ["evil"],
        "columns": [
            {
                "name": "a",
                "numpy_type": "foreign_types.Model",
                "pandas_type": "object",
                "metadata": {"__import__": "antigravity"},
            }
        ],
        "column_indexes": [],
    }
    schema = pa.schema([("a", pa.int64())], metadata={"pandas": json.dumps(told)})
    refused(arrow(stream_of(pa.table({"a": [1]}, schema=schema))))
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": pa.nulls(1_000_000)}),
        pa.table({"a": pa.array(["x" * 20]).cast(pa.string_view())}),
        pa.table({"a": pa.RunEndEncodedArray.from_arrays(pa.array([1 << 30]), pa.array([1]))}),
        pa.table({"a": pa.array([[1]], pa.list_view(pa.int64()))}),
        pa.table({"a": pa.array([{}])}),
        pa.table({"a": pa.array([b""], pa.binary(0))}),
        pa.table({"a": pa.array([[]], pa.list_(pa.int8(), 0))}),
        pa.table(
            {
                "a": pa.UnionArray.from_dense(
                    pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])]
                )
            }
        ),
        pa.table({"a": pa.array([1], pa.timestamp("us", "../../etc/passwd\0"))}),
    ],
    ids=lambda table: str(table.schema.field(0).type),
)
def test_arrow_types_that_could_claim_more_than_they_bring(table: pa.Table) -> None:
    refused(arrow(stream_of(table)))


def test_an_arrow_type_nested_too_deeply() -> None:
    kind = pa.int8()
    for _ in range(30):
        kind = pa.list_(kind)
    refused(arrow(stream_of(pa.table({"a": pa.array([None], kind)}))), WirePolicy(Limits(max_depth=30)))


def test_arrow_messages_that_lie() -> None:
    good = stream_of(TEXT)
    for position in range(0, 400):
        for value in (0, 1, 0x7F, 0xFF):
            bad = bytearray(good)
            bad[position] = value
            try:
                table = from_bytes(arrow(bytes(bad)))
            except MalformedBytes:
                continue
            table.to_pylist()
    for end in (0, 1, 7, 8, 100, len(good) - 1, len(good) - 8):
        refused(arrow(good[:end]))
    refused(arrow(good + b"\0" * 8))
    refused(arrow(good + good))


def test_frames_whose_parts_do_not_fit() -> None:
    index = ["range", value_tags.RANGE, value_tags.INT, 0, value_tags.INT, 2, value_tags.INT, 1, None]
    one = ["range", value_tags.RANGE, value_tags.INT, 0, value_tags.INT, 1, value_tags.INT, 1, None]
    column = ["numpy", value_tags.ARRAY, "<f8", False, 1, 2]
    assert from_bytes(forge([value_tags.FRAME, *one, *index, *column], bytes(16))).shape == (2, 1)
    billion = ["range", value_tags.RANGE, value_tags.INT, 0, value_tags.INT, 1 << 40, value_tags.INT, 1, None]
    for atoms, buffer in (
        ([value_tags.FRAME, *one, *index, "numpy", value_tags.ARRAY, "<f8", False, 1, 3], bytes(24)),
        ([value_tags.FRAME, *one, *index, "numpy", value_tags.ARRAY, "<f8", False, 2, 1, 2], bytes(16)),
        ([value_tags.FRAME, *one, *index, "numpy", value_tags.ARRAY, "<U1", False, 1, 2], bytes(8)),
        ([value_tags.FRAME, *billion, *index, *column], bytes(16)),
        ([value_tags.FRAME, *one, *billion, *column], bytes(16)),
        ([value_tags.FRAME, *index, *index, *column], bytes(16)),
        ([value_tags.SERIES, value_tags.LIST, 0, *index, *column], bytes(16)),
        (
            [value_tags.SERIES, None, *index, "category", False, *one, value_tags.ARRAY, "|i1", False, 1, 2],
            b"\0\7",
        ),
        (
            [
                value_tags.SERIES,
                None,
                *index,
                "masked",
                value_tags.ARRAY,
                "|i1",
                False,
                1,
                2,
                value_tags.ARRAY,
                "|i1",
                False,
                1,
                2,
            ],
            bytes(2),
        ),
        ([value_tags.SERIES, None, *index, "eval", value_tags.ARRAY, "|i1", False, 1, 2], bytes(2)),
        ([value_tags.INDEX, "values", *column, "foreign_types", None], bytes(16)),
        ([value_tags.INDEX, "levels", 1, *one, value_tags.ARRAY, "|i1", False, 1, 2, None], b"\0\7"),
        ([value_tags.INDEX, "levels", 0], b""),
        ([value_tags.INDEX, "levels", 1, *["levels", 1] * 40], b""),
        ([value_tags.TIMESTAMP, 1.0, None], b""),
        ([value_tags.MISSING, None], b""),
    ):
        refused(forge(atoms, *([buffer] if buffer else [])))


def test_a_frequency_that_does_not_fit_its_index() -> None:
    data = to_bytes(pd.date_range("2020", periods=3, freq="D"))
    size = struct.unpack_from("<I", data, 4)[0]
    atoms = msgspec.msgpack.decode(data[value_tags.PREFIX : value_tags.PREFIX + size])
    body = bytes(data[-24:])
    assert from_bytes(forge(atoms, body)).freqstr == "D"
    for text in ("h", "evil", "D" * 1000, "-1D"):
        refused(forge([text if atom == "D" else atom for atom in atoms], body))
