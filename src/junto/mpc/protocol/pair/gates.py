"""The gates of `junto.mpc.gates`, computed by two parties alone."""

from __future__ import annotations

from collections.abc import Sequence

from junto.mpc.gates import BITS, Digit, Words
from junto.mpc.protocol import decompose as planes
from junto.mpc.protocol import shares
from junto.mpc.protocol.gates import SecureGates
from junto.mpc.protocol.pair import compare, decompose, lookup
from junto.mpc.protocol.shares import MaskedBits, RingSecret


class PairGates(SecureGates):
    """Those of `SecureGates`, except where a helper makes cheap what oblivious transfer does not."""

    fine = 60

    async def negative(self, x: RingSecret) -> MaskedBits:
        return await compare.negative(self._role, await shares.hold(self._role, x), self._block)

    async def zero(self, x: RingSecret) -> MaskedBits:
        return await compare.zero(self._role, await shares.hold(self._role, x), self._block)

    async def decompose(self, x: RingSecret, bits: int = BITS) -> MaskedBits:
        held = await shares.hold(self._role, x)
        return await planes.in_blocks(self._role, held, bits, self._block, decompose.places)

    async def lookup(self, x: RingSecret, digit: Digit, tables: Sequence[Words]) -> Sequence[RingSecret]:
        held = await shares.hold(self._role, x)
        return await lookup.lookup(self._role, held, digit, tables, self._block)
