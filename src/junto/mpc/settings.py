"""What the nodes of one SPU agree on before they compute."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class MpcSettings:
    """The numbers of an SPU.

    Args:
        fraction: bits after the point of a fixed-point number. More of them: finer, and a smaller range: a
            number must stay below `2**(width - 2 - 2 * fraction)` before each product (2**26 for 18 of 64).
        block: elements that a costly gate treats at once; more of them need more memory, fewer more rounds.
        held: bits after the point of numbers outside a call, if it computes with other ones.
        width: the ring is the integers modulo 2**width: 64 or 128.
        checked: whether a call proves that no number has left its range (`checked_gates`).
    """

    fraction: int = 18
    block: int = 1 << 20
    held: int | None = None
    width: int = 64
    checked: bool = False

    @property
    def outside(self) -> int:
        """Bits after the point of a call's arguments and results."""
        return self.fraction if self.held is None else self.held

    def inside(self, fraction: int | None) -> MpcSettings:
        """For a call that computes with `fraction` bits after the point; None: with as many as are held."""
        return self if fraction is None else replace(self, fraction=fraction, held=self.outside)
