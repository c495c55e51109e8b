"""A call of an SPU: arguments to handles, function to plan, plan to an operation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from junto.device.handle import DeviceObject
from junto.device.pyu import PYUObject
from junto.device.spu.layout import Leaf, parse
from junto.device.spu.object import SPUObject
from junto.errors import DeviceError
from junto.program.operation import Description, structure
from junto.tree import map_leaves

if TYPE_CHECKING:
    from junto.device.spu.spu import SPU

_TREE, _SINGLE = "tree", "single"
_POLICIES: Mapping[str, str] = {"tree": _TREE, "from_compiler": _TREE, "from_user": _TREE, "single": _SINGLE}


@dataclass(frozen=True, slots=True)
class Call:
    """What `SPU.__call__` was told."""

    function: Callable[..., Any]
    static: tuple[str, ...]
    policy: str
    results: int | None

    @property
    def name(self) -> str:
        """Of the function, for a person."""
        return getattr(self.function, "__qualname__", type(self.function).__name__)


def checked(
    function: Callable[..., Any], static: str | Sequence[str] | None, policy: Any, results: int | None
) -> Call:
    """The call as one value.

    Raises:
        DeviceError: an option makes no sense.
    """
    if not callable(function):
        raise DeviceError(f"an SPU runs functions; {type(function).__name__} is not callable")
    names = (static,) if isinstance(static, str) else tuple(static or ())
    word = getattr(policy, "name", policy) or ("from_user" if results is not None else _TREE)
    known = _POLICIES.get(str(word).lower())
    if known is None:
        raise DeviceError(
            f"num_returns_policy is {policy!r}", fix=f"one of {', '.join(_POLICIES)}, or leave it out"
        )
    if results is not None and (isinstance(results, bool) or not isinstance(results, int) or results < 1):
        raise DeviceError(f"user_specified_num_returns must be a whole number from 1 on, not {results!r}")
    return Call(function, names, known, results)


@dataclass(frozen=True, slots=True, eq=False)
class SecretInput:
    """One array of a handle."""

    handle: SPUObject
    index: int
    leaf: Leaf


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """An array of which type and shape are known, in place of one when a call is explained."""

    leaf: Leaf
    secret: bool


def run(spu: SPU, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """One call; returns handles."""
    args, kwargs = map_leaves(lambda leaf: _shared(spu, leaf), (args, kwargs))
    plan, inputs = spu.plans.get(call, *map_leaves(opened, (args, kwargs)))
    _check_results(call, plan)
    public = b"".join(_digest(item) for item in inputs if not isinstance(item, SecretInput))
    text = "|".join([structure((args, kwargs), DeviceObject), plan.fingerprint, public.hex()])
    program = spu.session.program
    stamp = program.begin(Description("compute", spu.name, call.name, text, len(plan.leaves)))
    held = spu.engine.compute(stamp, plan.plan, inputs)
    handles = [
        SPUObject(spu.session, (stamp.operation, index), spu, part, stamp.text).has_layout(str(leaf))
        for index, (part, leaf) in enumerate(zip(held, plan.leaves, strict=True))
    ]
    return plan.as_tree(handles)


def _shared(spu: SPU, leaf: Any) -> Any:
    """A handle as one on this SPU; everything else as it is."""
    if isinstance(leaf, PYUObject):
        return leaf.to(spu)
    if isinstance(leaf, SPUObject) and leaf.device is not spu:
        raise DeviceError(
            f"{leaf!r} is an argument of a call on {spu.name}, but does not live there",
            fix="move it, if the parties of that SPU may hold it: x.to(spu)",
        )
    return leaf


def opened(leaf: Any) -> Any:
    """A handle as the tree of its arrays; everything else as it is."""
    if not isinstance(leaf, SPUObject):
        return leaf
    layout = leaf.layout()
    described = enumerate(parse(layout))
    return map_leaves(lambda _: SecretInput(leaf, *next(described)), layout)


def _check_results(call: Call, plan: Any) -> None:
    if call.results is not None and call.results != len(plan.leaves):
        raise DeviceError(
            f"{call.name} returns {len(plan.leaves)} arrays, not {call.results} (user_specified_num_returns)"
        )


def _digest(array: Any) -> bytes:
    """Of a public argument: it must be the same at all parties."""
    data = array if isinstance(array, np.ndarray) else _key_data(array)
    state = hashlib.blake2b(f"{array.dtype}{array.shape}|".encode(), digest_size=16)
    state.update(np.ascontiguousarray(data).tobytes())
    return state.digest()


def _key_data(key: Any) -> NDArray[Any]:
    """The numbers of one of jax's random keys."""
    import jax

    return np.asarray(jax.random.key_data(key))
