"""What the two ends of a block of transfers hold: two pads for each, or the chosen one of them.

The pads are hashes of the rows of the extension (`softspoken`), numbered within the block. Each transfer's
pad is as long as asked for, but it is the same pad however often it is asked for: use each part once.
"""

from __future__ import annotations

from junto.mpc.gates import Words
from junto.mpc.ot.hashing import Hash


class Offered:
    """The offering end's pads: both of each transfer.

    Args:
        hash: this block's.
        rows: q, [n, 2].
        difference: what the other end's row differs by, if it chose 1: [2].
    """

    __slots__ = ("_difference", "_hash", "_rows")

    def __init__(self, hash: Hash, rows: Words, difference: Words) -> None:
        self._hash = hash
        self._rows = rows
        self._difference = difference

    def words(self) -> tuple[Words, Words]:
        """8 bytes of each pad, for the choices 0 and 1: [n] each."""
        return self._hash.words(self._rows), self._hash.words(self._rows, self._difference)

    def blocks(self, count: int) -> tuple[Words, Words]:
        """`count` pieces of 16 bytes of each pad, for the choices 0 and 1: [count, n, 2] each."""
        return self._hash.blocks(self._rows, count), self._hash.blocks(self._rows, count, self._difference)


class Chosen:
    """The choosing end's pads.

    Args:
        hash: this block's.
        rows: t, [n, 2].
    """

    __slots__ = ("_hash", "_rows")

    def __init__(self, hash: Hash, rows: Words) -> None:
        self._hash = hash
        self._rows = rows

    def words(self) -> Words:
        """See `Offered.words`: the chosen ones, [n]."""
        return self._hash.words(self._rows)

    def blocks(self, count: int) -> Words:
        """See `Offered.blocks`: the chosen ones, [count, n, 2]."""
        return self._hash.blocks(self._rows, count)
