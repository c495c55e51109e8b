"""Values behind the Ray executor: in the cluster's object store, or here until a task needs them there."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import ray
from ray import exceptions

from junto.errors import SessionError
from junto.execute.executor import Ref
from junto.execute.ray_errors import translated
from junto.execute.slot import SettledRef, Slot
from junto.tree import leaves

INLINE_BYTES = 64 << 10
INLINE_LEAVES = 64
ITEM_BYTES = 64


class RayRef(SettledRef):
    """A result in the object store. `value` brings it here; what Ray gives is read-only.

    Attributes:
        object: Ray's reference, once the call has been handed to Ray.
        placed: settled then; None: that was so from the beginning.
    """

    instant = False
    __slots__ = ("_name", "object", "placed")

    def __init__(self, name: str, *, deferred: bool) -> None:
        super().__init__()
        self._name = name
        self.object: Any = None
        self.placed: Slot | None = Slot() if deferred else None

    def value(self) -> Any:
        error = self.error()
        if error is not None:
            raise error
        if not ray.is_initialized():
            raise SessionError(
                "this value was in the Ray cluster, and the session is over",
                fix="take what is needed before sf.shutdown",
            )
        try:
            return ray.get(self.object)
        except exceptions.RayError as problem:
            raise translated(problem, self._name) from problem


class RayPromise(Slot):
    """A value of this process, which the first task that needs it puts into the store."""

    __slots__ = ("_object", "_putting")

    def __init__(self) -> None:
        super().__init__()
        self._object: Any = None
        self._putting = threading.Lock()

    def argument(self) -> tuple[bool, Any]:
        """As a task takes it: (True, Ray's reference), or (False, the value itself) if it is small."""
        with self._putting:
            if self._object is None:
                value = self.value()
                if is_small(value):
                    return False, value
                self._object = ray.put(value)
                # The store's copy is mapped into this process, so it needs no second one.
                self._value = ray.get(self._object)
            return True, self._object


def argument(leaf: Any) -> tuple[bool, Any]:
    """A leaf of a call's arguments, as (is it a Ray reference, what Ray takes)."""
    if isinstance(leaf, RayRef):
        return True, leaf.object
    if isinstance(leaf, RayPromise):
        return leaf.argument()
    return False, leaf.value() if isinstance(leaf, Ref) else leaf


def unplaced(refs: Iterable[Ref]) -> list[Ref]:
    """Those of `refs` for which a task that takes them has to wait before Ray can be given the task."""
    missing: list[Ref] = []
    for ref in refs:
        before = ref.placed if isinstance(ref, RayRef) else ref
        if before is not None and not before.done():
            missing.append(before)
    return missing


def is_small(value: Any) -> bool:
    """Whether `value` is cheaper inside each task's arguments than in the store."""
    total = 0
    for count, leaf in enumerate(leaves(value)):
        total += _size(leaf)
        if count >= INLINE_LEAVES or total > INLINE_BYTES:
            return False
    return True


def _size(leaf: Any) -> int:
    if leaf is None or isinstance(leaf, bool | int | float | complex):
        return ITEM_BYTES
    if isinstance(leaf, str | bytes | bytearray):
        return ITEM_BYTES + len(leaf)
    nbytes = getattr(leaf, "nbytes", None)
    return ITEM_BYTES + nbytes if isinstance(nbytes, int) else INLINE_BYTES + 1
