"""The extension: what it makes, in what order, how much is sent, and what it refuses."""

from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Sequence

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from junto.errors import LinkError
from junto.mpc import bits, memory_pipe
from junto.mpc.gates import Words
from junto.mpc.ot import conjunctions, extension, setup, softspoken
from junto.mpc.ot.consistency import EXTRA, PROOF_WORDS
from junto.mpc.ot.extension import Extension, OtSettings
from junto.mpc.ot.hashing import Hash
from junto.mpc.ot.jobs import TransferJob
from junto.mpc.ot.pads import Chosen, Offered
from junto.mpc.ot.seed_trees import Grower
from junto.mpc.prg import Stream
from ot_pairs import CHECK_BITS, CHECK_BYTES, QUICK, Change, Parties, both, some_products, wires
from tries import each_once

FIELDS = range(1, 9)


class Plain(TransferJob):
    """Transfers of which everything is kept; a word is said about each pad."""

    def __init__(self, chooses: int, offers: int, choices: Words) -> None:
        self.chooses, self.offers = chooses, offers
        self.due = 8 * chooses
        self._choices = choices
        self.offered = self.chosen = self.said = np.empty(0, np.uint64)

    def choices(self) -> Words:
        return self._choices

    def give(self, pads: Offered) -> Sequence[memoryview]:
        self.offered = np.stack(pads.words())
        return [self.offered[0].copy().view(np.uint8).data]

    def take(self, pads: Chosen, data: memoryview) -> None:
        self.chosen = pads.words()
        self.said = np.frombuffer(data, np.uint64)


def pairs_of_jobs(parties: Parties, sizes: Sequence[tuple[int, int]]) -> list[list[Plain]]:
    made = []
    for chooses, offers in sizes:
        own = [parties.words(bits.word_count(n)) for n in (chooses, offers)]
        made.append([Plain(chooses, offers, own[0]), Plain(offers, chooses, own[1])])
    return made


def check(jobs: list[Plain]) -> None:
    for one, two in (jobs, jobs[::-1]):
        chosen = bits.unpack(one.choices(), one.chooses).astype(int)
        if one.chooses:
            assert (one.chosen == two.offered[chosen, np.arange(one.chooses)]).all()
            assert (one.chosen != two.offered[1 - chosen, np.arange(one.chooses)]).all()
            assert (one.said == two.offered[0]).all()


# -------------------------------------------------------------------- what it makes


