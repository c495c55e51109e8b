"""The table as the formulas have it: all columns side by side, and a column of ones for the intercept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax


def design(parts: Sequence[Any], intercept: bool) -> Any:
    """The columns of all owners; ones behind them."""
    ones = [jnp.ones((parts[0].shape[0], 1))] if intercept else []
    return jnp.concatenate([*parts, *ones], axis=1)


def penalised(width: int, intercept: bool) -> Any:
    """1 for each column, 0 for the intercept."""
    return jnp.concatenate([jnp.ones(width), jnp.zeros(int(intercept))])


def first_weights(scale: Any, width: int, intercept: bool) -> Any:
    """Zeros, and behind them the constant that fits best without columns (`families.LabelScale`)."""
    weights = jnp.zeros(width + intercept)
    return weights.at[width].set(scale["start"]) if intercept else weights


def diagonal(entries: Any) -> Any:
    """A matrix with `entries` on its diagonal; of jnp.diag not all versions of jax make the same plan."""
    shape = (len(entries), len(entries))
    rows = lax.broadcast_in_dim(entries, shape, (1,))
    return lax.select(np.eye(len(entries), dtype=np.bool_), rows, lax.full(shape, 0.0, rows.dtype))


def apart(weights: Any, width: int) -> tuple[Any, Any]:
    """Coefficients and intercept."""
    return weights[:width], weights[width] if len(weights) > width else jnp.zeros(())
