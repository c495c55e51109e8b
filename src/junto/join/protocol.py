"""The seam at which a protocol for private set intersection stands.

Above it are tables and what a join means, below it sets of keys. `Ecdh` is one protocol, `VolePsi` and
`Helped` are others; a further one is a class with the same methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from junto.device.pyu import PYU, PYUObject

_MOST_AT_ONCE: Final = 1 << 16
"""Keys of a batch: what a batch costs by itself is little beside them, and some of them fit into a cache."""


class KeySet(Protocol):
    """One party's set of keys, as the script sees it: handles to batches that live at the party.

    The keys are different from each other, and in an order that says nothing about the table.
    """

    @property
    def device(self) -> PYU:
        """Whose set it is."""
        ...

    @property
    def count(self) -> int:
        """Keys in it; all parties know."""
        ...

    def sizes(self) -> Sequence[int]:
        """Keys of each batch."""
        ...

    def keys(self, batch: int) -> PYUObject:
        """The digests of a batch, an array of shape (keys, 32) at its party. Once each, in order."""
        ...

    def place(self, batch: int, ranks: PYUObject) -> PYUObject:
        """Take the ranks of a batch: int32 or int64 [keys], -1 for a key that the result has not."""
        ...


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be found out, and by whom.

    Attributes:
        how: ``inner`` (keys that all parties have), ``outer`` (keys that any has), ``left`` (all keys of
            `base`) or ``difference`` (keys of `base` that nobody else has).
        base: the party whose keys the last two speak of.
        receivers: who gets ranks. Equal keys get equal ranks; they count from 0 without gaps, in an
            order that says nothing about keys or tables.
    """

    how: str
    base: PYU
    receivers: tuple[PYU, ...]


@dataclass(frozen=True, slots=True)
class FoundKeys:
    """What a protocol leaves.

    Attributes:
        total: how many ranks there are: a whole number at the party that compared.
        done: what to wait for.
    """

    total: PYUObject
    done: list[PYUObject]


class Intersection(ABC):
    """A protocol for private set intersection."""

    @abstractmethod
    def run(self, sources: Mapping[PYU, KeySet], goal: Goal) -> FoundKeys:
        """Find the ranks, and `place` them at every receiver's source.

        Called at the same point of the script at every party; it consists of device calls.
        """

    @abstractmethod
    def learns(self, sources: Sequence[PYU], goal: Goal) -> Mapping[PYU, str]:
        """What each party learns beyond its own input, in words: one sentence or two."""


def of_own_keys(party: PYU, others: Sequence[PYU], goal: Goal) -> list[str]:
    """What a party that gets rows sees in them, in words."""
    if goal.how == "inner":
        return [f"which of its own keys {names(others)} {'has' if len(others) == 1 else 'all have'}"]
    if goal.how == "difference":
        return [f"which of its own keys {names(others, 'or')} has"]
    if goal.how == "outer":
        return [f"how many different keys {names([party, *others])} have together"]
    return [] if party == goal.base else [f"which of its own keys {goal.base.party} has"]


def of_count(party: PYU, owners: Sequence[PYU], goal: Goal, more: Sequence[str] = ()) -> str:
    """What a party learns if only the number of common keys is said, to the receivers; `more` of its own."""
    others = [each for each in owners if each != party]
    facts = [f"how many different keys {names(others)} {'has' if len(others) == 1 else 'have'}"]
    facts += [f"how many keys {names(owners)} have in common"] if party in goal.receivers else []
    return f"{party.party} learns {'; '.join([*facts, *more])}."


def batch_sizes(count: int) -> list[int]:
    """Into which batches a set of `count` keys is cut: several, so that they overlap, of bounded size."""
    size = min(max(-(-count // 8), 1024), _MOST_AT_ONCE)
    return [min(size, count - start) for start in range(0, count, size)]


def names(parties: Sequence[PYU], last: str = "and") -> str:
    """``alice, bob and carol``."""
    texts: list[Any] = [party.party for party in parties]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {last} {texts[-1]}"
