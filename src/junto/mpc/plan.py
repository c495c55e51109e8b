"""From a jax function to a plan: what there is to compute, in order, before anybody knows a number.

`trace` runs the function once on shapes (`jax.make_jaxpr`) and turns the result into `Step`s in `Block`s:
calls of `jit`, `custom_jvp` and the like are written out, what is computed twice is computed once, what
nobody uses is left out. Control flow keeps its sub-programs as blocks.

**Dtypes** are those of plain jax under the caller's own `jax_enable_x64`: without it a float64 array counts
as float32 and an int64 array as int32, so that a program draws the same random numbers and returns the same
dtypes as without an SPU. A fixed-point number keeps its precision either way; an integer that does not fit is
refused where it enters (`jax_array`), instead of cut off.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from junto.errors import NotComputable
from junto.mpc import fingerprint

INLINED: Mapping[str, str] = {
    "checkpoint": "jaxpr",
    "closed_call": "call_jaxpr",
    "composite": "jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "remat2": "jaxpr",
}
"""Calls that are written out, and the parameter that holds what is called."""

CONTROL: Mapping[str, tuple[str, ...]] = {
    "cond": ("branches",),
    "scan": ("jaxpr",),
    "while": ("cond_jaxpr", "body_jaxpr"),
}
"""Control flow, and the parameters that hold its sub-programs."""

LIBRARY = (str(Path(jax.__file__).parent) + os.sep, str(Path(__file__).parent) + os.sep)
"""A line in here is nobody's own."""


@dataclass(frozen=True, slots=True)
class Form:
    """Shape and dtype of a value; `dtype` is jax's own for random keys."""

    shape: tuple[int, ...]
    dtype: Any

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One primitive applied once.

    Attributes:
        name: of the primitive.
        primitive: jax's own.
        params: its parameters.
        blocks: the sub-programs among them, in the order of `CONTROL`.
        inputs: slots that it reads.
        outputs: slots that it writes.
        forms: of the outputs.
        line: ``kmeans.py:31 (fit)``, or empty.
        dead: slots that nobody reads after this.
    """

    name: str
    primitive: Any
    params: Mapping[str, Any]
    blocks: tuple[Block, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    forms: tuple[Form, ...]
    line: str
    dead: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A program over numbered slots.

    Attributes:
        constants: slots that are filled beforehand.
        inputs: slots of the arguments.
        steps: in an order in which they can run.
        outputs: slots of the results; one slot can be several.
    """

    constants: Mapping[int, Any]
    inputs: tuple[int, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]

    def text(self) -> Iterator[str]:
        """The program, canonically (`fingerprint`)."""
        yield f"in {self.inputs}"
        for slot, array in self.constants.items():
            yield f"{slot} = {fingerprint.describe_array(array)}"
        for step in self.steps:
            forms = " ".join(map(str, step.forms))
            yield f"{step.outputs} = {step.name}[{fingerprint.describe(_plain(step))}] {step.inputs} {forms}"
            for block in step.blocks:
                yield from block.text()
        yield f"out {self.outputs}"


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
    """

    block: Block
    inputs: tuple[Form, ...]
    outputs: tuple[Form, ...]
    in_tree: Any
    out_tree: Any
    names: tuple[str, ...]
    x64: bool

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that decides the result, so that parties can compare their plans."""
        forms = (str(each) for each in (*self.inputs, *self.outputs))
        trees = (fingerprint.ADDRESS.sub("", str(each)) for each in (self.in_tree, self.out_tree))
        return fingerprint.digest(iter([f"x64={self.x64}", *trees, *forms, *self.block.text()]))


def trace(
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    static_argnames: str | Iterable[str] = (),
) -> Plan:
    """The plan of `fn(*args, **kwargs)`.

    Args:
        fn: a pure function of jax arrays.
        args: positional arguments: pytrees of arrays, of `jax.ShapeDtypeStruct`, of numbers. Only shapes and
            dtypes matter.
        kwargs: the same by name.
        static_argnames: parameters of `fn` that are no arrays; the plan holds for their values only.

    Raises:
        NotComputable: an argument is no array, or the function has side effects.
        Exception: whatever `fn` itself raises when traced.
    """
    static, args, kwargs = _split_static(fn, args, kwargs, static_argnames)
    leaves, in_tree = jax.tree_util.tree_flatten((tuple(args), dict(kwargs)))
    paths = jax.tree_util.tree_flatten_with_path((tuple(args), dict(kwargs)))[0]
    names = tuple(_argument_name(path) for path, _ in paths)
    for name, leaf in zip(names, leaves, strict=True):
        _require_array(name, leaf)
    places, fixed = static

    def call(*flat: Any) -> Any:
        dynamic, named = jax.tree_util.tree_unflatten(in_tree, flat)
        positional = list(dynamic)
        for place in sorted(places):
            positional.insert(place, places[place])
        return fn(*positional, **named, **fixed)

    closed, result = jax.make_jaxpr(call, return_shape=True)(*leaves)
    builder = _Builder()
    block = builder.block(closed, "")
    return Plan(
        block=block,
        inputs=tuple(_form(each) for each in closed.in_avals),
        outputs=tuple(_form(each) for each in closed.out_avals),
        in_tree=in_tree,
        out_tree=jax.tree_util.tree_structure(result),
        names=names,
        x64=bool(jax.config.jax_enable_x64),  # type: ignore[attr-defined]
    )


