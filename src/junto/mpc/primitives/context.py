"""What a rule gets beside its operands, and the forms in which it may ask for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from junto.errors import NotComputable
from junto.mpc.gates import BITS, Gates, Words
from junto.mpc.plan_steps import Block, PlanStep, ShapeDtype
from junto.mpc.rounds import start
from junto.mpc.settings import MpcSettings
from junto.mpc.values import (
    LARGEST,
    WHOLE_RING,
    Public,
    Secret,
    Span,
    Value,
    dtype_span,
    exact_fraction,
    fixed_words,
    integer_words,
    kind,
    largest_element,
    whole_ring,
)

Move: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]


class Scale(IntEnum):
    """Which scales (`values.Secret`) a rule takes."""

    NONE = 0
    ONE = 1
    ANY = 2


@dataclass(frozen=True, slots=True)
class Takes:
    """In which forms a rule takes floats.

    Args:
        pending: whether products that are still to be truncated, too.
        scale: by how many numbers they may still have to be multiplied.
    """

    pending: bool = False
    scale: Scale = Scale.NONE


SETTLED = Takes()
PENDING = Takes(pending=True)
MOVED = Takes(pending=True, scale=Scale.ONE)
RAW = Takes(pending=True, scale=Scale.ANY)


def fits(value: Value, takes: Takes, fraction: int) -> bool:
    """Whether a value is in such a form, at so many bits after the point."""
    if isinstance(value, Public):
        return True
    if value.scale is not None and takes.scale < (Scale.ANY if value.scale.ndim else Scale.ONE):
        return False
    return takes.pending or value.fraction <= fraction


Settle: TypeAlias = Callable[[Value, str, int], Coroutine[Any, Any, Value]]
"""Truncates a value, for which a place answers, to so many bits after the point."""


def fraction_of(x: Secret, most: int) -> int:
    """Bits after the point with which a float has its digits and its range; `most` at most."""
    if x.scale is None or not x.scale.size:
        return min(x.fraction, most)
    factor = float(np.abs(x.scale).max())
    return min(x.fraction - (int(np.frexp(factor)[1]) - 1 if factor else 0), most)


class Cell:
    """A value that is there, or that a step is still computing.

    Attributes:
        value: None as long as it is not there.
        maker: ends when it is.
        place: what makes it, and where.
        exact: whether somebody wants it with more bits after the point than others do (`proportions`).
    """

    __slots__ = ("_settled", "exact", "maker", "place", "value")

    def __init__(self, value: Value | None = None, place: str = "", *, exact: bool = False) -> None:
        self.value: Value | None = value
        self.place: str = place
        self.exact: bool = exact
        self.maker: Awaitable[Any] | None = None
        self._settled: dict[int, Awaitable[Value]] = {}

    async def get(self) -> Value:
        """The value, as soon as it is there."""
        if self.value is None and self.maker is not None:
            await self.maker
        if self.value is None:
            raise RuntimeError("a step ended without its result")
        return self.value

    def ready(self, takes: Takes, fraction: int) -> bool:
        """Whether the value is there, in a form that a step takes, at so many bits after the point."""
        return self.value is not None and fits(self.value, takes, fraction)

    async def settled(self, settle: Settle, fraction: int) -> Value:
        """The value after its truncation, which happens once for each number of bits, whoever asks."""
        value = self.value if self.value is not None else await self.get()
        if fraction not in self._settled:
            self._settled[fraction] = await start(settle(value, self.place, fraction), self.place)
        return await self._settled[fraction]


class Shared:
    """What is made of the same operands is made once: `//` asks for quotient and remainder, in two steps.

    Only the last few are remembered, so that no operand is kept alive for long.
    """

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: deque[tuple[str, tuple[Value, ...], Awaitable[Any]]] = deque(maxlen=4)

    async def get(
        self, name: str, operands: Sequence[Value], make: Callable[[], Coroutine[Any, Any, Any]]
    ) -> Any:
        """What `make` makes, or has made of these very operands under this name."""
        given = tuple(operands)
        for known, others, made in self._made:
            if known == name and all(a is b for a, b in zip(given, others, strict=True)):
                return await made
        later = await start(make())
        self._made.append((name, given, later))
        return await later


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """One step's surroundings.

    Attributes:
        g: the gates.
        settings: those of the SPU.
        step: what is being computed.
        evaluate: jax's own result of a step whose operands are all public.
        shared: what several steps make of the same operands, made once (`Shared.get`).
        run: starts to compute a block of control flow.
        most_turns: of a loop that ends by what is revealed; None: it ends by what all know before.
        digits: bits after the point that the step's operands have at most, and its result may have.
        exact: whether its result must be right in proportion.
    """

    g: Gates[Any, Any]
    settings: MpcSettings
    step: PlanStep
    evaluate: Callable[[PlanStep, Sequence[Any]], list[Public]]
    run: Callable[[Block, Sequence[Cell]], Awaitable[list[Cell]]]
    shared: Callable[[str, Sequence[Value], Callable[[], Coroutine[Any, Any, Any]]], Awaitable[Any]]
    most_turns: int | None = None
    digits: int = 0
    exact: bool = False

    @property
    def proportional(self) -> bool:
        """Whether the step's result must be right in proportion, or an operand (`proportions`)."""
        return self.digits > self.settings.fraction

    @property
    def fraction(self) -> int:
        """Bits after the point of a number that nothing is pending on."""
        return self.settings.fraction

    @property
    def largest(self) -> int:
        """See `values.largest_element`."""
        return largest_element(self.g.bits)

    @property
    def whole(self) -> Span:
        """See `values.whole_ring`."""
        return whole_ring(self.g.bits)

    @property
    def longest(self) -> int:
        """No number has more bits after the point, even before its truncation."""
        return self.g.bits - 6

    def fixed_words(self, array: NDArray[Any], fraction: int) -> Words:
        """See `values.fixed_words`."""
        return fixed_words(array, fraction, self.g.bits)

    def exact_fraction(self, array: NDArray[Any], most: int) -> int:
        """See `values.exact_fraction`."""
        return exact_fraction(array, most, self.g.bits)

    @property
    def form(self) -> ShapeDtype:
        """Of the (first) result."""
        return self.step.forms[0]

    # ------------------------------------------------------------------ results; the interpreter gives t

    def fixed(self, value: Any, fraction: int, scale: NDArray[np.float64] | None = None) -> Secret:
        """A secret float."""
        return Secret(value, np.dtype(np.float64), tuple(value.shape), fraction, scale=scale)

    def integer(self, value: Any, span: Span, dtype: np.dtype[Any]) -> Secret:
        """A secret integer. A span beyond the ring says nothing, so it becomes the whole ring."""
        whole = self.whole
        inside = whole[0] <= span[0] and span[1] <= whole[1]
        return Secret(value, dtype, tuple(value.shape), 0, span if inside else whole)

    def bits(self, value: Any) -> Secret:
        """Secret bools."""
        return Secret(value, np.dtype(np.bool_), tuple(value.shape))

    def like(self, value: Any, x: Secret) -> Secret:
        """Elements of `x` moved elsewhere."""
        return replace(x, value=value, shape=tuple(value.shape), twin=None)

    # ------------------------------------------------------------------ operands

    def lift(self, value: Value) -> Secret:
        """`value` in the form of a secret; a float with as few bits after the point as it needs."""
        if isinstance(value, Secret):
            return value
        array = value.array
        match kind(array.dtype):
            case "bits":
                return Secret(self.g.constant_bits(array), np.dtype(np.bool_), value.shape)
            case "integer":
                held = self.g.constant(integer_words(array))
                return Secret(held, array.dtype, value.shape, 0, public_span(array))
            case "fixed":
                fraction = self.exact_fraction(array, self.fraction)
                held = self.g.constant(self.fixed_words(array, fraction))
                return Secret(held, array.dtype, value.shape, fraction)

    def full(self, x: Secret) -> Secret:
        """`x` with every element of its shape."""
        if not x.thin:
            return x
        shape = x.shape
        return self.moved(x, lambda array: np.broadcast_to(array, shape))

    def moved(self, x: Secret, move: Move) -> Secret:
        """`x`, rearranged."""
        held = self.g.arrange(x.value, move)
        twin = x.twin and x.twin.moved(move, tuple(x.value.shape))
        return replace(x, value=held, shape=tuple(held.shape), twin=twin)

    def at(self, x: Secret, fraction: int) -> Any:
        """The ring array of the float `x` with `fraction` bits after the point, no fewer than it has."""
        if x.scale is not None:
            raise TypeError("a number that is still to be scaled is used as it is")
        if x.fraction == fraction:
            return x.value
        room, most = self.largest >> (fraction - x.fraction), self.largest >> fraction
        self.g.expect(x.value, -room, room, f"a number is out of range: not below {most:.3g}")
        return self.g.scale(x.value, self.g.word(1 << (fraction - x.fraction)), bounded=True)

    def leaving(self, x: Secret, what: str, fraction: int) -> Any:
        """The ring array of a float that leaves the computation, with so many bits after the point.

        `what`: of which it is a result.

        Raises:
            NotComputable: it may be infinity.
        """
        if x.infinite.up.sure or x.infinite.down.sure:
            raise NotComputable(
                f"a result may be infinity (jnp.inf), which no fixed-point number is: {what}",
                fix="put a number in its place, as in jnp.where(x > 1, x, 0), or use it in the same function",
            )
        held = self.at(x, fraction)
        bits = self.g.bits
        self.g.expect(held, *self.whole, f"a result is out of range: it does not fit into {bits} bits")
        return held

    def expect_number(self, x: Value) -> None:
        """Have the debug mode say it if a float has left its range before it is compared or used."""
        if isinstance(x, Secret) and x.kind == "fixed":
            bits = self.g.bits
            self.g.expect(x.value, *self.whole, f"a number is out of range: it does not fit into {bits} bits")

    def expect_mask(self, x: Secret, factor: NDArray[np.float64]) -> None:
        """Have the debug mode say it if a factor that counts as the largest number meets a fraction.

        Such a factor makes a mask of 0 and 1. Of another number the product would be wrong, even if it fits.
        """
        far = np.abs(factor) > self.largest >> self.fraction
        if x.fraction and bool(far.any()):
            rest = np.where(far, self.g.word(1 << (self.g.bits - x.fraction)), np.uint64(0))
            constant, most = float(np.abs(factor).max()), self.largest >> self.fraction
            said = f"a number that is no mask of 0 and 1 meets a factor of {constant:.3g}, held as {most:.3g}"
            self.g.expect(self.g.scale(x.value, rest), 0, 0, said)

    async def settled(self, x: Value, fraction: int = 0) -> Value:
        """`x` with a pending truncation done, and nothing to be multiplied by any more.

        Args:
            x: what is settled.
            fraction: bits after the point that it may have; 0: those of the settings.
        """
        if isinstance(x, Public) or x.kind != "fixed":
            return x
        fraction = fraction or self.fraction
        if x.scale is not None:
            self.expect_mask(x, x.scale)
            most = float(self.largest >> self.fraction)
            scale = np.clip(x.scale, -most, most)
            return await self._rescaled(x, np.ldexp(scale, fraction - x.fraction), fraction)
        if x.fraction <= fraction:
            return x
        held = await self.g.truncate(x.value, x.fraction - fraction)
        return Secret(held, x.dtype, x.shape, fraction, infinite=x.infinite, twin=x.twin)

    async def fine(self, x: Value) -> Value:
        """`x`, settled, with as many digits as the step's result may have."""
        if isinstance(x, Public) or not self.proportional:
            return await self.settled(x)
        return await self.settled(x, max(fraction_of(x, self.digits), self.fraction))

    async def alone(self, x: Value) -> Value:
        """`x`, pending perhaps, but with nothing to be multiplied by any more."""
        return x if isinstance(x, Public) or x.scale is None else await self.fine(x)

    async def _rescaled(self, x: Secret, factor: NDArray[np.float64], fraction: int) -> Secret:
        """`x` with so many bits after the point, its ring elements times `factor`.

        Whole factors are multiplied by at once. Others as a power of two, which leaves room for the result
        and no more, and a number below 1 (`Gates.rescale`).
        """
        if bool((factor == np.rint(factor)).all()):
            held = self.g.scale(x.value, self.fixed_words(factor, 0), bounded=True)
            return Secret(held, x.dtype, x.shape, fraction, infinite=x.infinite, twin=x.twin)
        rest, exponent = np.frexp(np.abs(factor))
        up = np.maximum(exponent, 0)
        part = np.rint(np.ldexp(rest, exponent - up + (BITS - 2))).astype(np.uint64)
        whole = np.where(factor < 0, -1.0, 1.0) * np.ldexp(1.0, up)
        held = self.g.scale(x.value, self.fixed_words(whole, 0), bounded=True)
        held = await self.g.rescale(held, np.asarray(part << np.uint64(2)))
        return Secret(held, x.dtype, x.shape, fraction, infinite=x.infinite, twin=x.twin)

    def number(self, x: Secret) -> Any:
        """The ring array of a settled float with the settings' fraction, as the functions want it."""
        return self.at(x, self.fraction)

    async def wrapped(self, x: Secret) -> Secret:
        """The integer `x` within the range of its dtype, like jax's. Decomposed if it may lie outside."""
        least, greatest = dtype_span(x.dtype)
        if least <= x.span[0] and x.span[1] <= greatest:
            return x
        width = x.dtype.itemsize * 8
        digits = self.g.to_ring(await self.g.decompose(x.value, width))
        held = self.g.linear(digits, bit_sum(width, signed=x.dtype.kind == "i"))
        return Secret(held, x.dtype, x.shape, 0, (least, greatest))


