"""Gates that prove that no number has left its range, or say where one may have.

A product of numbers below 2**63 does not wrap around modulo 2**128. So each gate here knows a bound of what
it gives, from the bounds of its operands; only where that does not exclude that a number wraps, or cannot be
truncated, its operands are compared with a bound that does. The comparisons share the rounds of the run. In
the end one number is revealed to every node: how many of the places in the program that were compared are
right before the first one that is not.

Where a function takes a number to a fixed size, by powers of two that depend on the number, no bound can be
told from those of its operands. Such a result has none; the step that made it vouches for it and for what it
makes of it, for any operand in the range that it is written for. To all other steps it is as large as any.

As in `plain_gates`, integers may wrap: what is doubtful is compared only once it is used as a fixed-point
number. What is beyond a bound is always found; what is less than an eighth within it may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.errors import NotComputable
from junto.mpc.gates import BITS, BilinearMap, Digit, Flags, Gates, Powers, Words
from junto.mpc.magnitudes import magnitude, terms_of
from junto.mpc.ring128 import as_ring, lowest_words
from junto.mpc.rounds import RoundFuture, start, together

HALVINGS: Final = 4
"""So often the bits of a comparison are joined in pairs before they are counted."""

FEWEST: Final = 64
"""So few bits are counted at once."""

COUNTS: Final = 48
"""Bits of a count of numbers that are out of range."""

PURPOSE: Final = "the proof that no number has left its range"
"""What it is done for, where costs are shown."""

FIX: Final = (
    "bring the numbers into the range (docs/reference/spu-ranges.md): divide them by their scale, or take "
    "fewer bits after the point (fxp_fraction_bits); debug_mode=True shows with made-up data which they are"
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Doubt:
    """Something that holds only if a number is in a range.

    Attributes:
        x: the number.
        ends: the least and the greatest that it may be.
        label: what has to be said if it is not, and where.
        exact: whether a number within the range is never called outside of it, however near to its ends.
    """

    x: Any
    ends: tuple[int, int]
    label: str
    exact: bool = False


class Bounded(Protocol):
    """What is known of a secret array of ring elements.

    Attributes:
        bound: no element's magnitude is larger, if no doubt is justified; None: it may be any.
        doubts: see `Doubt`.
        home: the step that vouches for one without a bound.
        shape: as of any secret.
    """

    bound: int | None
    doubts: tuple[Doubt, ...]
    home: str | None

    @property
    def shape(self) -> tuple[int, ...]: ...


_Counts: TypeAlias = dict[str, list[RoundFuture[Any]]]


@dataclass(slots=True, eq=False)
class Proof:
    """What a run has compared.

    Attributes:
        asked: ranges that are to be compared with as soon as a gate can.
        counts: for each label, how many numbers each of its comparisons has found out of range.
        proving: ends when what was compared before is known to be right.
        told: called with the bytes of what every node is told.
        inputs: what came into the run, and its bounds: they are the secrets' own only once all is proved.
    """

    asked: list[Doubt] = field(default_factory=list)
    counts: _Counts = field(default_factory=dict)
    proving: RoundFuture[None] | None = None
    told: Callable[[int], None] | None = None
    inputs: dict[int, tuple[Any, int]] = field(default_factory=dict)


class CheckedGates(Gates[Any, Any]):
    """See the module.

    Args:
        inner: the gates that compute.
        known: whether they compute with numbers, and do not only count what that costs.
        place: the step that they compute now, and where it is in the user's files.
        proof: of the run; None: a new one.
    """

    checks = True

    def __init__(
        self, inner: Gates[Any, Any], *, known: bool = True, place: str = "", proof: Proof | None = None
    ) -> None:
        self._inner = inner
        self._known = known
        self._place = place
        self._proof = Proof() if proof is None else proof
        self.bits: int = inner.bits
        self.fine: int = inner.fine

    def at(self, place: str) -> CheckedGates:
        return CheckedGates(self._inner, known=self._known, place=place, proof=self._proof)

    def begun(self, told: Callable[[int], None] | None) -> None:
        self._proof.told = told

    def unvouched(self, x: Any) -> Any:
        if x.bound is None:
            self._narrow(x, self._any - 1)
        return x

    def vouched(self, x: Any) -> Any:
        return self._made(x, None, x)

    def entered(self, x: Any, most: int) -> None:
        if hasattr(x, "doubts"):
            self._proof.inputs[id(x)] = (x, most if x.bound is None else x.bound)

    async def widened(self, x: Any) -> Any:
        return await self._inner.widened(x)

    # ------------------------------------------------------------------ bounds

    @property
    def _any(self) -> int:
        return 1 << (self.bits - 1)

    @property
    def _room(self) -> int:
        """What is truncated has to be below this."""
        return 1 << (self.bits - 2)

    def _bound(self, x: Bounded) -> int:
        if id(x) in self._proof.inputs:
            return self._proof.inputs[id(x)][1]
        return self._any if x.bound is None else x.bound

    def _narrow(self, x: Any, bound: int) -> None:
        if id(x) in self._proof.inputs:
            self._proof.inputs[id(x)] = (x, bound)
        else:
            x.bound, x.home = bound, None

    def _vouched(self, *xs: Bounded) -> bool:
        return any(x.bound is None and x.home == self._place for x in xs)

    def _same(self, x: Bounded) -> int | None:
        """The bound of what has the elements of x."""
        return None if self._vouched(x) else self._bound(x)

    def _made(self, x: Any, bound: int | None, *of: Bounded, doubts: Iterable[Doubt] = ()) -> Any:
        """A result, and what is known of it; without a bound this step vouches for it."""
        if id(x) in self._proof.inputs:
            return x
        found = {(id(each.x), each.ends): each for each in doubts}
        for operand in of:
            found.update({(id(each.x), each.ends): each for each in operand.doubts})
        x.bound, x.home = bound, self._place if bound is None else None
        x.doubts = tuple(found.values())
        return x

    def _doubt(self, x: Any, bits: int, sentence: str) -> list[Doubt]:
        if self._bound(x) <= 1 << bits or self._vouched(x):
            return []
        return [Doubt(x, (-(1 << bits), (1 << bits) - 1), self._label(sentence))]

    def _label(self, sentence: str) -> str:
        return f"{sentence}, in {self._place}" if self._place else sentence

    def _product(self, x: Any, y: Any, terms: int) -> tuple[int | None, list[Doubt]]:
        """The bound of a sum of so many products, and what it takes for it to hold."""
        if self._vouched(x, y):
            return None, []
        one, other = self._bound(x), self._bound(y)
        if one * other * terms < self._room:
            return one * other * terms, []
        both = self._room // terms
        half = (both.bit_length() - 1) // 2
        left, right = half, half
        if one <= 1 << half:
            left, right = one.bit_length(), (both // max(one, 1)).bit_length() - 1
        elif other <= 1 << half:
            left, right = (both // max(other, 1)).bit_length() - 1, other.bit_length()
        said = "a product of fixed-point numbers is out of range: one is 2**{} units or more"
        doubts = self._doubt(x, left, said.format(left)) + self._doubt(y, right, said.format(right))
        return min(one, 1 << left) * min(other, 1 << right) * terms, doubts

    def _sum(self, x: Any, y: Any) -> tuple[int | None, list[Doubt]]:
        """The bound of a sum or a difference, likewise."""
        if self._vouched(x, y):
            return None, []
        total = self._bound(x) + self._bound(y)
        if total < self._any:
            return total, []
        said = "a sum is out of range"
        doubts = [doubt for each in (x, y) for doubt in self._doubt(each, self.bits - 2, said)]
        return min(self._bound(x), self._room) + min(self._bound(y), self._room) - 1, doubts

    def _times(self, x: Any, most: int, bounded: bool) -> tuple[int | None, list[Doubt]]:
        """The bound of numbers that are made so many times larger at most, likewise."""
        total = self._bound(x) * most
        if total < self._any:
            return total, []
        if not bounded or self._vouched(x):
            return None, []
        bits = max((self._room // max(most, 1)).bit_length() - 1, 0)
        said = f"a fixed-point number is out of range: it is 2**{bits} units or more"
        return (1 << bits) * most, self._doubt(x, bits, said)

    # ------------------------------------------------------------------ what is compared

    def _ask(self, doubts: Iterable[Doubt]) -> None:
        for each in doubts:
            least, most = each.ends
            if self._bound(each.x) > min(-least, most + 1) or (each.exact and self._bound(each.x) > most):
                self._narrow(each.x, min(self._bound(each.x), max(-least, most + 1)))
                self._proof.asked.append(each)

    async def _begin(self) -> None:
        """Begin to compare what was asked for; nobody waits for it yet."""
        asked, self._proof.asked = self._proof.asked, []
        for doubt in asked:
            count = await start(self._count(doubt), PURPOSE)
            self._proof.counts.setdefault(doubt.label, []).append(count)

    async def _count(self, doubt: Doubt) -> Any:
        """How many numbers, or groups of them, are not below a bound."""
        g = self._inner
        outside = await g.outside(doubt.x, *doubt.ends, exact=doubt.exact)
        found = g.arrange(outside, lambda array: array.reshape(-1))
        fine = g.flip(found, np.asarray(True))
        for _ in range(HALVINGS):
            size = fine.shape[0]
            if size <= FEWEST:
                break
            half = size // 2
            left, right = (g.arrange(fine, _part(start, start + half)) for start in (0, half))
            rest = g.arrange(fine, _part(2 * half, size))
            fine = g.join([await g.both(left, right), rest], _joined)
        return g.linear(g.to_ring(g.flip(fine, np.asarray(True))), _total)

    async def conclude(self, results: Sequence[Any]) -> None:
        await self._prove()
        for each in results:
            if hasattr(each, "doubts"):  # what nobody has used as a fixed-point number
                each.bound, each.doubts = (self._any - 1 if each.doubts else each.bound), ()
        for x, bound in self._proof.inputs.values():
            x.bound = bound

    async def _prove(self) -> None:
        """Wait until all that was to be compared is known to be right.

        Raises:
            NotComputable: it is not.
        """
        await self._begin()
        counts, self._proof.counts = self._proof.counts, {}
        if counts:
            self._proof.proving = await start(self._shown(counts, self._proof.proving), PURPOSE)
        if self._proof.proving is not None:
            await self._proof.proving

    async def _shown(self, counts: _Counts, earlier: RoundFuture[None] | None) -> None:
        """Reveal to every node how many of the labels are right before the first that is not."""
        if earlier is not None:
            await earlier
        revealed = as_ring(np.asanyarray(await self._inner.reveal(await self._verdict(counts))))
        right = int(lowest_words(revealed).item())
        if self._proof.told is not None:
            self._proof.told(self.bits // 8)
        if self._known and right < len(counts):
            raise NotComputable(list(counts)[right], fix=FIX)

    async def _verdict(self, counts: _Counts) -> Any:
        """That number, as a secret."""
        g = self._inner
        totals = []
        for each_count in counts.values():
            found = await together(*each_count)
            total = found[0]
            for each in found[1:]:
                total = g.add(total, each)
            totals.append(g.arrange(total, lambda array: array.reshape(1)))
        right = await g.zero(g.join(totals, _joined), COUNTS)
        step = 1
        while step < len(totals):
            earlier, later = g.arrange(right, _part(0, -step)), g.arrange(right, _part(step, None))
            first = g.arrange(right, _part(0, step))
            right = g.join([first, await g.both(earlier, later)], _joined)
            step *= 2
        return g.linear(g.to_ring(right), _total)

    # ------------------------------------------------------------------ the gates

    def constant(self, value: Words) -> Any:
        return self._made(self._inner.constant(value), magnitude(value))

    def constant_bits(self, value: Flags) -> Any:
        return self._inner.constant_bits(value)

    def arrange(self, x: Any, move: Callable[..., Any]) -> Any:
        return self.join([x], move)

    def join(self, parts: Any, move: Callable[..., Any]) -> Any:
        made = self._inner.join(parts, move)
        if not hasattr(parts[0], "doubts"):
            return made
        if self._vouched(*parts):
            return self._made(made, None, *parts)
        return self._made(made, max(map(self._bound, parts)), *parts)

    def add(self, x: Any, y: Any) -> Any:
        bound, doubts = self._sum(x, y)
        return self._made(self._inner.add(x, y), bound, x, y, doubts=doubts)

    def subtract(self, x: Any, y: Any) -> Any:
        bound, doubts = self._sum(x, y)
        return self._made(self._inner.subtract(x, y), bound, x, y, doubts=doubts)

    def negate(self, x: Any) -> Any:
        return self._made(self._inner.negate(x), self._same(x), x)

    def add_public(self, x: Any, c: Words) -> Any:
        total = self._bound(x) + magnitude(self.element(c))
        made = self._inner.add_public(x, c)
        if self._vouched(x):
            return self._made(made, None, x)
        doubts = [] if total < self._any else self._doubt(x, self.bits - 2, "a sum is out of range")
        return self._made(made, min(total, self._any - 1), x, doubts=doubts)

    def scale(self, x: Any, c: Words, *, bounded: bool = False) -> Any:
        bound, doubts = self._times(x, magnitude(self.element(c)), bounded)
        return self._made(self._inner.scale(x, c, bounded=bounded), bound, x, doubts=doubts)

    def linear(self, x: Any, map: Callable[[Words], Words], *, bounded: int = 0) -> Any:
        made = self._inner.linear(x, map, bounded=bounded)
        bound, doubts = self._times(x, bounded, True) if bounded else (None, [])
        return self._made(made, bound, x, doubts=doubts)

    def to_ring(self, b: Any) -> Any:
        return self._made(self._inner.to_ring(b), 1)

    def expect(self, x: Any, least: int, most: int, otherwise: str, *, domain: bool = False) -> None:
        self._inner.expect(x, least, most, otherwise, domain=domain)
        self._ask(x.doubts)
        if domain:
            least = min(least, -most)
        if x.bound is None and not self._vouched(x):
            self._narrow(x, min(self._bound(x), self._any - 1))
        if -least < self._any or most < self._any - 1:
            self._ask([Doubt(x, (least, most), self._label(otherwise), exact=True)])

    def xor(self, a: Any, b: Any) -> Any:
        return self._inner.xor(a, b)

    def flip(self, a: Any, where: Flags) -> Any:
        return self._inner.flip(a, where)

    async def hold(self, x: Any) -> Any:
        return self._made(await self._inner.hold(x), self._same(x), x)

    async def multiply(self, x: Any, y: Any) -> Any:
        bound, doubts = self._product(x, y, 1)
        return self._made(await self._inner.multiply(x, y), bound, x, y, doubts=doubts)

    async def bilinear(self, x: Any, y: Any, map: BilinearMap) -> Any:
        bound, doubts = self._product(x, y, terms_of(map, x.shape, y.shape))
        return self._made(await self._inner.bilinear(x, y, map), bound, x, y, doubts=doubts)

    async def truncate(self, x: Any, bits: int, *, loose: bool = False) -> Any:
        if not loose:
            await self._expect_truncatable(x)
        made = await self._inner.truncate(x, bits, loose=loose)
        return self._made(made, (min(self._bound(x), self._room) >> bits) + 1)

    async def rescale(self, x: Any, factor: Words) -> Any:
        await self._expect_truncatable(x)
        made = await self._inner.rescale(x, factor)
        most = int(factor.max()) if factor.size else 0
        return self._made(made, (min(self._bound(x), self._room) * most >> BITS) + 2)

    async def _expect_truncatable(self, x: Any) -> None:
        self._ask(x.doubts)
        said = f"a fixed-point number is out of range: its element is not below 2**{self.bits - 2}"
        self._ask(self._doubt(x, self.bits - 2, said))
        await self._begin()

    async def negative(self, x: Any, bits: int | None = None) -> Any:
        return await self._inner.negative(x, bits)

    async def below(self, x: Any, bounds: Sequence[int], bits: int, *, exact: bool = True) -> Any:
        return await self._inner.below(x, bounds, bits, exact=exact)

    async def zero(self, x: Any, bits: int | None = None) -> Any:
        return await self._inner.zero(x, bits)

    async def both(self, a: Any, b: Any) -> Any:
        return await self._inner.both(a, b)

    async def choose(self, b: Any, x: Any, y: Any) -> Any:
        made = await self._inner.choose(b, x, y)
        bound = None if self._vouched(x, y) else max(self._bound(x), self._bound(y))
        return self._made(made, bound, x, y)

    async def guard(self, b: Any, xs: Sequence[Any]) -> Sequence[Any]:
        made = await self._inner.guard(b, xs)
        return [self._made(each, self._same(x), x) for each, x in zip(made, xs, strict=True)]

    async def decompose(self, x: Any, bits: int | None = None) -> Any:
        return await self._inner.decompose(x, bits)

    async def lookup(self, x: Any, digit: Digit, tables: Sequence[Words]) -> Sequence[Any]:
        made = await self._inner.lookup(x, digit, tables)
        return [self._made(each, magnitude(table)) for each, table in zip(made, tables, strict=True)]

    async def power(self, x: Any, digit: Digit, powers: Powers) -> tuple[Any, Any, int]:
        rest, found, drop = await self._inner.power(x, digit, powers)
        bound = (magnitude(powers.entries) + 1) << drop
        return self._made(rest, 1 << digit.low), self._made(found, bound), drop

    async def series(self, x: Any, period: int, sines: Sequence[float], cosines: Sequence[float]) -> Any:
        made = await self._inner.series(x, period, sines, cosines)
        return self._made(made, 4 << self.fine)

    async def reveal(self, x: Any) -> Any:
        self._ask(getattr(x, "doubts", ()))
        await self._prove()  # nobody is shown a wrong number
        return await self._inner.reveal(x)


def _part(start: int, stop: int | None) -> Callable[[NDArray[Any]], NDArray[Any]]:
    return lambda array: array[start:stop]


def _joined(*parts: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate(parts)


def _total(words: Words) -> Words:
    return np.asanyarray(words.sum(axis=0, keepdims=True, dtype=np.uint64))
