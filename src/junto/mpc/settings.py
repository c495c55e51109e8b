"""What the nodes of one SPU agree on before they compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple


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
