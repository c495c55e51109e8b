"""`reveal_inside`: a secret becomes public in the middle of a function, to all nodes that compute it.

To jax it is the identity, under `jit`, `vmap` and `grad` as well: a derivative goes by it unchanged and stays
secret. To a plan it is a step of its own (`NAME`): the only one from a secret to a public number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from junto.errors import DeviceError
from junto.mpc.plan_steps import LABEL, REVEAL
from junto.mpc.primitives.context import Context
from junto.mpc.ring128 import element_bytes
from junto.mpc.values import Public, Secret, Value, decode

T = TypeVar("T")

MOST_LETTERS = 64


def reveal_inside(x: T, *, name: str) -> T:
    """`x`, which from here on all parties of the SPU know, and on which control flow may depend.

    Inside a function that an SPU computes. Whoever calls it has to agree, ``spu(f, reveals=["loss"])(...)``,
    and `SPU.explain` lists what would be revealed. What is revealed is the number as the SPU holds it; what
    nobody uses afterwards is not. Under `jax.vmap` a choice becomes both of its branches, so that what one of
    them reveals is revealed of every row. Everywhere else, and where `x` is public anyway, it does nothing.

    Args:
        x: an array of numbers or truth values, or a single one.
        name: under which it stands in the agreement, in `explain` and in the ledger: a Python identifier of
            at most 64 letters.

    Returns:
        `x`.

    Raises:
        DeviceError: `x` is no array, or `name` no name.
        NotComputable: later, of the call: nobody has agreed to `name`, or whether it is revealed would itself
            depend on a secret.
    """
    if not (isinstance(name, str) and name.isidentifier() and len(name) <= MOST_LETTERS):
        raise DeviceError(
            f"what is revealed is named by an identifier of at most {MOST_LETTERS} letters, not {name!r:.80}",
            fix="sf.reveal_inside(loss, name='loss')",
        )
    if isinstance(x, jax.Array):
        return _reveal.bind(x, **{LABEL: name})  # type: ignore[no-any-return]
    if isinstance(x, np.ndarray | np.generic | bool | int | float | complex):
        return x
    raise DeviceError(
        f"reveal_inside takes an array within a function for an SPU, not {type(x).__name__}",
        fix="of a tree reveal each array by itself; a handle is shown with sf.reveal(x)",
    )


async def reveal(c: Context, params: Mapping[str, Any], x: Secret) -> Public:
    """One round: the piece that the other compute party lacks, and the number itself for the helper.

    Nothing else may be seen: a product is truncated, and an integer brought into its dtype's range, before.
    """
    if x.kind == "fixed":
        held = c.leaving(x, f"that of `{REVEAL}`", c.fraction)
    else:
        held = (await c.wrapped(x) if x.kind == "integer" else x).value
    shown = decode(await c.g.reveal(held), x.dtype, c.settings)
    return Public(np.broadcast_to(shown, x.shape))


def revealed_bytes(x: Value, width: int) -> int:
    """Of the opening of `x` on the wire, one way, in the ring modulo 2**width."""
    size = int(np.prod(x.value.shape, dtype=np.int64)) if isinstance(x, Secret) else 0
    return -(-size // 8) if x.dtype == np.bool_ else element_bytes(width) * size


_reveal: Any = Primitive(REVEAL)
_reveal.def_impl(lambda x, **_: x)
_reveal.def_abstract_eval(lambda x, **_: x)
batching.primitive_batchers[_reveal] = lambda args, axes, **params: (
    _reveal.bind(*args, **params),
    axes[0],
)
ad.primitive_jvps[_reveal] = lambda primals, tangents, **params: (
    _reveal.bind(*primals, **params),
    tangents[0],
)
mlir.register_lowering(_reveal, lambda context, x, **_: [x])
