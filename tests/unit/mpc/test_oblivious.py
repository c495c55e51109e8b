"""What two parties make from oblivious transfer, kind by kind, against what a dealer would compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from junto.mpc import bits
from junto.mpc.gates import Digit
from junto.mpc.preprocess.correlations import PAIR_TURN_SCALE
from junto.mpc.protocol.demands import (
    BOTH,
    Bilinear,
    BothBits,
    Conjunction,
    Cut,
    DigitPads,
    Hot,
    Number,
    Product,
    Selected,
    Square,
    Turn,
    WordPads,
)
from junto.mpc.ring128 import (
    floats,
    integers_of_wide,
    is_below_zero,
    ring_bits,
    wide_from,
    wide_of_integers,
    zeros,
)
from mpc_pairs import Sources

RNG = np.random.default_rng(5)
WIDTH = 64


@pytest.fixture(params=[64, 128], autouse=True)
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Every test runs in both rings."""
    monkeypatch.setitem(globals(), "WIDTH", request.param)
    return request.param


def words(*shape: int) -> np.ndarray:
    if WIDTH == 128:
        return wide_from(RNG.integers(0, 2**64, (*shape, 2), dtype=np.uint64))
    return RNG.integers(0, 2**64, shape, dtype=np.uint64)


def ring(numbers: list[int]) -> np.ndarray:
    return wide_of_integers(numbers) if WIDTH == 128 else np.array(numbers, np.uint64)


def integers(x: np.ndarray) -> list[int]:
    """Without a sign."""
    return [each % 2**128 for each in integers_of_wide(x)] if WIDTH == 128 else [int(each) for each in x]


def flags(*shape: int) -> np.ndarray:
    return RNG.integers(0, 2, shape).astype(np.bool_)


@pytest.fixture(scope="module")
def sources():
    return Sources()


def summed(made) -> np.ndarray:
    ((one,), (other,)) = made
    assert ring_bits(one) == ring_bits(other) == WIDTH
    with np.errstate(over="ignore"):
        return one + other


SHAPES = [((5,), (5,), (5,)), ((3, 4), (3, 4), (3, 4)), ((3, 1), (4,), (3, 4)), ((), (7,), (7,))]
SHAPES += [((0,), (0,), (0,)), ((), (), ()), ((3, 4), (1, 4), (3, 4))]


HELD = [(BOTH, BOTH), (1, BOTH), (BOTH, 1), (1, 2), (2, 1), (2, BOTH)]


def piece(party: int, held: int, *shape: int) -> np.ndarray:
    """A party's piece of a mask, 0 if it has none."""
    return words(*shape) if held >> party & 1 else np.broadcast_to(zeros((), WIDTH), shape)


@pytest.mark.parametrize("held", HELD, ids=str)
def test_products_of_all_shapes_at_once(sources, held):
    x = [[piece(i, held[0], *left) for left, _, _ in SHAPES] for i in (0, 1)]
    y = [[piece(i, held[1], *right) for _, right, _ in SHAPES] for i in (0, 1)]
    asked: list[list[Any]] = [
        [Product(a, b, shape, held) for a, b, (_, _, shape) in zip(x[i], y[i], SHAPES, strict=True)]
        for i in (0, 1)
    ]
    asked[0].append(Square(x[0][1]))
    asked[1].append(Square(x[1][1]))
    *found, square = sources.make(*asked)
    for number, made in enumerate(found):
        with np.errstate(over="ignore"):
            want = (x[0][number] + x[1][number]) * (y[0][number] + y[1][number])
            whole = x[0][1] + x[1][1]
            assert (summed(made) == np.broadcast_to(want, SHAPES[number][2])).all()
            assert (summed(square) == whole * whole).all()


