"""A table of which each key's row is the sum of three slots: one that can be read by point functions.

Paper:     Graf, Lemire, "Binary fuse filters: fast and smaller than xor filters", ACM Journal of Experimental
           Algorithmics 2022, with whole rows as values; read so by Celi, Davidson, "Call me by my name:
           simple, practical private information retrieval for keyword queries", CCS 2024.
Computes:  of n different hashes with a row of words each, a table of 1.13 n rows (more of few), the same
           wherever it is made.
Fails:     by chance, seldom; another seed is tried then.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import numpy as np
import numpy.typing as npt

from junto.errors import JoinError

Words = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]

SEEDS: Final = 50


@dataclass(frozen=True, slots=True)
class FuseShape:
    """Where the slots of a hash are; all follows from how many there are and a name.

    Args:
        keys: how many hashes.
        name: of the table.
    """

    keys: int
    name: bytes = field(repr=False)

    @property
    def segment(self) -> int:
        """Slots of a segment, a power of two; a hash has one in each of three that follow each other."""
        return 1 << min(max(int(math.log(max(self.keys, 2)) / math.log(3.33) + 2.25), 2), 18)

    @property
    def segments(self) -> int:
        """In which a first slot may be."""
        few = max(self.keys, 2)
        factor = max(1.125, 0.875 + 0.25 * math.log(1_000_000) / math.log(few))
        return max(-(-int(few * factor) // self.segment) - 2, 1)

    @property
    def slots(self) -> int:
        """Of the table."""
        return (self.segments + 2) * self.segment

    def places(self, hashes: Words, seed: int) -> Rows:
        """The slots of each hash of 128 bits, [keys, 3]."""
        drawn = sha256(self.name + seed.to_bytes(4, "little")).digest()
        salt = [np.uint64(int.from_bytes(drawn[at : at + 8], "little")) for at in (0, 8)]
        mixed = _mixed(hashes[:, 0] ^ salt[0]) ^ _mixed(hashes[:, 1] ^ salt[1])
        other = _mixed(mixed)
        first = (mixed >> np.uint64(32)) * np.uint64(self.segments) >> np.uint64(32)
        within = [mixed, other, other >> np.uint64(32)]
        each = np.stack([part & np.uint64(self.segment - 1) for part in within], axis=1).astype(np.int64)
        return (first.astype(np.int64)[:, None] + np.arange(3)) * self.segment + each


def laid(shape: FuseShape, hashes: Words, rows: Words) -> tuple[Words, int]:
    """The table of rows of words, [words, slots], and the seed under which it could be made.

    Raises:
        JoinError: there is none after some tries.
    """
    for seed in range(SEEDS):
        places = shape.places(hashes, seed)
        turns = _peeled(places, shape.slots)
        if turns is not None:
            return _filled(places, turns, rows, shape.slots), seed
    raise JoinError("the keys fit into no table, which should never happen", fix="prepare the table again")


def _peeled(places: Rows, slots: int) -> list[tuple[Rows, Rows]] | None:
    """Turn by turn, keys that have a slot for themselves, and this slot, once those before are gone."""
    count = np.bincount(places.ravel(), minlength=slots)
    holds = np.zeros(slots, np.int64)
    for column in range(3):
        np.bitwise_xor.at(holds, places[:, column], np.arange(len(places)))
    turns, left = [], len(places)
    alone = np.flatnonzero(count == 1)
    while len(alone):
        keys, which = np.unique(holds[alone], return_index=True)
        turns.append((keys, alone[which]))
        left -= len(keys)
        touched = places[keys].ravel()
        np.subtract.at(count, touched, 1)
        np.bitwise_xor.at(holds, touched, np.repeat(keys, 3))
        touched = np.unique(touched)
        alone = touched[count[touched] == 1]
    return None if left else turns


def _filled(places: Rows, turns: list[tuple[Rows, Rows]], rows: Words, slots: int) -> Words:
    table = np.zeros((slots, rows.shape[1]), np.uint64)
    for keys, own in reversed(turns):
        others = np.bitwise_xor.reduce(table[places[keys]], axis=1)  # its own slot is still empty
        table[own] = rows[keys] ^ others
    return np.ascontiguousarray(table.T)


def _mixed(words: Words) -> Words:
    """Splitmix64's last steps."""
    words = (words ^ words >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ words >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return words ^ words >> np.uint64(31)
