"""``python -m benchmarks.models``: all models on an SPU beside jax; writes ``docs/reference/spu-models.md``.

The page holds all of them, so it is written only where flax, equinox, dm-haiku, optax, scikit-learn and
sf-sml can be imported; the last one wants to import `spu`, and anything of that name will do.
``--only with_jax`` prints one family's lines.
"""

from __future__ import annotations

import argparse
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

import junto as sf
from benchmarks.models.model import Model
from junto.errors import NotComputable

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "spu-models.md"
PARTIES = ["alice", "bob", "carol"]
FAMILIES = ("with_jax", "with_flax", "with_equinox", "with_haiku", "with_sml")
LIBRARIES = ("jax", "flax", "equinox", "dm-haiku", "optax", "sf-sml", "scikit-learn")
RUNS, LONG_S = 3, 5.0
TEXT = """# Models against jax

Models as people have them, small, with random parameters: all arguments are secret, and what is compared are
outputs, or the parameters after training, with jax on the same numbers. No model is changed for the SPU but
for the scale of gradients that [Train with optax](../how-to/train.md) asks for. The tests try those that are
written with jax alone; the others need libraries that junto does not.

*Error*: the greatest absolute one of any number of the result, and the greatest number. *Rounds* and *sent*
(by one computing party, the online phase) are counts. *Seconds*: the least of {runs} calls, or one that takes
long, in a simulation of three parties on one machine of {cores} shared cores, which is noisy; jax likewise,
compiled. Others were at work on them, up to ten on each, so seconds may be several times too many.
*Refused*: when traced, with this sentence.

<!-- Written by `python -m benchmarks.models`. {versions} -->

| model | written with | error | rounds | sent, kB | seconds | of jax |
|---|---|---|---|---|---|---|
{models}

## Many small operations

What a node computes between two rounds is a few numbers and much Python. Processor seconds of all three nodes
together, in one process: the least of 6 calls, on 2 shared cores with others at work, so to be read within a
tenth. *Before*: when each dealt product was read for itself and each step on public values was a task.
LAMB takes more rounds than it did, for its norms are right for numbers up to four million since.

| program | rounds before | rounds now | before | now |
|---|---|---|---|---|
| 1,000 products of two numbers, each of the last one's | 1000 | 1000 | 1.37 | 1.08 |
| logistic regression by Newton, 10,000 x 10, 2 steps with `jnp.linalg.solve` | 890 | 518 | 1.58 | 1.34 |
| k-means, 60 x 4, 4 turns | 111 | 56 | 0.165 | 0.103 |
| one step of Adam, perceptron of 6, 16, 1 | 41 | 37 | 0.351 | 0.180 |
| one step of LAMB, the same | 85 | 91 | 0.824 | 0.599 |

With `jax.scipy.linalg.solve(a, b, assume_a="pos")`, which chooses no pivots, Newton's steps take 462 rounds.

## Estimators of sf-sml

SecretFlow's own library of estimators, as it is: its classes are fitted and asked on the SPU. *Error* is that
against the same code under jax, as above; the last column is the greatest difference from scikit-learn, which
is the algorithms' and not the arithmetic's.

| estimator | error | rounds | sent, kB | seconds | from scikit-learn |
|---|---|---|---|---|---|
{estimators}
"""


def main() -> None:
    options = _parser().parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    sf.init(parties=PARTIES, address="local")
    spu = sf.SPU(parties=PARTIES)
    names = options.only or FAMILIES
    done = options.lines.read_text().splitlines() if options.lines else []
    tables: dict[bool, list[str]] = {False: [], True: []}
    for name in names:
        for model in import_module(f"benchmarks.models.{name}").models():
            first = _first(model, name == "with_sml")
            line = next((each for each in done if each.startswith(first)), None)
            if line is None:
                line = first + _cells(spu, model, name == "with_sml")
            print(line, flush=True)
            tables[name == "with_sml"].append(line)
    if not options.only:
        PAGE.write_text(_page(tables))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("--only", action="append", choices=FAMILIES, help="a family; no page")
    parser.add_argument("--lines", type=Path, help="what an interrupted run has printed, to go on from there")
    return parser


def _page(tables: dict[bool, list[str]]) -> str:
    return TEXT.format(
        runs=RUNS,
        cores=os.cpu_count(),
        versions=", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        models="\n".join(tables[False]),
        estimators="\n".join(tables[True]),
    )


def _first(model: Model, estimator: bool) -> str:
    return f"| {model.name} | " if estimator else f"| {model.name} | {model.library} | "


def _cells(spu: Any, model: Model, estimator: bool) -> str:
    try:
        cells = _measured(spu, model, estimator)
    except NotComputable as refusal:
        cells = [f"refused: {refusal.message}", *[""] * 4]
    return f"{' | '.join(cells)} |"


def _measured(spu: Any, model: Model, estimator: bool) -> list[str]:
    alice = sf.PYU("alice")
    leaves, tree = jax.tree_util.tree_flatten(tuple(model.arguments))
    handles = [alice(lambda each=each: each)().to(spu) for each in leaves]
    sf.wait(handles)

    def function(*flat: Any) -> Any:
        return model.function(*jax.tree_util.tree_unflatten(tree, flat))

    compute, cost = spu(function), spu.explain(function)(*handles)
    got = jax.tree_util.tree_leaves(sf.reveal(compute(*handles)))
    seconds = _least(lambda: sf.wait(compute(*handles)))
    compiled = jax.jit(lambda *given: jax.tree_util.tree_leaves(model.function(*given)))
    want = jax.block_until_ready(compiled(*model.arguments))
    clear = _least(lambda: jax.block_until_ready(compiled(*model.arguments)))
    error, size = greatest(got, want)
    sent = max(cost.online_bytes.values())
    cells = [
        f"{error:.0e} of {size:.2g}",
        str(cost.rounds),
        f"{sent / 1000:,.0f}",
        f"{seconds:.2g}",
        f"{clear:.0e}",
    ]
    if not estimator:
        return cells
    return [*cells[:-1], "" if model.other is None else model.other(got)]


def greatest(got: Any, want: Any) -> tuple[float, float]:
    """The greatest absolute error of a tree's numbers, and the greatest number."""
    pairs: Iterator[tuple[np.ndarray, np.ndarray]] = (
        (np.asarray(one).astype(np.float64), np.asarray(two).astype(np.float64))
        for one, two in zip(got, want, strict=True)
    )
    found = [(np.abs(one - two).max(initial=0), np.abs(two).max(initial=0)) for one, two in pairs]
    return float(max(error for error, _ in found)), float(max(size for _, size in found))


def _least(work: Callable[[], object]) -> float:
    """Of `RUNS`, or of one that takes long."""
    seconds: list[float] = []
    while len(seconds) < RUNS and sum(seconds) < LONG_S:
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


if __name__ == "__main__":
    main()
