"""Bins of columns whose rows several parties have.

They end at quantiles of all rows, found by bisection: in each turn the parties add up how many of their
numbers are not above some probes. Quantiles that are the same number leave bins over; these go to the numbers
that no bin has found, until all are found or no bin is left: so a column of no more numbers than bins has one
for each of them, however rare, as in XGBoost. Where rows have weights, what is added up is weight.

Every party learns of each column how much is below the probes, and so the quantiles, which are numbers of
some rows; of a column of few numbers all of them, and how many rows have each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.device.pyu import PYUObject
from junto.device.revealed_facts import fact, truth
from junto.frame.frame_steps import FrameStep
from junto.learn.estimator import run_at
from junto.learn.examine import Floats
from junto.learn.pooled import RowPart, RowsTask

TURNS: Final = 16
"""Each finds two of the 32 bits of a number."""

PROBES: Final = 3
"""Between the ends of an interval, which they part into quarters."""

SEARCHES: Final = 8
"""At most: numbers that are rarer than all that was found so far may be left out."""

NOTHING: Final = 1e-9
"""Of all weight: where there is less between two numbers there is rounding."""

Keys = NDArray[np.uint32]
Cuts = Sequence[NDArray[np.float32]]


def cuts_of(task: RowsTask, max_bins: int) -> PYUObject:
    """At the first party, of each column the lower ends of all bins but the first."""
    first = task.first
    state = first(FrameStep(_sought, max_bins, task.weighted))(task.total(_there, whole=not task.weighted))
    for search in range(SEARCHES):
        for turn in range(TURNS):
            probes = first(FrameStep(_probes, search, turn))(state)
            below = task.total(_below, task.everywhere(probes), whole=not task.weighted)
            state = first(FrameStep(_narrowed, search, turn))(state, below)
        state = first(FrameStep(_noted, search))(state)
        around = task.total(_around, task.everywhere(run_at(first, _known, state)), whole=not task.weighted)
        state = first(FrameStep(_left_over, max_bins, search))(state, around)
        if fact(run_at(first, _is_done, state), truth):
            break
    return run_at(first, _found, state)


def binned(part: RowPart, cuts: Cuts) -> NDArray[np.int64]:
    """[rows, columns]: the bin of each number; what is missing has one past the last of all columns."""
    values = part.x.astype(np.float32)
    most = max(map(len, cuts)) + 1
    found = np.stack(
        [np.searchsorted(np.asarray(cut), each, "right") for cut, each in zip(cuts, values.T, strict=True)],
        axis=1,
    )
    return np.where(np.isnan(values), most, found)


# -------------------------------------------------------------------- at the parties


def _keys(x: Floats) -> tuple[Keys, NDArray[np.bool_]]:
    """Numbers of 32 bits as whole numbers of the same order; and where there are none."""
    values = np.ascontiguousarray(x.astype(np.float32) + np.float32(0))
    bits = values.view(np.uint32)
    top = np.uint32(1 << 31)
    return np.where(bits & top, ~bits, bits | top), np.isnan(values)


def _there(part: RowPart) -> Floats:
    """Of each column the weight of the rows that have a number."""
    found: Floats = part.weight @ ~np.isnan(part.x)
    return found


def _below(part: RowPart, probes: Any) -> Floats:
    """Of each probe [columns, ...] the weight of the rows whose number is not above it."""
    keys, gaps = _keys(part.x)
    return np.stack(
        [
            _weights_below(key[~gap], part.weight[~gap], np.asarray(each))
            for key, gap, each in zip(keys.T, gaps.T, probes, strict=True)
        ]
    )


def _around(part: RowPart, known: Any) -> Floats:
    """The same of each number that was found, and of the one before it [2, columns, ranks]."""
    known = np.asarray(known)
    return np.stack([_below(part, known - 1), _below(part, known)])


def _weights_below(keys: Keys, weight: Floats, probes: NDArray[np.int64]) -> Floats:
    order = np.argsort(keys, kind="stable")
    summed = np.concatenate([[0.0], weight[order].cumsum()])
    found: Floats = summed[np.searchsorted(keys[order].astype(np.int64), probes, "right")]
    return found


# -------------------------------------------------------------------- at the first party, of what all know


def _sought(mass: Floats, max_bins: int, weighted: bool) -> dict[str, Any]:
    """The masses below numbers that are sought [columns, ranks]; 0: none is.

    Without weights they are those of ranks that part the rows evenly, from the first row on.
    """
    parts = np.arange(max_bins) / max_bins
    if weighted:
        sought = np.multiply.outer(mass, parts)
    else:
        sought = np.ceil(np.multiply.outer(mass - 1, parts)).clip(min=0) + 0.5
    sought = np.where(mass[:, None] > 0, np.maximum(sought, mass[:, None] * NOTHING), 0.0)
    return {"mass": mass, "known": np.full(sought.shape, UNKNOWN), **_begun(sought)}


UNKNOWN: Final = np.int64(2**32)
"""Above all numbers."""


def _begun(sought: Floats) -> dict[str, Any]:
    low = np.zeros(sought.shape, np.int64)
    return {"sought": sought, "low": low, "high": low + (2**32 - 1)}


def _probes(state: Mapping[str, Any], search: int, turn: int) -> NDArray[np.int64]:
    """[columns, ranks, probes]: quarters of the interval."""
    low, wide = state["low"][..., None], (state["high"] - state["low"])[..., None]
    found: NDArray[np.int64] = low + wide * np.arange(1, PROBES + 1) // (PROBES + 1)
    return found


def _narrowed(state: Mapping[str, Any], below: Floats, search: int, turn: int) -> dict[str, Any]:
    """The quarter in which the number is: the first with enough below its end."""
    probes = _probes(state, search, turn)
    lows = np.concatenate([state["low"][..., None], probes + 1], axis=-1)
    highs = np.concatenate([probes, state["high"][..., None]], axis=-1)
    quarter = (below < state["sought"][..., None]).sum(axis=-1)[..., None]
    low, high = (np.take_along_axis(each, quarter, -1)[..., 0] for each in (lows, highs))
    return {**state, "low": low, "high": np.maximum(low, high)}


def _noted(state: Mapping[str, Any], search: int) -> dict[str, Any]:
    """`known` with the numbers that were found: [columns, bins], in order, each once."""
    found = np.where(state["sought"] > 0, state["low"], UNKNOWN)
    both = np.sort(np.concatenate([state["known"], found], axis=1), axis=1)
    again = np.concatenate([np.zeros((len(both), 1), bool), both[:, 1:] == both[:, :-1]], axis=1)
    known = np.sort(np.where(again, UNKNOWN, both), axis=1)[:, : state["known"].shape[1]]
    return {**state, "known": known}


def _known(state: Mapping[str, Any]) -> NDArray[np.int64]:
    known: NDArray[np.int64] = state["known"]
    return known


def _left_over(state: Mapping[str, Any], around: Floats, max_bins: int, search: int) -> dict[str, Any]:
    """What is sought next: bins that are left are spread evenly over the mass between known numbers."""
    sought = np.zeros_like(state["sought"])
    for place, (mass, known) in enumerate(zip(state["mass"], state["known"], strict=True)):
        there = known < UNKNOWN
        left = max_bins - int(there.sum())
        below, upto = around[0, place][there], around[1, place][there]
        hidden = np.append(below, mass) - np.append(0.0, upto)
        hidden = np.where(hidden > mass * NOTHING, hidden, 0.0)
        if not left or not hidden.any():
            continue
        wanted = (np.arange(left) + 0.5) / left * hidden.sum()
        gap = np.searchsorted(hidden.cumsum(), wanted, "right").clip(max=len(hidden) - 1)
        within = wanted - np.append(0.0, hidden.cumsum())[gap]
        sought[place, :left] = np.append(0.0, upto)[gap] + within
    return {**state, **_begun(sought)}


def _is_done(state: Mapping[str, Any]) -> bool:
    return not state["sought"].any()


def _found(state: Mapping[str, Any]) -> list[NDArray[np.float32]]:
    """Of each column the numbers but the least, in order; of one without numbers none."""
    return [numbers_of(known[known < UNKNOWN])[1:] for known in state["known"]]


def numbers_of(keys: NDArray[np.int64]) -> NDArray[np.float32]:
    """The numbers of `_keys`."""
    bits, top = keys.astype(np.uint32), np.uint32(1 << 31)
    return np.where(bits & top, bits ^ top, ~bits).astype(np.uint32).view(np.float32)
