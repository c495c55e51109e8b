"""Cosines and sines of multiples of an angle in floating point, and sums of waves of shares of them.

Two parties must come to the *same* factors, to the last bit, or their shares do not fit, whichever of them
has the kernels: so there are nothing but additions and multiplications here, which every machine rounds
alike, in one order. `_turns` and `_waves` are the kernels' twins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Words
from junto.mpc.outline import Outline, outline
from junto.mpc.ring128 import WideArray, zeros
from junto.native import kernels

_Floats = NDArray[np.float64]
TURN_SCALE: Final = 20
"""Bits after the point of dealt sines and cosines."""
AMPLITUDE_SCALE: Final = 20
"""Bits after the point of the amplitudes, so that a sum of waves has those of a dealt cosine more."""
_EXACT: Final = 2.0**51
"""Below it the kernel rounds as numpy does."""


def turns(x: Words, period: int, count: int) -> Words:
    """Cosine and sine of 1, 2, ... `count` times an angle, with `TURN_SCALE` bits after the point.

    Args:
        x: angles [lanes], in units of 2**-period of a turn.
        period: 1 to 64 (to 128, of a wide array).
        count: how many multiples.

    Returns:
        [count, 2, lanes].
    """
    x, period = _words(x, period)
    native = kernels()
    return _turns(x, period, count) if native is None else native.turns(x, period, count)


def waves(x: Words, period: int, amplitudes: Sequence[tuple[float, float]], dealt: Words) -> Words:
    """A share of the sum of s[k] sin(k (x - m)) + c[k] cos(k (x - m)), k = 1, 2, ...

    Args:
        x: see `turns`.
        period: see `turns`.
        amplitudes: (s[k], c[k]) from k = 1.
        dealt: shares of the cosines and sines of k m, [len(amplitudes), 2, lanes].

    Returns:
        [lanes], with `AMPLITUDE_SCALE` bits after the point more than the shares stand for.
    """
    if isinstance(x, Outline) or isinstance(dealt, Outline):
        return outline(x.shape, dealt.dtype)  # type: ignore[no-any-return]
    x, period = _words(x, period)
    native = kernels()
    exact = all((abs(s) + abs(c)) * (1 << AMPLITUDE_SCALE) < _EXACT / 2 for s, c in amplitudes)
    if native is None or isinstance(dealt, WideArray) or not exact:
        return _waves(x, period, amplitudes, dealt)
    return native.waves(x, period, np.array(amplitudes, np.float64).reshape(-1, 2), dealt)


def harmonics(x: Words, period: int, count: int) -> Iterator[tuple[_Floats, _Floats]]:
    """Cosine and sine of one, two, three ... times an angle, by the rotation of a complex number."""
    x, period = _words(x, period)
    rest = (x << np.uint64(64 - period)).view(np.int64) >> np.int64(11)
    cos, sin = a, b = _cos_sin(rest.astype(np.float64) * 2.0**-53)
    for _ in range(count):
        yield a, b
        a, b = a * cos - b * sin, b * cos + a * sin


def _words(x: Words, period: int) -> tuple[Words, int]:
    if isinstance(x, WideArray):
        moved: Any = x << np.uint64(128 - period)
        return moved.high, 64
    if isinstance(x, Outline):
        return outline(x.shape, np.uint64), min(period, 64)
    return x, period


def _turns(x: Words, period: int, count: int) -> Words:
    made = np.empty((count, 2, *x.shape), np.uint64)
    for each, both in zip(made, harmonics(x, period, count), strict=True):
        for into, value in zip(each, both, strict=True):
            into[...] = _rounded(value * float(1 << TURN_SCALE))
    return made


def _waves(x: Words, period: int, amplitudes: Sequence[tuple[float, float]], dealt: Words) -> Words:
    scale, share = float(1 << AMPLITUDE_SCALE), zeros(x.shape, 128 if isinstance(dealt, WideArray) else 64)
    for (s, c), (cos, sin), (cos_k, sin_k) in zip(
        amplitudes, dealt, harmonics(x, period, len(amplitudes)), strict=True
    ):
        share = share + _rounded((sin_k * s + cos_k * c) * scale) * cos
        share = share + _rounded((sin_k * c - cos_k * s) * scale) * sin
    whole: Words = share
    return whole


def _cos_sin(parts: _Floats) -> tuple[_Floats, _Floats]:
    """Cosine and sine of 2 pi parts of a turn, |parts| <= 1/2.

    Taylor's series at an eighth of the angle, then three doublings. Error below 1e-13.
    """
    y = parts * (np.pi / 4)
    z = y * y
    sin = y * (1 + z * (-1 / 6 + z * (1 / 120 + z * (-1 / 5040 + z * (1 / 362880 - z / 39916800)))))
    less = z * (0.5 + z * (-1 / 24 + z * (1 / 720 + z * (-1 / 40320 + z / 3628800))))  # 1 - cos
    cos = 1 - less
    for _ in range(3):
        cos, sin = 1 - 2 * sin * sin, 2 * sin * cos
    return cos, sin


def _rounded(value: _Floats) -> Words:
    return np.rint(value).astype(np.int64).astype(np.uint64)
