"""Bit planes: the order of the lanes, all counts, memory that is shared and memory that is not."""

from __future__ import annotations

import numpy as np
import pytest

from junto.mpc import bits

RNG = np.random.default_rng(12)
FEW = bits._FEW
PIECE = 64 * bits._PIECE
SIZES = [1, 63, 64, 65, FEW - 1, FEW, FEW + 1, PIECE - 1, PIECE, PIECE + 1, PIECE + 63, PIECE + 65]


def words(size: int) -> np.ndarray:
    return RNG.integers(0, 2**64, size, dtype=np.uint64)


@pytest.mark.parametrize("lanes", [3, 64, 300])
def test_the_order_of_lanes_and_bits(lanes):
    x = words(lanes)
    made = bits.planes(x)
    for lane in range(lanes):
        for bit in range(64):
            there = int(made[bit, lane // 64]) >> (lane % 64) & 1
            assert there == int(x[lane]) >> bit & 1


@pytest.mark.parametrize("lanes", SIZES)
def test_every_count_is_a_part_of_all(lanes):
    x = words(lanes)
    whole = bits.planes(x)
    assert (bits.unplanes(whole, lanes) == x).all()
    for count in (0, 1, 2, 3, 7, 8, 9, 16, 17, 32, 33, 63):
        part = bits.planes(x, count)
        assert (part == whole[:count]).all()
        assert (bits.unplanes(part, lanes) == x & np.uint64(2**count - 1)).all()


@pytest.mark.parametrize("lanes", [1, 65, FEW + 1, PIECE + 65])
def test_lanes_beyond_the_last_are_zero_when_made_and_ignored_when_read(lanes):
    x = words(lanes)
    made = bits.planes(x)
    assert (made[:, -1] >> np.uint64(lanes % 64) == 0).all()
    assert bits.pack(np.ones(lanes, np.bool_))[-1] == np.uint64(2 ** (lanes % 64) - 1)
    made[:, -1] |= np.uint64(2**64 - 2 ** (lanes % 64))
    assert (bits.unplanes(made, lanes) == x).all()


def test_operands_may_be_views_and_are_left_alone():
    x = words(4000)[::-2]
    kept = x.copy()
    made = bits.planes(x)
    assert (made == bits.planes(kept)).all()
    wide = RNG.integers(0, 2**64, (64, 80), dtype=np.uint64)
    assert (bits.unplanes(wide[:, 3:40], 2300) == bits.unplanes(wide[:, 3:40].copy(), 2300)).all()
    turned = np.asfortranarray(made)
    assert (bits.unplanes(turned, len(x)) == kept).all()
    assert (x == kept).all()


@pytest.mark.parametrize("lanes", [64, 640])
def test_whole_words_go_to_the_wire_and_back_without_a_copy(lanes):
    made = bits.planes(words(lanes), 5)
    wire = bits.to_wire(made, lanes)
    assert np.shares_memory(np.frombuffer(wire, np.uint8), made)
    back = bits.from_wire(wire, 5, lanes)
    assert np.shares_memory(back, made)
    assert (back == made).all()


@pytest.mark.parametrize("lanes", [8, 64, 72, 640])
def test_a_message_may_start_at_any_byte(lanes):
    made = bits.planes(words(lanes), 5)
    message = memoryview(b"x" + bytes(bits.to_wire(made, lanes)))[1:]
    assert (bits.from_wire(message, 5, lanes) == made).all()


def test_a_short_message_is_refused():
    with pytest.raises(ValueError, match="buffer"):
        bits.from_wire(memoryview(bytes(9)), 2, 33)


def test_sending_leaves_the_planes_alone():
    noise = np.full((2, 2), 2**64 - 1, np.uint64)
    bits.to_wire(noise, 65)
    assert (noise == np.uint64(2**64 - 1)).all()


@pytest.mark.parametrize("lanes", [0, 1, 8, 64, 65, 1000])
def test_packed_truth_values(lanes):
    flags = RNG.random(lanes) < 0.5
    plane = bits.pack(flags)
    assert plane.shape == (bits.word_count(lanes),)
    assert (bits.unpack(plane, lanes) == flags).all()
    assert bits.unpack(plane, lanes).dtype == np.bool_
    assert (bits.pack(flags) == bits.planes(flags.astype(np.uint64), 1)[0]).all()
