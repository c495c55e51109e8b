"""One model to be measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@dataclass(frozen=True)
class Model:
    """A jax function of secrets.

    Attributes:
        name: what it is.
        library: what it is written with.
        function: of `arguments`, all of which are secret.
        arguments: arrays, or trees of them.
        other: says how far the results are from those of another library.
    """

    name: str
    library: str
    function: Callable[..., Any]
    arguments: Sequence[Any]
    other: Callable[[Sequence[Any]], str] | None = None


def normal(seed: int, *shape: int) -> np.ndarray:
    """Standard normal numbers."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def arrays(tree: Any) -> Any:
    """The tree with numpy arrays."""
    return jax.tree_util.tree_map(np.asarray, tree)


def steps(
    loss: Callable[..., Any], optimizer: Any, parameters: Any, data: Sequence[Any], count: int = 3
) -> tuple[Callable[..., Any], Sequence[Any]]:
    """A function that trains for some steps, and its arguments; it gives the new parameters.

    The optimizer is one of optax's.
    """

    def train(parameters: Any, *data: Any) -> Any:
        state = optimizer.init(parameters)
        for _ in range(count):
            updates, state = optimizer.update(jax.grad(loss)(parameters, *data), state, parameters)
            parameters = jax.tree_util.tree_map(jnp.add, parameters, updates)
        return parameters

    return train, [parameters, *data]
