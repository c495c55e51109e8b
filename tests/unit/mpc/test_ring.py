"""The ring modulo 2**64: shifts, products of matrices at their edges."""

from __future__ import annotations

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


# -------------------------------------------------------------------- shifts


@pytest.mark.parametrize("count", [0, 1, 18, 62, 63])
def test_shifts(count):
    x = np.concatenate([words(50), np.array([0, 1, 2**63, 2**63 - 1, 2**64 - 1], np.uint64)])
    signed = [int(each) for each in x.view(np.int64)]
    assert [int(each) for each in ring.shift_right(x, count)] == [(each >> count) % 2**64 for each in signed]
    assert [int(each) for each in ring.shift_right_logical(x, count)] == [int(each) >> count for each in x]
    for shift in (ring.shift_right, ring.shift_right_logical):
        want, place = shift(x, count), x.copy()
        assert np.shares_memory(shift(place, count, out=place), place)
        assert (place == want).all()


def test_shifts_of_views_and_of_single_numbers():
    x = words(6, 8)[::2, ::-3]
    assert (ring.shift_right(x, 5) == ring.shift_right(x.copy(), 5)).all()
    assert int(ring.shift_right(np.array(2**63, np.uint64), 63)) == 2**64 - 1


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
    left, right = limbs.Limbs(a), limbs.Limbs(b)
    for x in (a, left):
        for y in (b, right):
            assert (ring.matmul(x, y) == want).all()
    assert (ring.matmul(right.T, left.T) == want.T).all()
    assert (ring.matmul(left, v) == np.matmul(a, v)).all()
    assert (ring.matmul(v, right) == np.matmul(v, b)).all()
    assert left.T.shape == (500, 400)
    with pytest.raises(ValueError, match="3 dimensions"):
        limbs.Limbs(words(2, 3, 4))


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
    form = ring.Convolution((1, 2), ((1, 1), (0, -1)), ((1, 1), (2, 1)), feature_groups=2)
    whole = ring.conv_general_dilated(a, b, form)
    monkeypatch.setattr(ring, "_WINDOWS", 2000)
    assert (ring.conv_general_dilated(a, b, form) == whole).all()
