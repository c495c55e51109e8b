"""Models of haiku. They need `dm-haiku`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.models.model import Model, arrays, normal

hk: Any = import_module("haiku")
WIDTH, TOKENS = 16, 8


def perceptron(x: Any) -> Any:
    return hk.nets.MLP([16, 1])(x)


def lenet(x: Any) -> Any:
    for channels in (6, 16):
        x = hk.MaxPool((2, 2, 1), (2, 2, 1), "VALID")(jax.nn.relu(hk.Conv2D(channels, 5)(x)))
    return jax.nn.log_softmax(hk.Linear(10)(hk.Flatten()(x)))


def batch_norm(x: Any) -> Any:
    return hk.BatchNorm(True, True, 0.9)(x, is_training=True)


def layer_norm(x: Any) -> Any:
    return hk.LayerNorm(-1, True, True)(x)


def lstm(x: Any) -> Any:
    return hk.dynamic_unroll(hk.LSTM(8), x, hk.LSTM(8).initial_state(2))[0]


def attention(x: Any) -> Any:
    mask = jnp.tril(jnp.ones((1, 1, TOKENS, TOKENS)))
    heads = hk.MultiHeadAttention(2, WIDTH // 2, w_init=hk.initializers.VarianceScaling(1.0))
    return heads(x, x, x, mask=mask)


def transformer(x: Any) -> Any:
    for _ in range(2):
        x = x + attention(layer_norm(x))
        x = x + hk.Linear(WIDTH)(jax.nn.gelu(hk.Linear(4 * WIDTH)(layer_norm(x))))
    return layer_norm(x)


def models() -> list[Model]:
    """All of them, small."""
    words = normal(1, 1, TOKENS, WIDTH)
    return [
        _of("perceptron", perceptron, normal(2, 32, 6)),
        _of("LeNet, 2 images 12x12", lenet, normal(3, 2, 12, 12, 1)),
        _of("batch norm, training, with its averages", batch_norm, normal(4, 32, 6)),
        _of("layer norm", layer_norm, words),
        _of("LSTM, 5 steps", lstm, normal(5, 5, 2, 4)),
        _of("attention, a causal mask", attention, words),
        _of("two blocks of GPT-2, 8 tokens", transformer, words),
    ]


def _of(name: str, function: Any, x: Any) -> Model:
    module = hk.transform_with_state(function)
    parameters, state = module.init(jax.random.key(0), x)

    def apply(parameters: Any, state: Any, x: Any) -> Any:
        return module.apply(parameters, state, None, x)

    return Model(name, "haiku", apply, [arrays(parameters), arrays(state), x])
