"""The steps of a plan: a jaxpr written out.

Calls of `jit`, `custom_jvp` and the like become what they call; what is computed twice is computed once; what
nobody uses is left out. Control flow keeps its sub-programs as blocks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

import jax
import numpy as np

from junto.errors import NotComputable
from junto.loaded import notebook_line
from junto.mpc import fingerprint
from junto.mpc.delayed_quotients import delayed_steps
from junto.mpc.rewritten import in_older, instead
from junto.mpc.wide_factors import factored_steps
from junto.mpc.wide_sums import WideStep, wide_steps

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

WHOLE: frozenset[str] = frozenset({"jit", "pjit"})
"""Calls that jax computes as they are if their arguments are constants, a random array above all."""

UNMOVED: frozenset[str] = frozenset({"broadcast_in_dim", "reshape", "slice", "squeeze"})
"""Steps that leave an array as it is if they leave its shape; only some versions of jax leave them out."""

SMALL = 64
"""Elements of public numbers that are computed when a program is written, if they choose what it does."""

CUTS: frozenset[str] = frozenset({"slice", "squeeze"})
"""Steps that cut rows out."""

CONTROL: Mapping[str, tuple[str, ...]] = {
    "cond": ("branches",),
    "scan": ("jaxpr",),
    "while": ("cond_jaxpr", "body_jaxpr"),
}
"""Control flow, and the parameters that hold its sub-programs."""

REVEAL, LABEL = "reveal_inside", "label"
"""The primitive that makes a secret public (`primitives.revealing`), and its parameter: the agreed name."""

DOMAINS = tuple(
    str(Path(jax.__file__).parent.joinpath("_src", *each))
    for each in (
        ("scipy", "linalg.py"),
        ("scipy", "special.py"),
        ("scipy", "stats" + os.sep),
        ("numpy", "reductions.py"),
    )
)
"""Functions in here say infinity or NaN outside of what they are defined for (`values.Public.outside`): a
variance of no rows, an exponential of a matrix that is too large."""

MASKING = str(Path(jax.__file__).parent / "_src" / "ops" / "special.py")
"""Functions in here say NaN there. Their infinity is a mask: less than any number that a sum may have."""

NARROW = "dirichlet.py"
"""Its domain is as narrow as a rounding of fixed point: numbers whose sum is 1 up to 1e-6."""

WIDER = 2.0**-10
"""So near is near enough there: a sum of shares that were divided on the SPU is off by parts in 10,000."""

LIBRARY = (str(Path(jax.__file__).parent) + os.sep, str(Path(__file__).parent) + os.sep)
"""A line in here is nobody's own."""


@dataclass(frozen=True, slots=True)
class ShapeDtype:
    """Shape and dtype of a value; `dtype` is jax's own for random keys."""

    shape: tuple[int, ...]
    dtype: Any

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"


