"""What is public is computed by jax itself, at every node.

The nodes must agree on public values bit by bit, or their shares no longer fit together. Sums, products,
comparisons, moves and random numbers are the same on every machine. Transcendental functions and long
sums of floats can differ in the last bit between processors of different kinds, so those results
are collected in a `PublicDigest`, and the device compares the nodes' digests before anything is revealed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from junto.mpc.plan_steps import PlanStep
from junto.mpc.values import Public

EXACT: frozenset[str] = frozenset(
    {
        "abs",
        "add",
        "add_any",
        "and",
        "broadcast_in_dim",
        "ceil",
        "clamp",
        "concatenate",
        "convert_element_type",
        "copy",
        "copy_p",
        "div",
        "eq",
        "floor",
        "ge",
        "gt",
        "iota",
        "is_finite",
        "le",
        "lt",
        "max",
        "min",
        "mul",
        "ne",
        "neg",
        "not",
        "or",
        "pad",
        "random_seed",
        "random_unwrap",
        "random_wrap",
        "reshape",
        "reveal_inside",
        "rev",
        "round",
        "select_n",
        "sign",
        "slice",
        "split",
        "sqrt",
        "square",
        "squeeze",
        "stop_gradient",
        "sub",
        "transpose",
        "xor",
    }
)
"""Primitives whose results are the same on every processor: nothing to witness."""


class PublicDigest:
    """A digest of everything that processors could disagree on; `seen` says whether there was anything."""

    __slots__ = ("_hashed", "seen")

    def __init__(self) -> None:
        self.seen: bool = False
        self._hashed = hashlib.blake2b(digest_size=16)

    def see(self, array: Any) -> None:
        """Take an array in."""
        if isinstance(array, np.ndarray):
            self.seen = True
            self._hashed.update(np.ascontiguousarray(array).data)

    @property
    def digest(self) -> bytes:
        """The same at all nodes, or they must not go on."""
        return self._hashed.digest()


def evaluate(
    step: PlanStep, arrays: Sequence[Any], x64: bool, witness: PublicDigest | None = None
) -> list[Public]:
    """A step whose operands are all public."""
    quick = QUICK.get(step.name)
    if quick is not None and _plain(arrays):
        return [Public(np.asarray(quick(*arrays)))]
    with jax.enable_x64(x64):
        results = step.primitive.bind(*arrays, **step.params)
    several = results if step.primitive.multiple_results else [results]
    made = [_fetched(each) for each in several]
    if witness is not None and step.name not in EXACT:
        for each in made:
            witness.see(each)
    return [Public(each) for each in made]


def stack(arrays: Sequence[Any]) -> Any:
    """Along a new first axis; of random keys, too."""
    if all(isinstance(each, np.ndarray) for each in arrays):
        return np.stack(arrays)
    return jax.numpy.stack(arrays)


def _fetched(result: Any) -> Any:
    """As a numpy array, if numpy knows the dtype."""
    return np.asarray(result) if isinstance(result.dtype, np.dtype) else result


def _plain(arrays: Sequence[Any]) -> bool:
    """Whether numpy computes the same bits: numbers of 32 bits or more, or bools."""
    return all(isinstance(each, np.ndarray) and each.dtype.char in _COMMON for each in arrays)


_COMMON: frozenset[str] = frozenset("?fdilqILQ")


def _quiet(ufunc: Callable[..., NDArray[Any]]) -> Callable[..., NDArray[Any]]:
    """Without numpy's warnings: jax has none."""

    def run(*arrays: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(all="ignore"):
            return ufunc(*arrays)

    return run


QUICK: Mapping[str, Callable[..., NDArray[Any]]] = {
    "add": _quiet(np.add),
    "and": np.bitwise_and,
    "eq": np.equal,
    "ge": np.greater_equal,
    "gt": np.greater,
    "le": np.less_equal,
    "lt": np.less,
    "mul": _quiet(np.multiply),
    "ne": np.not_equal,
    "neg": _quiet(np.negative),
    "not": np.invert,
    "or": np.bitwise_or,
    "stop_gradient": np.asarray,
    "sub": _quiet(np.subtract),
    "xor": np.bitwise_xor,
}
"""What numpy does in a microsecond with the same result, bit by bit; a loop's counter above all."""
