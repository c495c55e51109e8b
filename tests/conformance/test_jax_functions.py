"""What users write, over dtypes and magnitudes: right within a bound, reported, or refused; never silent.

The page holds all of it. `JUNTO_WRITE_PAGES=1 python -m pytest tests/conformance/test_jax_functions.py`
tries all of it and writes it anew, in a few minutes; without that every forty-fifth function is tried and
compared with its rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, log10
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jax_functions import FUNCTIONS, Make
from junto.errors import NotComputable
from junto.mpc import digits
from mpc_programs import Engine

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "spu-conformance.md"
WRITE = bool(os.environ.get("JUNTO_WRITE_PAGES"))
TRIED = list(FUNCTIONS) if WRITE else list(FUNCTIONS)[::45]
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
"""jax's own, of infinity as an integer where a softmax of integers starts."""

MAGNITUDES = (1e-3, 1.0, 1e3, 1e6)
KINDS: Mapping[str, Sequence[tuple[str, bool]]] = {
    "bool": [("bool", False)],
    "integers": [("int32", False), ("int64", True)],
    "floats": [("float32", False), ("float64", True)],
}
"""Each row's dtypes, and whether jax computes with 64 bits."""

FRACTION = 18
UNIT = 2.0**-FRACTION
LOOSE, UNITS = 1e-3, 64 * UNIT
"""Each number is right within a thousandth of itself, or within so many units in the last place."""

Bound = Callable[..., Any]


def _of_root(x: np.ndarray, *_: Any) -> float:
    units = (x.size + 4) * UNIT
    return float(units / (np.sqrt(np.var(x) / 4) + np.sqrt(units)))


def _of_divisor(x: np.ndarray, *_: Any) -> Any:
    return 8 * UNIT / (np.abs(x) + UNIT)


def _of_matrix(x: np.ndarray, *_: Any) -> float:
    return float(16 * UNIT * np.abs(np.linalg.inv(x)).max())


def _of_inverse(x: np.ndarray, *_: Any) -> float:
    return _of_matrix(x) * float(np.abs(np.linalg.inv(x)).max())


def _in_proportion(x: np.ndarray, *_: Any) -> float:
    return float(128 * UNIT * np.abs(x).max())


def _of_likelihood(x: np.ndarray, freedom: np.ndarray) -> Any:
    return 4 * UNIT / (freedom + UNIT) + 1e-5 * freedom * np.log1p(freedom)


PIVOTS = "a pivot of few units: a unit in the last place of the matrix changes the result by as much"
LOST = "a root of a sum of squares, which are less than the last place"
COARSE: Mapping[str, tuple[Bound, str]] = {
    **dict.fromkeys(("jnp.std", "jnp.nanstd", "jnp.std(x, ddof=1)", "jnp.linalg.norm"), (_of_root, LOST)),
    **dict.fromkeys(
        ("jnp.linalg.inv", "jnp.linalg.pinv", "jax.grad of jnp.linalg.slogdet"), (_of_inverse, PIVOTS)
    ),
    **dict.fromkeys(
        (
            "jnp.linalg.solve",
            "jax.scipy.linalg.lu",
            "jax.scipy.linalg.solve(a, b, assume_a='pos')",
            "jax.scipy.linalg.solve_triangular(a, b)",
        ),
        (_of_matrix, PIVOTS),
    ),
    "jnp.linalg.eigh(a), the matrix again": (_in_proportion, "the vectors have the error of `eigh`, 2e-4"),
    "jax.nn.squareplus": (_in_proportion, "the difference of two numbers of the size of x"),
    "jax.scipy.stats.chi2.logpdf": (
        _of_likelihood,
        "half of the degrees of freedom is rounded; and of many, large numbers are left of larger ones",
    ),
    "jax.scipy.stats.t.logpdf": (_of_divisor, "a square is divided by the degrees of freedom"),
}
"""Where a unit in the last place of a number on the way is more in the result: how much, and why."""


# ---------------------------------------------------------------- one cell


@dataclass(frozen=True)
class Cell:
    """One function of operands of one dtype and size.

    Attributes:
        word: "" where it is right; "coarse", "reported", "refused", "silent".
        absolute: the greatest error of one number.
        relative: that, in proportion to the greatest number of the result.
        sentence: why it is refused.
    """

    word: str = ""
    absolute: float = 0.0
    relative: float = 0.0
    sentence: str = ""

    def __str__(self) -> str:
        if self.word in ("reported", "refused"):
            return self.word
        if self.absolute == 0:
            return "exact"
        return f"{self.word} {rounded(self.absolute)} ({rounded(self.relative)})".strip()


