"""What joins need of the C kernels, against numpy and `cryptography`."""

from __future__ import annotations

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

import native_rows
from junto.native import library
from junto.native.record_kernels import RecordKernels

there = library.loaded().library
pytestmark = pytest.mark.skipif(there is None, reason=library.status())
RECORDS: list[RecordKernels] = native_rows.levels(there)
RNG = np.random.default_rng(11)
every_level = pytest.mark.parametrize("kernels", RECORDS, ids=lambda each: f"level {each.level}")


@every_level
@given(st.integers(0, 300), st.integers(0, 64), st.integers(0, 64))
def test_words_are_sorted_by_some_bits_and_equal_ones_stay(kernels, count, one, other):
    low, high = sorted((one, other))
    x = np.random.default_rng(count).integers(0, 2**64, count, dtype=np.uint64)
    of = [(each >> low) % (1 << (high - low)) for each in x.tolist()]
    expected = [x[at] for at in sorted(range(count), key=of.__getitem__)]  # stable
    kernels.sort_words(x, low, high)
    assert x.tolist() == expected


@every_level
@given(st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), unique=True), max_size=5))
def test_tags_of_several_sets_get_equal_numbers_where_they_are_equal(kernels, sets):
    tags = [tag for each in sets for tag in sorted(each)]
    high, low = np.array(tags, np.uint64).reshape(-1, 2).T
    groups, different = kernels.merge_tags(high, low, np.cumsum([len(each) for each in sets], dtype=np.int64))
    number = {tag: at for at, tag in enumerate(sorted(set(tags)))}
    assert (groups.tolist(), different) == ([number[tag] for tag in tags], len(number))


@every_level
def test_values_are_laid_one_after_the_other_behind_their_length(kernels):
    data = RNG.integers(0, 256, 40, dtype=np.uint8)
    out, places = np.zeros((4, 32), np.uint8), np.array([1, 0, 5, 31])
    starts, lengths = np.array([0, 3, 37, 9]), np.array([7, 5, 3, 0])
    kernels.lay_values(out, places, data, starts, lengths)
    expected = np.zeros_like(out)
    for row, (place, start, length) in enumerate(zip([1, 0, 5, 31], starts, lengths, strict=True)):
        if place:
            expected[row, place] = length
            expected[row, place + 1 : place + 1 + length] = data[start : start + length]
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(places, [9, 0, 9, 32])


@every_level
@pytest.mark.parametrize(
    ("place", "start", "length"),
    [(31, 0, 1), (32, 0, 0), (1, 0, 31), (1, 38, 3), (1, -1, 2), (1, 0, -1), (-4, 0, 1)],
)
def test_no_value_is_laid_outside_of_its_row_or_taken_from_outside_of_the_data(kernels, place, start, length):
    out, data = np.zeros((3, 32), np.uint8), np.ones(40, np.uint8)
    with pytest.raises(ValueError, match="not in the data, or has no room"):
        kernels.lay_values(out, np.array([0, place, 0]), data, *np.array([[0, start, 0], [0, length, 0]]))
    assert not out[[0, 2]].any()


@every_level
@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_tags_are_a_cbc_mac(kernels, blocks):
    if not kernels.has_aes:
        pytest.skip("this level has no AES")
    key, rows = RNG.bytes(16), RNG.integers(0, 256, (9, 16 * blocks), dtype=np.uint8)
    for tag, row in zip(kernels.tags(key, rows), rows, strict=True):
        cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
        assert bytes(tag) == cipher.update(bytes(row))[-16:]


@every_level
def test_what_does_not_fit_is_refused(kernels):
    words, whole = np.zeros(4, np.uint64), np.array([3])
    refused = [
        lambda: kernels.sort_words(words, 5, 4),
        lambda: kernels.sort_words(words, 0, 65),
        lambda: kernels.sort_words(words[::2], 0, 8),
        lambda: kernels.merge_tags(words, words, whole),
        lambda: kernels.merge_tags(words, words[:3], np.array([4])),
        lambda: kernels.merge_tags(words, words, np.array([5, 4])),
        lambda: kernels.tags(b"short", np.zeros((1, 16), np.uint8)),
        lambda: kernels.tags(bytes(16), np.zeros((1, 17), np.uint8)),
    ]
    for each in refused:
        with pytest.raises(ValueError, match="no "):
            each()
    with pytest.raises(TypeError):
        kernels.sort_words(words.astype(np.int64), 0, 8)
