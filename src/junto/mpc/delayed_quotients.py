"""Products with one over a secret, as quotients.

The derivative of a root is `0.5 / sqrt(v)`, which is then multiplied by large numbers: of a standard
deviation of 1,000 that has 130 units, and the product is wrong by a hundredth. So is `x * (1 / x.std())`, and
in `y * x ** -2` the power is nothing at all. So it is kept what one over a secret is made of, and where it is
multiplied, the product is computed from that: numbers are divided by what is of their kind (`degrees`), and
only then multiplied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any

import jax
import numpy as np
from jax import lax

from junto.mpc.degrees import Degree, degrees_of, exponent_of, joined, power, size
from junto.mpc.wide_products import MOVES
from junto.mpc.wide_sums import WideStep

MOST = 6
"""A product of more factors, or of more divisors, is computed as it is written."""

MOVED = MOVES | {"copy", "neg", "rev", "slice", "transpose"}
"""Steps that do to a quotient what they do to what it is made of; `neg` to one of it."""

HALF = Fraction(1, 2)
_None: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Factor:
    """A number that another one is multiplied by, or divided.

    Attributes:
        slot: of what it is made of.
        form: of that.
        kind: its own.
        exponent: to which power.
        moves: steps that it goes through afterwards, the first one first.
    """

    slot: int
    form: Any
    kind: Degree
    exponent: Fraction = Fraction(1)
    moves: tuple[Any, ...] = ()

    def raised(self, exponent: Fraction) -> _Factor:
        """A power of it."""
        return replace(self, exponent=self.exponent * exponent, kind=power(self.kind, exponent))

    def moved(self, step: Any) -> _Factor:
        """What a step that moves makes of it. A literal fits to whatever it is multiplied by."""
        shape = self.moves[-1].forms[0].shape if self.moves else self.form.shape
        literal = shape != step.given[0].shape and step.name != "neg"
        return self if literal else replace(self, moves=(*self.moves, step))

    def parts(self, roots: set[int]) -> list[_Factor]:
        """It, or its root twice if that is needed anyway: it is not as large."""
        return [self.raised(HALF)] * 2 if self.exponent == 1 and self.slot in roots else [self]

    def value(self, x: Any) -> Any:
        """The number itself, of what is in its slot."""
        if self.exponent == HALF:
            x = lax.sqrt(x)
        elif self.exponent != 1:
            x = lax.pow(x, np.asarray(float(self.exponent), x.dtype))
        for step in self.moves:
            x = step.primitive.bind(x, **step.params)
        return x


@dataclass(frozen=True, slots=True)
class _Ratio:
    """A product of numbers, divided by others.

    Attributes:
        above: secrets.
        below: so are these.
        factors: what is public.
        divisors: so is this.
        inverse: the slots of what was one over a secret; of none it is computed as it is written.
    """

    above: tuple[_Factor, ...] = ()
    below: tuple[_Factor, ...] = ()
    factors: tuple[_Factor, ...] = ()
    divisors: tuple[_Factor, ...] = ()
    inverse: frozenset[int] = _None

    def times(self, other: _Ratio) -> _Ratio:
        """The product."""
        return _Ratio(
            self.above + other.above,
            self.below + other.below,
            self.factors + other.factors,
            self.divisors + other.divisors,
            self.inverse | other.inverse,
        )

    def inverted(self) -> _Ratio:
        """One over it."""
        return _Ratio(self.below, self.above, self.divisors, self.factors, self.inverse)

    def moved(self, step: Any) -> _Ratio:
        """What a step that moves makes of it."""
        if step.name == "neg":
            if self.above:
                return replace(self, above=(self.above[0].moved(step), *self.above[1:]))
            return replace(self, below=(self.below[0].moved(step), *self.below[1:]))
        return self.each(lambda factor: factor.moved(step))

    def raised(self, exponent: Fraction) -> _Ratio | None:
        """A positive power of it; None: it is not known to have one."""
        whole, rest = divmod(exponent, 1)
        found = _Ratio(inverse=self.inverse)
        for _ in range(whole):
            found = found.times(self)
        if not rest:
            return found
        parts = (*self.above, *self.below)
        if self.factors or self.divisors or any(step.name == "neg" for each in parts for step in each.moves):
            return None
        if rest != HALF:  # a logarithm, once for the whole exponent
            return self.each(lambda factor: factor.raised(exponent))
        return found.times(self.each(lambda factor: factor.raised(rest)))

    def each(self, change: Callable[[_Factor], _Factor]) -> _Ratio:
        """With other factors."""
        above, below, factors, divisors = (
            tuple(map(change, several)) for several in (self.above, self.below, self.factors, self.divisors)
        )
        return _Ratio(above, below, factors, divisors, self.inverse)


def delayed_steps(steps: Sequence[Any], fixed: set[int], constants: Mapping[int, Any]) -> dict[int, WideStep]:
    """By the slots of their results, products with one over a secret.

    Args:
        steps: of a program (`plan_steps.PlanStep`).
        fixed: slots of what all know when the program is written.
        constants: those that are there from the beginning.
    """
    return _Delay(steps, fixed, constants).found


class _Delay:
    """Goes through a program."""

    def __init__(self, steps: Sequence[Any], fixed: set[int], constants: Mapping[int, Any]) -> None:
        self._fixed = fixed
        self._constants = constants
        self._kinds = degrees_of(steps, fixed, constants)
        self._ratios: dict[int, _Ratio] = {}
        self._needs: dict[int, frozenset[int]] = {}
        self.found: dict[int, WideStep] = {}
        for step in steps:
            self._follow(step)

    def _follow(self, step: Any) -> None:
        needs = self._needed(step.inputs)
        ratio = self._made(step) if _of_floats(step) else None
        if ratio is not None and max(len(ratio.above), len(ratio.below)) <= MOST:
            (slot,) = step.outputs
            if ratio.below and not ratio.above:
                ratio, needs = replace(ratio, inverse=ratio.inverse | {slot}), needs | {slot}
            elif not _moves(step) and (ratio.inverse or self._pairs(step, ratio)):
                really = self._needed([each.slot for each in (*ratio.above, *ratio.below)])
                # what is one over a secret is there already, or is to be scaled by several
                if really & ratio.inverse or _unlike(ratio) > 1:
                    ratio = self._atom(slot, step.forms[0])
                else:
                    self.found[slot] = _written(ratio, self._constants)
                    needs = really
            self._ratios[slot] = ratio
        self._needs.update(dict.fromkeys(step.outputs, needs))

    def _needed(self, slots: Sequence[int]) -> frozenset[int]:
        """What was one over a secret, of all that they are made of."""
        return _None.union(*(self._needs.get(slot, _None) for slot in slots))

    def _atom(self, slot: int, form: Any) -> _Ratio:
        factor = _Factor(slot, form, self._kinds[slot])
        return _Ratio(factors=(factor,)) if slot in self._fixed else _Ratio(above=(factor,))

    def _made(self, step: Any) -> _Ratio | None:
        """Of what a step computes; None: it is no product."""
        if self._fixed.issuperset(step.inputs):
            return None
        pairs = zip(step.inputs, step.given, strict=True)
        first, *others = [self._ratios.get(slot) or self._atom(slot, form) for slot, form in pairs]
        match step.name:
            case "mul":
                return first.times(others[0])
            case "dot_general" if step.params["dimension_numbers"] == (((), ()), ((), ())):
                rank = len(step.given[0].shape)
                wide = _spread(first, step, 0, range(rank))
                return wide.times(_spread(others[0], step, 1, range(rank, len(step.forms[0].shape))))
            case "div":
                return first.times(others[0].inverted())
            case "integer_pow" | "square":
                return self._power(step, first, Fraction(int(step.params.get("y", 2))))
            case "sqrt" | "rsqrt":
                return self._power(step, first, Fraction(1 if step.name == "sqrt" else -1, 2))
            case "pow":
                return self._power(step, first, exponent_of(step, self._constants) or Fraction(0))
        return first.moved(step) if _moves(step) else None

    def _pairs(self, step: Any, ratio: _Ratio) -> bool:
        """Whether what one operand is divided by is of the kind of the other one."""
        parts = [self._ratios[slot] for slot in step.inputs if slot in self._ratios]
        return step.name == "mul" and _left(ratio) < sum(map(_left, parts))

    def _power(self, step: Any, base: _Ratio, exponent: Fraction) -> _Ratio | None:
        if not exponent:  # unknown, or of what is 1
            return None
        atom = self._atom(step.inputs[0], step.given[0])
        if exponent < 0:
            found = base.raised(-exponent) or atom.raised(-exponent)
            return found and found.inverted()
        whole = exponent > 0 and exponent.denominator == 1
        return base.raised(exponent) if base.inverse or whole else None


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """A step that is in no program: as much of one as `_Factor.moves` needs."""

    primitive: Any
    params: Mapping[str, Any]
    given: tuple[Any, ...]
    forms: tuple[Any, ...]
    name: str


def _spread(ratio: _Ratio, step: Any, place: int, axes: Sequence[int]) -> _Ratio:
    """An operand of an outer product, broadcast to its shape: the operand's axes become `axes`."""
    form, wide = step.given[place], step.forms[0]
    shape = jax.ShapeDtypeStruct(form.shape, form.dtype)  # type: ignore[no-untyped-call]
    program = jax.make_jaxpr(lambda x: lax.broadcast_in_dim(x, wide.shape, tuple(axes)))(shape)
    for each in program.eqns:  # one, or none
        ratio = ratio.moved(_Move(each.primitive, each.params, (form,), (wide,), "broadcast_in_dim"))
    return ratio


