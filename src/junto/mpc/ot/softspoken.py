"""Transfers by the million from 128 base transfers.

Paper:     Roy, "SoftSpokenOT: quieter OT extension from small-field silent VOLE in the minicrypt model",
           CRYPTO 2022, sections 4 and 5, with the repetition code; with fields of one bit it is the protocol
           of Ishai, Kilian, Nissim, Petrank, "Extending oblivious transfers efficiently", CRYPTO 2003.
Computes:  rows t_j for the receiver, q_j = t_j + x_j D for the sender, of 128 bits, with D the sender's
           secret and x_j the receiver's choice. Hashed (`hashing`), q_j and q_j + D are pads.
Parties:   a receiver, who grew the trees, and a sender, who has all leaves of each but one, at a part of D.
Secure:    against one who deviates: a receiver whose choices differ between parts passes only if he guesses
           these parts' bits of D (`consistency`), one whose trees do only likewise (`tree`); a sender says
           nothing.
Learns:    the sender: the choices under uniform masks. The receiver: nothing, or the bits that he guessed.
Cost:      half a round; 128 / k bits a transfer from the receiver; 128 transfers and 48 bytes a block for
           the check; 2**k / k times 128 bits of keystream a transfer at each end.

A *part* is what comes of one tree of depth k: with all leaves' keystreams r_y, the receiver has their sum u
and v = sum of y r_y; the sender, whose leaves are arranged around the missing one, number d, has the sum of
(y + d) r_y = v + d u. The receiver sends u + x, and the sender adds d times that: v + d x. All parts together
have the 128 bits of D = d_1 d_2 ...; everything is added without carry, and x and u are bits.

Blocks of any width do, if both ends use the same one after the other: the keystreams are kept.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import accumulate
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from numpy.typing import NDArray

from junto.mpc import bits
from junto.mpc.gates import Words
from junto.mpc.ot.consistency import EXTRA, PROOF_WORDS, Challenge
from junto.mpc.ot.seed_trees import Grower, correction_bytes
from junto.mpc.prg import Stream
from junto.native import kernels

WIDTH: Final = 128
"""Bits of the sender's secret: base transfers."""
MOST_FIELD_BITS: Final = 8

MOST_TRANSFERS: Final = 1 << 20
"""Of one block."""

