"""What a secret computation can do: the seam between the functions and the protocol.

Above it, `functions/` and `primitives/` say *what* is computed; they see secrets only through these gates and
never look inside one. Below it, `protocol/` computes them under MPC in three roles, and `plain` computes
the same on plain values with the same rounding, for the debug mode and for tests.

A secret is either a `Ring` array (integers modulo 2**k, two's complement, k = 64 or 128; fixed-point numbers
are such integers with `fraction` bits after the point, which the caller keeps in mind) or a `Bits` array (0
and 1). Public operands are numpy arrays: for rings `uint64`, numbers in two's complement, or where these do
not fit what `Gates.word` and `Gates.words` make (`ring128`); `bool` for bits.

A gate without `async` is local: no message, no round. A gate with it costs the rounds that it names; gates
that run `together` share them (`rounds`). Rounds and bytes are those of the protocol, sent by one compute
party for one element.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeAlias, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from junto.mpc.ring128 import is_wide, lowest_words, number, wide_of_integers

BITS = 64
"""The ring is the integers modulo 2**BITS, unless the gates say otherwise (`Gates.bits`)."""

Words: TypeAlias = NDArray[np.uint64]
"""A public array of ring elements."""

Flags: TypeAlias = NDArray[np.bool_]
"""A public array of bits."""


MatrixProduct: TypeAlias = Callable[[Words, Words], Words]
"""Products of matrices in the ring: `numpy.matmul` of arrays of two dimensions or more."""

BilinearMap: TypeAlias = Callable[[Words, Words, MatrixProduct], Words]
"""A public bilinear map over the ring, as ``map(x, y, product)``.

All that it does with both operands is to multiply matrices by `product`, those of x on the left, so that it
also serves whoever has no numbers to multiply, but shares of them.
"""


class Shaped(Protocol):
    """Every secret tells its shape."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the secret array: public, like every shape."""


R = TypeVar("R", bound=Shaped)
"""The secret arrays of ring elements of one implementation."""

B = TypeVar("B", bound=Shaped)
"""The secret arrays of bits of one implementation."""


@dataclass(frozen=True, slots=True)
class Digit:
    """Where a table looks: `width` bits of a number, from bit `low` on, counted from the lowest."""

    low: int
    width: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Powers:
    """The powers of a public base, of which `Gates.power` takes the one of a secret digit.

    As a power of a difference they are products: with the digit d = c - l, and 0 <= l < len(near),
    `near[l]` stands for the power of -l and `far[c % len(far)]` for that of c.

    Attributes:
        entries: the power for each value of the digit, [2**width].
        far: factors for the larger part, [2**width].
        near: factors for the smaller part; a power of 2 of them, fewer than 2**width.
        drop: so many bits less than a product of two factors an entry has after the point.
    """

    entries: Words
    far: Words
    near: Words
    drop: int


def left_out(bounds: Sequence[int]) -> int:
    """So many of the lowest bits do not count in `Gates.below` unless it is exact: a bound keeps seven."""
    return max(0, min(bounds).bit_length() - 7)


