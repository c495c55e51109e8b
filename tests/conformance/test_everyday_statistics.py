"""Statistics of people's numbers as anybody writes them, in the wide ring: right, or reported; never silent.

Against jax in float64. Right is within a thousandth of each number, or within 64 units in the last place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from junto.config.spu_model import DEFAULT_FRACTION, FieldType
from junto.mpc import digits
from junto.mpc.settings import MpcSettings
from mpc_programs import Engine

WIDE = MpcSettings(fraction=DEFAULT_FRACTION[FieldType.FM128], width=128)
ROWS = 40
LOOSE, UNITS = 1e-3, 64 * 2.0**-WIDE.fraction


def columns() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    found = {
        "salaries": np.round(rng.lognormal(10.8, 0.5, ROWS), 2),
        "prices": np.round(rng.lognormal(3.0, 1.0, ROWS), 2),
        "measurements": rng.normal(2e-3, 5e-4, ROWS),
        "turnovers": np.round(rng.uniform(1e6, 5e7, ROWS)),
        "days": rng.integers(18_000, 20_700, ROWS),
        "shares": rng.dirichlet(np.ones(ROWS)),
    }
    return {name: column.astype(np.float32) for name, column in found.items()}


COLUMNS = columns()
COUNTS = np.random.default_rng(2).poisson(7, ROWS).astype(np.float32) + 1


def scores(x):
    return (x - x.mean()) / x.std()


def gini(x):
    return 2 * jnp.sum(jnp.arange(1, x.size + 1) * jnp.sort(x)) / (x.size * x.sum()) - 1 - 1 / x.size


def slope(x):
    y = COUNTS
    above = x.size * jnp.sum(x * y) - jnp.sum(x) * jnp.sum(y)
    return above / (y.size * jnp.sum(y * y) - jnp.sum(y) ** 2)


def correlation(x):
    y = COUNTS
    above = x.size * jnp.sum(x * y) - jnp.sum(x) * jnp.sum(y)
    of_x, of_y = (each.size * jnp.sum(each * each) - jnp.sum(each) ** 2 for each in (x, y))
    return above / jnp.sqrt(of_x * of_y)


STATISTICS: Mapping[str, Callable[[Any], Any]] = {
    "mean": jnp.mean,
    "var": jnp.var,
    "std": lambda x: jnp.std(x, ddof=1),
    "std of chosen rows": lambda x: jnp.std(x, where=x > x.mean()),
    "scores": scores,
    "E[x^2] - E[x]^2": lambda x: jnp.mean(x * x) - jnp.mean(x) ** 2,
    "norm": jnp.linalg.norm,
    "of length 1": lambda x: x / jnp.linalg.norm(x),
    "cosine": lambda x: x @ COUNTS / (jnp.linalg.norm(x) * jnp.linalg.norm(COUNTS)),
    "corrcoef": lambda x: jnp.corrcoef(x, COUNTS),
    "correlation by sums": correlation,
    "slope by sums": slope,
    "weighted mean": lambda x: jnp.average(x, weights=COUNTS),
    "skewness of scores": lambda x: jnp.mean(scores(x) ** 3),
    "kurtosis of scores": lambda x: jnp.mean(scores(x) ** 4) - 3,
    "skewness": lambda x: jnp.mean((x - x.mean()) ** 3) / x.std() ** 3,
    "kurtosis": lambda x: jnp.mean((x - x.mean()) ** 4) / x.var() ** 2 - 3,
    "harmonic mean": lambda x: x.size / jnp.sum(1 / x),
    "geometric mean": lambda x: jnp.exp(jnp.mean(jnp.log(x))),
    "entropy of shares": lambda x: -jnp.sum(x / x.sum() * jnp.log(x / x.sum())),
    "concentration": lambda x: jnp.sum((x / x.sum()) ** 2),
    "gini": gini,
    "layer norm": lambda x: (x - x.mean()) / jnp.sqrt(x.var() + 1e-5),
    "distances": lambda x: jnp.sqrt(jnp.sum((x.reshape(10, 1, 4) - x.reshape(1, 10, 4)) ** 2, -1)),
    "quantiles": lambda x: jnp.quantile(x, jnp.array([0.1, 0.5, 0.9])),
    "t": lambda x: x.mean() / (x.std(ddof=1) / jnp.sqrt(x.size)),
    "derivative of std": jax.grad(jnp.std),
    "derivative of norm": jax.grad(jnp.linalg.norm),
}

OTHERWISE = {
    ("harmonic mean", "turnovers"): "coarse",  # reciprocals of a few hundred units
    ("skewness", "measurements"): "reported",  # the third power is less than the last place
    ("kurtosis", "measurements"): "reported",
    ("kurtosis of scores", "measurements"): "reported",
    ("kurtosis", "salaries"): "reported",  # the fourth leaves the range
    ("skewness", "turnovers"): "reported",
    ("kurtosis", "turnovers"): "reported",
    ("correlation by sums", "turnovers"): "reported",
}
"""What is not right. *Coarse*: within a hundredth. *Reported*: named by debug mode with its line."""


def of_floats(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(function(jnp.asarray(x, np.float64)))


def word(function: Callable[[Any], Any], x: np.ndarray) -> str:
    engine = Engine("plain", WIDE)
    got, want = engine.run(function, x), of_floats(function, x)
    assert np.isfinite(want).all()
    error = np.abs(got - want)
    if (error <= np.maximum(UNITS, LOOSE * np.abs(want))).all():
        return "right"
    if engine.overflows or engine.digits:
        return "reported"
    return "coarse" if (error <= np.maximum(UNITS, digits.LOOSE * np.abs(want))).all() else "silent"


@pytest.mark.parametrize("name", STATISTICS)
def test_it_is_right_or_reported(name: str) -> None:
    found = {column: word(STATISTICS[name], x) for column, x in COLUMNS.items()}
    assert found == {column: OTHERWISE.get((name, column), "right") for column in COLUMNS}
