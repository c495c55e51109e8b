"""Where a result has lost its digits on the way: for the debug mode, which sees values.

`n / jnp.sum(1 / x)` of salaries adds reciprocals of a few units each: no step is wrong by more than half a
unit, the result by a half. So beside each float that a step has rounded the debug mode keeps the same number
as float64 makes it of the same inputs, its twin; where a result leaves the program, both are compared with
what is promised: the greatest error is within a thousandth of the greatest number, however small that is;
beside larger numbers, each one is within a thousandth of itself, or as near as a function is, 2e-5, and
within a hundredth, or 64 units. Twins begin with what a party puts in, before it is rounded, and go on from
call to call.

What lost digits decide is followed as numbers are (`decisions`): a count, an order, a choice.
A narrow decision is as the fixed-point numbers have it, and no error. The steps themselves are in
`twin_steps`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.decisions import DECIDING, Choices, decided
from junto.mpc.digits import LOOSE, UNITS
from junto.mpc.plain_gates import PlainRing
from junto.mpc.plan_steps import REVEAL, Block, PlanStep, ShapeDtype
from junto.mpc.twin_steps import CHOOSING, FINEST, FOLLOWED, MOVED, SUMS, held
from junto.mpc.values import Public, Secret, Value
from junto.mpc.visibility import place

_Floats = NDArray[np.float64]

PROMISED = 1e-3
"""A result that is off by less than this part of itself is right."""

FUNCTIONS = 2e-5
"""What a function such as a sine may be off by, whatever the last place is."""

NOTHING = 2.0**-48
"""What is less than this in float64 is as good as 0 there: cos(pi / 2) is 6e-17."""


_NONE = np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class Twin:
    """The numbers of a secret as float64 has them.

    Args:
        numbers: as many as the secret holds, or as its scale has.
        lost: the step that was the first to lose more than a thousandth of its largest number, and where.
        outside: what is to be said if one of those that are NaN is chosen: a function is not defined there.
    """

    numbers: _Floats
    lost: str = ""
    outside: str = ""

    def moved(self, move: Callable[[Any], Any], shape: tuple[int, ...]) -> Twin | None:
        """The twin of a secret that is moved; None: it has another shape than what is moved."""
        return replace(self, numbers=move(self.numbers)) if self.numbers.shape == shape else None


class Twins:
    """Keeps twins, and compares them (`interpret.StepHooks.twins`).

    Args:
        fraction: the SPU's bits after the point.
        say: takes a sentence where a result is wrong.
        warn: takes one where a function is not defined for what it is given.
    """

    def __init__(self, fraction: int, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._fraction = fraction
        self._say = say
        self._warn = warn
        self._choices = Choices()
        self._step: PlanStep | None = None
        self._outside = ""

    def read(self, block: Block) -> None:
        """What is to be followed."""
        self._choices.read(block)

    def begin(self, step: PlanStep) -> None:
        """The step that `put_off` speaks of from here on."""
        self._step, self._outside = step, ""

    def put_off(self, sentence: str, domain: bool) -> bool:
        """Whether a number out of range is no matter unless it is chosen, and said where that happens.

        In `jnp.where(x > 0, jnp.log(x), 0)` it is none, whatever comes of it in the logarithm.

        Args:
            sentence: what is to be said.
            domain: whether a function is not defined there.
        """
        if domain and self._step is not None and self._choices.only(self._step):
            self._outside = sentence
        return bool(self._outside)

    def enter(self, value: Value, held: Any) -> Value:
        """An argument, with the twin that was kept beside what holds it."""
        if isinstance(value, Public) or not _is_float(value) or held.exact is None:
            return value
        return replace(value, twin=Twin(held.exact))

    def keep(self, value: Value, held: Any) -> None:
        """Beside what holds a result, for the next call."""
        if isinstance(value, Secret) and _is_float(value) and value.twin and isinstance(held, PlainRing):
            held.exact = np.broadcast_to(value.twin.numbers, value.shape)

    def follow(self, step: PlanStep, operands: Sequence[Value], results: Sequence[Value]) -> Sequence[Value]:
        """The results of a step with their twins."""
        if step.name == REVEAL and isinstance(operands[0], Secret):
            self.leave(operands[0])
        if step.name in DECIDING and results and _is_decision(results[0]) and not _recounts(step, operands):
            return self._decided(step, operands, results)
        twins = [each.twin for each in operands if isinstance(each, Secret) and each.twin]
        outside = self._outside or next((each.outside for each in twins if each.outside), "")
        if step.name in MOVED and not _recounts(step, operands):
            return results
        made = self._made(step, operands, results)
        lost = twins[0].lost if twins else ""
        followed = [
            self._twin(step, number, each, Twin(_NONE, lost, outside))
            for number, each in enumerate(zip(results, made, strict=True))
        ]
        self._outside = ""
        return followed

    def _made(self, step: PlanStep, operands: Sequence[Value], results: Sequence[Value]) -> Sequence[Any]:
        """The numbers of the results; None: they begin anew."""
        compute = FOLLOWED.get(step.name)
        twins = any(isinstance(x, Secret) and x.twin for x in operands)
        follows = twins or (step.name not in CHOOSING and any(map(_is_float, results)))
        none = [None] * len(results)
        secret = any(isinstance(x, Secret) for x in results)  # n % 1 is known to all
        if not (compute and follows and secret and all(map(_has_numbers, operands))):
            return none
        numbers = [_numbers(each) for each in operands]
        try:
            with np.errstate(all="ignore"):
                found = compute(step, results, *numbers)
                if step.name in SUMS:  # NaN, for which the numbers that are there stand
                    whole = FOLLOWED[SUMS[step.name]](step, results, *map(np.abs, numbers))
                    found = np.where(np.abs(found) < FINEST * whole, np.nan, found)
        except (ArithmeticError, TypeError, ValueError):  # float64 has no such step: no reason to end a run
            return none
        return found if isinstance(found, list) else [found]

    def _decided(
        self, step: PlanStep, operands: Sequence[Value], results: Sequence[Value]
    ) -> Sequence[Value]:
        """A result that is no float, with the twin that its operands' twins decide."""
        twins = [each.twin for each in operands if isinstance(each, Secret) and each.twin]
        (value,) = results
        if not twins or not isinstance(value, Secret) or not all(map(_has_numbers, operands)):
            return results
        actual = np.broadcast_to(held(value), step.forms[0].shape)
        numbers = [_numbers(each) for each in operands]
        try:
            with np.errstate(all="ignore"):
                found = decided(step.name, step.params, actual, numbers)
        except (ArithmeticError, TypeError, ValueError):  # of what cannot be compared: as it is
            return results
        lost = next((each.lost for each in twins if each.lost), "")
        thin = _thinned(np.broadcast_to(found, actual.shape).astype(np.float64), value.value.shape)
        return [replace(value, twin=Twin(thin, lost))]

    def _twin(self, step: PlanStep, number: int, pair: tuple[Value, Any], before: Twin) -> Value:
        value, made = pair
        lost, outside = before.lost, before.outside
        if outside and made is None:
            self._warn(outside)
        if not isinstance(value, Secret) or (value.twin is None and made is None):
            return value
        if made is None:
            return replace(value, twin=None)
        form, shape = step.forms[number].shape, value.value.shape
        if value.scale is not None:
            shape = np.broadcast_shapes(shape, value.scale.shape)
        there = held(value)
        numbers, actual = (
            np.asarray(_thinned(np.broadcast_to(each, form), shape), np.float64) for each in (made, there)
        )
        known = np.isfinite(numbers) & (np.abs(numbers) < _most(value, step.forms[number], self._fraction))
        strays = np.isnan(numbers) if not self._outside else ~known
        kept = outside if outside and self._is_put_off(step, bool(strays.any()), outside) else ""
        right = np.where(known, numbers, actual)
        if not lost and numbers.size:
            gap, size = np.abs(right - actual).max(), np.abs(right).max()
            lost = f"`{step.name}`{place(step)}" if gap > PROMISED * size else ""
        return replace(value, twin=Twin(np.where(strays, np.nan, right) if kept else right, lost, kept))

    def _is_put_off(self, step: PlanStep, strays: bool, outside: str) -> bool:
        """Whether it may still be that nobody chooses what is outside of a domain; if not, it is said."""
        if strays and self._choices.only(step):
            return True
        if strays or self._outside:
            self._warn(outside)
        return False

    def leave(self, value: Secret) -> None:
        """Where a settled result leaves the program."""
        if value.twin is None:
            return
        if value.kind != "fixed":
            self._leave_decision(value)
            return
        part = wrong(held(value), np.broadcast_to(value.twin.numbers, value.shape), self._fraction)
        if part:
            where = f", at {value.twin.lost} first" if value.twin.lost else ""
            self._say(
                f"a result has lost its digits{where}: it is off by {part:.1%} of what floating point makes "
                "of the same numbers; scale the numbers, or take more bits after the point "
                "(fxp_fraction_bits)"
            )

    def _leave_decision(self, value: Secret) -> None:
        right = np.broadcast_to(value.twin.numbers, value.shape)
        turned = int((held(value) != right).sum())
        if turned:
            where = f", at {value.twin.lost} first" if value.twin.lost else ""
            self._say(
                f"a result is decided by numbers that have lost their digits{where}: {turned} of "
                f"{right.size} are others than floating point has; scale the numbers, or take more bits "
                "after the point (fxp_fraction_bits)"
            )


