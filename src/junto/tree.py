"""Trees: what a script puts its values in, and the one order in which every party walks them.

Containers are dicts, lists, tuples, namedtuples, dataclasses and subclasses of dict and list; everything
else is a leaf. A dict is walked in the order of its keys, not of their insertion, because two processes may
fill it in different orders (from a set, say) and would number its values differently. A set has no order,
an iterator can be read once: neither may hold what stands for a value elsewhere.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set, ValuesView
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any


class Placeholder:
    """Base of what stands in a tree for a value that is elsewhere: handles, references."""

    __slots__ = ()


class DictKey(ABC):
    """Base of what may be a key of a dict beside text and numbers: devices."""

    __slots__ = ()

    @property
    @abstractmethod
    def tree_key(self) -> str:
        """Names it, in the same way in every process."""


DEEPEST = 100
"""Containers in containers; a tree that contains itself ends here, and not at Python's own limit."""


def map_leaves(function: Callable[[Any], Any], tree: Any, level: int = 0) -> Any:
    """A new tree of the same form with `function` applied to every leaf, in the order of `leaves`.

    Raises:
        DeviceError: see `leaves`.
    """
    if level <= DEEPEST and (type(tree) in _ATOMS or isinstance(tree, Placeholder)):
        return function(tree)
    parts = children(tree, level)
    if parts is None:
        _check(tree)
        return function(tree)
    return _rebuilt(tree, [map_leaves(function, part, level + 1) for part in parts])


def leaves(tree: Any, level: int = 0) -> Iterator[Any]:
    """Every leaf, depth first, dicts in the order of their keys.

    Raises:
        DeviceError: a leaf is an iterator, or a container without an order that holds a `Placeholder`; the
            tree is deeper than `DEEPEST`.
    """
    parts = children(tree, level)
    if parts is None:
        _check(tree)
        yield tree
    else:
        for part in parts:
            if level < DEEPEST and (type(part) in _ATOMS or isinstance(part, Placeholder)):
                yield part  # what most leaves are, without a turn of its own
            else:
                yield from leaves(part, level + 1)


def paths(tree: Any, root: str) -> Iterator[str]:
    """Where every leaf is, in the order of `leaves`: ``root['w'][0]``."""
    parts = children(tree)
    if parts is None:
        yield root
        return
    if isinstance(tree, dict):
        steps: Iterable[str] = (f"[{key!r}]" for key in _in_order(tree))
    else:
        names = _field_names(tree)
        steps = (f".{name}" for name in names) if names else (f"[{index}]" for index in range(len(parts)))
    for step, part in zip(steps, parts, strict=True):
        yield from paths(part, root + step)


def children(tree: Any, level: int = 0) -> Sequence[Any] | None:
    """What is in a container, in the order in which everybody walks it; None of a leaf.

    Raises:
        DeviceError: `level` containers are around it, and those are more than `DEEPEST`.
    """
    if level > DEEPEST:
        from junto.errors import DeviceError

        raise DeviceError(
            f"containers are nested deeper than {DEEPEST} levels, or one contains itself",
            fix="put values into containers that are not as deep",
        )
    kind = type(tree)
    if kind is tuple or kind is list:
        return tree  # type: ignore[no-any-return]
    if kind in _ATOMS:
        return None
    if isinstance(tree, dict):
        return [tree[key] for key in _in_order(tree)] if tree else ()
    if isinstance(tree, list):
        return list(tree)
    names = _field_names(tree)
    return None if names is None else [getattr(tree, name) for name in names]


def text_of(tree: Any, parts: Sequence[str]) -> str:
    """A container as text; two whose forms differ, or the texts of their parts, have different ones.

    Args:
        tree: a container.
        parts: a text for each of its `children`, none of which is empty or has a bracket that is not closed.

    Raises:
        DeviceError: a dict has keys without an order that is the same in every process.
    """
    kind = type(tree)
    name = "" if kind in (dict, list, tuple) else _quoted(kind.__qualname__)
    if isinstance(tree, dict):
        keys = [key_text(key) for key in _in_order(tree)]
        return name + "{" + ",".join(f"{key}:{part}" for key, part in zip(keys, parts, strict=True)) + "}"
    if isinstance(tree, list):
        return f"{name}[{','.join(parts)}]"
    names = _field_names(tree)
    if names is not None:
        parts = [f"{field}={part}" for field, part in zip(names, parts, strict=True)]
    return f"{name}({','.join(parts)})"


def key_text(key: Any) -> str:
    """A dict's key as text: 1, True, 1.0, "1" and b"1" have different ones.

    Raises:
        DeviceError: it is none of the kinds of keys that have an order.
    """
    try:
        kind, *rest = _rank(key)
    except TypeError:
        from junto.errors import DeviceError

        raise DeviceError(
            f"a dict with a {type(key).__name__} as a key holds values of devices, and such keys have no "
            "order that is the same in every party's process",
            fix="use text, numbers, devices, members of an enumeration or tuples of these as keys",
        ) from None
    if kind == _TUPLE:
        return f"({''.join(key_text(item) + ',' for item in key)})"
    if kind == _ENUM:
        return f"{_quoted(rest[0])}.{_quoted(rest[1])}"
    return f"{type(key).__name__}({rest[0]!r})" if kind == _NAMED else repr(rest[0])


