"""Powers of something public to a secret whole number: the decay of a moving average after so many steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.functions import fixedpoint
from junto.mpc.primitives.context import Context
from junto.mpc.values import Secret, dtype_span, wrapping


async def power_of_public(c: Context, base: NDArray[Any], exponent: Secret) -> Secret:
    """`base ** exponent`: the product of base**(2**i) over the exponent's bits.

    Error: a unit in the last place for each bit that is set, times the result if that is more than 1.
    """
    exponent = c.full(await c.wrapped(exponent))
    width = exponent.dtype.itemsize * 8
    ups, downs = _squares(np.asarray(base, np.float64), width)
    size, negative = exponent.value, None
    if dtype_span(exponent.dtype)[0] < 0 and exponent.span[0] < 0:
        size, negative = await fixedpoint.absolute(c.g, await c.g.hold(exponent.value))
    bits = await c.g.decompose(size, width)
    one = c.fixed_words(np.ones(()), c.fraction)
    up = c.fixed_words(ups, c.fraction)
    factors = c.g.add_public(c.g.scale(c.g.to_ring(bits), wrapping(np.subtract, up, one)), one)
    if negative is not None:
        below = await c.g.both(bits, c.g.arrange(negative, lambda array: array[..., None]))
        change = wrapping(np.subtract, c.fixed_words(downs, c.fraction), up)
        factors = c.g.add(factors, c.g.scale(c.g.to_ring(below), change))
    while (count := factors.shape[-1]) > 1:
        half = count // 2
        first = c.g.arrange(factors, lambda array, half=half: array[..., :half])  # type: ignore[misc]
        second = c.g.arrange(factors, lambda array, half=half: array[..., half:])  # type: ignore[misc]
        factors = await c.g.truncate(await c.g.multiply(first, second), c.fraction)
    return c.fixed(c.g.arrange(factors, lambda array: array[..., 0]), c.fraction)


def _squares(base: NDArray[np.float64], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """base**(2**i) and base**-(2**i) in a new last axis: by squaring, which every processor does alike."""
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        rows = [(base, 1 / base)]
        while len(rows) < count:
            up, down = rows[-1]
            rows.append((up * up, down * down))
    ups, downs = (np.stack(each, -1) for each in zip(*rows, strict=True))
    return ups, downs
