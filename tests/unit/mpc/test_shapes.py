"""Gates on shapes alone give the shapes that the same gates give of numbers."""

from __future__ import annotations

import asyncio
import inspect

import numpy as np
import pytest

from junto.mpc.shapes import ShapedBits, ShapedRing, ShapeGates, shaped

SHAPES = [(), (1,), (3,), (2, 3), (2, 1), (4, 2, 3)]
BITS = [(), (3,), (2, 3)]


def wide(*shapes):
    return np.broadcast_shapes(*shapes)


def run(made):
    return asyncio.run(made) if inspect.iscoroutine(made) else made


def broadcastable(a, b):
    try:
        wide(a, b)
    except ValueError:
        return False
    return True


PAIRS = [(a, b) for a in SHAPES for b in SHAPES if broadcastable(a, b)]


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "xor", "both"])
def test_two_secrets_are_broadcast(name):
    kind = ShapedBits if name in ("xor", "both") else ShapedRing
    for a, b in PAIRS:
        found = run(getattr(ShapeGates(), name)(kind(a), kind(b)))
        assert (type(found), found.shape) == (kind, wide(a, b)), (a, b)


@pytest.mark.parametrize("name", ["add_public", "scale", "flip"])
def test_a_secret_and_what_all_know_are_broadcast(name):
    kind, dtype = (ShapedBits, bool) if name == "flip" else (ShapedRing, np.uint64)
    for a, b in PAIRS:
        found = run(getattr(ShapeGates(), name)(kind(a), np.ones(b, dtype)))
        assert (type(found), found.shape) == (kind, wide(a, b)), (a, b)


@pytest.mark.parametrize(
    ("name", "given", "made"),
    [
        ("negate", ShapedRing, ShapedRing),
        ("hold", ShapedRing, ShapedRing),
        ("to_ring", ShapedBits, ShapedRing),
        ("negative", ShapedRing, ShapedBits),
        ("zero", ShapedRing, ShapedBits),
    ],
)
def test_of_one_secret_the_shape_stays(name, given, made):
    for shape in SHAPES:
        found = run(getattr(ShapeGates(), name)(given(shape)))
        assert (type(found), found.shape) == (made, shape)


def test_a_choice_is_as_wide_as_all_three():
    for a, b in PAIRS:
        assert run(ShapeGates().choose(ShapedBits(a), ShapedRing(b), ShapedRing(()))).shape == wide(a, b)


@pytest.mark.parametrize(
    "map", [np.transpose, np.ravel, lambda x: x[..., None], lambda x: x.sum(axis=0), lambda x: x[:1]]
)
def test_a_map_makes_the_shape_that_it_makes_of_numbers(map):
    for shape in SHAPES[1:]:
        assert ShapeGates().linear(ShapedRing(shape), map).shape == map(np.ones(shape, np.uint64)).shape


@pytest.mark.parametrize("kind", [ShapedRing, ShapedBits])
def test_what_is_put_side_by_side_is_of_one_kind(kind):
    gates, parts = ShapeGates(), [kind((2, 3)), kind((4, 3))]
    found = gates.join(parts, lambda *each: np.concatenate(each))
    assert (type(found), found.shape) == (kind, (6, 3))
    assert gates.arrange(parts[0], np.transpose).shape == (3, 2)
    with pytest.raises(TypeError, match="side by side"):
        gates.join([ShapedRing((2,)), ShapedBits((2,))], lambda *each: np.concatenate(each))


def test_products_of_matrices():
    found = run(
        ShapeGates().bilinear(ShapedRing((2, 3)), ShapedRing((3, 5)), lambda x, y, product: product(x, y))
    )
    assert found.shape == (2, 5)


def test_what_is_revealed_has_the_shape_and_no_number():
    for shape in BITS:
        for is_bool in (False, True):
            secret = shaped(shape, is_bool)
            found = run(ShapeGates().reveal(secret))
            assert (found.shape, found.dtype, found.any()) == (shape, secret.dtype, False)


def test_every_gate_is_there():
    """One that is missing here would be missed when a plan is counted."""
    assert ShapeGates.__abstractmethods__ == frozenset()
