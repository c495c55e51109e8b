"""Which steps of a plan see something secret, known before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from junto.errors import NotComputable
from junto.mpc.plan import Plan
from junto.mpc.plan_steps import LABEL, REVEAL, Block, PlanStep, ShapeDtype
from junto.mpc.primitives.control import FIXED
from junto.mpc.primitives.lifting import check_dtypes
from junto.mpc.primitives.primitive_parameters import check_parameters
from junto.mpc.primitives.table import TABLE
from junto.mpc.values import kind

REFLEXIVE: Mapping[str, bool] = {"eq": True, "ge": True, "gt": False, "le": True, "lt": False, "ne": False}
"""What a comparison of a fixed-point number with itself is: jax's test for NaN costs nothing."""


def visible(plan: Plan, secret_inputs: Sequence[bool]) -> tuple[bool, ...]:
    """Which outputs are public if these inputs are secret.

    Raises:
        NotComputable: a secret enters a primitive that has no secret form, or a loop's condition.
    """
    return tuple(not each for each in _block(plan.block, secret_inputs))


def reflexive(step: PlanStep) -> bool | None:
    """The result of a step that compares a value with itself."""
    if len(step.inputs) == 2 and step.inputs[0] == step.inputs[1]:
        return REFLEXIVE.get(step.name)
    return None


def _block(block: Block, secret_inputs: Sequence[bool]) -> list[bool]:
    secret = {slot for slot, flag in zip(block.inputs, secret_inputs, strict=True) if flag}
    for step in block.steps:
        flags = is_secret(step, [each in secret for each in step.inputs])
        secret.update(slot for slot, flag in zip(step.outputs, flags, strict=True) if flag)
    return [each in secret for each in block.outputs]


def is_secret(step: PlanStep, inputs: list[bool]) -> list[bool]:
    """Which outputs of a step are secret, if these inputs are; raises as `visible` does."""
    if not any(inputs) or reflexive(step) is not None:
        return [False] * len(step.outputs)
    if step.name not in TABLE:
        raise refusal(step)
    check_parameters(step, place(step))
    check_dtypes(step, place(step))
    match step.name:
        case "cond":
            _expect_no_secret_disclosure(step, inputs)
            branches = [_block(block, inputs[1:]) for block in step.blocks]
            return [inputs[0] or any(flags) for flags in zip(*branches, strict=True)]
        case "reveal_inside":
            return [False]
        case "scan":
            return _scan(step, inputs)
        case "while":
            return _while(step, inputs)
        case _:
            return _supported(step)


def _supported(step: PlanStep) -> list[bool]:
    try:
        for form in step.forms:
            kind(form.dtype)
    except (NotComputable, TypeError):
        raise refusal(step) from None
    return [True] * len(step.outputs)


def _scan(step: PlanStep, inputs: list[bool]) -> list[bool]:
    fixed, carried = int(step.params["num_consts"]), int(step.params["num_carry"])
    constants, carry, rows = inputs[:fixed], inputs[fixed : fixed + carried], inputs[fixed + carried :]
    while True:
        results = _block(step.blocks[0], [*constants, *carry, *rows])
        grown = [old or new for old, new in zip(carry, results[:carried], strict=True)]
        if grown == carry:
            return [*carry, *results[carried:]]
        carry = grown


def _while(step: PlanStep, inputs: list[bool]) -> list[bool]:
    tested, fixed = int(step.params["cond_nconsts"]), int(step.params["body_nconsts"])
    condition, body = step.blocks
    carry = inputs[tested + fixed :]
    while True:
        if any(_block(condition, [*inputs[:tested], *carry])):
            raise NotComputable(
                "the condition of a `while_loop` depends on a secret, which its turns would show"
                + place(step),
                fix=FIXED,
            )
        results = _block(body, [*inputs[tested : tested + fixed], *carry])
        grown = [old or new for old, new in zip(carry, results, strict=True)]
        if grown == carry:
            return carry
        carry = grown


# ---------------------------------------------------------------- what is revealed


@dataclass(frozen=True, slots=True)
class PlannedReveal:
    """What a step of a plan reveals to all nodes.

    Attributes:
        name: under which the parties agree to it.
        form: shape and dtype.
        line: where in the user's files.
        turns: how often at most; None: once each turn of a loop of which nobody knows the length beforehand.
        perhaps: whether it is in a branch that may not be taken.
    """

    name: str
    form: ShapeDtype
    line: str
    turns: int | None
    perhaps: bool

    def __str__(self) -> str:
        known = {None: "each turn of a loop", 1: "once"}
        how = known.get(self.turns, f"{self.turns} times") + ", if its branch is taken" * self.perhaps
        return f"{self.name}, {self.form}, {how}" + (f", at {self.line}" if self.line else "")


