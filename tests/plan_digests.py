"""Digests of the plans of many functions: the same with every version of jax that junto supports.

`python tests/plan_digests.py` compares what the jax of this environment makes of them with the record in
`vectors/plans.json`, `--write FILE` writes it, and of the files of several versions it makes that record.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jax_functions import FUNCTIONS, Function, signed_four
from junto.mpc.plan import trace

RECORDED = Path(__file__).resolve().parent / "vectors" / "plans.json"


def row_by_row(x: Any) -> Any:
    return sum(row * number for number, row in enumerate(x))


def matrix(rng: np.random.Generator, size: float) -> np.ndarray:
    return rng.uniform(-size, size, (4, 3)).astype(np.float32)


def gradient(x: Any, labels: Any) -> Any:
    """Of the loss of a logistic regression, some steps long."""

    def loss(weights: Any) -> Any:
        return jnp.mean(jnp.logaddexp(0.0, x @ weights) - labels * (x @ weights))

    start = jnp.zeros(x.shape[1])
    return lax.fori_loop(0, 5, lambda _, weights: weights - 0.1 * jax.grad(loss)(weights), start)


BESIDES: Mapping[str, Function] = {
    "for row in x": (row_by_row, [matrix]),
    "jnp.stack": (lambda x: jnp.stack([x, x], 1), [matrix]),
    "jnp.tile": (lambda x: jnp.tile(x, (2, 3)), [matrix]),
    "jax.vmap": (jax.vmap(lambda row: row @ row), [matrix]),
    "lax.map": (lambda x: lax.map(jnp.sum, x), [matrix]),
    "lax.scan": (lambda x: lax.scan(lambda c, row: (c + row, c * row), x[0], x), [matrix]),
    "x.at[0].apply": (lambda x: x.at[0].apply(jnp.sin), [matrix]),
    "jax.random.normal": (lambda x: x * jax.random.normal(jax.random.key(3), x.shape), [matrix]),
    "the gradient of a loss": (gradient, [matrix, signed_four]),
}
"""What programs are made of, beside functions."""


def digests(every: int = 1) -> dict[str, str]:
    """Of each function that can be traced with its operands as floats, or of one in `every`."""
    found = {}
    for name, (function, makes) in [*BESIDES.items(), *FUNCTIONS.items()][::every]:
        operands = [make(np.random.default_rng(0), 1.0) for make in makes]
        try:
            plan = trace(function, operands, {})
        except (TypeError, ValueError, jax.errors.ConcretizationTypeError):
            continue
        found[name] = plan.fingerprint
    return found


def unlike(found: Mapping[str, str]) -> list[str]:
    """The functions whose plans are recorded as alike for all versions, and are not as recorded."""
    alike = json.loads(RECORDED.read_text())["alike"]
    return [name for name, each in found.items() if alike.get(name, each) != each]


def recorded(several: Sequence[Mapping[str, str]]) -> dict[str, object]:
    """What `vectors/plans.json` holds, of the digests of several versions."""
    first, *others = several
    alike = {name: each for name, each in first.items() if all(each == other.get(name) for other in others)}
    names = {name for each in several for name in each}
    return {"alike": alike, "otherwise": sorted(names - set(alike))}


def main(arguments: Sequence[str]) -> int:
    """Write, make or compare."""
    match arguments:
        case ["--write", path]:
            Path(path).write_text(json.dumps(digests()))
        case [_, *_]:
            several = [json.loads(Path(path).read_text()) for path in arguments]
            RECORDED.write_text(json.dumps(recorded(several), indent=1) + "\n")
        case _:
            differing = unlike(digests())
            print(*(f"another plan with jax {jax.__version__}: {name}" for name in differing), sep="\n")
            return int(bool(differing))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
