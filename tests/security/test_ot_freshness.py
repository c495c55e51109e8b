"""What a party draws for oblivious transfers is its own and comes once; what is hashed names the session.

Looked at from the other side: not what the code draws, but what can be worked out of all that it says.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from junto.mpc.gates import Digit, Words
from junto.mpc.ot import base_transfers, curve_points, extension, setup, softspoken, table_transfers
from junto.mpc.ot.hashing import Hash
from junto.mpc.ot.pads import Chosen
from junto.mpc.ot.table_transfers import Layout
from junto.mpc.preprocess import one_time_pads
from junto.mpc.prg import KEY_BYTES, Stream, derive
from junto.mpc.protocol.demands import WordPads
from ot_pairs import Parties, some_products

CHOICES = [0, 1, 1, 0]
SESSION = b"s"


def stream(seed: int) -> Stream:
    return Stream(derive(bytes(32), "freshness", seed))


# -------------------------------------------------------------------- the name of the session


def named(session: bytes, monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """What a run is hashed under: keys of hashes, names of blocks, names of base transfers."""
    seen: list[bytes] = []

    def hashed(key: bytes) -> Hash:
        seen.append(key)
        return Hash(key)

    challenge, name = softspoken._ExtensionEnd._challenge, base_transfers._name

    def challenged(self, block, message):
        seen.append(block)
        return challenge(self, block, message)

    def called(*about):
        seen.append(name(*about))
        return seen[-1]

    with monkeypatch.context() as patch:
        for module in (extension, setup):
            patch.setattr(module, "Hash", hashed)
        patch.setattr(softspoken._ExtensionEnd, "_challenge", challenged)
        patch.setattr(base_transfers, "_name", called)
        Parties(sessions=(session, session)).run(lambda e: some_products(e, 40))
    return set(seen)


def test_with_the_same_randomness_two_sessions_hash_nothing_under_the_same_name(monkeypatch):
    one, other = (named(session, monkeypatch) for session in (b"a", b"b"))
    assert len(one) == len(other) > 2 * softspoken.WIDTH
    assert not one & other


def test_each_purpose_direction_and_number_has_a_name_of_its_own():
    about = list(product((b"a", b"b"), ("block", "check"), (0, 1), (0, 1, 2**32 - 1)))
    assert len({setup.hash_key(*each) for each in about}) == len(about)
    transfers = list(product((b"a", b"b"), (0, 1, 127), (0, 1)))
    names = [base_transfers._name(*each) for each in transfers]
    assert len(set(names)) == len(names)
    pads = {base_transfers._pad(name, head) for name in names for head in (b"0" * 64, b"1" * 64)}
    assert len(pads) == 2 * len(names)


# -------------------------------------------------------------------- base transfers


def both_sides(message: bytes) -> tuple[list[bytes], list[curve_points.Point]]:
    """What the sender can compute of each transfer: at both values the hidden mask, and the public key."""
    masks, inner, points = [], [], []
    for number in range(len(CHOICES)):
        function = message[number * base_transfers.FUNCTION_BYTES :][: base_transfers.FUNCTION_BYTES]
        head, tail = function[: curve_points.POINT_BYTES], function[curve_points.POINT_BYTES :]
        for b in (0, 1):
            name = base_transfers._name(SESSION, number, b)
            masks.append(base_transfers._xor(tail, base_transfers._pad(name, head)))
            inner.append(name + masks[-1])
            points += curve_points.from_bytes(memoryview(head))
    hidden = curve_points.hash_to_curve(inner, base_transfers._DOMAIN)
    return masks, curve_points.add(points, hidden)


def test_nothing_that_the_sender_can_compute_of_a_receiver_comes_twice():
    """What came twice, in two transfers or two runs, would be the receiver's own: at the value he chose."""
    messages = [base_transfers.BaseReceiver(stream(seed), CHOICES, SESSION).message for seed in (1, 2)]
    masks, points = ([*one, *other] for one, other in zip(*map(both_sides, messages), strict=True))
    for seen in (masks, points):
        assert len(set(seen)) == len(seen) == 4 * len(CHOICES)
    octets = b"".join(masks)
    assert abs(np.unpackbits(np.frombuffer(octets, np.uint8)).mean() - 0.5) < 0.06  # of 6144 bits: 9 sigma
    senders = [base_transfers.BaseSender(stream(seed), 1, SESSION).message for seed in (1, 2)]
    assert len(set(senders)) == 2


class SameKey:
    """A keystream whose secret keys (32 bytes) are always the same, and nothing else of it."""

    def __init__(self, seed: int) -> None:
        self._rest = stream(seed)

    def octets(self, count: int) -> bytes:
        return bytes(range(32)) if count == 32 else self._rest.octets(count)


