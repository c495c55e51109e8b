"""A layout from a peer: data like any other, refused before memory is taken for what it describes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from junto.device.spu import layout
from junto.device.spu.inputs import InputConversion, encoded
from junto.device.spu.layout import ArrayLayout, entered, parse
from junto.errors import DeviceError
from junto.mpc.settings import MpcSettings, NumberForm


def test_what_makes_sense_is_taken():
    described = parse({"a": ["float32[2,3]", "bool[]"], "b": ("uint8[0,7]",)})
    assert described == [
        ArrayLayout("float32", (2, 3)),
        ArrayLayout("bool", ()),
        ArrayLayout("uint8", (0, 7)),
    ]
    assert parse("int32[2]@64.18") == [ArrayLayout("int32", (2,), NumberForm(64, 18))]
    for text in ("float32[2,3]", "float32[2,3]@64.26", "bool[]"):
        assert str(parse(text)[0]) == text
    assert parse(()) == []
    assert parse({"a": None, "b": "bool[]"}) == [ArrayLayout("bool", ())]  # None stays None


@pytest.mark.parametrize(
    "text",
    [
        "", "float32", "float32[", "float32[-1]", "float32[1,]", "float32[1.5]", "complex64[1]", "object[1]",
        "float32[1]@", "float32[1]@64", "float32[1]@64.0", "float32[1]@64.27", "float32[1]@128.73",
        "bool[1]@64.18", "float32[1]@32.8", "float32[1]@64.18.", "float32[1]@64.018",
        "float32[٣]", "float32[1]\n", "float32[" + "1," * 600 + "1]", 3, b"float32[1]", np.ones(2),
    ],
    ids=repr,
)  # fmt: skip
def test_what_makes_none_is_refused(text):
    with pytest.raises(DeviceError, match="makes no sense"):
        parse([text])


def test_what_comes_in_is_of_the_ring_that_the_script_says():
    own, other = NumberForm(64, 18), NumberForm(64, 20)
    for said, form in (("float32[3]", None), ("float32[3]@64.18", own), ("float32[3]@64.20", other)):
        for wanted in (None, own, other):
            if wanted == form:
                assert entered({"a": said, "b": "bool[2]"}, wanted)[0].own == form
            else:
                with pytest.raises(DeviceError, match="makes no sense"):
                    entered(["bool[2]", said], wanted)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "says"),
    [
        (f"float32[{1 << 31}]", "2.15e+09 numbers"),
        ("bool[9999999999999999999999,999999999999999999999]", "numbers"),
        (["float32[600000000]", "int32[600000000]"], "1.2e+09 numbers"),
        ("float32[" + ",".join(["1"] * 33) + "]", "33 dimensions"),
        (["float32[0]"] * ((1 << 16) + 1), "arrays"),
    ],
    ids=["one", "absurd", "together", "dimensions", "arrays"],
)
def test_too_much_is_refused_without_taking_memory(value, says):
    tracemalloc.start()
    with pytest.raises(DeviceError) as caught:
        parse(value)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert says in caught.value.message
    assert peak < 64 << 20


def test_its_owner_refuses_it_first():
    with pytest.raises(DeviceError, match="too large for an SPU"):
        encoded(np.broadcast_to(np.float32(0), (1 << 31,)), InputConversion(MpcSettings(), False))


def test_the_largest_is_not_refused():
    assert parse(f"float32[{layout.MOST_NUMBERS}]")[0].shape == (layout.MOST_NUMBERS,)


@pytest.mark.parametrize(
    "shape", ["9" * 900, "0," + "9" * 900, ",".join(["9" * 18] * 40), "0,1152921504606846976"]
)
def test_sizes_beyond_every_number_are_refused_like_the_others(shape):
    with pytest.raises(DeviceError, match="too large for an SPU"):
        parse(f"float32[{shape}]")
