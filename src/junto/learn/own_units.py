"""What a linear model found, and what it says of rows, in the label's own units; on the SPU.

Each function has two results. `told`: digits and an exponent (`scaled`), for whoever is shown them. Not
`told`: fixed point, for other functions on the SPU. Where the label has no units, as with classes, and on the
logarithm of a mean, both are the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from junto.learn.families import IDENTITY, LOGARITHM, RANGE, Family
from junto.learn.scaled import DIGITS, EXPONENT


def coefficients(
    found: Any, scale: Any, *, family: Family, which: str, of: tuple[int, int] | None, told: bool
) -> Any:
    """Coefficients, all or [1, some], or the intercept.

    Args:
        found: coefficients and intercept, of what is fitted.
        scale: of the label, see `Family.numbers`.
        family: of the model.
        which: ``coef`` or ``intercept``.
        of: from which column to which.
        told: see the module.
    """
    coef, intercept = found
    spread, shift = _units(scale, family, told)
    if which == "intercept":
        return _result(intercept * spread + shift, scale, family, told)
    return _result((coef if of is None else coef[None, slice(*of)]) * spread, scale, family, told)


def uncentred(found: Any, scale: Any, offsets: Any, *, family: Family, told: bool) -> Any:
    """The intercept for columns in their own units; `offsets`: see `examine.offsets`."""
    coef, intercept = found
    spread, shift = _units(scale, family, told)
    if offsets:
        intercept = intercept - coef @ jnp.concatenate(offsets)
    return _result(intercept * spread + shift, scale, family, told)


def scores(parts: Sequence[Any], found: Any, scale: Any, *, family: Family, told: bool) -> Any:
    """The linear score of each row."""
    return scored(linear(parts, found), scale, family=family, told=told)


def scored(score: Any, scale: Any, *, family: Family, told: bool) -> Any:
    """A score of what is fitted, of each row."""
    spread, shift = _units(scale, family, told)
    return _result(score * spread + shift, scale, family, told)


def means(parts: Sequence[Any], found: Any, scale: Any, *, family: Family, told: bool) -> Any:
    """The expected label of each row."""
    if family.link == IDENTITY:
        return scores(parts, found, scale, family=family, told=told)
    return meant(linear(parts, found), scale, told=told)


def meant(score: Any, scale: Any, *, told: bool) -> Any:
    """The expected label of each row, of scores of what is fitted, which are logarithms."""
    mean = jnp.exp(jnp.clip(score + scale["lift" if told else "shift"], *RANGE))
    return {DIGITS: mean, EXPONENT: scale[EXPONENT]} if told else mean


def linear(parts: Sequence[Any], found: Any) -> Any:
    """The linear score of each row, of what is fitted."""
    coef, intercept = found
    return jnp.concatenate(parts, axis=1) @ coef + intercept


def deviations(found: Any, scale: Any, *, family: Family, of: tuple[int, int]) -> Any:
    """Inflation factors and standard errors of some columns, the latter as digits and exponent."""
    inflation, root = (each[slice(*of)] for each in found)
    spread, _ = _units(scale, family, told=True)
    return {"inflation": inflation, **_result(root * spread, scale, family, told=True)}


def read_deviations(told: Any) -> NDArray[np.float64]:
    """The same in the clear [2, columns]."""
    return np.stack([told["inflation"], np.ldexp(told[DIGITS], told[EXPONENT])])


def _units(scale: Any, family: Family, told: bool) -> tuple[Any, Any]:
    """What to multiply a linear score by, and what to add."""
    if family.link == IDENTITY:
        return (scale["digits"], scale["middle"]) if told else (scale["spread"], scale["shift"])
    return 1, scale["shift"] if family.link == LOGARITHM else 0


def _result(value: Any, scale: Any, family: Family, told: bool) -> Any:
    if not told:
        return value
    return {DIGITS: value, EXPONENT: scale[EXPONENT] if family.link == IDENTITY else np.int32(0)}
