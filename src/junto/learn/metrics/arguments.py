"""What metrics are given: checked once for all of them, by shapes that everybody knows, or in the clear.

The same rules at a party and on the SPU: two vectors of the same length, or tables of one column; of
probabilities also two columns, of the classes 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.errors import LearnError
from junto.learn import scaled
from junto.learn.examine import matrix
from junto.learn.faults import TableFault, fault_of

Floats = NDArray[np.float64]

WEIGHT: Final = "sample_weight"
"""What the argument is called that says how much each row counts."""


@dataclass(frozen=True, slots=True)
class MetricForm:
    """What a metric takes.

    Attributes:
        least: rows, at least.
        columns: the second argument may have so many.
        classes: the first argument has two classes.
        text: classes may be words.
        ordered: of the second argument only the order matters.
    """

    least: int = 1
    columns: int = 1
    classes: bool = False
    text: bool = False
    ordered: bool = False


def require_shapes(form: MetricForm, first: Sequence[int], second: Sequence[int], *weight: Any) -> None:
    """See the module; `weight`: the shape of the rows' weights, if there are any.

    Raises:
        LearnError: a metric cannot be computed from arrays of these shapes.
    """
    given = (("first", first, 1), ("second", second, form.columns), *((WEIGHT, each, 1) for each in weight))
    for name, shape, columns in given:
        if not (len(shape) == 1 or (len(shape) == 2 and 1 <= shape[1] <= columns)):
            wide = " or of two columns, for the classes 0 and 1" if columns > 1 else ""
            raise LearnError(
                f"the {name} argument of a metric has the shape {tuple(shape)}",
                fix=f"pass a vector, or a table of one column{wide}",
            )
    for other in (second, *weight):
        if first[0] != other[0]:
            raise LearnError(
                f"a metric was given {first[0]} rows and {other[0]} rows",
                fix="rows belong together by their place: pass label, scores and weights of the same rows",
            )
    if first[0] < form.least:
        raise LearnError(
            f"a metric was given {first[0]} rows, and needs {form.least} at least", fix="give more rows"
        )


def in_clear(form: MetricForm, first: Any, second: Any, weight: Any = None) -> tuple[Any, Any, Floats]:
    """The arguments as vectors. Two classes become 0 and 1: the greater one is 1, as in scikit-learn.

    Without a weight all rows weigh 1.

    Raises:
        LearnError: they cannot be judged.
    """
    y, other = (
        _values(first, "first", text=form.text or form.classes),
        _values(second, "second", text=form.text, digits=form.ordered),
    )
    weights = np.ones(len(y)) if weight is None else as_weights(weight)
    require_shapes(form, y.shape, other.shape, weights.shape)
    y, other = y.reshape(-1), other[:, -1] if other.ndim == 2 else other
    return (_greater(y) if form.classes else y), other, weights.reshape(-1)


def _greater(y: NDArray[Any]) -> Floats:
    classes = np.unique(y)
    if len(classes) != 2:
        raise LearnError(f"the label of a metric has {len(classes)} classes", fix="two classes must occur")
    return np.asarray(y == classes[1], np.float64)


def numbers(values: Any) -> Floats:
    """One argument, a vector of numbers.

    Raises:
        LearnError: it is something else.
    """
    vector = _values(values, "first", text=False)
    require_shapes(MetricForm(), vector.shape, vector.shape)
    found: Floats = vector.reshape(-1)
    return found


def as_vector(values: Any) -> Floats:
    """What its owner shares of an argument: numbers, as they are.

    Raises:
        LearnError: it has none.
    """
    return _values(values, "shared", text=False)


def as_weights(values: Any) -> Floats:
    """The same of weights of rows, brought to 1 at most: no metric changes if all of them are halved.

    Raises:
        LearnError: as `as_vector`; one is below 0, or all are 0.
    """
    weights = _values(values, WEIGHT, text=False)
    if weights.min(initial=0.0) < 0 or not weights.any():
        raise LearnError(
            "sample_weight has numbers below 0, or zeros only", fix="weigh rows by numbers from 0 on"
        )
    found: Floats = weights / weights.max()
    return found


def as_classes(values: Any) -> Floats:
    """The same of a label of two classes: 1 is the greater one. Errors: as `as_vector`."""
    y = _values(values, "shared", text=True)
    return _greater(y) if y.ndim == 1 else y


def as_labels(values: Any) -> Floats:
    """The same of classes that are numbers. Errors: as `as_vector`; or it has decimals."""
    return require_whole(as_vector(values))


def require_whole(values: NDArray[Any]) -> NDArray[Any]:
    """Classes, which are whole numbers or words.

    Raises:
        LearnError: they have decimals.
    """
    if values.dtype.kind == "f" and not np.equal(values % 1, 0).all():
        raise LearnError("accuracy is for classes, not for numbers with decimals", fix="take r2_score")
    return values


def as_binary(values: Any) -> Floats:
    """The same of 0 and 1. Errors: as `as_vector`; or there are other numbers."""
    return require_binary(as_vector(values))


def require_binary(values: Floats) -> Floats:
    """Classes 0 and 1, of which 1 is looked for.

    Raises:
        LearnError: there are other numbers.
    """
    if not np.isin(values, (0, 1)).all():
        raise LearnError(
            "precision and recall are for classes 0 and 1",
            fix="say which class is looked for: bob(lambda y: y == 'yes')(y), likewise of the guesses",
        )
    return values


def as_ranks(values: Any) -> NDArray[Any]:
    """Numbers in the same order, with the same ties. Errors: as `as_vector`."""
    scores = _values(values, "shared", text=False, digits=True)
    return np.unique(scores, return_inverse=True)[1].reshape(scores.shape).astype(np.int32)


def in_digits(values: Any) -> dict[str, Any]:
    """The same with an exponent of their own, see `scaled`. Errors: as `as_vector`."""
    return scaled.in_digits(as_vector(values))


def _values(values: Any, name: str, *, text: bool, digits: bool = False) -> NDArray[Any]:
    """An argument as an array of numbers, or if that will do of words; `digits`: see `_with_all_digits`."""
    try:
        try:
            found = matrix(values, vector=True)[1][:, 0]
        except TableFault as fault:
            if fault.kind != "shape":
                raise
            found = matrix(values)[1]
        return _with_all_digits(found, values) if text or digits else found
    except TableFault as fault:
        words = np.asarray(values) if text and fault.kind == "text" else None
        if words is not None and all(isinstance(word, str) for word in words.flat):
            return words.astype(np.str_)
        raise fault_of(fault.kind, f"the {name} argument of a metric", fault.column) from fault


def _with_all_digits(found: Floats, values: Any) -> NDArray[Any]:
    """Whole numbers of which a float may have lost digits, as they were: names are the same or not."""
    if not found.size or np.abs(found).max() < 2.0**53:
        return found
    given = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    given = np.asarray(given.tolist()) if given.dtype.kind == "O" else given  # of pandas' own integers
    return given.reshape(found.shape) if given.dtype.kind in "iu" else found
