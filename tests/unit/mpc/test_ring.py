"""The ring modulo 2**64: numbers in and out, shifts, products of matrices at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from junto.mpc import limbs, ring

RNG = np.random.default_rng(11)


def words(*shape: int) -> np.ndarray:
    return RNG.integers(0, 2**64, shape, dtype=np.uint64)


def exact(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of two matrices by Python's integers: nothing of numpy's arithmetic is in it."""
    whole = a.astype(object) @ b.astype(object) if a.shape[1] else np.zeros((len(a), b.shape[1]), object)
    return np.array([[each % 2**64 for each in row] for row in whole], np.uint64).reshape(whole.shape)


# -------------------------------------------------------------------- numbers in and out


@pytest.mark.parametrize(
    ("number", "word"),
    [(0.0, 0), (-0.0, 0), (1.0, 4), (-1.0, 2**64 - 4), (0.125, 0), (0.375, 2), (0.625, 2), (-0.125, 0),
     (-0.375, 2**64 - 2), (2.0**60 - 256, 2**62 - 1024)],
)  # fmt: skip
def test_fixed_point_rounds_halves_to_even(number, word):
    assert int(ring.encode(number, 2)) == word


def test_fixed_point_there_and_back():
    x = RNG.normal(size=(5, 7)) * 2.0 ** RNG.integers(-30, 30, (5, 7))
    back = ring.decode(ring.encode(x, 18), 18)
    assert back.shape == x.shape
    assert back.dtype == np.float64
    assert (np.abs(back - x) <= 2.0**-19).all()
    assert ring.encode(x.astype(np.float32), 18).dtype == np.uint64


@pytest.mark.parametrize(
    ("number", "complaint"),
    [(math.nan, "NaN"), (math.inf, "infinity"), (-math.inf, "infinity"), (2.0**44, "out of range"),
     (-(2.0**44), "out of range"), (1e308, "out of range")],
)  # fmt: skip
def test_numbers_that_do_not_fit_are_refused(number, complaint):
    with pytest.raises(ValueError, match=complaint):
        ring.encode(np.array([1.0, number]), 18)
    assert ring.encode(np.array([]), 18).shape == (0,)


def test_a_refusal_does_not_show_the_number():
    with pytest.raises(ValueError, match="out of range") as caught:
        ring.encode(1.2345e20, 18)
    assert "1.2" not in str(caught.value)
    assert "e+" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"])
def test_integers_there_and_back(dtype):
    if dtype == "bool":
        x = np.array([True, False])
    else:
        x = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max, 1, 0], dtype)
    encoded = ring.encode_integer(x)
    assert [int(each) for each in encoded] == [int(each) % 2**64 for each in x]
    assert (ring.decode_integer(encoded, dtype) == x).all()


def test_a_narrow_integer_wraps_and_a_float_is_none():
    assert int(ring.decode_integer(np.array(2**40 + 2**31, np.uint64), np.int32)) == -(2**31)
    with pytest.raises(ValueError, match="float64"):
        ring.encode_integer(np.array([1.0]))


# -------------------------------------------------------------------- shifts


@pytest.mark.parametrize("count", [0, 1, 18, 62, 63])
def test_shifts(count):
    x = np.concatenate([words(50), np.array([0, 1, 2**63, 2**63 - 1, 2**64 - 1], np.uint64)])
    signed = [int(each) for each in x.view(np.int64)]
    assert [int(each) for each in ring.shift_right(x, count)] == [(each >> count) % 2**64 for each in signed]
    assert [int(each) for each in ring.shift_right_logical(x, count)] == [int(each) >> count for each in x]
    assert [int(each) for each in ring.top_bit(x)] == [int(each < 0) for each in signed]
    for shift in (ring.shift_right, ring.shift_right_logical):
        want, place = shift(x, count), x.copy()
        assert np.shares_memory(shift(place, count, out=place), place)
        assert (place == want).all()


def test_shifts_of_views_and_of_single_numbers():
    x = words(6, 8)[::2, ::-3]
    assert (ring.shift_right(x, 5) == ring.shift_right(x.copy(), 5)).all()
    assert int(ring.shift_right(np.array(2**63, np.uint64), 63)) == 2**64 - 1
    assert ring.top_bit(np.array(2**63, np.uint64)).shape == ()


# -------------------------------------------------------------------- products of matrices


def test_a_product_against_pythons_integers():
    for m, k, n in [(3, 4, 5), (20, 30, 40), (9, 200, 8)]:
        a, b = words(m, k), words(k, n)
        assert (ring.matmul(a, b) == exact(a, b)).all()


