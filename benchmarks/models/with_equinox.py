"""Models of equinox. They need `equinox`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.models.model import Model, arrays, normal

eqx: Any = import_module("equinox")
KEYS = jax.random.split(jax.random.key(0), 12)
WIDTH, TOKENS = 16, 8


def models() -> list[Model]:
    """All of them, small."""
    heads = eqx.nn.MultiheadAttention(2, WIDTH, key=KEYS[0])
    causal = jnp.tril(jnp.ones((TOKENS, TOKENS), bool))
    cell = eqx.nn.LSTMCell(4, 8, key=KEYS[1])
    lenet = eqx.nn.Sequential(
        [
            eqx.nn.Conv2d(1, 6, 5, padding=2, key=KEYS[2]),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.MaxPool2d(2, 2),
            eqx.nn.Conv2d(6, 16, 5, padding=2, key=KEYS[3]),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.MaxPool2d(2, 2),
            eqx.nn.Lambda(jnp.ravel),
            eqx.nn.Linear(144, 10, key=KEYS[4]),
            eqx.nn.Lambda(jax.nn.log_softmax),
        ]
    )
    words = normal(2, TOKENS, WIDTH)

    def recurrent(cell: Any, rows: Any) -> Any:
        start = (jnp.zeros(8), jnp.zeros(8))
        return lax.scan(lambda state, row: ((new := cell(row, state)), new[0]), start, rows)[1]

    return [
        _of("perceptron", eqx.nn.MLP(6, 1, 16, 2, key=KEYS[5]), normal(1, 32, 6), many=True),
        _of("LeNet, 2 images 12x12", lenet, normal(3, 2, 1, 12, 12), many=True),
        _of("layer norm", eqx.nn.LayerNorm(WIDTH), words, many=True),
        _of("RMS norm", eqx.nn.RMSNorm(WIDTH), words, many=True),
        _of("group norm", eqx.nn.GroupNorm(2, WIDTH), words, many=True),
        _of("LSTM, 5 steps", cell, normal(4, 5, 4), call=recurrent),
        _of(
            "attention, a causal mask",
            heads,
            words,
            call=lambda module, x: module(x, x, x, mask=causal),
        ),
        _of("embedding of a secret token", eqx.nn.Embedding(20, 8, key=KEYS[6]), jnp.int32(7)),
        Model("two blocks of GPT-2, 8 tokens", "equinox", *_blocks(words, causal)),
    ]


def _of(name: str, module: Any, x: Any, many: bool = False, call: Any = None) -> Model:
    parameters, static = eqx.partition(module, eqx.is_array)

    def apply(parameters: Any, x: Any) -> Any:
        whole = eqx.combine(parameters, static)
        if call is not None:
            return call(whole, x)
        return jax.vmap(whole)(x) if many else whole(x)

    return Model(name, "equinox", apply, [arrays(parameters), arrays(x)])


def _blocks(words: Any, causal: Any) -> Any:
    def of(key: Any) -> Any:
        one, two = jax.random.split(key)
        return [
            eqx.nn.LayerNorm(WIDTH),
            eqx.nn.MultiheadAttention(2, WIDTH, key=one),
            eqx.nn.LayerNorm(WIDTH),
            eqx.nn.MLP(WIDTH, WIDTH, 4 * WIDTH, 1, activation=jax.nn.gelu, key=two),
        ]

    parameters, static = eqx.partition([of(KEYS[7]), of(KEYS[8])], eqx.is_array)

    def transformer(parameters: Any, x: Any) -> Any:
        for first, heads, second, perceptron in eqx.combine(parameters, static):
            normed = jax.vmap(first)(x)
            x = x + heads(normed, normed, normed, mask=causal)
            x = x + jax.vmap(perceptron)(jax.vmap(second)(x))
        return x

    return transformer, [arrays(parameters), words]
