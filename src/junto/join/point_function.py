"""Distributed point functions: two keys, each of which hides at which place their bits differ.

Paper:     Boyle, Gilboa, Ishai, "Function secret sharing: improvements and extensions", CCS 2016, section
           3.1, with outputs of one bit, for all places at once.
Computes:  of up to 2**n places two pieces each, whose sum is 1 at one place and 0 elsewhere.
Parties:   one that makes the keys, two that evaluate them.
Secure:    whichever of the two is corrupted; AES as a pseudo-random function.
Learns:    each of the two: n.
Cost:      18 bytes of key a level and 33 beside; for 128 places 3 blocks of AES to evaluate.

Leaves are a block of AES, 128 places each, so the tree ends seven levels early (section 3.2.1).
"""

from __future__ import annotations

import secrets
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from junto.errors import ProtocolViolation

Blocks = npt.NDArray[np.uint64]
"""Of 128 bits, as two words each."""

LEAF: Final = 7
"""Logarithm of the places of a leaf."""
_ONE: Final = np.uint64(1)
_SIDES: Final = tuple(bytes([side]) * 16 for side in (1, 2, 3))
"""Public keys of AES: of the left child, of the right one, of a leaf's places."""


def key_bytes(levels: int) -> int:
    """Of a key for 2**levels places."""
    return 17 + 18 * _depth(levels) + 16


def point_keys(place: int, places: int) -> tuple[bytes, bytes]:
    """Two keys, for a point among so many places."""
    levels = levels_of(places)
    depth = _depth(levels)
    states = np.frombuffer(secrets.token_bytes(32), np.uint64).reshape(2, 2).copy()
    bits = np.array([0, 1], np.uint64)
    begin = [state.tobytes() + bytes([int(bit)]) for state, bit in zip(states, bits, strict=True)]
    corrections = b""
    for level in range(depth):
        side = place >> (levels - 1 - level) & 1
        children, flags = _children(states)
        lost = children[0, 1 - side] ^ children[1, 1 - side]
        wanted = [flags[0, each] ^ flags[1, each] ^ np.uint64(each == side) for each in (0, 1)]
        corrections += lost.tobytes() + bytes(int(each) for each in wanted)
        states = children[:, side] ^ bits[:, None] * lost
        bits = flags[:, side] ^ bits * wanted[side]
    leaves = _hashed(states, 2)
    within = place & ((1 << LEAF) - 1)
    point = np.zeros(2, np.uint64)
    point[within // 64] = _ONE << np.uint64(within % 64)
    corrections += (leaves[0] ^ leaves[1] ^ point).tobytes()
    return begin[0] + corrections, begin[1] + corrections


def evaluated(keys: Any, count: int, places: int, sender: str) -> Blocks:
    """The pieces that `count` keys have of the first `places`: a bit each, lowest first, [count, words].

    Raises:
        ProtocolViolation: what `sender` sent is not so many keys.
    """
    levels = levels_of(places)
    size = key_bytes(levels)
    if not isinstance(keys, bytes) or len(keys) != count * size:
        raise ProtocolViolation(f"what {sender} sent is not {count} keys of point functions")
    raw = np.frombuffer(keys, np.uint8).reshape(count, size)
    states, bits = _words(raw[:, :16])[:, None], (raw[:, 16:17] & 1).astype(np.uint64)
    depth = _depth(levels)
    for level in range(depth):
        start = 17 + 18 * level
        lost, wanted = _words(raw[:, start : start + 16]), raw[:, start + 16 : start + 18] & 1
        children, flags = _children(states)
        children ^= (bits[:, :, None] * lost[:, None])[:, :, None]
        flags ^= bits[:, :, None] * wanted[:, None].astype(np.uint64)
        needed = -(-places // (1 << (levels - 1 - level)))
        states = children.reshape(count, 2 * states.shape[1], 2)[:, :needed]
        bits = flags.reshape(count, 2 * bits.shape[1])[:, :needed]
    leaves = _hashed(states, 2) ^ bits[:, :, None] * _words(raw[:, size - 16 :])[:, None]
    return leaves.reshape(count, 2 * leaves.shape[1])


def levels_of(places: int) -> int:
    """Of the tree over so many places."""
    return (places - 1).bit_length()


def _words(octets: npt.NDArray[np.uint8]) -> Blocks:
    return np.ascontiguousarray(octets).view(np.uint64)


def _depth(levels: int) -> int:
    return max(levels - LEAF, 0)


def _children(states: Blocks) -> tuple[Blocks, npt.NDArray[np.uint64]]:
    """Both children of each state, [..., 2, 2], and the bit that each of them carries, [..., 2]."""
    made = np.stack([_hashed(states, side) for side in (0, 1)], axis=-2)
    flags = made[..., 0] & _ONE
    made[..., 0] &= ~_ONE
    return made, flags


def _hashed(states: Blocks, side: int) -> Blocks:
    """AES under a fixed key, and the state added: Matyas, Meyer, Oseas."""
    cipher = Cipher(algorithms.AES(_SIDES[side]), modes.ECB()).encryptor()  # noqa: S305 - of random blocks
    blocks = np.ascontiguousarray(states)
    made: Blocks = np.frombuffer(cipher.update(blocks.tobytes()), np.uint64).reshape(blocks.shape) ^ blocks
    return made