def _moves(step: Any) -> bool:
    """Whether a step is applied to a quotient as to what it is made of."""
    alone = step.name == "reduce_sum" and prod(step.given[0].shape) == prod(step.forms[0].shape)
    return alone or step.name in MOVED


def _of_floats(step: Any) -> bool:
    forms = (*step.forms, *step.given[:1])
    return all(isinstance(each.dtype, np.dtype) and each.dtype.kind == "f" for each in forms)


def _written(ratio: _Ratio, constants: Mapping[int, Any]) -> WideStep:
    roots = {each.slot for each in ratio.below if each.exponent == HALF}
    ratio = replace(ratio, below=tuple(part for each in ratio.below for part in each.parts(roots)))
    parts = (*ratio.above, *ratio.below, *ratio.factors, *ratio.divisors)
    forms = {each.slot: each.form for each in parts}
    shapes = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in forms.values()]  # type: ignore[no-untyped-call]

    def compute(*given: Any) -> Any:
        return _product(ratio, dict(zip(forms, given, strict=True)), constants)

    return WideStep(jax.make_jaxpr(compute)(*shapes), tuple(forms))


def _product(ratio: _Ratio, known: Mapping[int, Any], constants: Mapping[int, Any]) -> Any:
    """A ratio's number, of those in its slots."""
    above, below = ([each.value(known[each.slot]) for each in part] for part in (ratio.above, ratio.below))
    pairs = _paired(ratio)
    alone = [i for i in range(len(above)) if i not in {i for i, _ in pairs}]
    left = [j for j in range(len(below)) if j not in {j for _, j in pairs}]
    while alone and len(left) >= len(alone):  # so that no product of large numbers is divided by large ones
        pairs.append((alone.pop(0), left.pop(0)))
    for i, j in pairs:
        above[i] = above[i] / below[j]
    found = above[0]
    for x in above[1:]:
        found = found * x
    # a large factor before what is left to divide by, a small one after it
    small = [each for each in ratio.factors if _most(each, constants) < 1]
    for each in ratio.factors:
        found = found if each in small else found * each.value(known[each.slot])
    for j in left:
        found = found / below[j]
    for each in small:
        found = found * each.value(known[each.slot])
    for each in ratio.divisors:
        found = found / each.value(known[each.slot])
    return found


