"""Cosine and sine of the sum of two angles, of which each party knows one.

Paper:     the addition theorems, with products as in `junto.mpc.ot.scaling`.
Computes:  [cos(a + b)], [sin(a + b)] from a at P0 and b at P1, with `PAIR_TURN_SCALE` bits after the point.
Parties:   P0, P1; each chooses in half of them.
Secure:    semi-honest.
Learns:    nobody anything.
Cost:      44 transfers an angle, each with two numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from junto.mpc.gates import Words
from junto.mpc.ot.extension import Extension
from junto.mpc.ot.jobs import parts
from junto.mpc.ot.scaling import ScalingJob, ScalingWidths
from junto.mpc.protocol.demands import Turn, turned
from junto.mpc.ring128 import elements, zeros
from junto.mpc.waves import TURN_SCALE

_ONE = np.uint64(1 << TURN_SCALE)
_LOAD = 8


def turns(extension: Extension, demands: Sequence[Turn]) -> list[Words]:
    """Our shares of both, [2, ...] each."""
    cos, sin = (
        turned(np.concatenate([each.reshape(-1) for each in part]))
        for part in ([each.cos for each in demands], [each.sin for each in demands])
    )
    width = demands[0].width
    form = ScalingWidths(TURN_SCALE + 2, width, width=2)
    size, made = len(cos), zeros((len(cos), 2), width)
    middle = (size + 1) // 2
    halves = (slice(0, middle), slice(middle, size))
    mine, theirs = halves[extension.index], halves[1 - extension.index]
    # a factor is one of cos, sin of our angle, made positive; its vector is what it is multiplied with
    factors = np.stack([cos[mine], sin[mine]], axis=1).reshape(-1) + _ONE
    by_cos, by_sin = np.stack([cos, sin], axis=1)[theirs], np.stack([0 - sin, cos], axis=1)[theirs]
    rows = elements(np.stack([by_cos, by_sin], axis=1).reshape(-1, 2), width)
    made[theirs] -= _ONE * (by_cos + by_sin)

    def add(half: slice, part: slice, products: Words) -> None:
        made[half][part.start // 2 : part.stop // 2] += products.reshape(-1, 2, 2).sum(1, dtype=np.uint64)

    block = extension.settings.block
    step = max(2, _LOAD * block // (form.bits * form.words * 2) // 2 * 2)
    extension.run(
        ScalingJob(
            factors[part], rows[part], form, form, partial(add, mine, part), partial(add, theirs, part)
        )
        for part in parts(2 * middle, step)
    )
    found = np.split(made.T, np.cumsum([each.cos.size for each in demands])[:-1], axis=1)
    return [each.reshape(2, *demand.cos.shape) for each, demand in zip(found, demands, strict=True)]
