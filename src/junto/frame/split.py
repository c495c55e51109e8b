"""`train_test_split`: the same rows to each side at every party."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

from junto.device.boundary import public
from junto.errors import FrameError
from junto.frame.frame import Seed
from junto.frame.vertical import VerticalFrame
from junto.parameters import Consent

Size = Annotated[int, "[1, inf)"] | Annotated[float, "(0, 1)"]
"""Rows, or a part of them."""


@public
def train_test_split(
    frame: VerticalFrame,
    *,
    test_size: Size | None = None,
    train_size: Size | None = None,
    random_state: Seed | None = None,
    shuffle: bool = True,
    stratify: str | None = None,
    disclose_rows: Consent = False,
) -> tuple[VerticalFrame, VerticalFrame]:
    """The rows in two parts, identically at all parties: those that scikit-learn would take.

    Args:
        frame: its rows.
        test_size: a fraction of the rows below 1, or how many (default: what `train_size` leaves, or a
            quarter).
        train_size: likewise (default: what `test_size` leaves).
        random_state: of the order; None: the first party draws one and tells the others. Which rows go where
            is known to all parties in any case.
        shuffle: False takes the last rows for testing.
        stratify: a column of which each value has its part of the rows on both sides. Its owner chooses.
        disclose_rows: with `stratify` and a `random_state` others could work out much of that column from
            which rows go where. Say True if they may; without a `random_state` they learn no more than that
            its values are in proportion.

    Returns:
        The frames to train and to test with.

    Raises:
        FrameError: a part would be empty, or the sizes make no sense; others would learn of the column of
            `stratify`, and `disclose_rows` is not True.
        RemoteError: when a part is used: a value of that column is in one row only, or one is missing.
    """
    test, train = _sizes(frame.rows, test_size, train_size)
    if stratify is not None:
        if not shuffle:
            raise FrameError("stratify chooses rows, so they are shuffled", fix="leave out shuffle")
        return frame._stratified(stratify, train, test, random_state, disclose_rows)
    spans = [(test, test + train), (0, test)] if shuffle else [(0, train), (train, train + test)]
    training, testing = frame._spans(spans, random_state, shuffle)
    return training, testing


def _sizes(rows: int, test_size: Size | None, train_size: Size | None) -> tuple[int, int]:
    """Rows to test and to train with."""
    if test_size is None and train_size is None:
        test_size = 0.25
    test = None if test_size is None else _count(rows, test_size, math.ceil)
    train = None if train_size is None else _count(rows, train_size, math.floor)
    test = rows - (train or 0) if test is None else test
    train = rows - test if train is None else train
    if test < 1 or train < 1 or test + train > rows:
        raise FrameError(
            f"{rows} rows cannot be parted into {train} to train and {test} to test with",
            fix="take another test_size, or more rows",
        )
    return test, train


def _count(rows: int, size: float, rounded: Callable[[float], int]) -> int:
    return size if isinstance(size, int) else rounded(rows * size)
