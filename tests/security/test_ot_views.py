"""What each end of a transfer sees: uniform whatever the other's secrets, and without them in it."""

from __future__ import annotations

from collections import Counter
from functools import partial

import numpy as np
import pytest

from junto.mpc import bits
from junto.mpc.ot import base_transfers, carries, curve_points, products, softspoken, table_transfers
from junto.mpc.ot.conjunctions import conjunctions
from junto.mpc.ot.consistency import EXTRA, Challenge
from junto.mpc.ot.extension import OtSettings
from junto.mpc.ot.hashing import Hash
from junto.mpc.ot.pads import Chosen, Offered
from junto.mpc.ot.seed_trees import Grower
from junto.mpc.ot.table_transfers import Layout
from junto.mpc.prg import Stream, derive
from ot_pairs import Parties

N = 256
RUNS = 4
SMALL = OtSettings(field_bits=4, block=4096, overlap=False)
WORDS = {
    "zeros": np.zeros(N, np.uint64),
    "ones": np.full(N, 2**64 - 1, np.uint64),
    "small": np.arange(N, dtype=np.uint64),
}
LIMIT = 400.0
"""Chi-square with 255 degrees of freedom exceeds this once in 10**7 uniform samples."""


def chi_square(data: bytes) -> float:
    seen = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
    expected = len(data) / 256
    return float(((seen - expected) ** 2 / expected).sum())


def multiply(e, x):
    return products.multiply(e, x, x)


def square(e, x):
    return products.square(e, x)


def matmul(e, x):
    return products.matmul(e, x[:64].reshape(8, 8), x[:64].reshape(8, 8))


def to_ring(e, x):
    return products.to_ring(e, x & np.uint64(1) == 1)


def select(e, x):
    return products.select(e, x & np.uint64(1) == 1, x)


def both(e, x):
    return conjunctions(e, x, np.stack([x, ~x]))


def function(e, x):
    return table_transfers.evaluate(
        e, np.arange(256, dtype=np.uint64).reshape(16, 16), x.astype(np.uint8) % 16, 8
    )


def carry(e, x):
    return carries.ranges(e, x, (0, 18, 63, 64))


def one_way(e, x):
    layout = Layout(4, 8)
    if e.index == 0:
        return table_transfers.choose(e, x % np.uint64(16), layout)
    return table_transfers.offer(e, np.broadcast_to(x[:, None] % np.uint64(256), (N, 16)), layout)


USES = [
    multiply,
    square,
    matmul,
    to_ring,
    select,
    both,
    function,
    carry,
    one_way,
]


def views(use, x: np.ndarray) -> tuple[bytes, bytes]:
    """All that P0 and P1 received after the setup, in several runs one after the other."""
    parties = Parties(SMALL)
    start = [len(end.received) for end in parties.ends]
    for _ in range(RUNS):
        parties.run(use, (x, x))
    first, second = (b"".join(end.received[n:]) for end, n in zip(parties.ends, start, strict=True))
    return first, second


@pytest.mark.slow
@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("use", USES)
def test_what_is_received_is_uniform_whatever_the_inputs(use, name):
    for view in views(use, WORDS[name]):
        assert chi_square(view) < LIMIT


def test_the_check_finds_choices_that_are_sent_plain(monkeypatch):
    extend, calls = softspoken.ExtensionReceiver.extend, []

    def leaky(self, choices, width, name):
        message, rows = extend(self, choices, width, name)
        calls.append(name)
        for row in range(8 if len(calls) > 1 else 0):  # of 32; the first message is the setup's
            message[row * (EXTRA + width) + EXTRA :][:width] = choices
        return message, rows

    monkeypatch.setattr(softspoken.ExtensionReceiver, "extend", leaky)
    monkeypatch.setattr(Challenge, "holds", lambda *_: True)
    assert chi_square(views(to_ring, WORDS["zeros"])[0]) > LIMIT


