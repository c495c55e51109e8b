"""Of an Arrow column nothing travels but its values: not what stands under a null, or outside of a slice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from junto.wire.scrub import without_hidden_values

WORD = 0x5EC2E7_5EC2E7
SECRET = "a secret word"


def under_nulls(kind: pa.DataType) -> pa.Array:
    """A number of each row, and WORD where there is none."""
    width = kind.bit_width // 64
    words = np.array([[1] * width, [WORD] * width, [3] * width], np.int64)
    return pa.Array.from_buffers(kind, 3, [pa.py_buffer(b"\x05"), pa.py_buffer(words.tobytes())], 1)


WORDS = pa.array([SECRET, "a", None, "b", SECRET])
NUMBERS = pa.array([WORD, 1, None, 3, WORD])
HIDING = {
    "null": under_nulls(pa.int64()),
    "time under null": under_nulls(pa.timestamp("us")),
    "slice": NUMBERS.slice(1, 3),
    "text slice": WORDS.slice(1, 3),
    "large text": WORDS.cast(pa.large_string()).slice(1, 3),
    "bytes": WORDS.cast(pa.binary()).slice(1, 3),
    "empty": NUMBERS.slice(0, 0),
    "dictionary slice": WORDS.dictionary_encode().slice(1, 3),
    "unused entry": pa.DictionaryArray.from_arrays(pa.array([1, None, 1]), pa.array([SECRET, "b"])),
    "number entry": pa.DictionaryArray.from_arrays(pa.array([1, 1], pa.int8()), pa.array([WORD, 5])),
    "ordered": pa.DictionaryArray.from_arrays(pa.array([2, 1]), pa.array([SECRET, "b", "c"]), ordered=True),
    "list": pa.array([[WORD, WORD], [1, 2], None, [3]]).slice(1, 3),
    "large list": pa.array([[SECRET], ["a"], []], pa.large_list(pa.string())).slice(1, 2),
    "fixed list": pa.array([[WORD, 1], [2, 3], None], pa.list_(pa.int64(), 2)).slice(1, 2),
    "struct": pa.StructArray.from_arrays([under_nulls(pa.int64()), WORDS.slice(1, 3)], names=["n", "t"]),
    "struct under null": pa.StructArray.from_arrays(
        [pa.array([1, WORD]), pa.array(["a", SECRET])], names=["n", "t"], mask=pa.array([False, True])
    ),
    "list of structs": pa.array([[{"n": WORD, "t": SECRET}], [{"n": 1, "t": "a"}]]).slice(1, 1),
    "list of entries": pa.ListArray.from_arrays(
        pa.array([0, 1], pa.int32()),
        pa.DictionaryArray.from_arrays(pa.array([1, 0]), pa.array([SECRET, "b"])).slice(0, 1),
    ),
    "nothing": pa.nulls(3),
    "truth": pa.array([True, None, False]),
}


def buffers(array: pa.Array) -> Iterator[bytes]:
    """All that an array holds, its dictionary's and its children's, too."""
    for buffer in array.buffers():
        if buffer is not None:
            yield buffer.to_pybytes()
    if pa.types.is_dictionary(array.type):
        yield from buffers(array.dictionary)
    elif pa.types.is_struct(array.type):
        for place in range(array.type.num_fields):
            yield from buffers(array.field(place))
    elif pa.types.is_nested(array.type):
        yield from buffers(array.values)


def hides(array: pa.Array) -> bool:
    marks = (SECRET.encode(), np.int64(WORD).tobytes())
    return any(mark in data for data in buffers(array) for mark in marks)


@pytest.mark.parametrize("name", HIDING)
def test_values_stay_and_what_they_hid_is_gone(name):
    array = HIDING[name]
    array.validate(full=True)
    assert hides(array) or name in ("nothing", "truth", "empty")
    found = without_hidden_values(pa.chunked_array([array, array]))
    assert found.type == array.type
    for chunk in found.chunks:
        chunk.validate(full=True)
        assert chunk.to_pylist() == array.to_pylist()
        assert not hides(chunk)
