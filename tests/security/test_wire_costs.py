"""Decoding takes memory and time in the measure of the bytes received, whatever they hold.

Each input is made by hand to say more than it brings: parts that are named many times, elements without
bytes, numbers of elements, keys that collide. A process of its own with little memory and processor time
decodes them (`wire_child.py`), so that one which expands ends it. The last test goes on from values of every
kind, changed at random.
"""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from junto.wire import value_tags
from wire_helpers import forge, to_bytes

TESTS = Path(__file__).resolve().parents[1]

PRIME = (1 << 61) - 1
"""Python's ints have their remainder by this as their hash."""


class Cost(NamedTuple):
    """How decoding ended, bytes by which the peak of memory grew, seconds of the processor."""

    end: str
    peak: int
    seconds: float


def costs(inputs: list[bytes]) -> list[Cost]:
    """What each input cost, in a process of its own; shorter if one ended that process."""
    fed = b"".join(struct.pack("<I", len(data)) + data for data in inputs)
    child = subprocess.run(
        [sys.executable, str(TESTS / "wire_child.py")],
        input=fed,
        capture_output=True,
        check=False,
        timeout=280,
    )
    lines = [line.split() for line in child.stdout.decode().splitlines()]
    return [Cost(end, int(peak), float(seconds)) for end, peak, seconds in lines]


def costs_of_each(inputs: list[bytes]) -> list[Cost]:
    """The same of all: whichever ends the process, another one goes on behind it."""
    found: list[Cost] = []
    while len(found) < len(inputs):
        found += costs(inputs[len(found) :])
        if len(found) < len(inputs):
            found.append(Cost("the process ended", 0, 0.0))
    return found


def ends(inputs: list[bytes]) -> list[str]:
    """How each input ended; shorter if one ended the process."""
    return [cost.end for cost in costs(inputs)]


def stream(table: pa.Table) -> bytes:
    output = pa.BufferOutputStream()
    with pa.ipc.new_stream(output, table.schema) as writer:
        writer.write_table(table)
    return output.getvalue().to_pybytes()


def arrow(data: bytes) -> bytes:
    return bytes(forge([value_tags.ARROW, "table", len(data)], data))


def text_column(data: bytes, form: str = "object") -> bytes:
    """A stream as pandas' column of text."""
    more: list[Any] = [0] if form == "object" else ["pyarrow", True]
    index = ["range", value_tags.RANGE, value_tags.INT, 0, value_tags.INT, 1, value_tags.INT, 1, None]
    return bytes(forge([value_tags.SERIES, None, *index, form, *more, len(data)], data))


def polars_series(data: bytes) -> bytes:
    return bytes(forge([value_tags.POLARS, "series", value_tags.LIST, 1, "a", len(data)], data))


NULLS = 1 << 28


def nulls_within() -> Iterator[pa.Array]:
    """One row that claims to hold so many nulls, for which there is not a byte."""
    many = pa.nulls(NULLS)
    yield pa.ListArray.from_arrays(pa.array([0, NULLS], pa.int32()), many)
    yield pa.LargeListArray.from_arrays(pa.array([0, NULLS], pa.int64()), many)
    yield pa.FixedSizeListArray.from_arrays(many, NULLS)
    yield pa.StructArray.from_arrays([pa.nulls(100)], ["x"])


def repeating_dictionary() -> pa.Table:
    """A million rows of a byte each, every one of them a list of a megabyte."""
    entry = pa.ListArray.from_arrays(pa.array([0, 1 << 17], pa.int32()), pa.array(np.zeros(1 << 17)))
    codes = pa.array(np.zeros(1_000_000, np.int8))
    return pa.table({"a": pa.DictionaryArray.from_arrays(codes, entry)})


def long_text_dictionary() -> pa.Table:
    entry = pa.array(["x" * 1_000_000], pa.large_string())
    codes = pa.array(np.zeros(100_000, np.int8))
    return pa.table({"a": pa.DictionaryArray.from_arrays(codes, entry)})


def shared_names() -> bytes:
    """A schema of 5,000 columns that are all the first one, with a name of 100,000 characters."""
    names = ["n" * 100_000, *(f"{number:04d}" for number in range(5_000))]
    data = bytearray(stream(pa.table({name: pa.array([], pa.int8()) for name in names})))
    size = struct.unpack_from("<i", data, 4)[0]
    # the vector of fields: a count, and offsets to tables from where each of them stands
    vector = data.index(struct.pack("<I", len(names)), 8, 8 + size)
    first = vector + 4 + struct.unpack_from("<I", data, vector + 4)[0]
    targets = {
        vector + 4 + 4 * number + struct.unpack_from("<I", data, vector + 4 + 4 * number)[0]
        for number in range(len(names))
    }
    longest = max(targets) if names[0].encode() in data[max(targets) : 8 + size] else first
    for number in range(len(names)):
        at = vector + 4 + 4 * number
        struct.pack_into("<I", data, at, longest - at)
    return bytes(data)