def test_the_check_finds_pads_that_are_used_for_both_messages(monkeypatch):
    monkeypatch.setattr(Offered, "words", lambda self: (self._hash.words(self._rows),) * 2)
    assert chi_square(views(to_ring, WORDS["ones"])[1]) > LIMIT


# -------------------------------------------------------------------- base transfers


def functions(choice: int, runs: int) -> bytes:
    """The parts of a receiver's messages that look like nothing: the masks, and the points' lower bytes."""
    seen = []
    for seed in range(runs):
        stream = Stream(derive(bytes(32), "view", seed))
        message = base_transfers.BaseReceiver(stream, [choice] * 16, b"s").message
        for i in range(16):
            each = message[i * base_transfers.FUNCTION_BYTES : (i + 1) * base_transfers.FUNCTION_BYTES]
            seen += [each[:31], each[32:63], each[64:]]
    return b"".join(seen)


@pytest.mark.parametrize("choice", [0, 1])
def test_a_base_receiver_s_message_does_not_show_his_choice(choice):
    assert chi_square(functions(choice, 16)) < LIMIT


def test_both_points_of_a_function_are_in_the_same_subgroup():
    """A point of another order at one of the two places would tell the sender which was chosen."""
    order = 2**252 + 27742317777372353535851937790883648493
    for choice in (0, 1):
        receiver = base_transfers.BaseReceiver(Stream(derive(bytes(32), "r")), [choice], b"s")
        head = receiver.message[: curve_points.POINT_BYTES]
        points = curve_points.from_bytes(memoryview(head))
        for b in (0, 1):
            name = base_transfers._name(b"s", 0, b)
            inner = name + base_transfers._xor(
                receiver.message[curve_points.POINT_BYTES :], base_transfers._pad(name, head)
            )
            (point,) = curve_points.add(points, curve_points.hash_to_curve([inner], base_transfers._DOMAIN))
            assert times(order - 1, point) == curve_points.negative([point])[0]


def times(k: int, point):
    made = None
    for bit in bin(k)[2:]:
        made = made and curve_points.double([made])[0]
        if bit == "1":
            made = point if made is None else curve_points.add([made], [point])[0]
    return made


# -------------------------------------------------------------------- one transfer, all randomness


class Planned:
    """A keystream of one word."""

    def __init__(self, word: int) -> None:
        self._word = word

    def update_into(self, zeros: memoryview, into: memoryview) -> None:
        for start in range(0, len(zeros), 8):
            into[start : start + 8] = self._word.to_bytes(8, "little")


@pytest.mark.parametrize("depth", [1, 2])
def test_all_randomness_of_a_transfer_gives_the_same_views_for_both_choices(depth, monkeypatch):
    """64 lanes run through all bits of the keystreams; the offering end sees all but one, and a sum."""
    size = 2**depth
    plan = [sum(1 << lane for lane in range(64) if lane >> y & 1) for y in range(size)]
    rng = np.random.default_rng(0)
    keys = [rng.integers(0, 2**64, (128, 2), dtype=np.uint64) for _ in range(2)]
    seen = []
    for choices in (0, 2**64 - 1):
        words = iter(plan * 128)
        monkeypatch.setattr(softspoken, "kernels", lambda: None)  # whose keystreams cannot be planned
        monkeypatch.setattr(softspoken, "_keystream", lambda key: Planned(next(words)))  # noqa: B023
        receiver = softspoken.ExtensionReceiver(*keys, depth, Grower(Hash(bytes(16))), Stream(bytes(16)))
        message, _ = receiver.extend(np.array([choices], np.uint64), 1, b"")
        seen.append(int(message[EXTRA]))
    for missing in range(size):
        known = [plan[y] for y in range(size) if y != missing]
        zero, one = (
            Counter(tuple(word >> lane & 1 for word in (sent, *known)) for lane in range(64)) for sent in seen
        )
        assert zero == one
        assert len(zero) == 2**size


