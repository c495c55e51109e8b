"""Pieces of pieces: they add up, nobody's are enough, and the same value never gives the same ones."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import mpc_nodes
from junto.errors import ProtocolViolation
from junto.mpc.prg import Stream, derive
from junto.mpc.protocol import handover, inout
from junto.mpc.protocol.inout import InputKind
from junto.mpc.protocol.role import Computing, Dealing
from junto.mpc.protocol.shares import Affine, Masked, MaskedBits, piece

N = 500
WORDS = np.arange(N, dtype=np.uint64) - np.uint64(N // 2)
BITS = np.arange(N) % 3 == 0
KINDS = [InputKind(False, (N,)), InputKind(True, (N,))]


def senders():
    """P0's and P1's secrets of WORDS and BITS."""
    rng = np.random.default_rng(0)
    masks = [rng.integers(0, 2**64, N, dtype=np.uint64) for _ in range(2)]
    flags = [rng.integers(0, 2, N).astype(np.bool_) for _ in range(2)]
    return [
        [Masked(WORDS + masks[0] + masks[1], masks[i]), MaskedBits(BITS ^ flags[0] ^ flags[1], flags[i])]
        for i in range(2)
    ]


def reading(index):
    return Computing(index, None, None, None)


def received(shifts=(0, 0)):
    """What P0 and P1 of the receivers hold in the end, and what P1 was given."""
    given = [handover.depart(reading(i), held) for i, held in enumerate(senders())]
    keys, rests = [key for key, _ in given], [rest for _, rest in given]
    first, second, pipe = mpc_nodes.queue.Queue(), mpc_nodes.queue.Queue(), mpc_nodes.Pipe()
    wires = mpc_nodes.Pair(first, second), mpc_nodes.Pair(second, first)
    streams = [[Stream(derive(bytes(32), "test", i)) for _ in range(2)] for i in range(2)]
    roles = [
        Computing(0, streams[0][0], wires[0], None),
        Computing(1, streams[1][0], wires[1], pipe),
        Dealing((streams[0][1], streams[1][1]), pipe),
    ]
    results = [None] * 3

    def play(number, shares):
        with np.errstate(over="ignore"):
            results[number] = handover.arrive(
                roles[number], KINDS, shares, [handover.Change(each) for each in shifts]
            )

    threads = [
        threading.Thread(target=play, args=(i, shares))
        for i, shares in enumerate((keys, rests, [None, None]))
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    return roles, results, rests


def opened(roles, results):
    with np.errstate(over="ignore"):
        words = piece(roles[0], results[0][0]) + piece(roles[1], results[1][0])
    bits = results[0][1].public ^ results[0][1].mask ^ results[1][1].mask
    return words, bits


@pytest.mark.parametrize("shift", [0, 3, -2])
def test_they_add_up(shift):
    roles, results, _ = received((shift, 0))
    words, bits = opened(roles, results)
    assert (bits == BITS).all()
    want = WORDS.view(np.int64) * 2.0**shift
    got = words.view(np.int64)
    assert (np.abs(got - np.floor(want)) <= (shift < 0)).all()
    assert isinstance(results[0][0], Masked if shift >= 0 else Affine)
    assert [role.rounds for role in roles] == [1, 1, 1]


def test_what_is_given_is_uniform_and_new_each_time():
    _, _, (one, other) = received()
    _, _, again = received()
    for parts in ((one, again[0]), (other, again[1])):
        assert not (parts[0][0] == parts[1][0]).any()
    octets = np.concatenate([one[0], other[0], again[0][0], again[1][0]]).view(np.uint8)
    counts = np.bincount(octets, minlength=256)
    expected = len(octets) / 256
    assert (((counts - expected) ** 2 / expected).sum()) < 360  # chi-square, 255 degrees: p about 1e-5
    with np.errstate(over="ignore"):
        assert not np.isin(one[0] + other[0], WORDS).any()  # without the keys, even both together say nothing


GOOD = [np.zeros(N, np.uint64), np.zeros(-(-N // 8), np.uint8)]
NO_PIECES = [
    "text",
    5,
    {},
    tuple(GOOD),
    [],
    GOOD[:1],
    [*GOOD, GOOD[0]],
    GOOD[::-1],
    [None, GOOD[1]],
    ["text", GOOD[1]],
    [GOOD[0].tolist(), GOOD[1]],
    [GOOD[0][1:], GOOD[1]],
    [GOOD[0][:, None], GOOD[1]],
    [GOOD[0].astype(np.int64), GOOD[1]],
    [GOOD[0].astype(">u8"), GOOD[1]],
    [GOOD[0], np.zeros(N, np.bool_)],
    [GOOD[0], GOOD[1][1:]],
]


class NoMasks:
    """A role that draws nothing: what is none is refused before memory is taken for it."""


@pytest.mark.parametrize("given", NO_PIECES)
def test_what_is_no_piece_of_these_arrays_is_refused_wherever_it_comes(given):
    for take in (
        lambda: handover.arrive(reading(1), KINDS, [GOOD, given], [handover.Change(0)] * 2),
        lambda: inout.enter_other(NoMasks(), 0, KINDS, given, "bob"),
        lambda: inout.enter_split(NoMasks(), KINDS, given, "bob"),
        lambda: inout.assemble(KINDS, GOOD, given, ("alice", "bob")),
        lambda: inout.assemble(KINDS, given, GOOD, ("bob", "alice")),
    ):
        with pytest.raises(
            ProtocolViolation, match=r"what (bob|a party of the other SPU) sent as pieces of 2"
        ):
            take()


@pytest.mark.parametrize("key", [b"", bytes(15), bytes(32)])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ProtocolViolation, match=f"what bob sent as a key has {len(key)} bytes"):
        inout.enter_split(NoMasks(), KINDS, key, "bob")
