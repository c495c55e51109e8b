"""Public numbers, the same at every node.

Nodes whose public numbers differ in one bit get shares that do not fit. So nothing here is computed by a
machine's own floating-point library: tables come from whole numbers and from `decimal`, which rounds alike
everywhere; coefficients of polynomials and series are written down as whole numbers, which the tests check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import cache

import numpy as np

from junto.mpc.gates import BITS, Words
from junto.mpc.ring128 import wide_of_integers

DIGITS = 50
"""Decimal digits with which a table is computed."""

COEFFICIENT = 30
"""Bits after the point of a polynomial's coefficients."""

AMPLITUDE = 24
"""Bits after the point of a series' amplitudes."""

POLYNOMIALS: Mapping[str, tuple[int, ...]] = {
    "reciprocal": (1073741856, -1073176709, 1073176382, -1129669981, 1129657853),
    "log": (-759, 1073630133, -536619832, 368983990, -281618468),
    "rsqrt": (1073742287, -536732346, 402434857, -349244276, 308451627),
    "sqrt": (1073741667, 536855773, -134175153, 68612779, -43852211),
    "cbrt": (1073741666, 357897164, -119260336, 67944383, -46261016),
    "exp": (1073734812, 1073576486, 537072565, 181712383, 44274894),
    "half angle": (619931622, -309287319, 231383601, -217238420, 195321566),
    "inverse": (715827883, -712635073, 712635073, -827576214, 827576214),
    "erf_inv near": (1612094970, 1059433848, -70371469, -87527169, 50924357),
    "erf_inv far": (2907244719, 1074587340, 8872748, -4424216, 1272562),
}
"""The polynomials of degree 4 of least maximum error, lowest coefficient first.

Of 1 / (1 + u), log(1 + u) and the powers of 1 + u for |u| <= 1/5; of e**u for |u| <= 1/2. Of
1 / sqrt(3 + 3 u) ("half angle") and 2 / (3 + 3 u) ("inverse") for |u| <= 1/3, to be made better. With
w = -log(1 - x**2): of erf_inv(x) / x for w = 4 u + 5/2 from 0 to 5; of erf_inv(x) for w = (u + 23/8)**2
from 5 to 12.5. The error is relative, except in the logarithm and at the last.
"""

WIDE_COEFFICIENT = 48
"""Bits after the point of those of the ring of 128 bits."""

WIDE_POLYNOMIALS: Mapping[str, tuple[int, ...]] = {
    "exp": (
        *(281474976708096, 281474976612727, 140737488677998, 46912501533356, 11728117863016, 2345544994227),
        *(390972672301, 56280594734, 6937521000),
    ),
    "log": (
        *(-12462, 281474973657527, -140737475633607, 93826004789953, -70370902980991, 56204629831142),
        *(-46781216145898, 43172686489402, -38475791488590),
    ),
}
"""Likewise of degree 8, for the ring of 128 bits, in which these are right to 1e-9."""

SERIES: Mapping[str, tuple[int, ...]] = {
    "half logistic": (
        *(0, 7993536, 3774281, -2830531, 5438865, -4643006, 4536283, -3364834, 2496154),
        *(-1530759, 891320, -423114, 181569, -55316, 13513),
    ),
    "erf": (
        *(0, 19533464, -1878059, 3631622, -1444949, 1062007, -592525, 335963, -174021),
        *(81893, -33576, 11183, -2553),
    ),
    "atan": (0, 14594617, -3557880, 1530168, -466757, 112257, -13952),
    "asin": (0, 23059799, -9255666, 2452836, -306675),
}
"""Amplitudes s[k] of sin(2 pi k x / period) of least maximum error.

Of tanh(x / 2) / 2 with period 32 for |x| <= 11, of erf with period 8 for |x| <= 3, of atan with period 4 for
|x| <= 1, of asin with period 4 for |x| <= 1/2. What the sum does beyond is of no interest.
"""


def fixed(value: float, fraction: int) -> Words:
    """One public number as an element of any ring: a word, or if that does not hold it, of 128 bits."""
    return ring_table([round(value * (1 << fraction))]).reshape(())


@cache
def coefficients(name: str, bits: int = BITS) -> tuple[float, ...]:
    """Those of a polynomial for a ring of so many bits: exact, for they have few."""
    if bits > BITS and name in WIDE_POLYNOMIALS:
        return tuple(c / (1 << WIDE_COEFFICIENT) for c in WIDE_POLYNOMIALS[name])
    return tuple(c / (1 << COEFFICIENT) for c in POLYNOMIALS[name])


@cache
def amplitudes(name: str) -> tuple[float, ...]:
    """Those of a series: exact, for they have few bits."""
    return tuple(s / (1 << AMPLITUDE) for s in SERIES[name])


def rounded(value: Decimal, fraction: int) -> int:
    """The nearest whole number of units."""
    with exact():
        return int((value * (1 << fraction)).to_integral_value(ROUND_HALF_EVEN))


def ring_table(numbers: Iterable[int]) -> Words:
    """Whole numbers as elements of any ring: words, or if these do not hold them, of 128 bits."""
    whole = list(numbers)
    if all(-(2**63) <= number < 2**63 for number in whole):
        return np.array([number % 2**64 for number in whole], np.uint64)
    return wide_of_integers(whole)


def exact() -> AbstractContextManager[Context]:
    """The context in which tables are computed."""
    return localcontext(Context(prec=DIGITS))