# -------------------------------------------------------------------- what is nowhere to be seen


def test_the_other_message_is_nowhere_in_the_chooser_s_view():
    """Tables of tokens: of each, one token can be found with what the chooser has, and no other."""
    parties = Parties(SMALL)
    layout = Layout(1, 64)
    tokens = parties.words(64, 2)
    numbers = parties.words(64) % np.uint64(2)
    start = len(parties.ends[0].received)
    pads = []
    take = Chosen.words

    def noted(self):
        made = take(self)
        pads.append(made)
        return made

    blocks = Chosen.blocks

    def noted_blocks(self, *args):
        made = blocks(self, *args)
        pads.append(made)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Chosen, "words", noted)
        patch.setattr(Chosen, "blocks", noted_blocks)
        found, _ = parties.play(
            lambda e: table_transfers.choose(e, numbers, layout),
            lambda e: table_transfers.offer(e, tokens, layout),
        )
    received = b"".join(parties.ends[0].received[start:])
    words = np.frombuffer(received[: len(received) // 8 * 8], np.uint64)
    known = {int(pad) for each in pads for pad in each.reshape(-1)} | {0}
    reachable = {int(word) ^ pad for word in words for pad in known}
    mine = tokens[np.arange(64), numbers.astype(int)]
    other = tokens[np.arange(64), 1 - numbers.astype(int)]
    assert (found == mine).all()
    assert {int(token) for token in mine} <= reachable
    assert not {int(token) for token in other} & reachable


def test_the_choices_are_nowhere_in_the_offering_end_s_view():
    parties = Parties(SMALL)
    flags = parties.words(1024) % 2 == 1
    start = len(parties.ends[1].received)
    parties.run(products.to_ring, (flags, flags))
    received = b"".join(parties.ends[1].received[start:])
    packed = bits.pack(flags[:512]).tobytes()
    assert not any(packed[i : i + 8] in received for i in range(0, len(packed), 8))
    rows = np.frombuffer(received[: 32 * 64], np.uint64).reshape(32, 8)  # of P0's choices
    for row in rows:
        agreeing = (bits.unpack(row, 512) == flags[:512]).sum()
        assert 170 < agreeing < 342


def test_pads_with_equal_rows_differ_by_number_and_by_block():
    rows = np.zeros((64, 2), np.uint64)
    one = np.stack(Offered(Hash(bytes(16)), rows, np.ones(2, np.uint64)).words())
    two = np.stack(Offered(Hash(b"1" * 16), rows, np.ones(2, np.uint64)).words())
    assert len(np.unique(np.stack([one, two]))) == 256


def test_the_secret_difference_is_uniform():
    made = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        zero, one = (rng.integers(0, 2**64, (128, 2), dtype=np.uint64) for _ in range(2))
        choices = base_transfers.random_choices(Stream(derive(bytes(32), "d", seed)), 128)
        keys = np.where(choices[:, None] == 1, one, zero)
        receiver = softspoken.ExtensionReceiver(zero, one, 2, Grower(Hash(bytes(16))), Stream(bytes(16)))
        corrections = memoryview(receiver.corrections)
        made.append(
            softspoken.ExtensionSender(choices, keys, corrections, 2, Grower(Hash(bytes(16)))).difference
        )
    ones = np.unpackbits(np.stack(made).view(np.uint8)).sum()
    assert abs(int(ones) - 40 * 64) < 5 * np.sqrt(40 * 32)


def test_overlapping_makes_the_same_messages():
    """A second thread changes nothing of what is sent."""
    seen = []
    for overlap in (False, True):
        parties = Parties(OtSettings(4, 1024, overlap))
        parties.run(partial(_square, WORDS["small"]))
        seen.append([end.received for end in parties.ends])
    assert seen[0] == seen[1]


def _square(x, e):
    return products.square(e, x)
