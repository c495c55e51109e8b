"""What may be hashed: keys that are not alike, and no more of a pickle than its bytes say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from junto.errors import MalformedBytes
from junto.wire.hashed import WrittenOut, check_hashes

PRIME = (1 << 61) - 1


def alike(count: int) -> list[int]:
    return [PRIME * number for number in range(count)]


def test_keys_that_are_alike_are_counted_over_all_that_a_container_gets() -> None:
    check_hashes(alike(64))
    counts: Counter[int] = Counter()
    check_hashes(alike(60), counts)
    check_hashes([1, "a", None], counts)
    with pytest.raises(MalformedBytes, match="same hash"):
        check_hashes(alike(5), counts)
    with pytest.raises(MalformedBytes, match="cannot be hashed"):
        check_hashes([[]])


class Leaf:
    """A key whose hash says nothing, and which counts how often it is compared."""

    compared = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        Leaf.compared += 1
        return isinstance(other, Leaf) and self.number == other.number

    def __hash__(self) -> int:
        return 0


def nested(width: int, depth: int, which: int = 0) -> Any:
    """Sets of sets, in tuples too; siblings are the same but for what each looks at last."""
    if depth == 0:
        return Leaf(which)
    parts = [nested(width, depth - 1, number) for number in (*range(width - 1), width + which)]
    return frozenset(parts) if depth % 2 else (frozenset(parts), 0)


@pytest.mark.parametrize("width", [2, 3, 4, 6, 8, 20, 64, 65])
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_to_tell_keys_apart_takes_no_more_comparisons_than_so_many_for_each_part(
    width: int, depth: int
) -> None:
    if width ** (depth + 1) > 5000:
        return
    keys = [nested(width, depth, number) for number in range(width)]
    parts = width ** (depth + 1)
    try:
        check_hashes(keys)
    except MalformedBytes:
        assert parts > 64, "a few that are alike are honest"
        return
    Leaf.compared = 0
    assert len(set(keys)) == width
    assert Leaf.compared <= 64 * parts


def test_what_lies_in_slots_is_hashed_too() -> None:
    with pytest.raises(MalformedBytes, match="more often"):
        WrittenOut(0).spend([Slotted(doubled(18))])


def doubled(times: int) -> Any:
    value: Any = ()
    for _ in range(times):
        value = (value, value)
    return value


class Slotted:
    __slots__ = ("part",)

    def __init__(self, part: Any) -> None:
        self.part = part

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return hash(self.part)


class Plain:
    def __init__(self, part: Any) -> None:
        self.part = part


class Hashing(Plain):
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return hash(self.part)


@pytest.mark.parametrize("form", [lambda it: it, lambda it: {1: it}, lambda it: [frozenset([it])], Hashing])
def test_what_is_named_many_times_is_counted_as_often(form: Any) -> None:
    WrittenOut(0).spend(form(doubled(10)))
    deep: Any = ()
    for _ in range(18):
        deep = (deep, deep)
    with pytest.raises(MalformedBytes, match="more often"):
        WrittenOut(0).spend([form(deep)])


def test_what_is_hashed_by_its_place_is_not_looked_into() -> None:
    itself = Plain(None)
    itself.part = [itself, doubled(60)]
    WrittenOut(0).spend([itself])


def test_a_list_of_itself_and_a_deep_tuple_end() -> None:
    endless: list[Any] = []
    endless.append(endless)
    deep: Any = ()
    for _ in range(100_000):
        deep = (deep,)
    for value in (endless, deep):
        with pytest.raises(MalformedBytes):
            WrittenOut(1 << 30).spend(value)


def test_records_with_the_same_names_are_no_burden() -> None:
    names = [f"a name of a column {number}" for number in range(10)]
    rows = [dict.fromkeys(names) for _ in range(10_000)]
    WrittenOut(4 * 10 * len(rows)).spend(rows)