def overlapping_buffers() -> bytes:
    """Columns of text that all lie in the first one's bytes; those of the others are cut off."""
    table = pa.table({f"c{number:03d}": pa.array(["x" * 1000] * 8) for number in range(400)})
    data = bytearray(stream(table))
    start = 8 + struct.unpack_from("<i", data, 4)[0]
    end = start + 8 + struct.unpack_from("<i", data, start + 4)[0]
    places = [at for at in range(start, end - 8, 8) if struct.unpack_from("<q", data, at)[0] == 8000]
    assert len(places) == 400
    for at in places:  # offset and length of the offsets, then of the text
        data[at - 24 : at] = data[places[0] - 24 : places[0]]
    length = data.index(struct.pack("<q", len(data) - 8 - end), start, end)
    struct.pack_into("<q", data, length, 8064)
    return bytes(data[: end + 8064] + data[-8:])


def repeated_dictionaries() -> bytes:
    """One dictionary of eight megabytes, and thousands of batches without a row."""
    entries = pa.array([f"{number:07d}" * 100 for number in range(10_000)])
    batch = pa.record_batch({"a": pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), entries)})
    output = pa.BufferOutputStream()
    with pa.ipc.new_stream(output, batch.schema) as writer:
        for _ in range(20_000):
            writer.write_batch(batch)
    return output.getvalue().to_pybytes()


def category(labels: list[Any], *buffers: bytes, codes: bytes = b"\0") -> bytes:
    index = ["range", value_tags.RANGE, value_tags.INT, 0, value_tags.INT, 1, value_tags.INT, 1, None]
    column = ["category", False, *labels, value_tags.ARRAY, "|i1", False, 1, len(codes)]
    return bytes(forge([value_tags.SERIES, None, *index, *column], *buffers, codes))


BILLION = ["range", value_tags.RANGE, value_tags.INT, 0, value_tags.INT, 1 << 33, value_tags.INT, 1, None]


def big(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)


def colliding(tag: int) -> bytes:
    """A dict or a set of 50,000 whole numbers with one hash."""
    atoms: list[Any] = [tag, 50_000]
    blobs = b""
    for number in range(1, 50_001):
        data = big((PRIME * (number + (1 << 20))) << 3)
        atoms += [value_tags.BIG_INT, len(data)] + ([None] if tag == value_tags.DICT else [])
        blobs += data
    return bytes(forge(atoms, blobs=blobs))


def sets_in_sets(width: int = 9, depth: int = 5) -> bytes:
    """Sets of sets of sets, all with one hash, of which siblings differ in their last number alone."""
    atoms: list[Any] = []
    blobs = bytearray()

    def add(level: int, which: int) -> None:
        if level == 0:
            data = big(PRIME * (which + (1 << 20)))
            atoms.extend((value_tags.BIG_INT, len(data)))
            blobs.extend(data)
            return
        atoms.extend((value_tags.FROZENSET, width))
        for number in (*range(width - 1), width + which):
            add(level - 1, number)

    add(depth, 0)
    return bytes(forge(atoms, blobs=bytes(blobs)))


def empty_columns() -> bytes:
    """A frame of 200,000 columns without a row: a few bytes each, and kilobytes in memory."""
    count = 200_000
    empty = ["range", value_tags.RANGE, value_tags.INT, 0, value_tags.INT, 0, value_tags.INT, 1, None]
    atoms = [value_tags.FRAME, "labels", value_tags.LIST, count, *["a"] * count, None, *empty]
    return bytes(forge([*atoms, *["numpy", value_tags.ARRAY, "|i1", False, 1, 0] * count]))


def colliding_categories() -> bytes:
    """Numbers that pandas' hash table puts into one place: its hash is linear over bits."""
    high = np.random.default_rng(0).integers(0, 1 << 20, 200_000).astype(np.uint64)
    low = np.zeros_like(high)
    for _ in range(64):  # solve (k >> 33) ^ k ^ (k << 11) = 0 in the low half of the bits
        low = ((high >> np.uint64(1)) ^ (low << np.uint64(11))) & np.uint64(0xFFFFFFFF)
    keys = np.unique((high << np.uint64(32)) | low)
    np.random.default_rng(1).shuffle(keys)
    labels = ["values", "numpy", value_tags.ARRAY, "<i8", False, 1, len(keys), None, None]
    return category(labels, keys.astype(np.int64).tobytes())