@dataclass(frozen=True, slots=True, eq=False)
class PlanStep:
    """One primitive applied once.

    Attributes:
        name: of the primitive.
        primitive: jax's own.
        params: its parameters.
        blocks: the sub-programs among them, in the order of `CONTROL`.
        inputs: slots that it reads.
        outputs: slots that it writes.
        given: forms of the inputs.
        forms: of the outputs.
        line: ``kmeans.py:31 (fit)``, or empty.
        dead: slots that nobody reads after this.
        facts: what whoever ran it has found of it, and need not find again.
    """

    name: str
    primitive: Any
    params: Mapping[str, Any]
    blocks: tuple[Block, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    given: tuple[ShapeDtype, ...]
    forms: tuple[ShapeDtype, ...]
    line: str
    dead: tuple[int, ...] = ()
    facts: list[Any] = field(default_factory=list, init=False, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A program over numbered slots.

    Attributes:
        constants: slots that are filled beforehand.
        inputs: slots of the arguments.
        steps: in an order in which they can run.
        outputs: slots of the results; one slot can be several.
        library: whether it was written in jax, not by whoever calls it.
        foreseen: of `constants`, those written in jax (`values.Public.foreseen`).
        outside: of those, what a function says outside of its domain (`values.Public.outside`).
    """

    constants: Mapping[int, Any]
    inputs: tuple[int, ...]
    steps: tuple[PlanStep, ...]
    outputs: tuple[int, ...]
    library: bool = False
    foreseen: frozenset[int] = frozenset()
    outside: frozenset[int] = frozenset()

    def has(self, name: str) -> bool:
        """Whether a step of this name is in it, however deep."""
        return any(step.name == name or any(each.has(name) for each in step.blocks) for step in self.steps)


def form_of(aval: Any) -> ShapeDtype:
    """Of a jaxpr's variable."""
    return ShapeDtype(tuple(int(each) for each in aval.shape), aval.dtype)


# ---------------------------------------------------------------- writing


@dataclass(eq=False)
class Builder:
    """Writes jaxprs out as steps; one for a whole plan, so that a sub-program used twice is one block.

    `go_on` is called for each step.
    """

    go_on: Callable[[], None] = lambda: None
    known: dict[int, tuple[Any, Block]] = field(default_factory=dict)

    def block(self, closed: Any, line: str) -> Block:
        """The block of a sub-program that is called at `line`."""
        if id(closed) not in self.known:
            block = replace(_Writer(self, line).write(closed), library=_of_library(closed.jaxpr))
            self.known[id(closed)] = (closed, block)
        return self.known[id(closed)][1]


class _Writer:
    """Writes one block."""

    def __init__(self, builder: Builder, line: str) -> None:
        self._builder = builder
        self._line = line  # of whoever calls the block, for steps that have none of their own
        self._slots = 0
        self._constants: dict[int, Any] = {}
        self._constant_slots: dict[tuple[str, bool, bool], int] = {}
        self._foreseen: set[int] = set()
        self._outside: set[int] = set()
        self._fixed: set[int] = set()
        self._steps: list[PlanStep] = []
        self._seen: dict[tuple[Any, ...], tuple[int, ...]] = {}
        self._fixed_makers: dict[int, PlanStep] = {}

    def write(self, closed: Any) -> Block:
        inputs = tuple(self._new() for _ in closed.jaxpr.invars)
        outputs = self._inline(
            closed.jaxpr, closed.consts, inputs, self._line if _of_library(closed.jaxpr) else ""
        )
        for rule in (delayed_steps, factored_steps, wide_steps):
            self._steps = _needed(self._steps, outputs)
            outputs = self._instead(rule(self._steps, self._fixed, self._constants), outputs)
        return _lean(
            Block(
                self._constants,
                inputs,
                tuple(self._steps),
                tuple(outputs),
                foreseen=frozenset(self._foreseen),
                outside=frozenset(self._outside),
            )
        )

    def _instead(self, instead: Mapping[int, WideStep], outputs: list[int]) -> list[int]:
        """Compute some steps otherwise; the slots of the results."""
        if not instead:
            return outputs
        steps, self._steps, self._seen = self._steps, [], {}
        now: dict[int, int] = {}
        for step in steps:
            inputs = tuple(now.get(slot, slot) for slot in step.inputs)
            other = instead.get(step.outputs[0]) if step.outputs else None
            if other is None:
                self._steps.append(replace(step, inputs=inputs))
                self._seen.setdefault((step.name, inputs, fingerprint.describe(step.params)), step.outputs)
                continue
            operands = [now.get(slot, slot) for slot in other.operands]
            (now[step.outputs[0]],) = self._call(other.program, operands, step.line)
        return [now.get(slot, slot) for slot in outputs]

    def _new(self) -> int:
        self._slots += 1
        return self._slots - 1

    def _constant(self, value: Any, aval: Any, library: bool, outside: bool = False) -> int:
        dtype = getattr(aval, "dtype", None)
        array = np.asarray(value, dtype=dtype) if isinstance(dtype, np.dtype) else value
        text = fingerprint.describe_array(array), library, outside
        if text not in self._constant_slots:
            slot = self._constant_slots[text] = self._new()
            self._constants[slot] = array
            self._fixed.add(slot)
            if library:
                self._foreseen.add(slot)
            if outside:
                self._outside.add(slot)
        return self._constant_slots[text]

    def _inline(self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[int], line: str) -> list[int]:
        """Append the steps of `jaxpr`; the slots of its results."""
        where = dict(zip(jaxpr.invars, inputs, strict=True))
        library = _written_in_jax(jaxpr)
        for variable, value in zip(jaxpr.constvars, consts, strict=True):
            where[variable] = self._constant(value, variable.aval, library)

        def slot(atom: Any, user: Any = None) -> int:
            if hasattr(atom, "val"):
                return self._constant(atom.val, atom.aval, library, _says_outside(user, atom.val))
            known: int = where[atom]
            return known

        for equation in jaxpr.eqns:
            self._builder.go_on()
            made = self._equation(
                equation,
                [slot(each, equation) for each in equation.invars],
                line or _line(equation) or self._line,
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
        if name in INLINED and not (name in WHOLE and self._fixed.issuperset(inputs)):
            called = equation.params[INLINED[name]]
            return self._call(_rewritten(equation, called) or called, inputs, line)
        older = in_older(equation)
        if older is not None:
            return self._call(older, inputs, line)
        if name == "custom_linear_solve":
            lengths = equation.params["const_lengths"]
            first = lengths.matvec + lengths.vecmat
            given = [*inputs[first : first + lengths.solve], *inputs[sum(lengths) :]]
            return self._call(equation.params["jaxprs"].solve, given, line)
        if name in UNMOVED and _leaves_as_is(equation):
            return inputs[:1]
        if name == "lt" and _in_files(equation, lambda file: file.endswith(NARROW)):
            bound = np.full(equation.invars[1].aval.shape, WIDER, equation.invars[1].aval.dtype)
            inputs = [inputs[0], self._constant(bound, equation.invars[1].aval, True)]
        if name == "select_n" and (chosen := self._chosen(inputs[0])) is not None:
            return [inputs[1 + chosen]]
        return self._append(equation, tuple(inputs), line)

    def _call(self, called: Any, inputs: Sequence[int], line: str) -> Sequence[int]:
        """Write out what is called."""
        inner = called.jaxpr if hasattr(called, "jaxpr") else called
        consts = getattr(called, "consts", ())
        return self._inline(inner, consts, inputs, line if _of_library(inner) else "")

    def _append(self, equation: Any, inputs: tuple[int, ...], line: str) -> Sequence[int]:
        name = equation.primitive.name
        key = (name, inputs, fingerprint.describe(equation.params))
        if key in self._seen:
            return self._seen[key]
        outputs = tuple(self._new() for _ in equation.outvars)
        self._steps.append(
            PlanStep(
                name=name,
                primitive=equation.primitive,
                params=_params(name, equation.params),
                blocks=tuple(self._builder.block(each, line) for each in _programs(name, equation.params)),
                inputs=inputs,
                outputs=outputs,
                given=tuple(form_of(each.aval) for each in equation.invars),
                forms=tuple(form_of(each.aval) for each in equation.outvars),
                line=line,
            )
        )
        if self._fixed.issuperset(inputs):
            self._fixed.update(outputs)
            self._fixed_makers.update(dict.fromkeys(outputs, self._steps[-1]))
        self._seen[key] = outputs
        return outputs

    def _chosen(self, slot: int) -> int | None:
        """Which case a condition chooses everywhere, as far as that is known when the program is written."""
        known = self._value(slot)
        if known is None or not known.size or (known != known.flat[0]).any():
            return None
        return int(known.flat[0])

    def _value(self, slot: int) -> Any:
        """What all know, if it is small; else None."""
        if slot in self._constants:
            found = self._constants[slot]
            return found if isinstance(found, np.ndarray) and found.size <= SMALL else None
        step = self._fixed_makers.get(slot)
        if step is None or step.blocks or len(step.outputs) > 1 or prod(step.forms[0].shape) > SMALL:
            return None
        forms = (*step.given, *step.forms)
        if not all(isinstance(each.dtype, np.dtype) for each in forms):  # keys of jax.random
            return None
        given = [self._value(each) for each in step.inputs]
        if any(each is None for each in given):
            return None
        with jax.ensure_compile_time_eval():
            found = step.primitive.bind(*map(jax.numpy.asarray, given), **step.params)
        return np.asarray(found[0] if step.primitive.multiple_results else found)


def _rewritten(equation: Any, called: Any) -> Any:
    """What is computed in place of a function of jax's (`rewritten`); None: itself."""
    inner = getattr(called, "jaxpr", called)
    if not _written_in_jax(inner):
        return None
    if equation.primitive.name == "custom_jvp_call":
        return instead(str(getattr(inner.debug_info, "func_name", "")), inner)
    return instead(equation.params.get("name", ""), inner) if equation.primitive.name in WHOLE else None


def _params(name: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters, alike for all supported versions of jax: from 0.11 on `scan` has trees, not counts."""
    if name != "scan" or "ft_in" not in params:
        return dict(params)
    constants, carry, _ = params["ft_in"].unpack()
    others = {key: value for key, value in params.items() if key not in ("ft_in", "ft_out")}
    return {**others, "num_consts": len(constants), "num_carry": len(carry)}


def _leaves_as_is(equation: Any) -> bool:
    """Of a step of `UNMOVED`."""
    ordered = equation.params.get("dimensions") is None or equation.primitive.name == "squeeze"
    return ordered and bool(equation.invars[0].aval.shape == equation.outvars[0].aval.shape)


def _programs(name: str, params: Mapping[str, Any]) -> Iterator[Any]:
    for key in CONTROL.get(name, ()):
        value = params[key]
        yield from value if isinstance(value, tuple | list) else (value,)


def _needed(steps: Iterable[PlanStep], outputs: Iterable[int]) -> list[PlanStep]:
    """The steps without those that nobody needs."""
    needed = set(outputs)
    used: list[PlanStep] = []
    for step in reversed(list(steps)):
        if not needed.isdisjoint(step.outputs):
            needed.update(step.inputs)
            used.append(step)
    return used[::-1]


def _sunk(steps: Iterable[PlanStep], outputs: Iterable[int]) -> Iterator[PlanStep]:
    """The steps, rows cut out where they are first used: versions of jax cut them at once or one by one."""
    held: dict[int, PlanStep] = {}

    def called_for(slots: Iterable[int]) -> Iterator[PlanStep]:
        for slot in slots:
            if slot in held:
                step = held.pop(slot)
                yield from called_for(step.inputs)
                yield step

    for step in steps:
        if step.name in CUTS:
            held[step.outputs[0]] = step
        else:
            yield from called_for(step.inputs)
            yield step
    yield from called_for(outputs)


def _lean(block: Block) -> Block:
    """The block without steps that nobody needs; every slot's end noted; slots numbered anew."""
    inputs, outputs = block.inputs, block.outputs
    used = _needed(block.steps, outputs)
    needed = set(outputs)
    kept: list[PlanStep] = []
    for step in reversed(list(_sunk(used, outputs))):
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
        constants={names[slot]: array for slot, array in block.constants.items() if slot in names},
        inputs=renamed(inputs),
        steps=tuple(
            replace(each, inputs=renamed(each.inputs), outputs=renamed(each.outputs), dead=renamed(each.dead))
            for each in kept
        ),
        outputs=renamed(outputs),
        foreseen=frozenset(names[slot] for slot in block.foreseen if slot in names),
        outside=frozenset(names[slot] for slot in block.outside if slot in names),
    )


# ---------------------------------------------------------------- lines


def _line(equation: Any) -> str:
    """Where in the user's files the equation comes from."""
    traceback = equation.source_info.traceback
    if traceback is None:
        return ""
    for frame in traceback.frames:
        if not frame.file_name.startswith(LIBRARY) and not frame.file_name.startswith("<"):
            function = frame.function_name.rpartition("<locals>.")[2]
            cell = notebook_line(frame.file_name, frame.line_num)
            return f"{cell or f'{Path(frame.file_name).name}:{frame.line_num}'} ({function})"
    return ""


def _of_library(jaxpr: Any) -> bool:
    """Whether the lines inside are jax's own, perhaps of an earlier trace: the call's line says more."""
    about = getattr(jaxpr.debug_info, "func_filename", None)
    return about is None or str(about).startswith(LIBRARY)


def _written_in_jax(jaxpr: Any) -> bool:
    return str(getattr(jaxpr.debug_info, "func_filename", "")).startswith(LIBRARY[0])


def _says_outside(equation: Any, value: Any) -> bool:
    """Whether a constant is what a function of jax.scipy says outside of its domain."""
    number = np.asarray(value)
    if equation is None or number.dtype.kind != "f" or np.isfinite(number).all():
        return False
    of = (*DOMAINS, MASKING) if np.isnan(number).all() else DOMAINS
    return _in_files(equation, lambda file: file.startswith(of))


def _in_files(equation: Any, which: Callable[[str], bool]) -> bool:
    """Whether it is written in a file, or called from one, of a name like this."""
    traceback = equation.source_info.traceback
    return traceback is not None and any(which(each.file_name) for each in traceback.frames)
