"""Multiply secrets: element by element, or by any public bilinear map.

Paper:     ABY2.0, Patra et al., USENIX Security 2021, section 3.1; Turbospeedz, Ben-Efraim et al., ACNS 2019.
Computes:  [x y] from <x>, <y>   (mod 2**k), where x y may be any bilinear map.
Parties:   P0, P1 online; the helper ahead of time.
Secure:    semi-honest, one of three corrupted.
Learns:    nobody anything: no message online. The result's opening is that of `hold` or `truncate`.
Cost:      0 rounds; offline 1 element helper -> P1 for each output element (and pair of masks).
"""

from __future__ import annotations

import numpy as np

from junto.mpc.gates import BilinearMap, Words
from junto.mpc.outline import Outline, outline
from junto.mpc.protocol.demands import (
    BOTH,
    Bilinear,
    BothBits,
    Product,
    RingDemand,
    Selected,
    Square,
    crosses,
)
from junto.mpc.protocol.role import Role, Shape
from junto.mpc.protocol.shares import (
    FACTORS,
    MINUS_ONE,
    Additive,
    Affine,
    BitNumber,
    Masked,
    RingSecret,
    Term,
    best,
    common,
    hold,
    terms_of,
    weighted,
)
from junto.mpc.ring import matmul
from junto.mpc.ring128 import as_ring, elements, zeros
from junto.mpc.rounds import together
from junto.native import MaskedNumbers, kernels

MAX_PRODUCTS = 4
"""With more products of masks to be dealt for one product of secrets, another opening is cheaper."""

MAX_PRODUCTS_OF_A_PAIR = 1
"""The same where no helper deals; products with a bit cost next to nothing there, and do not count."""


async def multiply(role: Role, x: RingSecret, y: RingSecret) -> Additive:
    """`x y` element by element, broadcasting."""
    if x is y:
        x = best(x)
        return _square(role, x if isinstance(x, FACTORS) else await hold(role, x))
    x, y = best(x), best(y)
    for bit, other in ((x, y), (y, x)):
        if isinstance(bit, BitNumber) and isinstance(other, Masked) and common(x.shape, y.shape) == bit.shape:
            return _bit_times(role, bit, other)
    if not isinstance(x, FACTORS) or not isinstance(y, FACTORS):
        left, right = await together(_ready(role, x), _ready(role, y))
    else:
        left, right = x, y
    if _many(role, left, right):
        left, right = await together(hold(role, left), hold(role, right))
    return _product(role, left, right)


async def bilinear(role: Role, x: RingSecret, y: RingSecret, map: BilinearMap) -> Additive:
    """`map(x, y)`: D_x D_y - D_x m_y - D_y m_x + m_x m_y."""
    left, right = await together(hold(role, x), hold(role, y))
    demand = Bilinear(left.mask, right.mask, map, (left.held, right.held))
    if role.deals:
        if dealt_at_all(role, left.held, right.held):
            role.deal(demand.shape, demand)
        return Additive(None, demand.shape)
    share = as_ring(_crossed(role, left, right, map))
    dealt = role.deal(share.shape, demand) if dealt_at_all(role, left.held, right.held) else demand.whole()
    return Additive(share + dealt, share.shape)


def dealt_at_all(role: Role, one: int, other: int) -> bool:
    """Whether parties without a helper need anything from each other for a product of two masks."""
    return not role.pair or any(crosses(one, other))


def _crossed(role: Role, x: Masked, y: Masked, map: BilinearMap) -> Words:
    """P0's D_x (D_y - m_y) - m_x D_y, P1's -(D_x m_y + m_x D_y); one product where a piece is nothing."""
    a, b = _public(x), _public(y)
    if not x.held >> (role.index or 0) & 1:
        return map(a, b - y.mask if role.first else 0 - y.mask, matmul)
    if not y.held >> (role.index or 0) & 1:
        return map(a - x.mask if role.first else 0 - x.mask, b, matmul)
    return map(a, b - y.mask if role.first else 0 - y.mask, matmul) - map(x.mask, b, matmul)


async def _ready(role: Role, x: RingSecret) -> Masked | Affine:
    return x if isinstance(x, FACTORS) else await hold(role, x)


def _many(role: Role, x: Masked | Affine, y: Masked | Affine) -> bool:
    one, other = terms_of(x), terms_of(y)
    if not role.pair:
        return len(one) * len(other) > MAX_PRODUCTS
    count = sum(term.bits is None for term in one) * sum(term.bits is None for term in other)
    return count > MAX_PRODUCTS_OF_A_PAIR


def _product(role: Role, x: Masked | Affine, y: Masked | Affine) -> Additive:
    shape = common(x.shape, y.shape)
    dealt = _Dealt(role, shape)
    for one in terms_of(x):
        for other in terms_of(y):
            dealt.add(_times(one.factor, other.factor), one, other)
    if role.deals:
        dealt.total()
        return Additive(None, shape)
    a, b, rest = _public(x), _public(y), weighted(y)
    share = a * (b + rest if role.first else rest)
    share += b * weighted(x)
    share += dealt.total()
    return Additive(share, shape)


