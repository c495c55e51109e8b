"""No number in the compiled code outgrows its lane: proved by computing bounds in place of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from junto.join.compiled.fields import Field25, Field51
from junto.join.curve import P

WORD = 2**64
WEAK = {Field51: [2**51 + 2**15] * 5, Field25: [2**26 + 2**19, 2**25 + 2**19] * 5}


@dataclass(frozen=True)
class Bound:
    """Anything from `low` to `high`."""

    low: int
    high: int

    def __post_init__(self):
        assert 0 <= self.low <= self.high < WORD, "a number leaves its lane"


class Bounds:
    """Stands for LLVM's builder: the same operations, on bounds."""

    def add(self, a, b):
        return Bound(a.low + b.low, a.high + b.high)

    def sub(self, a, b):
        return Bound(a.low - b.high, a.high - b.low)

    def mul(self, a, b):
        return Bound(a.low * b.low, a.high * b.high)

    def shl(self, a, b):
        return Bound(a.low << b.low, a.high << b.high)

    def lshr(self, a, b):
        return Bound(a.low >> b.low, a.high >> b.high)

    def and_(self, a, mask):
        assert mask.low == mask.high
        if mask.high == 2**32 - 1:  # the low half, of which the rest must be nothing
            assert a.high <= mask.high, "a factor has more than 32 bits"
            return a
        return Bound(0, min(a.high, mask.high))


class Emitter:
    """Stands for the emitter."""

    lanes = 8
    builder = Bounds()

    def constant(self, value):
        return Bound(value, value)

    def intrinsic(self, name, arguments):
        def multiply_and_add(total, a, b):
            assert max(a.high, b.high) < 2**52, "a factor has more than 52 bits"
            product = a.high * b.high
            part = product >> 52 if "madd52h" in name else min(product, 2**52 - 1)
            return Bound(total.low, total.high + part)

        return multiply_and_add


def weak(field):
    return [Bound(0, limb) for limb in WEAK[field]]


@pytest.mark.parametrize("field", [Field51, Field25])
@pytest.mark.parametrize("operation", ["multiply", "square", "add", "subtract", "times small", "times large"])
def test_weakly_reduced_numbers_stay_so(field, operation):
    x, y, ours = weak(field), weak(field), field(Emitter())
    results = {
        "multiply": lambda: ours.multiply(x, y),
        "square": lambda: ours.square(x),
        "add": lambda: ours.add(x, y),
        "subtract": lambda: ours.subtract(x, y),
        "times small": lambda: ours.times(x, 2),
        "times large": lambda: ours.times(x, 2**19 - 1),
    }[operation]()
    assert [limb.high <= bound for limb, bound in zip(results, WEAK[field], strict=True)] == [True] * len(x)


@pytest.mark.parametrize("field", [Field51, Field25])
def test_what_is_added_before_subtracting_is_twice_p(field):
    limbs = [limb.high for limb in field(Emitter())._twice_p]
    offsets = [sum(field.widths[:k]) for k in range(len(limbs))]
    assert sum(limb << offset for limb, offset in zip(limbs, offsets, strict=True)) == 2 * P
    assert sum(field.widths) == 255


@pytest.mark.parametrize("field", [Field51, Field25])
def test_the_bounds_would_notice(field):
    ours = field(Emitter())
    large = [Bound(0, 6 * limb) for limb in WEAK[field]]
    with pytest.raises(AssertionError, match=r"bits|lane"):
        ours.multiply(large, large)
