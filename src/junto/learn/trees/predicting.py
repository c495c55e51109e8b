"""What trees that were grown say of rows, on the SPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def scores(parts: Sequence[Any], weights: Any, scale: Any) -> Any:
    """The score of each row, [rows] or [rows, outputs].

    Args:
        parts: the owners' `candidates.reachable`.
        weights: of the leaves: see `stacked`.
        scale: of the label, with the score without a tree.
    """
    here = parts[0]
    for each in parts[1:]:
        here = here & each
    if weights.ndim == 3:
        return here.astype(jnp.float32) @ weights.reshape(-1, weights.shape[2]) + scale["start"]
    return jnp.sum(here.astype(jnp.float32) * weights.reshape(-1), axis=1) + scale["start"]


def joined(blocks: Sequence[Any]) -> Any:
    """Blocks of rows, one after the other."""
    return jnp.concatenate(blocks)


def probabilities(score: Any) -> Any:
    """Of each class [rows, classes]."""
    if score.ndim == 2:
        return jax.nn.softmax(score, axis=1)
    p = jax.nn.sigmoid(score)
    return jnp.stack([1 - p, p], axis=1)


def likelier(score: Any, *, values: tuple[Any, ...]) -> Any:
    """The likelier class, which are these."""
    place = (score > 0).astype(jnp.int32) if score.ndim == 1 else jnp.argmax(score, axis=1)
    if values == tuple(range(len(values))):
        return place
    if len(values) == 2:
        return jnp.where(place == 1, values[1], values[0])
    every = np.asarray(values)
    return jnp.sum(jnp.where(place[:, None] == np.arange(len(values)), every, 0), axis=1)
