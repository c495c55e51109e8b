"""The bits of a secret, without a helper.

Paper:     as `compare`: x = a - b with a at P0 and b at P1; the borrows by a prefix network over digits
           (Sklansky, "Conditional-sum addition logic", 1960) and one conjunction for each bit.
Computes:  <bit j of x>, j < bits, from <x>: bit j of a xor bit j of b xor the borrow into place j.
Parties:   P0, P1.
Secure:    semi-honest, one of two corrupted.
Learns:    P0 and P1 see bits xor uniform, fresh ones, and what `leaves` says.
Cost:      for all 64 bits: 7 rounds, 256 bytes and 106 bits P0 -> P1, 234 bits back. Offline 64 oblivious
           transfers for the digits, 86 above them.
"""

from __future__ import annotations

import numpy as np

from junto.mpc import bits as kernel
from junto.mpc.bits import Planes
from junto.mpc.protocol.pair import digit_tree
from junto.mpc.protocol.pair.leaves import DIGIT, PREFIXES, compare_digits, private
from junto.mpc.protocol.planes import MaskedPlanes, reshare
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Masked


async def places(role: Role, x: Masked, bits: int) -> MaskedPlanes:
    """The lowest `bits` bits of a flat array, a plane each."""
    own, digits = private(role, x), -(-bits // DIGIT)
    answers = await compare_digits(role, own, digits, PREFIXES)
    rows = [slice(2 * layer * digits, 2 * (layer + 1) * digits) for layer in range(DIGIT)]
    lower = [answers.rows(slice(row.start, row.stop, 2)) for row in rows]
    equal = [answers.rows(slice(row.start + 1, row.stop, 2)) for row in rows]
    share = await _borrows(role, lower, equal)
    if share is not None:
        share = share[:bits] ^ kernel.planes(own, bits)
    return await reshare(role, share, bits, answers.lanes)


async def _borrows(role: Role, lower: list[MaskedPlanes], equal: list[MaskedPlanes]) -> Planes | None:
    """Shares of the borrow into each place, lowest first."""
    digits = len(lower[0].mask)
    inner, top = slice(1, None), slice(digits - 1)
    carries: MaskedPlanes | None = None
    products: list[Planes] | None = None
    if digits > 1:
        carries = await digit_tree.prefixes(role, lower[-1].rows(top), equal[-1].rows(top))
        products = digit_tree.times(role, carries, [each.rows(inner) for each in equal[:-1]])
    if lower[0].public is None:
        return None
    borrows = np.zeros((digits, DIGIT, lower[0].mask.shape[1]), np.uint64)
    for layer in range(DIGIT - 1):
        borrows[:, layer + 1] = digit_tree.known(digit_tree.as_share(role, lower[layer]))
        if products is not None:
            borrows[inner, layer + 1] ^= products[layer]
    if carries is not None:
        borrows[inner, 0] = digit_tree.known(digit_tree.as_share(role, carries))
    return borrows.reshape(digits * DIGIT, -1)
