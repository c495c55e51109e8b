"""What hashing takes of what a peer chose: counted before it is done.

Python's hash of a whole number is no secret, so keys can be made that all have the same one, and each is
compared with all before it. Sets within such keys multiply that: to tell two of them apart, each element of
one is compared with those that are alike in the other. The hash of a tuple walks through all that it holds,
as often as it holds it: a pickle, which can name one part many times, says in 300 bytes what no machine
ends to hash. So keys that are alike are counted, and what a pickle hands to be hashed is counted as if it
were written out.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

from junto.errors import MalformedBytes

_MOST_ALIKE: Final = 64
"""So many keys of one dict or set may have the same hash, times as many as have one in a set within them;
those of honest data hardly ever do."""

_PER_BYTE: Final = 4
_AT_LEAST: Final = 1 << 18
_CHARACTERS: Final = 16
"""So many characters, which are compared at once, count as one part."""

_DEEPEST: Final = 1000
"""Hashing a tuple recurses in C, where nothing counts; our sender's pickler does not get that deep."""


def check_hashes(keys: Iterable[Any], counts: Counter[int] | None = None) -> None:
    """Refuse keys chosen so that they collide: n of them would take n * n steps to tell apart.

    Args:
        keys: those that a container gets.
        counts: of the keys that it has, and in the end of these, too; None: it has none.

    Raises:
        MalformedBytes: too many are alike, or one cannot be hashed.
    """
    counts = Counter() if counts is None else counts
    keys = list(keys)
    try:
        hashes = list(map(hash, keys))
    except TypeError:
        raise MalformedBytes("a key cannot be hashed") from None
    counts.update(hashes)
    for key, each in zip(keys, hashes, strict=True):
        alike = counts[each]
        if alike > 1 and alike * _alike_within(key) > _MOST_ALIKE:
            raise MalformedBytes("too many keys have the same hash")


def _alike_within(key: Any) -> int:
    """How often each part of `key` may be looked at where it is compared with one that has its hash."""
    inside = [] if isinstance(key, str | bytes) else list(_inside(key))
    if not isinstance(key, frozenset):
        return max(map(_alike_within, inside), default=1)
    counts = Counter(map(hash, inside))
    return max((counts[hash(each)] * _alike_within(each) for each in inside), default=1)


class WrittenOut:
    """How much of a pickle may be walked through, hashed or copied: in the measure of its bytes.

    Args:
        nbytes: of the pickle.
    """

    def __init__(self, nbytes: int) -> None:
        self._left = _PER_BYTE * nbytes + _AT_LEAST

    def spend(self, value: Any) -> None:
        """Count all that `value` holds, each part as often as it is named. Raises MalformedBytes."""
        levels = [iter((value,))]
        while levels:
            for each in levels[-1]:
                text = isinstance(each, str | bytes | bytearray)
                self._left -= 1 + len(each) // _CHARACTERS if text else 1
                if self._left < 0 or len(levels) > _DEEPEST:
                    raise MalformedBytes("a pickle names its parts more often than it has them")
                if not text and (inside := _inside(each)):
                    levels.append(iter(inside))
                    break
            else:
                levels.pop()


def _inside(value: Any) -> Any:
    """What the hash or a copy of `value` takes in: elements, or attributes."""
    if isinstance(value, tuple | list | set | frozenset | deque):
        return value
    if isinstance(value, dict):
        return [*value, *value.values()]
    own: Any = type(value).__hash__
    if own is None or own is object.__hash__ or type(value).__module__ == "builtins":
        return ()
    return [*getattr(value, "__dict__", {}).values(), *_in_slots(value)]


def _in_slots(value: Any) -> Iterator[Any]:
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                yield getattr(value, name)
