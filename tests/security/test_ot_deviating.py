"""A party that deviates in the oblivious transfers is caught, but for a guess at bits of the other's secret.

The receiver of an extension deviates where he can: other choices in some parts, false proofs, trees that are
not the same for every number that the other may have chosen. He passes exactly if he guesses those bits of D.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

from junto.errors import LinkError
from junto.mpc.gates import Words
from junto.mpc.ot import softspoken
from junto.mpc.ot.consistency import EXTRA, PROOF_WORDS, Challenge
from junto.mpc.ot.hashing import Hash
from junto.mpc.ot.seed_trees import Grower
from junto.mpc.prg import Stream
from ot_pairs import Parties, some_products

WIDTH = 3
NAME = b"block"
RNG = np.random.default_rng(5)


def ends(field: int) -> tuple[softspoken.ExtensionReceiver, softspoken.ExtensionSender]:
    """Both ends after honest base transfers."""
    zero, one = (RNG.integers(0, 2**64, (128, 2), dtype=np.uint64) for _ in range(2))
    choices = RNG.integers(0, 2, 128).astype(np.uint8)
    receiver = softspoken.ExtensionReceiver(zero, one, field, Grower(Hash(bytes(16))), Stream(bytes(16)))
    keys = np.where(choices[:, None] == 1, one, zero)
    corrections = memoryview(receiver.corrections)
    return receiver, softspoken.ExtensionSender(choices, keys, corrections, field, Grower(Hash(bytes(16))))


class Cheat(Challenge):
    """Proves what it does not know: guesses D's bits of the parts in which other choices are used."""

    def __init__(self, challenge: Challenge, at: range, error: Words, guess: int) -> None:
        self._cipher = challenge._cipher
        self._at, self._error, self._guess = at, error, guess

    def proof(self, rows: Words, choices: Words) -> Words:
        false = rows.copy()
        for bit, row in enumerate(self._at):
            if self._guess >> bit & 1:
                false[row] ^= self._error
        return super().proof(false, choices)


def deviating(
    receiver: softspoken.ExtensionReceiver, part: int, depth: int, guess: int, monkeypatch
) -> Words:
    """A message with another choice in one place of one part, and the proof that passes for `guess`."""
    error = np.zeros(EXTRA + WIDTH, np.uint64)
    error[EXTRA + 1] = 1 << 17
    real = softspoken.ExtensionReceiver._challenge
    start = sum(softspoken.depths(depth)[:part])
    at = range(start, start + softspoken.depths(depth)[part])

    def challenge(self, name, message):
        message[part] ^= error
        return Cheat(real(self, name, message), at, error, guess)

    with monkeypatch.context() as patch:
        patch.setattr(softspoken.ExtensionReceiver, "_challenge", challenge)
        message, _ = receiver.extend(np.zeros(WIDTH, np.uint64), WIDTH, NAME)
    return message


@pytest.mark.parametrize("field", [1, 2, 3])
def test_other_choices_in_a_part_pass_for_one_guess_of_its_bits_of_the_secret(field, monkeypatch):
    """Of 2**k guesses one: so a deviation passes with probability 2**-k, and learns what it has guessed."""
    for part in (0, 5):
        receiver, sender = ends(field)
        start = sum(softspoken.depths(field)[:part])
        bits = softspoken.depths(field)[part]
        secret = int.from_bytes(sender.difference.tobytes(), "little") >> start & (1 << bits) - 1
        passed = []
        for guess in range(1 << bits):
            message = deviating(receiver, part, field, guess, monkeypatch)
            with suppress(ValueError):
                sender.extend(message, WIDTH, NAME)
                passed.append(guess)
        assert passed == [secret]


def test_deviating_in_more_parts_passes_less_often(monkeypatch):
    """Over many secrets: b bits at stake, 2**-b of them pass."""
    for count in (1, 2, 3):
        passed = 0
        for _ in range(64 << count):
            rows = RNG.integers(0, 2**64, (128, EXTRA + WIDTH), dtype=np.uint64)
            x = RNG.integers(0, 2**64, EXTRA + WIDTH, dtype=np.uint64)
            flags = RNG.integers(0, 2, 128).astype(np.bool_)
            received = rows.copy()
            received[flags] ^= x
            received[:count][flags[:count]] ^= np.uint64(1)  # other choices there
            challenge = Challenge(b"said")
            passed += challenge.holds(received, flags, challenge.proof(rows, x))
        assert 64 - 40 < passed < 64 + 40


