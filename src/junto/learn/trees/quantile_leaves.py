"""What leaves weigh where a quantile is fitted, on shares.

Computes:  of the residuals of each leaf's rows the quantile, as XGBoost's ``reg:quantileerror`` does when a
           tree is grown ("adaptive tree"): between the two residuals with ranks next to alpha * (rows + 1).
Parties:   those of the SPU.
Secure:    as the SPU.
Learns:    nobody anything.
Cost:      an interval that has the residual is halved until it is narrow: each turn compares two numbers for
           each row, and for each leaf. As many turns as `turns` says, which is public.
"""

from __future__ import annotations

import math
from typing import Any, Final

import jax
import jax.numpy as jnp
import numpy as np

NARROW: Final = 2.0**-14
"""In this the residual is found, as a part of the label's deviation; what is returned is just above it. So a
label that is predicted exactly counts as below what is predicted, as in XGBoost, however it is rounded."""


def reach(rows: int) -> float:
    """What no residual exceeds: of so many labels of deviation 1 none is farther off than the root."""
    return float(2.0 ** math.ceil(math.log2(4 * math.sqrt(rows))))


def turns(rows: int) -> int:
    """How often the interval is halved."""
    return int(math.log2(reach(rows) / NARROW)) + 1


def leaf_quantiles(residual: Any, inside: Any, count: Any, *, alpha: float) -> Any:
    """Of each leaf [leaves].

    Args:
        residual: [rows], the label without the score so far; on a scale where the label's deviation is 1.
        inside: 1 where a row is in a leaf [rows, leaves].
        count: of rows in each [leaves]; of one without rows some number is returned.
        alpha: which quantile, above 0 and below 1.
    """
    far = reach(len(residual))
    place = alpha * (count + 1)
    whole = jnp.floor(place)
    ranks = jnp.minimum(jnp.maximum(jnp.stack([whole, whole + 1]), 1), count) - 0.5

    def halve(below: Any, step: Any) -> tuple[Any, None]:
        middle = below + step
        under = (residual[:, None] <= inside @ middle.T).astype(jnp.float32)
        return jnp.where(under.T @ inside < ranks, middle, below), None

    steps = far * 2.0 ** -np.arange(turns(len(residual)))
    start = jnp.full(ranks.shape, -far, jnp.float32)
    low, high = jax.lax.scan(halve, start, jnp.asarray(steps, jnp.float32))[0] + 1.5 * NARROW
    return low + (place - whole) * (high - low)
