"""Trees: dict, list, tuple and namedtuple; everything else is a leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """A new tree of the same form with `function` applied to every leaf."""
    kind = type(tree)
    if kind is dict:
        return {key: map_leaves(function, item) for key, item in tree.items()}
    if kind is list:
        return [map_leaves(function, item) for item in tree]
    if kind is tuple:
        return tuple([map_leaves(function, item) for item in tree])
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return kind(*(map_leaves(function, item) for item in tree))
    return function(tree)


def leaves(tree: Any) -> Iterator[Any]:
    """Every leaf, depth first, dicts in insertion order."""
    kind = type(tree)
    if kind is dict:
        for item in tree.values():
            yield from leaves(item)
    elif kind is list or kind is tuple or (isinstance(tree, tuple) and hasattr(kind, "_fields")):
        for item in tree:
            yield from leaves(item)
    else:
        yield tree


def paths(tree: Any, root: str) -> Iterator[str]:
    """Where every leaf is, in the order of `leaves`: ``root['w'][0]``."""
    kind = type(tree)
    if kind is dict:
        for key, item in tree.items():
            yield from paths(item, f"{root}[{key!r}]")
    elif kind is list or kind is tuple or (isinstance(tree, tuple) and hasattr(kind, "_fields")):
        for index, item in enumerate(tree):
            yield from paths(item, f"{root}[{index}]")
    else:
        yield root
