"""What two parties without a helper see of each other, in the gates of their own and while they prepare.

A comparison of one digit is small enough for every random choice to be tried: the views of each party must be
the same, each as often, whatever the other one's digit is. What is larger is counted.
"""

from __future__ import annotations

import queue
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import mpc_pairs
import ot_pairs
from junto.mpc import bits
from junto.mpc.gates import Digit, Powers
from junto.mpc.preprocess.joint import Paired, Preparing, Supply
from junto.mpc.prg import Stream
from junto.mpc.protocol.demands import (
    BOTH,
    BothBits,
    Conjunction,
    Cut,
    DigitPads,
    Number,
    Product,
    Selected,
    Turn,
    WordPads,
)
from junto.mpc.protocol.pair.leaves import EQUALITY, compare_digits
from junto.mpc.protocol.role import OneWayMessage, Role
from junto.mpc.rounds import Rounds
from mpc_pairs import Sources

PADS = 1 << 16
LANES = 4 * PADS  # every word of pads, every mask bit of either party
CASES = np.arange(LANES, dtype=np.uint64)


class Scripted(Role):
    """A party whose random choices are given, for all cases at once: one lane a case."""

    pair = True

    def __init__(self, index, mask, pads, ends):
        super().__init__()
        self.index = index
        self._mask, self._pads = mask, pads
        self._out, self._in = ends
        self.heard = b""

    def mask_planes(self, count, lanes):
        assert (count, lanes) == (1, LANES)
        return bits.pack(self._mask.astype(np.bool_))[None]

    def pads(self, demand):
        assert isinstance(demand, DigitPads)
        return self._pads

    def _flush(self, asked):
        (told,) = asked
        assert isinstance(told, OneWayMessage)
        if told.by == self.index:
            self._out.put(bytes(told.data))
            return [None]
        self.heard = self._in.get(timeout=240)
        assert len(self.heard) == told.size
        return [memoryview(self.heard)]

    def _never(self, *_):
        raise NotImplementedError

    mask = deal = deal_planes = mask_by = mask_planes_by = _never


def views(a: int, b: int, pads: np.ndarray):
    """How often each view of P0 and of P1 comes up, and whether the result is always right."""
    own = [CASES >> np.uint64(17), CASES >> np.uint64(16) & np.uint64(1)]
    words = pads[CASES & np.uint64(PADS - 1)]
    entries = (words >> np.uint64(b)) & np.uint64(1)
    one, other = queue.Queue(), queue.Queue()
    roles = [
        Scripted(0, own[0], words.astype(np.uint16)[None, None], (one, other)),
        Scripted(1, own[1], entries.astype(np.uint8)[None, None], (other, one)),
    ]
    digits = [np.full(LANES, value, np.uint64) for value in (a, b)]

    def play(index):
        return Rounds(roles[index].flush).run(compare_digits(roles[index], digits[index], 1, EQUALITY))

    found = ot_pairs.both(ot_pairs.wires(), [partial(play, index) for index in (0, 1)])
    equal = [bits.unpack(found[0].public[0], LANES), *[bits.unpack(each.mask[0], LANES) for each in found]]
    assert (np.bitwise_xor.reduce(equal) == (a == b)).all()
    back = np.unpackbits(np.frombuffer(roles[0].heard, np.uint8), bitorder="little").astype(np.uint64)
    asked = np.frombuffer(roles[1].heard, np.uint16).astype(np.uint64)
    first = own[0] | words << np.uint64(1) | back << np.uint64(17)
    second = own[1] | entries << np.uint64(1) | asked << np.uint64(2)
    return [np.bincount(view.astype(np.int64), minlength=1 << 18) for view in (first, second)]


UNIFORM = np.arange(PADS, dtype=np.uint64)


@pytest.mark.parametrize("b", [0, 6, 15])
def test_p1s_view_does_not_depend_on_p0s_digit(b):
    seen = [views(a, b, UNIFORM)[1] for a in range(0, 16, 3)]
    assert all((each == seen[0]).all() for each in seen)


@pytest.mark.parametrize("a", [0, 9, 15])
def test_p0s_view_does_not_depend_on_p1s_digit(a):
    seen = [views(a, b, UNIFORM)[0] for b in range(0, 16, 3)]
    assert all((each == seen[0]).all() for each in seen)


def test_the_check_finds_pads_that_are_not_uniform():
    seen = [views(a, 6, UNIFORM & np.uint64(0xFFF0))[1] for a in (1, 3)]
    assert (seen[0] != seen[1]).any()


# ---------------------------------------------------------------- while they prepare

N = 700
LIMIT = 400.0
"""Chi-square with 255 degrees of freedom exceeds this once in 10**7 uniform samples."""


def chi_square(data: bytes) -> float:
    seen = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
    expected = len(data) / 256
    return float(((seen - expected) ** 2 / expected).sum())