def test_an_honest_block_passes_however_large_it_is():
    receiver, sender = ends(4)
    for width in (1, 2, 17, 1 << 10):
        choices, name = RNG.integers(0, 2**64, width, dtype=np.uint64), f"{width}".encode()
        message, rows = receiver.extend(choices, width, name)
        made = sender.extend(message, width, name)
        flags = np.unpackbits(choices.view(np.uint8), bitorder="little").astype(bool)
        rows[flags] ^= sender.difference
        assert (made == rows).all()


@pytest.mark.parametrize("field", [1, 4])
def test_any_change_of_a_message_or_of_the_name_is_noticed(field):
    """Of what the honest receiver says: choices that no D can hide (all bits of a part), hash, digest."""
    for place in ("said", "extra", "hash", "digest", "name"):
        receiver, sender = ends(field)
        message, _ = receiver.extend(np.zeros(WIDTH, np.uint64), WIDTH, NAME)
        match place:
            case "said":
                for row in range(len(softspoken.depths(field))):
                    message[row * (EXTRA + WIDTH) + EXTRA + 1] ^= np.uint64(1)
            case "extra":
                message[0] ^= np.uint64(1)
            case "hash":
                message[-PROOF_WORDS] ^= np.uint64(1)
            case "digest":
                message[-1] ^= np.uint64(1)
        with pytest.raises(ValueError, match="its choices contradict each other"):
            sender.extend(message, WIDTH, b"other" if place == "name" else NAME)


