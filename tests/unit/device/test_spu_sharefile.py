"""A part of a dump: read back as it was written, or refused with one kind of error."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from junto.device.spu import sharefile
from junto.device.spu.sharefile import CHECKSUM_BYTES, MAGIC, Draft, DumpCommon, Part, read, seal
from junto.errors import DeviceError
from tries import tries

LAYOUT = {"w": "float32[2,3]", "b": ("bool[11]", ["int32[]"]), 7: "float64[0]"}
PARCELS = [  # in the order in which a tree is walked
    np.zeros(0, np.uint64),
    np.array([7, 160], np.uint8),
    np.array(2**64 - 1, np.uint64),
    np.arange(6, dtype=np.uint64).reshape(2, 3) + np.uint64(2**63),
]
SALT = bytes(range(32))
ALMOST_ANYTHING = settings(
    max_examples=tries(200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def common(layout=LAYOUT, roles=("alice", "bob", "carol")):
    return DumpCommon("FM64", 18, roles, layout, (seal(SALT, PARCELS), "other", "helper's"))


@pytest.fixture
def part(tmp_path):
    draft = Draft(tmp_path / "part", overwrite=False)
    draft.write(Part(common(), 0, PARCELS), SALT)
    draft.publish()
    return tmp_path / "part"


def split(data):
    """Header and payload of a file."""
    start = len(MAGIC) + 8
    length = int.from_bytes(data[start - 4 : start])
    return json.loads(data[start : start + length]), data[start + length : -CHECKSUM_BYTES]


def joined(header, payload):
    """A file of these, with the right checksum."""
    text = json.dumps(header).encode()
    body = MAGIC + sharefile._LENGTHS.pack(1, len(text)) + text + payload
    return body + hashlib.sha256(body).digest()


def test_back_as_it_was(part):
    got = read(part)
    assert got.common == common()
    assert list(got.common.layout) == ["w", "b", 7]
    assert got.index == 0
    for ours, theirs in zip(got.parcels, PARCELS, strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert (ours == theirs).all()


def test_the_file_is_what_the_format_says(part):
    data = part.read_bytes()
    assert data.startswith(b"junto-spu-share\n\x00\x00\x00\x01")
    header, payload = split(data)
    assert set(header) == {"common", "index", "salt"}
    assert len(payload) == 6 * 8 + 2 + 8
    assert data == joined(header, payload)


def test_pieces_that_were_changed_with_their_checksum_break_the_seal(part):
    header, payload = split(part.read_bytes())
    part.write_bytes(joined(header, bytes([payload[0] ^ 1]) + payload[1:]))
    with pytest.raises(DeviceError, match="seal"):
        read(part)
    part.write_bytes(joined({**header, "salt": bytes(32).hex()}, payload))
    with pytest.raises(DeviceError, match="seal"):
        read(part)


@pytest.mark.parametrize(
    "change",
    [
        {"index": 3}, {"index": -1}, {"index": 1e999}, {"index": None}, {"salt": "no"}, {"salt": 3},
        {"common": 3},
        {"common": "[]"}, {"common": "{}"}, {"common": "nothing"}, {"common": '{"field": 1}'},
    ],
    ids=str,
)  # fmt: skip
def test_a_header_without_sense_is_refused(part, change):
    header, payload = split(part.read_bytes())
    part.write_bytes(joined({**header, **change}, payload))
    with pytest.raises(DeviceError, match="damaged"):
        read(part)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layout", {"dict": [["a"]]}), ("layout", {"set": []}), ("layout", []), ("layout", 3), ("seals", []),
        ("layout", {"dict": [[[], "bool[]"]]}), ("layout", {"list": 3}), ("fraction", 1e999), ("roles", None),
        ("layout", "complex64[1]"), ("layout", {}), ("fraction", 18.0),
    ],
    ids=str,
)  # fmt: skip
def test_a_common_part_without_sense_is_refused(part, name, value):
    header, payload = split(part.read_bytes())
    text = json.dumps({**json.loads(header["common"]), name: value}, sort_keys=True)
    part.write_bytes(joined({**header, "common": text}, payload))
    with pytest.raises(DeviceError):
        read(part)


@ALMOST_ANYTHING
@given(st.data())
def test_whatever_the_bytes_are_there_is_one_kind_of_error(part, data):
    whole = part.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    changed = whole[:start] + data.draw(st.binary(max_size=40)) + whole[end:]
    broken = part.with_name("broken")
    broken.write_bytes(changed)
    if changed != whole:
        with pytest.raises(DeviceError) as caught:
            read(broken)
        assert str(part.parent) not in str(caught.value)


def test_what_json_cannot_hold_is_refused_when_it_is_written(tmp_path):
    from collections import namedtuple

    pair = namedtuple("pair", "a b")("bool[]", "bool[]")
    for layout in ({(1, 2): "bool[]"}, pair):
        with pytest.raises(DeviceError, match="cannot be kept in files"):
            Draft(tmp_path / "x", overwrite=False).write(Part(common(layout), 0, []), SALT)
    assert list(tmp_path.iterdir()) == []
