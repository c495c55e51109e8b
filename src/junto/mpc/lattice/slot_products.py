"""Products, element by element, of what both parties hold shares of, by ring learning with errors.

Paper:     see `slot_lwe`.
Computes:  [x0 y1 + x1 y0], or one of these products alone, from x0, y0 at P0 and x1, y1 at P1.
Parties:   P0, P1: for each second group of `SLOTS` elements the one encrypts its numbers and the other one
           multiplies them by its own.
Secure:    semi-honest.
Learns:    nobody anything, but with the probability that `slot_lwe` states.
Cost:      a public key each the first time, 1.9 MB. Then for a group two ciphertexts (one, if one product is
           asked for) and an answer: 83 bytes an element each way, or 54. Rounds: 2 for twice `MOST_GROUPS`.
           Of numbers of 128 bits twice as much.

A number of 128 bits is lower + 2**64 upper with a sign in both, so that of x y modulo 2**128 is wanted the
product of the lower words, of which an answer has 128 bits, and 2**64 times the sum of two others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Final

import numpy as np

from junto.mpc.gates import Words
from junto.mpc.lattice.judged_exchange import Exchange, JudgedExchange
from junto.mpc.lattice.slot_lwe import (
    ANSWER_BYTES,
    CIPHERTEXT_BYTES,
    LEAST_DISTANCE,
    SEED_BYTES,
    SLOTS,
    SlotAnswering,
    SlotKey,
    ciphertexts,
    distance_bits,
)
from junto.mpc.ot.jobs import parts
from junto.mpc.prg import Stream
from junto.mpc.ring128 import WideArray, lowest_words, ring_bits, zeros

KEY_MESSAGE: Final = SEED_BYTES + CIPHERTEXT_BYTES
"""Bytes that each party sends the first time."""
MOST_GROUPS: Final = 4
"""Of words, of which a party's ciphertexts go in one message, about 15 MB."""


