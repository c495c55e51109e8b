"""Every primitive that takes several numbers, for every pair of dtypes: as jax has it, or refused."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from junto.errors import NotComputable
from junto.mpc.primitives.lifting import COMPARED, NUMBERS
from mpc_programs import Engine

NARROW = ["bool", "int8", "int32", "uint8", "uint32", "float16", "bfloat16", "float32"]
WIDE = ["int64", "uint64", "float64"]

MATRIX = (((1,), (0,)), ((), ()))
SCATTER = lax.ScatterDimensionNumbers((1,), (0,), (0,))


def scattered(way):
    def apply(x, y):
        return getattr(lax, way)(x, jnp.array([[1]]), y[:1], SCATTER)

    return apply


CALLS = {
    "add": lax.add,
    "sub": lax.sub,
    "mul": lax.mul,
    "div": lax.div,
    "rem": lax.rem,
    "pow": lax.pow,
    "atan2": lax.atan2,
    "max": lax.max,
    "min": lax.min,
    "and": lax.bitwise_and,
    "or": lax.bitwise_or,
    "xor": lax.bitwise_xor,
    "shift_left": lax.shift_left,
    "shift_right_arithmetic": lax.shift_right_arithmetic,
    "shift_right_logical": lax.shift_right_logical,
    "eq": lax.eq,
    "ne": lax.ne,
    "lt": lax.lt,
    "le": lax.le,
    "gt": lax.gt,
    "ge": lax.ge,
    "clamp": lambda x, y: lax.clamp(x, y, x),
    "select_n": lambda x, y: lax.select_n(np.array([[True, False], [False, True]]), x, y),
    "concatenate": lambda x, y: lax.concatenate([x, y], 0),
    "pad": lambda x, y: lax.pad(x, y[0, 0], [(1, 0, 1), (0, 1, 0)]),
    "dynamic_update_slice": lambda x, y: lax.dynamic_update_slice(x, y[:1], (1, 0)),
    "dot_general": lambda x, y: lax.dot_general(x, y, MATRIX),
    "dot_general to float32": lambda x, y: lax.dot_general(x, y, MATRIX, preferred_element_type=jnp.float32),
    "dot_general to int32": lambda x, y: lax.dot_general(x, y, MATRIX, preferred_element_type=jnp.int32),
    "conv_general_dilated": lambda x, y: lax.conv_general_dilated(
        x[None, None], y[None, None], (1, 1), "SAME"
    ),
    "scatter": scattered("scatter"),
    "scatter-add": scattered("scatter_add"),
    "scatter-max": scattered("scatter_max"),
    "scatter-min": scattered("scatter_min"),
    "scatter-mul": scattered("scatter_mul"),
    "scatter-sub": scattered("scatter_sub"),
}
ELSEWHERE = {"add_any": "add", "eq_to": "eq", "le_to": "le", "lt_to": "lt"}
"""Primitives that no function of `jax.lax` makes alone, and which one has their rule."""


def test_every_primitive_of_several_numbers_is_tried():
    assert {name.split()[0] for name in CALLS} | set(ELSEWHERE) == set(NUMBERS) | COMPARED


def numbers(dtype: str, seed: int) -> np.ndarray:
    """Small ones, some negative, some with a fraction, as far as the dtype has them."""
    found = np.random.default_rng(seed).integers(1, 5, (2, 2)).astype(np.float64)
    if dtype == "bool":
        return found > 2
    if not dtype.startswith(("uint", "bool")):
        found[0, 1] = -found[0, 1]
    if "float" in dtype:
        found = found / 4
    return found.astype(jnp.dtype(dtype))


def result(function, x, y) -> np.dtype | None:
    """The dtype that jax gives the result; None where it does not take these dtypes."""
    try:
        return np.dtype(jax.eval_shape(function, x, y).dtype)
    except (TypeError, ValueError):
        return None


def expected(function, pairs) -> list[np.ndarray]:
    """What jax computes, all in one compilation; of two dtypes from operands that have the result's."""

    def all_of_them():
        return [
            function(*(x.astype(dtype), y.astype(dtype)) if x.dtype != y.dtype else (x, y))
            for x, y, dtype in pairs
        ]

    return [np.asarray(each) for each in jax.jit(all_of_them)()]


def right_or_refused(function, x, y, want, public) -> bool:
    """Whether it was computed; then it is right."""
    try:
        got = Engine("plain").run(function, x, y, public=public)
    except NotComputable:
        return False
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    if got.dtype.kind in "biu":
        np.testing.assert_array_equal(got, want)
    else:
        rough = 0.02 if got.dtype.itemsize == 2 else 1e-4
        np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=rough, atol=1e-4)
    return True


def computed(name: str, dtypes) -> int:
    """How many of these pairs of dtypes jax takes and we compute, whichever operand is secret."""
    function, pairs = CALLS[name], []
    for one, other in dtypes:
        x, y = numbers(one, 1), numbers(other, 2)
        if name == "pow":
            x = np.abs(x)
        dtype = result(function, x, y)
        if dtype is not None:
            pairs.append((jnp.asarray(x), jnp.asarray(y), dtype))
    return sum(
        right_or_refused(function, np.asarray(x), np.asarray(y), want, public)
        for (x, y, _), want in zip(pairs, expected(function, pairs), strict=True)
        for public in ([], [0], [1])
    )


@pytest.fixture(autouse=True, scope="module")
def short_tracebacks():
    """Refusals of jax cost most of the time here, if it shortens their tracebacks."""
    before = jax.config.jax_traceback_filtering
    jax.config.update("jax_traceback_filtering", "off")
    yield
    jax.config.update("jax_traceback_filtering", before)


@pytest.mark.parametrize("name", CALLS)
def test_every_pair_of_dtypes_is_right_or_refused(name):
    assert computed(name, itertools.product(NARROW, NARROW))


MIXED = [
    ("bool", "float64"),
    ("float64", "int64"),
    ("int32", "uint64"),
    ("uint64", "int8"),
    ("float32", "int64"),
]


@pytest.mark.parametrize("name", CALLS)
def test_with_64_bits_too(name):
    pairs = [(each, each) for each in WIDE] + (MIXED if name == "dot_general" else [])
    with jax.enable_x64(True):
        assert computed(name, pairs) or name == "dot_general to int32"  # jax narrows nothing


def test_a_sample_of_two_dtypes_is_what_jax_itself_computes():
    for one, other in [("bool", "float32"), ("int8", "float32"), ("float32", "uint8"), ("uint8", "int32")]:
        x, y = numbers(one, 1), numbers(other, 2)
        got = Engine("plain").run(CALLS["dot_general"], x, y)
        np.testing.assert_allclose(got, np.asarray(CALLS["dot_general"](x, y)), atol=1e-4)


@pytest.mark.parametrize("name", ["secure", "pair"])
def test_under_the_protocol_too(name):
    x, y = numbers("float32", 1), numbers("float32", 2)

    def mixed(x, y):
        whole = (x * 4).astype(jnp.int8)
        return (x > 0) @ y, whole @ y, y @ whole, (x > 0) @ whole

    for got, want in zip(Engine(name).run(mixed, x, y), mixed(x, y), strict=True):
        np.testing.assert_allclose(got, np.asarray(want), atol=1e-4)
