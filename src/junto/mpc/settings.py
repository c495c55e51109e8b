"""What the nodes of one SPU agree on before they compute."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MpcSettings:
    """The numbers of an SPU.

    Args:
        fraction: bits after the point of a fixed-point number. More of them: finer, and a smaller range: a
            number must stay below `2**(62 - 2 * fraction)` before each product (2**26 for 18).
        block: elements that a costly gate treats at once; more of them need more memory, fewer more rounds.
    """

    fraction: int = 18
    block: int = 1 << 20
