"""The gates of `junto.mpc.gates`, computed by two parties and a helper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from junto.mpc.gates import BITS, BilinearMap, Digit, Flags, Gates, Powers, Words, left_out
from junto.mpc.protocol import (
    compare,
    dealt,
    decompose,
    guarded,
    inout,
    multiply,
    planes,
    shares,
    stepped_tables,
    truncate,
    widths,
)
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Masked, MaskedBits, Move, RingSecret
from junto.mpc.ring128 import WIDE_BITS, elements, zeros
from junto.mpc.rounds import together


class SecureGates(Gates[RingSecret, MaskedBits]):
    """The gates of one run in one role. Each is explained in its file of this package.

    Args:
        role: this node's.
        block: see `MpcSettings.block`.
    """

    def __init__(self, role: Role, block: int) -> None:
        self._role = role
        self.bits: int = role.width
        self._block = block

    def constant(self, value: Words) -> RingSecret:
        public = None if self._role.deals else elements(value, self.bits)
        return Masked(public, zeros(value.shape, self.bits), 0)

    def constant_bits(self, value: Flags) -> MaskedBits:
        return MaskedBits(None if self._role.deals else value, np.zeros(value.shape, np.bool_))

    def arrange(self, x: Any, move: Move) -> Any:
        return self.join([x], move)

    def join(self, parts: Any, move: Move) -> Any:
        if isinstance(parts[0], MaskedBits):
            return shares.arrange_bits(cast(Sequence[MaskedBits], parts), move)
        return shares.arrange(self._role, cast(Sequence[RingSecret], parts), move)

    def add(self, x: RingSecret, y: RingSecret) -> RingSecret:
        return shares.add(self._role, x, y)

    def subtract(self, x: RingSecret, y: RingSecret) -> RingSecret:
        return shares.add(self._role, x, self.negate(y))

    def negate(self, x: RingSecret) -> RingSecret:
        return shares.scale(self._role, x, shares.MINUS_ONE)

    def add_public(self, x: RingSecret, c: Words) -> RingSecret:
        return shares.shift(self._role, x, self.element(c))

    def scale(self, x: RingSecret, c: Words, *, bounded: bool = False) -> RingSecret:
        return shares.scale(self._role, x, self.element(c))

    def linear(self, x: RingSecret, map: Callable[[Words], Words], *, bounded: int = 0) -> RingSecret:
        return shares.linear(self._role, x, map)

    async def narrowed(self, x: RingSecret, cut: int = 0) -> RingSecret:
        return widths.narrowed(await truncate.truncate(self._role.in_ring(WIDE_BITS), x, cut) if cut else x)

    async def widened(self, x: RingSecret) -> RingSecret:
        return await widths.widened(self._role.in_ring(BITS), x)

    def to_ring(self, b: MaskedBits) -> RingSecret:
        return dealt.to_ring(self._role, b)

    def xor(self, a: MaskedBits, b: MaskedBits) -> MaskedBits:
        public = None if a.public is None or b.public is None else a.public ^ b.public
        return MaskedBits(public, a.mask ^ b.mask)

    def flip(self, a: MaskedBits, where: Flags) -> MaskedBits:
        shape = np.broadcast_shapes(a.shape, np.shape(where))
        return MaskedBits(None if a.public is None else a.public ^ where, np.broadcast_to(a.mask, shape))

    async def hold(self, x: RingSecret) -> RingSecret:
        return await shares.hold(self._role, x)

    async def multiply(self, x: RingSecret, y: RingSecret) -> RingSecret:
        return await multiply.multiply(self._role, x, y)

    async def bilinear(self, x: RingSecret, y: RingSecret, map: BilinearMap) -> RingSecret:
        return await multiply.bilinear(self._role, x, y, map)

    async def truncate(self, x: RingSecret, bits: int, *, loose: bool = False) -> RingSecret:
        return await truncate.truncate(self._role, x, bits)

    async def rescale(self, x: RingSecret, factor: Words) -> RingSecret:
        return await truncate.rescale(self._role, x, factor)

    async def negative(self, x: RingSecret, bits: int | None = None) -> MaskedBits:
        return await compare.negative(
            self._role, await shares.hold(self._role, x), self._block, bits or self.bits
        )

    async def below(
        self, x: RingSecret, bounds: Sequence[int], bits: int, *, exact: bool = True
    ) -> MaskedBits:
        held = await shares.hold(self._role, x)
        if self._role.pair or not compare.in_whole_words(held.mask.size):
            return await super().below(held, bounds, bits)
        drop = 0 if exact else left_out(bounds)
        return await compare.below(self._role, held, bounds, compare.Places(drop, bits), self._block)

    async def zero(self, x: RingSecret, bits: int | None = None) -> MaskedBits:
        return await compare.zero(
            self._role, await shares.hold(self._role, x), self._block, bits or self.bits
        )

    async def outside(self, x: RingSecret, least: int, most: int, *, exact: bool = True) -> MaskedBits:
        if exact or self._role.pair:
            return await super().outside(x, least, most)
        held = await shares.hold(self._role, x)
        return await compare.outside(self._role, held, most.bit_length(), self._block)

    async def both(self, a: MaskedBits, b: MaskedBits) -> MaskedBits:
        return await planes.both(self._role, a, b)

    async def choose(self, b: MaskedBits, x: RingSecret, y: RingSecret) -> RingSecret:
        return self.add(y, await self.multiply(self.to_ring(b), self.subtract(x, y)))

    async def guard(self, b: MaskedBits, xs: Sequence[RingSecret]) -> Sequence[RingSecret]:
        held = await together(*[shares.hold(self._role, x) for x in xs])
        return guarded.guarded(self._role, b, held)

    async def decompose(self, x: RingSecret, bits: int | None = None) -> MaskedBits:
        held = await shares.hold(self._role, x)
        return await decompose.decompose(self._role, held, bits or self.bits, self._block)

    async def lookup(self, x: RingSecret, digit: Digit, tables: Sequence[Words]) -> Sequence[RingSecret]:
        own = [self.element(table) for table in tables]
        held = await shares.hold(self._role, x)
        if held.mask.size > stepped_tables.MANY and (places := stepped_tables.changes(own, digit)):
            return await stepped_tables.lookup(self._role, held, digit, own, places, self._block)
        return dealt.lookup(self._role, held, digit, own)

    async def power(self, x: RingSecret, digit: Digit, powers: Powers) -> tuple[RingSecret, RingSecret, int]:
        held = await shares.hold(self._role, x)
        return *dealt.power(self._role, held, digit, powers), powers.drop

    async def reveal(self, x: Any) -> Any:
        return await inout.revealed(self._role, x)

    async def series(
        self, x: RingSecret, period: int, sines: Sequence[float], cosines: Sequence[float]
    ) -> RingSecret:
        held = await shares.hold(self._role, x)
        return dealt.series(self._role, held, period, sines, cosines)
