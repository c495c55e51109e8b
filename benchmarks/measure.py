"""Figures: how often something was measured, what came out, and what it is to be compared with."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """What several measurements of one thing gave. Never empty."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of these values."""
        found = tuple(values)
        if not found:
            raise ValueError("nothing was measured")
        return cls(found)

    def map(self, change: Callable[[float], float]) -> Spread:
        """Of the changed values, for instance seconds to rates."""
        return Spread(tuple(map(change, self.values)))

    @property
    def low(self) -> float:
        """The least."""
        return min(self.values)

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.values)

    @property
    def high(self) -> float:
        """The greatest."""
        return max(self.values)

    @property
    def p95(self) -> float:
        """Of a hundred, 95 are not above it."""
        return sorted(self.values)[math.ceil(0.95 * len(self.values)) - 1]

    def as_dict(self) -> dict[str, float | int]:
        """For JSON."""
        return {
            "count": len(self.values),
            "min": self.low,
            "median": self.median,
            "p95": self.p95,
            "max": self.high,
        }


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What the same machine does in the same run without junto. `how` says with what."""

    how: str
    spread: Spread


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        family: ``start-up``, ``latency``, ``throughput``, ``memory``, ``ray``, ``learning``.
        what: what was measured, for a person.
        unit: ``s``, ``ms``, ``/s``, ``MB/s`` or ``MB`` (a million bytes); empty: none.
        ours: junto.
        ceilings: the first one is what `share` compares with.
        goal: what junto is to reach, as text.
        published: what SecretFlow reaches, as text.
    """

    family: str
    what: str
    unit: str
    ours: Spread
    ceilings: tuple[Ceiling, ...] = field(default=())
    goal: str = ""
    published: str = ""

    @property
    def more_is_better(self) -> bool:
        """Whether it is a rate."""
        return self.unit.endswith("/s")

    @property
    def best(self) -> float:
        """Our best measurement."""
        return _best(self.ours, self.more_is_better)

    def share(self, ceiling: Ceiling) -> float:
        """How near our median comes to that of `ceiling`; 1.0 is as good as it."""
        return self._ratio(self.ours.median, ceiling.spread.median)

    def best_share(self, ceiling: Ceiling) -> float:
        """How near our best comes to the best of `ceiling`: what noise hides least."""
        return self._ratio(self.best, _best(ceiling.spread, self.more_is_better))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "family": self.family,
            "what": self.what,
            "unit": self.unit,
            "junto": self.ours.as_dict(),
            "ceilings": [
                {
                    "how": each.how,
                    **each.spread.as_dict(),
                    "share": self.share(each),
                    "best_share": self.best_share(each),
                }
                for each in self.ceilings
            ],
            "goal": self.goal,
            "published": self.published,
        }

    def _ratio(self, ours: float, theirs: float) -> float:
        return ours / theirs if self.more_is_better else theirs / ours


def _best(spread: Spread, more_is_better: bool) -> float:
    return spread.high if more_is_better else spread.low
