"""What runs in Ray's workers: one call, with its arguments put together and its failure made fit to travel.

`junto.execute.ray_connection` sends this module by value, so the cluster's Python needs no junto.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from junto.execute.results import split
from junto.tree import map_leaves

STAND_IN = "junto: in place of an exception that Ray would not carry"

Job = tuple[Any, Any, list[Any], int | None, str]
"""Function (or a method's name), skeleton, plain leaves, num_returns, name.

The skeleton is the tree ``(args, kwargs)`` with True for a leaf that is a reference (Ray fetches those, as
further arguments), and False for a plain one.
"""


def run(job: Job, *fetched: Any) -> tuple[Any, ...]:
    """Run a function: its results, then its status (None).

    The status comes last, so that it also fails when a result cannot be stored.
    """
    return _guarded(_function, job, fetched)


class Instance:
    """An actor around a user's object, so that a constructor's failure is told like any other."""

    _object: Any

    def make(self, job: Job, *fetched: Any) -> tuple[Any, ...]:
        """Make the object."""
        self._object, _ = _guarded(_function, job, fetched)
        return None, None

    def call(self, job: Job, *fetched: Any) -> tuple[Any, ...]:
        """Call one of its methods."""
        return _guarded(self._method, job, fetched)

    def _method(self, name: str) -> Any:
        return getattr(self._object, name)


def _function(function: Any) -> Any:
    return function


def _guarded(find: Callable[[Any], Any], job: Job, fetched: Sequence[Any]) -> tuple[Any, ...]:
    target, skeleton, plain, count, name = job
    references, values = iter(fetched), iter(plain)
    try:
        args, kwargs = map_leaves(lambda is_ref: next(references if is_ref else values), skeleton)
        return (*split(name, count, find(target)(*args, **kwargs)), None)
    except BaseException as problem:
        if _can_travel(problem):
            raise
        raise RuntimeError(STAND_IN, type(problem).__name__, _text(problem)) from problem


def _can_travel(problem: BaseException) -> bool:
    # A SystemExit would end the worker; what cannot be pickled there and back, Ray loses.
    if not isinstance(problem, Exception):
        return False
    from ray import cloudpickle

    try:
        return type(cloudpickle.loads(cloudpickle.dumps(problem))) is not None
    except Exception:
        return False


def _text(problem: BaseException) -> str:
    try:
        return str(problem)
    except Exception:
        return ""