def disclosures(plan: Plan, secret_inputs: Sequence[bool]) -> tuple[PlannedReveal, ...]:
    """What a plan reveals within, in the order of its steps; its loops' numbers of turns come with it."""
    return tuple(dict.fromkeys(_disclosed(plan.block, secret_inputs, 1, False))) if plan.reveals else ()


def _disclosed(
    block: Block, secret_inputs: Sequence[bool], turns: int | None, perhaps: bool
) -> Iterator[PlannedReveal]:
    if not block.has(REVEAL):
        return
    secret = {slot for slot, flag in zip(block.inputs, secret_inputs, strict=True) if flag}
    for step in block.steps:
        given = [each in secret for each in step.inputs]
        flags = is_secret(step, given)
        if step.name == REVEAL and given[0]:
            yield PlannedReveal(step.params[LABEL], step.forms[0], step.line, turns, perhaps)
        for inner, inputs, times in _within(step, given, flags):
            often = None if turns is None or times is None else turns * times
            yield from _disclosed(inner, inputs, often, perhaps or step.name == "cond")
        secret.update(slot for slot, flag in zip(step.outputs, flags, strict=True) if flag)


def _within(
    step: PlanStep, given: list[bool], flags: Sequence[bool]
) -> Iterator[tuple[Block, list[bool], int | None]]:
    """The blocks of a step, which of their inputs are secret, and how often each is run."""
    if step.name == "cond":
        yield from ((block, given[1:], 1) for block in step.blocks)
    elif step.name == "scan":
        fixed, carried = int(step.params["num_consts"]), int(step.params["num_carry"])
        inputs = [*given[:fixed], *flags[:carried], *given[fixed + carried :]]
        yield step.blocks[0], inputs, int(step.params["length"])
    elif step.name == "while":
        tested, fixed = int(step.params["cond_nconsts"]), int(step.params["body_nconsts"])
        yield step.blocks[0], [*given[:tested], *flags], None
        yield step.blocks[1], [*given[tested : tested + fixed], *flags], None


def _expect_no_secret_disclosure(step: PlanStep, inputs: Sequence[bool]) -> None:
    """Both branches of a secret choice are computed: what one of them reveals would be shown in any case."""
    for block in step.blocks if inputs[0] else ():
        for each in _disclosed(block, inputs[1:], 1, True):
            raise NotComputable(
                f"`{REVEAL}` of {each.name!r} is in a branch that a secret chooses"
                + (f", at {each.line}" if each.line else place(step)),
                fix="reveal it before or after the choice, or reveal first what chooses",
            )


def refusal(step: PlanStep) -> NotComputable:
    """That a primitive has no secret form."""
    complex_ = any(getattr(form.dtype, "kind", "") == "c" for form in (*step.given, *step.forms))
    return NotComputable(
        f"`{step.name}` cannot be computed on secrets{place(step)}",
        fix=ALTERNATIVES.get(step.name, COMPLEX if complex_ else ELSEWHERE),
    )


def place(step: PlanStep) -> str:
    """Where, for a message."""
    return f", at {step.line}" if step.line else ""


PUBLIC_KEY = "random numbers need a public key: jax.random.key(7) inside the function, or a public argument"

ELSEWHERE = "docs/reference/spu-primitives.md lists what can; or compute it at its owner, on a PYU"
COMPLEX = (
    "fixed-point numbers are real: hold real and imaginary parts as two arrays; a function of a symmetric "
    "matrix is (v * f(w)) @ v.T with w, v = jnp.linalg.eigh(matrix)"
)
EIGEN = "for some leading vectors iterate v <- A v, divided by its norm, a fixed number of times"
REFLECTIONS = "jnp.linalg.qr gives both factors"

ALTERNATIVES: Mapping[str, str] = {
    "complex": COMPLEX,
    "conj": COMPLEX,
    "eig": EIGEN,
    "fft": "complex numbers have no secret form: multiply by the matrices of cosines and of sines",
    "geqp3": REFLECTIONS,
    "geqrf": REFLECTIONS,
    "hessenberg": EIGEN,
    "householder_product": REFLECTIONS,
    "imag": COMPLEX,
    "nextafter": "fixed-point numbers have no neighbours as floats have; add a small number",
    "random_bits": PUBLIC_KEY,
    "random_fold_in": PUBLIC_KEY,
    "random_gamma": "the shape of a gamma distribution must be public",
    "random_seed": PUBLIC_KEY,
    "real": COMPLEX,
    "reduce": "with a function of one's own, jax.lax.associative_scan; else sum, prod, max, min",
    "reduce_window": "of windows there are sum, max and min",
    "schur": EIGEN,
    "threefry2x32": PUBLIC_KEY,
    "tridiagonal": EIGEN,
}
"""What to do instead."""
