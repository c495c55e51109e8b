"""From a jax function to a plan: what there is to compute, in order, before anybody knows a number.

`trace` runs the function once on shapes (`jax.make_jaxpr`) and turns the result into `steps`.

**Dtypes** are those of plain jax under the caller's own `jax_enable_x64`: without it a float64 array counts
as float32 and an int64 array as int32, so that a program draws the same random numbers and returns the same
dtypes as without an SPU. A fixed-point number keeps its precision either way; an integer that does not fit is
refused where it enters (`jax_array`), instead of cut off.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np

from junto.errors import NotComputable
from junto.mpc import canonical, fingerprint
from junto.mpc.plan_steps import REVEAL, Block, Builder, ShapeDtype, form_of
from junto.mpc.proportions import Proportions, is_float, proportions
from junto.mpc.settings import MpcSettings


@dataclass(frozen=True, eq=False)
class Plan:
    """A traced function.

    Attributes:
        block: what it computes, from the flattened dynamic arguments to the flattened results.
        inputs: shape and dtype of every leaf of the arguments, as jax sees them.
        outputs: the same of the results.
        in_tree: of ``(args, kwargs)`` without the static ones.
        out_tree: of what the function returns.
        names: of the argument leaves, for messages: ``args[0]['w']``.
        x64: whether jax ran with 64 bits.
        ours: the function is one of this package, whose errors its pages state and its tests hold.
    """

    block: Block
    inputs: tuple[ShapeDtype, ...]
    outputs: tuple[ShapeDtype, ...]
    in_tree: Any
    out_tree: Any
    names: tuple[str, ...]
    x64: bool
    ours: bool = False
    _proportions: dict[Any, Proportions] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def reveals(self) -> bool:
        """Whether there is a step that would make a secret public."""
        return self.block.has(REVEAL)

    def proportions(self, settings: MpcSettings, given: Sequence[int | None]) -> Proportions:
        """What must be right in proportion, in a call with those settings and arguments (`proportions`)."""
        if settings.double == settings.fraction:
            return Proportions({}, (None,) * len(self.outputs))
        key = tuple(given)
        if key not in self._proportions:
            self._proportions[key] = proportions(self.block, key)
        return self._proportions[key]

    def results(self, settings: MpcSettings) -> tuple[int | None, ...]:
        """See `Proportions.results`."""
        forms = settings.given or (None,) * len(self.inputs)
        pairs = zip(forms, self.inputs, strict=True)
        given = [settings.less(form) if is_float(leaf) else None for form, leaf in pairs]
        return self.proportions(settings, given).results

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that decides the result, so that parties can compare their plans."""
        forms = (str(each) for each in (*self.inputs, *self.outputs))
        trees = (fingerprint.ADDRESS.sub("", str(each)) for each in (self.in_tree, self.out_tree))
        return fingerprint.digest(iter([f"x64={self.x64}", *trees, *forms, *canonical.text(self.block)]))


def trace(
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    static_argnames: str | Iterable[str] = (),
    go_on: Callable[[], None] = lambda: None,
) -> Plan:
    """The plan of `fn(*args, **kwargs)`.

    Args:
        fn: a pure function of jax arrays.
        args: positional arguments: pytrees of arrays, of `jax.ShapeDtypeStruct`, of numbers. Only shapes and
            dtypes matter.
        kwargs: the same by name.
        static_argnames: parameters of `fn` that are no arrays; the plan holds for their values only.
        go_on: called for each step that is written down.

    Raises:
        NotComputable: an argument is no array, or the function has side effects.
        Exception: whatever `fn` itself raises when traced.
    """
    static, args, kwargs = split_static(fn, args, kwargs, static_argnames)
    leaves, in_tree = jax.tree_util.tree_flatten((tuple(args), dict(kwargs)))
    names = argument_names(static, args, kwargs)
    for name, leaf in zip(names, leaves, strict=True):
        _require_array(name, leaf)
    places, fixed = static
    trees: list[Any] = []

    def call(*flat: Any) -> Any:
        dynamic, named = jax.tree_util.tree_unflatten(in_tree, flat)
        positional = list(dynamic)
        for place in sorted(places):
            positional.insert(place, places[place])
        # Taken apart here: the constructor of a class of the caller's may look at what it is given.
        results, tree = jax.tree_util.tree_flatten(fn(*positional, **named, **fixed))
        trees.append(tree)
        return results

    closed = jax.make_jaxpr(call)(*leaves)
    builder = Builder(go_on)
    block = builder.block(closed, "")
    return Plan(
        block=block,
        inputs=tuple(form_of(each) for each in closed.in_avals),
        outputs=tuple(form_of(each) for each in closed.out_avals),
        in_tree=in_tree,
        out_tree=trees[-1],
        names=names,
        x64=bool(jax.config.jax_enable_x64),  # type: ignore[attr-defined]
        ours=_is_ours(fn),
    )


