"""The forms in which a compute party and the helper hold a secret.

Paper:     ABY2.0, Patra et al., USENIX Security 2021, section 3; the affine form is ours.
Computes:  nothing opened: what is linear or a rearrangement, on every form.
Parties:   P0, P1 and the helper, each on what it holds.
Secure:    semi-honest, one of three corrupted.
Learns:    nobody anything: no message.
Cost:      none.

Ring elements, modulo 2**64:

* `Additive`  x = x0 + x1; P_i holds x_i, the helper nothing.
* `Masked`    x = D - m; P0 and P1 hold D and a piece of m each, the helper holds m.
* `Affine`    x = D + sum f[j] m[j]; the factors f[j] are public to P0 and P1 like D. It is what a truncation
              and a bit leave: ready to be multiplied, but not to be compared.

Bits, modulo 2: `MaskedBits`, b = e xor r.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.mpc.gates import Flags, Words
from junto.mpc.outline import Outline, outline
from junto.mpc.protocol.demands import BOTH
from junto.mpc.protocol.role import Role, Shape
from junto.mpc.ring import RowSums, matmul
from junto.mpc.ring128 import as_ring, elements, integers, ring_bits, zeros
from junto.mpc.rounds import RoundFuture, start
from junto.native import kernels

MINUS_ONE: Words = np.array(2**64 - 1, np.uint64)
MAX_MASKS = 4
"""An affine form with more masks than these is made additive."""

Move = Callable[..., NDArray[Any]]


class RingSecret:
    """A secret array of ring elements in one of the forms above.

    Attributes:
        shape: public.
        asked: the masked form, once somebody has asked for it.
        masked: the same, once it is there.
        bound: of its elements' magnitudes, if that is known (`checked_gates`).
        doubts: what that takes.
        home: the step that vouches for it, where nothing else is known.
    """

    __slots__ = ("asked", "bound", "doubts", "home", "masked", "shape")

    def __init__(self, shape: Shape) -> None:
        self.shape: Shape = shape
        self.asked: RoundFuture[Masked] | None = None
        self.masked: Masked | None = None
        self.bound: int | None = None
        self.doubts: tuple[Any, ...] = ()
        self.home: str | None = None


class Additive(RingSecret):
    """See the module. `share` is None at the helper."""

    __slots__ = ("share",)

    def __init__(self, share: Words | None, shape: Shape) -> None:
        super().__init__(shape)
        self.share: Words | None = share


class Masked(RingSecret):
    """See the module. `public` is None at who deals; `held`: see `BOTH`."""

    __slots__ = ("held", "mask", "public")

    def __init__(self, public: Words | None, mask: Words, held: int = BOTH) -> None:
        super().__init__(mask.shape)
        self.public: Words | None = public
        self.mask: Words = mask
        self.held: int = held


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Term:
    """A mask and its public factor.

    Attributes:
        factor: None at who deals; may be a single number.
        mask: a piece of it, as a sum.
        held: see `BOTH`.
        bits: where the mask is a bit and no helper deals: a piece of it as an exclusive or, with which
            products cost far less.
    """

    factor: Words | None
    mask: Words
    bits: Flags | None = None
    held: int = BOTH


class Affine(RingSecret):
    """See the module. `public` is None at who deals."""

    __slots__ = ("public", "terms")

    def __init__(self, public: Words | None, terms: tuple[Term, ...], shape: Shape) -> None:
        super().__init__(shape)
        self.public: Words | None = public
        self.terms: tuple[Term, ...] = terms


class BitNumber(Affine):
    """A masked bit as a ring element at a compute party, e + (1 - 2 e) r, put together where it is asked for.

    Attributes:
        flags: e, public.
        mask: a piece of r.
    """

    __slots__ = ("_made", "_width", "flags", "mask")

    def __init__(self, flags: Flags, mask: Words, width: int) -> None:
        RingSecret.__init__(self, flags.shape)
        self.flags: Flags = flags
        self.mask: Words = mask
        self._width = width
        self._made: tuple[Words, tuple[Term, ...]] | None = None

    @property
    def public(self) -> Words:  # type: ignore[override]
        return self._affine()[0]

    @property
    def terms(self) -> tuple[Term, ...]:  # type: ignore[override]
        return self._affine()[1]

    def _affine(self) -> tuple[Words, tuple[Term, ...]]:
        if self._made is None:
            sign = 1 - 2 * self.flags.view(np.int8)
            e, factor = (integers(each, self._width) for each in (self.flags, sign))
            self._made = e, (Term(factor, self.mask),)
        return self._made


FACTORS = (Masked, Affine)
"""The forms that can be multiplied."""


class MaskedBits:
    """A secret array of bits. `public` is None at the helper."""

    __slots__ = ("mask", "public")

    def __init__(self, public: Flags | None, mask: Flags) -> None:
        self.public: Flags | None = public
        self.mask: Flags = mask

    @property
    def shape(self) -> Shape:
        """Public, like every shape."""
        return self.mask.shape


def piece(role: Role, x: RingSecret) -> Words | None:
    """A compute party's piece of x as a sum; None at the helper."""
    if role.deals:
        return None
    if isinstance(x, Additive):
        return x.share
    if isinstance(x, Masked):
        return x.public - x.mask if role.first and x.public is not None else 0 - x.mask
    if not isinstance(x, Affine) or x.public is None:
        raise TypeError(f"{type(x).__name__} is no form of a secret here")
    total = weighted(x)
    return x.public + total if role.first else total


