"""The gates of `junto.mpc.gates`, computed by two parties alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Digit, Powers, Words
from junto.mpc.protocol import decompose as planes
from junto.mpc.protocol import shares
from junto.mpc.protocol.pair import pair_compare, pair_decompose, pair_lookup
from junto.mpc.protocol.secure_gates import SecureGates
from junto.mpc.protocol.shares import MaskedBits, RingSecret
from junto.mpc.rounds import together


def _slice(start: int, stop: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    return lambda array: array[..., start:stop]


class PairGates(SecureGates):
    """Those of `SecureGates`, except where a helper makes cheap what oblivious transfer does not."""

    fine = 60

    async def negative(self, x: RingSecret, bits: int | None = None) -> MaskedBits:
        return await pair_compare.negative(
            self._role, await shares.hold(self._role, x), self._block, bits or self.bits
        )

    async def zero(self, x: RingSecret, bits: int | None = None) -> MaskedBits:
        return await pair_compare.zero(
            self._role, await shares.hold(self._role, x), self._block, bits or self.bits
        )

    async def guard(self, b: MaskedBits, xs: Sequence[RingSecret]) -> Sequence[RingSecret]:
        """A tree of conjunctions: products of k masks would take 2**k of what two parties can make."""
        if not b.shape[-1]:
            return list(xs)
        while b.shape[-1] > 1:
            b = await self._halved(b)
        chosen = self.to_ring(self.arrange(b, lambda array: array[..., 0]))
        return await together(*[self.multiply(chosen, x) for x in xs])

    async def _halved(self, b: MaskedBits) -> MaskedBits:
        """Pairs of bits in the last axis both set; an odd one stays."""
        half = b.shape[-1] // 2
        left, right = (self.arrange(b, _slice(start, start + half)) for start in (0, half))
        both = await self.both(left, right)
        if b.shape[-1] == 2 * half:
            return both
        joined: MaskedBits = self.join([both, b], lambda x, y: np.concatenate([x, y[..., -1:]], -1))
        return joined

    async def decompose(self, x: RingSecret, bits: int | None = None) -> MaskedBits:
        held = await shares.hold(self._role, x)
        return await planes.in_blocks(self._role, held, bits or self.bits, self._block, pair_decompose.places)

    async def lookup(self, x: RingSecret, digit: Digit, tables: Sequence[Words]) -> Sequence[RingSecret]:
        held, own = await shares.hold(self._role, x), [self.element(table) for table in tables]
        return await pair_lookup.lookup(self._role, held, digit, own, self._block)

    async def power(self, x: RingSecret, digit: Digit, powers: Powers) -> tuple[RingSecret, RingSecret, int]:
        held = await shares.hold(self._role, x)
        (found,) = await self.lookup(held, digit, [powers.entries])
        return pair_lookup.rest(self._role, held, digit), found, 0