@dataclass(frozen=True, slots=True)
class SlotGroups:
    """Which elements are multiplied in slots: the first ones.

    Attributes:
        count: groups of `SLOTS`, the last one perhaps not full.
        products: of one party's number and the other one's for an element: 1 or 2.
        words: of a number: 1 or 2.
    """

    count: int
    products: int
    words: int = 1

    def held(self, party: int) -> int:
        """SlotGroups whose numbers this party encrypts: the first half of all is P0's."""
        return (self.count + 1 - party) // 2

    def sent(self, party: int) -> int:
        """Bytes that a party sends, without its key."""
        own, others = self.held(party), self.held(1 - party)
        seeds = SEED_BYTES * -(-own // self.together)
        return own * self.ciphertexts * CIPHERTEXT_BYTES + seeds + others * self.words * ANSWER_BYTES

    @property
    def ciphertexts(self) -> int:
        """Of a group."""
        return self.products * self.words

    @property
    def together(self) -> int:
        """SlotGroups of which a party's ciphertexts go in one message."""
        return MOST_GROUPS // self.words


def quickest(size: int, products: int, transfers: int, ring_bits: int) -> SlotGroups:
    """The groups of so many elements; the rest is left to oblivious transfers, which send less for it.

    All is left to them if the keys are not worth it, so that the first call sends no more than without slots,
    or if answers would show more than they may.

    Args:
        size: elements: the same at both parties, as all that this depends on.
        products: see `SlotGroups`.
        transfers: bytes that transfers send for one element, from both parties.
        ring_bits: of the elements.
    """
    words = ring_bits // 64
    one = words * (products * CIPHERTEXT_BYTES + ANSWER_BYTES)
    full, rest = divmod(size, SLOTS)
    count = full + (rest * transfers > one)
    groups = SlotGroups(count, products, words)
    saved = min(size, count * SLOTS) * transfers - groups.sent(0) - groups.sent(1)
    if saved <= 2 * KEY_MESSAGE or _distance(size, words) < LEAST_DISTANCE:
        return SlotGroups(0, products, words)
    return groups


def all_of(size: int, products: int, transfers: int, ring_bits: int) -> SlotGroups | None:
    """The groups of so many elements, all of them; None: oblivious transfers send less, or hide better.

    Args:
        size: elements: the same at both parties, as all that this depends on.
        products: see `SlotGroups`.
        transfers: bytes that transfers send for all of them, from both parties.
        ring_bits: of the elements.
    """
    groups = SlotGroups(-(-size // SLOTS), products, ring_bits // 64)
    sent = groups.sent(0) + groups.sent(1) + 2 * KEY_MESSAGE
    return groups if sent < transfers and _distance(size, groups.words) >= LEAST_DISTANCE else None


def _distance(size: int, words: int) -> float:
    """See `distance_bits`: an answer for each word, the second one of twice as many products."""
    return -log2(sum(2 ** -distance_bits(size, 2 * word) for word in range(1, words + 1)))


class SlotProducts:
    """One party's end; the two meet when something is asked for the first time.

    Args:
        exchange: sends parts as one message, and gives the other party's, of so many bytes.
        index: 0 or 1.
        stream: randomness that nobody else knows.
        peer: the other party, for errors.
    """

    def __init__(self, exchange: Exchange, index: int, stream: Stream, peer: str) -> None:
        self._exchange = JudgedExchange(exchange, peer, "products in slots")
        self._index = index
        self._stream = stream
        self._keys: tuple[SlotKey, SlotAnswering] | None = None

    def products(self, x: Words, y: Words, ways: tuple[bool, bool], groups: SlotGroups) -> Words:
        """Our share of the products of one party's numbers and the other one's, [n].

        Args:
            x, y: our shares of left and right numbers, [n].
            ways: whether our left share is multiplied with the other's right one, and the other way round.
            groups: for as many products as there are ways.
        """
        if all(ways):
            return self.crosses(np.stack([x, y]), np.stack([y, x]), groups)
        own = (x if ways[0] else y)[None]
        return self.crosses(own, own, groups)

    def crosses(self, held: Words, factors: Words, groups: SlotGroups) -> Words:
        """Our share of a sum of products of one party's numbers and the other one's.

        Args:
            held: of each product our number, if we encrypt it: [products, n].
            factors: our number by which the other one's is multiplied, if it encrypts. With x y' + y x'
                     wanted, for x, y here and x', y' there, both hold x, y, and multiply by y, x.
            groups: see `quickest`; n elements fit into them.

        Raises:
            LinkError: the other party sends what is none of this.
        """
        size, first = held.shape[1], groups.held(0)
        halves = slice(0, first), slice(first, groups.count)
        ours, theirs = halves[self._index], halves[1 - self._index]
        encrypts, multiplies = _grouped(held, groups)[ours], _grouped(factors, groups)[theirs]
        total: Words = zeros((groups.count, SLOTS), 64 * groups.words)
        for some in parts(first, groups.together):
            self._piece(encrypts[some], multiplies[some], total[ours][some], total[theirs][some])
        made: Words = total.reshape(-1)[:size]
        return made

    def _piece(self, held: Words, factors: Words, ours: Words, theirs: Words) -> None:
        """Puts our shares of some groups into `ours`, which we encrypt, and `theirs`, which we multiply."""
        holder, answering = self._met()
        ciphers, words = factors.shape[1], ring_bits(theirs) // 64
        own = holder.encrypted(held.reshape(-1, SLOTS)) if len(held) else []
        count = len(factors) * ciphers
        data = self._exchange(own, SEED_BYTES + count * CIPHERTEXT_BYTES if count else 0)
        answers: list[memoryview] = []
        if count:
            with self._exchange.reading():
                given = ciphertexts(data, count)
            for number, factor in enumerate(factors):
                some = _answers(answering, given[number * ciphers :][:ciphers], factor, words)
                theirs[number] = _joined([share for _, share in some])
                answers += [part for answer, _ in some for part in answer]
        data = self._exchange(answers, len(held) * words * ANSWER_BYTES)
        for number in range(len(held)):
            places = range(number * words * ANSWER_BYTES, (number + 1) * words * ANSWER_BYTES, ANSWER_BYTES)
            with self._exchange.reading():
                ours[number] = _joined([holder.decrypted(data[at:][:ANSWER_BYTES]) for at in places])

    def _met(self) -> tuple[SlotKey, SlotAnswering]:
        if self._keys is None:
            holder = SlotKey(self._stream)
            data = self._exchange(holder.public(), KEY_MESSAGE)
            with self._exchange.reading():
                self._keys = holder, SlotAnswering(data, self._stream)
        return self._keys


def _answers(
    answering: SlotAnswering, given: Words, factor: Words, words: int
) -> list[tuple[list[memoryview], WideArray]]:
    """Of the lower words' products, and if there are upper words, of those that count 2**64."""
    lower = len(given) // words
    made = [answering.answer(given[:lower], factor[:lower])]
    if words == 2:
        made.append(answering.answer(given, np.roll(factor, lower, axis=0)))
    return made


def _joined(shares: Sequence[WideArray]) -> Words:
    """Words, of what came of one answer; elements of 128 bits, of two."""
    if len(shares) == 1:
        return lowest_words(shares[0])
    return np.asanyarray(shares[0] + (shares[1] << np.uint64(64)))


def _grouped(numbers: Words, groups: SlotGroups) -> Words:
    """The words of numbers [products, n] with zeros at their ends, [groups, ciphertexts, `SLOTS`]."""
    if isinstance(numbers, WideArray):
        carries = numbers.low >> np.uint64(63)  # a lower word counts with its sign
        numbers = np.concatenate([numbers.low, numbers.high + carries])
    whole = np.zeros((len(numbers), groups.count * SLOTS), np.uint64)
    whole[:, : numbers.shape[1]] = numbers
    return whole.reshape(len(numbers), groups.count, SLOTS).swapaxes(0, 1)