@pytest.mark.slow
@pytest.mark.parametrize("field_bits", FIELDS)
def test_the_chooser_has_the_pads_that_he_chose(field_bits):
    parties = Parties(OtSettings(field_bits, 1024, overlap=field_bits % 2 == 0))
    jobs = pairs_of_jobs(parties, [(1000, 640), (64, 1), (0, 130), (1, 0), (0, 0)])
    parties.play(lambda e: e.run([a for a, _ in jobs]), lambda e: e.run([b for _, b in jobs]))
    for each in jobs:
        check(each)
    seen = np.concatenate([job.offered.reshape(-1) for each in jobs for job in each])
    assert len(np.unique(seen)) == len(seen)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_every_part_of_the_secret_against_a_reference(depth):
    """All secrets of one field, and the sums of keystreams written out bit by bit."""
    rng = np.random.default_rng(depth)
    zero, one = (rng.integers(0, 2**64, (128, 2), dtype=np.uint64) for _ in range(2))
    seen = set()
    for turn in range(max(1, 2**depth * depth // 128 + 1)):
        numbers = (np.arange(128) + turn * 128) % 2**depth
        flags = np.concatenate(
            [[number >> level & 1 for level in reversed(range(size))]
             for number, size in zip(numbers, softspoken.depths(depth), strict=False)]
        )  # fmt: skip
        choices = (1 - flags).astype(np.uint8)
        receiver = softspoken.ExtensionReceiver(zero, one, depth, Grower(Hash(bytes(16))), Stream(bytes(16)))
        keys = np.where(choices[:, None] == 1, one, zero)
        corrections = memoryview(receiver.corrections)
        sender = softspoken.ExtensionSender(choices, keys, corrections, depth, Grower(Hash(bytes(16))))
        x = rng.integers(0, 2**64, 2, dtype=np.uint64)
        message, t = receiver.extend(x, 2, b"name")
        q = sender.extend(message, 2, b"name")
        secret = sum(int(flag) << i for i, flag in enumerate(flags))
        assert sender.difference.tobytes() == secret.to_bytes(16, "little")
        for j in range(128):
            bit = int(x[j // 64]) >> j % 64 & 1
            want = int.from_bytes(t[j].tobytes(), "little") ^ (secret if bit else 0)
            assert int.from_bytes(q[j].tobytes(), "little") == want
        v, u = reference(zero, one, depth)
        assert (t == v[128:]).all()
        assert (message[:-PROOF_WORDS].reshape(u.shape)[:, EXTRA:] == u[:, EXTRA:] ^ x).all()
        seen |= set(numbers[: len(softspoken.depths(depth))].tolist())
    assert seen == set(range(2**depth))


def reference(zero: Words, one: Words, depth: int) -> tuple[Words, Words]:
    """The receiver's rows and masks of 256 transfers, 128 for the check, from the definition."""
    grower = Grower(Hash(bytes(16)))
    rows, masks, at = [], [], 0
    for size in softspoken.depths(depth):
        leaves, _ = grower.grow(zero[at : at + size], one[at : at + size])
        at += size
        streams = [
            Cipher(algorithms.AES(leaf.tobytes()), modes.CTR(bytes(16))).encryptor().update(bytes(32))
            for leaf in leaves
        ]
        numbers = [int.from_bytes(stream, "little") for stream in streams]
        total = 0
        for number in numbers:
            total ^= number
        masks.append(total)
        for level in reversed(range(size)):
            row = 0
            for y, number in enumerate(numbers):
                row ^= number if y >> level & 1 else 0
            rows.append(row)
    columns = [sum((row >> j & 1) << i for i, row in enumerate(rows)) for j in range(256)]
    octets = b"".join(column.to_bytes(16, "little") for column in columns)
    v = np.frombuffer(octets, np.uint64).reshape(256, 2)
    return v, np.frombuffer(b"".join(mask.to_bytes(32, "little") for mask in masks), np.uint64).reshape(-1, 4)


def test_depths_are_128_in_all_and_as_equal_as_can_be():
    for field_bits in FIELDS:
        depths = softspoken.depths(field_bits)
        assert sum(depths) == 128
        assert set(depths) <= {field_bits, field_bits - 1}
        assert min(depths) > 0
        assert len(depths) == -(-128 // field_bits)


# -------------------------------------------------------------------- what it sends


@pytest.mark.slow
@pytest.mark.parametrize("field_bits", FIELDS)
def test_bytes_sent_are_those_of_the_construction(field_bits):
    parties = Parties(OtSettings(field_bits, 1024, overlap=False))
    parts = -(-128 // field_bits)
    trees = 32 * (128 - parts) + 64 * sum(depth > 1 for depth in softspoken.depths(field_bits))
    check = CHECK_BITS // 8 * parts + CHECK_BYTES
    assert [end.sent for end in parties.ends] == [
        16 + 32 + trees + 16 * parts + check,
        16 + 128 * 112 + trees,
    ]
    start = [end.sent for end in parties.ends]
    rounds = len(parties.ends[0].received)
    jobs = pairs_of_jobs(parties, [(640, 0)] * 3)
    parties.play(lambda e: e.run([a for a, _ in jobs]), lambda e: e.run([b for _, b in jobs]))
    sent = [end.sent - before for end, before in zip(parties.ends, start, strict=True)]
    assert sent == [3 * (80 * parts + check), 3 * 640 * 8]
    assert len(parties.ends[0].received) - rounds == 4


def test_no_keystream_and_no_tweak_is_used_twice(monkeypatch):
    keys = []
    for module in (extension, setup):
        monkeypatch.setattr(module, "Hash", lambda key: keys.append(key) or Hash(key))
    parties = Parties(QUICK)
    made = []
    for _ in range(3):
        made += parties.run(lambda e: some_products(e, 40))
    assert len(keys) == 2 * len(set(keys)), "each key at both parties, once"
    rows = np.concatenate(made)
    assert len(np.unique(rows)) == len(rows)
    assert parties.extensions[0].blocks == (9, 9)


def test_two_sessions_with_the_same_randomness_have_different_pads():
    first, second = (Parties(sessions=(name, name)) for name in (b"a", b"b"))
    one, two = (each.run(lambda e: some_products(e, 4)) for each in (first, second))
    assert not (one[0] == two[0]).any()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_transfers():
    parties = Parties(OtSettings(2, 1 << 12, overlap=True))

    for end in parties.ends:
        end.received = deque(maxlen=1)

    def peak(blocks: int) -> int:
        tracemalloc.start()
        parties.play(
            lambda e: e.run(Plain(1 << 12, 1 << 12, np.zeros(64, np.uint64)) for _ in range(blocks)),
            lambda e: e.run(Plain(1 << 12, 1 << 12, np.zeros(64, np.uint64)) for _ in range(blocks)),
        )
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(40) < 1.5 * peak(10) < 12e6


def test_over_a_real_channel():
    """Messages of no bytes, and the channel's own checks."""
    channels = memory_pipe.memory_pair()
    a, b = np.arange(40, dtype=np.uint64).reshape(2, 20), np.full((2, 1, 20), 0x55, np.uint64)
    made = both(
        wires(),
        [
            lambda i=i: conjunctions.conjunctions(
                Extension(channels[i], i, Stream(bytes([i] * 16)), b"s", QUICK), a[i], b[i] << i
            )
            for i in (0, 1)
        ],
    )
    assert (made[0] ^ made[1] == (a[0] ^ a[1]) & (b[0] ^ b[1] << 1)).all()


# -------------------------------------------------------------------- what it refuses


def spoil(change: Change, who: int, late: bool) -> None:
    """Transfers, with `change` done to what a party receives, from the beginning or after it."""
    ends = wires()
    if not late:
        ends[who].change = change
    parties = Parties(ends=ends)
    start = len(ends[who].received)
    if late:
        ends[who].change = lambda number, data: change(number - start, data)
    parties.run(lambda e: some_products(e, 4))


def broken(change: Change, who: int = 1, *, late: bool = False) -> str:
    """What that party says."""
    with pytest.raises(LinkError) as caught:
        spoil(change, who, late)
    assert caught.value.party == f"P{1 - who}"
    assert caught.value.fix
    return caught.value.message


# Which messages of the setup have anything for P0, and for P1.
DUE = [(0, 0), (0, 2), (1, 0), (1, 1)]


CHANGES = [lambda data: data[:-1], lambda data: data + b"\0", lambda data: b""]


@pytest.mark.parametrize(("due", "change"), each_once(DUE, CHANGES))
def test_a_message_of_the_wrong_size_is_an_error(due, change):
    who, message = due
    text = broken(lambda number, data: change(data) if number == message else data, who)
    assert "bytes came where one of" in text


@pytest.mark.parametrize(("who", "message"), [(0, 1), (1, 2)])
def test_a_message_where_none_is_due_is_an_error(who, message):
    assert "1 bytes came where one of 0" in broken(lambda n, data: data + b"\0" * (n == message), who)


def test_a_short_message_in_a_block_is_an_error():
    assert "is due" in broken(lambda number, data: data[:-8] if number == 0 else data, late=True)


def test_a_false_point_is_an_error():
    assert "points of the curve" in broken(
        lambda number, data: data[:20] + bytes([data[20] ^ 1]) + data[21:] if number == 0 else data, who=0
    )


def test_a_public_key_of_small_order_is_an_error():
    assert "small order" in broken(lambda number, data: data[:16] + bytes(32) if number == 0 else data)


def test_other_settings_are_an_error():
    with pytest.raises(LinkError, match="settings of the oblivious transfers or its session differ"):
        Parties((OtSettings(2, 1024), OtSettings(3, 1024)))


def test_another_session_is_an_error():
    with pytest.raises(LinkError, match="session differ"):
        Parties(sessions=(b"one", b"two"))


def test_after_an_error_nothing_is_made_any_more():
    parties = Parties()
    parties.ends[0].change = lambda number, data: data[1:]
    with pytest.raises(LinkError):
        parties.run(lambda e: some_products(e, 4))
    with pytest.raises(LinkError, match="an error has ended"):
        parties.extensions[0].run([])


def test_a_session_makes_so_many_blocks_and_no_more(monkeypatch):
    parties = Parties()
    monkeypatch.setattr(extension, "MOST_BLOCKS", 2)
    parties.run(lambda e: some_products(e, 32))
    with pytest.raises(OverflowError, match="all the oblivious transfers"):
        parties.run(lambda e: some_products(e, 1))


@pytest.mark.parametrize("numbers", [(0, 1024), (9, 1024), (4, 1000), (4, 64), (4, 1 << 21)])
def test_settings_that_cannot_be_are_refused(numbers):
    with pytest.raises(ValueError, match=r"an OT extension|a block has"):
        OtSettings(*numbers)


def test_nothing_secret_is_shown():
    parties = Parties()
    assert repr(parties.extensions[0]) == "<Extension of P0>"
    assert repr(Hash(bytes(16))) == "<Hash>"


@pytest.mark.parametrize("depth", [2, 4])
def test_trees_that_begin_alike_have_nothing_in_common(depth):
    """Nodes and leaves are hashed with their number: who finds one of many must not have found them all."""
    grower = Grower(Hash(bytes(16)))
    zero, one = np.arange(4 * depth, dtype=np.uint64).reshape(2, depth, 2)
    (leaves, message), (others, another) = grower.grow(zero, one), grower.grow(zero, one)
    said = [np.frombuffer(each, np.uint64) for each in (message, another)]
    assert len(np.unique(np.concatenate([leaves, others]))) == 4 * 2**depth
    assert not (said[0] == said[1]).any()
    alike = np.zeros((2, 2), np.uint64)
    made = [part for _ in range(2) for part in grower._leaves(alike)]
    assert len(np.unique(np.concatenate(made, axis=None))) == sum(part.size for part in made)