def jax_array(array: Any, x64: bool, name: str = "an argument") -> NDArray[Any]:
    """An argument as jax sees it, but for the precision of floats: those stay float64 until they are encoded.

    Args:
        array: numpy or jax array, a number, or a pandas column.
        x64: as in `Plan.x64`.
        name: the argument's, for the message.

    Raises:
        NotComputable: an integer does not fit into the 32 bits that jax works with; a dtype that jax has not.
    """
    plain = np.asarray(array)
    if plain.dtype.kind not in "biufc" and plain.dtype.name != "bfloat16":
        raise NotComputable(
            f"{name} is of dtype {plain.dtype.name}, and jax computes with numbers and bools only",
            fix="convert it first; text and categories as integers",
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

_Static = tuple[dict[int, Any], dict[str, Any]]


def _split_static(
    fn: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], names: str | Iterable[str]
) -> tuple[_Static, list[Any], dict[str, Any]]:
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


def _argument_name(path: Sequence[Any]) -> str:
    return ("kwargs" if path[0].idx else "args") + jax.tree_util.keystr(tuple(path[1:]))


def _require_array(name: str, leaf: Any) -> None:
    if isinstance(leaf, bool | int | float | complex) or (hasattr(leaf, "shape") and hasattr(leaf, "dtype")):
        return
    raise NotComputable(
        f"{name} is of type {type(leaf).__name__}, which is no array",
        fix="name the parameter in static_argnames if the program depends on it, else pass an array",
    )


def _form(aval: Any) -> Form:
    return Form(tuple(int(each) for each in aval.shape), aval.dtype)


# ---------------------------------------------------------------- steps


@dataclass(eq=False)
class _Builder:
    """Writes jaxprs out as steps; one for a whole plan, so that a sub-program used twice is one block."""

    known: dict[int, tuple[Any, Block]] = field(default_factory=dict)

    def block(self, closed: Any, line: str) -> Block:
        """The block of a sub-program that is called at `line`."""
        if id(closed) not in self.known:
            self.known[id(closed)] = (closed, _Writer(self, line).write(closed))
        return self.known[id(closed)][1]


