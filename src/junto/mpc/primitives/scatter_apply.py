"""A function applied at indices (`x.at[i].apply(f)`), which jax writes as a scatter with a program.

The program takes one number. It is made one of many here: where indices name a place several
times it is applied as often, as jax does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from junto.errors import NotComputable
from junto.mpc.plan_steps import Block, Builder
from junto.mpc.primitives.context import Cell, Context
from junto.mpc.values import Value


async def applied_to(c: Context, params: Mapping[str, Any], old: Value, update: Value) -> Value:
    """The program of `c.step` of each number of `old` and of `update`, which have one shape."""
    block = _block(params["update_jaxpr"], params["update_consts"], old.shape, old.dtype, c.step.line)
    (cell,) = await c.run(block, [Cell(c.full(c.lift(each))) for each in (old, update)])
    return await c.settled(await cell.get())


def _block(program: Any, constants: Any, shape: tuple[int, ...], dtype: np.dtype[Any], line: str) -> Block:
    given, made = (np.dtype(each[0].aval.dtype) for each in (program.invars, program.outvars))
    if made != given:  # jax cannot compile it either
        raise NotComputable(
            f"a function applied at indices makes {made.name} of {given.name}",
            fix=f"have it return what it is given: .astype(jnp.{given.name})",
        )
    function = jaxpr_as_fun(ClosedJaxpr(program, list(constants)))
    many = partial(_each, function, len(shape))
    form = jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]
    return Builder().block(jax.make_jaxpr(many)(form, form), line)


def _each(function: Any, rank: int, old: Any, update: Any) -> Any:
    for _ in range(rank):
        function = jax.vmap(function)
    return function(old, update)