def rounded(error: float) -> str:
    """Up to one digit."""
    if error == 0:
        return "0"
    step = 10.0 ** -ceil(-log10(error))
    return f"{ceil(error / step * 0.999999) * step:.0e}"


def operands(makes: Sequence[Make], size: float, dtype: str) -> list[np.ndarray] | None:
    """Operands that fixed point holds exactly; None: there are none of this size."""
    rng = np.random.default_rng(5)
    made = [make(rng, size) for make in makes]
    if any(np.isnan(each).any() for each in made):
        return None
    if dtype == "bool":
        return [np.abs(each) > size / 2 for each in made] if size == 1 else None
    if "int" in dtype:
        return [np.rint(each).astype(dtype) for each in made] if size >= 1 else None
    return [(np.rint(each.astype(dtype) / UNIT) * UNIT).astype(dtype) for each in made]


def right(function: Callable[..., Any], args: Sequence[np.ndarray], x64: bool) -> list[np.ndarray]:
    """What jax says, of floats in float64."""
    with jax.enable_x64(x64 or args[0].dtype.kind == "f"):
        lifted = [jnp.asarray(each.astype(np.float64) if each.dtype.kind == "f" else each) for each in args]
        return [np.asarray(each) for each in jax.tree_util.tree_leaves(function(*lifted))]


def exact(function: Callable[..., Any], args: Sequence[np.ndarray], want: list[np.ndarray]) -> list[Any]:
    """The same of float64 where floats are made of integers: jax's own float32 may have too few digits."""
    if args[0].dtype.kind == "f" or not any(each.dtype.kind == "f" for each in want):
        return want
    try:
        return right(function, [each.astype(np.float64) for each in args], True)
    except (TypeError, ValueError):  # it takes integers alone
        return want


def tried(name: str, size: float, dtype: str, x64: bool) -> Cell | None:
    """None: jax takes no operands of this dtype or size, or has no finite result."""
    function, makes = FUNCTIONS[name]
    args = operands(makes, size, dtype)
    if args is None:
        return None
    try:
        want = right(function, args, x64)
    except (TypeError, ValueError, OverflowError, jax.errors.JAXTypeError):
        return None
    if not all(np.isfinite(each).all() for each in want):
        return None
    engine = Engine("plain")
    try:
        with jax.enable_x64(x64):
            shapes = jax.tree_util.tree_leaves(jax.eval_shape(function, *args))
            got = jax.tree_util.tree_leaves(engine.run(function, *args))
    except NotComputable as refusal:
        return Cell("refused", sentence="; ".join(each for each in (refusal.args[0], refusal.fix) if each))
    except jax.errors.JAXTypeError:
        return Cell("refused", sentence="as under `jax.jit`: the shape of the result depends on values")
    assert [(each.shape, each.dtype) for each in got] == [(each.shape, each.dtype) for each in shapes], name
    word, absolute, relative = "", 0.0, 0.0
    for ours, theirs, finer in zip(got, want, exact(function, args, want), strict=True):
        fine, theirs = ours.dtype.kind == "f", theirs.astype(np.float64)
        error = np.abs(ours.astype(np.float64) - theirs)
        if fine:
            error = np.minimum(error, np.abs(ours.astype(np.float64) - finer.astype(np.float64)))
        absolute = max(absolute, float(error.max(initial=0)))
        relative = max(relative, float(error.max(initial=0) / max(np.abs(theirs).max(initial=0), UNIT)))
        if (error > (np.maximum(UNITS, LOOSE * np.abs(theirs)) if fine else 0)).any():
            word = "reported" if engine.overflows or engine.digits else _coarse(name, error, args, theirs)
    return Cell(word, absolute, relative)


def _coarse(name: str, error: np.ndarray, args: Sequence[np.ndarray], want: np.ndarray) -> str:
    bound = COARSE[name][0](*[each.astype(np.float64) for each in args]) if name in COARSE else 0.0
    return "coarse" if (error <= np.maximum(bound, digits.LOOSE * np.abs(want))).all() else "silent"


