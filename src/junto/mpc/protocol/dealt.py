"""Functions of a masked secret that the helper deals: a bit as a number, a table, a Fourier series.

Paper:     tables: Ishai et al., "On the power of correlated randomness in secure computation", TCC 2013
           (one-time truth tables), with a one-hot vector in place of the table; series: Zheng et al.,
           "Secure softmax/sigmoid in machine-learning computation", ACSAC 2023, section 4.
Computes:  <b> as a number; [T[digit of x]]; [sum of sin and cos of x], each from a masked operand.
Parties:   P0, P1 online; the helper ahead of time.
Secure:    semi-honest, one of three corrupted.
Learns:    nobody anything: no message online.
Cost:      0 rounds; offline, helper -> P1, in ring elements: 1 a bit; 2**width a table look-up; 2 a term of
           a series.

P0 and P1 must hold the *same* public factors, to the last bit, or their shares do not fit: what is computed
in floating point here uses nothing but additions and multiplications, which every machine rounds alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Digit, Words
from junto.mpc.protocol.demands import Hot, Turn
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Additive, Affine, Masked, MaskedBits, Term
from junto.mpc.ring128 import WideArray, elements, number, zeros

_Floats = NDArray[np.float64]
AMPLITUDE_SCALE = 20
"""Bits after the point of the amplitudes, so that a result has `role.turn_scale` more: `Gates.fine`."""


def to_ring(role: Role, b: MaskedBits) -> Affine:
    """`b = e + (1 - 2 e) r`."""
    r, bits = role.number(b.mask), b.mask if role.pair else None
    if b.public is None:
        return Affine(None, (Term(None, r, bits),), b.shape)
    e = elements(b.public.astype(np.uint64), role.width)
    return Affine(e, (Term(1 - (e << np.uint64(1)), r, bits),), b.shape)


def lookup(role: Role, x: Masked, digit: Digit, tables: Sequence[Words], block: int) -> list[Additive]:
    """T[(D - m) digit] = sum over i of T[digit of D - i] [digit of m = i]."""
    if x.public is None:
        flat = x.mask.reshape(-1)
        for start in range(0, len(flat), block):
            _deal_one_hot(role, _digit(flat[start : start + block], digit), digit)
        return [Additive(None, x.shape) for _ in tables]
    flat = x.public.reshape(-1)
    shares = [zeros(len(flat), role.width) for _ in tables]
    for start in range(0, len(flat), block):
        part = slice(start, start + block)
        for share, total in zip(shares, _select(role, _digit(flat[part], digit), digit, tables), strict=True):
            share[part] = total
    return [Additive(share.reshape(x.shape), x.shape) for share in shares]


def _deal_one_hot(role: Role, places: Words, digit: Digit) -> None:
    for some in _in_turn(len(places), digit):
        role.deal((len(some), len(places)), Hot(places, some))


def _select(role: Role, places: Words, digit: Digit, tables: Sequence[Words]) -> list[Words]:
    totals = [zeros(places.shape, role.width) for _ in tables]
    wrap = np.uint64((1 << digit.width) - 1)
    for some in _in_turn(len(places), digit):
        hot = role.deal((len(some), len(places)), Hot(places, some))
        index = (places - np.arange(some.start, some.stop, dtype=np.uint64)[:, None]) & wrap
        for total, table in zip(totals, tables, strict=True):
            total += (table[index] * hot).sum(0, np.uint64)
    return totals


def _in_turn(lanes: int, digit: Digit) -> list[range]:
    """A digit's values, as many at once as a core's cache holds."""
    count, most = 1 << digit.width, max(1, _AT_ONCE // max(lanes, 1))
    return [range(start, min(start + most, count)) for start in range(0, count, most)]


_AT_ONCE = 1 << 14


def _digit(x: Words, digit: Digit) -> Words:
    moved = x >> np.uint64(digit.low)
    return (moved.low if isinstance(moved, WideArray) else moved) & np.uint64((1 << digit.width) - 1)


def series(role: Role, x: Masked, period: int, sines: Sequence[float], cosines: Sequence[float]) -> Additive:
    """The sum of s[k] sin(k (D - m)) + c[k] cos(k (D - m)), with the sums of angles taken apart."""
    at = _Harmonics(*_cos_sin(_turns(x.mask if x.public is None else x.public, period)))
    if x.public is None:
        for _ in _terms(sines, cosines):
            role.deal((2, *x.shape), Turn(*at.next()))
        return Additive(None, x.shape)
    scale = float(1 << AMPLITUDE_SCALE)
    share: Words = zeros(x.shape, role.width)
    if role.first and len(cosines):
        unit = round(cosines[0] * (1 << (role.turn_scale + AMPLITUDE_SCALE)))
        share = share + number(unit, role.width)
    for s, c in _terms(sines, cosines):
        cos_k, sin_k = at.next()
        of_cos = _rounded((sin_k * s + cos_k * c) * scale)
        of_sin = _rounded((sin_k * c - cos_k * s) * scale)
        cos, sin = role.deal((2, *x.shape), Turn(cos_k, sin_k))
        share = share + of_cos * cos + of_sin * sin
    return Additive(share, x.shape)


class _Harmonics:
    """Cosine and sine of one, two, three ... times an angle, by the rotation of a complex number."""

    def __init__(self, cos: _Floats, sin: _Floats) -> None:
        self._step = cos, sin
        self._at: tuple[_Floats, _Floats] | None = None

    def next(self) -> tuple[_Floats, _Floats]:
        cos, sin = self._step
        if self._at is None:
            self._at = self._step
        else:
            a, b = self._at
            self._at = a * cos - b * sin, b * cos + a * sin
        return self._at


def _terms(sines: Sequence[float], cosines: Sequence[float]) -> list[tuple[float, float]]:
    """(s[k], c[k]) from k = 1."""
    count = max(len(sines), len(cosines))
    s = [*sines, *[0.0] * (count - len(sines))]
    c = [*cosines, *[0.0] * (count - len(cosines))]
    return list(zip(s, c, strict=True))[1:]


def _turns(x: Words, period: int) -> _Floats:
    """Give x as a part of the period, in [-1/2, 1/2)."""
    if isinstance(x, WideArray):
        turned: Any = x << np.uint64(128 - period)
        x, period = turned.high, 64
    rest = (x << np.uint64(64 - period)).view(np.int64) >> np.int64(11)
    turns: _Floats = rest.astype(np.float64) * 2.0**-53
    return turns


def _cos_sin(turns: _Floats) -> tuple[_Floats, _Floats]:
    """Cosine and sine of 2 pi turns, |turns| <= 1/2.

    Taylor's series at an eighth of the angle, then three doublings. Error below 1e-13. Additions and
    multiplications only: see the module.
    """
    y = turns * (np.pi / 4)
    z = y * y
    sin = y * (1 + z * (-1 / 6 + z * (1 / 120 + z * (-1 / 5040 + z * (1 / 362880 - z / 39916800)))))
    less = z * (0.5 + z * (-1 / 24 + z * (1 / 720 + z * (-1 / 40320 + z / 3628800))))  # 1 - cos
    cos = 1 - less
    for _ in range(3):
        cos, sin = 1 - 2 * sin * sin, 2 * sin * cos
    return cos, sin


def _rounded(value: _Floats) -> Words:
    return np.rint(value).astype(np.int64).astype(np.uint64)
