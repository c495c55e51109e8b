"""Products of what the one party has with what the other has: half of a product of shares.

Paper:     see `junto.mpc.ot.scaling` and `junto.mpc.ot.products`.
Computes:  [a b] from a at one party and b at the other, element by element or as matrices.
Parties:   P0, P1.
Secure:    semi-honest.
Learns:    nobody anything.
Cost:      64 transfers an element, or for matrices an element of the smaller one.
"""

from __future__ import annotations

from functools import partial
from math import prod

import numpy as np

from junto.mpc.gates import BITS, Words
from junto.mpc.ot.extension import Extension
from junto.mpc.ot.jobs import parts
from junto.mpc.ot.scaling import Form, Scaling

_WIDEST = 512
"""Elements of a vector that one transfer serves."""
_LOAD = 8
"""Words of pads for each transfer of a block: bounds the memory."""


def elements(extension: Extension, own: Words) -> Words:
    """Our share of the product of our array with the other party's: each chooses in one half."""
    flat = own.reshape(-1)
    made = np.empty(flat.size, np.uint64)
    middle = (flat.size + 1) // 2
    halves = (slice(0, middle), slice(middle, flat.size))
    mine, theirs = halves[extension.index], halves[1 - extension.index]
    form = Form()

    def put(half: slice, part: slice, products: Words) -> None:
        made[half][part] = products[:, 0]

    extension.run(
        Scaling(
            flat[mine][part],
            flat[theirs][part, None],
            form,
            form,
            partial(put, mine, part),
            partial(put, theirs, part),
        )
        for part in parts(middle, extension.settings.block // BITS)
    )
    return made.reshape(own.shape)


def matmul(extension: Extension, x: Words, y: Words, left_at: int) -> Words:
    """Our share of x @ y, of arrays of two dimensions or more.

    Args:
        extension: with the other party.
        x, y: ours, and of the other one the shape alone.
        left_at: the party that has x.
    """
    if x.shape[-2] > y.shape[-1]:
        return matmul(extension, y.swapaxes(-1, -2), x.swapaxes(-1, -2), 1 - left_at).swapaxes(-1, -2)
    (m, k), n = x.shape[-2:], y.shape[-1]
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    total = np.zeros((prod(batch) * m, n), np.uint64)
    chooses = extension.index == left_at
    factors = np.broadcast_to(x, (*batch, m, k)).reshape(-1)
    vectors = np.broadcast_to(y, (*batch, k, n)).reshape(-1, n)
    for start in range(0, n, _WIDEST):
        columns = vectors[:, start : start + _WIDEST]
        _add(extension, factors if chooses else len(factors), columns, total[:, start:], (m, k))
    return total.reshape(*batch, m, n)


def _add(
    extension: Extension, factors: Words | int, vectors: Words, total: Words, sizes: tuple[int, int]
) -> None:
    """Add products of the factors (their number alone at who has the vectors) to the rows of `total`."""
    m, k = sizes
    count = factors if isinstance(factors, int) else len(factors)
    form = Form(width=vectors.shape[1])

    def add(part: slice, products: Words) -> None:
        rows = np.arange(part.start, part.stop) // k
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        total[rows[0] : rows[-1] + 1, : form.width] += np.add.reduceat(products, starts, axis=0)

    def job(part: slice) -> Scaling:
        own, rows = np.empty(0, np.uint64), np.empty((0, form.width), np.uint64)
        if isinstance(factors, int):
            place = np.arange(part.start, part.stop)
            rows = vectors[place // (m * k) * k + place % k]
        else:
            own = factors[part]
        return Scaling(own, rows, form, form, partial(add, part), partial(add, part))

    block = extension.settings.block
    step = max(1, min(block // form.bits, _LOAD * block // (form.bits * form.words)))
    extension.run(job(part) for part in parts(count, step))
