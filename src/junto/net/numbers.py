"""A set of transfer numbers, small because they come nearly in order."""

from __future__ import annotations

from bisect import bisect_right


class Numbers:
    """`below` and ranges above it. What it costs grows with the gaps, not with the numbers."""

    def __init__(self) -> None:
        self.below: int = 0
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._count = 0

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._firsts, number)
        return number < self.below or (place > 0 and number <= self._lasts[place - 1])

    def __len__(self) -> int:
        return self._count

    @property
    def gaps(self) -> int:
        """How many ranges lie above `below`."""
        return len(self._firsts)

    def add(self, number: int) -> None:
        """Add a number that is not in it."""
        if number == self.below and not self._firsts:  # as a rule: they come in order
            self.below += 1
            self._count += 1
            return
        if number in self:
            return
        self._count += 1
        place = bisect_right(self._firsts, number)
        joins_left = place > 0 and self._lasts[place - 1] == number - 1
        joins_right = place < len(self._firsts) and self._firsts[place] == number + 1
        if joins_left and joins_right:
            self._lasts[place - 1] = self._lasts[place]
            del self._firsts[place], self._lasts[place]
        elif joins_left:
            self._lasts[place - 1] = number
        elif joins_right:
            self._firsts[place] = number
        else:
            self._firsts.insert(place, number)
            self._lasts.insert(place, number)
        if self._firsts[0] == self.below:
            self.below = self._lasts[0] + 1
            del self._firsts[0], self._lasts[0]

    def ranges(self) -> tuple[tuple[int, int], ...]:
        """What lies above `below`, as (first, last)."""
        return tuple(zip(self._firsts, self._lasts, strict=True))
