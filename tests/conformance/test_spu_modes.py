"""The same script on an SPU in debug mode and in simulation: the same results within the stated errors."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import junto as sf
from spu_values import PARTIES, secret
from tries import tries


@pytest.mark.parametrize("owner", PARTIES)
@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5), 3, True, -2.25, np.zeros((0, 3)), np.arange(5), np.array([True, False, True]),
        np.array(7, np.uint8), np.linspace(-3, 3, 7, dtype=np.float32), [1, 2.5],
        {"a": np.ones(2), "b": (1, [True])}, {"w": np.ones(2), "bias": None, "more": [None, (None, 2)]},
    ],
    ids=str,
)  # fmt: skip
def test_what_goes_in_comes_out(spu, owner, value):
    got = sf.reveal(secret(spu, value, owner))
    want = jax.tree_util.tree_map(jnp.asarray, value)
    assert jax.tree_util.tree_structure(got) == jax.tree_util.tree_structure(want)
    for a, b in zip(jax.tree_util.tree_leaves(got), jax.tree_util.tree_leaves(want), strict=True):
        assert (np.shape(a), np.asarray(a).dtype) == (b.shape, b.dtype)
        assert np.allclose(a, b, atol=2**-18)


def test_a_result_is_used_in_several_calls_in_several_forms(spu):
    """Later calls find it as earlier ones have left it, and cost what explain says of it."""
    x, y = np.linspace(-2, 2, 12).reshape(4, 3), np.array([0.5, -1.5, 2.0])
    table, vector = secret(spu, x, "alice"), secret(spu, y, "bob")
    square, chosen = spu(lambda v: (v * v, jnp.where(v > 0, v, v * v)))(vector)
    wants = [y * y, np.where(y > 0, y, y * y)]
    for _ in range(3):
        for made, want in zip((square, chosen), wants, strict=True):
            told = spu.explain(lambda a, b: a @ b)(table, made)
            with spu.profile() as profile:
                shown = sf.reveal(spu(lambda a, b: a @ b)(table, made))
            assert shown == pytest.approx(x @ want, abs=1e-3)
            assert sf.reveal(spu(lambda a: (a * 0.5, a @ a, a < 1))(made)[1]) == pytest.approx(
                want @ want, abs=1e-3
            )
            if spu.session.program.settings.mode.name != "DEBUG":
                measured = profile.total()
                assert (measured.rounds, measured.online_bytes) == (told.rounds, told.each[0].online_bytes)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint16])
def test_an_integer_that_wrapped_in_one_call_is_that_number_in_the_next(spu, dtype):
    numbers = np.array([np.iinfo(dtype).max, np.iinfo(dtype).min, 100], dtype)
    made = spu(lambda n: (n * n + 5, -n))(secret(spu, numbers))
    wants = jax.jit(lambda n: (n * n + 5, -n))(numbers)
    for each, want in zip(made, wants, strict=True):
        got = sf.reveal(spu(lambda n: (n, n > 7, n.astype(jnp.float32), n // 3))(each))
        for ours, theirs in zip(got, (want, want > 7, want.astype(jnp.float32), want // 3), strict=True):
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("owner", PARTIES)
def test_pandas_columns_go_in(spu, owner):
    import pandas as pd

    table = pd.DataFrame({"age": [30, 41, 22], "dose": [0.5, 1.5, 2.0]})
    assert sf.reveal(secret(spu, table["age"], owner)).tolist() == [30, 41, 22]
    shown = sf.reveal(spu(lambda t: jnp.mean(t, axis=0))(secret(spu, table, owner)))
    assert shown == pytest.approx([31, 4 / 3], abs=1e-4)


@settings(max_examples=tries(15), deadline=None)
@given(
    x=hnp.arrays(np.float32, (4,), elements=st.floats(-100, 100, width=32)),
    y=hnp.arrays(np.float32, (4,), elements=st.floats(-100, 100, width=32)),
)
def test_arithmetic_and_comparisons(spu, x, y):
    x, y = (np.rint(v * 2**10) / 2**10 for v in (x, y))
    a, b = secret(spu, x), secret(spu, y, "bob")
    out = spu(lambda p, q: (p + q, p - q, p * q, p < q, p == q, jnp.maximum(p, q), jnp.where(p < 0, -p, p)))(
        a, b
    )
    add, subtract, multiply, less, equal, largest, size = sf.reveal(out)
    assert np.allclose(add, x + y, atol=1e-5)
    assert np.allclose(subtract, x - y, atol=1e-5)
    assert np.allclose(multiply, x * y, atol=1e-5)
    assert (less == (x < y)).all()
    assert (equal == (x == y)).all()
    assert np.allclose(largest, np.maximum(x, y), atol=1e-5)
    assert np.allclose(size, np.abs(x), atol=1e-5)


@pytest.mark.slow
def test_training_with_grad_is_that_of_jax(spu):
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(200, 3)).astype(np.float32), rng.normal(size=(200, 2)).astype(np.float32)
    label = (left[:, 0] - right[:, 1] + 0.3 * rng.normal(size=200) > 0).astype(np.float32)

    def train(a, b, y):
        x = jnp.concatenate([a, b], axis=1)

        def loss(w):
            p = jax.nn.sigmoid(x @ w)
            return -jnp.mean(y * jnp.log(p + 1e-3) + (1 - y) * jnp.log(1 - p + 1e-3))

        return jax.lax.fori_loop(0, 3, lambda _, w: w - 0.5 * jax.grad(loss)(w), jnp.zeros(5))

    got = sf.reveal(spu(train)(secret(spu, left), secret(spu, right, "bob"), secret(spu, label, "bob")))
    want = np.asarray(train(jnp.asarray(left), jnp.asarray(right), jnp.asarray(label)))
    assert np.abs(got - want).max() < 2e-3


def test_arguments_come_from_everywhere(spu):
    x, y = sf.PYU("alice")(lambda: np.ones(3))(), secret(spu, np.arange(3.0), "carol")
    tree = {"x": x, "more": [y, 2.0]}
    out = spu(lambda t, k, scale=1: (t["x"] + t["more"][0] * t["more"][1]) * k * scale)(tree, 3, scale=10)
    assert sf.reveal(out).tolist() == [30, 90, 150]


def test_a_handle_has_no_value(spu):
    x = secret(spu, np.ones(3))
    with pytest.raises(sf.DeviceError, match="no truth value"):
        bool(x)
    with pytest.raises(sf.DeviceError, match="unpacked"):
        list(x)
    assert "float32[3]" in repr(x) or x.shape == (3,)


def test_moves_show_a_value_to_one_party_only(spu):
    x = spu(lambda v: v + 1)(secret(spu, np.ones(2)))
    assert sf.reveal(sf.PYU("bob")(lambda v: v.tolist())(x.to(sf.PYU("bob")))) == [2, 2]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (np.array([1.0, np.nan]), "NaN"),
        (np.array([np.inf]), "infinity"),
        (np.array([1e30]), "too large"),
        (np.array(["text"]), "numbers"),
        ({"a": np.ones(2), "b": "text"}, r"\['b'\]"),
        (np.array([1 + 2j]), "complex"),
    ],
    ids=["nan", "infinity", "range", "text", "text in a tree", "complex"],
)
def test_what_cannot_be_shared_says_why(spu, value, says):
    with pytest.raises(sf.RemoteError) as caught:
        sf.reveal(secret(spu, value))
    assert re.search(says, str(caught.value.__cause__))