def _is_ours(fn: Any) -> bool:
    while isinstance(fn, partial):
        fn = fn.func
    return str(getattr(fn, "__module__", "")).partition(".")[0] == __name__.partition(".")[0]


def jax_array(array: Any, x64: bool, name: str = "an argument") -> Any:
    """An argument as jax sees it, but for the precision of floats: those stay float64 until they are encoded.

    Args:
        array: numpy or jax array, a number, or a pandas column. Random keys, which only jax can hold, stay.
        x64: as in `Plan.x64`.
        name: the argument's, for the message.

    Raises:
        NotComputable: an integer does not fit into the 32 bits that jax works with; a dtype that jax has not.
    """
    if not isinstance(getattr(array, "dtype", None), np.dtype) and isinstance(array, jax.Array):
        return array
    plain = np.asarray(array)
    if plain.dtype.kind not in "biufc" and plain.dtype.name != "bfloat16":
        what = f"dtype {plain.dtype.name}" if plain.shape else f"type {type(array).__name__}"
        raise NotComputable(
            f"{name} is of {what}, and jax computes with numbers and bools only",
            fix="convert it first; text and categories as integers. What is part of the program, not of the "
            "data, goes into static_argnames",
        )
    if x64 or plain.dtype not in (np.dtype(np.int64), np.dtype(np.uint64)):
        return plain
    narrow = np.dtype(np.int32 if plain.dtype.kind == "i" else np.uint32)
    bounds = np.iinfo(narrow)
    if plain.size and (plain.min() < bounds.min or plain.max() > bounds.max):
        raise NotComputable(
            f"{name} has integers of more than 32 bits, and jax runs with 32",
            fix='jax.config.update("jax_enable_x64", True) at every party, at the start of the script',
        )
    return plain.astype(narrow)


def jax_dtype(dtype: Any, x64: bool) -> np.dtype[Any]:
    """The dtype that jax gives an array of `dtype`."""
    narrow = {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}
    which: np.dtype[Any] = np.dtype(dtype)
    return which if x64 else np.dtype(narrow.get(which.name, which))


# ---------------------------------------------------------------- arguments

Static = tuple[dict[int, Any], dict[str, Any]]


def split_static(
    fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], names: str | Iterable[str]
) -> tuple[Static, list[Any], dict[str, Any]]:
    """Static arguments by place and by name, and the others."""
    wanted = {names} if isinstance(names, str) else set(names)
    if not wanted:
        return ({}, {}), list(args), dict(kwargs)
    parameters = list(inspect.signature(fn).parameters)
    unknown = sorted(wanted - set(parameters) - set(kwargs))
    if unknown:
        raise NotComputable(
            f"static_argnames names {', '.join(unknown)}, which the function does not take",
            fix=f"it takes {', '.join(parameters)}",
        )
    places = {place: args[place] for place, name in enumerate(parameters[: len(args)]) if name in wanted}
    fixed = {name: value for name, value in kwargs.items() if name in wanted}
    rest = [value for place, value in enumerate(args) if place not in places]
    return (places, fixed), rest, {name: value for name, value in kwargs.items() if name not in fixed}


def argument_names(static: Static, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    """Of each leaf of what `split_static` left over, where the caller has put it: ``args[0]['w']``."""
    places = [place for place in range(len(args) + len(static[0])) if place not in static[0]]
    return tuple(
        _argument_name(path, places)
        for path, _ in jax.tree_util.tree_flatten_with_path((tuple(args), dict(kwargs)))[0]
    )


def _argument_name(path: Sequence[Any], places: Sequence[int]) -> str:
    if path[0].idx:
        return "kwargs" + jax.tree_util.keystr(tuple(path[1:]))
    return f"args[{places[path[1].idx]}]" + jax.tree_util.keystr(tuple(path[2:]))


def _require_array(name: str, leaf: Any) -> None:
    if isinstance(leaf, bool | int | float | complex) or (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
        return
    raise NotComputable(
        f"{name} is of type {type(leaf).__name__}, which is no array",
        fix="name the parameter in static_argnames if the program depends on it, else pass an array",
    )
