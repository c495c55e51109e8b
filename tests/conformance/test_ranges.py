"""Functions over a grid of magnitudes: right within a bound, or reported by the debug mode; never silent.

`JUNTO_WRITE_PAGES=1 python -m pytest tests/conformance/test_ranges.py` writes the page that is the
grid anew. Against numpy in float64.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from junto.config.spu_model import DEFAULT_FRACTION, FieldType
from junto.errors import NotComputable
from junto.mpc.settings import MpcSettings
from mpc_programs import Engine

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "spu-ranges.md"

Function = Callable[[jax.Array], jax.Array]
Right = Callable[[np.ndarray], np.ndarray]


def masked(x):
    """Causal attention of one head, as flax, haiku and equinox write it."""
    scores = x[:, None] * x[None, :] / jnp.max(x) ** 2
    lower = np.tril(np.ones((x.size, x.size), np.bool_))
    return jax.nn.softmax(jnp.where(lower, scores, jnp.finfo(jnp.float32).min))


def masked_right(x):
    scores = np.where(np.tril(np.ones((x.size, x.size))) > 0, np.outer(x, x) / x.max() ** 2, -np.inf)
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def normalised(x):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


def jax_normalised(x):
    return (x - x.mean()) * jax.lax.rsqrt(x.var() + 1e-5)


def logsumexp(x):
    return x.max() + np.log(np.exp(x - x.max()).sum())


FUNCTIONS: Mapping[str, tuple[Function, Right]] = {
    "`x / 100`": (lambda x: x / 100, lambda x: x / 100),
    "`x * 1e-6 * 1e6`": (lambda x: x * 2.0**-20 * 2.0**20, lambda x: x),
    "`x * x`": (lambda x: x * x, lambda x: x * x),
    "sum": (jnp.sum, np.sum),
    "mean": (jnp.mean, np.mean),
    "average, public weights": (
        lambda x: jnp.average(x, weights=jnp.arange(1.0, x.size + 1)),
        lambda x: np.average(x, weights=np.arange(1.0, x.size + 1)),
    ),
    "var": (jnp.var, np.var),
    "std": (jnp.std, np.std),
    "norm": (jnp.linalg.norm, np.linalg.norm),
    "`x @ x`": (lambda x: x @ x, lambda x: x @ x),
    "cov": (lambda x: jnp.cov(x, x[::-1]), lambda x: np.cov(x, x[::-1])),
    "corrcoef": (lambda x: jnp.corrcoef(x, x[::-1]), lambda x: np.corrcoef(x, x[::-1])),
    "max": (jnp.max, np.max),
    "logsumexp": (jax.nn.logsumexp, logsumexp),
    "layer norm": (jax_normalised, normalised),
    "causal attention": (lambda x: masked(x[:8]), lambda x: masked_right(x[:8])),
}
MAGNITUDES = [1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6, 1e8, 1e10, 1e12]
ROWS = [10, 1000]
RINGS = {"FM64": MpcSettings(), "FM128": MpcSettings(fraction=DEFAULT_FRACTION[FieldType.FM128], width=128)}
LOOSE, UNITS = 1e-3, 64
"""A cell is right within a thousandth, or so many units in the last place."""


def column(size: float, rows: int, unit: float) -> np.ndarray:
    """Numbers about as large as `size`, which fixed point holds exactly."""
    numbers = np.random.default_rng(rows).uniform(0.5, 1.0, rows) * size
    return np.rint(numbers / unit) * unit


def error(found: np.ndarray, want: np.ndarray) -> float:
    return float(np.abs(found.astype(np.float64) - want).max())


def cell(ring: str, name: str, size: float, rows: int) -> str:
    """What the page says of one cell; of a wrong one that nobody reported, that it is silent."""
    function, right = FUNCTIONS[name]
    unit = 2.0 ** -RINGS[ring].fraction
    x = column(size, rows, unit)
    engine = Engine("plain", RINGS[ring])
    try:
        found = np.asarray(engine.run(function, x))
    except NotComputable:
        return "refused"
    with np.errstate(all="ignore"):  # 0 / 0 where all numbers are below the last bit
        want = np.asarray(right(x), np.float64)
    worst = error(found, want)
    if worst <= max(UNITS * unit, LOOSE * float(np.abs(want).max())):
        return "right"
    return "reported" if engine.overflows or engine.digits else f"silent: {worst:.0e}"


@pytest.fixture(scope="module")
def grid() -> dict[tuple[str, str, int], list[str]]:
    return {
        (ring, name, rows): [cell(ring, name, size, rows) for size in MAGNITUDES]
        for ring in RINGS
        for name in FUNCTIONS
        for rows in ROWS
    }


def test_no_cell_is_wrong_without_a_word(grid):
    assert [key for key, cells in grid.items() if any(each.startswith("silent") for each in cells)] == []


def test_the_page_is_current(grid):
    fresh = page(grid)
    if os.environ.get("JUNTO_WRITE_PAGES"):
        PAGE.write_text(fresh)
    assert PAGE.read_text() == fresh, "JUNTO_WRITE_PAGES=1 python -m pytest tests/conformance/test_ranges.py"


def page(grid) -> str:
    head = " | ".join(f"{size:.0e}" for size in MAGNITUDES)
    tables = {
        ring: "\n".join(
            f"| {name} | {rows} | {' | '.join(cells)} |"
            for (of, name, rows), cells in grid.items()
            if of == ring
        )
        for ring in RINGS
    }
    return TEXT.format(head=head, rule="---|" * (len(MAGNITUDES) + 2), **tables)


TEXT = """# Where an SPU's numbers are right

Functions of a column of positive numbers about as large as the head of the table says, in both rings with as
many fraction bits as they have by default: 18 of `FM64`, 32 of `FM128`
([the two rings](spu-settings.md#the-two-rings)).

*Right*: within a thousandth, or within 64 units in the last place (2.4e-04 and 1.5e-08). *Reported*: a number
on the way leaves the range, or has too few digits, which the debug mode says with its line; under secure
computation the result means nothing, or is off by more than that. No cell is wrong without a word.
Standardise columns where a function says *reported*, or use other fraction bits, or the wider ring.

<!-- Written by tests/conformance/test_ranges.py, which also checks it. -->

## FM64

| function | rows | {head} |
|{rule}
{FM64}

## FM128

| function | rows | {head} |
|{rule}
{FM128}
"""
