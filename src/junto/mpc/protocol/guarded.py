"""A number where several bits are set, else 0.

Paper:     multi-operand gates: ABY2.0, Patra et al., USENIX Security 2021, section 3.1.4.
Computes:  [b_1 ... b_k x] from <b_1> ... <b_k>, <x>   (mod 2**64).
Parties:   P0, P1 online; the helper ahead of time.
Secure:    semi-honest, one of three corrupted.
Learns:    nobody anything: no message online.
Cost:      0 rounds; offline, helper -> P1: 2**k - 1 elements, and as many for each x.

As a number, b_j = e_j + (1 - 2 e_j) r_j with e_j public and r_j the helper's. So the product of the bits is
a sum over all sets S of them: a public coefficient c_S times r_S, the product of the r_j in S; and with
x = D - m the helper deals r_S and r_S m.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from junto.mpc.gates import Words
from junto.mpc.protocol.demands import Guarded
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Additive, Masked, MaskedBits
from junto.mpc.ring128 import zeros


def guarded(role: Role, b: MaskedBits, xs: Sequence[Masked]) -> list[Additive]:
    """Each of `xs` where all bits in the last axis of `b` are set; the shapes are those of `b` without it."""
    shape, count = b.shape[:-1], b.shape[-1]
    sets = [[j for j in range(count) if s >> j & 1] for s in range(1, 1 << count)]
    alone = role.deal_all(shape, [Guarded(b.mask, at) for at in sets])
    masked = [role.deal_all(shape, [Guarded(b.mask, at, x.mask) for at in sets]) for x in xs]
    if b.public is None:
        return [Additive(None, shape) for _ in xs]
    factors = _factors(b.public)
    guard: Words = zeros(shape, role.width)
    for factor, dealt in zip(factors[1:], alone, strict=True):
        guard += factor * dealt
    if role.first:
        guard += factors[0]
    return [_share(x, guard, factors, dealt) for x, dealt in zip(xs, masked, strict=True)]


def _factors(public: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[Words]:
    """c_S for each set, the empty one first."""
    found: list[Words] = [np.ones(public.shape[:-1], np.uint64)]
    for j in range(public.shape[-1]):
        e = public[..., j].astype(np.uint64)
        flipped = 1 - (e << np.uint64(1))
        found = [factor * e for factor in found] + [factor * flipped for factor in found]
    return found


def _share(x: Masked, guard: Words, factors: Sequence[Words], dealt: Sequence[Words]) -> Additive:
    """D [product of the bits] - the sum of c_S [r_S m]."""
    if x.public is None:
        raise TypeError("a compute party lacks a public value")
    share = x.public * guard - factors[0] * x.mask
    for factor, part in zip(factors[1:], dealt, strict=True):
        share -= factor * part
    return Additive(share, share.shape)
