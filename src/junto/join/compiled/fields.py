"""Numbers modulo p = 2**255 - 19 in vectors: each lane holds one number, in limbs.

Two ways to cut a number into limbs, for two kinds of machines. All operations take and return limbs that
hardly exceed their own width ("weakly reduced"); the bounds stand beside the operations. No operation
branches on a number or uses it as an address.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

from junto.join.compiled.emitter import Emitter, Vector

Number = list[Vector]

PRODUCT, SQUARES = "product", "squares"
"""Functions of the module that is compiled, beside the two for callers."""


class Field(ABC):
    """Arithmetic on numbers, written into an emitter's function.

    Attributes:
        widths: bits of each limb, the lowest first.
    """

    widths: ClassVar[tuple[int, ...]]

    def __init__(self, emitter: Emitter) -> None:
        self.emitter = emitter
        self.builder = emitter.builder
        self._masks = [emitter.constant((1 << width) - 1) for width in self.widths]
        self._shifts = [emitter.constant(width) for width in self.widths]
        twice = [2 * ((1 << width) - 1) for width in self.widths]
        self._one, self._four = emitter.constant(1), emitter.constant(4)
        self._twice_p = [emitter.constant(limb) for limb in (twice[0] - 36, *twice[1:])]

    @abstractmethod
    def multiply(self, x: Number, y: Number) -> Number:
        """X * y."""

    @abstractmethod
    def square(self, x: Number) -> Number:
        """X * x."""

    @abstractmethod
    def times(self, x: Number, factor: int) -> Number:
        """X * factor, which is positive and below 2**19."""

    def constant(self, value: int) -> Number:
        """A number that is known beforehand."""
        limbs = []
        for width in self.widths:
            limbs.append(self.emitter.constant(value & ((1 << width) - 1)))
            value >>= width
        return limbs

    def add(self, x: Number, y: Number) -> Number:
        """X + y."""
        return self._carried([self.builder.add(a, b) for a, b in zip(x, y, strict=True)])

    def subtract(self, x: Number, y: Number) -> Number:
        """X - y, as x + 2 p - y, no limb of which is negative."""
        raised = [self.builder.add(a, two) for a, two in zip(x, self._twice_p, strict=True)]
        return self._carried([self.builder.sub(a, b) for a, b in zip(raised, y, strict=True)])

    def swap(self, mask: Vector, x: Number, y: Number) -> tuple[Number, Number]:
        """Y, x where the mask is all ones; x, y where it is zero."""
        differing = [self.builder.and_(self.builder.xor(a, b), mask) for a, b in zip(x, y, strict=True)]
        return (
            [self.builder.xor(a, d) for a, d in zip(x, differing, strict=True)],
            [self.builder.xor(b, d) for b, d in zip(y, differing, strict=True)],
        )

    def product(self, x: Number, y: Number) -> Number:
        """X * y by a call: where code should be short rather than quick."""
        return self.emitter.call(PRODUCT, [*x, *y], len(x))

    def squares(self, x: Number, times: int) -> Number:
        """X ** (2 ** times) by a call."""
        return self.emitter.call(SQUARES, x, len(x), times)

    def inverse(self, x: Number) -> Number:
        """1 / x, and 0 for 0: x ** (p - 2)."""
        high, _, x11 = self._powers(x)
        return self.product(self.squares(high, 5), x11)

    def character(self, x: Number) -> Number:
        """1 for a square, -1 for none, 0 for 0: x ** ((p - 1) / 2), where the exponent is 2**254 - 10."""
        high, x2, _ = self._powers(x)
        return self.product(self.squares(high, 4), self.product(self.squares(x2, 1), x2))

    def _powers(self, x: Number) -> tuple[Number, Number, Number]:
        """X ** (2**250 - 1), x ** 2 and x ** 11, by the chain of curve25519's first implementation."""
        x2 = self.squares(x, 1)
        x9 = self.product(x, self.squares(x2, 2))
        x11 = self.product(x9, x2)
        ones = {5: self.product(x9, self.squares(x11, 1))}  # n -> x ** (2**n - 1)
        for bits, more in ((5, 5), (10, 10), (20, 20), (40, 10), (50, 50), (100, 100), (200, 50)):
            ones[bits + more] = self.product(self.squares(ones[bits], more), ones[more])
        return ones[250], x2, x11

    def _carried(self, limbs: Sequence[Vector]) -> Number:
        """What exceeds a limb's width goes to the next one; of the highest, 19 times to the lowest."""
        builder = self.builder
        over = [builder.lshr(limb, shift) for limb, shift in zip(limbs, self._shifts, strict=True)]
        kept = [builder.and_(limb, mask) for limb, mask in zip(limbs, self._masks, strict=True)]
        arriving = [self._times_19(over[-1]), *over[:-1]]
        return [builder.add(a, b) for a, b in zip(kept, arriving, strict=True)]

    def _times_19(self, limb: Vector) -> Vector:
        """By shifts and sums: most processors multiply whole words slowly."""
        shifted = self.builder.add(self.builder.shl(limb, self._four), self.builder.shl(limb, self._one))
        return self.builder.add(shifted, limb)


