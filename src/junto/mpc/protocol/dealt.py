"""Functions of a masked secret that the helper deals: a bit as a number, a table, a Fourier series.

Paper:     tables: Ishai et al., "On the power of correlated randomness in secure computation", TCC 2013
           (one-time truth tables), with a one-hot vector in place of the table; series: Zheng et al.,
           "Secure softmax/sigmoid in machine-learning computation", ACSAC 2023, section 4.
Computes:  <b> as a number; [T[digit of x]]; <rest of x> and [base**digit of x]; [sum of sin and cos of x],
           each from a masked operand.
Parties:   P0, P1 online; the helper ahead of time.
Secure:    semi-honest, one of three corrupted.
Learns:    nobody anything: no message online.
Cost:      0 rounds; offline, helper -> P1, in ring elements: 1 a bit; 2**width a table look-up; for a power 1
           and 2**width / near; 2 a term of a series.

P0 and P1 must hold the *same* public factors, to the last bit, or their shares do not fit: see `waves`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from junto.mpc.gates import Digit, Powers, Words
from junto.mpc.outline import Outline, outline
from junto.mpc.protocol.demands import ONE, Hot, Rest, Turn, Turns
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Additive, Affine, BitNumber, Masked, MaskedBits, Term
from junto.mpc.ring128 import as_ring, bit_field, elements, integers, number, zeros
from junto.mpc.waves import AMPLITUDE_SCALE, harmonics, waves
from junto.native import kernels


def to_ring(role: Role, b: MaskedBits) -> Affine:
    """`b = e + (1 - 2 e) r`."""
    r = role.number(b.mask)
    if b.public is None:
        return Affine(None, (Term(None, r, b.mask if role.pair else None),), b.shape)
    if not role.pair:
        return BitNumber(b.public, r, role.width)
    e = integers(b.public, role.width)
    return Affine(e, (Term(1 - (e << np.uint64(1)), r, b.mask),), b.shape)


def lookup(role: Role, x: Masked, digit: Digit, tables: Sequence[Words]) -> list[Additive]:
    """T[(D - m) digit] = sum over i of T[digit of D - i] [digit of m = i]."""
    return _selected(role, x, digit, np.stack(tables), ONE)


def power(role: Role, x: Masked, digit: Digit, powers: Powers) -> tuple[Masked, Additive]:
    """The rest below the digit, and the power at the digit times 2**drop.

    With c the digit of D, that of m being u i + l for u near powers, the power is
    sum over i of far[c - u i] ([digit of m without l = i] near[l]).
    """
    mask = role.deal(x.shape, Rest(x.mask, digit.low))
    opened = None if x.public is None else elements(bit_field(x.public, 0, digit.low), role.width)
    (found,) = _selected(role, x, digit, powers.far[None], powers.near)
    return Masked(opened, elements(mask, role.width)), found


def _selected(role: Role, x: Masked, digit: Digit, tables: Words, near: Words) -> list[Additive]:
    digits = _digit((x.mask if x.public is None else x.public).reshape(-1), digit)
    size, count, rows = len(digits), (1 << digit.width) // len(near), elements(tables, role.width)
    step = max(1, size if isinstance(digits, Outline) else _AT_ONCE // count)
    shares = zeros((len(tables), size), role.width)
    for start in range(0, size, step):
        some = digits[start : start + step]
        hot = role.deal((len(some), count), Hot(some, count, near))
        if x.public is not None:
            shares[:, start : start + step] = selected(rows, some, hot)
    return [Additive(None if x.public is None else share.reshape(x.shape), x.shape) for share in shares]


def selected(tables: Words, digits: Words, hot: Words) -> Words:
    """The sums over i of T[d - u i] hot[i], for u entries to each place of `hot`, of public digits.

    tables: [several, entries]; hot: shares, [lanes, places]; the result: [several, lanes].
    """
    if isinstance(hot, Outline):
        return outline((len(tables), len(digits)), hot.dtype)  # type: ignore[no-any-return]
    native = kernels()
    if native is None:
        return selected_in_numpy(tables, digits, hot)
    return as_ring(native.lookup(tables.view(np.ndarray), digits, hot.view(np.ndarray)))  # type: ignore[no-any-return]


def selected_in_numpy(tables: Words, digits: Words, hot: Words) -> Words:
    """The kernel's twin."""
    entries, places = tables.shape[1], hot.shape[1]
    steps = np.arange(0, entries, entries // places, dtype=np.uint64)
    index = (digits[:, None] - steps) & np.uint64(entries - 1)
    return as_ring(np.stack([(table[index] * hot).sum(1, np.uint64) for table in tables]))  # type: ignore[no-any-return]


_AT_ONCE = 1 << 15
"""Elements of one-hot vectors that are dealt at once: they stay in a processor's cache."""


def _digit(x: Words, digit: Digit) -> Words:
    return bit_field(x, digit.low, digit.width)


def series(role: Role, x: Masked, period: int, sines: Sequence[float], cosines: Sequence[float]) -> Additive:
    """The sum of s[k] sin(k (D - m)) + c[k] cos(k (D - m)), with the sums of angles taken apart."""
    terms, size = _terms(sines, cosines), prod(x.shape)
    flat = (x.mask if x.public is None else x.public).reshape(-1)
    step = size if role.pair or isinstance(flat, Outline) else _ANGLES // max(1, len(terms))
    shares: list[Words] = []
    for start in range(0, size, max(1, step)):
        part = flat[start : start + step]
        dealt = _dealt_turns(role, part, period, len(terms))
        if x.public is not None:
            shares.append(waves(part, period, terms, dealt))
    if x.public is None:
        return Additive(None, x.shape)
    share = shares[0] if len(shares) == 1 else np.concatenate([zeros(0, role.width), *shares])
    if role.first and len(cosines):
        share = share + number(round(cosines[0] * (1 << (role.turn_scale + AMPLITUDE_SCALE))), role.width)
    return Additive(share.reshape(x.shape), x.shape)


_ANGLES = 1 << 19
"""Multiples of angles that are dealt at once: they stay in a processor's cache."""


def _dealt_turns(role: Role, x: Words, period: int, count: int) -> Words:
    """[count, 2, lanes]."""
    if not role.pair:
        return role.deal((count, 2, len(x)), Turns(x, period, count))
    made = [role.deal((2, len(x)), Turn(cos, sin, role.width)) for cos, sin in harmonics(x, period, count)]
    return np.stack(made) if made else zeros((0, 2, len(x)), role.width)


def _terms(sines: Sequence[float], cosines: Sequence[float]) -> list[tuple[float, float]]:
    """(s[k], c[k]) from k = 1."""
    count = max(len(sines), len(cosines))
    s = [*sines, *[0.0] * (count - len(sines))]
    c = [*cosines, *[0.0] * (count - len(cosines))]
    return list(zip(s, c, strict=True))[1:]
