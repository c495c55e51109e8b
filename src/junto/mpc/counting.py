"""A run that computes nothing and counts everything: what a plan costs, before anybody runs it.

P0's part of a run (P1's, too, where they differ), by the very code that will run, with zeros in place of
all that is secret: no keystream is drawn and nothing is sent. Costs depend on shapes alone, or the protocol
would show what it must not; so the counters are those of the real run, to the byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from junto.mpc.bits import Planes, word_count
from junto.mpc.gates import BITS, Words
from junto.mpc.outline import outline
from junto.mpc.preprocess.blank import BlankSupply
from junto.mpc.preprocess.joint import Paired
from junto.mpc.prg import Stream
from junto.mpc.protocol.role import Computing, Shape
from junto.mpc.protocol.shares import MINUS_ONE, Masked, MaskedBits, RingSecret
from junto.mpc.ring128 import WIDE_DTYPE, is_wide

_ZERO_KEY = bytes(16)


class _Blank(Stream):
    """A keystream of zeros, of any length."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(_ZERO_KEY)

    def words(self, count: int) -> Words:
        made: Words = outline((count,), np.uint64)
        return made

    def planes(self, count: int, lanes: int) -> Planes:
        made: Planes = outline((count, word_count(lanes)), np.uint64)
        return made


class _Nobody:
    """A wire without another end: whatever is awaited of it is zeros, and what is told it is lost."""

    def exchange(self, parts: Sequence[memoryview], size: int) -> memoryview:
        """See `role.Wire`."""
        return memoryview(bytes(size))

    def write(self, octets: bytes | memoryview) -> None:
        """See `role.Sink`."""

    def flush(self) -> None:
        """See `role.Sink`."""


def counting_roles(width: int = BITS) -> tuple[Computing, Computing]:
    """The roles of P0 and P1, which count and do nothing else; P1 tells the helper what is revealed."""
    first = Computing(0, _Blank(), _Nobody(), None, width=width)
    return first, Computing(1, _Blank(), _Nobody(), None, _Nobody(), width)


def counting_pair(width: int = BITS) -> tuple[Paired, Paired]:
    """The roles of P0 and P1 without a helper: what they send differs, and offline bytes are an estimate."""
    first, second = [Paired(index, _Blank(), _Nobody(), BlankSupply(index), width) for index in (0, 1)]
    return first, second


def fresh(shape: Shape, is_bool: bool, width: int = BITS) -> RingSecret | MaskedBits:
    """A secret of this shape as it comes in: masked."""
    element = WIDE_DTYPE if is_wide(width) else np.uint64
    if is_bool:
        return MaskedBits(outline(shape, np.bool_), outline(shape, np.bool_))
    return Masked(outline(shape, element), outline(shape, element))


def blank_of(secret: RingSecret | MaskedBits, width: int = BITS) -> RingSecret | MaskedBits:
    """A secret in the same form as this one, which a node has: so it costs the same to go on with.

    Args:
        secret: any node's; where the helper has nothing, P0 has a number.
        width: of the ring, in bits.
    """
    element = np.dtype(WIDE_DTYPE if is_wide(width) else np.uint64)
    made = object.__new__(type(secret))
    slots = [slot for kind in type(secret).__mro__ for slot in getattr(kind, "__slots__", ())]
    for name in slots:
        if isinstance(getattr(type(secret), name), property):
            continue  # put together from other slots where it is asked for
        part = None if name in ("asked", "_made") else getattr(secret, name)
        if part is None and name in ("public", "share"):
            part = np.zeros((), np.bool_ if isinstance(secret, MaskedBits) else element)
            part = np.broadcast_to(part, secret.shape)
        setattr(made, name, _blank(name, part, element))
    return made


def _blank(name: str, part: Any, element: np.dtype[Any]) -> Any:
    """An attribute of a secret, or of its terms, with outlines in place of arrays."""
    if part is MINUS_ONE:
        return part
    if isinstance(part, np.ndarray):
        return outline(part.shape, part.dtype)
    if isinstance(part, RingSecret | MaskedBits):
        return blank_of(part, element.itemsize * 8)
    if isinstance(part, tuple):
        return tuple(_blank(name, each, element) for each in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(
            part, **{each.name: _blank(each.name, getattr(part, each.name), element) for each in fields(part)}
        )
    return outline((), element) if part is None and name in ("factor", "factors") else part