class Gates(ABC, Generic[R, B]):
    """The gates of one run at one node.

    Attributes:
        fine: bits after the point of what `series` gives.
        bits: k: the ring is the integers modulo 2**k.
        checks: whether they follow how large a number can be (`checked_gates`).
    """

    fine = 40
    bits: int = BITS
    checks: bool = False

    def word(self, value: int) -> Words:
        """One public number as an element, of any size."""
        return cast(Words, number(value, self.bits))

    def element(self, value: Words) -> Words:
        """A public array as its own ring can be computed with: of what is wider the lowest bits."""
        return value if is_wide(self.bits) else lowest_words(value)

    def words(self, values: Iterable[int]) -> Words:
        """Public numbers as elements, [count]."""
        if is_wide(self.bits):
            return wide_of_integers(list(values))
        return np.array([value % 2**64 for value in values], np.uint64)

    # ------------------------------------------------------------------ public values as secrets, shapes

    @abstractmethod
    def constant(self, value: Words) -> R:
        """A public array in the form of a secret."""

    @abstractmethod
    def constant_bits(self, value: Flags) -> B:
        """Public bits in the form of secret ones."""

    @overload
    def arrange(self, x: R, move: Callable[[NDArray[np.generic]], NDArray[np.generic]]) -> R: ...
    @overload
    def arrange(self, x: B, move: Callable[[NDArray[np.generic]], NDArray[np.generic]]) -> B: ...
    @abstractmethod
    def arrange(self, x: R | B, move: Callable[[NDArray[np.generic]], NDArray[np.generic]]) -> R | B:
        """Rearrange elements: reshape, transpose, slice, gather, repeat, fill with zeros, nothing else.

        `move` is called with arrays of any dtype and must put each element of its result either from one
        place of its argument or zero, by public positions alone.
        """

    @overload
    def join(self, parts: Sequence[R], move: Callable[..., NDArray[np.generic]]) -> R: ...
    @overload
    def join(self, parts: Sequence[B], move: Callable[..., NDArray[np.generic]]) -> B: ...
    @abstractmethod
    def join(self, parts: Sequence[R] | Sequence[B], move: Callable[..., NDArray[np.generic]]) -> R | B:
        """Like `arrange` with several arguments: concatenate, stack, write one into a part of another."""

    # ------------------------------------------------------------------ local arithmetic, modulo 2**k

    @abstractmethod
    def add(self, x: R, y: R) -> R:
        """`x + y`, broadcasting like numpy."""

    @abstractmethod
    def subtract(self, x: R, y: R) -> R:
        """`x - y`, broadcasting like numpy."""

    @abstractmethod
    def negate(self, x: R) -> R:
        """`-x`."""

    @abstractmethod
    def add_public(self, x: R, c: Words) -> R:
        """`x + c`, broadcasting like numpy."""

    @abstractmethod
    def scale(self, x: R, c: Words, *, bounded: bool = False) -> R:
        """`x * c` for public integers `c`, broadcasting like numpy. No truncation.

        `bounded`: the result is a fixed-point number, and the debug mode must find it out if it does not fit.
        """

    @abstractmethod
    def linear(self, x: R, map: Callable[[Words], Words], *, bounded: int = 0) -> R:
        """`map(x)` for a public linear map over the ring: sums, cumulative sums, a public matrix.

        `bounded`: how many times larger than the largest of x the result is at most, if it is a fixed-point
        number that has to fit, as in `scale`; 0: it is none.
        """

    @abstractmethod
    def to_ring(self, b: B) -> R:
        """The bits as integers 0 and 1; ready to be multiplied without another round."""

    def expect(self, x: R, least: int, most: int, otherwise: str, *, domain: bool = False) -> None:
        """Have the debug mode say `otherwise` if x as a signed number is not from `least` to `most`.

        Under MPC nobody can tell, and nothing happens, unless the gates are checked (`checked_gates`).
        `domain`: the ends are those of a function's domain, so that only what is larger than both of them has
        left the range of numbers.
        """

    def at(self, place: str) -> Gates[R, B]:
        """These gates, for whoever computes this step at this line."""
        return self

    def unvouched(self, x: R) -> R:
        """`x`; how large it is does not follow from what the function that made it was given."""
        return x

    def entered(self, x: R, most: int) -> None:
        """A secret comes into the run; its elements' magnitudes are `most` at most."""

    def begun(self, told: Callable[[int], None] | None) -> None:
        """A run begins; `told` is called with the bytes of what every node is told of it, if anything."""

    async def conclude(self, results: Sequence[R | B]) -> None:
        """The run is over but for this; `results` are its own.

        Raises:
            NotComputable: the gates are checked, and a number has left its range: at all nodes, which learn
                the first place in the program where that was.
        """

    async def outside(self, x: R, least: int, most: int, *, exact: bool = True) -> B:
        """Of each number bits, in a new first axis: one is set if it is not from `least` to `most`.

        None of them is beyond the ring, and one that is its end is not compared with. Unless `exact`, the
        ends are `-2**n` and `2**n - 1`, and what is less than an eighth within them may have a bit, too.
        """
        lowest, highest = -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        ends = [self.add_public(x, self.word(-least))] if least > lowest else []
        ends += [self.add_public(self.negate(x), self.word(most))] if most < highest else []
        return await self.negative(self.join(ends, lambda *parts: np.stack(parts)))

    # ------------------------------------------------------------------ from the other ring

    def vouched(self, x: R) -> R:
        """`x`, which is as large as whoever made it says, whatever bound it is thought to have."""
        return x

    async def narrowed(self, x: R, cut: int = 0) -> R:
        """A secret of the ring modulo 2**128 in this ring, modulo 2**64: its lowest bits. No message.

        `cut`: without so many of them, which takes a truncation there.
        """
        raise TypeError(f"{type(self).__name__} takes nothing from a larger ring")

    async def widened(self, x: R) -> R:
        """A secret `|x| < 2**62` of the ring modulo 2**64 in this ring, modulo 2**128. 1 round, 8 bytes."""
        raise TypeError(f"{type(self).__name__} takes nothing from a smaller ring")

    # ------------------------------------------------------------------ local logic

    @abstractmethod
    def xor(self, a: B, b: B) -> B:
        """`a != b`, broadcasting like numpy."""

    @abstractmethod
    def flip(self, a: B, where: Flags) -> B:
        """`a != where` for public bits, broadcasting like numpy; `flip(a, np.True_)` is `not a`."""

    # ------------------------------------------------------------------ gates with rounds

    @abstractmethod
    async def hold(self, x: R) -> R:
        """`x` itself, ready as an operand. 1 round, 8 bytes; nothing if it is ready already.

        Every gate below does this to its ring operands where it must. Do it yourself, `together`, where it
        saves a round.
        """

    @abstractmethod
    async def multiply(self, x: R, y: R) -> R:
        """`x * y`, broadcasting like numpy; of fixed-point numbers, their fractions add up.

        No round with ready operands. Results of `truncate` and of `to_ring` count as ready
        here (not in `bilinear`).
        """

    @abstractmethod
    async def bilinear(self, x: R, y: R, map: BilinearMap) -> R:
        """The public bilinear map of x and y (matrix products, convolutions).

        No round with ready operands.
        """

    @abstractmethod
    async def truncate(self, x: R, bits: int, *, loose: bool = False) -> R:
        """`x >> bits` (arithmetic), exact up to a unit in the last place. 1 round, 8 bytes.

        `|x| < 2**(k - 2)`, or the result is wrong, which the debug mode reports unless `loose`: then wrong
        results are not used further on.
        """

    @abstractmethod
    async def rescale(self, x: R, factor: Words) -> R:
        """`x * factor / 2**64` for public factors that are multiples of 4. 1 round, 8 bytes.

        A truncation by any number below 1: exact up to a unit and a quarter in the last place (two parties
        without a helper: two units), and ready as an operand as that of `truncate` is; `|x| < 2**(k - 2)`.
        """

    @abstractmethod
    async def negative(self, x: R, bits: int | None = None) -> B:
        """The sign bit: `x < 0` in two's complement. 3 rounds, 39 bits, of a ready operand.

        `bits`: x is known to be from `-2**(bits - 1)` to `2**(bits - 1) - 1`, or only its lowest `bits` bits
        count; None: all. Of up to 16 of them 2 rounds, 9 bits; of up to 4, one of each.
        """

    async def below(self, x: R, bounds: Sequence[int], bits: int, *, exact: bool = True) -> B:
        """`x < bound` for each of several public bounds, in a new last axis. As many rounds as `negative`.

        What has to be dealt of x is dealt once for all. `bits`: as in `negative`, of each `x - bound`.
        Unless `exact`, x and the bounds are positive, these multiples of `2**left_out(bounds)`, and what is
        by less than that below a bound may count as not below it: bits that are left out cost nothing.
        """
        column = self.arrange(x, lambda array: array[..., None])
        return await self.negative(self.add_public(column, self.words(-bound for bound in bounds)), bits)

    @abstractmethod
    async def zero(self, x: R, bits: int | None = None) -> B:
        """`x == 0`. 3 rounds, 21 bits, of a ready operand.

        `bits`: as in `negative`. Of up to 16 of them 2 rounds, 5 bits; of up to 4, one of each.
        """

    @abstractmethod
    async def both(self, a: B, b: B) -> B:
        """`a and b`, broadcasting like numpy. 1 round, 1 bit."""

    @abstractmethod
    async def choose(self, b: B, x: R, y: R) -> R:
        """`x` where `b`, else `y`; all of one shape.

        No round if `x - y` is ready (results of `truncate` are).
        """

    @abstractmethod
    async def guard(self, b: B, xs: Sequence[R]) -> Sequence[R]:
        """Each of `xs` where all bits in the last axis of `b` are set, else 0; all of one shape but for it.

        No round with ready operands; the results are none. Offline, for n bits: `8 * (2**n - 1)` bytes an
        element, and as many for each of `xs`.
        """

    @abstractmethod
    async def decompose(self, x: R, bits: int | None = None) -> B:
        """The lowest `bits` bits of `x` in two's complement, lowest first, in a new last axis; None: all.

        5 rounds of a ready operand for more than 16 bits, else 3.
        """

    @abstractmethod
    async def lookup(self, x: R, digit: Digit, tables: Sequence[Words]) -> Sequence[R]:
        """For each table of `2**digit.width` entries, the entry at the digit of `x`.

        The digit is that of `floor(x / 2**low)` *or of this plus one* (a carry is not resolved), modulo
        `2**width`; all tables see the same choice. So with the table `t[i] = i << low` the rest
        `x - t[digit]` lies in `(-2**low, 2**low)` as long as `x` is in the range that the tables cover.
        No round with a ready operand; the results are none. Offline: `8 * 2**width` bytes an element.
        """

    @abstractmethod
    async def power(self, x: R, digit: Digit, powers: Powers) -> tuple[R, R, int]:
        """`x` without its bits from `digit.low` on; the power at the digit; and by how many bits it is finer.

        The digit as in `lookup`; where it is one too high, the rest is less than 0. The rest is a ready
        operand (without a helper not), the power has to be truncated by the third, and is none. No round with
        a ready operand. Offline: 8 bytes, and as many for each `len(powers.near)` of the digit's values.
        """

    @overload
    async def reveal(self, x: R) -> Words: ...
    @overload
    async def reveal(self, x: B) -> Flags: ...
    @abstractmethod
    async def reveal(self, x: R | B) -> Words | Flags:
        """`x` itself, to every node of the SPU. 1 round, 8 bytes or a bit, and as many to the helper.

        Only `primitives.revealing` may ask for it.
        """

    @abstractmethod
    async def series(self, x: R, period: int, sines: Sequence[float], cosines: Sequence[float]) -> R:
        """The Fourier series of `sines` and `cosines`, k from 0.

        sum(s[k] sin(2 pi k x / 2**period)) + sum(c[k] cos(2 pi k x / 2**period))

        The result has `fine` bits after the point, is exact up to about 2**-20 a term, and is not a ready
        operand; it must be less than 4. No round with a ready operand; offline 16 bytes a term and element.
        Periodic: nothing is assumed of the size of `x`.
        """
