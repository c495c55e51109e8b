"""Two parties without a helper, in one process; what oblivious transfer would give comes from here."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np

import ot_pairs
from junto.mpc.ot.extension import OtSettings
from junto.mpc.preprocess.correlations import PAIR_TURN_SCALE, Correlations, Demand, Made, width_of
from junto.mpc.preprocess.joint import BATCH, Paired, Preparing, Supply, prepared
from junto.mpc.preprocess.oblivious import Oblivious
from junto.mpc.prg import Stream, derive
from junto.mpc.protocol.demands import (
    Bilinear,
    BothBits,
    Conjunction,
    Cut,
    DigitPads,
    Number,
    Product,
    Selected,
    Square,
    Turn,
    WordPads,
    times_factor,
    turned,
)
from junto.mpc.protocol.pair.pair_gates import PairGates
from junto.mpc.ring128 import elements, is_below_zero, is_wide, lowest_words, ring_bits, unsigned, wide_from
from junto.mpc.rounds import Rounds
from mpc_nodes import BLOCK, WAIT_S, Function, Outcome, Pair, _combine, _enter, _piece, _shares


class Trusted:
    """Knows the demands of both parties, and deals what they want; for tests alone."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng([seed, 77])
        self._meeting = threading.Barrier(2)
        self._asked: list[Sequence[Demand]] = [[], []]
        self._made: list[list[Made]] = [[], []]
        self.batches = 0

    def end(self, party: int) -> Correlations:
        return _End(self, party)

    def stop(self) -> None:
        self._meeting.abort()

    def make(self, party: int, demands: Sequence[Demand]) -> list[Made]:
        self._asked[party] = demands
        self._meeting.wait(WAIT_S)
        if party == 0:
            self.batches += 1
            pairs = zip(*self._asked, strict=True)
            both = [dealt(self._rng, one, other) for one, other in pairs]
            self._made = [[each[0] for each in both], [each[1] for each in both]]
        self._meeting.wait(WAIT_S)
        return self._made[party]


class _End(Correlations):
    def __init__(self, trusted: Trusted, party: int) -> None:
        self._trusted = trusted
        self._party = party

    @property
    def sent(self) -> int:
        return 0

    def make(self, demands: Sequence[Demand]) -> list[Made]:
        return self._trusted.make(self._party, demands)


def dealt(rng: np.random.Generator, one: Demand, other: Demand) -> tuple[Made, Made]:
    """What both parties get for the two sides of one demand."""
    with np.errstate(over="ignore"):
        return _dealt(rng, one, other)


def _dealt(rng: np.random.Generator, one: Any, other: Any) -> tuple[Made, Made]:
    assert type(one) is type(other)
    match one:
        case Cut():
            return _cut(rng, one, other)
        case DigitPads():
            return _digit_pads(rng, one, other)
        case WordPads():
            rows = 1 << one.digit.width
            pads = _words(rng, (rows, one.tables, one.numbers.size))
            place = lowest_words(other.numbers >> np.uint64(one.digit.low)) & np.uint64(rows - 1)
            return (pads,), (pads[place, :, np.arange(place.size)].T,)
        case Conjunction():
            whole = Conjunction(one.left ^ other.left, one.right ^ other.right, one.lanes).whole()
            noise = _words(rng, whole.shape)
            return (noise,), (whole ^ noise,)
    whole, width = _whole(one, other), width_of(one)
    noise = _numbers(rng, whole.shape, width)
    return (noise,), (np.asanyarray(elements(whole, width) - noise),)


def _whole(one: Any, other: Any) -> np.ndarray:
    match one:
        case Product():
            assert one.shape == other.shape
            return Product(one.left + other.left, one.right + other.right, one.shape, one.held).whole()
        case Square():
            return Square(one.mask + other.mask).whole()
        case Bilinear():
            return Bilinear(one.left + other.left, one.right + other.right, one.map, one.held).whole()
        case Number():
            return Number(one.bits ^ other.bits).whole()
        case Selected():
            return Selected(one.bits ^ other.bits, one.right + other.right, one.shape).whole()
        case BothBits():
            return BothBits(one.left ^ other.left, one.right ^ other.right, one.shape).whole()
        case Turn():
            assert PAIR_TURN_SCALE == 40
            c0, s0, c1, s1 = (turned(each) for each in (one.cos, one.sin, other.cos, other.sin))
            return np.stack([c0 * c1 - s0 * s1, s0 * c1 + c0 * s1])
    raise AssertionError(f"{type(one).__name__} needs a helper")


def _cut(rng: np.random.Generator, one: Cut, other: Cut) -> tuple[Made, Made]:
    mask, top = one.mask + other.mask, (one.top ^ other.top).astype(np.uint64)
    if one.factor is not None:
        whole = times_factor(mask, one.factor)
    else:
        whole = mask >> np.uint64(one.shift) if one.shift else unsigned(mask)
    missing = whole - one.low - other.low
    flipped = is_below_zero(mask) ^ top
    noise = _numbers(rng, mask.shape, ring_bits(one.low))
    return (missing, flipped, noise), (missing, flipped, top - noise)


