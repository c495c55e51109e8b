"""A party on the way of another party's set: passes it on in another order, and brings answers back.

The order is that of the blinded values, which says nothing about the order in which they came.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from junto.join.comparing import check_sealed
from junto.join.curve import BYTES, Points, words_of
from junto.join.spool import Bucket, Scratch, Spool, batches


class Shuffling:
    """Holds one set, blinded once more by this party, until all of it is there.

    Args:
        count: keys of the set.
        size: of the batches in which it goes on.
        spill: folder for what is larger than memory.
    """

    def __init__(self, count: int, size: int, spill: str | None) -> None:
        self._scratch = Scratch(spill)
        self._spool = Spool([("place", "<i8"), ("point", "u1", (BYTES,))], count, self._scratch)
        self._places = self._scratch.full((count,), 0)
        self._sealed = self._scratch.full((count, 2), 0)
        self._size = size
        self._gone = self._back = 0
        self._leaving: Any = None

    def add(self, points: Points) -> None:
        """The next points that this party has blinded."""
        place = np.arange(self._spool.count, self._spool.count + len(points))
        self._spool.add(words_of(points)[:, :2], place=place, point=points)

    def next(self) -> Points:
        """The next batch, in the new order."""
        if self._leaving is None:
            self._leaving = batches(map(_rows, self._spool.buckets()), self._size)
        rows = next(self._leaving)
        places = np.ascontiguousarray(rows[:, :8]).view("<i8")
        self._places[self._gone : self._gone + len(rows)] = places.ravel()
        self._gone += len(rows)
        return np.ascontiguousarray(rows[:, 8:])

    def take_back(self, sealed: Any, count: int, sender: str) -> None:
        """Answers to the next `count` points, in the new order. Raises ProtocolViolation if they are none."""
        check_sealed(sealed, count, sender)
        places = self._places[self._back : self._back + count]
        self._sealed[places] = np.ascontiguousarray(sealed).view("<i8")
        self._back += count

    def answers(self, start: int, count: int) -> npt.NDArray[np.uint8]:
        """Answers in the order in which the points came."""
        return np.array(self._sealed[start : start + count]).astype("<i8", copy=False).view(np.uint8)

    def close(self) -> None:
        """Forget everything."""
        self._scratch.close()


def _rows(bucket: Bucket) -> npt.NDArray[np.uint8]:
    """Of each record where it came, and its point."""
    place = bucket["place"].astype("<i8").view(np.uint8).reshape(-1, 8)
    return np.hstack([place, bucket["point"]])
