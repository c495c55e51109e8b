"""Models of flax: linen and nnx. They need `flax` and `optax`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.models.model import Model, arrays, normal, steps

nn: Any = import_module("flax.linen")
nnx: Any = import_module("flax.nnx")
optax: Any = import_module("optax")
KEY = jax.random.key(0)
WIDTH, TOKENS = 16, 8


def models() -> list[Model]:
    """All of them, small."""
    return [*_linen(), *_training(), *_nnx()]


def _of(name: str, module: Any, x: Any, *more: Any) -> Model:
    """A linen module with its parameters."""
    variables = arrays(module.init(KEY, x, *more))
    return Model(name, "flax linen", lambda v, x: module.apply(v, x, *more), [variables, x])


def _linen() -> list[Model]:
    x, words, rows = normal(1, 32, 6), normal(2, 1, TOKENS, WIDTH), normal(3, 2, 5, 4)
    lenet = nn.Sequential(
        [
            nn.Conv(6, (5, 5)),
            nn.relu,
            lambda x: nn.max_pool(x, (2, 2), (2, 2)),
            nn.Conv(16, (5, 5)),
            nn.relu,
            lambda x: nn.max_pool(x, (2, 2), (2, 2)),
            lambda x: x.reshape(len(x), -1),
            nn.Dense(32),
            nn.relu,
            nn.Dense(10),
            nn.log_softmax,
        ]
    )
    mask = nn.make_causal_mask(jnp.ones((1, TOKENS)))
    heads = nn.MultiHeadDotProductAttention(2)
    normed = nn.BatchNorm(use_running_average=False)
    state = arrays(normed.init(KEY, x))
    attend = arrays(heads.init(KEY, words, mask=mask))
    return [
        _of("perceptron", nn.Sequential([nn.Dense(16), nn.relu, nn.Dense(1)]), x),
        _of("LeNet, 2 images 12x12", lenet, normal(4, 2, 12, 12, 1)),
        Model(
            "batch norm, training, with its running means",
            "flax linen",
            lambda v, x: normed.apply(v, x, mutable=["batch_stats"]),
            [state, x],
        ),
        _of("batch norm, evaluation", nn.BatchNorm(use_running_average=True), x),
        _of("layer norm", nn.LayerNorm(), words),
        _of("group norm", nn.GroupNorm(num_groups=2), words),
        _of("RMS norm", nn.RMSNorm(), words),
        _of("LSTM", nn.RNN(nn.LSTMCell(8)), rows),
        _of("GRU", nn.RNN(nn.GRUCell(8)), rows),
        Model(
            "attention, its own causal mask",
            "flax linen",
            lambda v, x: heads.apply(v, x, mask=mask),
            [attend, words],
        ),
        _of("embedding of secret tokens", nn.Embed(20, 8), np.array([3, 0, 19, 7], np.int32)),
        Model("two blocks of GPT-2, 8 tokens", "flax linen", *_blocks(words, mask)),
    ]


def _blocks(words: Any, mask: Any) -> Any:
    norm, heads = nn.LayerNorm(), nn.MultiHeadDotProductAttention(2)
    inner = nn.Sequential([nn.Dense(4 * WIDTH), nn.gelu, nn.Dense(WIDTH)])

    def of(key: Any) -> Any:
        one, two, three, four = jax.random.split(key, 4)
        return [
            norm.init(one, words),
            heads.init(two, words),
            norm.init(three, words),
            inner.init(four, words),
        ]

    def transformer(blocks: Any, x: Any) -> Any:
        for first, attention, second, perceptron in blocks:
            x = x + heads.apply(attention, norm.apply(first, x), mask=mask)
            x = x + inner.apply(perceptron, norm.apply(second, x))
        return x

    return transformer, [arrays([of(key) for key in jax.random.split(KEY)]), words]


def _training() -> list[Model]:
    x, y = normal(5, 32, 6), normal(6, 32, 1)
    module = nn.Sequential([nn.Dense(16), nn.relu, nn.Dense(1)])
    parameters = arrays(module.init(KEY, x))

    def loss(p: Any, x: Any, y: Any) -> Any:
        return jnp.mean((module.apply(p, x) - y) ** 2)

    scale = optax.scale(1024.0)
    optimizers = {
        "SGD with momentum": optax.sgd(0.1, momentum=0.9),
        "Adam": optax.chain(scale, optax.adam(1e-2, eps=1024 * 1e-8)),
        "AdamW": optax.chain(scale, optax.adamw(1e-2, eps=1024 * 1e-8)),
        "LAMB": optax.chain(scale, optax.lamb(1e-2, eps=1024 * 1e-6)),
        "Adam without the scale of the recipe": optax.adam(1e-2),
        "Adafactor": optax.adafactor(1e-2),
        "LARS": optax.lars(1e-1),
    }
    return [
        Model(f"3 steps of {name}", "flax linen, optax", *steps(loss, optimizer, parameters, [x, y]))
        for name, optimizer in optimizers.items()
    ]


def _nnx() -> list[Model]:
    words = normal(7, 1, TOKENS, WIDTH)
    rngs = nnx.Rngs(0)
    modules = {
        "perceptron": (
            nnx.Sequential(nnx.Linear(6, 16, rngs=rngs), nnx.relu, nnx.Linear(16, 1, rngs=rngs)),
            normal(8, 32, 6),
        ),
        "convolution": (nnx.Conv(1, 4, (3, 3), rngs=rngs), normal(9, 2, 8, 8, 1)),
        "layer norm": (nnx.LayerNorm(WIDTH, rngs=rngs), words),
        "batch norm, training": (nnx.BatchNorm(6, rngs=rngs), normal(10, 32, 6)),
        "attention": (nnx.MultiHeadAttention(2, WIDTH, decode=False, rngs=rngs), words),
        "LSTM": (nnx.RNN(nnx.LSTMCell(4, 8, rngs=rngs)), normal(11, 2, 5, 4)),
    }
    found = []
    for name, (module, x) in modules.items():
        graph, state = nnx.split(module)
        mask = {"mask": nnx.make_causal_mask(jnp.ones((1, TOKENS)))} if name == "attention" else {}

        def apply(state: Any, x: Any, graph: Any = graph, mask: Any = mask) -> Any:
            return nnx.merge(graph, state)(x, **mask)

        leaves, tree = jax.tree_util.tree_flatten(state)
        held = [np.asarray(each) for each in leaves if not jnp.issubdtype(each.dtype, jax.dtypes.prng_key)]
        keys = [each for each in leaves if jnp.issubdtype(each.dtype, jax.dtypes.prng_key)]

        def call(held: Any, x: Any, apply: Any = apply, leaves: Any = leaves, tree: Any = tree) -> Any:
            given = iter(held)
            whole = [
                each if jnp.issubdtype(each.dtype, jax.dtypes.prng_key) else next(given) for each in leaves
            ]
            return apply(jax.tree_util.tree_unflatten(tree, whole), x)

        del keys
        found.append(Model(name, "flax nnx", call, [held, x]))
    return found