def test_a_key_depends_on_all_that_was_said_not_only_on_what_is_agreed_on(monkeypatch):
    """Session, transfer, value, reply and function are hashed with the point: where it is the same, too."""
    said: list[bytes] = []
    key = base_transfers._key
    monkeypatch.setattr(
        base_transfers, "_key", lambda about, shared: said.append(about) or key(about, shared)
    )
    made = []
    for seed in (1, 2):
        receiver = base_transfers.BaseReceiver(SameKey(seed), CHOICES, SESSION)
        sender = base_transfers.BaseSender(SameKey(seed), len(CHOICES), SESSION)
        made.append(receiver.keys(memoryview(sender.message)))
        for number, about in enumerate(said[-len(CHOICES) :]):
            function = receiver.message[number * base_transfers.FUNCTION_BYTES :]
            name = base_transfers._name(SESSION, number, CHOICES[number])
            for part in (name, sender.message, function[: base_transfers.FUNCTION_BYTES]):
                assert part in about
        own = set(said[-len(CHOICES) :])
        both = np.stack(sender.keys(memoryview(receiver.message)))
        assert own < set(said[-2 * len(CHOICES) :])
        assert len(np.unique(both)) == both.size
        assert (both[CHOICES, range(len(CHOICES))] == made[-1]).all()
    assert len(np.unique(made)) == np.size(made)


# -------------------------------------------------------------------- between two parties


@pytest.fixture(scope="module")
def runs() -> list[Parties]:
    """Of one session's name, with other randomness."""
    return [Parties(seed=seed) for seed in (1, 2)]


def test_each_party_has_a_secret_difference_of_its_own_in_each_run(runs):
    """Far from all others, and from what anybody would guess."""
    known = [np.zeros(128, np.uint8), np.tile(np.uint8([1, 1, 0, 0]), 32)]
    drawn = [np.unpackbits(e._offering.difference.view(np.uint8)) for each in runs for e in each.extensions]
    for one, other in combinations(known + drawn, 2):
        assert 64 - 40 < (one != other).sum() < 64 + 40


def test_what_a_party_draws_from_begins_with_its_own_randomness(monkeypatch):
    """Two who say the same, with other randomness, draw from no keystream of the same key."""
    keys: list[bytes] = []

    def noted(key: bytes) -> Stream:
        keys.append(bytes(key))
        return Stream(key)

    monkeypatch.setattr(setup, "Stream", noted)
    for seed in (1, 2):
        Parties(seed=seed)
    assert len(keys) == len(set(keys)) == 4
    ones = np.unpackbits(np.frombuffer(b"".join(keys), np.uint8)).sum()
    assert len(keys) * KEY_BYTES * 4 - 100 < ones < len(keys) * KEY_BYTES * 4 + 100


def test_shares_are_drawn_anew_in_each_run_and_are_uniform(runs):
    """Of a table's results with the same numbers: what a party holds alone says nothing, and never recurs."""
    count, function = 512, np.add.outer(np.arange(4), np.arange(4)).astype(np.uint64)
    own = np.zeros(count, np.uint8), np.zeros(count, np.uint8)
    for entry in (8, 64):
        held = [
            each.run(lambda e, y, n=entry: table_transfers.evaluate(e, function, y, n), own)
            for each in (*runs, *runs)
        ]
        for party in (0, 1):
            shares = [share[party] for share in held]
            for one, other in combinations(shares, 2):
                assert (one == other).sum() < 20  # of 512 with 8 bits: 2
            bits = np.unpackbits(np.concatenate(shares).view(np.uint8).reshape(-1, entry // 8), axis=0)
            assert abs(bits.mean() - 0.5) < 0.05
            assert len(np.unique(np.concatenate(shares))) > 250


# -------------------------------------------------------------------- what is not chosen


def subsets(pads: Words) -> Words:
    """What can be made of pads [words, index, n] by exclusive or of some transfers: [sets, words, n]."""
    made = [np.zeros_like(pads[:, 0])]
    for i in range(pads.shape[1]):
        made += [each ^ pads[:, i] for each in made]
    return np.stack(made)


@pytest.fixture
def pads(monkeypatch) -> list[Words]:
    """What choosers get, as it comes."""
    seen: list[Words] = []
    blocks = Chosen.blocks

    def noted(self, count):
        seen.append(blocks(self, count))
        return seen[-1]

    monkeypatch.setattr(Chosen, "blocks", noted)
    return seen


def test_of_a_table_the_chooser_s_pads_open_the_entry_that_he_chose_and_no_other(runs, pads):
    parties, layout, n = runs[0], Layout(2, 64), 32
    tokens, numbers = parties.words(n, 4), parties.words(n) % np.uint64(4)
    parties.play(
        lambda e: table_transfers.choose(e, numbers, layout),
        lambda e: table_transfers.offer(e, tokens, layout),
    )
    (own,) = pads
    said = np.frombuffer(parties.ends[0].received[-1], np.uint64).reshape(4, n)
    opened = subsets(table_transfers._by_words(own).reshape(4, 2, n)) ^ said
    found = (opened == tokens.T).any(axis=0)
    assert (found == (np.arange(4)[:, None] == numbers.astype(int))).all()


def test_of_one_time_pads_the_chooser_knows_the_entry_that_he_chose_and_no_other(runs, pads):
    parties, n = runs[1], 32
    numbers = parties.words(n)
    demands = [WordPads(numbers, Digit(0, 2), 2)]
    tables, entries = (made for (made,) in parties.run(lambda e: one_time_pads.word_pads(e, demands)))
    (own,) = pads
    known = subsets(table_transfers._by_words(own).reshape(8, 2, n)).reshape(-1, 4, 2, n)
    found = (known == tables).any(axis=0)
    assert (found == (np.arange(4)[:, None, None] == (numbers % 4).astype(int))).all()
    assert len(np.unique(tables)) == tables.size
    assert (entries == np.take_along_axis(tables, (numbers % 4).astype(int)[None, None], 0)[0]).all()
