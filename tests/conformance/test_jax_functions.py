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
from junto.config.spu_model import DEFAULT_FRACTION, FieldType
from junto.errors import NotComputable
from junto.mpc import digits
from junto.mpc.settings import MpcSettings
from mpc_programs import Engine

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "spu-conformance.md"
WRITE = bool(os.environ.get("JUNTO_WRITE_PAGES"))
TRIED = list(FUNCTIONS) if WRITE else list(FUNCTIONS)[::45]
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
"""jax's own, of infinity as an integer where a softmax of integers starts."""

MAGNITUDES = (1e-3, 1.0, 1e3, 1e6)
KINDS: Mapping[str, Sequence[str]] = {
    "bool": ["bool"],
    "integers": ["int32", "int64"],
    "floats": ["float32", "float64"],
}
"""Each row's dtypes. Of those of 64 bits jax computes with 64 bits."""

RINGS: Mapping[str, tuple[MpcSettings, Sequence[str], float]] = {
    "FM64": (MpcSettings(fraction=DEFAULT_FRACTION[FieldType.FM64]), list(KINDS), 0.0),
    "FM128": (MpcSettings(fraction=DEFAULT_FRACTION[FieldType.FM128], width=128), ["floats"], 2e-5),
}
"""Each ring, the kinds of numbers that are tried there, and what functions themselves are off by, whatever
the last place is. Integers are the same in both."""

LOOSE, UNITS = 1e-3, 64
"""Each number is right within a thousandth of itself, or within so many units in the last place."""

Bound = Callable[..., Any]
"""Of the unit in the last place and the operands."""


def _of_root(unit: float, x: np.ndarray, *_: Any) -> float:
    units = (x.size + 4) * unit
    return float(units / (np.sqrt(np.var(x) / 4) + np.sqrt(units)))


def _of_divisor(unit: float, x: np.ndarray, *_: Any) -> Any:
    return 8 * unit / (np.abs(x) + unit)


def _of_matrix(unit: float, x: np.ndarray, *_: Any) -> float:
    return float(16 * unit * np.abs(np.linalg.inv(x)).max())


def _of_inverse(unit: float, x: np.ndarray, *_: Any) -> float:
    return _of_matrix(unit, x) * float(np.abs(np.linalg.inv(x)).max())


def _in_proportion(unit: float, x: np.ndarray, *_: Any) -> float:
    return float(max(128 * unit, 2e-6) * np.abs(x).max())


def _of_likelihood(unit: float, x: np.ndarray, freedom: np.ndarray) -> Any:
    return 4 * unit / (freedom + unit) + 1e-5 * freedom * np.log1p(freedom)


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


def operands(makes: Sequence[Make], size: float, dtype: str, unit: float) -> list[np.ndarray] | None:
    """Operands that fixed point holds exactly; None: there are none of this size."""
    rng = np.random.default_rng(5)
    made = [make(rng, size) for make in makes]
    if any(np.isnan(each).any() for each in made):
        return None
    if dtype == "bool":
        return [np.abs(each) > size / 2 for each in made] if size == 1 else None
    if "int" in dtype:
        return [np.rint(each).astype(dtype) for each in made] if size >= 1 else None
    return [(np.rint(each.astype(dtype) / unit) * unit).astype(dtype) for each in made]


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


def tried(ring: str, name: str, size: float, dtype: str) -> Cell | None:
    """None: jax takes no operands of this dtype or size, or has no finite result."""
    (function, makes), (settings, _, own) = FUNCTIONS[name], RINGS[ring]
    unit, x64 = 2.0**-settings.fraction, dtype.endswith("64")
    args = operands(makes, size, dtype, unit)
    if args is None:
        return None
    try:
        want = right(function, args, x64)
    except (TypeError, ValueError, OverflowError, jax.errors.JAXTypeError):
        return None
    if not all(np.isfinite(each).all() for each in want):
        return None
    engine = Engine("plain", settings)
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
        relative = max(relative, float(error.max(initial=0) / max(np.abs(theirs).max(initial=0), unit)))
        if (error > (np.maximum(max(UNITS * unit, own), LOOSE * np.abs(theirs)) if fine else 0)).any():
            said = engine.overflows or engine.digits
            word = "reported" if said else _coarse(name, error, [unit, *args], theirs)
    return Cell(word, absolute, relative)


