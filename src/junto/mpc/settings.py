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
        held_width: the ring of numbers outside a call, if it computes in a smaller one.
        checked: whether a call proves that no number has left its range (`checked_gates`).
    """

    fraction: int = 18
    block: int = 1 << 20
    held: int | None = None
    width: int = 64
    held_width: int | None = None
    checked: bool = False

    @property
    def outside(self) -> int:
        """Bits after the point of a call's arguments and results."""
        return self.fraction if self.held is None else self.held

    @property
    def narrows(self) -> bool:
        """Whether a call computes in a smaller ring than that in which numbers are held."""
        return self.held_width is not None and self.held_width > self.width

    def inside(self, fraction: int | None, width: int | None = None) -> MpcSettings:
        """For a call in that ring, with `fraction` bits after the point; None: as numbers are held."""
        if width is not None and width != self.width:
            return replace(self, width=width, held_width=self.width).inside(fraction)
        return self if fraction is None else replace(self, fraction=fraction, held=self.outside)
