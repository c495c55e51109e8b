"""Square roots, their reciprocals, and cube roots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial

from junto.mpc.functions.constant_tables import coefficients, exact, rounded
from junto.mpc.functions.fixedpoint import product, with_sign, within
from junto.mpc.functions.normalise import (
    INNER,
    STEP,
    Magnitude,
    by_powers,
    longest,
    reach,
    scale_down,
    size,
    size_of_any,
)
from junto.mpc.functions.polynomial import polynomial
from junto.mpc.gates import B, Gates, R
from junto.mpc.rounds import together

TABLE = 26
"""Bits after the point of the roots of d."""

_SPARE = 4
"""Bits after the point, beyond those of the result, of the root without its last factor; fewer if need be."""

_WIDER = 6
"""So many bits more than others may a number have whose root is taken: sums of squares are large."""


async def sqrt(g: Gates[R, B], x: R, fraction: int, inner: int = 0, out: int = 0) -> R:
    """The square root of x >= 0. Of a negative number: some number.

    Args:
        g: the gates.
        x: the number.
        fraction: bits after the point that others have.
        inner: those of x, if it has more than others.
        out: those of the result, likewise.

    Range: up to 15/16 2**(68 - 2 fraction), 4e9 for 18 bits; with more bits, up to 15/16 2**(k - 5 - inner).
    Error: 2e-6 relative, or two units in the last place; 0 (or one unit) at 0.
    Cost: 9 rounds, 114 bytes of a ready operand.
    """
    top = max(g.bits - 2 - fraction, min(g.bits - 2 - fraction + _WIDER, 50))
    inner, out = inner or fraction, out or fraction
    top = longest(g, inner) if inner > fraction else top
    within(g, x, "the root", (0.0, float(15 << (top - 4)) / (1 << inner)), inner)
    return await root_of(g, x, "sqrt", (inner, out), top)


async def rsqrt(g: Gates[R, B], x: R, fraction: int, inner: int = 0, out: int = 0) -> R:
    """One over the square root of x > 0. 0 (or one unit) at 0; of a negative number: some number.

    Range: up to 15/16 2**(62 - 2 fraction), 6e7 for 18 bits, from one unit in the last place.
    Error: 7e-6 relative, or two units in the last place. Cost: 9 rounds, 100 bytes of a ready operand.
    """
    inner, out = inner or fraction, out or fraction
    top = _top(g, fraction, inner)
    within(g, x, "the reciprocal root", (2.0**-inner, float(15 << (top - 4)) / (1 << inner)), inner)
    return await root_of(g, x, "rsqrt", (inner, out), top)


async def cbrt(g: Gates[R, B], x: R, fraction: int, inner: int = 0, out: int = 0) -> R:
    """The cube root of x of either sign.

    Range: |x| as in `rsqrt`. Error: 2e-6 relative, or two units in the last place.
    Cost: 9 rounds, 140 bytes of a ready operand; of more than `normalise.FEW`, 14 rounds, 114 bytes.
    """
    inner, out = inner or fraction, out or fraction
    top = _top(g, fraction, inner)
    most = float(15 << (top - 4)) / (1 << inner)
    within(g, x, "the cube root", (-most, most), inner)
    of, negative = await size_of_any(g, x, top)
    return await with_sign(g, await _root_of(g, of, "cbrt", (inner, out)), negative)


_EXPONENTS: Mapping[str, Decimal] = {"sqrt": Decimal(1) / 2, "rsqrt": Decimal(-1) / 2, "cbrt": Decimal(1) / 3}


def _top(g: Gates[R, B], fraction: int, inner: int) -> int:
    """Of a number with as many bits after the point as others, or with more."""
    return longest(g, inner) if inner > fraction else g.bits - 2 - fraction


async def root_of(g: Gates[R, B], x: R, name: str, fractions: tuple[int, int], top: int) -> R:
    """x**p = 2**(p e) d**p (1 + u)**p, a ready operand.

    Args:
        g: the gates.
        x: below 15/16 2**top as a ring element.
        name: which root: a name of a function above.
        fractions: bits after the point of x, and of the result.
        top: see `normalise.Size`.
    """
    return await _root_of(g, await size(g, x, top), name, fractions)


async def _root_of(g: Gates[R, B], of: Magnitude[R, B], name: str, fractions: tuple[int, int]) -> R:
    inner, out = fractions
    spare = min(_SPARE, g.bits - 3 - TABLE - out - max(0, -(-(of.top - inner) // 2)))
    scaled = await scale_down(g, of, reach(g), [ENTRIES[name]], ready=True)
    begin, rest = await together(
        _times_root(g, of, name, (inner, out + spare), scaled.tables[0]),
        polynomial(g, scaled.u, coefficients(name), (INNER, INNER)),
    )
    return await product(g, begin, rest, INNER + spare)


async def _times_root(g: Gates[R, B], of: Magnitude[R, B], name: str, fractions: tuple[int, int], x: R) -> R:
    """`x`, an entry, times 2**(p (e - inner)), with `out` bits after the point."""
    inner, out = fractions
    power = _EXPONENTS[name]
    step, highest = -power * STEP, power * (of.exponents[0] - inner)
    if step % 1 == 0 and highest % 1 == 0:  # all are powers of two
        found, lift = await by_powers(g, of, x, int(step))
        drop = TABLE + lift - int(highest) - out
        return await (g.truncate(found, drop) if drop > 0 else g.hold(g.scale(found, g.word(1 << -drop))))
    with exact():
        powers = [rounded(Decimal(2) ** (power * (e - inner)), out) for e in of.exponents]
    return await g.truncate(await of.times(g, powers, x), TABLE)


def _entry(d: Decimal | None, exponent: Decimal) -> int:
    return 0 if d is None else rounded(d**exponent, TABLE)


ENTRIES: Mapping[str, Callable[[Decimal | None], int]] = {
    name: partial(_entry, exponent=exponent) for name, exponent in _EXPONENTS.items()
}
"""Made once, as `scale` asks."""