class _Writer:
    """Writes one block."""

    def __init__(self, builder: _Builder, line: str) -> None:
        self._builder = builder
        self._line = line  # of whoever calls the block, for steps that have none of their own
        self._slots = 0
        self._constants: dict[int, Any] = {}
        self._constant_slots: dict[str, int] = {}
        self._fixed: set[int] = set()
        self._steps: list[Step] = []
        self._seen: dict[tuple[Any, ...], tuple[int, ...]] = {}

    def write(self, closed: Any) -> Block:
        inputs = tuple(self._new() for _ in closed.jaxpr.invars)
        outputs = self._inline(
            closed.jaxpr, closed.consts, inputs, self._line if _of_library(closed.jaxpr) else ""
        )
        return _lean(self._constants, inputs, self._steps, tuple(outputs))

    def _new(self) -> int:
        self._slots += 1
        return self._slots - 1

    def _constant(self, value: Any, aval: Any) -> int:
        dtype = getattr(aval, "dtype", None)
        array = np.asarray(value, dtype=dtype) if isinstance(dtype, np.dtype) else value
        text = fingerprint.describe_array(array)
        if text not in self._constant_slots:
            slot = self._constant_slots[text] = self._new()
            self._constants[slot] = array
            self._fixed.add(slot)
        return self._constant_slots[text]

    def _inline(self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[int], line: str) -> list[int]:
        """Append the steps of `jaxpr`; the slots of its results."""
        where = dict(zip(jaxpr.invars, inputs, strict=True))
        for variable, value in zip(jaxpr.constvars, consts, strict=True):
            where[variable] = self._constant(value, variable.aval)

        def slot(atom: Any) -> int:
            return self._constant(atom.val, atom.aval) if hasattr(atom, "val") else where[atom]

        for equation in jaxpr.eqns:
            made = self._equation(
                equation, [slot(each) for each in equation.invars], line or _line(equation) or self._line
            )
            where.update(zip(equation.outvars, made, strict=True))
        return [slot(each) for each in jaxpr.outvars]

    def _equation(self, equation: Any, inputs: list[int], line: str) -> Sequence[int]:
        name = equation.primitive.name
        if equation.effects and any(type(each).__name__ != "NoEffect" for each in equation.effects):
            raise NotComputable(
                f"`{name}` has side effects, which a secret computation cannot have"
                + (f", at {line}" if line else ""),
                fix="leave out prints and callbacks; return what you want to see",
            )
        if name in INLINED and not self._fixed.issuperset(inputs):
            called = equation.params[INLINED[name]]
            inner = called.jaxpr if hasattr(called, "jaxpr") else called
            consts = getattr(called, "consts", ())
            return self._inline(inner, consts, inputs, line if _of_library(inner) else "")
        return self._append(equation, tuple(inputs), line)

    def _append(self, equation: Any, inputs: tuple[int, ...], line: str) -> Sequence[int]:
        name = equation.primitive.name
        key = (name, inputs, fingerprint.describe(equation.params))
        if key in self._seen:
            return self._seen[key]
        outputs = tuple(self._new() for _ in equation.outvars)
        self._steps.append(
            Step(
                name=name,
                primitive=equation.primitive,
                params=dict(equation.params),
                blocks=tuple(self._builder.block(each, line) for each in _programs(name, equation.params)),
                inputs=inputs,
                outputs=outputs,
                forms=tuple(_form(each.aval) for each in equation.outvars),
                line=line,
            )
        )
        if self._fixed.issuperset(inputs):
            self._fixed.update(outputs)
        self._seen[key] = outputs
        return outputs


def _programs(name: str, params: Mapping[str, Any]) -> Iterator[Any]:
    for key in CONTROL.get(name, ()):
        value = params[key]
        yield from value if isinstance(value, tuple | list) else (value,)


def _plain(step: Step) -> Mapping[str, Any]:
    """The parameters without the sub-programs, which are described as blocks."""
    return {key: value for key, value in step.params.items() if key not in CONTROL.get(step.name, ())}


def _lean(
    constants: Mapping[int, Any], inputs: tuple[int, ...], steps: Sequence[Step], outputs: tuple[int, ...]
) -> Block:
    """The block without steps that nobody needs; every slot's end noted; slots numbered anew."""
    needed = set(outputs)
    kept: list[Step] = []
    for step in reversed(steps):
        if needed.isdisjoint(step.outputs):
            continue
        last = {each for each in (*step.inputs, *step.outputs) if each not in needed}
        needed.update(step.inputs)
        kept.append(replace(step, dead=tuple(sorted(last))))
    kept.reverse()
    names: dict[int, int] = {}
    for slot in inputs:
        names[slot] = len(names)
    for step in kept:
        for slot in (*step.inputs, *step.outputs):
            names.setdefault(slot, len(names))
    for slot in outputs:
        names.setdefault(slot, len(names))

    def renamed(slots: Iterable[int]) -> tuple[int, ...]:
        return tuple(names[each] for each in slots)

    return Block(
        constants={names[slot]: array for slot, array in constants.items() if slot in names},
        inputs=renamed(inputs),
        steps=tuple(
            replace(each, inputs=renamed(each.inputs), outputs=renamed(each.outputs), dead=renamed(each.dead))
            for each in kept
        ),
        outputs=renamed(outputs),
    )


# ---------------------------------------------------------------- lines


def _line(equation: Any) -> str:
    """Where in the user's files the equation comes from."""
    traceback = equation.source_info.traceback
    if traceback is None:
        return ""
    for frame in traceback.frames:
        if not frame.file_name.startswith(LIBRARY) and not frame.file_name.startswith("<"):
            return f"{Path(frame.file_name).name}:{frame.line_num} ({frame.function_name})"
    return ""


def _of_library(jaxpr: Any) -> bool:
    """Whether the lines inside are jax's own, perhaps of an earlier trace: the call's line says more."""
    about = getattr(jaxpr.debug_info, "func_filename", None)
    return about is None or str(about).startswith(LIBRARY)
