"""Precision, recall and F1 of classes, in the clear: of one that is looked for, or averaged over several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.errors import LearnError
from junto.learn.metrics.arguments import MetricForm, in_clear, require_binary, require_whole

BINARY, MICRO, MACRO, WEIGHTED = "binary", "micro", "macro", "weighted"
CLASSES: Final = MetricForm(text=True)
PRECISION, RECALL, F1 = "precision", "recall", "f1"


@dataclass(frozen=True, slots=True)
class Averaging:
    """Scikit-learn's parameters of these metrics; see `junto.learn.metrics.precision_score`."""

    pos_label: Any = 1
    labels: tuple[Any, ...] | None = None
    average: str | None = BINARY
    zero_division: float = 0.0


USUAL: Final = Averaging()


def score(which: str, given: tuple[Any, Any, Any], how: Averaging) -> Any:
    """One of the three metrics.

    Args:
        which: `PRECISION`, `RECALL` or `F1`.
        given: labels, guesses and weights of rows, or None.
        how: see `Averaging`.

    Returns:
        A number; without an average one for each class [classes], in ascending order or in that of `labels`.

    Raises:
        LearnError: they cannot be judged so.
    """
    y, guess, w = in_clear(CLASSES, *given)
    require_alike(y, guess)
    there = np.unique(np.concatenate([require_whole(y), require_whole(guess)]))
    classes = _asked(there, how)
    of_y, of_guess = ([values == each for each in classes] for values in (y, guess))
    alike = [one & other for one, other in zip(of_y, of_guess, strict=True)]
    counts = np.array([[w @ rows for rows in each] for each in (alike, of_guess, of_y)])
    both, guessed, true = counts.sum(axis=1) if how.average == MICRO else counts
    found = {
        PRECISION: lambda: _over(both, guessed, how),
        RECALL: lambda: _over(both, true, how),
        F1: lambda: _over(2 * both, guessed + true, how),
    }[which]()
    if how.average is None:
        return found
    weigh = how.average == WEIGHTED and true.any()
    return float(np.average(found, weights=true if weigh else None))


def require_alike(y: NDArray[Any], guess: NDArray[Any]) -> None:
    """Raise a LearnError if one has words, and the other numbers."""
    if (y.dtype.kind == "U") != (guess.dtype.kind == "U"):
        raise LearnError("one argument of a metric has words, and the other numbers", fix="encode both alike")


def _asked(there: NDArray[Any], how: Averaging) -> Any:
    """The classes that count."""
    if how.average != BINARY:
        classes = there if how.labels is None else np.asarray(how.labels)
        require_alike(there, classes)
        return classes
    words, wanted = there.dtype.kind == "U", how.pos_label
    if not words and wanted == USUAL.pos_label:
        require_binary(there)
    elif isinstance(wanted, str) != words or len({wanted, *there.tolist()}) > 2:
        raise LearnError(
            f"pos_label is {wanted!r}, which is not one of two classes: there are {len(there)}",
            fix='pos_label="yes", the class that is looked for; of more than two average="macro", "micro", '
            '"weighted", or None for a number each',
        )
    return [how.pos_label]


def _over(some: Any, whole: Any, how: Averaging) -> NDArray[np.float64]:
    some, whole = np.atleast_1d(some), np.atleast_1d(whole)
    nothing = np.full(len(some), float(how.zero_division))
    found: NDArray[np.float64] = np.divide(some, whole, out=nothing, where=whole > 0)
    return found