def _paired(ratio: _Ratio) -> list[tuple[int, int]]:
    """Which number above is divided by which one below, so that the rest grows least with the inputs."""
    kinds, left = [each.kind for each in ratio.above], dict(enumerate(each.kind for each in ratio.below))
    pairs: list[tuple[int, int]] = []

    def gain(pair: tuple[int, int]) -> Fraction:
        x, y = kinds[pair[0]], left[pair[1]]
        return size(x) + size(y) - size(joined(x, y, -1))

    while both := [(i, j) for i in range(len(kinds)) for j in left]:
        best = max(both, key=gain)
        if gain(best) <= 0:
            return pairs
        kinds[best[0]] = joined(kinds[best[0]], left.pop(best[1]), -1)
        pairs.append(best)
    return pairs


def _left(ratio: _Ratio) -> int:
    """How many numbers below are of no other's kind."""
    return len(ratio.below) - len(_paired(ratio))


def _unlike(ratio: _Ratio) -> int:
    """How many different numbers below are of no other's kind."""
    paired = {j for _, j in _paired(ratio)}
    return len({(each.slot, each.moves) for j, each in enumerate(ratio.below) if j not in paired})


def _most(factor: _Factor, constants: Mapping[int, Any]) -> float:
    """The greatest of public numbers; 0: they are not known yet."""
    known = constants.get(factor.slot)
    return 0.0 if known is None or not np.size(known) else float(np.abs(known).max())