@pytest.mark.parametrize("held", HELD, ids=str)
def test_bilinear_maps(sources, held):
    def twice(a, b, by):
        crossed = by(a[:, :, :2].swapaxes(1, 2), b[:1].reshape(4, 1)[:1].repeat(5, 0))
        return np.moveaxis(by(a, b), 0, 1) + crossed[:, :1].sum()

    x, y = [piece(i, held[0], 2, 5, 3) for i in (0, 1)], [piece(i, held[1], 3, 4) for i in (0, 1)]
    (made,) = sources.make(*[[Bilinear(x[i], y[i], twice, held)] for i in (0, 1)])
    assert (summed(made) == Bilinear(x[0] + x[1], y[0] + y[1], twice, held).whole()).all()


def test_bits_and_numbers(sources):
    b, c, x = ([each(4, 3), each(4, 3)] for each in (flags, flags, words))
    asked = [
        [
            Selected(b[i], x[i], (4, 3)),
            Selected(b[i][:1], x[i], (4, 3)),
            Number(b[i], WIDTH),
            Number(c[i][0], WIDTH),
            BothBits(b[i], c[i], (4, 3), WIDTH),
            BothBits(b[i][0], c[i], (4, 3), WIDTH),
        ]
        for i in (0, 1)
    ]
    bit, other, number = b[0] ^ b[1], c[0] ^ c[1], x[0] + x[1]
    found = [summed(made) for made in sources.make(*asked)]
    wanted = [bit * number, bit[:1] * number, bit, other[0], bit & other, bit[0] & other]
    for got, want in zip(found, wanted, strict=True):
        assert (got == want).all()


@pytest.mark.parametrize("lanes", [1, 5, 64, 130])
def test_conjunctions(sources, lanes):
    length = bits.word_count(lanes)
    a, b = (RNG.integers(0, 2**64, (2, *size, length), dtype=np.uint64) for size in ((3,), (2, 3)))
    asked = [[Conjunction(a[i], b[i], lanes), Conjunction(a[i], b[i][0], lanes)] for i in (0, 1)]
    several, single = sources.make(*asked)
    want = Conjunction(a[0] ^ a[1], b[0] ^ b[1], lanes).whole()
    for made, planes in ((several, want), (single, want[:3])):
        ((one,), (other,)) = made
        assert one.shape == planes.shape
        for got, plane in zip(one ^ other, planes, strict=True):
            assert (bits.unpack(got, lanes) == bits.unpack(plane, lanes)).all()


def pieces() -> list[np.ndarray]:
    """Of masks, with every pair of numbers at whose ends something carries."""
    top = WIDTH - 1
    ends = ring([0, 1, 2**18 - 1, 2**18, 2 ** (top - 1), 2**top - 1, 2**top, 2**WIDTH - 1])
    return [np.repeat(ends, len(ends)), np.concatenate([ends] * len(ends))]


