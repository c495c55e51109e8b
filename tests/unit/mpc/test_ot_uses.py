"""What is made of transfers: exhaustively where it is small, at the edges elsewhere; bytes and rounds."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from junto.errors import LinkError
from junto.mpc import bits, ring
from junto.mpc.ot import carries, products, table_transfers
from junto.mpc.ot.conjunctions import conjunctions
from junto.mpc.ot.extension import OtSettings
from junto.mpc.ot.scaling import ScalingJob, ScalingWidths
from junto.mpc.ot.table_transfers import Layout
from junto.mpc.ring128 import as_ring, integers_of_wide, wide_from, wide_of_integers, wide_zeros
from ot_pairs import QUICK, Parties, some_products

EDGES = np.array(
    [0, 1, 2, 2**17, 2**18 - 1, 2**18, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 2**18, 2**64 - 1], np.uint64
)


@pytest.fixture(scope="module")
def parties() -> Parties:
    return Parties()


# -------------------------------------------------------------------- bits


def test_conjunctions_of_all_shares(parties):
    """All four shares of a and b, in every lane another case."""
    lanes = np.arange(64, dtype=np.uint64)
    a = tuple(bits.pack((lanes >> np.uint64(i) & np.uint64(1)).astype(bool)) for i in (0, 1))
    b = tuple(bits.pack((lanes >> np.uint64(i) & np.uint64(1)).astype(bool))[None] for i in (2, 3))
    one, two = parties.run(conjunctions, a, b)
    assert (one ^ two == (a[0] ^ a[1]) & (b[0] ^ b[1])).all()


@pytest.mark.parametrize(
    ("index", "entry"), [(1, 1), (2, 1), (1, 2), (3, 8), (4, 2), (4, 16), (8, 1), (2, 64)]
)
def test_every_entry_of_a_table_can_be_chosen(parties, index, entry):
    layout = Layout(index, entry)
    size = 1 << index
    entries = parties.words(size, size) & np.uint64(2**entry - 1)
    numbers = np.arange(size, dtype=np.uint64)
    found, _ = parties.play(
        lambda e: table_transfers.choose(e, numbers, layout),
        lambda e: table_transfers.offer(e, entries, layout),
    )
    assert (found == np.diag(entries)).all()
    _, found = parties.play(
        lambda e: table_transfers.offer(e, entries, layout),
        lambda e: table_transfers.choose(e, numbers, layout),
    )
    assert (found == np.diag(entries)).all()


def test_all_tables_of_four_bits(parties):
    """Exhaustive: every table of four one-bit entries, every number."""
    layout = Layout(2, 1)
    contents, numbers = (x.reshape(-1) for x in np.meshgrid(np.arange(16), np.arange(4)))
    entries = (contents[:, None] >> np.arange(4) & 1).astype(np.uint64)
    found, _ = parties.play(
        lambda e: table_transfers.choose(e, numbers.astype(np.uint64), layout),
        lambda e: table_transfers.offer(e, entries, layout),
    )
    assert (found == entries[np.arange(64), numbers]).all()


@pytest.mark.parametrize(("index", "entry"), [(1, 1), (2, 2), (4, 2), (4, 8), (3, 64)])
def test_functions_of_all_pairs(parties, index, entry):
    size = 1 << index
    function = parties.words(size, size) & np.uint64(2**entry - 1)
    x, y = (each.reshape(-1).astype(np.uint8) for each in np.indices((size, size)))
    order = np.concatenate([np.arange(size * size), np.arange(size * size)[::-1]])  # each at both parties
    one, two = parties.run(
        lambda e, own: table_transfers.evaluate(e, function, own, entry), (x[order], y[order])
    )
    assert (one ^ two == function[x[order], y[order]]).all()
    assert max(one.max(), two.max()) < 2**entry


@pytest.mark.parametrize("numbers", [(0, 1), (9, 1), (4, 3), (4, 128), (4, 0)])
def test_tables_that_cannot_be_are_refused(numbers):
    with pytest.raises(ValueError, match="no tables"):
        Layout(*numbers)


# -------------------------------------------------------------------- numbers


FORMS = [
    ScalingWidths(),
    ScalingWidths(1),
    ScalingWidths(1, 18),
    ScalingWidths(3, 5, 2),
    ScalingWidths(64, 64, 3),
    ScalingWidths(9, 64, 7),
    ScalingWidths(64, 20),
]


@pytest.mark.parametrize("form", FORMS)
def test_scaling_at_the_edges(parties, form):
    factors = tuple(np.concatenate([EDGES, parties.words(5)]) for _ in range(2))
    rows = tuple(np.resize(parties.words(40), (17, form.width)) for _ in range(2))
    rows[0][: len(EDGES), 0] = EDGES[::-1]
    got = {}

    def play(e, a, r):
        job = ScalingJob(a, r, form, form, partial(got.__setitem__, (e.index, "taken")),
                      partial(got.__setitem__, (e.index, "given")))  # fmt: skip
        e.run([job])

    parties.run(play, factors, rows)
    cut, wanted = np.uint64(2**form.factor - 1), np.uint64(2**form.ring - 1)
    for i in (0, 1):
        product = (factors[i] & cut)[:, None] * rows[1 - i]
        assert ((got[i, "taken"] + got[1 - i, "given"] ^ product) & wanted == 0).all()


WIDE_FORMS = [(128, 128), (1, 128), (1, 100), (128, 128, 3), (22, 128, 2), (128, 70), (3, 128, 7), (100, 65)]


@pytest.mark.parametrize("form", [ScalingWidths(*each) for each in WIDE_FORMS], ids=str)
def test_scaling_of_numbers_of_128_bits(parties, form):
    ends = wide_of_integers([0, 1, -1, 2**63, 2**64 - 1, 2**64, 2**127 - 1, -(2**127)])
    factors = tuple(np.concatenate([ends, wide(parties, 4)]) for _ in range(2))
    rows = tuple(np.concatenate([ends[::-1], wide(parties, 4)]) for _ in range(2))
    rows = tuple(as_ring(np.stack([each] * form.width, axis=1)) for each in rows)
    got = {}

    def play(e, a, r):
        job = ScalingJob(a, r, form, form, partial(got.__setitem__, (e.index, "taken")),
                         partial(got.__setitem__, (e.index, "given")))  # fmt: skip
        e.run([job])

    before = parties.sent()
    parties.run(play, factors, rows)
    nbytes = len(factors[0]) * (form.bits * ROWS // 8 + form.nbytes)
    assert [now - was for now, was in zip(parties.sent(), before, strict=True)] == pytest.approx(
        [nbytes] * 2, abs=1100
    )
    for i in (0, 1):
        total = got[i, "taken"] + got[1 - i, "given"]
        assert total.shape == rows[0].shape
        pairs = zip(
            np.repeat(integers_of_wide(factors[i]), form.width), integers_of_wide(rows[1 - i]), strict=True
        )
        for found, (a, r) in zip(integers_of_wide(total), pairs, strict=True):
            assert (found - (a % 2**form.factor) * r) % 2**form.ring == 0


def wide(parties, *shape):
    return wide_from(parties.words(*shape, 2))


@pytest.mark.parametrize("numbers", [(0, 64), (129, 64), (64, 0), (64, 129), (64, 64, 0)])
def test_forms_that_cannot_be_are_refused(numbers):
    with pytest.raises(ValueError, match="no products"):
        ScalingWidths(*numbers)


def test_products_of_all_small_numbers(parties):
    x, y = (each.reshape(-1).astype(np.uint64) - np.uint64(8) for each in np.indices((16, 16)))
    one, two = parties.run(products.multiply, parties.sums(x), parties.sums(y))
    assert (one + two == x * y).all()


def test_products_at_the_edges(parties):
    x, y = (each.reshape(-1) for each in np.meshgrid(EDGES, EDGES))
    for shared in (parties.sums, lambda v: (v, np.zeros_like(v)), lambda v: (np.zeros_like(v), v)):
        one, two = parties.run(products.multiply, shared(x), shared(y))
        assert (one + two == x * y).all()
        one, two = parties.run(products.square, shared(x))
        assert (one + two == x * x).all()


def test_bits_become_numbers(parties):
    shares = np.array([False, False, True, True, True]), np.array([False, True, False, True, True])
    want = shares[0] ^ shares[1]
    one, two = parties.run(products.to_ring, shares)
    assert (one + two == want).all()
    one, two = parties.run(lambda e, b: products.to_ring(e, b, 7), shares)
    assert ((one + two) % 128 == want).all()


def test_bits_select_numbers(parties):
    b = np.resize([False, True, True], len(EDGES))
    one, two = parties.run(products.select, parties.xors(b), parties.sums(EDGES))
    assert (one + two == b * EDGES).all()


SHAPES = [
    ((3, 4), (4, 5)),
    ((7, 4), (4, 2)),
    ((2, 3, 4), (2, 4, 3)),
    ((2, 3, 4), (4, 3)),
    ((1, 1), (1, 600)),
    ((600, 1), (1, 1)),
    ((3, 0), (0, 2)),
    ((1, 40), (40, 1)),
]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_products_of_matrices(parties, a, b):
    x, y = parties.words(*a), parties.words(*b)
    one, two = parties.run(products.matmul, parties.sums(x), parties.sums(y))
    assert (one + two == np.matmul(x, y)).all()


OWNERS = [(a, b) for a in (None, 0, 1) for b in (None, 0, 1)]


def shares(parties: Parties, x: np.ndarray, owner: int | None) -> tuple[np.ndarray, np.ndarray]:
    if owner is None:
        return parties.sums(x)
    return (x, np.zeros_like(x)) if owner == 0 else (np.zeros_like(x), x)


@pytest.mark.parametrize("owners", OWNERS)
def test_what_a_party_has_whole_costs_less(parties, owners):
    start = parties.sent()
    sent = []
    for a, b in (((4, 8), (8, 16)), ((16, 8), (8, 4))):
        x, y = parties.words(*a), parties.words(*b)
        operands = shares(parties, x, owners[0]), shares(parties, y, owners[1])
        one, two = parties.run(lambda e, p, q: products.matmul(e, p, q, owners), *operands)
        assert (one + two == x @ y).all()
        sent.append(sum(parties.sent()) - sum(start))
        start = parties.sent()
    ways = 2 - sum(owner is not None for owner in owners)
    if None not in owners:
        ways = int(owners[0] != owners[1])
    assert sent == [ways * 32 * 64 * (64 / 8 + 16 * 4.5)] * 2


def test_other_bilinear_maps_are_made_of_products_of_matrices(parties):
    x, y = parties.words(2, 3, 4), parties.words(4, 2, 5)
    dimensions = (((2,), (0,)), ((0,), (1,)))
    one, two = parties.run(
        lambda e, a, b: ring.dot_general(a, b, dimensions, partial(products.matmul, e)),
        parties.sums(x), parties.sums(y),
    )  # fmt: skip
    assert (one + two == ring.dot_general(x, y, dimensions)).all()
    image, kernel = parties.words(1, 2, 4, 4), parties.words(3, 2, 2, 2)
    form = ring.Convolution((1, 2), [(1, 0), (0, 1)], ((1, 1), (1, 1)))
    one, two = parties.run(
        lambda e, a, b: ring.conv_general_dilated(a, b, form, partial(products.matmul, e)),
        parties.sums(image), parties.sums(kernel),
    )  # fmt: skip
    assert (one + two == ring.conv_general_dilated(image, kernel, form)).all()


# -------------------------------------------------------------------- sums


def test_carries_of_all_sums_of_five_bits(parties):
    """A range of one whole digit and a part of the next one, all summands."""
    x, y = (each.reshape(-1).astype(np.uint64) << np.uint64(7) for each in np.indices((32, 32)))
    ((one,), (two,)) = parties.run(lambda e, own: carries.ranges(e, own, (7, 12)), (x, y))
    total = (x + y) >> np.uint64(7)
    assert (bits.unpack(one.generate[0] ^ two.generate[0], 1024) == (total >= 32)).all()
    assert (bits.unpack(one.propagate[0] ^ two.propagate[0], 1024) == (total == 31)).all()


# -------------------------------------------------------------------- what it costs

N = 1 << 10
ROWS = 64
"""Bits of a transfer, with fields of 2 bits."""


def cost(function, *each) -> tuple[float, int]:
    """Bits that P0 sends for one element, but for checks, and rounds."""
    parties = Parties(OtSettings(2, 1 << 16, overlap=False))
    end = parties.ends[0]
    sent, rounds = parties.sent()[0], len(end.received)
    parties.run(function, *each)
    assert [e.sent for e in parties.ends] == pytest.approx([end.sent] * 2, abs=20_000)
    return 8 * (parties.sent()[0] - sent) / N, len(end.received) - rounds


ZEROS = (np.zeros(N, np.uint64),) * 2
WIDE = (wide_zeros(N),) * 2
FLAGS = (np.zeros(N, np.bool_),) * 2
PLANES = (np.zeros(N // 64, np.uint64),) * 2


@pytest.mark.parametrize(
    ("function", "each", "size", "rounds"),
    [
        (products.multiply, (ZEROS, ZEROS), 64 * (ROWS + 36), 2),
        (products.square, (ZEROS,), 32 * (ROWS + 36), 2),
        (products.select, (FLAGS, ZEROS), ROWS + 64, 2),
        (products.to_ring, (FLAGS,), (ROWS + 64) / 2, 2),
        (products.multiply, (WIDE, WIDE), 128 * (ROWS + 68), 3),
        (products.square, (WIDE,), 64 * (ROWS + 68), 2),
        (products.select, (FLAGS, WIDE), ROWS + 128, 2),
        (lambda e, b: products.to_ring(e, b, 128), (FLAGS,), (ROWS + 128) / 2, 2),
        (lambda e, own: carries.ranges(e, own, (0, 128)), (WIDE,), 95 * ROWS + 32 * 16 + 31 * 2, 12),
        (lambda e, a: conjunctions(e, a, a[None]), (PLANES,), ROWS + 1, 2),
        (lambda e, own: carries.ranges(e, own, (0, 64)), (ZEROS,), 47 * ROWS + 16 * 16 + 15 * 2, 10),
    ],
)
def test_bits_and_rounds_an_element(function, each, size, rounds):
    assert cost(function, *each) == (size, rounds)


def test_a_product_of_matrices_costs_a_set_of_transfers_an_element_of_the_smaller_one():
    x, y = (np.zeros((4, 8), np.uint64),) * 2, (np.zeros((8, 32), np.uint64),) * 2
    size, _ = cost(products.matmul, x, y)
    assert size * N / 8 == 32 * 64 * (ROWS / 8 + 32 * 4.5)
    assert cost(products.matmul, *((m.T, m.T) for m in (y[0], x[0])))[0] == size


# -------------------------------------------------------------------- what it refuses


@pytest.mark.parametrize("function", [lambda e: some_products(e, 16), lambda e: products.square(e, EDGES),
                                      lambda e: carries.ranges(e, EDGES, (0, 64))])  # fmt: skip
@pytest.mark.parametrize("who", [0, 1])
def test_a_short_message_ends_it(function, who):
    parties = Parties(QUICK)
    parties.ends[who].change = lambda number, data: data[:-1]
    with pytest.raises(LinkError, match="bytes came where one of"):
        parties.run(function)
