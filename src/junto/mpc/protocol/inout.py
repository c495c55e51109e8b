"""A value enters the computation, and leaves it.

Paper:     input and output of masked sharings: ABY2.0, Patra et al., USENIX Security 2021, section 3.1.1.
Computes:  <x> from x at its owner; the pieces from which a receiver puts x together.
Parties:   the owner or receiver may be P0, P1 or anybody else, the helper included.
Secure:    semi-honest, one of three corrupted.
Learns:    of an input: P0 and P1 see x + m, m uniform and fresh (from an outsider: one uniform piece each,
           then x + m). Of an output: the receiver sees x, as rounded (`truncate` says what many roundings of
           one value tell). Pieces for somebody who is neither P0 nor P1 are made fresh by a keystream that
           P0 and P1 share, for they would tell the helper more than x. Of what is `revealed` every node sees
           x, the helper, too, which is told the number itself.
Cost:      input: 1 element from P0 to P1 or back; from an outsider 1 element to P1 (P0 gets a key), then
           `hold`. Output: 1 element to P0 or P1 from the other one, 2 to anybody else. Revealed to all in the
           middle of a run: 1 round, 1 element each way, and 1 from P1 to the helper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from junto.errors import ProtocolViolation
from junto.mpc import bits
from junto.mpc.gates import BITS, Flags, Words
from junto.mpc.prg import KEY_BYTES, Stream, fresh_key
from junto.mpc.protocol.planes import reshare, unpacked
from junto.mpc.protocol.role import PlaneShare, RingShare, Role, Shape, drawn
from junto.mpc.protocol.shares import Additive, Masked, MaskedBits, RingSecret, hold, piece
from junto.mpc.ring128 import ring_bits
from junto.mpc.rounds import Rounds, together
from junto.mpc.travelling import is_travelling, travelled, travelling

Plain = Words | Flags
"""A public array in the ring, or of bits."""

Secret = RingSecret | MaskedBits
Parcel = NDArray[np.uint64] | NDArray[np.uint8]
"""What travels for one array: ring elements, or packed bits."""


OTHERS = "a party of the other SPU"


@dataclass(frozen=True, slots=True)
class InputKind:
    """What all know of an array that enters: bits or ring elements modulo 2**width, and its shape."""

    bits: bool
    shape: Shape
    width: int = BITS

    @property
    def size(self) -> int:
        """How many elements."""
        return int(np.prod(self.shape, dtype=np.int64))


# -------------------------------------------------------------------- in, from P0 or P1


def enter_own(role: Role, owner: int, arrays: Sequence[Plain]) -> tuple[list[Secret], list[Parcel]]:
    """At the owner, which is a compute party: its secrets, and what the other compute party gets."""
    secrets: list[Secret] = []
    parcels: list[Parcel] = []
    for x in arrays:
        if x.dtype == np.bool_:
            lanes = x.size
            mask = bits.unpack(role.mask_planes_by(owner, 1, lanes)[0], lanes).reshape(x.shape)
            public: Flags = np.logical_xor(x, mask)
            secrets.append(MaskedBits(public, mask))
            parcels.append(np.packbits(public.reshape(-1)))
        else:
            words = role.mask_by(owner, x.shape)
            masked = x + words
            secrets.append(Masked(masked, words, 1 << owner))
            parcels.append(travelling(masked))
    return secrets, parcels


def enter_other(
    role: Role, owner: int, kinds: Sequence[InputKind], parcels: Sequence[Parcel] | None, sender: str = ""
) -> list[Secret]:
    """At the other compute party (with its parcels, from `sender`) and at the helper (which needs none).

    Raises:
        ProtocolViolation: they are no pieces of these arrays. No mask is made before that is known.
    """
    if parcels is not None:
        require_pieces(kinds, parcels, sender)
    secrets: list[Secret] = []
    for i, kind in enumerate(kinds):
        parcel = None if parcels is None else parcels[i]
        if kind.bits:
            plane = role.mask_planes_by(owner, 1, kind.size)[0]
            mask = bits.unpack(plane, kind.size).reshape(kind.shape)
            secrets.append(MaskedBits(None if parcel is None else _flags(parcel, kind), mask))
        else:
            words = role.mask_by(owner, kind.shape)
            public = None if parcel is None else travelled(parcel, kind.width)
            secrets.append(Masked(public, words, 1 << owner))
    return secrets


# -------------------------------------------------------------------- in, from anybody else


def split(arrays: Sequence[Plain]) -> tuple[bytes, list[Parcel]]:
    """At an outsider: a key for P0, and the pieces for P1."""
    key = fresh_key()
    stream = Stream(key)
    parcels: list[Parcel] = []
    for x in arrays:
        if x.dtype == np.bool_:
            noise = bits.unpack(stream.planes(1, x.size)[0], x.size)
            parcels.append(np.packbits(x.reshape(-1) ^ noise))
        else:
            parcels.append(travelling(x - drawn(stream, x.shape, ring_bits(x))))
    return key, parcels


def halves(arrays: Sequence[Plain]) -> tuple[list[Parcel], list[Parcel]]:
    """Both compute parties' pieces of arrays, written out."""
    key, second = split(arrays)
    kinds = [InputKind(x.dtype == np.bool_, x.shape, ring_bits(x)) for x in arrays]
    found = [x for x in pieces_of(kinds, key) if x is not None]
    return [
        np.packbits(x.reshape(-1)) if x.dtype == np.bool_ else travelling(cast(Words, x)) for x in found
    ], second


