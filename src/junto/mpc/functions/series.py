"""Functions as Fourier series: one opening, whatever the function.

Paper: Zheng et al., "Secure softmax/sigmoid in machine-learning computation", ACSAC 2023, section 4.
"""

from __future__ import annotations

from junto.mpc.functions.constant_tables import amplitudes
from junto.mpc.gates import B, Gates, R


async def odd_series(g: Gates[R, B], x: R, name: str, period: int, fraction: int) -> R:
    """The function of that name in `tables.SERIES`; beyond its interval some number.

    Its period is 2**period units in the last place of x; the result has `fraction` bits after the point.

    Cost: 1 round, 8 bytes of a ready operand; offline 16 bytes a term.
    """
    wave = await g.series(x, period, amplitudes(name), ())
    return await g.truncate(wave, g.fine - fraction)
