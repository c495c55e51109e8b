"""What is made of transfers against Python's own arithmetic, on what hypothesis looks for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from junto.mpc import bits
from junto.mpc.ot import carries, products, table_transfers
from junto.mpc.ot.conjunctions import conjunctions
from junto.mpc.ot.table_transfers import Layout
from ot_pairs import Parties
from tries import tries

QUICK = settings(
    max_examples=tries(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
WORD = st.integers(0, 2**64 - 1) | st.sampled_from([2**i + d for i in range(64) for d in (-1, 0)])


@pytest.fixture
def parties() -> Parties:
    return Parties()


def arrays(*shape: int) -> st.SearchStrategy[np.ndarray]:
    return npst.arrays(np.uint64, shape, elements=WORD)


@QUICK
@given(npst.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=4), st.data())
def test_products_broadcast_like_numpys(parties, shapes, data):
    x, y = (data.draw(arrays(*shape)) for shape in shapes.input_shapes)
    one, two = parties.run(products.multiply, parties.sums(x), parties.sums(y))
    want = x.astype(object) * y.astype(object)
    assert one.shape == np.shape(want)
    assert (np.add(one, two, dtype=np.uint64) == np.asarray(want % 2**64, np.uint64)).all()


@QUICK
@given(st.data(), st.integers(0, 4), st.integers(0, 5), st.integers(0, 6))
def test_matrices_multiply_like_pythons_integers(parties, data, m, k, n):
    x, y = data.draw(arrays(m, k)), data.draw(arrays(k, n))
    one, two = parties.run(products.matmul, parties.sums(x), parties.sums(y))
    rows = [[sum(int(a) * int(b) for a, b in zip(row, column, strict=True)) for column in y.T] for row in x]
    want = np.array([[each % 2**64 for each in row] for row in rows], np.uint64).reshape(m, n)
    assert (one + two == want).all()


@pytest.mark.slow
@QUICK
@given(st.lists(st.integers(0, 64), min_size=2, max_size=6, unique=True).map(sorted), st.data())
def test_carries_of_any_ranges(parties, cuts, data):
    own = data.draw(arrays(30)), data.draw(arrays(30))
    one, two = parties.run(lambda e, r: carries.ranges(e, r, cuts), own)
    for low, high, a, b in zip(cuts[:-1], cuts[1:], one, two, strict=True):
        size = high - low
        sums = [(int(x) >> low) % 2**size + (int(y) >> low) % 2**size for x, y in zip(*own, strict=True)]
        assert bits.unpack(a.generate[0] ^ b.generate[0], 30).tolist() == [s >= 2**size for s in sums]
        assert bits.unpack(a.propagate[0] ^ b.propagate[0], 30).tolist() == [s == 2**size - 1 for s in sums]


@QUICK
@given(st.integers(0, 40), st.integers(1, 9), st.data())
def test_conjunctions(parties, words, count, data):
    a, b = data.draw(arrays(words)), data.draw(arrays(count, words))
    one, two = parties.run(conjunctions, parties.xors(a), parties.xors(b))
    assert (one ^ two == a & b).all()


@QUICK
@given(st.integers(0, 200), st.integers(1, 64), st.data())
def test_bits_to_numbers_and_selections(parties, size, ring_bits, data):
    b = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), np.bool_)
    x = data.draw(arrays(size))
    low = np.uint64(2**ring_bits - 1)
    one, two = parties.run(lambda e, own: products.to_ring(e, own, ring_bits), parties.xors(b))
    assert ((one + two) & low == b).all()
    one, two = parties.run(products.select, parties.xors(b), parties.sums(x))
    assert (one + two == b * x).all()


@QUICK
@given(st.integers(1, 8), st.integers(0, 6), st.integers(0, 50), st.integers(0, 99))
def test_tables(parties, index, power, size, seed):
    rng = np.random.default_rng(seed)
    layout = Layout(index, 2**power)
    entries = rng.integers(0, 2**64, (size, 2**index), dtype=np.uint64) & np.uint64(2**layout.entry - 1)
    numbers = rng.integers(0, 2**index, size)
    found, _ = parties.play(
        lambda e: table_transfers.choose(e, numbers.astype(np.uint64), layout),
        lambda e: table_transfers.offer(e, entries, layout),
    )
    assert (found == entries[np.arange(size), numbers]).all()
