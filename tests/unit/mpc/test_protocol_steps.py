"""Each protocol by itself, at its edges, against Python's integers: result, rounds and bytes."""

from __future__ import annotations

import numpy as np
import pytest

import mpc_pairs
from junto.mpc import bits
from junto.mpc.gates import Digit
from junto.mpc.protocol import borrow, compare, dealt, decompose, guarded, multiply, planes, truncate, widths
from junto.mpc.protocol.compare import Places
from junto.mpc.protocol.pair import digit_tree, leaves, pair_compare, pair_decompose, pair_lookup
from junto.mpc.protocol.shares import Additive, MaskedBits
from junto.mpc.ring128 import integers_of_wide, wide_of_integers
from mpc_nodes import BLOCK, run

WIDTHS = (64, 128)
SOME = 64
"""Elements: their truth values fill one word."""


def elements(numbers, width):
    if width == 128:
        return wide_of_integers(numbers)
    return np.array([each % 2**64 for each in numbers], np.uint64)


def integers(words):
    return (
        [int(each) for each in words.view(np.int64)] if words.dtype == np.uint64 else integers_of_wide(words)
    )


def edges(width, top):
    """Numbers of all sizes below 2**top in magnitude, those next to powers of two among them."""
    rng = np.random.default_rng(width + top)
    drawn = rng.integers(1, top, SOME), rng.integers(-1, 1, SOME), rng.choice([-1, 1], SOME)
    near = [int(sign) * ((1 << int(place)) + int(off)) for place, off, sign in zip(*drawn, strict=True)]
    return [0, -1, 1, (1 << top) - 1, 1 - (1 << top), *near][:SOME]


def flags(count=SOME, places=()):
    return np.random.default_rng(3).integers(0, 2, (count, *places)).astype(np.bool_)


def signed(number, width):
    return (number + (1 << width - 1)) % (1 << width) - (1 << width - 1)


