"""The kernels against Python's integers, numpy and jax, on shapes and forms that hypothesis looks for."""

from __future__ import annotations

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from junto.mpc import bits, limbs, prg, ring
from tries import tries

QUICK = settings(max_examples=tries(80), deadline=None)
WORD = st.integers(0, 2**64 - 1) | st.sampled_from([2**i + d for i in range(64) for d in (-1, 0)])


def matrices(*shape: int) -> st.SearchStrategy[np.ndarray]:
    return npst.arrays(np.uint64, shape, elements=WORD)


SIZE = st.integers(1, 6)


@QUICK
@given(st.data(), SIZE, SIZE, SIZE)
def test_limbs_multiply_like_pythons_integers(data, m, k, n):
    a, b = data.draw(matrices(m, k)), data.draw(matrices(k, n))
    whole = a.astype(object) @ b.astype(object)
    want = np.array([[each % 2**64 for each in row] for row in whole], np.uint64)
    out = np.empty((m, n), np.uint64)
    limbs.multiply_into(a, b, out)
    assert (out == want).all()
    assert (ring.matmul(a, b) == want).all()
    limbs.multiply_into(limbs.Limbs(b).T, limbs.Limbs(a).T, out.T)
    assert (out == want).all()


@QUICK
@given(npst.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=20), st.data())
def test_any_shapes_and_strides_multiply_like_numpys(shapes, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    made = []
    for shape in shapes.input_shapes:
        x = rng.integers(0, 2**64, shape, dtype=np.uint64)
        if len(shape) > 1 and data.draw(st.booleans()):
            x = np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)
        if data.draw(st.booleans()):
            x = np.repeat(x, 2, axis=-1)[..., ::2]
        made.append(x)
    want, got = np.matmul(*made), ring.matmul(*made)
    assert got.shape == shapes.result_shape
    assert got.dtype == np.uint64
    assert (got == want).all()


@st.composite
def convolutions(draw):
    space = draw(st.integers(1, 2))
    per_space = [draw(st.integers(1, 3)) for _ in range(2 * space)]
    kind = draw(st.sampled_from(["plain", "features", "batch"]))
    groups = draw(st.integers(1, 3))
    feature_groups, batch_groups = (groups if kind == each else 1 for each in ("features", "batch"))
    channels = draw(st.integers(1, 2))
    lhs = (batch_groups * draw(st.integers(1, 2)), feature_groups * channels,
           *(draw(st.integers(1, 6)) for _ in range(space)))  # fmt: skip
    rhs = (groups * draw(st.integers(1, 2)), channels, *(draw(st.integers(1, 3)) for _ in range(space)))
    orders = [tuple(draw(st.permutations(range(2 + space)))) for _ in range(3)]
    padding = [(draw(st.integers(-1, 2)), draw(st.integers(-1, 2))) for _ in range(space)]
    form = ring.Convolution(
        tuple(draw(st.integers(1, 3)) for _ in range(space)), tuple(padding),
        (tuple(per_space[:space]), tuple(per_space[space:])), tuple(orders), feature_groups, batch_groups,
    )  # fmt: skip
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    made = []
    for shape, order in ((lhs, orders[0]), (rhs, orders[1])):
        x = rng.integers(0, 100, shape).astype(np.int32)
        made.append(x.transpose(np.argsort(order)))
    return *made, form


@settings(max_examples=tries(40), deadline=None)
@given(convolutions())
def test_convolutions_are_those_of_jax(drawn):
    a, b, form = drawn
    numbers = jax.lax.ConvDimensionNumbers(*form.numbers)
    try:
        want = np.asarray(jax.lax.conv_general_dilated(
            a, b, form.strides, form.padding, *form.dilations, numbers,
            form.feature_groups, form.batch_groups,
        ))  # fmt: skip
    except ValueError:  # more is cut off than there is
        return
    got = ring.conv_general_dilated(a.astype(np.uint64), b.astype(np.uint64), form)
    assert got.shape == want.shape
    assert (got.astype(np.int64) == want).all()


@QUICK
@given(st.data(), st.integers(0, 600), st.integers(0, 64))
def test_planes_there_over_the_wire_and_back(data, lanes, count):
    x = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 2**64, lanes, dtype=np.uint64)
    made = bits.planes(x, count)
    wire = bits.to_wire(made, lanes)
    assert len(wire) == count * bits.wire_size(lanes)
    assert (bits.from_wire(wire, count, lanes) == made).all()
    low = x & np.uint64(2**count - 1)
    assert (bits.unplanes(made, lanes) == low).all()
    noise = np.random.default_rng(1).integers(0, 2**64, made.shape, dtype=np.uint64)
    assert (
        bits.planes(bits.unplanes(noise, lanes), count)
        == bits.from_wire(bits.to_wire(noise, lanes), count, lanes)
    ).all()


PART = st.text(max_size=4) | st.binary(max_size=4) | st.integers(-300, 300)


@QUICK
@given(st.lists(PART, max_size=4), st.lists(PART, max_size=4))
def test_keys_are_equal_if_their_purposes_are(one, two):
    alike = [(type(x), x) for x in one] == [(type(x), x) for x in two]
    assert (prg.derive(bytes(32), *one) == prg.derive(bytes(32), *two)) == alike