def common(one: Shape, other: Shape) -> Shape:
    """The shape of two arrays that are broadcast together."""
    return one if one == other or not other else other if not one else np.broadcast_shapes(one, other)


def wide(array: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """An array broadcast to `shape`."""
    return array if array.shape == shape else np.broadcast_to(array, shape)


def weighted(x: Affine | Masked) -> Words:
    """The part of x in its masks, sum f[j] m[j], from a compute party's pieces of them."""
    if isinstance(x, Masked):
        return 0 - x.mask
    total: Words | None = None
    for term in sorted(
        x.terms, key=lambda term: term.factor is MINUS_ONE
    ):  # these last: they take no product
        if term.factor is MINUS_ONE:
            total = 0 - term.mask if total is None else total - term.mask
        else:
            part = _known(term.factor) * term.mask
            total = part if total is None else total + part
    return wide(_known(total), x.shape)


def terms_of(x: Affine | Masked) -> tuple[Term, ...]:
    """The masks of x with their factors."""
    return (Term(MINUS_ONE, x.mask, None, x.held),) if isinstance(x, Masked) else x.terms


async def hold(role: Role, x: RingSecret) -> Masked:
    """The masked form of x: 1 round, 8 bytes, the first time that it is asked for.

    Learns: P0 and P1 see x + m, m uniform and fresh.
    """
    if isinstance(x, Masked):
        return x
    if x.masked is not None:  # of an earlier run, in which whoever prepares or counts this one had no part
        return x.masked
    if x.asked is None:
        x.asked = await start(_mask(role, x))
    return await x.asked


async def _mask(role: Role, x: RingSecret) -> Masked:
    mask = role.mask(x.shape)
    share = piece(role, x)
    opened = await role.open(None if share is None else share + mask)
    x.masked = Masked(opened, mask)
    return x.masked


def unopened(x: RingSecret | MaskedBits, known: dict[int, RingSecret]) -> RingSecret | MaskedBits:
    """What whoever deals has of a compute party's secret: shapes and masks, and nothing that was opened.

    Args:
        x: the secret.
        known: what was made before, by `id`: a secret that is used twice stays one.
    """
    if isinstance(x, MaskedBits):
        return MaskedBits(None, x.mask)
    if id(x) not in known:
        known[id(x)] = _unopened(x)
    return known[id(x)]


def _unopened(x: RingSecret) -> RingSecret:
    made: RingSecret
    if isinstance(x, Masked):
        made = Masked(None, x.mask, x.held)
    elif isinstance(x, Affine):
        terms = tuple(Term(None, term.mask, term.bits, term.held) for term in x.terms)
        made = Affine(None, terms, x.shape)
    else:
        made = Additive(None, x.shape)
    if x.masked is not None and x.masked is not x:
        made.masked = Masked(None, x.masked.mask)
    made.bound, made.home = x.bound, x.home
    return made


def best(x: RingSecret) -> RingSecret:
    """The masked form of x if it is there already, else x itself."""
    return x if x.masked is None else x.masked


# -------------------------------------------------------------------- rearrangements


def arrange(role: Role, parts: Sequence[RingSecret], move: Move) -> RingSecret:
    """`move` of one or several secrets: see `Gates.arrange` and `Gates.join`."""
    parts = [best(x) for x in parts]
    if all(isinstance(x, Masked) for x in parts):
        masked = [x for x in parts if isinstance(x, Masked)]
        held = reduce(or_, [x.held for x in masked])
        return Masked(
            _moved([x.public for x in masked], move), as_ring(move(*[x.mask for x in masked])), held
        )
    first = parts[0]
    if len(parts) == 1 and isinstance(first, Affine):
        terms = tuple(_rearranged(term, first.shape, move) for term in first.terms)
        return Affine(_moved([first.public], move), terms, terms[0].mask.shape)
    shares = [piece(role, x) for x in parts]
    share = _moved(shares, move)
    return Additive(share, share.shape if share is not None else _shape_after(role, parts, move))


def linear(role: Role, x: RingSecret, map: Move) -> RingSecret:
    """`map` of a secret, for a linear map: see `Gates.linear`."""
    x = best(x)
    if isinstance(x, Masked):
        return Masked(_moved([x.public], map), as_ring(map(x.mask)), x.held)
    if isinstance(x, BitNumber) and isinstance(map, RowSums) and not isinstance(x.mask, Outline):
        return Additive(bit_sums(x, map.weights, first=role.first), x.shape[:-1])
    share = piece(role, x)
    if share is None:
        return Additive(None, _shape_after(role, [x], map))
    result = as_ring(map(share))
    return Additive(result, result.shape)


def bit_sums(x: BitNumber, weights: Words, *, first: bool) -> Words:
    """A compute party's pieces of the sums over the last axis of bits times weights."""
    native = kernels() if x.flags.size > _FEW else None
    flags, mask = x.flags.reshape(-1, len(weights)), x.mask.reshape(-1, len(weights))
    if native is None:
        sums = bit_sums_in_numpy(flags, mask, weights, first)
    else:
        like = elements(weights, ring_bits(mask)).view(np.ndarray)
        sums = as_ring(native.bit_dots(flags, mask.view(np.ndarray), like, first))
    found: Words = sums.reshape(x.shape[:-1])
    return found


def bit_sums_in_numpy(flags: Flags, number: Words, weights: Words, first: bool) -> Words:
    """The kernel's twin: (1 - 2 e) r of [rows, count], and e at P0, times the weights."""
    sign = integers(1 - 2 * flags.view(np.int8), ring_bits(number))
    return matmul(sign * number + flags.astype(np.uint64) if first else sign * number, weights)


_FEW = 256
"""Of so few bits numpy makes sums as quickly as a kernel does."""


def spread(role: Role, x: RingSecret, shape: Shape) -> RingSecret:
    """`x` broadcast to `shape`."""
    return x if x.shape == shape else arrange(role, [x], lambda array: np.broadcast_to(array, shape))


def arrange_bits(parts: Sequence[MaskedBits], move: Move) -> MaskedBits:
    """`move` of one or several secret arrays of bits."""
    return MaskedBits(_moved([b.public for b in parts], move), move(*[b.mask for b in parts]))


def _moved(parts: Sequence[NDArray[Any] | None], move: Move) -> NDArray[Any] | None:
    known = [part for part in parts if part is not None]
    return as_ring(move(*known)) if len(known) == len(parts) else None


def _rearranged(term: Term, shape: Shape, move: Move) -> Term:
    factor, bits = term.factor, term.bits
    if factor is not None and factor is not MINUS_ONE:
        factor = as_ring(move(wide(factor, shape)))
    if bits is not None:
        bits = move(wide(bits, shape))
    return Term(factor, as_ring(move(wide(term.mask, shape))), bits, term.held)


def _shape_after(role: Role, parts: Sequence[RingSecret], move: Move) -> Shape:
    """The helper has no pieces of an additive secret, only its shape."""
    kind = zeros((), role.width).dtype
    return move(*[outline(x.shape, kind) for x in parts]).shape


# -------------------------------------------------------------------- sums


def add(role: Role, x: RingSecret, y: RingSecret) -> RingSecret:
    """`x + y`, masked if both are, affine while that stays short."""
    x, y = best(x), best(y)
    if isinstance(x, Masked) and isinstance(y, Masked):
        public = None if x.public is None or y.public is None else x.public + y.public
        return Masked(public, x.mask + y.mask, x.held | y.held)
    if isinstance(x, FACTORS) and isinstance(y, FACTORS):
        terms = terms_of(x) + terms_of(y)
        if len(terms) <= MAX_MASKS:
            return _affine(x, y, terms)
    left, right = piece(role, x), piece(role, y)
    shape = common(x.shape, y.shape)
    return Additive(None if left is None or right is None else left + right, shape)


def _affine(x: Affine | Masked, y: Affine | Masked, terms: tuple[Term, ...]) -> Affine:
    public = None if x.public is None or y.public is None else x.public + y.public
    shape = common(x.shape, y.shape)
    return Affine(public, tuple(_wider(term, shape) for term in terms), shape)


def _wider(term: Term, shape: Shape, c: Words | None = None) -> Term:
    """With masks of that shape, times `c`."""
    factor = term.factor if c is None or term.factor is None else np.asanyarray(term.factor * c)
    bits = None if term.bits is None else wide(term.bits, shape)
    return Term(factor, wide(term.mask, shape), bits, term.held)


def scale(role: Role, x: RingSecret, c: Words) -> RingSecret:
    """`x c` for public integers c."""
    x = best(x)
    shape = common(x.shape, c.shape)
    if isinstance(x, Masked):
        return Masked(None if x.public is None else x.public * c, np.asanyarray(x.mask * c), x.held)
    if isinstance(x, Affine):
        terms = tuple(_wider(term, shape, c) for term in x.terms)
        return Affine(None if x.public is None else x.public * c, terms, shape)
    share = piece(role, x)
    return Additive(None if share is None else np.asanyarray(share * c), shape)


def shift(role: Role, x: RingSecret, c: Words) -> RingSecret:
    """`x + c` for public c."""
    x = best(x)
    shape = common(x.shape, c.shape)
    if isinstance(x, Masked):
        public = None if x.public is None else x.public + c
        return Masked(public, wide(x.mask, shape), x.held)
    if isinstance(x, Affine):
        terms = tuple(_wider(term, shape) for term in x.terms)
        return Affine(None if x.public is None else x.public + c, terms, shape)
    share = piece(role, x)
    if share is None:
        return Additive(None, shape)
    return Additive(share + c if role.first else wide(share, shape), shape)


def _known(value: Words | None) -> Words:
    if value is None:
        raise TypeError("a compute party lacks a public value")
    return value
