"""The kernels: packed bits, keystreams, the ring's products."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from junto.mpc import bits, prg, ring

RNG = np.random.default_rng(5)
SIZES = [0, 1, 7, 8, 9, 63, 64, 65, 1000, 65_535, 65_536, 65_537, 200_001]


def words(*shape: int) -> np.ndarray:
    return RNG.integers(0, 2**64, shape, dtype=np.uint64)


# -------------------------------------------------------------------- bits


@pytest.mark.parametrize("count", [1, 5, 8, 17, 64])
@pytest.mark.parametrize("lanes", SIZES)
def test_planes_there_and_back(lanes, count):
    x = words(lanes)
    planes = bits.planes(x, count)
    assert planes.shape == (count, bits.word_count(lanes))
    low = x & np.uint64(2**count - 1)
    assert (bits.unplanes(planes, lanes) == low).all()
    wire = bits.to_wire(planes, lanes)
    assert len(wire) == count * bits.wire_size(lanes)
    assert (bits.unplanes(bits.from_wire(wire, count, lanes), lanes) == low).all()


@given(st.lists(st.booleans(), max_size=300))
def test_packed_flags_there_and_back(flags):
    array = np.array(flags, np.bool_)
    packed = bits.pack(array)
    assert (bits.unpack(packed, len(array)) == array).all()
    for lane, flag in enumerate(flags):
        assert bool(packed[lane // 64] >> np.uint64(lane % 64) & np.uint64(1)) == flag


@pytest.mark.parametrize("lanes", [1, 7, 9, 63, 65])
def test_lanes_beyond_the_last_are_never_sent(lanes):
    noise = np.full((3, bits.word_count(lanes)), 2**64 - 1, np.uint64)
    wire = bytes(bits.to_wire(noise, lanes))
    assert sum(byte.bit_count() for byte in wire) == 3 * lanes


# -------------------------------------------------------------------- keystreams


@given(st.lists(st.tuples(st.sampled_from(["words", "planes", "octets"]), st.integers(0, 2000)), max_size=12))
def test_a_stream_is_the_same_however_it_is_drawn(draws):
    one, two = prg.Stream(bytes(16)), prg.Stream(bytes(16))
    drawn = b""
    for kind, size in draws:
        if kind == "words":
            drawn += one.words(size).tobytes()
        elif kind == "planes":
            drawn += one.planes(3, size).tobytes()
        else:
            drawn += one.octets(8 * size)
    assert drawn == two.octets(len(drawn))


def test_keys_of_different_purposes_differ():
    secret = bytes(range(32))
    contexts = [("a", 1), ("a", "1"), ("a1",), (b"a", 1), ("a", 1, 1), ("a", 11), ("", "a", 1), (1, "a"), ()]
    keys = {prg.derive(secret, *context) for context in contexts}
    assert len(keys) == len(contexts)
    assert prg.derive(secret, "a", 1) == prg.derive(secret, "a", 1)
    assert prg.derive(bytes(32), "a", 1) not in keys
    assert {len(key) for key in keys} == {16}


def test_a_stream_never_shows_its_key():
    assert "77" not in repr(prg.Stream(b"w" * 16))
    assert not hasattr(prg.Stream(b"w" * 16), "__dict__")


@pytest.mark.parametrize("key", [b"", bytes(15), bytes(32)])
def test_a_key_of_another_length_is_refused(key):
    with pytest.raises(ValueError, match="16 bytes"):
        prg.Stream(key)
    with pytest.raises(ValueError, match="32 bytes"):
        prg.derive(bytes(31), "a")


def test_a_stream_ends_before_it_repeats(monkeypatch):
    monkeypatch.setattr(prg, "MOST_BLOCKS", 1000)
    stream = prg.Stream(bytes(16))
    stream.words(1000)
    with pytest.raises(OverflowError):
        stream.words(2000)


# -------------------------------------------------------------------- the ring


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((5, 7), (7, 3)), ((64, 64), (64, 64)), ((7,), (7, 3)), ((5, 7), (7,)), ((7,), (7,)),
        ((2, 3, 40, 50), (50, 60)), ((3, 40, 50), (3, 50, 60)), ((100, 2048), (2048, 30)),
        ((60, 4100), (4100, 40)), ((0, 5), (5, 3)), ((4, 0), (0, 3)), ((200, 200), (200, 200)),
    ],
)  # fmt: skip
def test_matrix_products_are_exact(left, right):
    for a, b in ((words(*left), words(*right)), (words(*left) | np.uint64(2**63), 0 - words(*right) % 9)):
        assert (ring.matmul(a, b) == np.matmul(a, b)).all()


def test_limbs_at_their_largest():
    a = np.full((40, 2048), np.uint64(2**43 + 2**21), np.uint64)
    b = np.full((2048, 40), np.uint64(2**64 - 2**43 - 2**21), np.uint64)
    assert (ring.matmul(a, b) == np.matmul(a, b)).all()


@pytest.mark.parametrize("bits_", [0, 1, 18, 63])
def test_shifts_keep_the_sign(bits_):
    x = words(100)
    assert (ring.shift_right(x, bits_).view(np.int64) == x.view(np.int64) >> bits_).all()


@given(st.data())
@settings(deadline=None)  # jax compiles each new shape
def test_dot_general_is_that_of_jax(data):
    batch, contracting = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))
    sizes = data.draw(
        st.lists(st.integers(0, 4), min_size=batch + contracting + 2, max_size=batch + contracting + 2)
    )
    left = data.draw(st.permutations(range(batch + contracting + 1)))
    right = data.draw(st.permutations(range(batch + contracting + 1)))
    a_shape, b_shape = [0] * len(left), [0] * len(right)
    for place, (i, j) in enumerate(zip(left, right, strict=True)):
        a_shape[i] = sizes[place]
        b_shape[j] = sizes[place] if place < batch + contracting else sizes[-1]
    dims = (
        (tuple(left[batch:-1]), tuple(right[batch:-1])),
        (tuple(left[:batch]), tuple(right[:batch])),
    )
    a, b = words(*a_shape), words(*b_shape)
    small_a, small_b = a % 100, b % 100
    want = np.asarray(jax.lax.dot_general(small_a.astype(np.int32), small_b.astype(np.int32), dims))
    got = ring.dot_general(small_a, small_b, dims)
    assert got.shape == want.shape
    assert (got.astype(np.int64) == want).all()
