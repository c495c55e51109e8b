"""One order for everybody, and no two structures alike."""

import contextlib
import enum
import os
import subprocess
import sys
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from junto.device.pyu import PYU
from junto.errors import DeviceError
from junto.program.operation import START, Description, follow, structure
from junto.tree import Placeholder, leaves, map_leaves, paths


class Handle(Placeholder):
    def __init__(self, operation, index=0):
        self.identity = (operation, index)

    def __repr__(self):
        return f"#{self.identity}"


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Number(enum.IntEnum):
    ONE = 1


Pair = namedtuple("Pair", "left right")
Couple = namedtuple("Couple", "left right")


@dataclass(frozen=True)
class Frozen:
    left: object
    right: object


@dataclass
class Slotted:
    __slots__ = ("left", "right")
    left: object
    right: object


class Own(dict):
    pass


class Rows(list):
    pass


plain_keys = (
    st.text(max_size=4)
    | st.sampled_from(["", "a", "a,b", "a:#1.0", "'", '"', "{", "]", "|", "\x1f", "\n", "1", "True", "*"])
    | st.sampled_from([b"", b"a", b"1", None, True, False, 0, 1, -1, 1.0, -0.0, 0.5, float("inf")])
    | st.sampled_from([Colour.RED, Colour.BLUE, Number.ONE, PYU("alice"), PYU("bob"), PYU("a'b")])
)
keys = plain_keys | st.tuples(plain_keys, plain_keys) | st.tuples(plain_keys)
handles = st.builds(Handle, st.integers(0, 2), st.integers(0, 1))
scalars = st.sampled_from([0, "x", None, 1.5, b"b", (), [], {}])


def containers(inner):
    two = st.tuples(inner, inner)
    dicts = st.dictionaries(keys, inner, max_size=3)
    made = [st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), dicts]
    made += [dicts.map(kind) for kind in (OrderedDict, Own, lambda items: defaultdict(int, items))]
    made += [two.map(lambda pair, kind=kind: kind(*pair)) for kind in (Pair, Couple, Frozen, Slotted)]
    return st.one_of(*made, two.map(Rows))


trees = st.recursive(handles | scalars, containers, max_leaves=8)


def digest(tree):
    return follow(START, Description("reveal", structure=structure(tree, Handle)), "").digest


def shape(tree):
    """What makes two trees the same, said without any text: a nested tuple of types and identities."""
    kind = type(tree)
    if kind is Handle:
        return tree.identity
    if isinstance(tree, dict):
        # Enumerations and devices compare with nothing else; the rest by type and value.
        items = {(_typed(key), shape(item)) for key, item in tree.items()}
        return None if all(item is None for _, item in items) else (kind, frozenset(items))
    if isinstance(tree, list | tuple):
        parts = tuple(shape(item) for item in tree)
    elif isinstance(tree, Frozen | Slotted):
        parts = (shape(tree.left), shape(tree.right))
    else:
        return None
    return None if all(part is None for part in parts) else (kind, parts)


def _typed(key):
    if isinstance(key, tuple):
        return tuple, tuple(map(_typed, key))
    return type(key), repr(key) if isinstance(key, float) else key


@given(trees, trees)
def test_two_trees_have_the_same_digest_if_and_only_if_they_are_the_same(one, other):
    assert (digest(one) == digest(other)) == (shape(one) == shape(other))


@given(trees, st.data())
def test_trees_that_differ_in_one_place_differ(tree, data):
    count = sum(isinstance(leaf, Handle) for leaf in leaves(tree))
    if not count:
        return
    chosen = data.draw(st.integers(0, count - 1))
    other = data.draw(st.sampled_from([Handle(9), 0, [], [Handle(0)], (Handle(0),), {"": Handle(0)}]))
    seen = iter(range(count))
    changed = map_leaves(
        lambda leaf: other if isinstance(leaf, Handle) and next(seen) == chosen else leaf, tree
    )
    assert (digest(changed) == digest(tree)) == (shape(changed) == shape(tree))


@given(keys, keys)
def test_keys_are_told_apart_by_type_and_value(one, other):
    assert (digest({one: Handle(1)}) == digest({other: Handle(1)})) == (_typed(one) == _typed(other))


