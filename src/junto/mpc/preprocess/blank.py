"""Zeros in place of what two parties would make: to count what a plan costs, without anybody else."""

from __future__ import annotations

import numpy as np

from junto.mpc.gates import BITS, Words
from junto.mpc.outline import outline
from junto.mpc.preprocess.correlations import Demand, Made, width_of
from junto.mpc.preprocess.joint import Supply
from junto.mpc.protocol.demands import (
    Bilinear,
    BothBits,
    Conjunction,
    Cut,
    DigitPads,
    Number,
    Product,
    Selected,
    Square,
    Turn,
    WordPads,
)
from junto.mpc.ring128 import WIDE_DTYPE, is_wide, ring_bits


class BlankSupply(Supply):
    """Gives zeros in the shape of whatever is demanded. Nothing is secret with them.

    Args:
        party: 0 or 1: whose they are.
    """

    def __init__(self, party: int) -> None:
        super().__init__()
        self._party = party

    def take(self, demand: Demand) -> Made:
        """See `Supply`."""
        if isinstance(demand, Cut):
            ring = _zeros(demand.mask.shape, ring_bits(demand.low))
            return ring, _zeros(demand.mask.shape), ring
        if isinstance(demand, DigitPads):
            shape = (demand.layers, demand.digits, demand.numbers.size)
            whole = np.uint32 if demand.width == 2 else np.uint16
            return (outline(shape, np.uint8 if self._party else whole),)
        if isinstance(demand, WordPads):
            rows = () if self._party else (1 << demand.digit.width,)
            return (_zeros((*rows, demand.tables, demand.numbers.size)),)
        return (_zeros(_shape(demand), width_of(demand)),)


def _shape(demand: Demand) -> tuple[int, ...]:
    match demand:
        case Product(_, _, shape) | Selected(_, _, shape) | BothBits(_, _, shape):
            return shape
        case Bilinear():
            return demand.shape
        case Square():
            return demand.mask.shape
        case Number():
            return demand.bits.shape
        case Turn():
            return (2, *demand.cos.shape)
        case Conjunction():
            several = 1 if demand.right.ndim == 2 else len(demand.right)
            return (several * len(demand.left), demand.left.shape[1])
    raise TypeError(f"two parties cannot make a {type(demand).__name__}; only a helper deals it")


def _zeros(shape: tuple[int, ...], width: int = BITS) -> Words:
    made: Words = outline(shape, WIDE_DTYPE if is_wide(width) else np.uint64)
    return made
