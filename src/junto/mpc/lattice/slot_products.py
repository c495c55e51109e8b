"""Products, element by element, of what both parties hold shares of, by ring learning with errors.

Paper:     see `slot_lwe`.
Computes:  [x0 y1 + x1 y0], or one of these products alone, from x0, y0 at P0 and x1, y1 at P1.
Parties:   P0, P1: for each second group of `SLOTS` elements the one encrypts its numbers and the other one
           multiplies them by its own.
Secure:    semi-honest.
Learns:    nobody anything, but with the probability that `slot_lwe` states.
Cost:      a public key each the first time, 1.9 MB. Then for a group two ciphertexts (one, if one product is
           asked for) and an answer: 83 bytes an element each way, or 54. Rounds: 2 for twice `MOST_GROUPS`.
"""

from __future__ import annotations

from dataclasses import dataclass
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

KEY_MESSAGE: Final = SEED_BYTES + CIPHERTEXT_BYTES
"""Bytes that each party sends the first time."""
MOST_GROUPS: Final = 4
"""Of which a party's ciphertexts go in one message, about 15 MB."""


@dataclass(frozen=True, slots=True)
class SlotGroups:
    """Which elements are multiplied in slots: the first ones.

    Attributes:
        count: groups of `SLOTS`, the last one perhaps not full.
        products: of one party's number and the other one's for an element: 1 or 2.
    """

    count: int
    products: int

    def held(self, party: int) -> int:
        """SlotGroups whose numbers this party encrypts: the first half of all is P0's."""
        return (self.count + 1 - party) // 2

    def sent(self, party: int) -> int:
        """Bytes that a party sends, without its key."""
        own, others = self.held(party), self.held(1 - party)
        seeds = SEED_BYTES * -(-own // MOST_GROUPS)
        return own * self.products * CIPHERTEXT_BYTES + seeds + others * ANSWER_BYTES


def quickest(size: int, products: int, transfers: int) -> SlotGroups:
    """The groups of so many elements; the rest is left to oblivious transfers, which send less for it.

    All is left to them if the keys are not worth it, so that the first call sends no more than without slots,
    or if answers would show more than they may.

    Args:
        size: elements: the same at both parties, as all that this depends on.
        products: see `SlotGroups`.
        transfers: bytes that transfers send for one element, from both parties.
    """
    one = products * CIPHERTEXT_BYTES + ANSWER_BYTES
    full, rest = divmod(size, SLOTS)
    count = full + (rest * transfers > one)
    groups = SlotGroups(count, products)
    saved = min(size, count * SLOTS) * transfers - groups.sent(0) - groups.sent(1)
    if saved <= 2 * KEY_MESSAGE or distance_bits(size) < LEAST_DISTANCE:
        return SlotGroups(0, products)
    return groups


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
        total = np.empty((groups.count, SLOTS), np.uint64)
        for some in parts(first, MOST_GROUPS):
            self._piece(encrypts[some], multiplies[some], total[ours][some], total[theirs][some])
        made: Words = total.reshape(-1)[:size]
        return made

    def _piece(self, held: Words, factors: Words, ours: Words, theirs: Words) -> None:
        """Puts our shares of some groups into `ours`, which we encrypt, and `theirs`, which we multiply."""
        holder, answering = self._met()
        products = factors.shape[1]
        own = holder.encrypted(held.reshape(-1, SLOTS)) if len(held) else []
        count = len(factors) * products
        data = self._exchange(own, SEED_BYTES + count * CIPHERTEXT_BYTES if count else 0)
        answers: list[memoryview] = []
        if count:
            with self._exchange.reading():
                given = ciphertexts(data, count)
            for number, factor in enumerate(factors):
                answer, theirs[number] = answering.answer(given[number * products :][:products], factor)
                answers += answer
        data = self._exchange(answers, len(held) * ANSWER_BYTES)
        for number, into in enumerate(ours):
            with self._exchange.reading():
                into[...] = holder.decrypted(data[number * ANSWER_BYTES :][:ANSWER_BYTES])

    def _met(self) -> tuple[SlotKey, SlotAnswering]:
        if self._keys is None:
            holder = SlotKey(self._stream)
            data = self._exchange(holder.public(), KEY_MESSAGE)
            with self._exchange.reading():
                self._keys = holder, SlotAnswering(data, self._stream)
        return self._keys


def _grouped(numbers: Words, groups: SlotGroups) -> Words:
    """Numbers [products, n] with zeros at their ends, [groups, products, `SLOTS`]."""
    whole = np.zeros((len(numbers), groups.count * SLOTS), np.uint64)
    whole[:, : numbers.shape[1]] = numbers
    return whole.reshape(len(numbers), groups.count, SLOTS).swapaxes(0, 1)