def _digit_pads(rng: np.random.Generator, one: DigitPads, other: DigitPads) -> tuple[Made, Made]:
    shape = (one.layers, one.digits, one.numbers.size)
    assert shape == (other.layers, other.digits, other.numbers.size)
    kind = np.uint32 if one.width == 2 else np.uint16
    pads = _words(rng, shape).astype(kind)
    shifts = [np.uint64(4 * place) for place in range(one.digits)]
    digits = np.stack([lowest_words(other.numbers >> shift) & np.uint64(15) for shift in shifts])
    chosen = (pads.astype(np.uint64) >> (digits * np.uint64(one.width))) & np.uint64((1 << one.width) - 1)
    return (pads,), (chosen.astype(np.uint8),)


def _numbers(rng: np.random.Generator, shape: tuple[int, ...], width: int) -> np.ndarray:
    return wide_from(_words(rng, (*shape, 2))) if is_wide(width) else _words(rng, shape)


def _words(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(rng.bytes(8 * prod(shape)), np.uint64).reshape(shape)


def oblivious(function: Function, *inputs: np.ndarray, **more: Any) -> Outcome:
    """As `run`, with oblivious transfer."""
    return run(function, *inputs, transfers=OtSettings(field_bits=4, block=1 << 14, overlap=False), **more)


def _wires() -> tuple[Pair, Pair]:
    first, second = queue.Queue(), queue.Queue()
    return Pair(first, second), Pair(second, first)


class Sources:
    """Both parties' ends of what they make from oblivious transfer, and the wires between them."""

    def __init__(self, transfers: OtSettings = ot_pairs.QUICK, session: bytes = b"test") -> None:
        self.wires = ot_pairs.wires()
        self.ends = [
            Oblivious(self.wires[i], i, Stream(derive(bytes(32), "own", i)), session, "peer", transfers)
            for i in (0, 1)
        ]

    def make(self, first: Sequence[Demand], second: Sequence[Demand]) -> list[tuple[Made, Made]]:
        """What both get for each of several demands."""
        plays = [partial(end.make, asked) for end, asked in zip(self.ends, (first, second), strict=True)]
        with np.errstate(over="ignore"):
            one, other = ot_pairs.both(self.wires, plays)
        return list(zip(one, other, strict=True))


_MET: dict[OtSettings, list[Oblivious]] = {}


def _met(transfers: OtSettings) -> list[Oblivious]:
    """Two ends that go from one run to the next, for beginning takes longer than most of them."""
    if transfers not in _MET:
        _MET[transfers] = Sources(transfers).ends
    return _MET[transfers]


def run(
    function: Function,
    *inputs: np.ndarray,
    block: int = BLOCK,
    seed: int = 0,
    ready: bool = True,
    batch: int = BATCH,
    transfers: OtSettings | None = None,
    width: int = 64,
) -> Outcome:
    """As `mpc_nodes.run`, by two parties; with `transfers` they make themselves what they need."""
    wires, trusted = _wires(), Trusted(seed)
    ends = [trusted.end(i) for i in (0, 1)] if transfers is None else _met(transfers)
    before = [end.sent for end in ends]
    shared = [_shares(np.asanyarray(x), np.random.default_rng([seed, i])) for i, x in enumerate(inputs)]
    results: list[Any] = [None] * 2
    started: list[Any] = [None] * 2
    roles: list[Any] = [None] * 2

    def play(number: int) -> None:
        key, supply = derive(bytes(32), "masks", seed, number), Supply()
        role = roles[number] = Paired(number, Stream(key), wires[number], supply, width)

        async def program(role: Any, place: int) -> Any:
            gates = PairGates(role, block)
            secrets = [await _enter(role, gates, shares, place, ready) for shares in shared]
            if not role.deals:
                started[number] = (role.rounds, role.opened)
            return await function(gates, *secrets)

        preparing = Preparing(number, Stream(key), ends[number], supply, batch, width)
        supply.from_steps(prepared(preparing, lambda: program(preparing, 2)))
        try:
            with np.errstate(over="ignore"):
                out = Rounds(role.flush).run(program(role, number))
                supply.finish()
                results[number] = [_piece(role, x) for x in (out if isinstance(out, list | tuple) else [out])]
        except BaseException as error:
            results[number] = error
            trusted.stop()
            _MET.clear()

    threads = [threading.Thread(target=play, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waited = (queue.Empty, threading.BrokenBarrierError)
    for result in sorted(results, key=lambda each: isinstance(each, waited)):
        if isinstance(result, BaseException):
            raise result
    rounds, opened = started[0]
    return Outcome(
        [_combine(a, b) for a, b in zip(results[0], results[1], strict=True)],
        roles[0].rounds - rounds,
        roles[0].opened - opened,
        max(end.sent - sent for end, sent in zip(ends, before, strict=True)),
        (wires[0].received, wires[1].received),
        tuple(roles),
    )
