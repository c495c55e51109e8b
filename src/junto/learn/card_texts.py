"""A scorecard in the clear: the entries of each owner's features, and the card as a table, CSV and Python."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.errors import LearnError
from junto.learn.examine import ColumnScaling, matrix

Entry = Mapping[str, Any]
"""``feature``; ``kind``: `BASE`, `BETWEEN` (``value`` is both edges; the lower one is in the bin), `IS`
(``value`` is in the bin) or `MISSING`; ``woe``; ``points``."""

BASE: Final = "base points"
BETWEEN, IS, MISSING = "between", "is", "missing"


def entries(state: tuple[Any, Any, Any], coef: Any, scaling: ColumnScaling, factor: float) -> list[Entry]:
    """At the owner of features: points of each bin.

    Args:
        state: `bins_`, `woe_` and `numeric_` of the encoder.
        coef: of the features in their own units, in the order of `scaling`.
        scaling: of the model.
        factor: points for a unit of the odds' logarithm.

    Raises:
        LearnError: the model has other features.
    """
    bins, weights, numeric = state
    known = _coefficients(weights, coef, scaling)
    found: list[Entry] = []
    for feature, of_bins in weights.items():
        for (kind, value), weight in zip(_bins(bins[feature], numeric[feature]), of_bins, strict=True):
            points = -factor * known[feature] * float(weight)
            found.append(
                {"feature": feature, "kind": kind, "value": value, "woe": float(weight), "points": points}
            )
    return found


def lost(
    table: Any, weights: Mapping[str, Any], coef: Any, scaling: ColumnScaling, factor: float
) -> NDArray[np.float64]:
    """At the owner of features: points that each row lacks to the best bin of each [rows, features].

    Args:
        table: of the features, encoded.
        weights, coef, scaling, factor: see `entries`.
    """
    known = _coefficients(weights, coef, scaling)
    names, values = matrix(table)
    best = [max(-known[name] * float(each) for each in weights[name]) for name in names]
    here = -values * [known[name] for name in names]
    return np.maximum((np.asarray(best) - here) * factor, 0)


def _coefficients(weights: Mapping[str, Any], coef: Any, scaling: ColumnScaling) -> dict[str, float]:
    known = dict(zip(scaling.names, map(float, np.asarray(coef).reshape(-1)), strict=True))
    if set(known) != set(weights):
        raise LearnError(
            "the model was not fitted to the features of the encoder",
            fix="fit it to encoder.transform(frame)",
        )
    return known


def _bins(bins: Any, numeric: bool) -> list[tuple[str, Any]]:
    if not numeric:
        return [(MISSING, None) if value is None else (IS, value) for value in bins]
    edges = [-math.inf, *map(float, bins[1:-1]), math.inf]
    between = [(BETWEEN, (low, high)) for low, high in pairwise(edges)]
    return [*between, (MISSING, None)]


# -------------------------------------------------------------------- the whole card, at who gets it


def columns_of(card: Sequence[Entry]) -> dict[str, list[Any]]:
    """The card as columns: see `Scorecard.table`."""
    return {
        "feature": [each["feature"] for each in card],
        "bin": [_label(each) for each in card],
        "woe": [each["woe"] for each in card],
        "points": [each["points"] for each in card],
    }


def _label(entry: Entry) -> str:
    kind, value = entry["kind"], entry["value"]
    if kind == BETWEEN:
        return f"[{value[0]!r}, {value[1]!r})"
    return str(value) if kind == IS else "" if kind == BASE else MISSING


def as_csv(card: Sequence[Entry]) -> str:
    """The same as CSV (RFC 4180); what a spreadsheet would take for a formula has a quote before it."""
    columns, text = columns_of(card), io.StringIO()
    rows = csv.writer(text)
    rows.writerow(columns)
    rows.writerows([list(map(_harmless, row)) for row in zip(*columns.values(), strict=True)])
    return text.getvalue()


def _harmless(value: Any) -> Any:
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def as_python(card: Sequence[Entry]) -> str:
    """The card as the source of a module that needs nothing but Python.

    Raises:
        LearnError: a bin is of values that have no literal.
    """
    base, gaps = 0.0, dict[str, float]()
    numbers = dict[str, tuple[list[float], list[float]]]()
    values = dict[str, dict[Any, float]]()
    for each in card:  # made plain, whatever another party sent: it becomes a program
        name, kind, points = str(each["feature"]), each["kind"], float(each["points"])
        if kind == BASE:
            base = points
        elif kind == BETWEEN:
            inner, found = numbers.setdefault(name, ([], []))
            found.append(points)
            upper = float(each["value"][1])
            inner += [upper] if math.isfinite(upper) else []
        elif kind == MISSING:
            gaps[name] = points
        else:
            if type(each["value"]) not in (str, bool, int, float):
                raise LearnError(f"a value of {name!r} is no text and no number", fix="export it as csv")
            values.setdefault(name, {})[each["value"]] = points
    return TEMPLATE.format(base=base, numbers=numbers, values=values, gaps=gaps)


TEMPLATE: Final = '''"""A scorecard. score(row) takes a dict of features, and returns points."""

from bisect import bisect_right

BASE = {base!r}
NUMBERS = {numbers!r}  # feature: (edges between bins, points); an edge is in the bin above it
VALUES = {values!r}  # feature: points of each value; another value has 0
MISSING = {gaps!r}  # feature: points of None and NaN


def points(row):
    """Points of each feature."""
    found = {{}}
    for name in [*NUMBERS, *VALUES]:
        value = row[name]
        if value is None or value != value:
            found[name] = MISSING.get(name, 0.0)
        elif name in NUMBERS:
            edges, each = NUMBERS[name]
            found[name] = each[bisect_right(edges, value)]
        else:
            found[name] = VALUES[name].get(value, 0.0)
    return found


def score(row):
    """Base points and those of all features."""
    return BASE + sum(points(row).values())
'''