@pytest.mark.parametrize("factor", [4, 2**62, 4 * (2**62 // 3), 2**64 - 4])
def test_what_a_truncation_by_a_factor_needs(sources, factor):
    r = pieces()
    low, top = [words(64) for _ in (0, 1)], [flags(64) for _ in (0, 1)]
    factors = (np.uint64(factor), np.full(64, factor, np.uint64))
    asked = [[Cut(r[i], low[i], top[i], 0, each) for each in factors] for i in (0, 1)]
    made, _ = sources.make(*asked)
    mask = r[0] + r[1]
    for missing, flipped, _ in made:
        found = low[0] + low[1] + missing
        exact = [m * factor >> 64 for m in integers(mask)]
        off = {m - each for m, each in zip(exact, integers(found), strict=True)}
        assert off <= {0, 1, -(2**WIDTH) + 1}
        assert ((top[0] ^ top[1]) ^ flipped.astype(np.bool_) == is_below_zero(mask)).all()


@pytest.mark.parametrize("shift", [1, 4, 18, 46, 62, 64, 81, 126])
def test_what_a_truncation_needs(sources, shift):
    shift = min(shift, WIDTH - 2)
    r = pieces()
    low, top = [words(64) for _ in (0, 1)], [flags(64) for _ in (0, 1)]
    asked = [[Cut(r[i], low[i], top[i], shift), Cut(r[i][:3], low[i][:3], top[i][:3], 5)] for i in (0, 1)]
    made, _ = sources.make(*asked)
    (missing, flipped, one), (again, flipped_again, other) = made
    mask = r[0] + r[1]
    assert (missing == again).all()
    assert (flipped == flipped_again).all()
    assert (low[0] + low[1] + missing == mask >> np.uint64(shift)).all()
    assert ((top[0] ^ top[1]) ^ flipped.astype(np.bool_) == is_below_zero(mask)).all()
    assert (one + other == top[0] ^ top[1]).all()


def test_what_a_number_of_the_larger_ring_needs(sources):
    ends = np.array([0, 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1], np.uint64)
    r = [np.repeat(ends, len(ends)), np.tile(ends, len(ends))]
    low = [wide_from(RNG.integers(0, 2**64, (36, 2), dtype=np.uint64)) for _ in (0, 1)]
    top = [flags(36) for _ in (0, 1)]
    ((one, other),) = sources.make(*[[Cut(r[i], low[i], top[i], 0)] for i in (0, 1)])
    mask = [(int(a) + int(b)) % 2**64 for a, b in zip(*r, strict=True)]
    for missing, flipped, _ in (one, other):
        assert integers_of_wide(low[0] + low[1] + missing) == mask
        assert ((top[0] ^ top[1]) ^ flipped.astype(np.bool_)).tolist() == [each >= 2**63 for each in mask]
    assert (one[2] + other[2] == top[0] ^ top[1]).all()


def test_turns(sources):
    angles = RNG.uniform(-np.pi, np.pi, (2, 2, 9))
    asked = [[Turn(np.cos(each), np.sin(each), WIDTH) for each in angles[i]] for i in (0, 1)]
    for made, angle in zip(sources.make(*asked), angles.sum(0), strict=True):
        found = floats(summed(made)) / 2.0**PAIR_TURN_SCALE
        assert np.abs(found - np.stack([np.cos(angle), np.sin(angle)])).max() < 2**-18


@pytest.mark.parametrize(("layers", "width", "digits"), [(1, 1, 16), (1, 2, 16), (4, 2, 3), (2, 1, 1)])
def test_pads_of_digits(sources, layers, width, digits):
    digits = digits * WIDTH // 64
    asked = [[DigitPads(words(n), digits, layers, width) for n in (1, 40)] for _ in (0, 1)]
    for made, demand in zip(sources.make(*asked), asked[1], strict=True):
        ((tables,), (entries,)) = made
        assert tables.shape == entries.shape == (layers, digits, len(demand.numbers))
        assert tables.dtype.itemsize == 2 * width
        numbers = integers(demand.numbers)
        at = np.array([[width * (each >> 4 * i & 15) for each in numbers] for i in range(digits)], np.uint64)
        assert ((tables.astype(np.uint64) >> at) & np.uint64((1 << width) - 1) == entries).all()
        assert len(np.unique(tables)) > 1


@pytest.mark.parametrize(("width", "tables"), [(1, 1), (4, 1), (4, 2), (6, 3)])
@pytest.mark.parametrize("low", [20, 62, 100])
def test_pads_of_words(sources, low, width, tables):
    low = min(low, WIDTH - width)
    digit = Digit(low, width)
    asked = [[WordPads(words(n), digit, tables) for n in (1, 40)] for _ in (0, 1)]
    for made, demand in zip(sources.make(*asked), asked[1], strict=True):
        ((rows,), (entries,)) = made
        place = np.array([each >> low & (1 << width) - 1 for each in integers(demand.numbers)])
        lanes = np.arange(len(place))
        assert (entries == rows[place, :, lanes].T).all()
        assert len(np.unique(rows)) == rows.size


def test_what_only_a_helper_deals_is_refused():
    with pytest.raises(TypeError, match="only a helper deals it"):
        Sources().make([Hot(words(3), 1)], [Hot(words(3), 1)])


def test_what_is_sent_is_counted(sources):
    before = [end.sent for end in sources.ends]
    bits_of = [flags(64) for _ in (0, 1)]
    sources.make([Number(bits_of[0])], [Number(bits_of[1])])
    assert all(end.sent > sent for end, sent in zip(sources.ends, before, strict=True))