@pytest.mark.parametrize("width", WIDTHS)
def test_products_are_those_of_the_ring_and_are_only_dealt(width):
    x, y = edges(width, width - 1), edges(width, width - 1)[::-1]
    found = run(
        lambda g, a, b: multiply.multiply(g._role, a, b), elements(x, width), elements(y, width), width=width
    )
    assert integers(found.value) == [signed(a * b, width) for a, b in zip(x, y, strict=True)]
    assert (found.rounds, found.opened, found.offline) == (0, 0, SOME * width // 8)


@pytest.mark.parametrize("width", WIDTHS)
def test_products_of_matrices_are_those_of_the_ring(width):
    x, y = edges(width, width - 1), edges(width, width - 1)[::-1]

    async def product(g, a, b):
        by = lambda left, right, matmul: matmul(left, right)  # noqa: E731
        return await multiply.bilinear(g._role, a, b, by)

    square = [elements(each, width).reshape(8, 8) for each in (x, y)]
    found = run(product, *square, width=width)
    wanted = np.array(x, object).reshape(8, 8) @ np.array(y, object).reshape(8, 8)
    assert integers(found.value.reshape(-1)) == [signed(each, width) for each in wanted.reshape(-1)]
    assert (found.rounds, found.opened, found.offline) == (0, 0, SOME * width // 8)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("count", [1, 18, 40])
def test_a_number_is_cut_to_the_unit_below_or_above(width, count):
    x = edges(width, width - 2)
    found = run(lambda g, a: truncate.truncate(g._role, a, count), elements(x, width), width=width)
    for got, number in zip(integers(found.value), x, strict=True):
        assert got - (number >> count) in (0, 1)
    assert (found.rounds, found.opened) == (1, SOME * width // 8)
    assert found.offline == 2 * SOME * width // 8


@pytest.mark.parametrize("width", WIDTHS)
def test_signs_and_zeros(width):
    x = edges(width, width - 1)
    for gate, wanted in (
        (compare.negative, [each < 0 for each in x]),
        (compare.zero, [not each for each in x]),
    ):
        found = run(lambda g, a, gate=gate: gate(g._role, a, BLOCK), elements(x, width), width=width)
        assert found.value.tolist() == wanted
        assert width > 64 or found.rounds == 3


def test_several_bounds_in_one_comparison():
    x, bounds = edges(64, 62), [-(1 << 40), 0, 1, 1 << 40]
    found = run(lambda g, a: compare.below(g._role, a, bounds, Places(0, 64), BLOCK), elements(x, 64))
    assert found.value.tolist() == [[each < bound for bound in bounds] for each in x]


@pytest.mark.parametrize("count", [1, 16, 17, 64])
def test_the_lowest_bits_of_a_number(count):
    x = edges(64, 63)
    found = run(lambda g, a: decompose.decompose(g._role, a, count, BLOCK), elements(x, 64))
    assert found.value.tolist() == [[bool(each >> place & 1) for place in range(count)] for each in x]
    assert found.rounds == (5 if count > 16 else 3)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_number_stays_where_all_its_bits_are_set(count):
    x, b = edges(64, 62), flags(places=(count,))

    async def both(g, bools, number):
        return guarded.guarded(g._role, bools, [number, number])

    found = run(both, b, elements(x, 64))
    kept = [number if all(row) else 0 for number, row in zip(x, b.tolist(), strict=True)]
    assert [integers(each) for each in found.values] == [kept, kept]
    assert (found.rounds, found.offline) == (0, 3 * (2**count - 1) * 8 * SOME)


def test_truth_values_are_joined_in_one_round_and_broadcast():
    a, b = flags(SOME, (4,)), flags(4)
    found = run(lambda g, x, y: planes.both(g._role, x, y), a, b)
    assert (found.value == (a & b)).all()
    assert (found.rounds, found.opened, found.offline) == (1, SOME * 4 // 8, SOME * 4 // 8)


def test_a_number_goes_to_the_larger_ring_and_back():
    x = edges(64, 62)

    async def there_and_back(g, number):
        wide = await widths.widened(g._role.in_ring(64), number)
        return [wide, widths.narrowed(wide)]

    wide, back = run(there_and_back, elements(x, 64), width=128, ready=False).values
    assert integers(wide) == x
    assert integers(back) == x


@pytest.mark.parametrize("width", WIDTHS)
def test_a_bit_as_a_number_and_an_entry_of_a_table(width):
    b, x = flags(), edges(width, 50)
    digit, table = Digit(0, 5), elements([7**place for place in range(32)], width)

    async def looked_up(g, bools, number):
        return [dealt.to_ring(g._role, bools), *dealt.lookup(g._role, number, digit, [table, table + table])]

    ones, once, twice = run(looked_up, b, elements(x, width), width=width).values
    assert integers(ones) == b.tolist()
    entries = [signed(7 ** (each % 32), width) for each in x]
    assert integers(once) == entries
    assert integers(twice) == [signed(2 * each, width) for each in entries]


@pytest.mark.parametrize("near", [1, 4])
def test_the_kernel_of_a_look_up_is_its_twin(near):
    rng = np.random.default_rng(5)
    tables, hot = (rng.integers(0, 2**64, shape, np.uint64) for shape in ((3, 32), (SOME, 32 // near)))
    digits = rng.integers(0, 32, SOME, np.uint64)
    wanted = [
        [sum(int(table[(int(d) - near * i) % 32]) * int(h) for i, h in enumerate(row)) % 2**64
         for d, row in zip(digits, hot, strict=True)] for table in tables
    ]  # fmt: skip
    for made in (dealt.selected(tables, digits, hot), dealt.selected_in_numpy(tables, digits, hot)):
        assert made.tolist() == wanted


@pytest.mark.parametrize("groups", [1, 3])
def test_borrows_within_groups_of_four(groups):
    """Of the places up to each: whether those of D are below those of m, or the same."""
    count = borrow.RADIX * groups
    public, mask = np.random.default_rng(8).integers(0, 2**count, (2, SOME)).astype(np.uint64)
    public[:4] = mask[:4]

    async def prefixes(g, _):
        role = g._role
        d, m = bits.planes(~public, count), bits.planes(mask, count)
        tree = borrow.leaves(role, *((None, m) if role.deals else (d, None)), groups, SOME)
        share = None if tree is None else np.concatenate([*tree.generate, *tree.propagate])
        found = await planes.reshare(role, share, 2 * count, SOME)
        return MaskedBits(*(each if each is None else unpacked(each) for each in (found.public, found.mask)))

    def unpacked(found):
        return np.stack([bits.unpack(each, SOME) for each in found])

    found = run(prefixes, np.zeros(SOME, np.bool_)).value.reshape(2, borrow.RADIX, groups, SOME)
    for place in range(borrow.RADIX):
        for group in range(groups):
            d, m = ((each >> np.uint64(4 * group)) % np.uint64(2 << place) for each in (public, mask))
            assert (found[0, place, group] == (d < m)).all()
            assert (found[1, place, group] == (d == m)).all()


# ---------------------------------------------------------------- two parties and nobody else


@pytest.mark.parametrize("width", WIDTHS)
def test_signs_and_zeros_without_a_helper(width):
    x = edges(width, width - 1)
    signs, zeros = [each < 0 for each in x], [not each for each in x]
    for gate, wanted in ((pair_compare.negative, signs), (pair_compare.zero, zeros)):
        found = mpc_pairs.run(
            lambda g, a, gate=gate: gate(g._role, a, BLOCK), elements(x, width), width=width
        )
        assert found.value.tolist() == wanted


@pytest.mark.parametrize("count", [1, 16, 64])
def test_the_lowest_bits_of_a_number_without_a_helper(count):
    x = edges(64, 63)

    def places(g, number):
        return decompose.in_blocks(g._role, number, count, BLOCK, pair_decompose.places)

    found = mpc_pairs.run(places, elements(x, 64))
    assert found.value.tolist() == [[bool(each >> place & 1) for place in range(count)] for each in x]


def test_a_pair_s_parts_differ_by_the_number_and_so_do_their_lowest_bits():
    x, digit = edges(64, 63), Digit(9, 5)

    async def parts(g, number):
        role = g._role
        own = leaves.private(role, number)
        own = own if role.index == 0 else 0 - own
        return [Additive(None if role.deals else own, (SOME,)), pair_lookup.rest(role, number, digit)]

    whole, rest = mpc_pairs.run(parts, elements(x, 64)).values
    assert integers(whole) == x
    assert all(
        (got - each) % 512 == 0 and abs(got) < 512 for got, each in zip(integers(rest), x, strict=True)
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_an_entry_of_a_table_without_a_helper(width):
    x, digit = edges(width, 50), Digit(0, 5)
    table = elements([7**place for place in range(32)], width)
    found = mpc_pairs.run(
        lambda g, number: pair_lookup.lookup(g._role, number, digit, [table, table + table], BLOCK),
        elements(x, width),
        width=width,
    )
    entries = [signed(7 ** (each % 32), width) for each in x]
    assert [integers(each) for each in found.values] == [
        entries,
        [signed(2 * each, width) for each in entries],
    ]


@pytest.mark.parametrize("digits", [2, 8])
def test_numbers_are_compared_by_their_digits(digits):
    """Of the digits up to each, the lowest first: whether one number is less; and whether all are equal."""
    rng = np.random.default_rng(digits)
    one, other = rng.integers(0, 2, (2, digits, SOME))
    one[:, :8] = other[:, :8]
    weights = 1 << np.arange(digits)
    upto = [[weights[: place + 1] @ each[: place + 1] for place in range(digits)] for each in (one, other)]

    async def compared(g, lower, equal):
        role, parts = g._role, [in_planes(each) for each in (lower, equal)]
        shares = await digit_tree.less(role, *parts), await digit_tree.all_of(role, parts[1])
        less, same = [await planes.reshare(role, share, 1, SOME) for share in shares]
        found = await digit_tree.prefixes(role, *parts)
        return [in_bits(less), in_bits(same), in_bits(found)]

    less, same, each = mpc_pairs.run(compared, one < other, one == other).values
    assert (less == (upto[0][-1] < upto[1][-1])).all()
    assert (same == (one == other).all(0)).all()
    assert (each == np.less(*upto)).all()


def in_planes(b):
    """A plane for each row of truth values."""
    public, mask = (
        None if each is None else np.stack([bits.pack(row) for row in each]) for each in (b.public, b.mask)
    )
    return planes.MaskedPlanes(public, mask, SOME)


def in_bits(found):
    public, mask = (
        None if each is None else np.stack([bits.unpack(row, SOME) for row in each])
        for each in (found.public, found.mask)
    )
    return MaskedBits(public, mask)