def enter_split(
    role: Role, kinds: Sequence[InputKind], parcel: bytes | Sequence[Parcel] | None, sender: str = ""
) -> list[Secret]:
    """At every node: the outsider's pieces, masked. One round, the same for all arrays.

    Raises:
        ProtocolViolation: see `pieces_of`.
    """
    pieces = pieces_of(kinds, parcel, sender)

    async def enter() -> tuple[Secret, ...]:
        return await together(*[masked(role, kind, part) for kind, part in zip(kinds, pieces, strict=True)])

    return list(Rounds(role.flush).run(enter()))


def require_pieces(kinds: Sequence[InputKind], given: Any, sender: str) -> None:
    """Raise ProtocolViolation unless what `sender` gave is one piece of each array."""
    sound = isinstance(given, list) and len(given) == len(kinds)
    if not (sound and all(map(_is_piece, kinds, given))):
        raise ProtocolViolation(f"what {sender or OTHERS} sent as pieces of {len(kinds)} arrays is none")


def _is_piece(kind: InputKind, given: Any) -> bool:
    if not kind.bits:
        return is_travelling(given, kind.shape, kind.width)
    packed = isinstance(given, np.ndarray | np.generic) and given.dtype == np.uint8
    return packed and given.shape == (-(-kind.size // 8),)


def pieces_of(
    kinds: Sequence[InputKind], parcel: bytes | Sequence[Parcel] | None, sender: str = ""
) -> list[Plain | None]:
    """A node's pieces of the arrays, from what `split` made for it; the helper has none.

    Args:
        kinds: of the arrays.
        parcel: what came.
        sender: from whom, if that is known.

    Raises:
        ProtocolViolation: it is neither a key nor one piece of each array.
    """
    if parcel is None:
        return [None] * len(kinds)
    if not isinstance(parcel, bytes):
        require_pieces(kinds, parcel, sender)
        return [
            _flags(part, kind) if kind.bits else travelled(part, kind.width)
            for kind, part in zip(kinds, parcel, strict=True)
        ]
    if len(parcel) != KEY_BYTES:
        raise ProtocolViolation(f"what {sender or OTHERS} sent as a key has {len(parcel)} bytes")
    stream = Stream(parcel)
    pieces: list[Plain | None] = []
    for kind in kinds:
        if kind.bits:
            pieces.append(bits.unpack(stream.planes(1, kind.size)[0], kind.size).reshape(kind.shape))
        else:
            pieces.append(drawn(stream, kind.shape, kind.width))
    return pieces


async def masked(role: Role, kind: InputKind, part: Plain | None) -> Secret:
    """A secret from this node's piece of it. One round."""
    if not kind.bits:
        return await hold(role, Additive(cast(Words | None, part), kind.shape))
    share = None if part is None else bits.pack(part.reshape(-1).astype(np.bool_))[None]
    return unpacked(await reshare(role, share, 1, kind.size), kind.shape)


# -------------------------------------------------------------------- out


def parcels_for(role: Role, secrets: Sequence[Secret], noise: Stream | None) -> list[Parcel]:
    """A compute party's pieces of `secrets`, for a receiver.

    Args:
        role: P0's or P1's.
        secrets: what is shown.
        noise: a keystream of P0 and P1 alone, at the same place at both; None: for P0 or P1 themselves.
    """
    return [
        _bits_piece(role, x, noise) if isinstance(x, MaskedBits) else _ring_piece(role, x, noise)
        for x in secrets
    ]


def _ring_piece(role: Role, x: RingSecret, noise: Stream | None) -> Parcel:
    share = piece(role, x)
    if share is None:
        raise TypeError("the helper has no pieces to give")
    if noise is not None:
        words = drawn(noise, share.shape, ring_bits(share))
        share = share + words if role.first else share - words
    parcel: Parcel = np.asarray(travelling(share), np.uint64, order="C")
    return parcel


def _bits_piece(role: Role, x: MaskedBits, noise: Stream | None) -> Parcel:
    if x.public is None:
        raise TypeError("the helper has no pieces to give")
    share = (x.public ^ x.mask if role.first else x.mask).reshape(-1)
    if noise is not None:
        share = share ^ bits.unpack(noise.planes(1, share.size)[0], share.size)
    return np.packbits(share)


async def revealed(role: Role, x: Secret) -> Plain:
    """X itself, at every node: each compute party gives the other one its piece, P1 tells the helper."""
    if not isinstance(x, MaskedBits):
        return np.asanyarray(await role.disclose(RingShare(piece(role, x), role.width), x.shape))
    share, size = None, int(np.prod(x.shape, dtype=np.int64))
    if x.public is not None:
        share = bits.pack((x.public ^ x.mask if role.first else x.mask).reshape(-1))[None]
    opened = await role.disclose(PlaneShare(share, size), (1, bits.word_count(size)))
    return bits.unpack(opened[0], size).reshape(x.shape)


def assemble(
    kinds: Sequence[InputKind],
    first: Sequence[Parcel],
    second: Sequence[Parcel],
    senders: tuple[str, str] = ("", ""),
) -> list[Plain]:
    """At the receiver: the arrays whose two pieces these are, from these two.

    Raises:
        ProtocolViolation: they are none.
    """
    for given, sender in zip((first, second), senders, strict=True):
        require_pieces(kinds, given, sender)
    arrays: list[Plain] = []
    for kind, a, b in zip(kinds, first, second, strict=True):
        if kind.bits:
            arrays.append(_flags(a, kind) ^ _flags(b, kind))
        else:
            arrays.append(np.asanyarray(np.add(travelled(a, kind.width), travelled(b, kind.width))))
    return arrays


def _flags(parcel: Parcel, kind: InputKind) -> Flags:
    octets = parcel.astype(np.uint8, copy=False)
    return np.unpackbits(octets, count=kind.size).astype(np.bool_).reshape(kind.shape)
