"""One-time pads of which the one party has all, and the other the one that it wants.

Paper:     1-of-N from 1-of-2 transfers: Naor, Pinkas, "Oblivious transfer and polynomial evaluation", STOC
           1999, section 3; random ones, for messages that come later: Beaver, "Precomputing oblivious
           transfer", CRYPTO 1995, where the choice is known beforehand.
Computes:  2**k uniform entries for P0; for P1 the entry whose number it has.
Parties:   P0, P1, who chooses.
Secure:    semi-honest.
Learns:    P0 nothing of the number. P1 nothing of the other entries: each lies under at least one pad of a
           transfer in which it has the other one.
Cost:      k transfers. Nothing is sent but their choices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from junto.mpc import bits
from junto.mpc.gates import BITS, Words
from junto.mpc.ot.extension import Extension
from junto.mpc.ot.jobs import TransferJob, parts
from junto.mpc.ot.pads import Chosen, Offered
from junto.mpc.protocol.demands import DigitPads, WordPads
from junto.mpc.ring128 import bit_field

_DIGIT = 4
_LOAD = 8
"""Words of pads for each transfer of a block: bounds the memory."""

Done = Callable[[slice, Words], None]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PadLayout:
    """How the entries of one table lie in words.

    Args:
        index: bits of an entry's number.
        masks: which bits of each word belong to entries whose number has bit i: [words, index].
    """

    index: int
    masks: Words

    @property
    def words(self) -> int:
        """Words of a table."""
        return len(self.masks)


def digit_pads(extension: Extension, demands: Sequence[DigitPads]) -> list[NDArray[np.generic]]:
    """What `DigitPads` says; all of one form."""
    one = demands[0]
    size = one.width << _DIGIT
    table = PadLayout(_DIGIT, _digit_masks(one))
    own = np.concatenate([each.numbers for each in demands])
    numbers = np.concatenate([bit_field(own, _DIGIT * place, _DIGIT) for place in range(one.digits)])
    kind = np.dtype(f"u{size // 8}") if extension.index == 0 else np.dtype(np.uint8)
    made = np.empty((one.layers, len(numbers)), kind)

    def put(part: slice, words: Words) -> None:
        for layer, row in enumerate(made):
            word, shift = divmod(layer * size, BITS)
            found = words[word] >> np.uint64(shift)
            if extension.index == 1:
                found >>= numbers[part] * np.uint64(one.width)
                found &= np.uint64((1 << one.width) - 1)
            row[part] = found.astype(kind)

    _run(extension, table, numbers, put)
    whole = made.reshape(one.layers, one.digits, -1)
    return _split(whole, [len(each.numbers) for each in demands])


def word_pads(extension: Extension, demands: Sequence[WordPads]) -> list[NDArray[np.generic]]:
    """What `WordPads` says; all of one number of tables and width of digits."""
    width, tables = demands[0].digit.width, demands[0].tables
    rows = np.arange(1 << width, dtype=np.uint64)
    has = (rows[:, None] >> np.arange(width, dtype=np.uint64)) & np.uint64(1)
    table = PadLayout(width, np.repeat(0 - has, tables, axis=0))
    numbers = np.concatenate([bit_field(each.numbers, each.digit.low, width) for each in demands])
    shape = (len(rows), tables, len(numbers)) if extension.index == 0 else (tables, len(numbers))
    made = np.empty(shape, np.uint64)

    def put(part: slice, words: Words) -> None:
        found = words.reshape(len(rows), tables, -1)
        if extension.index == 1:
            found = np.take_along_axis(found, numbers[None, None, part].astype(np.intp), 0)[0]
        made[..., part] = found

    _run(extension, table, numbers, put)
    return _split(made, [len(each.numbers) for each in demands])


def _digit_masks(one: DigitPads) -> Words:
    """For each word and bit of a digit which bits of the word belong to entries with that bit."""
    size = one.width << _DIGIT
    words = -(-one.layers * size // BITS)
    masks = np.zeros((words, _DIGIT), np.uint64)
    for layer in range(one.layers):
        word, shift = divmod(layer * size, BITS)
        for entry in range(1 << _DIGIT):
            for bit in range(_DIGIT):
                if entry >> bit & 1:
                    place = shift + entry * one.width
                    masks[word, bit] |= np.uint64(((1 << one.width) - 1) << place)
    return masks


def _split(whole: NDArray[np.generic], sizes: Sequence[int]) -> list[NDArray[np.generic]]:
    return np.split(whole, np.cumsum(sizes)[:-1], axis=-1)


def _run(extension: Extension, table: PadLayout, numbers: Words, put: Done) -> None:
    """P0 gives `put` whole tables; P1 words of which only those entries are uniform to it and right."""
    block = extension.settings.block
    most = max(1, min(block // table.index, _LOAD * block // (table.index * table.words)))
    chooses = extension.index == 1
    extension.run(_Pads(table, numbers[part], chooses, part, put) for part in parts(len(numbers), most))


class _Pads(TransferJob):
    """The tables of one block."""

    due = 0

    def __init__(self, table: PadLayout, numbers: Words, chooses: bool, part: slice, put: Done) -> None:
        self._table = table
        self._numbers = numbers
        self._part = part
        self._put = put
        count = table.index * len(numbers)
        self.chooses, self.offers = (count, 0) if chooses else (0, count)

    def choices(self) -> Words:
        digits = self._numbers >> np.arange(self._table.index, dtype=np.uint64)[:, None]
        return bits.pack((digits & np.uint64(1)).astype(np.bool_).reshape(-1))

    def give(self, pads: Offered) -> Sequence[memoryview]:
        zero, one = (self._by_words(each) for each in self._both(pads))
        one ^= zero
        one &= self._table.masks[:, :, None]
        one ^= zero
        self._put(self._part, np.bitwise_xor.reduce(one, axis=1))
        return ()

    def take(self, pads: Chosen, data: memoryview) -> None:
        words = self._table.words
        chosen = pads.words() if words == 1 else pads.blocks(-(-words // 2))
        self._put(self._part, np.bitwise_xor.reduce(self._by_words(chosen), axis=1))

    def _both(self, pads: Offered) -> tuple[Words, Words]:
        words = self._table.words
        return pads.words() if words == 1 else pads.blocks(-(-words // 2))

    def _by_words(self, pads: Words) -> Words:
        """As [words, index, tables]."""
        if pads.ndim == 3:
            pads = pads.swapaxes(1, 2).reshape(2 * len(pads), -1)[: self._table.words]
        return pads.reshape(self._table.words, self._table.index, -1)
