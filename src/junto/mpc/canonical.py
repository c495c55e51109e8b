"""A plan's text: the same at every party that traced the same program, with any supported version of jax.

A step is described by what its rule reads (`primitives.parameters`), so that parameters which a version of
jax adds, drops or names anew leave no trace. What is left out changes no number that is computed on secrets;
numbers that jax itself computes are compared when they are there (`primitives.public.Witness`). Primitives
that only newer versions have are written out in older ones before (`rewritten`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from junto.mpc import fingerprint
from junto.mpc.plan_steps import CONTROL, REVEAL, Block, PlanStep
from junto.mpc.primitives.primitive_parameters import is_irrelevant


def text(block: Block) -> Iterator[str]:
    """The program, a line for each constant and step."""
    yield f"in {block.inputs}"
    for slot, array in block.constants.items():
        yield f"{slot} = {fingerprint.describe_array(array)}"
    for step in block.steps:
        forms = " ".join(map(str, step.forms))
        yield f"{step.outputs} = {step.name}[{fingerprint.describe(parameters(step))}] {step.inputs} {forms}"
        for each in step.blocks:
            yield from text(each)
    yield f"out {block.outputs}"


def parameters(step: PlanStep) -> Mapping[str, Any]:
    """Those that decide what is computed, without defaults and sub-programs, which are blocks."""
    inner = CONTROL.get(step.name, ())
    return {
        name: value
        for name, value in step.params.items()
        if name not in inner
        and not (is_irrelevant(step.name, name) and step.name != REVEAL)
        and not _is_default(step, name, value)
    }


def _is_default(step: PlanStep, name: str, value: Any) -> bool:
    """Whether the parameter says what holds without it."""
    match step.name, name:
        case "slice", "strides":
            return value is None or all(int(each) == 1 for each in value)
        case "sort", "is_stable":
            return bool(value) and len(step.inputs) == int(step.params["num_keys"])
        case "top_k", "axis":
            return int(value) % len(step.given[0].shape) == len(step.given[0].shape) - 1
    return False
