"""The party that sees all sets of keys, in a form that hides them, and says which keys are the same."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from junto.errors import ProtocolViolation
from junto.join.curve import check, check_order, words_of
from junto.join.spool import Array, Bucket, Scratch, Spool, order_of
from junto.join.tags import TAG_BYTES, Tagging, new_key
from junto.native import kernels
from junto.native.threads import shared_out

Ranks = npt.NDArray[np.int64]
NO_RANK = -1
_LARGE: Final = 1 << 16
"""Keys, of which it is worth a thread to sort a set."""
_FEW: Final = 1 << 31
"""Keys of all parties, up to which 4 bytes hold a rank."""


class Ranking(ABC):
    """Holds the sets in some form in which equal keys are equal, and ranks the keys of the result.

    Args:
        counts: keys of each party's set.
        how, base: see `junto.join.protocol.Goal`; `base` by name.
        spill: folder for what is larger than memory.
    """

    def __init__(self, counts: Mapping[str, int], how: str, base: str, spill: str | None) -> None:
        self._scratch = Scratch(spill)
        self._how, self._base = how, base
        largest = max(counts.values())
        self._spools = {name: Spool([("place", "<i8")], largest, self._scratch) for name in counts}
        self._counts = dict(counts)
        self._keys = {name: secrets.token_bytes(16) for name in counts}
        self._ranks: dict[str, Ranks] = {}
        self._travels = np.int32 if sum(counts.values()) < _FEW else np.int64

    def add(self, name: str, values: Any, count: int, sender: str) -> None:
        """The next `count` values of the set of party `name`, which came from `sender`, if not made here.

        Raises:
            ProtocolViolation: they are something else.
        """
        spool = self._spools[name]
        tags = self._tags(values, count, sender)
        spool.add(tags, place=np.arange(spool.count, spool.count + count))

    @abstractmethod
    def _tags(self, values: Any, count: int, sender: str) -> npt.NDArray[np.uint64]:
        """By what the values are sorted and compared, shape (count, 2), once they are checked."""

    def compare(self, receivers: Sequence[str]) -> int:
        """Rank the keys, once all sets are there; how many ranks there are.

        Raises:
            ProtocolViolation: a set holds a key twice.
        """
        self._ranks = {name: self._scratch.full((self._counts[name],), NO_RANK) for name in receivers}
        names = list(self._spools)
        reached = 0
        for buckets in zip(*(self._spools[name].buckets() for name in names), strict=True):
            reached += self._rank(dict(zip(names, buckets, strict=True)), reached)
        return reached

    def ranks(self, name: str, start: int, count: int) -> npt.NDArray[Any]:
        """Ranks of a batch of a party's set, in the order in which they came; in 4 bytes where these do."""
        return np.array(self._ranks[name][start : start + count], self._travels)

    def sealed(self, name: str, start: int, count: int) -> npt.NDArray[np.uint8]:
        """The same, each encrypted by itself for that party: others carry and reorder them."""
        return seal(self._keys[name], self._ranks[name][start : start + count])

    def key(self, name: str) -> bytes:
        """What opens that party's sealed ranks."""
        return self._keys[name]

    def close(self) -> None:
        """Forget everything."""
        self._scratch.close()
        self._ranks, self._spools = {}, {}

    def _rank(self, buckets: Mapping[str, Bucket], reached: int) -> int:
        """Rank the keys of one bucket from `reached` on; how many of them the result has."""
        sets = list(buckets.values())

        def sort(first: int, last: int) -> None:
            for bucket in sets[first:last]:
                bucket.sort()

        shared_out(len(sets), 1 if sum(map(len, sets)) > _LARGE else len(sets), sort)
        high, low = (
            np.concatenate([bucket[word] for bucket in buckets.values()]) for word in ("high", "low")
        )
        ends = np.cumsum([len(bucket) for bucket in buckets.values()])
        native = kernels()
        group, groups = groups_of_tags(high, low) if native is None else native.merge_tags(high, low, ends)
        groups_of = dict(zip(buckets, np.split(group, ends[:-1]), strict=True))
        present = {name: _presence(name, ids, groups) for name, ids in groups_of.items()}
        chosen = self._chosen(present)
        rank = np.where(chosen, reached + np.cumsum(chosen) - 1, NO_RANK)
        for name, ranks in self._ranks.items():
            ranks[buckets[name]["place"]] = rank[groups_of[name]]
        return int(chosen.sum())

    def _chosen(self, present: Mapping[str, npt.NDArray[np.bool_]]) -> npt.NDArray[np.bool_]:
        if self._how == "inner":
            everywhere: npt.NDArray[np.bool_] = np.logical_and.reduce(list(present.values()))
            return everywhere
        if self._how == "outer":
            anywhere: npt.NDArray[np.bool_] = np.logical_or.reduce(list(present.values()))
            return anywhere
        base = present[self._base]
        if self._how == "left":
            return base
        others = [there for name, there in present.items() if name != self._base]
        elsewhere: npt.NDArray[np.bool_] = np.logical_or.reduce(others)
        return base & ~elsewhere


