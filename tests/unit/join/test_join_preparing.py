"""What is written of a prepared table is what can be found in it, in every version."""

from __future__ import annotations

import numpy as np
import pytest

import junto as sf
from junto.join import hashed_dh
from junto.join.keys import DIGEST_BYTES
from junto.join.native_curve import NativeCurve
from junto.join.plain_curve import PlainCurve
from junto.join.prepared_file import PreparedFile, tags_of
from junto.join.prepared_key import saved_key
from junto.join.preparing import PreparedChanger, PreparedLimits, PreparedWriter, difference_file
from junto.native import kernels

ABOUT = {"on": ["id"], "kinds": ["integer"], "forms": {}}


def batch(numbers):
    keys = np.zeros((len(numbers), DIGEST_BYTES), np.uint8)
    keys[:, :8] = np.array(numbers, "<i8").reshape(-1, 1).view(np.uint8)
    return {"keys": keys, "words": np.empty((len(numbers), 0), np.uint8)}


def written(path, numbers):
    writer = PreparedWriter(path, PreparedLimits(), None)
    writer.begin(ABOUT, len(numbers))
    for start in range(0, len(numbers), 50):
        writer.add(batch(numbers[start : start + 50]))
    assert writer.finish()["problem"] == ""


def changed(path, gone, new):
    changer = PreparedChanger(path, "bob")
    assert changer.open()["problem"] == ""
    assert changer.begin(ABOUT) == ""
    changer.remove(batch(gone))
    changer.add(batch(new))
    return changer.finish(30)["problem"]


def found(path, numbers):
    """Which of the numbers are in the file, by its key."""
    file = PreparedFile(str(path), "bob")
    file.check()
    values = hashed_dh.values(saved_key(str(path), file.header.name).scalar, batch(numbers)["keys"])
    return [number for number, at in zip(numbers, file.find(tags_of(values)), strict=True) if at >= 0]


@pytest.mark.parametrize("count", [0, 1, 64, 65, 150])
def test_what_was_written_is_found_and_nothing_else(tmp_path, count):
    path = tmp_path / "t"
    written(path, list(range(count)))
    assert found(path, list(range(-20, 200))) == list(range(count))
    assert PreparedFile(str(path), "bob").header.keys == count


def test_a_version_has_what_came_and_not_what_went(tmp_path):
    path, rng, held = tmp_path / "t", np.random.default_rng(4), set(range(100))
    written(path, sorted(held))
    for version in range(2, 5):
        gone = {int(each) for each in rng.choice(sorted(held), 10, replace=False)}
        new = {int(each) for each in rng.integers(200, 10**6, 15)} | set(list(gone)[:3])  # with other columns
        assert changed(path, sorted(gone), sorted(new - (held - gone))) == ""
        held = (held - gone) | new
        assert found(path, sorted(held | gone)) == sorted(held)
        assert PreparedFile(str(path), "bob").header.version == version
        assert difference_file(str(path), version).exists()
    written(path, [1])
    assert not list(tmp_path.glob("t.[0-9]"))  # of another key


def test_changes_that_cannot_be_leave_the_table_as_it_is(tmp_path):
    path = tmp_path / "t"
    written(path, [1, 2, 3])
    before = path.read_bytes()
    assert "1 of the keys to be removed are not" in changed(path, [1, 7], [])
    assert "2 of the keys to be added are there already" in changed(path, [3], [1, 2, 3, 4])
    assert path.read_bytes() == before
    assert "nothing" not in PreparedChanger(tmp_path / "none", "bob").open()["problem"]
    assert PreparedChanger(tmp_path / "none", "bob").open()["problem"]
    assert PreparedChanger(None, "bob").open()["problem"] == "there is no path of the prepared table"


@pytest.mark.parametrize(
    "limits", [{"days": 0}, {"days": 36_501}, {"days": 1.5}, {"keys": 0}, {"days": None}]
)
def test_limits_are_whole_numbers_of_days_and_keys(limits):
    with pytest.raises(sf.JoinError) as caught:
        PreparedLimits(**limits)
    assert caught.value.fix


@pytest.mark.skipif(kernels() is None, reason="there is no kernel")
def test_the_curve_in_c_is_that_of_cryptography():
    native, plain, rng = NativeCurve(kernels()), PlainCurve(), np.random.default_rng(6)
    messages = rng.integers(0, 256, (37, 32), dtype=np.uint8)
    points = native.encode(messages)
    np.testing.assert_array_equal(points, plain.encode(messages))
    for scalar in (hashed_dh.new_scalar(), hashed_dh.new_scalar()):
        np.testing.assert_array_equal(native.multiply(scalar, points), plain.multiply(scalar, points))