def _bit_times(role: Role, b: BitNumber, y: Masked) -> Additive:
    """The product e y + (1 - 2 e) (D r - r m), y = D - m, at a compute party: see `_product`."""
    dealt = role.deal(b.shape, Product(b.mask, y.mask, b.shape, (BOTH, y.held)))
    own = _public(y) - y.mask if role.first else 0 - y.mask
    own, opened = (elements(each, role.width) for each in (own, _public(y)))
    return Additive(bit_times(MaskedNumbers(b.flags, b.mask, dealt), opened, own), b.shape)


def bit_times(known: MaskedNumbers, opened: Words, own: Words) -> Words:
    """A share of products of bits with secrets y, from what was opened of y, and a piece of y as a sum."""
    if isinstance(known.dealt, Outline):
        return outline(known.flags.shape, known.dealt.dtype)  # type: ignore[no-any-return]
    native = kernels() if known.flags.size > _FEW else None
    if native is None:
        return bit_times_in_numpy(known, opened, own)
    plain = MaskedNumbers(known.flags, known.number.view(np.ndarray), known.dealt.view(np.ndarray))
    return as_ring(native.bit_times(plain, opened.view(np.ndarray), own.view(np.ndarray)))  # type: ignore[no-any-return]


def bit_times_in_numpy(known: MaskedNumbers, opened: Words, own: Words) -> Words:
    """The kernel's twin: (1 - 2 e) (D r - z) + e y, of a piece of y."""
    sign = 1 - 2 * known.flags.astype(np.int64)
    with np.errstate(over="ignore"):
        rest = (opened * known.number - known.dealt) * sign.view(np.uint64)
        return np.asanyarray(rest + own * known.flags.astype(np.uint64))


_FEW = 256
"""Of so few bits numpy makes products as quickly as a kernel does."""


def _square(role: Role, x: Masked | Affine) -> Additive:
    dealt = _Dealt(role, x.shape)
    terms = terms_of(x)
    for i, one in enumerate(terms):
        dealt.add(_times(one.factor, one.factor), one, one)
        for other in terms[i + 1 :]:
            factor = _times(one.factor, other.factor)
            dealt.add(None if factor is None else factor + factor, one, other)
    if role.deals:
        dealt.total()
        return Additive(None, x.shape)
    a, rest = _public(x), weighted(x)
    share = a * (a + rest + rest if role.first else rest + rest)
    share += dealt.total()
    return Additive(share, x.shape)


class _Dealt:
    """A sum of products of masks, each times its public factor; what must be dealt is asked for at once."""

    def __init__(self, role: Role, shape: tuple[int, ...]) -> None:
        self._role = role
        self._shape = shape
        self._own: list[tuple[Words | None, Words]] = []
        self._factors: list[Words | None] = []
        self._demands: list[RingDemand] = []

    def add(self, factor: Words | None, one: Term, other: Term) -> None:
        """One product."""
        if one is other and one.bits is not None:
            self._own.append((factor, one.mask))  # a bit is its own square
        elif not dealt_at_all(self._role, one.held, other.held):
            self._own.append((factor, one.mask * other.mask))
        else:
            self._factors.append(factor)
            self._demands.append(_product_of(one, other, self._shape, self._role.width))

    def total(self) -> Words:
        """The sum; at who deals it means nothing."""
        dealt = self._role.deal_all(self._shape, self._demands) if self._demands else []
        total: Words | None = None
        for factor, part in [*self._own, *zip(self._factors, dealt, strict=True)]:
            if factor is not None:
                part = part if factor is ONE else factor * part
                total = part if total is None else total + part
        return zeros((), self._role.width) if total is None else total


ONE: Words = np.array(1, np.uint64)


def _times(f: Words | None, g: Words | None) -> Words | None:
    if f is None or g is None:
        return None
    if f is MINUS_ONE and g is MINUS_ONE:
        return ONE
    if f is MINUS_ONE:
        return 0 - g
    return 0 - f if g is MINUS_ONE else f * g


def _product_of(one: Term, other: Term, shape: Shape, width: int) -> RingDemand:
    if one is other:
        return Square(one.mask)
    if one.bits is not None and other.bits is not None:
        return BothBits(one.bits, other.bits, shape, width)
    if one.bits is not None:
        return Selected(one.bits, other.mask, shape)
    if other.bits is not None:
        return Selected(other.bits, one.mask, shape)
    return Product(one.mask, other.mask, shape, (one.held, other.held))


def _public(x: Masked | Affine) -> Words:
    if x.public is None:
        raise TypeError("a compute party lacks a public value")
    return x.public