def listed(names: Iterable[str]) -> list[str]:
    """Names whose order means something, as a list.

    Raises:
        DeviceError: they are in a set, which has an order of its own in each party's process.
    """
    if isinstance(names, set | frozenset):
        from junto.errors import DeviceError

        raise DeviceError(
            "these names are in a set, and a set has another order in each party's process",
            fix="give them as a list, for example sorted(names)",
        )
    return list(names)


def _in_order(tree: dict[Any, Any]) -> list[Any]:
    """Its keys, sorted; as they are if they have no order (`text_of` refuses that where it matters)."""
    keys = list(tree)
    if len(keys) < 2:
        return keys
    try:
        return sorted(keys, key=None if all(type(key) is str for key in keys) else _rank)
    except TypeError:
        return keys


_NONE, _NUMBER, _TEXT, _BYTES, _ENUM, _NAMED, _TUPLE = range(7)


def _rank(key: Any) -> tuple[Any, ...]:
    """What keys are sorted by. Raises TypeError for one that has no order."""
    if key is None:
        return _NONE, None
    if isinstance(key, Enum):
        return _ENUM, type(key).__qualname__, key.name
    if isinstance(key, DictKey):
        return _NAMED, key.tree_key, type(key).__name__
    if type(key).__module__ == "numpy" and hasattr(key, "item"):
        return _rank(key.item())
    if isinstance(key, bool | int | float) and key == key:
        plain = float(key) if isinstance(key, float) else key if isinstance(key, bool) else int(key)
        return _NUMBER, plain
    if isinstance(key, str):
        return _TEXT, str.__str__(key)
    if isinstance(key, bytes):
        return _BYTES, bytes(key)
    if type(key) is tuple:
        return _TUPLE, tuple(_rank(item) for item in key)
    raise TypeError


def _field_names(tree: Any) -> tuple[str, ...] | None:
    """Of a namedtuple or a dataclass; None if it is neither."""
    kind = type(tree)
    if isinstance(tree, tuple):
        return getattr(kind, "_fields", None)
    if not is_dataclass(kind) or isinstance(tree, Placeholder | Enum):
        return None
    return tuple(field.name for field in fields(kind) if hasattr(tree, field.name))


def _rebuilt(tree: Any, parts: list[Any]) -> Any:
    """A container like `tree` with these children."""
    kind = type(tree)
    if kind is list:
        return parts
    if kind is tuple:
        return tuple(parts)
    if kind is dict:
        changed = dict(zip(_in_order(tree), parts, strict=True))
        return {key: changed[key] for key in tree}
    if all(new is old for new, old in zip(parts, children(tree) or (), strict=True)):
        return tree
    if isinstance(tree, tuple):
        return kind._make(parts)
    made = copy.copy(tree)
    if isinstance(tree, dict):
        made.update(zip(_in_order(tree), parts, strict=True))
    elif isinstance(tree, list):
        made[:] = parts
    else:
        for name, part in zip(_field_names(tree) or (), parts, strict=True):
            object.__setattr__(made, name, part)  # a frozen one, too
    return made


def _check(leaf: Any) -> None:
    """Refuse a leaf in which values of devices are, or may be, without an order."""
    if type(leaf) in _ATOMS or isinstance(leaf, Placeholder):
        return
    what = type(leaf).__name__
    if isinstance(leaf, Iterator) and type(leaf).__module__ in ("builtins", "itertools"):
        from junto.errors import DeviceError

        raise DeviceError(
            f"a {what} is no value: it can be read once, by one reader", fix="make it a list: list(...)"
        )
    if _hides(leaf):
        from junto.errors import DeviceError

        ordered = not isinstance(leaf, Set | Mapping | ValuesView)
        why = "is not looked into" if ordered else "has no order that is the same in every party's process"
        raise DeviceError(
            f"a {what} holds values of devices, and it {why}",
            fix="put them into a list, a tuple or a dict; of a set, for example: {name: h[name] for name in "
            "sorted(names)}",
        )


def _hides(leaf: Any, level: int = 0) -> bool:
    if isinstance(leaf, Placeholder):
        return True
    members: Iterable[Any] | None = None
    if isinstance(leaf, Mapping) and not isinstance(leaf, dict):
        members = leaf.values()
    elif isinstance(leaf, _UNWALKED):
        members = leaf
    elif _is_array_of_objects(leaf):
        members = leaf.flat
    if members is not None:
        return level <= DEEPEST and any(_hides(each, level + 1) for each in members)
    parts = None if type(leaf) in _ATOMS else children(leaf, level)
    return parts is not None and any(_hides(part, level + 1) for part in parts)


def _is_array_of_objects(leaf: Any) -> bool:
    return type(leaf).__module__ == "numpy" and getattr(getattr(leaf, "dtype", None), "char", "") == "O"


def _quoted(name: str) -> str:
    """A name that cannot be taken for anything else."""
    return name if name.replace(".<locals>.", "").replace(".", "").isidentifier() else repr(name)


_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})
_UNWALKED = (Set, ValuesView, deque, tuple)
