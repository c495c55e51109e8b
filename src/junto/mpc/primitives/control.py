"""Control flow. Loops are unrolled as they run; a secret choice computes all that there is to choose from."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from junto.errors import NotComputable
from junto.mpc.primitives import comparisons, ops
from junto.mpc.primitives.context import Cell, Context
from junto.mpc.primitives.infinite import either, inside, is_nan
from junto.mpc.primitives.public import stack
from junto.mpc.primitives.shape import joined, rearranged
from junto.mpc.values import Public, Secret, Value

Params = Mapping[str, Any]

FIXED = (
    "loop a fixed number of times (fori_loop), and keep what is good already with jnp.where; or, if all "
    "parties may know how often it turns, reveal what decides it: sf.reveal_inside(error, name='error')"
)

MOST_TURNS = 10_000
"""Of a loop that ends by what is revealed: one that does not converge must say so, and not go on for ever."""

AHEAD = 64
"""So many turns of a loop are under way at once: those that do not need each other share their rounds."""


async def scan(c: Context, params: Params, *operands: Value) -> Sequence[Value]:
    """`length` turns; turns that do not wait for the carried values run side by side."""
    fixed, carried = int(params["num_consts"]), int(params["num_carry"])
    length, backwards = int(params["length"]), bool(params["reverse"])
    constants = [Cell(each) for each in operands[:fixed]]
    carry = [Cell(each) for each in operands[fixed : fixed + carried]]
    rows = operands[fixed + carried :]
    made: list[list[Cell]] = [[] for _ in range(length)]
    under_way: deque[list[Cell]] = deque()
    for turn in reversed(range(length)) if backwards else range(length):
        given = [Cell(rearranged(c, each, partial(_row, turn))) for each in rows]
        results = await c.run(c.step.blocks[0], [*constants, *carry, *given])
        carry, made[turn] = results[:carried], results[carried:]
        under_way.append(results)
        if len(under_way) > AHEAD:
            for cell in under_way.popleft():
                await cell.get()
    last = [await cell.get() for cell in carry]
    stacked = [
        _stacked(c, [await c.alone(await row[place].get()) for row in made], carried + place)
        for place in range(len(c.step.forms) - carried)
    ]
    return [*last, *stacked]


def _row(turn: int, array: Any) -> Any:
    return array[turn]


def _stacked(c: Context, rows: Sequence[Value], output: int) -> Value:
    form = c.step.forms[output]
    if not rows:
        return Public(np.zeros(form.shape, form.dtype))
    if all(isinstance(row, Public) for row in rows):
        return Public(stack([ops.public(row).array for row in rows]))
    return joined(c, rows, lambda *arrays: np.stack(arrays))


async def repeat_while(c: Context, params: Params, *operands: Value) -> Sequence[Value]:
    """Turns as long as a public condition holds."""
    tested, fixed = int(params["cond_nconsts"]), int(params["body_nconsts"])
    condition, body = c.step.blocks
    cells = [Cell(each) for each in operands]
    for_condition, for_body, carry = cells[:tested], cells[tested : tested + fixed], cells[tested + fixed :]
    turns = 0
    while True:
        (cell,) = await c.run(condition, [*for_condition, *carry])
        going = _known(await cell.get())
        if not bool(going.any()):
            return [await each.get() for each in carry]
        if turns == c.most_turns:
            raise NotComputable(
                f"after {turns} turns the condition of a `while_loop`, which depends on what is revealed, "
                "still holds",
                fix="put a bound of its own into the condition, as in (error > tol) & (turn < 500); or let "
                "one call go on where another one has ended",
            )
        carry = await _rows(c, going, await c.run(body, [*for_body, *carry]), carry)
        turns += 1


async def _rows(c: Context, going: Any, after: Sequence[Cell], before: Sequence[Cell]) -> list[Cell]:
    """What a loop carries on: under `vmap` the condition has rows, and those for which it is over stay."""
    if bool(going.all()):
        return list(after)
    kept = []
    for cell, old in zip(after, before, strict=True):
        new, still = await c.fine(await cell.get()), await c.fine(await old.get())
        here = np.reshape(going, going.shape + (1,) * (len(new.shape) - going.ndim))
        if isinstance(new, Public) and isinstance(still, Public):
            kept.append(Cell(Public(_chosen(here, new.array, still.array), new.foreseen or still.foreseen)))
            continue
        chosen = ops.secret(await ops.select(c, Public(here), new, still))
        infinite = either([new, still])
        kept.append(Cell(replace(chosen, dtype=new.dtype, shape=new.shape, infinite=infinite)))
    return kept


def _chosen(here: Any, new: Any, still: Any) -> Any:
    """Of random keys, too."""
    if all(isinstance(each, np.ndarray) for each in (new, still)):
        return np.where(here, new, still)
    return jax.numpy.where(here, new, still)


def _known(condition: Value) -> Any:
    if isinstance(condition, Secret):
        raise NotComputable(
            "the condition of a `while_loop` is secret, which the number of its turns would show",
            fix=FIXED,
        )
    return condition.array


async def branch(c: Context, params: Params, which: Value, *operands: Value) -> Sequence[Value]:
    """One of several programs; all of them if the number is secret."""
    blocks = c.step.blocks
    cells = [Cell(each) for each in operands]
    if isinstance(which, Public):
        number = int(np.clip(int(which.array), 0, len(blocks) - 1))
        return [await cell.get() for cell in await c.run(blocks[number], cells)]
    started = [await c.run(block, cells) for block in blocks]
    results = [[await c.fine(await cell.get()) for cell in each] for each in started]
    hopeless = [block.library and all(map(is_nan, each)) for block, each in zip(blocks, results, strict=True)]
    if sorted(hopeless) == [False, True]:
        good = hopeless.index(False)
        c.g.expect(which.value, good, good, "a function of jax has no answer here: some number comes out")
        return results[good]
    return [await _choice(c, which, cases) for cases in zip(*results, strict=True)]


async def _choice(c: Context, which: Secret, cases: Sequence[Value]) -> Value:
    arrays = [case.array for case in cases if isinstance(case, Public)]
    if len(arrays) == len(cases) and all(np.array_equal(array, arrays[0]) for array in arrays):
        return cases[0]
    lifted = [c.lift(inside(case)) for case in cases]
    if len(cases) == 2 and which.span == (0, 1) and lifted[0].kind != "bits":
        chosen = await _blend(c, which, lifted[0], lifted[1])
    else:
        chosen = await comparisons.choose_case(c, which, lifted)
    return replace(ops.secret(chosen), infinite=either(cases))


async def _blend(c: Context, which: Secret, no: Secret, yes: Secret) -> Value:
    """`no + which * (yes - no)` for a number that is 0 or 1."""
    gap = ops.minus(c, yes, no)
    product = await c.g.multiply(which.value, gap.value)
    result = ops.plus(c, Secret(product, gap.dtype, gap.shape, gap.fraction, gap.span), no)
    if result.kind == "integer":
        span = (min(no.span[0], yes.span[0]), max(no.span[1], yes.span[1]))
        return c.integer(result.value, span, result.dtype)
    return result