def bit_sum(width: int, signed: bool) -> Callable[[Words], Words]:
    """The linear map from bits in the last axis, lowest first, to the number."""
    weights = np.left_shift(np.uint64(1), np.arange(width, dtype=np.uint64))
    if signed and width < BITS:
        weights[-1] = np.uint64((1 << BITS) - (1 << (width - 1)))

    def number(bits: Words) -> Words:
        return np.asarray((bits * weights).sum(axis=-1, dtype=np.uint64))

    return number


def public_span(array: NDArray[Any]) -> Span:
    """The least and the greatest of a public integer array, as ring elements."""
    if not array.size:
        return (0, 0)
    if array.dtype == np.uint64 and int(array.max()) > WHOLE_RING[1]:
        return WHOLE_RING
    return int(array.min()), int(array.max())


def whole_span(value: Value) -> Span | None:
    """The values of an operand if it is known that they are whole numbers, and which: of a count, say."""
    if isinstance(value, Secret):
        whole = value.fraction == 0 and value.scale is None and not value.infinite
        return value.span if whole and value.kind != "bits" and value.span != WHOLE_RING else None
    numbers = value.array
    if not isinstance(numbers, np.ndarray) or numbers.dtype.kind not in "fiu" or not numbers.size:
        return None
    least, greatest = float(numbers.min()), float(numbers.max())
    whole = max(-least, greatest) < LARGEST and bool((numbers == np.rint(numbers)).all())
    return (int(least), int(greatest)) if whole else None


def span_of(value: Value) -> Span:
    """The values that an integer operand can have."""
    return value.span if isinstance(value, Secret) else public_span(value.array)


Rule: TypeAlias = Callable[..., Awaitable[Value | Sequence[Value]]]
"""``rule(context, params, *operands)``, one of them secret at least; one result, or a sequence of them."""


@dataclass(frozen=True, slots=True)
class PrimitiveRule:
    """A row of the table.

    Args:
        rule: computes it.
        thin: whether the rule takes operands that are still to be broadcast (`values`).
        takes: the form of its operands.
        beside: the same where one of them is public.
        note: for the documentation: what differs from jax, or what it costs.
    """

    rule: Rule
    thin: bool = False
    takes: Takes = SETTLED
    beside: Takes | None = None
    note: str = ""
