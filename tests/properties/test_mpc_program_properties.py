"""Primitives against jax on arguments that hypothesis thinks of."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from jax import lax

from mpc_programs import Engine, agree
from tries import tries

FEW = settings(max_examples=tries(25), deadline=None)
MANY = settings(max_examples=tries(100), deadline=None)
INT32 = st.integers(-(2**31), 2**31 - 1)
NUMBERS = st.integers(-(1 << 20), 1 << 20).map(lambda x: x / 1024)  # no negative zero


def check(function: Any, *args: Any, tolerance: float = 1e-3) -> None:
    agree(Engine("plain").run(function, *args), jax.jit(function)(*args), tolerance)


def integers(n: jax.Array, m: jax.Array) -> Any:
    unsigned = n.astype(jnp.uint32)
    return (
        [n + m, n - m, n * m, -n, n & m, n | m, n ^ m, ~n, abs(n), jnp.sign(n)],
        [n < m, n <= m, n == m, jnp.maximum(n, m), jnp.minimum(n, m), n + m < n, n * m > m, n * 2 == m * 2],
        [unsigned < m.astype(jnp.uint32), unsigned * 3 > 7, unsigned >> 3, n >> 2, n << 5],
        [lax.div(n, np.int32(7)), lax.rem(n, np.int32(-12)), jnp.sort(n), jnp.argmax(m), jnp.cumsum(n)],
        [n.astype(jnp.uint8), n.astype(jnp.int16) > 5, n.sum(), n.max(), jnp.clip(n, -5, m)],
        [jnp.where(n > m, n, m), lax.population_count(n), lax.clz(m), (n * m).max()],
    )


@pytest.mark.slow
@MANY
@given(arrays(np.int32, 5, elements=INT32), arrays(np.int32, 5, elements=INT32))
def test_integers_wrap_like_those_of_jax(n: np.ndarray, m: np.ndarray) -> None:
    check(integers, n, m)


def wide_integers(n: jax.Array, m: jax.Array) -> Any:
    unsigned, other = n.astype(jnp.uint64), m.astype(jnp.uint64)
    return (
        [n + m, n * m, n < m, n == m, jnp.maximum(n, m), jnp.sort(n), jnp.argsort(n), n >> 7, n & m],
        [unsigned < other, jnp.minimum(unsigned, other), unsigned >> 9, n.astype(jnp.int32), n.sum()],
    )


@FEW
@given(*[arrays(np.int64, 4, elements=st.integers(-(2**63), 2**63 - 1))] * 2)
def test_integers_of_64_bits_keep_them_all(n: np.ndarray, m: np.ndarray) -> None:
    with jax.enable_x64(True):
        check(wide_integers, n, m)


def floats(x: jax.Array, y: jax.Array) -> Any:
    return (
        [x + y, x - y, 3 * x - 0.5, x < y, x == y, jnp.maximum(x, y), jnp.where(x > y, x, -y)],
        [jnp.floor(x), jnp.ceil(x), jnp.round(x), jnp.trunc(x), x.astype(jnp.int32), jnp.sign(x), abs(y)],
        [jnp.sort(x), jnp.argsort(y), x.max(), jnp.argmin(x), lax.cummin(y), lax.top_k(x, 3), x % 0.75],
        [x.sum(), x.mean(), jnp.cumsum(y), jnp.median(x), jnp.clip(x, -1, 1), x / 8, x * 0.001],
    )


@FEW
@given(arrays(np.float32, 6, elements=NUMBERS), arrays(np.float32, 6, elements=NUMBERS))
def test_floats_are_exact_or_nearly(x: np.ndarray, y: np.ndarray) -> None:
    check(floats, x, y)


@FEW
@given(st.data())
def test_slices_and_padding(data: st.DataObject) -> None:
    shape = data.draw(array_shapes(max_dims=3, min_side=0, max_side=4))
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    config = []
    for size in shape:
        inner = data.draw(st.integers(0, 2))
        whole = size + max(0, size - 1) * inner
        low = data.draw(st.integers(-whole, 3))
        config.append((low, data.draw(st.integers(-whole - min(low, 0) if low < 0 else -whole, 3)), inner))
    where = tuple(
        slice(data.draw(st.integers(0, size)), size, data.draw(st.integers(1, 3))) for size in shape
    )
    check(lambda x: (lax.pad(x, np.float32(7), config), lax.pad(x, np.float32(0), config), x[where]), x)


@pytest.mark.slow
@FEW
@given(st.data())
def test_indices_public_and_secret(data: st.DataObject) -> None:
    shape = data.draw(array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    axis = data.draw(st.integers(0, len(shape) - 1))
    mode = data.draw(st.sampled_from(["clip", "fill"]))
    places = data.draw(arrays(np.int32, array_shapes(max_dims=2, max_side=3), elements=st.integers(-5, 5)))
    x = np.arange(1, np.prod(shape) + 1, dtype=np.int32).reshape(shape)

    def take(x: jax.Array, places: jax.Array) -> Any:
        return jnp.take(x, places, axis=axis, mode=mode, fill_value=-9)

    check(take, x, places)
    check(partial(take, places=places), x)


@pytest.mark.slow
@FEW
@given(st.data())
def test_writing_at_indices(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 4))
    count = data.draw(st.integers(1, 3))
    places = data.draw(arrays(np.int32, count, elements=st.integers(-5, 5)))
    x = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2)
    new = -np.arange(1, count * 2 + 1, dtype=np.float32).reshape(count, 2)

    def write(x: jax.Array, new: jax.Array, places: jax.Array) -> Any:
        return x.at[places].set(new), x.at[places].add(new), x.at[places[0]].set(new[0])

    check(write, x, new, places)
    check(lambda x, new: (write(x, new, places), x.at[places].min(new), x.at[places].multiply(new)), x, new)


@pytest.mark.slow
@FEW
@given(st.data())
def test_moving_windows(data: st.DataObject) -> None:
    shape = data.draw(array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=4))
    sizes = tuple(data.draw(st.integers(1, size)) for size in shape)
    starts = [np.int32(data.draw(st.integers(-3, 6))) for _ in shape]
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)

    def move(x: jax.Array, *starts: jax.Array) -> Any:
        window = lax.dynamic_slice(x, starts, sizes)
        return window, lax.dynamic_update_slice(x, -window - 1, starts)

    check(move, x, *starts)
    check(lambda x: move(x, *starts), x)
