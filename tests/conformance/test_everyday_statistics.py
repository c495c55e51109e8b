"""Statistics of people's numbers as anybody writes them: right, or reported; never silent, in either ring.

Against jax in float64. Right is within a thousandth of the greatest number of the result, small or large.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from junto.config.spu_model import DEFAULT_FRACTION, FieldType
from junto.mpc.settings import MpcSettings
from mpc_programs import Engine

RINGS = {
    ring.name: MpcSettings(fraction=DEFAULT_FRACTION[ring], width=width)
    for ring, width in ((FieldType.FM64, 64), (FieldType.FM128, 128))
}
ROWS = 40
LOOSE = 1e-3


def columns() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    found = {
        "salaries": np.round(rng.lognormal(10.8, 0.5, ROWS), 2),
        "prices": np.round(rng.lognormal(3.0, 1.0, ROWS), 2),
        "measurements": rng.normal(2e-3, 5e-4, ROWS),
        "turnovers": np.round(rng.uniform(1e6, 5e7, ROWS)),
        "days": rng.integers(18_000, 20_700, ROWS),
        "shares": rng.dirichlet(np.ones(ROWS)),
        "returns": rng.normal(3e-4, 0.012, ROWS),
        "doses": rng.lognormal(-7.5, 0.4, ROWS),
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
    "third moment": lambda x: jnp.mean((x - x.mean()) ** 3),
    "harmonic mean": lambda x: x.size / jnp.sum(1 / x),
    "geometric mean": lambda x: jnp.exp(jnp.mean(jnp.log(jnp.abs(x) + 1e-3))),
    "entropy of shares": lambda x: (lambda p: -jnp.sum(p * jnp.log(p)))(jnp.abs(x) / jnp.sum(jnp.abs(x))),
    "softmax of scores": lambda x: jax.nn.softmax(scores(x)),
    "concentration": lambda x: jnp.sum((x / x.sum()) ** 2),
    "gini": gini,
    "layer norm": lambda x: (x - x.mean()) / jnp.sqrt(x.var() + 1e-5),
    "distances": lambda x: jnp.sqrt(jnp.sum((x.reshape(10, 1, 4) - x.reshape(1, 10, 4)) ** 2, -1)),
    "quantiles": lambda x: jnp.quantile(x, jnp.array([0.1, 0.5, 0.9])),
    "t": lambda x: x.mean() / (x.std(ddof=1) / jnp.sqrt(x.size)),
    "derivative of std": jax.grad(jnp.std),
    "derivative of norm": jax.grad(jnp.linalg.norm),
}

REPORTED = {
    ("var", "doses"),
    ("kurtosis of scores", "measurements"),
    ("kurtosis of scores", "returns"),
    ("skewness", "measurements"),
    ("skewness", "turnovers"),
    ("skewness", "returns"),
    ("skewness", "doses"),
    ("kurtosis", "salaries"),
    ("kurtosis", "measurements"),
    ("kurtosis", "turnovers"),
    ("kurtosis", "returns"),
    ("kurtosis", "doses"),
    ("third moment", "measurements"),
    ("third moment", "turnovers"),
    ("third moment", "returns"),
    ("third moment", "doses"),
    ("harmonic mean", "turnovers"),
}
"""What of this is not right in the wide ring; in the other one it is more."""


def of_floats(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(function(jnp.asarray(x, np.float64)))


def word(ring: str, function: Callable[[Any], Any], x: np.ndarray) -> str:
    engine = Engine("plain", RINGS[ring])
    got, want = engine.run(function, x), of_floats(function, x)
    assert np.isfinite(want).all()
    if np.abs(got - want).max() <= LOOSE * np.abs(want).max():
        return "right"
    return "reported" if engine.overflows or engine.digits else "silent"


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize("name", STATISTICS)
def test_it_is_right_or_reported(name: str, ring: str) -> None:
    found = {column: word(ring, STATISTICS[name], x) for column, x in COLUMNS.items()}
    assert {column for column, each in found.items() if each == "silent"} == set()
    reported = {column for column, each in found.items() if each == "reported"}
    assert ring == "FM64" or reported == {column for of, column in REPORTED if of == name}
