"""Exponential functions."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from math import ceil, floor
from math import log as log_of

import numpy as np

from junto.mpc.functions.constant_tables import coefficients, exact, fixed, ring_table, rounded
from junto.mpc.functions.fixedpoint import below, product, within
from junto.mpc.functions.polynomial import polynomial
from junto.mpc.gates import BITS, B, Digit, Gates, Powers, R
from junto.mpc.rounds import together

WIDTH = 6
"""Bits of x that choose from the table, in steps of 1/2; one more in the ring of 128 bits."""

_INNER, _WIDE_INNER = 22, 40
"""Bits after the point of t, at least, of 64 and of 128 bits of the ring."""

_SPARE = 2
"""Bits after the point of the table, beyond those of the result."""


async def exp(g: Gates[R, B], x: R, fraction: int) -> R:
    """The power e**x = e**d e**t: d a multiple of 1/2, e**d from a table, e**t by a polynomial.

    0 where e**x is less than half a unit in the last place; not a ready operand.

    Range: e**x < 2**(60 - 2 fraction), for 18 bits x < 16.6; and x < 17, for 18 bits. Beyond, some number.
    Error: 3e-5 relative, of 128 bits 2e-9, or two units in the last place.
    Cost: 3 rounds, 37 bytes of a ready operand.
    """
    x = await g.hold(x)
    within(g, x, "the exponential", (-float(1 << (g.bits - 1 - fraction)), _highest(g, fraction)), fraction)
    lowest = (_first(fraction) + 1) / 2
    small, result = await together(below(g, x, fixed(lowest, fraction)), _inside(g, x, fraction))
    return await g.multiply(g.to_ring(g.flip(small, np.array(True))), result)


async def exp2(g: Gates[R, B], x: R, fraction: int) -> R:
    """2**x: e**(x log 2), in the range of `exp`, x < 24 for 18 bits.

    Error: 4e-5 relative, of 128 bits 5e-9, or two units in the last place. Cost: 5 rounds, 53 bytes.
    """
    finer = fraction + 4
    return await exp(g, await g.truncate(g.scale(x, fixed(log_of(2.0), finer)), finer), fraction)


async def expm1(g: Gates[R, B], x: R, fraction: int) -> R:
    """e**x - 1: range, error and cost of `exp`."""
    return g.add_public(await exp(g, x, fraction), fixed(-1.0, fraction))


async def _inside(g: Gates[R, B], x: R, fraction: int) -> R:
    """The same where the table reaches: |t| < 1/2, for the digit may be one too high."""
    highest, digit = _highest(g, fraction), _digit_width(g)
    width = min(fraction + _SPARE, floor(g.bits - 2.1 - fraction - _SPARE - (highest + 0.5) / log_of(2.0)))
    rest, entry, drop = await g.power(x, Digit(fraction - 1, digit), _powers(fraction, highest, digit))
    fine = max(fraction, _INNER if g.bits <= BITS else _WIDE_INNER)
    rest = g.scale(rest, np.array(1 << (fine - fraction), np.uint64))
    inner, held = await together(
        polynomial(g, rest, coefficients("exp", g.bits), (fine, width), loose=True),
        g.truncate(entry, drop, loose=True) if drop else g.hold(entry),
    )
    return await product(g, inner, held, width + _SPARE, loose=True)


def _digit_width(g: Gates[R, B]) -> int:
    return WIDTH if g.bits <= BITS else WIDTH + 1


def _highest(g: Gates[R, B], fraction: int) -> float:
    """The greatest x: the table has no more, or e**x would leave the range."""
    places = 1 << _digit_width(g)
    return min((_first(fraction) + places - 1) / 2, (g.bits - 4 - 2 * fraction) * log_of(2.0))


def _first(fraction: int) -> int:
    """The table's lowest d, in halves: one below what makes half a unit in the last place."""
    return -ceil(2 * (fraction + 1) * log_of(2.0)) - 1


def _near_count(fraction: int, highest: float, width: int) -> int:
    """How many near powers: the more, the fewer places of a digit are dealt, and the fewer bits they have."""
    room = _first(fraction) + 1 + (1 << width) - 2 * highest
    return max(near for near in (2, 4, 8) if near == 2 or (near <= room and 3 * near <= fraction))


@cache
def _powers(fraction: int, highest: float, width: int) -> Powers:
    """Powers of the root of e, for the places of 2 d modulo 2**width.

    Products of factors have two bits less than the ring, or fewer. The far ones are exact to an eighth of a
    unit in the last place of a result, the near ones as far as whole numbers can be.
    """
    first, places = _first(fraction), 1 << width
    most = Decimal(highest) + Decimal("0.5")  # where a digit that is one too high leads
    near = _nearest(fraction - 1, _near_count(fraction, highest, width))
    with exact():
        unit = Decimal(1 << (2 * fraction + 1)) / near[0]
        beyond = most + Decimal(len(near)) / 2
        entries, far = (
            [min(Decimal((i - least) % places + least) / 2, most).exp() for i in range(places)]
            for least, most in ((first, most), (first + 1, beyond))
        )
        return Powers(
            ring_table(rounded(each, fraction + _SPARE) for each in entries),
            ring_table(rounded(each * unit, 0) for each in far),
            ring_table(near),
            fraction - 1,
        )


_TRIED = 256
"""So many scales of the near powers are tried: the rounding of the best of them is as much better."""


def _nearest(bits: int, count: int) -> list[int]:
    """Powers e**(-i / 2), as whole numbers of about so many bits, at the scale that suits them best."""
    with exact():
        powers = [(Decimal(-i) / 2).exp() for i in range(count)]

        def error(scale: int) -> Decimal:
            return max(abs(rounded(scale * each, 0) / (scale * each) - 1) for each in powers)

        scale = min(range(1 << bits, max(1 << bits >> 1, (1 << bits) - _TRIED), -1), key=error)
        return [rounded(scale * each, 0) for each in powers]
