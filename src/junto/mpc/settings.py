"""What the nodes of one SPU agree on before they compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

BITS = 64


class NumberForm(NamedTuple):
    """How the numbers of one array are held.

    Attributes:
        width: their ring is the integers modulo 2**width: 64 or 128.
        fraction: of a float, bits after the point.
    """

    width: int
    fraction: int


@dataclass(frozen=True, slots=True)
class MpcSettings:
    """The numbers of an SPU, or of one of its calls.

    Args:
        fraction: bits after the point of a fixed-point number. More of them: finer, and a smaller range: a
            number must stay below `2**(width - 2 - 2 * fraction)` before each product (2**26 for 18 of 64).
        block: elements that a costly gate treats at once; more of them need more memory, fewer more rounds.
        width: the ring is the integers modulo 2**width: 64 or 128.
        checked: whether a call proves that no number has left its range (`checked_gates`).
        given: of a call, how each argument of its plan is held (None: it is no number, or public); empty: all
            in the form in which the call computes.
        gives: of a call, how its results are held; None: likewise.
    """

    fraction: int = 18
    block: int = 1 << 20
    width: int = 64
    checked: bool = False
    given: tuple[NumberForm | None, ...] = ()
    gives: NumberForm | None = None

    @property
    def form(self) -> NumberForm:
        """How it computes."""
        return NumberForm(self.width, self.fraction)

    @property
    def double(self) -> int:
        """Bits after the point that a square has, where one keeps them (`proportions`): in the wide ring."""
        return 2 * self.fraction if self.width > BITS else self.fraction

    def fraction_of(self, less: int | None) -> int:
        """Bits after the point of a result of the call (`proportions.Proportions.results`)."""
        return self.fraction if less is None else max(self.fraction, self.double - less)

    def most(self, form: NumberForm) -> int:
        """Bits after the point with which an argument in that form enters at most.

        In the same ring what is made of squares (`proportions`) keeps its own, more than those of its SPU.
        """
        squares = form.width == self.width and form.fraction > max(self.fraction, self.result.fraction)
        return self.double if squares else self.fraction

    def less(self, form: NumberForm | None) -> int | None:
        """How many bits less than a square an argument in that form has, if it has more than others."""
        if form is not None and form.width != self.width:
            return None
        fraction = 0 if form is None else min(form.fraction, self.most(form))
        return self.double - fraction if fraction > self.fraction else None

    def held(self, less: int | None) -> NumberForm:
        """How a result is held (`proportions.Proportions.results`)."""
        if less is None or self.fraction_of(less) <= self.result.fraction:
            return self.result
        return NumberForm(self.width, self.fraction_of(less))

    @property
    def result(self) -> NumberForm:
        """How a call's results are held: in the ring in which it computes."""
        return self.gives or self.form

    def held_as(self, form: NumberForm | None) -> MpcSettings:
        """For numbers in that form; None: in the SPU's own."""
        return self if form is None else replace(self, width=form.width, fraction=form.fraction)

    def call(self, own: NumberForm, given: Sequence[NumberForm | None]) -> MpcSettings:
        """For a call that computes in the form `own`.

        What it gives is held in its ring: on an SPU of the same ring as everything else there.
        """
        gives = self.form if own.width == self.width else own
        return replace(self.held_as(own), given=tuple(given), gives=gives)
