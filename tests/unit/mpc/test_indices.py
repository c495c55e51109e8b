"""Indices, within bounds and beyond, in every mode: what jax does with them, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from junto.errors import NotComputable
from mpc_programs import Engine, agree

PLAIN = Engine("plain")
X = (np.arange(1, 6, dtype=np.float32) / 2, np.arange(-3, 9, dtype=np.int32).reshape(4, 3))
INDICES = (
    np.array([0, 7, -1, -9, 4], np.int32),
    np.array([3, 3], np.int32),
    np.array(6, np.int32),
    np.array(-7, np.int32),
    np.array([2, 200], np.uint8),
    np.array([-2, 1], np.int8),
)

Read = Callable[[Any, Any, str | None], Any]

READS: dict[str, Read] = {
    "get": lambda x, i, mode: x.at[i].get(mode=mode),
    "get with a filler": lambda x, i, mode: x.at[i].get(mode=mode, fill_value=5),
    "take": lambda x, i, mode: jnp.take(x, i, axis=0, mode=mode, fill_value=3),
    "take_along_axis": lambda x, i, mode: jnp.take_along_axis(
        x[:, 0] if x.ndim == 2 else x, jnp.atleast_1d(i), 0, mode=mode, fill_value=2
    ),
}
WRITES: dict[str, Read] = {
    way: lambda x, i, mode, way=way: getattr(x.at[i], way)(2, mode=mode)  # type: ignore[misc]
    for way in ("set", "add", "multiply", "min", "max", "subtract")
} | {"apply": lambda x, i, mode: x.at[i].apply(lambda y: 3 * y + 1, mode=mode)}
SLICES: dict[str, Callable[[Any, Any], Any]] = {
    "index": lambda x, i: x[i],
    "dynamic_slice": lambda x, i: [lax.dynamic_slice_in_dim(x, each, 2) for each in jnp.atleast_1d(i)],
    "dynamic_update_slice": lambda x, i: [
        lax.dynamic_update_slice_in_dim(x, 10 * x[:2], each, 0) for each in jnp.atleast_1d(i)
    ],
    "dynamic_index": lambda x, i: lax.dynamic_index_in_dim(x, jnp.atleast_1d(i)[0], keepdims=False),
}


def _modes(name: str) -> tuple[str | None, ...]:
    """Those that jax has for an operation."""
    if "take" in name:
        return (None, "clip", "fill", *(["wrap"] if name == "take" else []))
    return (None, "clip", "fill", "drop", "promise_in_bounds")


PROGRAMS: dict[str, list[Callable[[Any, Any], Any]]] = {
    name: [partial(operation, mode=mode) for mode in _modes(name)]
    for name, operation in (READS | WRITES).items()
} | {name: [operation] for name, operation in SLICES.items()}


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("get", "set", "index") else pytest.param(name, marks=pytest.mark.slow)
        for name in PROGRAMS
    ],
)
def test_indices_do_what_the_mode_says(name: str) -> None:
    def function(x: Any, indices: Any) -> Any:
        return [program(x, each) for each in indices for program in PROGRAMS[name]]

    for x in X if name in READS else X[1:]:
        want = jax.tree_util.tree_map(np.asarray, jax.jit(function)(x, INDICES))
        for public in ((), (0,)):  # NaN, which only the secret index would tell, is 0
            agree(PLAIN.run(function, x, INDICES, public=public), jax.tree_util.tree_map(np.nan_to_num, want))
        if not any(np.isnan(each).any() for each in jax.tree_util.tree_leaves(want)):
            agree(PLAIN.run(function, x, INDICES, public=range(1, 9)), want)


def test_a_public_index_that_reads_nan_is_refused() -> None:
    x, index = X[0], INDICES[0]
    for function in (lambda x, i: x.at[i].get(mode="fill"), jnp.take):
        with pytest.raises(NotComputable, match=r"is NaN"):
            PLAIN.run(function, x, index, public=(1,))


def test_an_index_that_may_have_wrapped_is_cut_to_many_places() -> None:
    x, index = np.arange(5000, dtype=np.int32), np.array([7, -5000, 2**31 - 1, -(2**31), 4999], np.int32)
    for function in (lambda x, i: x[i], lambda x, i: x[i + 1]):
        agree(PLAIN.run(function, x, index), np.asarray(function(jnp.asarray(x), jnp.asarray(index))))


def test_an_index_of_few_bits_names_one_of_many_places() -> None:
    x, index = np.arange(300, dtype=np.int32), np.array([0, 44, 100], np.uint8)
    for function in (
        lambda x, i: jnp.take(x, i, mode="clip"),
        lambda x, i: x.at[i + np.uint8(100)].get(mode="fill", fill_value=7),
        lambda x, i: lax.dynamic_slice(x, (i[1] + i[2],), (2,)),
        lambda x, i: x.at[i].set(-1),
        lambda x, i: x.at[i + np.uint8(200)].add(1),
    ):
        agree(PLAIN.run(function, x, index), np.asarray(function(jnp.asarray(x), jnp.asarray(index))))
