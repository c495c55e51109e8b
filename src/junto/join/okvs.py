"""An oblivious key-value store: a table from which each key's value is read, and which hides the keys.

Paper:     Bienstock, Patel, Seo, Yeo, "Near-optimal oblivious key-value stores for efficient PSI, PSU and
           volume-hiding multi-maps", USENIX Security 2023, section 4 (RB-OKVS: random band matrices).
Computes:  a table of m = 1.055 n + 384 slots, of which the value of each of n keys is a sum over GF(2); the
           slots are some of 384 that follow each other. Where they begin, and which they are, is a hash.
Hides:     the keys, from whoever sees a table of uniform values, but for how many they are.
Fails:     with a probability below 2**-40 for up to MOST_KEYS keys, if these do not depend on the hash's key.

The paper measures how the failures fall with the band's width w: at n = 2**14 by 0.1389 w - 6.98 bits where
there are 5 % more slots than keys, and by 0.1926 w - 8.15 bits with 7 %; so, on a line between them, by 51
bits with 5.5 % and w = 384. A union over pieces of 2**14 keys takes 10 bits of that for 2**24 keys. The 384
slots beyond are there so that a few keys have room, and are not counted.

A table that cannot be made is tried again under another key of the hash. Whoever sees how often learns
that other keys of the hash did not fit, an event of 2**-40.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from junto.join.spool import order_of_numbers
from junto.native import kernels

Words = NDArray[np.uint64]

BAND_WORDS: Final = 6
MOST_KEYS: Final = 1 << 24
MOST_SLOTS: Final = 1 << 25
_MORE_SLOTS: Final = 0.055
PIECE: Final = 1 << 16
"""Keys that are hashed at once."""
_START_BITS: Final = 39


def slots_of(keys: int) -> int:
    """Slots of a table of so many keys: a multiple of 64."""
    return 64 * (-(-int(keys * (1 + _MORE_SLOTS) + 1) // 64) + BAND_WORDS)


@dataclass(frozen=True, slots=True, repr=False)
class Bands:
    """Where some keys' values are in a table.

    Attributes:
        starts: the first slot that a key may need, [keys].
        slots: which of the 64 * words slots from there on it needs, one a bit, [keys, words].
        messages: 128 uniform bits that the hash gives beside, [keys, 2].
    """

    starts: Words
    slots: Words
    messages: Words

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, which: NDArray[np.intp]) -> Bands:
        return Bands(*(np.take(each, which, axis=0) for each in (self.starts, self.slots, self.messages)))


def bands_of(key: bytes, tags: Words, slots: int, words: int = BAND_WORDS) -> Bands:
    """The bands of keys in a table.

    Args:
        key: of the hash, 16 bytes.
        tags: pseudo-random and different for different keys, [keys, 2].
        slots: of the table; below MOST_SLOTS.
        words: of a band.
    """
    made = Bands(np.empty(len(tags), np.uint64), np.empty((len(tags), words), np.uint64), np.empty_like(tags))
    for first in range(0, len(tags), PIECE):
        drawn = _drawn(key, tags[first : first + PIECE], range(-(-(words + 3) // 2)))
        piece = slice(first, first + len(drawn))
        made.messages[piece] = drawn[:, :2]
        made.slots[piece] = drawn[:, 3 : 3 + words]
        made.starts[piece] = _starts(drawn[:, 2], slots, words)
    return made


def starts_of(key: bytes, tags: Words, slots: int, words: int = BAND_WORDS) -> Words:
    """Where the bands of keys start; see `bands_of`."""
    made = np.empty(len(tags), np.uint64)
    for first in range(0, len(tags), PIECE):
        drawn = _drawn(key, tags[first : first + PIECE], range(1, 2))
        made[first : first + len(drawn)] = _starts(drawn[:, 0], slots, words)
    return made


def _drawn(key: bytes, tags: Words, blocks: range) -> Words:
    """Some blocks of what the hash gives for each tag, two words each."""
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - a pseudo-random function
    made = np.repeat(tags[:, None], len(blocks), 1)
    made[:, :, 1] ^= np.array(blocks, np.uint64)
    return np.frombuffer(cipher.update(made.data.cast("B")), np.uint64).reshape(len(tags), -1)


def _starts(drawn: Words, slots: int, words: int) -> Words:
    room = np.uint64(slots - 64 * words + 1)
    found: Words = (drawn >> np.uint64(64 - _START_BITS)) * room >> np.uint64(_START_BITS)
    return found


def order_of(starts: Words) -> NDArray[np.intp]:
    """The order of starts in which bands are quickest to lay and to read."""
    return order_of_numbers(starts, MOST_SLOTS)


class Echelon:
    """What a table is to hold, some keys after others: a system over GF(2), which is kept in echelon form.

    Args:
        slots: of the table.
        words: of a band.
    """

    def __init__(self, slots: int, words: int = BAND_WORDS) -> None:
        self._rows: dict[int, tuple[int, int]] = {}
        self._words = words
        self._held = np.zeros((slots if kernels() is not None else 0, words + 2), np.uint64)

    def lay(self, bands: Bands, values: Words) -> bool:
        """Add keys.

        Args:
            bands: of the keys, quickest in the order of their starts.
            values: [keys, 2].

        Returns:
            Whether it could be done.
        """
        if (native := kernels()) is not None:
            return native.lay_bands(bands.starts, bands.slots, values, self._held)
        return lay_plainly(self._rows, bands, values)

    def solve(self, table: Words) -> None:
        """Lay the values into a table [slots, 2], which is uniform."""
        if (native := kernels()) is not None:
            native.solve_bands(self._held, table)
        else:
            solve_plainly(self._rows, self._words, table)


def encode(bands: Bands, values: Words, table: Words) -> bool:
    """Lay values of all keys at once into a table, if it can be done; see `Echelon`."""
    echelon = Echelon(len(table), bands.slots.shape[1])
    if not echelon.lay(bands, values):
        return False
    echelon.solve(table)
    return True


def decode(bands: Bands, table: Words) -> Words:
    """What a table [slots, 4] has for each key: [keys, 4]."""
    if (native := kernels()) is not None:
        return native.read_bands(bands.starts, bands.slots, table)
    return _decode(bands, table)


def lay_plainly(echelon: dict[int, tuple[int, int]], bands: Bands, values: Words) -> bool:
    """By Python's long numbers: a row of the echelon form for its first slot, with its bits from there on."""
    for row, laid, at in zip(_numbers(bands.slots), _numbers(values), bands.starts.tolist(), strict=True):
        while row:
            zeros = (row & -row).bit_length() - 1
            row, at = row >> zeros, at + zeros
            if at not in echelon:
                echelon[at] = row, laid
                break
            row, laid = row ^ echelon[at][0], laid ^ echelon[at][1]
        else:
            return False
    return True


def solve_plainly(echelon: dict[int, tuple[int, int]], words: int, table: Words) -> None:
    """The same of the table."""
    for at in sorted(echelon, reverse=True):
        row, laid = echelon[at]
        octets = np.frombuffer(row.to_bytes(8 * words, "little"), np.uint8)
        others = at + np.flatnonzero(np.unpackbits(octets, bitorder="little"))[1:]
        table[at] = np.frombuffer(laid.to_bytes(16, "little"), np.uint64)
        table[at] ^= np.bitwise_xor.reduce(table[others], axis=0)


def _decode(bands: Bands, table: Words) -> Words:
    made, starts = np.zeros((len(bands), table.shape[1]), np.uint64), bands.starts.astype(np.int64)
    for bit in range(64 * bands.slots.shape[1]):
        taken = np.negative(bands.slots[:, bit // 64] >> np.uint64(bit % 64) & np.uint64(1))
        made ^= table[starts + bit] & taken[:, None]
    return made


def _numbers(rows: Words) -> list[int]:
    return [int.from_bytes(row.tobytes(), "little") for row in rows]