@given(st.dictionaries(keys, handles, min_size=1, max_size=5), st.randoms())
def test_a_dict_is_walked_in_the_same_order_however_it_was_filled(tree, random):
    items = list(tree.items())
    random.shuffle(items)
    for kind in (dict, OrderedDict, Own):
        shuffled = kind(items)
        assert list(leaves(shuffled)) == list(leaves(tree))
        assert list(paths(shuffled, "x")) == list(paths(tree, "x"))
        assert list(map_leaves(id, shuffled)) == [key for key, _ in items], "its own order stays"


@given(trees)
def test_what_is_changed_in_a_tree_is_what_is_walked(tree):
    walked = list(leaves(tree))
    numbers = iter(range(len(walked)))
    numbered = map_leaves(lambda _: next(numbers), tree)
    assert list(leaves(numbered)) == list(range(len(walked)))
    assert len(list(paths(tree, "x"))) == len(walked)
    assert list(leaves(tree)) == walked, "the tree itself is untouched"


class Odd:
    pass


@pytest.mark.parametrize(
    "hide",
    [
        lambda h: {h},
        lambda h: frozenset([h]),
        lambda h: {"a": {("a", h)}},
        lambda h: {1: h}.values(),
        lambda h: {1: h}.items(),
        lambda h: {h: 1}.keys(),
        lambda h: deque([h]),
        lambda h: MappingProxyType({"a": h}),
        lambda h: [{frozenset([frozenset([h])])}],
        lambda h: (each for each in [h]),
        lambda h: map(str, [h]),
        lambda h: iter([h]),
        lambda h: np.array([h, None], dtype=object),
        lambda h: {Odd(): h},
        lambda h: {float("nan"): h},
        lambda h: {frozenset("ab"): h},
        lambda h: {("a", frozenset("ab")): [h]},
    ],
)
def test_handles_without_an_order_are_refused_with_a_sentence(hide):
    with pytest.raises(DeviceError, match=r"once|looked into|order") as caught:
        structure([hide(Handle(1))], Handle)
    assert caught.value.fix


def endless(parts):
    parts.append(parts)
    return parts


def deep(levels, inner=0):
    for _ in range(levels):
        inner = [inner]
    return inner


@pytest.mark.parametrize("tree", [endless([1]), deep(101), {"a": (endless([]),)}, deque([endless([1])])])
def test_what_is_too_deep_or_contains_itself_is_refused_by_every_walk(tree):
    for walk in (
        lambda: structure([tree], Handle),
        lambda: map_leaves(str, tree),
        lambda: list(leaves(tree)),
    ):
        if isinstance(tree, deque):
            with contextlib.suppress(DeviceError):  # plain data may be in anything
                walk()
        else:
            with pytest.raises(DeviceError, match="deeper than 100 levels, or one contains itself"):
                walk()
    assert structure(deep(90), Handle) == "*"


@pytest.mark.parametrize(
    "plain", [{1, 2}, frozenset("ab"), {}.keys(), deque([1]), {Odd(): 1, Odd(): 2}, np.array([None, "a"])]
)
def test_plain_data_may_be_in_anything(plain):
    assert structure([plain], Handle) == "*"


SCRIPT = """
import sys, junto as sf
session = sf.init(["alice", "bob"], address="local")
alice, bob = sf.PYU("alice"), sf.PYU("bob")
names = {"age", "city", "height", "weight", "name", "b"}
h = {name: (alice if len(name) % 2 else bob)(lambda name=name: name)() for name in sorted(names)}
kinds = [lambda c: {k: h[k] for k in c}, lambda c: {(k, 1): [h[k], h["b"]] for k in c}]
for kind in kinds:
    tree = kind(names)
    sf.wait(tree)
    shown = sf.reveal(tree)
    assert all((key if isinstance(key, str) else key[0]) == (item if isinstance(item, str) else item[0])
               for key, item in shown.items()), shown
print(session.program.newest.digest.hex())
"""


def test_the_same_script_is_the_same_run_under_another_hash_seed():
    digests = set()
    for seed in "0123":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1