def walked_frequency() -> bytes:
    """Business hours, which pandas walks through one by one."""
    data = to_bytes(pd.date_range("2020-01-01", periods=3, freq="D"))
    size = struct.unpack_from("<I", data, 4)[0]
    atoms = msgspec.msgpack.decode(data[value_tags.PREFIX : value_tags.PREFIX + size])
    return bytes(forge(["99999999bh" if atom == "D" else atom for atom in atoms], bytes(data[-24:])))


def growing_dictionary() -> bytes:
    """One dictionary of a megabyte to which each batch adds a word: each sees all that came before it."""
    first = pa.array([f"{number:01000d}" for number in range(1000)])
    schema = pa.schema([pa.field("a", pa.dictionary(pa.int32(), pa.string()))])
    output = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with pa.ipc.new_stream(output, schema, options=options) as writer:
        for number in range(1500):
            words = pa.concat_arrays([first, pa.array([str(each) for each in range(number)], pa.string())])
            column = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), words)
            writer.write_batch(pa.record_batch([column], schema=schema))
    return output.getvalue().to_pybytes()


def steps_that_collide() -> bytes:
    """Times whose distances pandas' hash table puts into one place: it counts them to tell a frequency."""
    high = np.arange(1, 60_001, dtype=np.uint64)
    low = np.zeros_like(high)
    for _ in range(64):
        low = ((high >> np.uint64(1)) ^ (low << np.uint64(11))) & np.uint64(0xFFFFFFFF)
    steps = ((high << np.uint64(32)) | low).astype(np.int64)
    np.random.default_rng(0).shuffle(steps)
    times = np.cumsum(steps[:50_000])
    atoms = [value_tags.INDEX, "values", "numpy", value_tags.ARRAY, "<M8[ns]", False, 1, 50_000, "D", None]
    return bytes(forge(atoms, times.tobytes()))


def colliding_objects() -> bytes:
    """Labels that are whole numbers of Python's, in no order, with one hash."""
    numbers = np.random.default_rng(0).permutation(50_000) + 1
    atoms: list[Any] = ["labels", value_tags.LIST, len(numbers)]
    blobs = b""
    for number in numbers.tolist():
        data = big((PRIME * (number + (1 << 20))) << 3)
        atoms += [value_tags.BIG_INT, len(data)]
        blobs += data
    index = ["range", value_tags.RANGE, value_tags.INT, 0, value_tags.INT, 1, value_tags.INT, 1, None]
    column = ["category", False, *atoms, None, value_tags.ARRAY, "|i1", False, 1, 1]
    return bytes(forge([value_tags.SERIES, None, *index, *column], b"\0", blobs=blobs))


def pickled(body: bytes) -> bytes:
    data = b"\x80\x05" + body + b"."
    return bytes(forge([value_tags.PICKLE, len(data), 0], data))


def of_collections(name: str) -> bytes:
    return b"\x8c\x0bcollections\x8c" + bytes([len(name)]) + name.encode() + b"\x93"


def pickled_numbers(*, pairs: bool) -> bytes:
    """50,000 whole numbers with one hash, each a key if `pairs`."""
    numbers = [big((PRIME * (number + (1 << 20))) << 3) for number in range(1, 50_001)]
    return b"".join(b"\x8a" + bytes([len(each)]) + each + (b"N" if pairs else b"") for each in numbers)


def pickled_twins() -> bytes:
    """A key of 100,000 parts, and one that equals it looked up again and again."""
    key = b"(" + b"K\x01" * 100_000 + b"t\x94"
    return key + b"0" + key + b"0}h\x00Ns(" + b"h\x01N" * 50_000 + b"u"


SHARED = b"N\x85\x94" + b"".join(b"h%ch%c\x86\x94" % (number, number) for number in range(60))
"""A tuple of twice a tuple of twice a tuple ..., 60 times: written out it has 2 ** 60 parts."""

