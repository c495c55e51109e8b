"""One of N entries of a small table; functions of two small numbers, one at each party.

Paper:     1-of-N from 1-of-2 transfers: Naor, Pinkas, "Oblivious transfer and polynomial evaluation", STOC
           1999, section 3; shares of a function from them: Dessouky et al., "Pushing the communication
           barrier in secure computation using lookup tables", NDSS 2017, section 4.
Computes:  T[y] for the party that has y, of the table T at the other; or shares of F(x, y) by exclusive or.
Parties:   P0, P1. Half of the functions' tables are offered by each.
Secure:    semi-honest.
Learns:    nobody anything else: entries that are not chosen stay under a pad that the chooser lacks a key of.
Cost:      1 transfer a bit of y; N times the entry's bits from the one who offers, in whole bytes.

Entries of 1, 2, 4 ... or 64 bits lie in words, the first in the lowest bits. Each transfer's pads are as long
as the table; bit i of y chooses the one under which all entries lie whose number has the same bit i. Where
the number has another, the chooser does not know the pad.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.mpc import bits
from junto.mpc.gates import BITS, Words
from junto.mpc.ot.extension import Extension
from junto.mpc.ot.jobs import TransferJob, octets, parts
from junto.mpc.ot.pads import Chosen, Offered

_MOST_BITS: Final = 8
_LOAD: Final = 8
"""Words of pads for each transfer of a block: bounds the memory."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table lies in words.

    Args:
        index: bits of the entries' numbers: 1 to 8.
        entry: bits of an entry: 1, 2, 4 ... 64.

    Raises:
        ValueError: there are no such tables.
    """

    index: int
    entry: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= _MOST_BITS or self.entry not in (1, 2, 4, 8, 16, 32, 64):
            raise ValueError(f"there are no tables of {self}")

    @property
    def words(self) -> int:
        """Words of a table."""
        return max(1, (self.entry << self.index) // BITS)

    @property
    def sent(self) -> np.dtype[np.unsignedinteger[Any]]:
        """How a word of a table is sent: shorter if the table is."""
        size = max(8, min(BITS, self.entry << self.index)) // 8
        return np.dtype(f"u{size}")

    @property
    def spread(self) -> np.uint64:
        """What an entry is to be multiplied by to stand everywhere in a word."""
        count = min(BITS // self.entry, 1 << self.index)
        return np.uint64(sum(1 << self.entry * i for i in range(count)))

    def pack(self, entries: Words) -> Words:
        """Tables [..., 2**index] as words [..., words]."""
        each = (1 << self.index) // self.words
        shifts = np.arange(0, each * self.entry, self.entry, dtype=np.uint64)
        split = entries.reshape(*entries.shape[:-1], self.words, each)
        packed: Words = np.bitwise_or.reduce(split << shifts, axis=-1)
        return packed

    def places(self, index: Words) -> tuple[Words, Words]:
        """The words, and in them the lowest bits, of some entries."""
        start = index * np.uint64(self.entry)
        return start >> np.uint64(6), start & np.uint64(BITS - 1)

    def masks(self) -> Words:
        """Which bits of the words belong to entries whose number has bit i: [words, index]."""
        numbers = np.arange(1 << self.index, dtype=np.uint64)
        full = np.uint64(2**self.entry - 1)
        has = (numbers >> np.arange(self.index, dtype=np.uint64)[:, None]) & np.uint64(1)
        return self.pack(has * full).T


def choose(extension: Extension, index: Words, layout: Layout) -> Words:
    """The entries [n] with these numbers [n] of the other party's tables, who calls `offer`.

    Args:
        extension: with the other party.
        index: our numbers, below 2**layout.index.
        layout: of the tables.
    """
    made = np.empty(len(index), np.uint64)
    nothing = np.empty((layout.words, 0), np.uint64)
    extension.run(
        _Tables(layout, index[part], nothing, _into(made, part))
        for part in parts(len(index), _most(extension, layout))
    )
    return made


def offer(extension: Extension, entries: Words, layout: Layout) -> None:
    """Let the other party, who calls `choose`, have one entry of each table [n, 2**layout.index]."""
    tables = layout.pack(entries).T
    nothing = np.empty(0, np.uint64)
    extension.run(
        _Tables(layout, nothing, tables[:, part], _into(nothing, part))
        for part in parts(len(entries), _most(extension, layout))
    )


def evaluate(
    extension: Extension, function: Words, own: NDArray[np.uint8], entry: int
) -> NDArray[np.unsignedinteger[Any]]:
    """Our share, by exclusive or, of F(x, y) of each pair of P0's x and P1's y.

    Args:
        extension: with the other party.
        function: F, public: [2**k, 2**k] with entries below 2**entry; the first index is P0's.
        own: our numbers [n], below 2**k.
        entry: bits of the result: 1, 2, 4 ... 64.

    Returns:
        [n], below 2**entry, of the shortest type that will do.
    """
    layout = Layout(len(function).bit_length() - 1, entry)
    size = len(own)
    made = np.empty(size, f"u{max(8, entry) // 8}")
    middle = (size + 1) // 2
    halves = (slice(0, middle), slice(middle, size))
    chosen, offered = halves[extension.index], halves[1 - extension.index]
    packed = layout.pack(function if extension.index == 0 else function.T)
    shares = extension.stream.words(-(-size * made.itemsize // 8)).view(made.dtype)[: len(made[offered])]
    shares &= made.dtype.type(2**entry - 1)
    made[offered] = shares
    extension.run(
        _Tables(
            layout,
            own[chosen][part].astype(np.uint64),
            packed[own[offered][part]].T ^ shares[part].astype(np.uint64) * layout.spread,
            _into(made[chosen], part),
        )
        for part in parts(middle, _most(extension, layout))
    )
    return made


def _into(made: NDArray[np.unsignedinteger[Any]], part: slice) -> Callable[[Words], None]:
    return lambda entries: made.__setitem__(part, entries)


def _most(extension: Extension, layout: Layout) -> int:
    """Tables of one block."""
    block = extension.settings.block
    return min(block // layout.index, _LOAD * block // (layout.index * layout.words))


class _Tables(TransferJob):
    """Our choices of the other party's tables, and our tables for its choices."""

    def __init__(self, layout: Layout, index: Words, tables: Words, done: Callable[[Words], None]) -> None:
        self._layout = layout
        self._index = index
        self._tables = tables
        self._done = done
        self.chooses = layout.index * len(index)
        self.offers = layout.index * tables.shape[1]
        self.due = layout.sent.itemsize * layout.words * len(index)

    def choices(self) -> Words:
        digits = self._index >> np.arange(self._layout.index, dtype=np.uint64)[:, None]
        return bits.pack((digits & np.uint64(1)).astype(np.bool_).reshape(-1))

    def give(self, pads: Offered) -> Sequence[memoryview]:
        if self._layout.words == 1:
            zero, one = (each[None] for each in pads.words())
        else:
            zero, one = (_by_words(each) for each in pads.blocks(self._layout.words // 2))
        said = np.ascontiguousarray(self._tables)
        shape = (self._layout.words, self._layout.index, -1)
        one ^= zero
        one = one.reshape(shape)
        one &= self._layout.masks()[:, :, None]
        said ^= np.bitwise_xor.reduce(one, axis=1)
        said ^= np.bitwise_xor.reduce(zero.reshape(shape), axis=1)
        return [octets(said.astype(self._layout.sent, copy=False))]

    def take(self, pads: Chosen, data: memoryview) -> None:
        layout = self._layout
        chosen = pads.words()[None] if layout.words == 1 else _by_words(pads.blocks(layout.words // 2))
        pad = np.bitwise_xor.reduce(chosen.reshape(layout.words, layout.index, -1), axis=1)
        pad ^= np.frombuffer(data, layout.sent).reshape(pad.shape)
        word, low = layout.places(self._index)
        found = pad[0] if layout.words == 1 else np.take_along_axis(pad, word[None].astype(np.intp), 0)[0]
        self._done((found >> low) & np.uint64(2**layout.entry - 1))


def _by_words(pads: Words) -> Words:
    """Pads [pieces, n, 2] as [words, n]."""
    return np.ascontiguousarray(pads.swapaxes(1, 2)).reshape(2 * len(pads), -1)