def _coarse(name: str, error: np.ndarray, args: Sequence[Any], want: np.ndarray) -> str:
    bound = COARSE[name][0](*[np.asarray(each, np.float64) for each in args]) if name in COARSE else 0.0
    return "coarse" if (error <= np.maximum(bound, digits.LOOSE * np.abs(want))).all() else "silent"


@cache
def row(ring: str, name: str, kind: str) -> list[Cell | None]:
    """Of each size the worst of a kind's dtypes."""
    order = ["", "coarse", "reported", "refused", "silent"]
    found = []
    for size in MAGNITUDES:
        each = [tried(ring, name, size, dtype) for dtype in KINDS[kind]]
        present = [cell for cell in each if cell is not None]
        found.append(max(present, key=lambda cell: (order.index(cell.word), cell.absolute), default=None))
    return found


def rows() -> Iterator[tuple[str, str, str]]:
    for ring, (_, kinds, _) in RINGS.items():
        yield from ((ring, name, kind) for name in TRIED for kind in kinds if any(row(ring, name, kind)))


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
    _, *sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    written = {
        (section.split()[0], *each[:2]): each[2:]
        for section in sections
        for each in map(split, section.splitlines())
        if len(each) == 6
    }
    for ring, name, kind in rows():
        said = written[ring, code(name), kind]
        for ours, theirs in zip(map(shown, row(ring, name, kind)), said, strict=True):
            assert agrees(ours, theirs), f"{name} of {kind} in {ring} is {ours}, there {theirs}: {AGAIN}"


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
    lines: dict[str, list[str]] = {ring: [] for ring in RINGS}
    refusals: dict[str, dict[str, None]] = {}
    for ring, name, kind in rows():
        cells = row(ring, name, kind)
        lines[ring].append(f"| {code(name)} | {kind} | {' | '.join(map(shown, cells))} |")
        for cell in cells:
            if cell and cell.word == "refused":
                refusals.setdefault(cell.sentence, {})[code(name)] = None
    return TEXT.format(
        count=len(FUNCTIONS),
        **{ring: "\n".join(each) for ring, each in lines.items()},
        refused="\n".join(f"| {', '.join(names)} | {why} |" for why, names in refusals.items()),
        coarse="\n".join(f"| {code(name)} | {why} |" for name, (_, why) in COARSE.items()),
    )


TEXT = """# Functions against jax

{count} functions as users write them, each of operands of four magnitudes and of every dtype that jax takes
there, in both rings with as many fraction bits as they have by default (18 and 32), beside jax on the same
values: of floats in float64, of integers and bools in their own dtype. Operands of a magnitude are numbers up
to it of either sign, or of what the function is defined for. Rows of integers are the worse of `int32` and
`int64`, of floats the worse of `float32` and `float64`. The gates are those of the debug mode, which round as
the protocol's do.

A cell is the greatest error of one number, and in brackets the same in proportion to the greatest number of
the result. Without a word, each number is within a thousandth of itself or within 64 units in the last place
(2.4e-04; in `FM128` 1.5e-08, or within 2e-05, by which functions such as sines are off); integers and bools
are equal. *Coarse*: within a hundredth of itself, or within what the last table says of the function.
*Reported*: a number leaves its range, or has too few digits for what is made of it, and the debug mode says
so with its line; under secure computation the result means nothing. *Refused*: when traced, with the sentence
of the second table. No number is wrong without a word. An empty cell: jax takes no such operands, or its own
result is not finite.

<!-- Written by tests/conformance/test_jax_functions.py, which also checks it. -->

## FM64

| function | of | 1e-3 | 1 | 1e3 | 1e6 |
|---|---|---|---|---|---|
{FM64}

## FM128

Floats; integers and bools are what they are in `FM64`.

| function | of | 1e-3 | 1 | 1e3 | 1e6 |
|---|---|---|---|---|---|
{FM128}

## Refused

| functions | sentence |
|---|---|
{refused}

## Coarse

| function | because of |
|---|---|
{coarse}
"""
