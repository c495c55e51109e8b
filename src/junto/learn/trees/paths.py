"""What an owner knows of the ways from the root of a tree to its leaves, in the clear.

A path has a place for each level. Nodes of one path that one column splits are a group, which stands at the
first of their places. A node that another party splits, or nobody, is in no group here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.learn.trees.candidates import NONE, Candidates, numbers_of


def names_of(known: Candidates) -> list[str]:
    """Of the columns."""
    return list(known.names)


def used(known: Candidates, picks: NDArray[np.int32]) -> NDArray[np.int8]:
    """[trees * nodes, columns]: 1 where a column splits a node."""
    column = np.where(picks == NONE, NONE, known.column[picks]).reshape(-1, 1)
    return np.asarray(column == np.arange(len(known.names)), np.int8)


def split(picks: NDArray[np.int32]) -> NDArray[np.int8]:
    """[trees, nodes]: 1 where this party splits."""
    return np.asarray(picks != NONE, np.int8)


def nodes(depth: int) -> NDArray[np.intp]:
    """[leaves, levels]: the node of each leaf's path on each level."""
    leaf, level = np.arange(2**depth)[:, None], np.arange(depth)
    return np.asarray(2**level - 1 + (leaf >> (depth - level)))


def children(depth: int) -> NDArray[np.intp]:
    """[leaves, levels]: the node that the path comes to from there, counted from the root's left child."""
    leaf, level = np.arange(2**depth)[:, None], np.arange(depth)
    return np.asarray(2 ** (level + 1) - 2 + (leaf >> (depth - level - 1)))


def groups(known: Candidates, picks: NDArray[np.int32]) -> NDArray[np.int8]:
    """[trees, leaves, levels, levels]: 1 where the node at a place is in the group at another one."""
    columns = _columns(known, picks)
    return np.stack([_groups(each) for each in columns]).astype(np.int8)


def group_columns(known: Candidates, picks: NDArray[np.int32]) -> NDArray[np.int8]:
    """[trees * leaves * levels, columns]: 1 for the column of the group at a place."""
    column = _columns(known, picks)
    first = groups(known, picks).any(axis=2)
    found = np.where(first, column, NONE).reshape(-1, 1) == np.arange(len(known.names))
    return np.asarray(found, np.int8)


def strayed(
    table: Any, known: Candidates, picks: NDArray[np.int32], begin: int = 0, end: int | None = None
) -> NDArray[np.int8]:
    """[rows, trees * leaves * levels]: 1 where a row leaves a leaf's path at a node of the group there.

    Args:
        table: of the columns.
        known: of `fit`.
        picks: see `candidates.in_one`.
        begin, end: of which rows.
    """
    values = numbers_of(table, known)[begin:end]
    found = []
    for tree, columns in zip(picks, _columns(known, picks), strict=True):
        numbers = values[:, known.column[tree]]
        with np.errstate(invalid="ignore"):
            left = (numbers < known.threshold[tree]) | (np.isnan(numbers) & known.missing[tree])
        depth = len(tree).bit_length()
        wanted = children(depth) % 2 == 0
        away = left[:, nodes(depth)] != wanted
        member = _groups(columns)
        each = np.zeros(away.shape, np.bool_)
        for place in range(depth):
            each |= away[:, :, place, None] & member[:, place]
        found.append(each.reshape(len(values), -1))
    return np.concatenate(found, axis=1).astype(np.int8)


def _columns(known: Candidates, picks: NDArray[np.int32]) -> NDArray[np.intp]:
    """[trees, leaves, levels]: the column that splits there, or `NONE`."""
    depth = picks.shape[1].bit_length()
    return np.asarray(np.where(picks == NONE, NONE, known.column[picks])[:, nodes(depth)])


def _groups(column: NDArray[np.intp]) -> NDArray[np.bool_]:
    """[leaves, levels, levels] of one tree: see `groups`."""
    same = (column[:, :, None] == column[:, None, :]) & (column != NONE)[:, :, None]
    first = same.argmax(axis=2)  # of each place, the first of its group
    return np.asarray(same & (np.arange(column.shape[1]) == first[:, :, None]))
