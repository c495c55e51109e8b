"""Models written with jax alone. `tests/oracle/test_models.py` tries them, too."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.models.model import Model, normal

LIBRARY = "jax"
WIDTH, TOKENS, HEADS = 16, 8, 2


def dense(p: Any, x: Any) -> Any:
    return x @ p["w"] + p["b"]


def dense_of(seed: int, *shape: int) -> dict[str, np.ndarray]:
    return {"w": normal(seed, *shape) / np.float32(np.sqrt(shape[0])), "b": normal(seed + 1, shape[1]) / 10}


def layer_norm(x: Any) -> Any:
    """As flax's: the variance as the mean of the squares less the square of the mean."""
    return jax.nn.standardize(x, epsilon=1e-6)


def perceptron(p: Any, x: Any) -> Any:
    return dense(p[1], jax.nn.relu(dense(p[0], x)))


def convolution(x: Any, w: Any) -> Any:
    return lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def pooled(x: Any) -> Any:
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def batch_norm(x: Any) -> Any:
    mean, square = x.mean((0, 1, 2)), (x * x).mean((0, 1, 2))
    return (x - mean) * lax.rsqrt(square - mean**2 + 1e-5)


def convolutional(p: Any, x: Any) -> Any:
    x = pooled(jax.nn.relu(batch_norm(convolution(x, p["c"][0]))))
    x = pooled(jax.nn.relu(convolution(x, p["c"][1])))
    return jax.nn.log_softmax(dense(p["d"], x.reshape(len(x), -1)))


def lstm(p: Any, x: Any) -> Any:
    def turn(carry: Any, row: Any) -> Any:
        h, c = carry
        i, f, g, o = jnp.split(dense(p, jnp.concatenate([row, h], -1)), 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    start = jnp.zeros((x.shape[1], WIDTH))
    return lax.scan(turn, (start, start), x)[1]


def attention(p: Any, x: Any) -> Any:
    """Causal."""
    heads = [each.reshape(len(x), HEADS, -1) for each in jnp.split(dense(p["in"], x), 3, -1)]
    return dense(p["out"], jax.nn.dot_product_attention(*heads, is_causal=True).reshape(len(x), -1))


def attention_of(seed: int) -> Any:
    return {"in": dense_of(seed, WIDTH, 3 * WIDTH), "out": dense_of(seed + 2, WIDTH, WIDTH)}


def transformer(p: Any, x: Any) -> Any:
    """Blocks as those of GPT-2."""
    for block in p:
        x = x + attention(block["a"], layer_norm(x))
        x = x + dense(block["d"][1], jax.nn.gelu(dense(block["d"][0], layer_norm(x))))
    return layer_norm(x)


def blocks_of(count: int) -> Any:
    return [
        {
            "a": attention_of(20 * n),
            "d": [dense_of(20 * n + 7, WIDTH, 4 * WIDTH), dense_of(20 * n + 9, 4 * WIDTH, WIDTH)],
        }
        for n in range(count)
    ]


def squares(p: Any, x: Any, y: Any) -> Any:
    return jnp.mean((perceptron(p, x)[:, 0] - y) ** 2)


def newton(x: Any, y: Any) -> Any:
    """A logistic regression in four steps of iteratively reweighted least squares."""
    w = jnp.zeros(x.shape[1])
    for _ in range(4):
        p = jax.nn.sigmoid(x @ w)
        hessian = (x * (p * (1 - p))[:, None]).T @ x / len(x) + 1e-3 * jnp.eye(len(w))
        w = w + jnp.linalg.solve(hessian, x.T @ (y - p) / len(x))
    return w


def k_means(x: Any) -> Any:
    """Lloyd's algorithm from the first three rows."""
    centres = x[:3]
    for _ in range(4):
        nearest = jnp.argmin(((x[:, None] - centres) ** 2).sum(-1), 1)
        members = jax.nn.one_hot(nearest, 3)
        centres = members.T @ x / jnp.maximum(members.sum(0), 1)[:, None]
    return centres


def models() -> list[Model]:
    """All of them, small."""
    x, y = normal(1, 32, 6), (normal(2, 32) > 0).astype(np.float32)
    two = [dense_of(3, 6, 16), dense_of(5, 16, 1)]
    words = normal(6, TOKENS, WIDTH)
    image = {"c": [normal(7, 3, 3, 1, 4) / 3, normal(8, 3, 3, 4, 4) / 6], "d": dense_of(9, 16, 10)}
    groups = normal(12, 60, 4) + 4 * np.eye(4, dtype=np.float32)[np.arange(60) % 3]

    def trained(p: Any, x: Any, y: Any) -> Any:
        for _ in range(3):
            p = jax.tree_util.tree_map(lambda a, g: a - 0.1 * g, p, jax.grad(squares)(p, x, y))
        return p

    return [
        Model("perceptron, 32 rows", LIBRARY, perceptron, [two, x]),
        Model("its training by 3 steps of SGD", LIBRARY, trained, [two, x, y]),
        Model(
            "two convolutions, batch norm, pooling, 2 images 8x8",
            LIBRARY,
            convolutional,
            [image, normal(10, 2, 8, 8, 1)],
        ),
        Model("LSTM, 5 steps", LIBRARY, lstm, [dense_of(11, 4 + WIDTH, 4 * WIDTH), normal(12, 5, 2, 4)]),
        Model("causal attention, 8 tokens", LIBRARY, attention, [attention_of(13), words]),
        Model("two blocks of GPT-2, 8 tokens", LIBRARY, transformer, [blocks_of(2), words]),
        Model("logistic regression, 4 steps of Newton", LIBRARY, newton, [x, y]),
        Model("k-means, 4 turns", LIBRARY, k_means, [groups]),
    ]