PICKLES: dict[str, Callable[[], bytes]] = {
    "keys": lambda: b"}(" + pickled_numbers(pairs=True) + b"u",
    "keys, one by one": lambda: b"}" + pickled_numbers(pairs=True).replace(b"N\x8a", b"Ns\x8a") + b"s",
    "elements": lambda: b"\x8f(" + pickled_numbers(pairs=False) + b"\x90",
    "frozen elements": lambda: b"(" + pickled_numbers(pairs=False) + b"\x91",
    "keys in order": lambda: of_collections("OrderedDict") + b")R(" + pickled_numbers(pairs=True) + b"u",
    "counted": lambda: of_collections("Counter") + b"](" + pickled_numbers(pairs=False) + b"e\x85R",
    "twins": pickled_twins,
    "shared key": lambda: SHARED + b"0" * 60 + b"0}h\x3cNs",
    "shared element": lambda: SHARED + b"(h\x3c\x91",
    "shared and counted": lambda: SHARED + of_collections("Counter") + b"}h\x3cNs\x85R",
    "deep key": lambda: b"}N" + b"\x85" * 200_000 + b"Ns",
    "copies": lambda: (
        of_collections("deque") + b"\x94](" + b"N" * 100_000 + b"e\x94(" + b"h\x00h\x01\x85R" * 20_000 + b"t"
    ),
}

CRAFTED: dict[str, Callable[[], bytes]] = {
    **{
        f"{form.__name__}-{number}": lambda form=form, number=number: form(  # type: ignore[misc]
            stream(pa.table({"a": list(nulls_within())[number]}))
        )
        for form in (arrow, text_column, polars_series)
        for number in range(4)
    },
    "dictionary of lists in polars": lambda: polars_series(stream(repeating_dictionary())),
    "dictionary as objects": lambda: text_column(stream(long_text_dictionary())),
    "dictionary as strings": lambda: text_column(stream(long_text_dictionary()), "string"),
    "names": lambda: arrow(shared_names()),
    "buffers": lambda: arrow(overlapping_buffers()),
    "dictionaries": lambda: arrow(repeated_dictionaries()),
    "categories": lambda: category(BILLION),
    "levels": lambda: bytes(
        forge([value_tags.INDEX, "levels", 1, *BILLION, value_tags.ARRAY, "|i1", False, 1, 1, None], b"\0")
    ),
    "frequency": walked_frequency,
    "keys": lambda: colliding(value_tags.DICT),
    "elements": lambda: colliding(value_tags.SET),
    "sets in sets": sets_in_sets,
    "columns": empty_columns,
    "pandas' hash table": colliding_categories,
    "a dictionary that grows": lambda: arrow(growing_dictionary()),
    "a frequency's steps": steps_that_collide,
    "labels": colliding_objects,
    **{f"pickle: {name}": lambda make=make: pickled(make()) for name, make in PICKLES.items()},  # type: ignore[misc]
}


@pytest.fixture(scope="module")
def crafted() -> dict[str, Cost]:
    """All of them in one process: with what it may take for all, no one could expand."""
    return dict(zip(CRAFTED, costs_of_each([make() for make in CRAFTED.values()]), strict=True))


@pytest.mark.parametrize("name", CRAFTED)
def test_what_says_more_than_it_brings_is_refused(name: str, crafted: dict[str, Cost]) -> None:
    assert crafted[name].end == "refused"


HONEST: tuple[Any, ...] = (
    {"a": [1, 2.5, (None, True)], (1, 2): {3}, "big": 2**99, Fraction(1, 3): "x"},
    {number: str(number) for number in range(-500, 500)},
    np.arange(600.0).reshape(20, 30).T,
    pa.table({"a": ["x", None], "b": [[1], None], "c": [{"d": 1}, {"d": None}]}),
    pa.table({"a": pa.nulls(100)}),
    pa.chunked_array([pa.array(["x", "y"]).dictionary_encode(), pa.array(["z"]).dictionary_encode()]),
    pl.DataFrame({"a": ["x", "y"], "b": [[1.5], []], "c": pl.Series(["u", "v"], dtype=pl.Categorical)}),
    pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical([5, 3], categories=range(9))}),
    pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_product([["a"], range(2)])),
    pd.Series(pd.date_range("2020", periods=3, tz="UTC", freq="QS-FEB").array),
    pd.date_range("2020", periods=3, freq="2W-TUE"),
    pd.Series(pd.Categorical(np.arange(20_000))),
    pd.Series(pd.Categorical.from_codes([0], [("person", number) for number in range(20_000)])),
    pd.date_range("1975-05-31", periods=4000, freq="7BMS", tz="Australia/Lord_Howe"),
)


def test_honest_values_are_not_taken_for_such() -> None:
    assert ends([bytes(to_bytes(value)) for value in HONEST]) == ["decoded"] * len(HONEST)