def wrong(found: _Floats, right: _Floats, fraction: int) -> float:
    """By which part of itself a result is off, at most, where that breaks the promise; else 0.

    Args:
        found: what fixed-point numbers have made.
        right: what floating point has made.
        fraction: the SPU's bits after the point.
    """
    if not found.size:
        return 0.0
    error, size, unit = np.abs(found - right), np.abs(right), 2.0**-fraction
    worst, most = float(error.max()), float(size.max())
    if worst > PROMISED * max(most, NOTHING) and (most > NOTHING or worst > UNITS * unit):
        return worst / max(most, unit)
    fine, own = UNITS * unit, max(UNITS * unit, FUNCTIONS)
    each = ((error > PROMISED * size) & (error > own)) | ((error > LOOSE * size) & (error > fine))
    return float((error[each] / np.maximum(size[each], unit)).max()) if each.any() else 0.0


def _is_decision(value: Value) -> bool:
    return isinstance(value, Secret) and value.kind != "fixed"


def _most(value: Secret, form: ShapeDtype, fraction: int) -> float:
    """Numbers from here on are as they are: floats out of range, integers that wrap or float64 rounds."""
    if value.kind == "integer":
        return min(2.0**53, float(np.iinfo(form.dtype).max) + 1)
    return float(np.ldexp(1.0, np.iinfo(np.int64).bits - fraction))


def _is_float(value: Value) -> bool:
    return isinstance(value, Secret) and value.kind == "fixed" and isinstance(value.value, PlainRing)


def _recounts(step: PlanStep, operands: Sequence[Value]) -> bool:
    """Whether it makes numbers of bools or of integers."""
    return step.name == "convert_element_type" and all(map(_is_decision, operands))


def _has_numbers(value: Value) -> bool:
    return isinstance(value, Secret) or (isinstance(value.array, np.ndarray) and value.dtype.kind in "biuf")


def _numbers(value: Value) -> Any:
    """A twin's, or those that are there; of bools the flags, of a public array itself."""
    if isinstance(value, Public):
        return value.array if value.dtype.kind == "b" else value.array.astype(np.float64)
    there = value.twin.numbers if value.twin is not None else held(value)
    return np.broadcast_to(there.astype(np.bool_) if value.kind == "bits" else there, value.shape)


def _thinned(numbers: _Floats, shape: Sequence[int]) -> _Floats:
    """What broadcasts from a shape, in that shape."""
    wide = (1,) * (numbers.ndim - len(shape)) + tuple(shape)
    cut = tuple(slice(0, 1) if here == 1 else slice(None) for here in wide)
    return numbers[cut].reshape(tuple(shape))
