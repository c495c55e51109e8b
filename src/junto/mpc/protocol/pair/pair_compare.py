"""Compare a secret with zero, without a helper.

Paper:     Rathee et al., "CrypTFlow2: Practical 2-party secure inference", CCS 2020, section 3.1: x = a - b
           with a = D - m0 at P0 and b = m1 at P1 is negative as their top bits and the borrow between the
           lower ones say.
Computes:  <x < 0> and <x = 0> from <x>.
Parties:   P0, P1.
Secure:    semi-honest, one of two corrupted.
Learns:    P0 and P1 see bits xor uniform, fresh ones, and what `leaves` says.
Cost:      of a masked operand, for a sign: 6 rounds, 64 bytes and 26 bits P0 -> P1, 57 bits back; for zero:
           6 rounds, 32 bytes and 15 bits, 31 bits back. Offline 94 oblivious transfers each.
           Of up to 32, 16 or 8 bits half of it, and a round less, each time.
"""

from __future__ import annotations

from functools import partial

from junto.mpc import bits
from junto.mpc.protocol.compare import in_blocks
from junto.mpc.protocol.pair import digit_tree
from junto.mpc.protocol.pair.leaves import DIGIT, EQUALITY, ORDER, compare_digits, private
from junto.mpc.protocol.planes import MaskedPlanes, reshare
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Masked, MaskedBits
from junto.mpc.ring128 import bit_field, number


async def negative(role: Role, x: Masked, block: int, places: int | None = None) -> MaskedBits:
    """`x < 0` in two's complement of its lowest `places` bits, `block` elements at a time."""
    return await in_blocks(role, x, block, partial(_sign, places=min(places or role.width, role.width)))


async def zero(role: Role, x: Masked, block: int, places: int | None = None) -> MaskedBits:
    """Whether the lowest `places` bits of x are 0, `block` elements at a time."""
    return await in_blocks(role, x, block, partial(_zero, places=min(places or role.width, role.width)))


async def _sign(role: Role, x: Masked, places: int) -> MaskedPlanes:
    lanes = x.mask.size
    own = private(role, x)
    below = own & number((1 << (places - 1)) - 1, role.width)
    opened = await compare_digits(role, below, _digits(places), ORDER, unwanted=(1,))
    share = await digit_tree.less(role, opened.rows(slice(0, None, 2)), opened.rows(slice(1, None, 2)))
    if share is not None:
        share = share ^ bits.pack(bit_field(own, places - 1, 1).astype(bool))
    return await reshare(role, share, 1, lanes)


async def _zero(role: Role, x: Masked, places: int) -> MaskedPlanes:
    own = private(role, x) & number((1 << places) - 1, role.width)
    opened = await compare_digits(role, own, _digits(places), EQUALITY)
    return await reshare(role, await digit_tree.all_of(role, opened), 1, x.mask.size)


def _digits(places: int) -> int:
    """How many digits hold so many bits: a power of two, as `digit_tree` wants it."""
    return max(2, 1 << (-(-places // DIGIT) - 1).bit_length())
