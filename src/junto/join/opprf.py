"""An oblivious programmable pseudo-random function of keys in bins.

Paper:     Pinkas, Schneider, Tkachenko, Yanai, "Efficient circuit-based PSI with linear communication",
           EUROCRYPT 2019, sections 3 and 4; over one key-value store for all bins, as Rindal, Schoppmann,
           "VOLE-PSI: fast OPRF and circuit-PSI from vector-OLE", EUROCRYPT 2021, section 5.
Computes:  for each bin two rows of words, one a party. Where the input party's key in that bin is one of the
           key party's, the first words are equal, and of each further one both add up to the word of the
           key party's row with that key; elsewhere the first words differ, and sums mean nothing.
Parties:   the input party, the key party.
Secure:    semi-honest. As `oprf`; AES as an ideal cipher.
Learns:    both: how many keys the other one has, and how many words. Nothing else: whatever is in common,
           all that either sees is uniform.
Cost:      `oprf` of n and 3 m keys; then 8 * 1.055 * 3 m bytes a word, key party to input party.

Each key of the input party gets one of three bins (`cuckoo`); the key party cannot know which, so it lays
each of its keys into all three. For each bin it draws a row of uniform words. Then it makes a table (`okvs`)
that holds for key x as in its bin b: the first word of b's row, and the words of x's row less b's others,
all under F(x, which of its bins b is). The input party reads it once for each key, and so meets each row of
the key party once at most: it is uniform. Of other keys' values it has not F.

First words have 62 bits: two of a bin are equal by chance with 2**-40 at most, in all bins together. Further
ones add up modulo 2**64; or two of them are a number, and that adds up modulo 2**128 (`OpprfSizes.width`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from junto.errors import JoinError, ProtocolViolation
from junto.join import cuckoo, okvs
from junto.join.keys import DIGEST_BYTES, Digests
from junto.join.oprf import ATTEMPTS, OprfInput, OprfKey, OprfSizes
from junto.join.spool import put_back
from junto.join.tags import TAG_BYTES, Tagging, new_key
from junto.mpc.prg import Stream, derive, fresh_key
from junto.mpc.ring128 import elements, is_wide
from junto.mpc.travelling import travelling

Words = npt.NDArray[np.uint64]

PIECES: Final = 8
"""Into which a table is cut on its way."""
HALVES: Final = 2
"""Of first words, which are compared as two numbers of 31 bits."""
_HALF: Final = np.uint64((1 << 31) - 1)
_SEED_WORDS: Final = 2


@dataclass(frozen=True, slots=True)
class OpprfSizes:
    """How large everything is; both parties know.

    Args:
        inputs: keys of the input party.
        keys: keys of the key party.
        words: of a row, beside the first one.
        width: bits of what adds up: a word, or two of them, the lower one first.
    """

    inputs: int
    keys: int
    words: int
    width: int = 64

    @property
    def bins(self) -> int:
        """How many there are."""
        return cuckoo.bins_of(self.inputs)

    @property
    def oprf(self) -> OprfSizes:
        """Those of the function under which values are."""
        return OprfSizes(self.inputs, cuckoo.HASHES * self.keys, 8 * _SEED_WORDS)

    @property
    def slots(self) -> int:
        """Of a table of values."""
        return okvs.slots_of(cuckoo.HASHES * self.keys)

    @property
    def widths(self) -> list[int]:
        """Words of a slot, of each table: two of a row, and one of the last where they are odd."""
        return [min(2, 1 + self.words - first) for first in range(0, 1 + self.words, 2)]

    def piece(self, number: int) -> slice:
        """The slots of a table's piece."""
        return slice(self.slots * number // PIECES, self.slots * (number + 1) // PIECES)


class OpprfInput(OprfInput):
    """The input party's part.

    Args:
        sizes: what both know.
        peer: the key party's name.
    """

    def __init__(self, sizes: OpprfSizes, peer: str) -> None:
        super().__init__(sizes.oprf, peer)
        self._all, self._widths, self._keys = sizes, sizes.widths, list[Digests]()

    def add(self, keys: Digests) -> None:
        """The next keys."""
        self._keys.append(keys)

    def encode(self) -> bytes:
        """Give each key a bin, once all are there; then see `OprfInput.encode`.

        Raises:
            JoinError: there are no such bins, or no table.
        """
        keys = _joined(self._keys)
        names = _named(self.session, keys, self._all.bins)
        choice = cuckoo.chosen(names, self._all.bins)
        if choice is None:
            raise JoinError("the keys fit into no bins, which happens once in 2**40 joins", fix="join again")
        self._bin_of = names[np.arange(len(keys)), choice]
        self._laid = _laid(self.session, keys, choice)
        self._keys.clear()
        super().add(self._laid)
        return super().encode()

    def places(self) -> npt.NDArray[np.int64]:
        """For each bin the number of the key that has it, or the number of keys."""
        held = np.full(self._all.bins, len(self._bin_of))
        held[self._bin_of] = np.arange(len(self._bin_of))
        return held

    def open(self, key: Any) -> None:
        """Take what the key party says before its tables.

        Raises:
            ProtocolViolation: it is something else.
        """
        if not isinstance(key, bytes) or len(key) != TAG_BYTES:
            raise ProtocolViolation(f"what {self._peer} sent is no key of a table")
        tags = Tagging(derive(self.session, "values", 0))(self._laid)
        self._read = okvs.bands_of(key, tags, self._all.slots)
        self._tables = [np.zeros((self._all.slots, 2), np.uint64) for _ in self._widths]

    def take(self, table: int, number: int, said: Any) -> None:
        """Take a piece of a table.

        Raises:
            ProtocolViolation: it is something else.
        """
        into, width = self._tables[table][self._all.piece(number)], self._widths[table]
        shape = len(into), width
        if not isinstance(said, np.ndarray) or said.dtype != np.uint64 or said.shape != shape:
            raise ProtocolViolation(f"what {self._peer} sent is no table of {shape} words")
        into[:, :width] = said

    def read(self) -> None:
        """Have this party's words, once all tables are there."""
        seeds = self.outputs(0, len(self._laid)).view(np.uint64)
        rows = Stream(fresh_key()).words((1 + self._all.words) * self._all.bins).reshape(-1, self._all.bins)
        order = okvs.order_of(self._read.starts)
        bands = self._read[order]
        for first in range(0, len(self._tables), 2):
            pair = [*self._tables[first : first + 2]] * 2
            found = put_back(okvs.decode(bands, np.hstack(pair[:2])), order)
            for table in range(first, min(first + 2, len(self._tables))):
                held = found[:, 2 * (table - first) :][:, :2] ^ _pads(self.session, table, seeds)
                for word in range(self._widths[table]):
                    rows[2 * table + word, self._bin_of] = held[:, word]
        self._words = rows
        del self._tables, self._read, self._laid

    def first_words(self, half: int) -> list[Words]:
        """This party's piece of how the first words of each bin differ, in one half of their bits."""
        return [travelling(_half(self._words[0], half, self._all.width))]

    def piece(self, number: int) -> list[Words]:
        """This party's piece of a further number of each bin."""
        return [_number_of(self._words, number, self._all.width)]


class OpprfKey(OprfKey):
    """The key party's part.

    Args:
        sizes: what both know.
        peer: the input party's name.
    """

    def __init__(self, sizes: OpprfSizes, peer: str) -> None:
        super().__init__(sizes.oprf, peer)
        self._all, self._keys = sizes, list[Digests]()

    def add(self, keys: Digests) -> None:
        """The next keys."""
        self._keys.append(keys)

    def program(self, rows: Sequence[Words]) -> bytes:
        """Make the tables, once all keys and all columns of `oprf` are there; what is said before them.

        Args:
            rows: the words of each key, an array of shape (keys,) each.

        Raises:
            JoinError: there is no table after some tries.
        """
        sizes, keys = self._all, _joined(self._keys)
        self._keys = []
        names = _named(self.session, keys, sizes.bins)
        every = np.concatenate(
            [_laid(self.session, keys, np.full(len(keys), j)) for j in range(cuckoo.HASHES)]
        )
        self._words = Stream(fresh_key()).words((1 + sizes.words) * sizes.bins).reshape(-1, sizes.bins)
        seeds = self.outputs(every).view(np.uint64)
        tags = Tagging(derive(self.session, "values", 0))(every)
        for _ in range(ATTEMPTS):
            key = new_key()
            bands = okvs.bands_of(key, tags, sizes.slots)
            order = okvs.order_of(bands.starts)
            bands, self._tables = bands[order], []
            for table in range(len(sizes.widths)):
                values = _pads(self.session, table, seeds) ^ self._values(table, names.T.ravel(), rows)
                made = Stream(fresh_key()).words(2 * sizes.slots).reshape(-1, 2)
                if not okvs.encode(bands, values[order], made):
                    break
                self._tables.append(made)
            else:
                return key
        raise JoinError("the keys fit into no table, which happens once in 2**120 joins", fix="join again")

    def table(self, table: int, number: int) -> Words:
        """A piece of a table."""
        width = self._all.widths[table]
        return np.ascontiguousarray(self._tables[table][self._all.piece(number), :width])

    def first_words(self, half: int) -> list[Words]:
        """See `OpprfInput.first_words`."""
        return [travelling(np.negative(_half(self._words[0], half, self._all.width)))]

    def piece(self, number: int) -> list[Words]:
        """See `OpprfInput.piece`."""
        return [_number_of(self._words, number, self._all.width)]

    def _values(self, table: int, names: npt.NDArray[np.int64], rows: Sequence[Words]) -> Words:
        """What the table holds for each key in each of its bins: [3 * keys, 2]."""
        values = np.zeros((len(names), 2), np.uint64)
        for word in range(self._all.widths[table]):
            number = 2 * table + word
            values[:, word] = self._less(number, names, rows)
        return values

    def _less(self, number: int, names: npt.NDArray[np.int64], rows: Sequence[Words]) -> Words:
        """A word of the rows less what was drawn for their bins: [3 * keys]."""
        drawn: Words = self._words[number][names]
        if not number:
            return drawn
        made: Words = np.tile(rows[number - 1], cuckoo.HASHES) - drawn
        if is_wide(self._all.width) and number % 2 == 0:  # the upper one of two
            made -= np.tile(rows[number - 2], cuckoo.HASHES) < self._words[number - 1][names]
        return made


def _joined(batches: Sequence[Digests]) -> Digests:
    return np.concatenate(batches) if batches else np.empty((0, DIGEST_BYTES), np.uint8)


def _named(session: bytes, keys: Digests, count: int) -> npt.NDArray[np.int64]:
    return cuckoo.named(Tagging(derive(session, "bins", 0))(keys), count)


def _laid(session: bytes, keys: Digests, choice: npt.NDArray[np.int64]) -> Digests:
    """Keys as in one of their bins: equal ones, if that is the same one of the three, have equal bytes."""
    made = np.zeros((len(keys), DIGEST_BYTES), np.uint8)
    made[:, :TAG_BYTES] = Tagging(derive(session, "laid", 0))(keys).view(np.uint8)
    made[:, TAG_BYTES] = choice
    return made


def _pads(session: bytes, table: int, seeds: Words) -> Words:
    """What hides the values of a table: pi(s) + s (exclusive or) of a seed s, pi a table's permutation."""
    key = derive(session, "pads", table)
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - a permutation
    return np.frombuffer(cipher.update(seeds.tobytes()), np.uint64).reshape(-1, _SEED_WORDS) ^ seeds


def _number_of(words: Words, number: int, width: int) -> Words:
    """A further number of each bin, as it travels."""
    each = 2 if is_wide(width) else 1
    first = 1 + each * number
    return words[first] if each == 1 else np.stack(list(words[first : first + each]), axis=1)


def _half(words: Words, half: int, width: int) -> Any:
    """Some of the bits of first words, as elements."""
    return elements(words >> np.uint64(31 * half) & _HALF, width)
