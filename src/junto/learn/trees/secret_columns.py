"""Columns that are on the SPU already: where they can be split, and which side a row goes, nobody sees.

Paper:     as `growing`; bins are quantiles, by a sorting network (see `mpc.primitives.sort`).
Computes:  for each column thresholds, and on which side of them each row is; of each node which column splits
           it, and where; the leaves that rows come to.
Parties:   those of the SPU.
Secure:    as the SPU.
Learns:    nobody anything but how many rows and columns there are, which the shape of the array says.
Cost:      a sort of each column, once; two comparisons a row and candidate, once; a level sends beside what
           `growing` says 8 bytes a row and node, and for a table that is scored a comparison a row and node.

Each column has `max_bins` - 1 candidates, whatever its numbers are. A row whose number is below the threshold
goes left. Numbers are compared as they are on the SPU: no number is missing there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from junto.learn.trees.candidates import NONE, Told


def cuts(x: Any, weight: Any, *, bins: int) -> Any:
    """Thresholds [columns, bins - 1]: quantiles of the rows with a weight, and the greatest number.

    So a column of 0 and 1 can be split however rare a 1 is.

    Args:
        x: [rows, columns].
        weight: [rows], or None: all rows count.
        bins: of each column.
    """
    rows = len(x)
    count: Any = np.int32(rows)
    if weight is None:
        ordered = jnp.sort(x, axis=0)
    else:
        there = weight > 0
        ordered = jnp.sort(jnp.where(there[:, None], x, jnp.max(x, axis=0)), axis=0)
        count = jnp.sum(there.astype(jnp.int32))
    wanted = [number * count for number in range(1, bins)]
    if bins > 2:
        wanted[-1] = (count - 1) * bins
    begun = np.arange(rows, dtype=np.int32) * bins >= jnp.stack(wanted)[:, None]
    first = begun.astype(jnp.int32) - jnp.pad(begun.astype(jnp.int32), ((0, 0), (1, 0)))[:, :-1]
    return (first.astype(jnp.float32) @ ordered).T


def sides(x: Any, thresholds: Any) -> Any:
    """[candidates, rows]: whether a row goes left."""
    return jnp.repeat(x.T, thresholds.shape[1], axis=0) < thresholds.reshape(-1, 1)


def taken(sides: Any, found: Any) -> Any:
    """[rows, nodes]: 1 where a row goes left.

    Args:
        sides: see there.
        found: for each node the number of its candidate, or `NONE`.
    """
    chosen = found[:, None] == np.arange(len(sides))
    return (chosen.astype(jnp.float32) @ sides.astype(jnp.float32)).T


def turns(found: Any, *, directions: tuple[int, ...], width: int) -> Any:
    """As `monotone.turns`; `directions` of all columns, each of so many candidates."""
    of_each = each_candidate(directions, width)
    chosen = (found[:, None] == np.arange(len(of_each))).astype(jnp.int32)
    return jnp.stack([chosen @ (of_each > 0).astype(np.int32), chosen @ (of_each < 0).astype(np.int32)])


def each_candidate(directions: tuple[int, ...], width: int) -> NDArray[np.int8]:
    """[candidates]: the direction of each one's column."""
    return np.repeat(np.asarray(directions, np.int8), width)


def allowed(chosen: Sequence[Sequence[int]], columns: int, width: int) -> NDArray[np.int8]:
    """As `candidates.allowed`; it is public, as the draw is."""
    found = np.stack([np.isin(np.arange(columns), each) for each in chosen], axis=1)
    return np.repeat(found, width, axis=0).astype(np.int8)


def splits(trees: Sequence[Sequence[Any]], thresholds: Any) -> dict[str, Any]:
    """Of each node of each tree where it is split.

    ``column`` [trees, nodes, columns] is 1 for the column that splits it, if there is one; ``threshold``.

    Args:
        trees: of each what was `found` of its levels; trees that were grown side by side come one after the
            other.
        thresholds: of all columns.
    """
    apart = [
        jnp.concatenate([each.reshape(len(levels[0]), -1) for each in levels], axis=1) for levels in trees
    ]
    found = jnp.concatenate(apart)
    columns, width = thresholds.shape
    chosen = (found[..., None] == np.arange(columns * width)).astype(jnp.float32)
    column = jnp.sum(chosen.reshape(*found.shape, columns, width), axis=3)
    return {"column": column, "threshold": chosen @ thresholds.reshape(-1)}


def used(column: Any) -> Any:
    """As `paths.used`."""
    return column.reshape(-1, column.shape[2])


def split(column: Any) -> Any:
    """As `paths.split`."""
    return jnp.sum(column, axis=2)


def names_of(columns: int) -> list[str]:
    """Columns on the SPU have numbers for names."""
    return [str(place) for place in range(columns)]


def joined(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The splits of two models of the same depth, one after the other."""
    return {name: jnp.concatenate([before[name], after[name]]) for name in before}


def reached(x: Any, splits: Mapping[str, Any], *, rows: tuple[int, int]) -> Any:
    """As `candidates.reachable`, which then is one leaf for each tree."""
    trees, nodes, columns = splits["column"].shape
    numbers = x[slice(*rows)] @ splits["column"].reshape(-1, columns).T
    left = (numbers < splits["threshold"].reshape(-1)).reshape(-1, trees, nodes)
    leaves = jnp.ones((len(left), trees, 1), bool)
    for level in range(nodes.bit_length()):
        side = left[:, :, 2**level - 1 : 2 ** (level + 1) - 1]
        leaves = (leaves[..., None] & jnp.stack([side, ~side], axis=3)).reshape(len(left), trees, -1)
    return leaves.reshape(len(left), -1)


# -------------------------------------------------------------------- in the clear, at one party


def told(shown: Mapping[str, Any], fraction: int) -> Told:
    """Splits that were shown, for other libraries.

    A number is rounded to fixed point before it is compared; so what is half a step below the threshold is
    where it would be without.

    Args:
        shown: see `splits`.
        fraction: digits after the point.
    """
    column, threshold = np.asarray(shown["column"]), np.asarray(shown["threshold"], np.float64)
    split = column.sum(axis=2) > 0.5
    return {
        "names": names_of(column.shape[2]),
        "named": False,
        "column": np.where(split, column.argmax(axis=2), NONE).astype(np.int32),
        "threshold": np.where(split, threshold - 2.0 ** -(fraction + 1), 0).astype(np.float32),
        "missing": np.zeros(split.shape, np.bool_),
    }
