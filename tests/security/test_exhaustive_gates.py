"""Truncation and comparison on an 8-bit ring: every input, every mask, and what each compute party sees.

A party's view is its masks, what is dealt to it, and what it receives. What is dealt is a one-time pad to
each party alone, so one party's pieces are fixed here. There is one lane for each choice of the masks, and
what that party receives must be uniform for every input: with each of its own masks, each message comes up
as often as every other.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest

from junto.mpc import bits
from junto.mpc.gates import Digit, Powers
from junto.mpc.protocol import dealt
from junto.mpc.protocol.compare import Places, below, negative, zero
from junto.mpc.protocol.decompose import in_blocks
from junto.mpc.protocol.demands import ONES
from junto.mpc.protocol.role import Role
from junto.mpc.protocol.shares import Additive, Masked, piece
from junto.mpc.protocol.stepped_tables import reached_places
from junto.mpc.protocol.truncate import truncate
from junto.mpc.protocol.widths import widened as widened_secret
from junto.mpc.ring128 import integers_of_wide, wide_of_integers, widened
from junto.mpc.rounds import Rounds

WIDTH = 8
SIZE = 1 << WIDTH
NUMBERS = np.arange(SIZE, dtype=np.uint64)
Masks = Sequence[np.ndarray]


class Small(Role):
    """A role on the integers modulo 2**width, one lane a case.

    Args:
        index: None at the helper.
        width: of the ring.
        masks: in the order in which they are asked for; the helper's are both nodes' together. Those of ring
            elements are [lanes], those of planes [planes, lanes].
        wires: to the other one, and from it.
        dealt: what the helper dealt, in order.
    """

    def __init__(self, index, width, masks, wires=None, dealt=()):
        super().__init__()
        self.index, self.width = index, width
        self._masks = iter(masks)
        self._wires = wires
        self._pads = np.random.default_rng(5)
        self._next = iter(dealt)
        self.dealt = []
        self.received = []
        self.forgets = False

    def mask(self, shape):
        return next(self._masks)

    def mask_planes(self, count, lanes):
        mask = packed(next(self._masks))
        return np.zeros_like(mask) if self.forgets and count == 1 else mask

    def deal(self, shape, demand):
        if not self.deals:
            return next(self._next)
        value, pad = (
            demand.whole() % (1 << self.width),
            self._pads.integers(0, 1 << self.width, dtype=np.uint64),
        )
        self.dealt.append((np.full(shape, pad), (value - pad) % (1 << self.width)))
        return value

    def deal_wide(self, shape, demands):
        if not self.deals:
            return [next(self._next) for _ in demands]
        values = [widened(each.whole()) for each in demands]
        for value in values:
            pad = wide_of_integers([int(each) << 64 | 9 for each in self._pads.integers(0, 1 << 62, 1)])
            self.dealt.append((np.broadcast_to(pad, shape).copy(), value - pad))
        return values

    def deal_planes(self, count, lanes, demand):
        if not self.deals:
            return next(self._next)
        value, pads = demand.whole(), self._pads.integers(0, 2, (count, 1), np.uint64) * ONES
        self.dealt.append((np.broadcast_to(pads, value.shape), value ^ pads))
        return value

    def mask_by(self, owner, shape):
        raise NotImplementedError

    mask_planes_by = mask_by

    def _flush(self, asked):
        if self.deals:
            return [None] * len(asked)
        opened = []
        for share in asked:
            of_ring = hasattr(share, "words")
            mine = share.words % (1 << self.width) if of_ring else share.planes
            self._wires[0].put(mine)
            other = self._wires[1].get(timeout=240)
            self.received.append(other if of_ring else unpacked(other, share.lanes))
            opened.append((mine + other) % (1 << self.width) if of_ring else mine ^ other)
        return opened


def packed(flags: np.ndarray) -> np.ndarray:
    return np.stack([bits.pack(row.astype(np.bool_)) for row in flags])


def unpacked(planes: np.ndarray, lanes: int) -> np.ndarray:
    return np.stack([bits.unpack(row, lanes) for row in planes]).astype(np.uint64)


def play(program, masks: tuple[Masks, Masks], width: int = WIDTH, fixed: int = 0):
    """Run `program(role)` in three roles: what P0 and P1 received, and their results.

    Of the party `fixed`, what is dealt is the same in every lane.
    """
    whole = [
        (a + b) % (1 << width) if a.ndim == 1 else a.astype(np.uint64) ^ b.astype(np.uint64)
        for a, b in zip(*masks, strict=True)
    ]
    helper = Small(None, width, whole)
    with np.errstate(over="ignore"):
        Rounds(helper.flush).run(program(helper))
    wires = queue.Queue(), queue.Queue()
    roles = [
        Small(
            index,
            width,
            masks[index],
            (wires[index], wires[1 - index]),
            [pieces[index ^ fixed] for pieces in helper.dealt],
        )
        for index in (0, 1)
    ]
    results = [None, None]

    def part(index):
        with np.errstate(over="ignore"):
            results[index] = Rounds(roles[index].flush).run(program(roles[index]))

    threads = [threading.Thread(target=part, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [role.received for role in roles], results


def uniform(*views: np.ndarray, size: int = SIZE) -> bool:
    """Whether all values of ring elements [lanes] and planes [planes, lanes] together are as frequent."""
    parts = [(view, size) for view in views if view.ndim == 1]
    parts += [(row, 2) for view in views if view.ndim == 2 for row in view]
    key, values = np.zeros(views[0].shape[-1], np.int64), 1
    for part, count in parts:
        key, values = key * count + part.astype(np.int64), values * count
    return len(set(np.bincount(key, minlength=values).tolist())) == 1


def signed(x: np.ndarray) -> np.ndarray:
    return x.astype(np.int64) - SIZE * (x >= SIZE // 2)


# ---------------------------------------------------------------- truncation


def truncation_of(x: np.ndarray, masks: Masks, drop: int, gate=truncate):
    """What P0 and P1 receive, a lane for each number, and the results."""
    x0 = 37 * x % SIZE  # given to P0: the argument holds for each sharing alone

    async def program(role):
        share = {0: x0, 1: (x - x0) % SIZE, None: None}[role.index]
        return piece(role, await gate(role, Additive(share, x.shape), drop))

    received, results = play(program, ([masks[0]], [masks[1]]))
    return received, (results[0] + results[1]) % SIZE


def all_pairs() -> tuple[np.ndarray, np.ndarray]:
    left, right = np.meshgrid(NUMBERS, NUMBERS, indexing="ij")
    return left.reshape(-1), right.reshape(-1)


@pytest.mark.parametrize("drop", range(1, WIDTH - 1))
def test_a_truncation_is_right_for_every_number_and_every_mask(drop):
    x, mask = all_pairs()
    _, found = truncation_of(x, (91 * mask % SIZE, 166 * mask % SIZE), drop)  # 91 + 166 = 257
    off = (found.astype(np.int64) - (signed(x) >> drop)) % SIZE
    inside = np.abs(2 * signed(x) + 1) < SIZE // 2
    assert set(off[inside].tolist()) <= {0, 1}


@pytest.mark.parametrize("drop", range(1, WIDTH - 1))
def test_a_truncation_rounds_up_exactly_where_its_opening_is_below_what_is_cut_off(drop):
    x, mask = all_pairs()
    x0, own, other = 37 * x % SIZE, 91 * mask % SIZE, 166 * mask % SIZE
    (messages, _), found = truncation_of(x, (own, other), drop)
    opened = x0 + own + np.uint64(SIZE // 4) + messages[0]  # P0's own half, and P1's
    low = np.uint64((1 << drop) - 1)
    rounded_up = (opened & low) < (x & low)
    inside = np.abs(2 * signed(x) + 1) < SIZE // 2
    off = (found.astype(np.int64) - (signed(x) >> drop)) % SIZE
    assert (off == rounded_up)[inside].all()


@pytest.mark.slow
def test_what_a_truncation_opens_is_uniform_whatever_the_number():
    masks = all_pairs()
    for x in range(SIZE):
        received, _ = truncation_of(np.full(SIZE * SIZE, x, np.uint64), masks, 3)
        for messages, mask in zip(received, masks, strict=True):
            assert uniform(*messages, mask)


def test_the_check_finds_a_truncation_whose_mask_is_short():
    """A mask without its highest bit: for some numbers, some messages never come."""

    async def leaky(role, x, drop):
        mask = role.mask(x.shape) >> np.uint64(1)
        share = piece(role, x)
        await role.open(None if share is None else share + mask)
        return x

    masks = all_pairs()
    (messages, _), _ = truncation_of(np.full(SIZE * SIZE, 9, np.uint64), masks, 3, leaky)
    assert not uniform(*messages, masks[0])


# ---------------------------------------------------------------- powers of a digit


@pytest.mark.parametrize("near", [1, 2, 8])
def test_a_power_is_of_the_digit_or_the_next_one_and_nothing_is_opened(near):
    """Of 2, in whole numbers: with every number and every mask the rest says which of both it is."""
    x, mask = all_pairs()
    own, other = 91 * mask % SIZE, 166 * mask % SIZE
    digit, most = Digit(3, 4), 15 - (near - 1)
    exponents = [np.arange(16), np.arange(16), near - 1 - np.arange(near)]
    powers = Powers(*(np.uint64(1) << each.astype(np.uint64) for each in exponents), near - 1)

    async def program(role):
        opened = None if role.deals else (x + own + other) % SIZE
        held = Masked(opened, {0: own, 1: other, None: (own + other) % SIZE}[role.index])
        rest, power = dealt.power(role, held, digit, powers)
        assert rest.public is None or (rest.public == opened % 8).all()
        return None if role.deals else (piece(role, rest), power.share)

    wide = 16 + near
    received, results = play(program, ([], []), wide)
    assert not any(received), "something was opened"
    rest, power = ((a + b) % (1 << wide) for a, b in zip(*results, strict=True))
    rest = rest.astype(np.int64) - (rest >> np.uint64(wide - 1) << np.uint64(wide)).astype(np.int64)
    assert (np.abs(rest) < 8).all()
    exponent = np.rint(np.log2(power.astype(float))).astype(np.int64) - (near - 1)
    reached = (exponent <= most) & (power > 0)
    assert (exponent * 8 + rest == x.astype(np.int64) % 128)[reached & (x % 128 < 8 * most)].all()
    assert reached[x % 128 < 8 * most].all()


# ---------------------------------------------------------------- places that a digit has reached


def reached(places: Sequence[int], forgets: bool = False):
    """A gate as those below: which places the upper three bits but the highest have reached."""

    async def gate(role, x, block):
        role.forgets = forgets
        act = partial(reached_places, digit=Digit(4, 3), places=places)
        return await in_blocks(role, x, len(places), block, act)

    return gate


@pytest.mark.parametrize("x", [*range(0, SIZE, 51), 31, 32, 111, 112, SIZE - 1])
def test_the_places_are_those_of_the_digit_or_the_next_one_and_what_is_opened_is_uniform(x):
    digits = [(x // 16 + more) % 8 for more in (0, 1)]
    known = {tuple(digit >= place for place in (2, 5)) for digit in digits}
    for view, result in comparison_of(reached((2, 5)), x, [2]):
        assert {tuple(row) for row in result.tolist()} <= known
        assert uniform(*view)


def test_the_check_finds_places_that_are_opened_as_they_are():
    view, _ = comparison_of(reached((2,), forgets=True), 100, [1])[0]
    assert not uniform(*view)


# ---------------------------------------------------------------- the larger ring


def widening_of(x: np.ndarray, masks: Masks, gate=widened_secret):
    """As `truncation_of`; the results as whole numbers."""
    x0 = 37 * x % SIZE

    async def program(role):
        share = {0: x0, 1: (x - x0) % SIZE, None: None}[role.index]
        return piece(role, await gate(role, Additive(share, x.shape)))

    received, results = play(program, ([masks[0]], [masks[1]]))
    return received, np.array(integers_of_wide(results[0] + results[1]))


def test_a_number_comes_whole_into_the_larger_ring_whatever_the_mask():
    x, mask = all_pairs()
    inside = np.abs(2 * signed(x) + 1) < SIZE // 2
    x, mask = x[inside], mask[inside]
    _, found = widening_of(x, (91 * mask % SIZE, 166 * mask % SIZE))
    assert found.tolist() == signed(x).tolist()


@pytest.mark.slow
def test_what_is_opened_on_the_way_is_uniform_whatever_the_number():
    masks = all_pairs()
    for x in range(0, SIZE, 5):
        received, _ = widening_of(np.full(SIZE * SIZE, x, np.uint64), masks)
        for messages, mask in zip(received, masks, strict=True):
            assert uniform(*messages, mask)


# ---------------------------------------------------------------- comparison


def comparison_of(gate, x: int, planes: Sequence[int], width: int = WIDTH):
    """The views of P0 and of P1, for every mask of the other one and of the bits; and the results."""
    size = 1 << width
    count = sum(planes)
    cases = np.arange(size << 2 * count, dtype=np.uint64)
    free = cases >> np.uint64(2 * count)
    flags = (cases >> np.arange(2 * count, dtype=np.uint64)[:, None]) & np.uint64(1)
    given = np.uint64(91 * x % size)  # the mask that the party in question has
    ends = np.cumsum([0, *planes])
    own = [flags[a:b] for a, b in itertools.pairwise(ends)]
    other = [flags[count + a : count + b] for a, b in itertools.pairwise(ends)]
    found = []
    for party in (0, 1):
        masks = (np.full_like(free, given), free)
        mine = masks if party == 0 else masks[::-1]
        public = (np.uint64(x) + given + free) % size

        async def program(role, mine=mine, public=public):
            if role.deals:
                return await gate(role, Masked(None, sum(mine) % size), 1 << 30)
            result = await gate(role, Masked(public, mine[role.index]), 1 << 30)
            return result.public, result.mask

        sides = (own, other) if party == 0 else (other, own)
        received, ((e, s0), (_, s1)) = play(program, sides, width, party)
        found.append(([public, *own, *received[party]], e ^ s0 ^ s1))
    return found


GATES = {
    "negative": (negative, [3, 1], lambda x: x >= SIZE // 2),
    "zero": (zero, [2, 1], lambda x: x == 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GATES)
def test_what_a_comparison_opens_is_uniform_whatever_the_number(name):
    """Numbers at the ends, at the middle, and every thirteenth; of four bits, below, all of them."""
    gate, planes, oracle = GATES[name]
    for x in {*range(0, SIZE, 13), 1, SIZE // 2 - 1, SIZE // 2, SIZE - 1}:
        for view, result in comparison_of(gate, x, planes):
            assert (result == oracle(x)).all()
            assert uniform(*view)


@pytest.mark.parametrize(("gate", "oracle"), [(negative, lambda x: x >= 8), (zero, lambda x: x == 0)])
def test_a_comparison_of_four_bits_in_every_case(gate, oracle):
    for x in range(16):
        for view, result in comparison_of(gate, x, [1], width=4):
            assert (result == oracle(x)).all()
            assert uniform(*view, size=16)


def below_each(x: int, bounds: Sequence[int], forgets: bool = False):
    """As `comparison_of`, of two bounds, on the integers modulo 16."""
    cases = np.arange(256, dtype=np.uint64)
    free = cases >> np.uint64(4)
    flags = (cases >> np.arange(4, dtype=np.uint64)[:, None]) & np.uint64(1)
    own, other = flags[:2], flags[2:]
    for party in (0, 1):
        given = np.full_like(free, 91 * x % 16)
        mine = (given, free) if party == 0 else (free, given)
        public = (np.uint64(x) + given + free) % 16

        async def program(role, mine=mine, public=public):
            role.forgets = forgets
            x = Masked(None, sum(mine) % 16) if role.deals else Masked(public, mine[role.index])
            result = await below(role, x, bounds, Places(0, 4), 1 << 30)
            return result if role.deals else (result.public, result.mask)

        sides = ([own.reshape(1, -1)], [other.reshape(1, -1)])
        received, ((e, s0), (_, s1)) = play(program, sides if party == 0 else sides[::-1], 4, party)
        (opened,) = received[party]
        yield [public, own, opened.reshape(2, -1)], e ^ s0 ^ s1


def test_comparisons_with_several_bounds_share_what_is_dealt_and_open_nothing_else():
    """One dealing of the mask's bits for both: what both open together is uniform, for every number."""
    for x in range(8):
        for view, result in below_each(x, (3, 6)):
            assert (result == [x < 3, x < 6]).all()
            assert uniform(*view, size=16)


def test_the_check_finds_several_comparisons_that_open_bits_as_they_are():
    for view, _ in below_each(4, (3, 6), forgets=True):
        assert not uniform(*view, size=16)


def test_the_check_finds_a_comparison_that_opens_a_bit_as_it_is():
    async def leaky(role, x, block):
        role.forgets = True  # the mask of the last bit
        return await negative(role, x, block)

    view, _ = comparison_of(leaky, 200, [3, 1])[0]
    assert not uniform(*view)
