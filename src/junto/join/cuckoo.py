"""Cuckoo hashing: each of some keys gets a bin for itself, one of three that a hash names.

Paper:     Pinkas, Schneider, Zohner, "Scalable private set intersection based on OT extension", ACM TOPS,
           2018, section 3.2 (three hashes, no stash); the three bins of a key are different ones here.
Computes:  a bin for each of n keys, of 1.3 n + 128.
Fails:     with a probability below 2**-40, if the keys do not depend on the hash's key: see below.

There is no such choice exactly if some k keys have less than k bins in all (Hall). Of such sets one that
holds no smaller one has k - 1 bins, of each of which two of its keys name it at least: else the key that
alone names a bin could be left out. So the probability is at most the sum, over all k, of the number of sets
of k keys and k - 1 bins, times the probability that these keys name only these bins, each of them twice or
more. `tests/unit/join/test_join_opprf.py` adds it up.

Keys that alone name one of their bins take it and go, as long as there are such ones: below 1 / 1.222 keys a
bin that takes nearly all of them (Molloy, "Cores in random hypergraphs and Boolean formulas", 2005). The
others are matched by augmenting paths, so a choice is found wherever there is one.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

HASHES: Final = 3
MOST_BINS: Final = 1 << 22
_MORE: Final = 1.3
_LEAST: Final = 128
_BITS: Final = 42
"""Of a number that names a bin: with those of a bin's number they are 64."""


def bins_of(keys: int) -> int:
    """Bins for so many keys."""
    return int(_MORE * keys) + _LEAST


def named(tags: Words, bins: int) -> Places:
    """The bins that each key may have.

    Args:
        tags: uniform for different keys, [keys, 2].
        bins: how many there are, at most MOST_BINS.

    Returns:
        Three different ones, [keys, 3].
    """
    high, low = tags[:, 0], tags[:, 1]
    drawn = (high >> np.uint64(22), (high << np.uint64(42) | low >> np.uint64(22)) >> np.uint64(22), low)
    kept = [each & np.uint64((1 << _BITS) - 1) for each in drawn]
    scaled = [each * np.uint64(bins - less) >> np.uint64(_BITS) for less, each in enumerate(kept)]
    first, second, third = (each.astype(np.int64) for each in scaled)
    second += second >= first
    lower, upper = np.minimum(first, second), np.maximum(first, second)
    third += third >= lower
    third += third >= upper
    return np.stack([first, second, third], axis=1)


def chosen(names: Places, bins: int) -> Places | None:
    """Which of its bins each key gets, 0 to 2, no two the same one. None: there is no such choice."""
    choice = np.full(len(names), -1)
    degrees, sums = np.zeros((2, bins), np.int64)
    np.add.at(degrees, names.ravel(), 1)
    np.add.at(sums, names.ravel(), np.repeat(np.arange(len(names)), HASHES))
    asked = np.arange(bins)
    while len(asked := asked[degrees[asked] == 1]):
        keys, first = np.unique(sums[asked], return_index=True)
        choice[keys] = np.argmax(names[keys] == asked[first][:, None], axis=1)
        left = names[keys].ravel()
        np.subtract.at(degrees, left, 1)
        np.subtract.at(sums, left, np.repeat(keys, HASHES))
        asked = np.unique(left)
    holder: dict[int, int] = {}
    rest = np.flatnonzero(choice < 0).tolist()
    listed = dict(zip(rest, names[rest].tolist(), strict=True))
    if not all(_augmented(key, listed, holder) for key in rest):
        return None
    for place, key in holder.items():
        choice[key] = listed[key].index(place)
    return choice


def _augmented(key: int, names: dict[int, list[int]], holder: dict[int, int]) -> bool:
    """Find a bin for one more key, along a shortest path of keys that move."""
    came: dict[int, int] = {}
    waiting = [key]
    for each in waiting:
        for place in names[each]:
            if place in came:
                continue
            came[place] = each
            if place in holder:
                waiting.append(holder[place])
                continue
            while place != -1:
                mover = came[place]
                left = next((at for at in names[mover] if holder.get(at) == mover), -1)
                holder[place] = mover
                place = left
            return True
    return False