@cache
def row(name: str, kind: str) -> list[Cell | None]:
    """Of each size the worst of a kind's dtypes."""
    order = ["", "coarse", "reported", "refused", "silent"]
    found = []
    for size in MAGNITUDES:
        each = [tried(name, size, dtype, x64) for dtype, x64 in KINDS[kind]]
        present = [cell for cell in each if cell is not None]
        found.append(max(present, key=lambda cell: (order.index(cell.word), cell.absolute), default=None))
    return found


def rows() -> Iterator[tuple[str, str]]:
    return ((name, kind) for name in TRIED for kind in KINDS if any(row(name, kind)))


def test_no_number_is_wrong_without_a_word():
    silent = [
        (key, size)
        for key in rows()
        for size, cell in zip(MAGNITUDES, row(*key), strict=True)
        if cell and cell.word == "silent"
    ]
    assert silent == []


def test_the_page_says_so():
    if WRITE:
        PAGE.write_text(page())
    written = {
        tuple(each[:2]): each[2:] for each in map(split, PAGE.read_text().splitlines()) if len(each) == 6
    }
    for name, kind in rows():
        for ours, theirs in zip(map(shown, row(name, kind)), written[code(name), kind], strict=True):
            assert agrees(ours, theirs), f"{name} of {kind} is {ours}, on the page {theirs}: {AGAIN}"


# ---------------------------------------------------------------- the page

AGAIN = "JUNTO_WRITE_PAGES=1 python -m pytest tests/conformance/test_jax_functions.py"
NUMBER = re.compile(r"\d(e[+-]\d+)?")


def code(text: str) -> str:
    return f"`{text}`"


def shown(cell: Cell | None) -> str:
    return "" if cell is None else str(cell)


def split(line: str) -> list[str]:
    return [each.strip() for each in line.split("|")[1:-1]]


def agrees(ours: str, theirs: str) -> bool:
    """The last bits of a float depend on the processor, and so does a little of an error."""
    mine, other = ([float(each[0]) for each in NUMBER.finditer(cell)] or [0.0] for cell in (ours, theirs))
    words = {NUMBER.sub("", cell).replace(" ()", "") for cell in (ours, theirs)} - {"exact"}
    return len(words) < 2 and mine[0] <= 2 * other[0] + 1e-6


def page() -> str:
    lines = [
        f"| {code(name)} | {kind} | {' | '.join(map(shown, row(name, kind)))} |" for name, kind in rows()
    ]
    refusals: dict[str, dict[str, None]] = {}
    for name, kind in rows():
        for cell in row(name, kind):
            if cell and cell.word == "refused":
                refusals.setdefault(cell.sentence, {})[code(name)] = None
    return TEXT.format(
        count=len(FUNCTIONS),
        lines="\n".join(lines),
        refused="\n".join(f"| {', '.join(names)} | {why} |" for why, names in refusals.items()),
        coarse="\n".join(f"| {code(name)} | {why} |" for name, (_, why) in COARSE.items()),
    )


TEXT = """# Functions against jax

{count} functions as users write them, each of operands of four magnitudes and of every dtype that jax takes
there, with 18 fraction bits, beside jax on the same values: of floats in float64, of integers and bools in
their own dtype. Operands of a magnitude are numbers up to it of either sign, or of what the function is
defined for. Rows of integers are the worse of `int32` and `int64`, of floats the worse of `float32` and
`float64`. The gates are those of the debug mode, which round as the protocol's do.

A cell is the greatest error of one number, and in brackets the same in proportion to the greatest number of
the result. Without a word, each number is within a thousandth of itself or within 64 units in the last place
(2.4e-04); integers and bools are equal. *Coarse*: within a hundredth of itself, or within what the last table
says of the function. *Reported*: a number leaves its range, or has too few digits for what is made of it, and
the debug mode says so with its line; under secure computation the result means nothing. *Refused*: when
traced, with the sentence of the second table. No number is wrong without a word. An empty cell: jax takes no
such operands, or its own result is not finite.

<!-- Written by tests/conformance/test_jax_functions.py, which also checks it. -->

| function | of | 1e-3 | 1 | 1e3 | 1e6 |
|---|---|---|---|---|---|
{lines}

Refused:

| functions | sentence |
|---|---|
{refused}

Coarse:

| function | because of |
|---|---|
{coarse}
"""
