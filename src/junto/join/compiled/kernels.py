"""The two functions that are compiled: X25519, and hashing to the curve."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from junto.join.compiled.emitter import Emitter
from junto.join.compiled.fields import PRODUCT, SQUARES, Field, Number
from junto.join.curve import A, P

STEPS = 255
"""Steps of the ladder: bits of a scalar."""


def emit(field: type[Field], lanes: int, triple: str) -> ir.Module:
    """A module with the functions ``multiply`` and ``encode``; see `Emitter` for their arguments.

    ``multiply``: the words are masks, one a step: all ones where the scalar's bit differs from the one before
    (from the highest bit down). Source: u-coordinates, target: u-coordinates of the products.
    ``encode``: no words. Source: field elements, target: u-coordinates of 8 times the points they map to.
    """
    module, size = ir.Module(), len(field.widths)
    module.triple = triple
    for name, write in (
        (PRODUCT, _product),
        (SQUARES, _squares),
        ("multiply", _multiply),
        ("encode", _encode),
    ):
        emitter = Emitter(module, name, lanes)
        write(emitter, field(emitter), size)
        emitter.finish(inline=name not in (PRODUCT, SQUARES))
    return module


def _product(emitter: Emitter, field: Field, size: int) -> None:
    factors = emitter.load(2 * size)
    emitter.store(field.multiply(factors[:size], factors[size:]))


def _squares(emitter: Emitter, field: Field, size: int) -> None:
    """As often as `count` says."""
    emitter.store(emitter.loop(emitter.count, emitter.load(size), lambda _, x: field.square(x)))


def _multiply(emitter: Emitter, field: Field, size: int) -> None:
    def each(vector: Any, _: list[Any]) -> list[Any]:
        emitter.store(_multiplied(field, emitter.load(size, vector)), vector)
        return []

    emitter.loop(emitter.count, [], each)


def _encode(emitter: Emitter, field: Field, size: int) -> None:
    def each(vector: Any, _: list[Any]) -> list[Any]:
        emitter.store(_encoded(field, emitter.load(size, vector)), vector)
        return []

    emitter.loop(emitter.count, [], each)


def _multiplied(field: Field, u: Number) -> Number:
    """The Montgomery ladder of RFC 7748, section 5, with its names."""
    size = len(u)
    one, zero = field.constant(1), field.constant(0)

    def step(index: Any, held: list[Any]) -> Number:
        x2, z2, x3, z3 = (held[k * size : (k + 1) * size] for k in range(4))
        swap = field.emitter.everywhere(index)
        x2, x3 = field.swap(swap, x2, x3)
        z2, z3 = field.swap(swap, z2, z3)
        da = field.multiply(field.subtract(x3, z3), field.add(x2, z2))
        cb = field.multiply(field.add(x3, z3), field.subtract(x2, z2))
        x3 = field.square(field.add(da, cb))
        z3 = field.multiply(u, field.square(field.subtract(da, cb)))
        x2, z2 = _doubled(field, x2, z2)
        return [*x2, *z2, *x3, *z3]

    held = field.emitter.loop(STEPS, [*one, *zero, *u, *one], step)
    # The scalar's lowest bit is 0, so the last pair needs no swap.
    return field.product(held[:size], field.inverse(held[size : 2 * size]))


def _doubled(field: Field, x: Number, z: Number) -> tuple[Number, Number]:
    aa, bb = field.square(field.add(x, z)), field.square(field.subtract(x, z))
    e = field.subtract(aa, bb)
    return field.multiply(aa, bb), field.multiply(e, field.add(aa, field.times(e, (A - 2) // 4)))


def _encoded(field: Field, r: Number) -> Number:
    """Elligator 2 without a division and without a choice, then three doublings.

    With w = 1 + 2 r**2 the two candidates are x1 = -A / w and x2 = -A - x1 = -A (w - 1) / w. The first is
    taken if x1 (x1**2 + A x1 + 1) is a square, which it is exactly if c = -A w (A**2 - A**2 w + w**2) is one
    (it is c / w**4). With e = 1 or -1 accordingly, x = -A ((1 + e) + (1 - e)(w - 1)) / 2w. Neither w nor c is
    ever 0.
    """
    one, minus_a, a_squared = field.constant(1), field.constant(P - A), field.constant(A * A)
    w = field.add(one, field.times(field.squares(r, 1), 2))
    inner = field.add(field.squares(w, 1), field.product(a_squared, field.subtract(one, w)))
    e = field.character(field.product(minus_a, field.product(w, inner)))
    chosen = field.product(field.subtract(one, e), field.subtract(w, one))
    x = field.product(minus_a, field.add(field.add(one, e), chosen))

    def doubled(_: Any, held: list[Any]) -> Number:
        numerator, denominator = _doubled(field, held[: len(r)], held[len(r) :])
        return [*numerator, *denominator]

    held = field.emitter.loop(3, [*x, *field.times(w, 2)], doubled)
    return field.product(held[: len(x)], field.inverse(held[len(x) :]))