_ZEROS: Final = memoryview(bytes(MOST_TRANSFERS // 8 + 8 * EXTRA))
_SLACK: Final = 2
"""Words behind a buffer: `update_into` wants room for one more block."""


def depths(field_bits: int) -> list[int]:
    """The depths of the trees: `field_bits` each, or one less for some, so that there are 128 in all.

    Raises:
        ValueError: `field_bits` is not from 1 to MOST_FIELD_BITS.
    """
    if not 1 <= field_bits <= MOST_FIELD_BITS:
        raise ValueError(f"the field of an OT extension has 1 to {MOST_FIELD_BITS} bits, not {field_bits}")
    count = -(-WIDTH // field_bits)
    deeper = WIDTH - count * (field_bits - 1)
    return [field_bits] * deeper + [field_bits - 1] * (count - deeper)


def corrections_bytes(field_bits: int) -> int:
    """Bytes that the receiver sends once, for the trees."""
    return sum(correction_bytes(depth) for depth in depths(field_bits))


def message_words(field_bits: int, width: int) -> int:
    """What the receiver sends of a block of 64 * `width` transfers."""
    return rows_of(field_bits) * (EXTRA + width) + PROOF_WORDS


def rows_of(field_bits: int) -> int:
    """Bits a transfer that the receiver sends."""
    return len(depths(field_bits))


class _Part:
    """The keystreams of one tree's leaves, of which the first may be missing."""

    __slots__ = ("at", "depth", "keys", "missing", "streams")

    def __init__(self, leaves: Words, at: int, missing: int | None) -> None:
        order = [y ^ (missing or 0) for y in range(len(leaves))]
        self.keys = leaves[order]
        self.missing = missing is not None
        self.streams: list[CipherContext | None] = []
        self.depth = len(leaves).bit_length() - 1
        self.at = at

    def sums(self, rows: Words, room: Words) -> Words:
        """Each next piece of keystream times the bits of its number, into `rows`; and their plain sum."""
        if not self.streams:
            self.streams = [
                None if self.missing and not y else _keystream(key.tobytes())
                for y, key in enumerate(self.keys)
            ]
        width = rows.shape[1]
        leaves = room[: len(self.keys) * width].reshape(-1, width)
        octets = room.view(np.uint8).data
        size = 8 * width
        for y, stream in enumerate(self.streams):
            if stream is None:
                leaves[y] = 0
            else:
                stream.update_into(_ZEROS[:size], octets[y * size : (y + 1) * size + 8 * _SLACK])
        half = len(leaves)
        for bit in range(self.depth):
            half //= 2
            np.bitwise_xor.reduce(leaves[half : 2 * half], axis=0, out=rows[self.at + bit])
            leaves[:half] ^= leaves[half : 2 * half]
        total: Words = leaves[0]
        return total


class _ExtensionEnd:
    """What both ends have: one part a tree."""

    def __init__(self, parts: list[_Part], corrections: bytes) -> None:
        self._parts = parts
        self._trees = sha256(corrections).digest()
        self._most = 2 ** max(part.depth for part in parts)
        self._keys = np.concatenate([part.keys for part in parts])
        self._depths = np.array([part.depth for part in parts], np.uint8)
        self._used = 0

    def _sums(self, width: int) -> tuple[Words, Words]:
        """The next `width` words of all parts: the rows [WIDTH, width], and each part's plain sum."""
        if bits.LANES * (width - EXTRA) > MOST_TRANSFERS:
            raise ValueError(f"a block has at most {MOST_TRANSFERS} transfers")
        made, native = np.empty((WIDTH, width), np.uint64), kernels()
        if native is None or not native.has_aes:
            return made, self._plain_sums(made)
        totals = native.leaf_sums(self._keys, self._depths, self._parts[0].missing, self._used, made)
        self._used += width
        return made, totals

    def _plain_sums(self, made: Words) -> Words:
        totals = np.empty((len(self._parts), made.shape[1]), np.uint64)
        room = np.empty(self._most * made.shape[1] + _SLACK, np.uint64)
        for part, total in zip(self._parts, totals, strict=True):
            total[...] = part.sums(made, room)
        return totals

    def _challenge(self, name: bytes, message: Words) -> Challenge:
        return Challenge(self._trees, name, message.reshape(-1).view(np.uint8).data)


class ExtensionReceiver(_ExtensionEnd):
    """The end that chooses.

    Args:
        zero, one: both keys of WIDTH base transfers: [WIDTH, 2].
        field_bits: see `depths`.
        grower: for these trees, with nothing grown yet.
        extra: randomness that nobody else knows, and nobody else draws from.

    Attributes:
        corrections: to the sender, once.
    """

    def __init__(self, zero: Words, one: Words, field_bits: int, grower: Grower, extra: Stream) -> None:
        parts, messages = [], []
        for at, depth in _places(field_bits):
            leaves, message = grower.grow(zero[at : at + depth], one[at : at + depth])
            parts.append(_Part(leaves, at, None))
            messages.append(message)
        self.corrections: bytes = b"".join(messages)
        self._extra = extra
        super().__init__(parts, self.corrections)

    def extend(self, choices: Words, width: int, name: bytes) -> tuple[Words, Words]:
        """The next 64 * width transfers.

        Args:
            choices: one plane [width].
            width: words.
            name: of this block, and of no other.

        Returns:
            The message to the sender [`message_words`]; the rows t [64 * width, 2].
        """
        made, message = self._sums(EXTRA + width)
        chosen = np.concatenate([self._extra.words(EXTRA), choices])
        message ^= chosen
        proof = self._challenge(name, message).proof(made, chosen)
        return np.concatenate([message.reshape(-1), proof]), _turned(made)


class ExtensionSender(_ExtensionEnd):
    """The end that offers.

    Args:
        choices: in WIDTH base transfers: the bits of `not D`, uniform and this end's secret.
        keys: received in them: [WIDTH, 2].
        corrections: the receiver's.
        field_bits: see `depths`.
        grower: see `ExtensionReceiver`.

    Attributes:
        difference: D: [2].
    """

    def __init__(
        self,
        choices: NDArray[np.uint8],
        keys: Words,
        corrections: memoryview,
        field_bits: int,
        grower: Grower,
    ) -> None:
        parts, start = [], 0
        for at, depth in _places(field_bits):
            size = correction_bytes(depth)
            own = [int(each) for each in choices[at : at + depth]]
            leaves, missing = grower.puncture(own, keys[at : at + depth], corrections[start : start + size])
            parts.append(_Part(leaves, at, missing))
            start += size
        super().__init__(parts, bytes(corrections))
        self._flags = flags = np.asarray(choices) == 0
        self.difference: Words = bits.pack(flags)
        self._set = [[part.at + bit for bit in range(part.depth) if flags[part.at + bit]] for part in parts]

    def extend(self, message: Words, width: int, name: bytes) -> Words:
        """The next 64 * width transfers.

        Args:
            message: the receiver's.
            width: words.
            name: see `ExtensionReceiver.extend`.

        Returns:
            The rows q [64 * width, 2].

        Raises:
            ValueError: he has deviated. No further transfer may be made then.
        """
        said, proof = message[:-PROOF_WORDS].reshape(-1, EXTRA + width), message[-PROOF_WORDS:]
        made, _ = self._sums(EXTRA + width)
        for rows, message in zip(self._set, said, strict=True):
            for row in rows:
                made[row] ^= message
        if not self._challenge(name, said).holds(made, self._flags, proof):
            raise ValueError("its choices contradict each other, as those of no honest party do")
        return _turned(made)


def _places(field_bits: int) -> list[tuple[int, int]]:
    """Where each tree's bits of D begin, and its depth."""
    sizes = depths(field_bits)
    return list(zip([0, *accumulate(sizes)], sizes, strict=False))


def _keystream(key: bytes) -> CipherContext:
    return Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()


def _turned(rows: Words) -> Words:
    """The 128 bits of each column, but for those that only the check needed."""
    lanes = rows.shape[1] * bits.LANES
    made = np.empty((lanes, 2), np.uint64)
    for half in (0, 1):
        bits.unplanes_into(rows[64 * half : 64 * half + 64], made[:, half])
    return made[EXTRA * bits.LANES :]
