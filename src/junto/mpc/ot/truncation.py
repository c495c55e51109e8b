"""What a truncation needs of its mask, where the mask is a sum of which each party knows one summand.

Paper:     Escudero et al., CRYPTO 2020, section 5, and Dalskov et al., PoPETs 2020, for the use; `carries`.
Computes:  [r >> f] and [top bit of r], modulo 2**64, from r0 at P0 and r1 at P1, r = r0 + r1 mod 2**64.
Parties:   P0, P1.
Secure:    semi-honest.
Learns:    nobody anything (but see `protocol.truncate` for what many results tell whom they are shown).
Cost:      for f = 18: 54.5 transfers and 376 more bits each way: with fields of 4 bits 265 bytes.

With the carry c out of the lower f places and the carry w out of all 64 of them,

    r >> f = (r0 >> f) + (r1 >> f) + c - 2**(64 - f) w

and the top bit is that of r0, of r1 and the carry into it, by exclusive or.
"""

from __future__ import annotations

import numpy as np

from junto.mpc import bits
from junto.mpc.gates import BITS, Words
from junto.mpc.ot import carries
from junto.mpc.ot.extension import Extension
from junto.mpc.ot.products import to_ring

_TOP = BITS - 1


def truncation(extension: Extension, own: Words, fraction: int) -> tuple[Words, Words]:
    """Our shares of r >> fraction, and of the top bit of r times 2**(64 - fraction).

    Args:
        extension: with the other party.
        own: our summands of r, [n].
        fraction: 1 to 62.

    Raises:
        ValueError: `fraction` is another number.
    """
    if not 1 <= fraction < _TOP:
        raise ValueError(f"a number is divided by 2 to 2**62, not by 2**{fraction}")
    lanes = len(own)
    lower, upper, highest = carries.ranges(extension, own, (0, fraction, _TOP, BITS))
    middle = carries.join(extension, upper, lower.generate)
    wrap = carries.join(extension, highest, middle)
    top = bits.pack((own >> np.uint64(_TOP)).astype(np.bool_)) ^ middle[0]
    lift = np.uint64(BITS - fraction)
    carry = to_ring(extension, bits.unpack(lower.generate[0], lanes))
    both = np.concatenate([bits.unpack(plane, lanes) for plane in (wrap[0], top)])
    high = to_ring(extension, both, fraction)
    high <<= lift
    return (own >> np.uint64(fraction)) + carry - high[:lanes], high[lanes:]