def changed(data: bytes, chance: random.Random) -> bytes:
    """The same layout with other numbers in it: a count, a tag, a length, or bytes of a buffer."""
    size = struct.unpack_from("<I", data, 4)[0]
    atoms = msgspec.msgpack.decode(data[value_tags.PREFIX : value_tags.PREFIX + size])
    rest = bytearray(data[value_tags.PREFIX + size :])
    blobs = struct.unpack_from("<I", data, 8)[0]
    for _ in range(chance.randint(1, 4)):
        if chance.random() < 0.6:
            place = chance.randrange(len(atoms))
            numbers = [0, 1, -1, 127, 1 << 31, 1 << 40, (1 << 62) - 1]
            atoms[place] = chance.choice([*numbers, *atoms, chance.randint(0, 60)])
        elif rest:
            at = chance.randrange(len(rest))
            width = chance.choice([1, 4, 8])
            rest[at : at + width] = chance.choice([b"\0", b"\xff", b"\x7f", b"\1"]) * width
    packed = msgspec.msgpack.encode(atoms)
    padding = bytes(-(value_tags.PREFIX + len(packed) + blobs) % value_tags.ALIGN)
    body = bytes(rest[:blobs]) + padding + bytes(rest[blobs:]).lstrip(b"\0")
    return struct.pack("<4sII", value_tags.MAGIC, len(packed), blobs) + packed + body


def changed_at_random() -> list[bytes]:
    chance = random.Random(7)
    seeds = [bytes(to_bytes(value)) for value in HONEST]
    return [changed(chance.choice(seeds), chance) for _ in range(3_000)]


@pytest.mark.slow
def test_values_changed_at_random_stay_in_the_measure_of_their_bytes() -> None:
    inputs = changed_at_random()
    found = ends(inputs)
    assert len(found) == len(inputs), f"input {len(found)} ended the process: {inputs[len(found)].hex()}"
    assert set(found) == {"decoded", "refused"}


# The page `docs/reference/decoding.md`: this file, run as a program, prints it.

LARGE: dict[str, Callable[[], Any]] = {
    "numpy, 8 MB of float64": lambda: np.arange(1e6),
    "a list of 100,000 whole numbers": lambda: list(range(100_000)),
    "a dict of 100,000 texts": lambda: {f"key {number}": number for number in range(100_000)},
    "pandas, 100,000 rows of numbers and text": lambda: pd.DataFrame(
        {"a": np.arange(1e5), "b": [f"person {number}" for number in range(100_000)]}
    ),
    "polars, the same": lambda: pl.DataFrame(
        {"a": np.arange(1e5), "b": [f"person {number}" for number in range(100_000)]}
    ),
    "Arrow, the same as a dictionary column": lambda: pa.table(
        {"a": np.arange(1e5), "b": pa.array([f"person {n % 99}" for n in range(100_000)]).dictionary_encode()}
    ),
}
KILOBYTE = 1 << 10

PAGE = """# What decoding costs

Bytes of a party with a valid certificate are decoded in memory and time in the measure of the bytes
received, whatever they hold. `tests/security/test_wire_costs.py` measured this table, and writes it: by how
much the peak of memory grew beyond the bytes received themselves, and seconds of one processor. Input that
says more than it brings is refused before anything is built.

| input | bytes received | ended | peak grew by, kB | seconds |
|---|---|---|---|---|
"""

FILES = """
Of files it is the same: `tests/security/test_damaged_files.py` changes ledgers, models of XGBoost,
recipes, parts of a dump, prepared tables, certificates, requests, keys and settings at random, and cuts
Parquet and Arrow files off. Each is read or refused in words of ours, in the time of its bytes: a tree
whose branches meet again is refused at its second visit of a node, and what an Arrow file says of its
columns is looked at before it is used.
"""


def row(name: str, data: bytes) -> str:
    (cost,) = costs([data])
    return f"| {name} | {len(data):,} | {cost.end} | {cost.peak // KILOBYTE:,} | {cost.seconds:.3f} |\n"


def page() -> str:
    honest = [row(name, bytes(to_bytes(make()))) for name, make in LARGE.items()]
    crafted = [row(f"made to expand: {name}", make()) for name, make in CRAFTED.items()]
    inputs = changed_at_random()
    found = costs(inputs)
    most = max(cost.peak for cost in found) // KILOBYTE
    refused, slowest = sum(cost.end == "refused" for cost in found), max(cost.seconds for cost in found)
    sizes = f"{min(map(len, inputs)):,} to {max(map(len, inputs)):,} bytes"
    worst = (
        f"\nOf {len(inputs):,} values changed at random ({sizes}) {refused:,} were refused; the largest\n"
        f"peak of one grew by {most:,} kB, the slowest took {slowest:.3f} s.\n"
    )
    return PAGE + "".join(honest + crafted) + worst + FILES


if __name__ == "__main__":
    print(page(), end="")