class Field51(Field):
    """Five limbs of 51 bits, for processors that multiply and add 52 bits (AVX-512 IFMA).

    The instructions read the low 52 bits of their factors and add the low or the high 52 bits of the product;
    a high part stands one limb and one bit higher than its low part.

    A limb of a weakly reduced number is below 2**51 + 2**15. Sums in a product stay below
    20 * (5 * 2**52 + 2 * 5 * 2**52) < 2**61, so one carry reduces them to 2**51 + 19 * 2**10.
    """

    widths = (51,) * 5

    def __init__(self, emitter: Emitter) -> None:
        super().__init__(emitter)
        self._low = emitter.intrinsic(f"llvm.x86.avx512.vpmadd52l.uq.{64 * emitter.lanes}", 3)
        self._high = emitter.intrinsic(f"llvm.x86.avx512.vpmadd52h.uq.{64 * emitter.lanes}", 3)
        self._zero = emitter.constant(0)

    def multiply(self, x: Number, y: Number) -> Number:
        low, high = [self._zero] * 10, [self._zero] * 10
        for i in range(5):
            for j in range(5):
                low[i + j] = self._low(low[i + j], x[i], y[j])
                high[i + j + 1] = self._high(high[i + j + 1], x[i], y[j])
        return self._folded(low, high)

    def square(self, x: Number) -> Number:
        low, high = [self._zero] * 10, [self._zero] * 10
        for i in range(5):
            for j in range(i + 1, 5):
                low[i + j] = self._low(low[i + j], x[i], x[j])
                high[i + j + 1] = self._high(high[i + j + 1], x[i], x[j])
        low = [self.builder.shl(limb, self._one) for limb in low]
        high = [self.builder.shl(limb, self._one) for limb in high]
        for i in range(5):
            low[2 * i] = self._low(low[2 * i], x[i], x[i])
            high[2 * i + 1] = self._high(high[2 * i + 1], x[i], x[i])
        return self._folded(low, high)

    def times(self, x: Number, factor: int) -> Number:
        by = self.emitter.constant(factor)
        low = [self._low(self._zero, limb, by) for limb in x]
        high = [self._zero, *(self._high(self._zero, limb, by) for limb in x)]
        return self._folded([*low, *[self._zero] * 5], [*high, *[self._zero] * 4])

    def _times_19(self, limb: Vector) -> Vector:
        return self.builder.mul(limb, self.emitter.constant(19))  # these processors are quick at it

    def _folded(self, low: Sequence[Vector], high: Sequence[Vector]) -> Number:
        builder = self.builder
        limbs = [builder.add(a, builder.shl(b, self._one)) for a, b in zip(low, high, strict=True)]
        return self._carried([builder.add(limbs[k], self._times_19(limbs[k + 5])) for k in range(5)])


class Field25(Field):
    """Ten limbs of 26 and 25 bits in turn, for any processor: products of 32 bits by 32 bits.

    A limb of a weakly reduced number is below 2**26 + 2**19, hence 38 times one below 2**32. A product of two
    limbs, doubled and times 19, is below 2**57.3, ten of them are below 2**60.7; two carries reduce the sum.
    """

    widths = (26, 25) * 5

    def multiply(self, x: Number, y: Number) -> Number:
        return self._reduced(self._products(((i, j) for i in range(10) for j in range(10)), x, y))

    def square(self, x: Number) -> Number:
        twice = [self.builder.shl(limb, self._one) for limb in x]
        sums = self._products(((i, j) for i in range(10) for j in range(i + 1, 10)), twice, x)
        return self._reduced(self._products(((i, i) for i in range(10)), x, x, sums))

    def times(self, x: Number, factor: int) -> Number:
        by = self.emitter.constant(factor)
        return self._reduced([self._product(limb, by) for limb in x])

    def _products(
        self, pairs: Iterable[tuple[int, int]], x: Number, y: Number, sums: Sequence[Vector] = ()
    ) -> list[Vector]:
        """Products of limbs, each added to the sum where it belongs.

        Two odd limbs stand one bit too high for their place: they count twice. From 2**255 on, a product
        counts 19 times, 2**255 lower.
        """
        builder, found = self.builder, list(sums) or [self.emitter.constant(0)] * 10
        factors = {1: y, 2: [builder.shl(limb, self._one) for limb in y]}
        factors |= {19 * k: [self._times_19(limb) for limb in limbs] for k, limbs in list(factors.items())}
        for i, j in pairs:
            factor = (2 if i % 2 and j % 2 else 1) * (19 if i + j >= 10 else 1)
            product = self._product(x[i], factors[factor][j])
            found[(i + j) % 10] = builder.add(found[(i + j) % 10], product)
        return found

    def _reduced(self, limbs: Sequence[Vector]) -> Number:
        return self._carried(self._carried(limbs))

    def _product(self, x: Vector, y: Vector) -> Vector:
        """The full product of the low halves."""
        half = self.emitter.constant(2**32 - 1)
        return self.builder.mul(self.builder.and_(x, half), self.builder.and_(y, half))