def demands(fill: int) -> list:
    """One of each kind, of masks that are not random at all."""
    words, flags = np.full(N, fill % 2**64, np.uint64), np.full(N, bool(fill), np.bool_)
    planes, angles = np.full((2, 11), fill % 2**64, np.uint64), np.full(N, float(bool(fill)))
    return [
        Product(words, words, words.shape, (BOTH, BOTH)),
        Product(words, words, words.shape, (1, 2)),
        Selected(flags, words, words.shape),
        BothBits(flags, flags, flags.shape),
        Number(flags),
        Conjunction(planes, planes, N),
        Turn(angles, 1 - angles),
        DigitPads(words, 16, 1, 2),
        WordPads(words, Digit(20, 4), 1),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("fills", [(0, 0), (0, -1), (-1, 0), (-1, -1)], ids=str)
def test_what_each_receives_while_they_prepare_is_uniform(fills):
    sources = Sources()
    wires = sources.wires
    for number in range(len(demands(0))):
        before = [len(wire.received) for wire in wires]
        asked = [[demands(fill)[number]] for fill in fills]
        sources.make(*asked)
        for wire, start in zip(wires, before, strict=True):
            skipped = 3 if number == 0 else 0  # the beginning has points and settings
            data = b"".join(wire.received[start + skipped :])
            if len(data) > 2000:
                assert chi_square(data) < LIMIT, type(asked[0][0]).__name__


@pytest.mark.parametrize("fill", [0, -1])
def test_what_choices_lack_is_uniform_if_the_choices_are(fill):
    mask = np.full(N, fill % 2**64, np.uint64)
    rng = np.random.default_rng(3)
    cuts = [
        Cut(mask, rng.integers(0, 2**64, N, np.uint64), rng.integers(0, 2, N).astype(np.bool_), 18)
        for _ in (0, 1)
    ]
    ((one, other),) = Sources().make(cuts[:1], cuts[1:])
    assert (one[0] == other[0]).all()
    assert chi_square(one[0].tobytes()) < LIMIT
    assert abs(int(one[1].sum()) - N // 2) < 5 * N**0.5


# ---------------------------------------------------------------- while they compute

CONSTANT = np.full(4 * N, 5, np.uint64)


def entry(gates, x):
    return gates.lookup(x, Digit(20, 4), [np.full(16, 3, np.uint64)])


async def power(gates, x):
    tables = (np.full(count, 3, np.uint64) for count in (16, 16, 4))
    rest, found, _ = await gates.power(x, Digit(20, 4), Powers(*tables, 0))
    return [await gates.hold(rest), found]


OPENED = {
    "truncate": lambda gates, x: gates.truncate(x, 18),
    "rescale": lambda gates, x: gates.rescale(x, np.array(3 << 60, np.uint64)),
    "multiply": lambda gates, x: gates.multiply(gates.add_public(gates.arrange(x, np.copy), CONSTANT), x),
    "lookup": entry,
    "power": power,
}


@pytest.mark.parametrize("gate", OPENED)
def test_what_two_parties_open_is_uniform_though_all_numbers_are_one(gate):
    """Each message, and what the two of a round add up to: a mask is missing in neither, nor used again."""
    seen = mpc_pairs.run(OPENED[gate], CONSTANT).received
    for received in seen:
        data = [np.frombuffer(message, np.uint64) for message in received if len(message) > 8 * N]
        assert all(chi_square(each.tobytes()) < LIMIT for each in data)
        words = np.concatenate([np.empty(0, np.uint64), *data])
        assert len(np.unique(words)) == len(words)
    for one, other in zip(*seen, strict=True):
        if len(one) == len(other) > 8 * N:
            opened = np.frombuffer(one, np.uint64) + np.frombuffer(other, np.uint64)
            assert chi_square(opened.tobytes()) < LIMIT
            assert len(np.unique(opened)) == len(opened)


@pytest.mark.parametrize("shape", [(N,), (N, 8)])
def test_what_a_party_chooses_of_a_truncation_is_drawn_and_the_same_in_both_phases(shape):
    keys, supply = bytes(range(16)), Supply()
    one = Preparing(0, Stream(keys), SimpleNamespace(), supply).cut(shape, 18)
    supply.append([tuple(np.zeros(shape, np.uint64) for _ in range(3))])
    other = Paired(0, Stream(keys), None, supply).cut(shape, 18)
    for cut in (one, other):
        assert chi_square(cut.mask.tobytes()) < LIMIT
        assert chi_square(cut.low.tobytes()) < LIMIT
        assert abs(int(cut.bits.sum()) - cut.bits.size // 2) < 5 * cut.bits.size**0.5 / 2
        assert not (cut.mask == cut.low).any()
    assert all((getattr(one, name) == getattr(other, name)).all() for name in ("mask", "low", "bits"))
