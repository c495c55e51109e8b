"""Zeros in place of what two parties would make: to count what a plan costs, without anybody else."""

from __future__ import annotations

import numpy as np

from junto.mpc.preprocess.correlations import Demand, Made
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


class BlankSupply(Supply):
    """Gives P0 zeros in the shape of whatever it demands. Nothing is secret with them."""

    def take(self, demand: Demand) -> Made:
        """See `Supply`."""
        if isinstance(demand, Cut):
            return (_zeros(demand.mask.shape),) * 3
        if isinstance(demand, DigitPads):
            shape = (demand.layers, demand.digits, demand.numbers.size)
            return (np.zeros(shape, np.uint32 if demand.width == 2 else np.uint16),)
        return (_zeros(_shape(demand)),)


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
        case WordPads():
            return (1 << demand.digit.width, demand.tables, demand.numbers.size)
    raise TypeError(f"two parties cannot make a {type(demand).__name__}; only a helper deals it")


def _zeros(shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    return np.zeros(shape, np.uint64)