def test_the_hash_is_linear_and_hides_the_choices():
    challenge = Challenge(b"said")
    x, y = (RNG.integers(0, 2**64, (40, 5), dtype=np.uint64) for _ in range(2))
    assert (challenge.hashes(x) ^ challenge.hashes(y) == challenge.hashes(x ^ y)).all()
    assert not challenge.hashes(np.zeros((1, 5), np.uint64)).any()
    # The first 128 bits alone reach every hash: a linear map of full rank.
    unit = np.zeros((128, 5), np.uint64)
    for bit in range(128):
        unit[bit, bit // 64] = 1 << bit % 64
    images = [int.from_bytes(each.tobytes(), "little") for each in challenge.hashes(unit)]
    rank = 0
    while images:
        if lead := images.pop():
            rank += 1
            images = [each ^ lead if each & lead & -lead else each for each in images]
    assert rank == 128


def unseen(challenge: Challenge, width: int) -> Words:
    """Bits that are not all 0, behind the first EXTRA words, and whose hash is 0."""
    unit = np.zeros((64 * (width - EXTRA), width), np.uint64)
    for bit, row in enumerate(unit):
        row[EXTRA + bit // 64] = 1 << bit % 64
    found: dict[int, tuple[int, int]] = {}
    for bit, image in enumerate(challenge.hashes(unit)):
        value, used = int.from_bytes(image.tobytes(), "little"), 1 << bit
        while value and (lead := value.bit_length()) in found:
            value, used = value ^ found[lead][0], used ^ found[lead][1]
        if not value:
            return np.frombuffer(bytes(8 * EXTRA) + used.to_bytes(8 * (width - EXTRA), "little"), np.uint64)
        found[value.bit_length()] = value, used
    raise AssertionError("more bits than a hash has, and none to spare")


def test_the_hash_cannot_be_known_before_the_choices_are_said():
    """An error that the hash of the honest message does not see is seen by that of the false one."""
    receiver, sender = ends(4)
    message, _ = receiver.extend(np.zeros(WIDTH, np.uint64), WIDTH, NAME)
    said = message[:-PROOF_WORDS].reshape(-1, EXTRA + WIDTH)
    challenge = receiver._challenge(NAME, said)
    error = unseen(challenge, EXTRA + WIDTH)
    assert error.any()
    assert not challenge.hashes(error[None]).any()
    said[:] ^= np.where(np.arange(len(said)) % 2, 0, 1).astype(np.uint64)[:, None] * error
    with pytest.raises(ValueError, match="its choices contradict each other"):
        sender.extend(message, WIDTH, NAME)


def test_what_is_said_is_hashed_in_parts_that_cannot_be_shifted():
    one = np.ones((1, 3), np.uint64)
    seen = [Challenge(*said).hashes(one).tobytes() for said in ((b"ab", b"c"), (b"a", b"bc"), (b"abc",))]
    assert len(set(seen)) == 3


def test_who_guesses_the_choices_cannot_try_the_guess():
    """What is said of them lies under something that comes once, and is as long."""
    receiver, _ = ends(4)
    hidden = []
    for number in range(8):
        message, _ = receiver.extend(np.zeros(WIDTH, np.uint64), WIDTH, bytes([number]))
        said = message[:-PROOF_WORDS].reshape(-1, EXTRA + WIDTH)
        guess = np.zeros((1, EXTRA + WIDTH), np.uint64)
        known = receiver._challenge(bytes([number]), said).hashes(guess)[0]
        hidden += (message[-PROOF_WORDS:][:EXTRA] ^ known).tolist()
    assert len({*hidden, 0}) == 2 * 8 + 1
    assert len(np.unique(receiver._extra.words(2 * 8))) == 16


def test_the_hash_depends_on_the_trees_too():
    said = np.zeros((32, EXTRA + WIDTH), np.uint64)
    one, other = (ends(4)[0]._challenge(NAME, said).hashes(said + np.uint64(1)) for _ in range(2))
    assert (one != other).any()


# -------------------------------------------------------------------- trees


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(("depth", "level"), [(2, 0), (3, 0), (3, 1)])
def test_trees_that_are_not_the_same_for_all_pass_for_those_alone_who_use_nothing_false(depth, level, side):
    """One correction is false: whoever needs it notices, all others have the honest leaves."""
    zero, one = (RNG.integers(0, 2**64, (depth, 2), dtype=np.uint64) for _ in range(2))
    leaves, message = Grower(Hash(bytes(16))).grow(zero, one)
    false = bytearray(message)
    false[32 * level + 16 * side + 3] ^= 4
    noticed = 0
    for missing in range(2**depth):
        choices = [1 - (missing >> bit & 1) for bit in reversed(range(depth))]
        keys = np.where(np.array(choices)[:, None] == 1, one, zero)
        uses = choices[level + 1] == side
        try:
            others, number = Grower(Hash(bytes(16))).puncture(choices, keys, memoryview(bytes(false)))
        except ValueError:
            assert uses
            noticed += 1
        else:
            assert not uses
            kept = np.arange(2**depth) != number
            assert (others[kept] == leaves[kept]).all()
    assert noticed == 2 ** (depth - 1)


def test_a_false_proof_of_a_tree_is_noticed():
    zero, one = (RNG.integers(0, 2**64, (4, 2), dtype=np.uint64) for _ in range(2))
    _, message = Grower(Hash(bytes(16))).grow(zero, one)
    for place in range(-64, 0):
        false = bytearray(message)
        false[place] ^= 1
        with pytest.raises(ValueError, match="its trees contradict each other"):
            Grower(Hash(bytes(16))).puncture([0] * 4, zero, memoryview(bytes(false)))


# -------------------------------------------------------------------- between two parties


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("message", ["setup", "block"])
def test_the_other_party_stops_for_good(who, message, monkeypatch):
    """Before it says anything about its pads; and there is no second try with the same secret."""
    parties = Parties() if message == "block" else None
    extend = softspoken.ExtensionReceiver.extend
    due = 2 if message == "setup" else None

    def deviates(self, choices, width, name):
        made = extend(self, choices, width, name)
        if due in (None, width) and self is not honest:
            made[0][:-PROOF_WORDS] ^= np.uint64(1)
        return made

    honest = parties.extensions[who]._choosing if parties else None
    monkeypatch.setattr(softspoken.ExtensionReceiver, "extend", deviates)
    if parties is None:
        with pytest.raises(LinkError, match=r"oblivious transfers with P0: its choices contradict"):
            Parties()
        return
    with pytest.raises(LinkError, match=f"oblivious transfers with P{1 - who}: its choices contradict"):
        parties.run(lambda e: some_products(e, 4))
    with pytest.raises(LinkError, match="an error has ended"):
        parties.extensions[who].run([])
