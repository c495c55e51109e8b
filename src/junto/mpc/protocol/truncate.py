"""Divide by a power of two, as after a product of fixed-point numbers, or by any public number above 1.

Paper:     Escudero et al., CRYPTO 2020, section 5 (truncation with a dealt mask); Dalskov et al., "Secure
           evaluation of quantized neural networks", PoPETs 2020.
Computes:  <x >> f>, exact up to one unit in the last place, from [x] with |x| < 2**(k - 2); or <x a>, up to
           two units, for a public number a below 1.
Parties:   P0, P1 online; the helper ahead of time.
Secure:    semi-honest, one of three corrupted.
Learns:    P0 and P1 see x + 2**(k - 2) + r, r uniform and fresh. The helper sees shapes. Whoever is shown the
           results of many runs on the same x learns more of x than x >> f: the unit in the last place comes
           with the probability (x mod 2**f) / 2**f, and exactly if the opened number modulo 2**f is less
           than x mod 2**f, which P0 and P1 can see if they are shown the result.
Cost:      1 round, 1 ring element each way; offline 2 elements helper -> P1.
"""

from __future__ import annotations

import numpy as np

from junto.mpc.gates import BITS, Words
from junto.mpc.protocol.demands import times_factor
from junto.mpc.protocol.role import Role, Truncation
from junto.mpc.protocol.shares import MINUS_ONE, Affine, RingSecret, Term, piece, spread
from junto.mpc.ring128 import number, unsigned


async def truncate(role: Role, x: RingSecret, bits: int) -> Affine:
    """`x >> bits`.

    With c = x + 2**(k-2) + r opened, the sum has wrapped around exactly if the top bit of r is set and that
    of c is not. The first is dealt, the second public. So

        x >> bits = (c >> bits) - 2**(k-2-bits) - (r >> bits) + (1 - top(c)) top(r) 2**(k-bits)   (+ 0 or 1)

    which is affine in two masks that who deals knows: ready for the next product without another opening.
    (Two parties without a helper choose their pieces of both masks beforehand, and learn what these lack.)
    """
    shift, lift = np.uint64(bits), np.uint64(role.width - bits)
    cut = role.cut(x.shape, bits)
    opened = await _opened(role, x, cut)
    if opened is None:
        return dealt(cut)
    public = opened >> shift
    public -= number(1 << (role.width - 2 - bits), role.width)
    wrapped = _unwrapped(role, opened)
    wrapped <<= lift
    return made(cut, public, wrapped)


async def rescale(role: Role, x: RingSecret, factor: Words) -> Affine:
    """`x a` for public a = factor / 2**64, factors being multiples of 4.

    As `truncate`, for `c a`, `r a` and `2**k a` in place of those shifted down. The last is a whole number,
    and so is `2**(k-2) a`; the other two are rounded down, which makes the error.
    """
    x = spread(role, x, np.broadcast_shapes(x.shape, factor.shape))
    cut = role.cut(x.shape, 0, factor)
    opened = await _opened(role, x, cut)
    if opened is None:
        return dealt(cut)
    turn = _turn(role, factor)
    return made(cut, times_factor(opened, factor) - (turn >> np.uint64(2)), _unwrapped(role, opened) * turn)


def _turn(role: Role, factor: Words) -> Words:
    """2**k a, as a whole number; the factors are words without a sign."""
    if role.width > BITS:
        return unsigned(factor) << np.uint64(role.width - BITS)
    return factor >> np.uint64(BITS - role.width)


async def _opened(role: Role, x: RingSecret, cut: Truncation) -> Words | None:
    """X + 2**(k-2) + r; None at who deals."""
    share = piece(role, x)
    if share is not None:
        share = share + cut.mask
        if role.first:
            share = share + number(1 << (role.width - 2), role.width)
    return await role.open(share)


def _unwrapped(role: Role, opened: Words) -> Words:
    """1 - top(c), a new array."""
    return 1 - (opened >> np.uint64(role.width - 1))


def dealt(cut: Truncation) -> Affine:
    """What whoever deals has of a result."""
    return Affine(None, (Term(None, cut.low), Term(None, cut.top, cut.bits)), cut.low.shape)


def made(cut: Truncation, public: Words, wrapped: Words) -> Affine:
    """From what is public of the result, and what is to be added to it where the mask's top bit is set."""
    if cut.missing is not None and cut.flipped is not None:
        public = public + (cut.flipped * wrapped - cut.missing)
        wrapped = wrapped - ((cut.flipped * wrapped) << np.uint64(1))
    return Affine(public, (Term(MINUS_ONE, cut.low), Term(wrapped, cut.top, cut.bits)), cut.low.shape)
