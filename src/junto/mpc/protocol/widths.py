"""A secret of the ring modulo 2**128 in the ring modulo 2**64, and back.

Paper:     docs/explanation/masked-evaluation.md, section 4; the way back is the opening of `truncate`
           (Escudero et al., CRYPTO 2020, section 5) without a shift.
Computes:  <x mod 2**64> from <x>, |x| < 2**62; <x> modulo 2**128 from [x] modulo 2**64, |x| < 2**62.
Parties:   P0, P1 online; the helper ahead of time.
Secure:    semi-honest, one of three corrupted.
Learns:    P0 and P1 see x + 2**62 + r modulo 2**64, r uniform and fresh. The helper sees shapes.
Cost:      there no message; back 1 round, 8 bytes each way, offline 32 bytes helper -> P1, or what a
           truncation of 64 bits takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import (
    MINUS_ONE,
    Additive,
    Affine,
    Masked,
    RingSecret,
    Term,
    best,
    piece,
)
from junto.mpc.protocol.truncate import dealt, made
from junto.mpc.ring128 import WIDE_BITS, lowest_words, number, unsigned


def narrowed(x: RingSecret) -> RingSecret:
    """`x` modulo 2**64: all that a node has of it, so taken."""
    x = best(x)
    if isinstance(x, Masked):
        return Masked(_low(x.public), _low(x.mask), x.held)
    if isinstance(x, Affine):
        terms = tuple(
            Term(
                term.factor if term.factor is MINUS_ONE else _low(term.factor),
                _low(term.mask),
                term.bits,
                term.held,
            )
            for term in x.terms
        )
        return Affine(_low(x.public), terms, x.shape)
    if not isinstance(x, Additive):
        raise TypeError(f"{type(x).__name__} is no form of a secret here")
    return Additive(_low(x.share), x.shape)


def _low(words: Any) -> Any:
    return None if words is None else np.ascontiguousarray(lowest_words(words)).reshape(words.shape)


async def widened(role: Role, x: RingSecret) -> Affine:
    """`x` modulo 2**128.

    With c = x + 2**62 + r opened modulo 2**64, the sum has wrapped around exactly if the top bit of r is set
    and that of c is not. So x = c - 2**62 - r + (1 - top(c)) top(r) 2**64, now as whole numbers.
    """
    cut = role.widening(x.shape)
    share = piece(role, x)
    if share is not None:
        share = share + cut.mask
        if role.first:
            share = share + np.uint64(1 << (role.width - 2))
    opened = await role.open(share)
    if opened is None:
        return dealt(cut)
    wrapped = unsigned(1 - (opened >> np.uint64(role.width - 1))) << np.uint64(role.width)
    public = unsigned(opened) - number(1 << (role.width - 2), WIDE_BITS)
    return made(cut, public, wrapped)
