"""Divide by a power of two, as after a product of fixed-point numbers.

Paper:     Escudero et al., CRYPTO 2020, section 5 (truncation with a dealt mask); Dalskov et al., "Secure
           evaluation of quantized neural networks", PoPETs 2020.
Computes:  <x >> f>, exact up to one unit in the last place, from [x] with |x| < 2**(k - 2).
Parties:   P0, P1 online; the helper ahead of time.
Secure:    semi-honest, one of three corrupted.
Learns:    P0 and P1 see x + 2**(k - 2) + r, r uniform and fresh. The helper sees shapes. Whoever is shown the
           results of many runs on the same x learns more of x than x >> f: the unit in the last place comes
           with the probability (x mod 2**f) / 2**f.
Cost:      1 round, 1 ring element each way; offline 2 elements helper -> P1.
"""

from __future__ import annotations

import numpy as np

from junto.mpc.gates import Words
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import MINUS_ONE, Affine, RingSecret, Term, piece


async def truncate(role: Role, x: RingSecret, bits: int) -> Affine:
    """`x >> bits`.

    With c = x + 2**(k-2) + r opened, the sum has wrapped around exactly if the top bit of r is set and that
    of c is not. The first is dealt, the second public. So

        x >> bits = (c >> bits) - 2**(k-2-bits) - (r >> bits) + (1 - top(c)) top(r) 2**(k-bits)   (+ 0 or 1)

    which is affine in two masks that who deals knows: ready for the next product without another opening.
    (Two parties without a helper choose their pieces of both masks beforehand, and learn what these lack.)
    """
    shift, lift, top = (np.uint64(each) for each in (bits, role.width - bits, role.width - 1))
    cut = role.cut(x.shape, bits)
    share = piece(role, x)
    if share is not None:
        share = share + cut.mask
        if role.first:
            share = share + np.uint64(1 << (role.width - 2))
    opened = await role.open(share)
    if opened is None:
        return Affine(None, (Term(None, cut.low), Term(None, cut.top, cut.bits)), x.shape)
    public: Words = (opened >> shift) - np.uint64(1 << (role.width - 2 - bits))
    wrapped = (1 - (opened >> top)) << lift
    if cut.missing is not None and cut.flipped is not None:
        public += cut.flipped * wrapped - cut.missing
        wrapped -= (cut.flipped * wrapped) << np.uint64(1)
    return Affine(public, (Term(MINUS_ONE, cut.low), Term(wrapped, cut.top, cut.bits)), x.shape)