class Comparing(Ranking):
    """At a party that compares: of keys that everybody has blinded; see `curve.check`."""

    def _tags(self, values: Any, count: int, sender: str) -> npt.NDArray[np.uint64]:
        return words_of(check_order(check(values, count, sender), sender))[:, :2]


class Matching(Ranking):
    """At a helper: of tags that owners made with a key of theirs; see `junto.join.helped`."""

    def __init__(self, counts: Mapping[str, int], how: str, base: str, spill: str | None) -> None:
        super().__init__(counts, how, base, spill)
        self._order = Tagging(new_key())

    def _tags(self, values: Any, count: int, sender: str) -> npt.NDArray[np.uint64]:
        if (
            not isinstance(values, np.ndarray)
            or values.dtype != np.uint8
            or values.shape != (count, TAG_BYTES)
        ):
            raise ProtocolViolation(f"what {sender} sent is not {count} tags of {TAG_BYTES} bytes")
        return self._order(values)


def seal(key: bytes, ranks: Ranks) -> npt.NDArray[np.uint8]:
    """Each rank beside 64 random bits as one block of AES: equal ranks look different."""
    blocks = np.empty((len(ranks), 2), "<i8")
    blocks[:, 0] = ranks
    blocks[:, 1] = np.frombuffer(secrets.token_bytes(8 * len(ranks)), "<i8")
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - blocks never repeat
    return np.frombuffer(bytearray(encryptor.update(blocks.tobytes())), np.uint8).reshape(-1, 16)


def unseal(key: Any, sealed: Any, count: int, sender: str) -> Ranks:
    """The ranks again.

    Raises:
        ProtocolViolation: they are not `count` sealed ranks.
    """
    check_sealed(sealed, count, sender)
    if not isinstance(key, bytes) or len(key) != 16:
        raise ProtocolViolation("what opens the sealed ranks is no key")
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()  # noqa: S305
    blocks = np.frombuffer(decryptor.update(sealed.tobytes()), "<i8").reshape(-1, 2)
    return blocks[:, 0].astype(np.int64)


def check_sealed(sealed: Any, count: int, sender: str) -> None:
    """Raise ProtocolViolation if what `sender` sent is not a batch of `count` sealed ranks."""
    if not isinstance(sealed, np.ndarray) or sealed.dtype != np.uint8 or sealed.shape != (count, 16):
        raise ProtocolViolation(f"what {sender} sent is not {count} sealed ranks")


def groups_of_tags(high: Array, low: Array) -> tuple[npt.NDArray[np.int64], int]:
    """Equal tags get equal numbers, which follow the order of the tags; and how many there are."""
    if not len(high):
        return np.empty(0, np.int64), 0
    order = order_of(high, low)
    high, low = high[order], low[order]
    steps = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    group = np.empty(len(high), np.int64)
    group[order[0]] = 0
    group[order[1:]] = np.cumsum(steps)
    return group, int(steps.sum()) + 1


def _presence(name: str, ids: npt.NDArray[np.int64], groups: int) -> npt.NDArray[np.bool_]:
    times = np.bincount(ids, minlength=groups)
    if (times > 1).any():
        raise ProtocolViolation(f"the set of {name} holds the same key twice")
    return times > 0