@pytest.mark.parametrize("bits", [(0, 0), (1, 1), (21, 21), (22, 41), (41, 42), (62, 63), (63, 63)])
def test_limbs_at_their_edges_against_pythons_integers(bits):
    """All numbers that are next to where a limb ends, as large matrices have them, and cut into tiles."""
    made = []
    for place, shape in zip(bits, ((7, 30), (30, 6)), strict=True):
        near = RNG.integers(-2, 3, shape)
        made.append(np.array([[(2**place + int(d)) % 2**64 for d in row] for row in near], np.uint64))
    out = np.empty((7, 6), np.uint64)
    limbs.multiply_into(*made, out)
    assert (out == exact(*made)).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_the_longest_sums_of_limbs_are_exact(sign):
    """Every limb at its most: the sums come within a thousandth of what a float holds."""
    largest = -(2**21) - 2**41 - 2**63
    depth = limbs._DEPTH
    a = np.full((3, depth), largest % 2**64, np.uint64)
    b = np.full((depth, 3), (sign * largest) % 2**64, np.uint64)
    a[0, 0] += np.uint64(1)  # odd sums, too
    out = np.empty((3, 3), np.uint64)
    limbs.multiply_into(a, b, out)
    assert (out == np.matmul(a, b)).all()
    assert 2**53 * 0.999 < depth * (2**21 + 2**19) ** 2 < 2**53


@pytest.mark.parametrize(
    ("m", "k", "n"),
    [(1, 1, 1), (300, 40, 1100), (257, 1311, 33), (40, 2621, 40), (513, 7, 1025), (2, 3000, 2)],
)
@pytest.mark.parametrize("turned", ["neither", "left", "right", "both"])
def test_limbs_in_tiles_of_any_size_and_order(m, k, n, turned):
    a, b = words(m, k), words(k, n)
    want = np.matmul(a, b)
    if turned in ("left", "both"):
        a = np.asfortranarray(a)
    if turned in ("right", "both"):
        b = np.asfortranarray(b)
    out = np.empty((m, n), np.uint64)
    limbs.multiply_into(a, b, out)
    assert (out == want).all()
    assert (ring.matmul(a, b) == want).all()


def test_a_prepared_matrix_is_the_matrix():
    a, b, v = words(400, 500), words(500, 350), words(500)
    want = np.matmul(a, b)
    left, right = ring.prepare(a), ring.prepare(b)
    for x in (a, left):
        for y in (b, right):
            assert (ring.matmul(x, y) == want).all()
    assert (ring.matmul(right.T, left.T) == want.T).all()
    assert (ring.matmul(left, v) == np.matmul(a, v)).all()
    assert (ring.matmul(v, right) == np.matmul(v, b)).all()
    assert left.T.shape == (500, 400)
    with pytest.raises(ValueError, match="3 dimensions"):
        ring.prepare(words(2, 3, 4))


def test_large_products_in_batches_broadcast():
    a, b = words(2, 1, 300, 310), words(3, 310, 320)
    assert (ring.matmul(a, b) == np.matmul(a, b)).all()
    assert (ring.matmul(a, b[0]) == np.matmul(a, b[0])).all()


@pytest.mark.parametrize(
    ("left", "right"),
    [((5, 1), (7, 3)), ((5, 7), (1, 3)), ((5, 7), (6,)), ((1,), (7,)), ((), (3,)), ((3,), ()),
     ((2, 3, 4), (3, 4, 5)), ((300, 1), (300, 300)), ((0, 3), (1, 3))],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_refused(left, right):
    """Where numpy's `einsum` would broadcast, too."""
    with pytest.raises(ValueError):  # noqa: PT011
        ring.matmul(words(*left), words(*right))


def test_operands_are_left_alone():
    a, b = words(300, 300), words(300, 300)
    kept = a.copy(), b.copy()
    ring.matmul(a, b)
    assert (a == kept[0]).all()
    assert (b == kept[1]).all()


def test_a_convolution_in_pieces_of_the_batch(monkeypatch):
    a, b = words(7, 4, 9, 8), words(6, 2, 3, 2)
    form = ((1, 2), ((1, 1), (0, -1)), ((1, 1), (2, 1)), 2)
    whole = ring.convolve(a, b, *form)
    monkeypatch.setattr(ring, "_WINDOWS", 2000)
    assert (ring.convolve(a, b, *form) == whole).all()
