"""What is known to be a small whole number: narrower comparisons and a table for quotients, against jax."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from junto.mpc.functions.count_divisor import divide_by_count
from junto.mpc.settings import MpcSettings
from mpc_nodes import run
from mpc_programs import Engine, agree

RNG = np.random.default_rng(31)
MASK = RNG.random(12) < 0.5
GROUP = RNG.integers(0, 4, 12).astype(np.int32)
TINY = RNG.integers(-128, 128, 12).astype(np.int8)
X = RNG.normal(size=12).astype(np.float32) * 1000


@pytest.mark.parametrize("most", [1, 2, 3, 60, 255, 1000])
def test_quotients_by_all_counts(most):
    counts = np.arange(most + 1, dtype=np.uint64)
    x = np.concatenate([2.0 ** RNG.uniform(-18, 23, most), [0.0]]) * np.maximum(counts, 1)
    x[::2] *= -1
    held = np.rint(x * 2**18).astype(np.int64)
    found = run(lambda g, a, b: divide_by_count(g, a, b, most), held.view(np.uint64), counts)
    assert found.rounds == 3
    exact = np.where(counts, held / np.maximum(counts, 1), 0)
    error = np.abs(found.value.view(np.int64) - exact)
    assert (error <= np.maximum(8e-6 * np.abs(exact), 2)).all()


def total(mask):
    return jnp.sum(mask.astype(jnp.float32))


PROGRAMS = {
    "mean of a mask": lambda m, g, t, x: jnp.where(m, x, 0).sum() / m.sum(),
    "at least one": lambda m, g, t, x: x / jnp.maximum(total(m), 1),
    "at most": lambda m, g, t, x: x / jnp.minimum(1 + jax.nn.one_hot(g, 4).sum(), 3),
    "of either sign": lambda m, g, t, x: x / jnp.where(m, t.astype(jnp.float32), 200),
    "negated": lambda m, g, t, x: x / -total(m),
    "of bytes": lambda m, g, t, x: (x / (t.astype(jnp.float32) ** 2 + 1), t.astype(jnp.float32) > 7),
    "a power of a count": lambda m, g, t, x: (total(m) ** 3, 1 / total(m), total(m) * 2.5 > 7),
    "one of two far apart": lambda m, g, t, x: jnp.where(m, 3 * total(m), total(m)) > jnp.where(m, 30.0, 2),
    "padded and gathered": lambda m, g, t, x: jnp.pad(jnp.stack([total(m) + 3] * 2), 1)[g] < 1,
    "padded far below": lambda m, g, t, x: jnp.pad(jnp.maximum(total(m)[None], 200), 1) == 208,
    "below a large one": lambda m, g, t, x: (total(m) < 2.0**50, jnp.maximum(total(m), 2.0**50) > 2),
    "negated and back": lambda m, g, t, x: -(m.astype(jnp.float32) * 0.5) * 2 < 0,
    "carried": lambda m, g, t, x: jax.lax.fori_loop(0, 5, lambda i, n: n * 3 + m[i], total(m)) > 1000,
    "by public numbers": lambda m, g, t, x: (jnp.arange(12) - 5.5) / (jnp.cumsum(m) + 1.0),
    "all pairs": lambda m, g, t, x: (t[:, None] < t, t[:, None] == t, jnp.maximum(t[:, None], t)),
    "mixed": lambda m, g, t, x: (t > g, t == g, jnp.minimum(t, m), g < 2.5, g * 64 > t),
    "wrapped": lambda m, g, t, x: (t + t == 4, t * t > 5, (t + t).astype(jnp.float32) < 9),
    "where it is": lambda m, g, t, x: jax.nn.one_hot(jnp.argmin(x.reshape(3, 4), 1), 4) @ x[:4],
    "sizes of groups": lambda m, g, t, x: (
        jax.ops.segment_sum(x, g, 4) / jnp.maximum(jax.ops.segment_sum(m.astype(jnp.float32), g, 4), 1)
    ),
}

ENGINES = [
    ("secure", MpcSettings()),
    ("pair", MpcSettings()),
    ("secure", MpcSettings(fraction=32, width=128)),
]


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(("engine", "settings"), ENGINES)
def test_programs_with_counts(name, engine, settings):
    given = (MASK, GROUP, TINY, X)
    agree(Engine(engine, settings).run(PROGRAMS[name], *given), PROGRAMS[name](*map(jnp.asarray, given)))
