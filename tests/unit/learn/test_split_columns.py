"""Columns by which nodes are split do the same wherever they are."""

from __future__ import annotations

import numpy as np
import pytest

import junto as sf
from junto.learn import dataset
from junto.learn.trees import candidates, ensemble, split_columns

X = np.array([[0.0, 5.0], [1.0, 3.0], [2.0, 5.0], [0.0, 4.0], [2.0, 3.0], [1.0, 4.0]])
BINS = 3
CHOSEN = [1, candidates.NONE, 3]  # of four candidates: two columns of three numbers


@pytest.fixture(scope="module")
def spu():
    sf.init(parties=["alice", "bob", "carol"], debug_mode=True, logging_level="error")
    yield sf.SPU(parties=["alice", "bob", "carol"])
    sf.shutdown()


@pytest.fixture(params=["at their owner", "on the SPU"])
def grown(request, spu):
    """The columns, and what `parts_of` needs besides."""
    alice = sf.PYU("alice")
    handle = alice(lambda: X)()
    if request.param == "on the SPU":
        columns = dataset.checked(handle.to(spu))
        scales = dataset.Scales({}, (2,))
        return split_columns.SecretColumns(spu, columns, BINS, None, (1, -1), None), scales, columns
    columns = dataset.checked({alice: handle}, look=candidates.examined)
    scales = ensemble.scales_of(columns, BINS, turned=True)
    return split_columns.OwnedColumns(spu, columns, scales, (1, -1), None), scales, columns


def shared(spu, numbers):
    return sf.PYU("alice")(lambda: np.array(numbers, np.int32))().to(spu)


def shown(value):
    """Draws and directions are public where columns have no owner."""
    return value if isinstance(value, np.ndarray) else sf.reveal(value)


def test_splits_send_the_same_rows_to_the_left(spu, grown):
    columns, scales, table = grown
    assert columns.widths == (4,)
    (directions,) = columns.directions
    assert np.array_equal(shown(directions), [1, 1, -1, -1])
    level, lefts = columns.split([shared(spu, CHOSEN)])
    wanted = np.stack([X[:, 0] < 2, np.zeros(6), X[:, 1] < 5], axis=1)
    assert np.array_equal(sf.reveal(lefts[0]), wanted)
    assert np.array_equal(sf.reveal(columns.turns(level)[0]), [[1, 0, 0], [0, 0, 1]])
    (may,) = columns.allowed([[0], [1], [0, 1]])
    assert np.array_equal(shown(may), [[1, 0, 1], [1, 0, 1], [0, 1, 1], [0, 1, 1]])
    root, _ = columns.split([shared(spu, [1])])
    parts = split_columns.parts_of(spu, scales, columns.kept([[root]]), table, candidates.reachable, (1, 5))
    left = X[1:5, 0] < 2
    assert np.array_equal(sf.reveal(parts[0]), np.stack([left, ~left], axis=1))
