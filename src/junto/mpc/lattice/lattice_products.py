"""Products of matrices that both parties hold shares of, by ring learning with errors.

Paper:     see `block_packing` and `ring_lwe`.
Computes:  [x0 y1 + x1 y0] from x0, y0 at P0 and x1, y1 at P1.
Parties:   P0, P1, who do the same: each encrypts its share of the left matrix, and multiplies what the other
           one has encrypted by its own share of the right one.
Secure:    semi-honest.
Learns:    nobody anything, but with the probability that `ring_lwe` states.
Cost:      a public key each the first time. Then the bytes that `Blocks` counts: 32 MB each way for matrices
           of 256 x 256; one way only if a party has one of the matrices whole. Rounds: 2 for
           `MOST_CIPHERTEXTS`, and one more for each `MOST_ANSWERS`.
"""

from __future__ import annotations

import numpy as np

from junto.mpc.gates import Words
from junto.mpc.lattice.block_packing import Blocks, best
from junto.mpc.lattice.judged_exchange import Exchange, JudgedExchange
from junto.mpc.lattice.negacyclic import DEGREE, summed_products
from junto.mpc.lattice.ring_lwe import (
    CIPHERTEXT_BYTES,
    LEAST_DISTANCE,
    SEED_BYTES,
    Answering,
    SecretKey,
    ciphertexts,
    distance_bits,
    plain,
)
from junto.mpc.ot.jobs import parts
from junto.mpc.prg import Stream

KEY_MESSAGE = SEED_BYTES + CIPHERTEXT_BYTES
"""Bytes that each party sends the first time."""


def quickest(sizes: tuple[int, int, int], batch: int, transfers: int) -> Blocks | None:
    """Blocks of matrices [rows, inner] and [inner, columns]; None: oblivious transfers send less.

    Args:
        sizes: rows, inner, columns: the same at both parties, as all that this depends on.
        batch: of so many products.
        transfers: bytes that transfers send for all products of one party's left share and the other's right
                   one.
    """
    if transfers <= CIPHERTEXT_BYTES:
        return None
    blocks = best(sizes)
    results = batch * blocks.answers * len(blocks.places)
    if distance_bits(blocks.terms, results) < LEAST_DISTANCE:
        return None
    return blocks if blocks.fresh_bytes(batch) + blocks.answer_bytes(batch) < transfers else None


class LatticeProducts:
    """One party's end; the two meet when something is asked for the first time.

    Args:
        exchange: sends parts as one message, and gives the other party's, of so many bytes.
        stream: randomness that nobody else knows.
        peer: the other party, for errors.
    """

    def __init__(self, exchange: Exchange, stream: Stream, peer: str) -> None:
        self._exchange = JudgedExchange(exchange, peer, "products of matrices")
        self._stream = stream
        self._keys: tuple[SecretKey, Answering] | None = None

    def crosses(self, x: Words, y: Words, blocks: Blocks, ways: tuple[bool, bool]) -> Words:
        """Our share of the products of one party's shares and the other one's.

        Args:
            x, y: our shares of left and right matrices, [batch, rows, inner] and [batch, inner, columns].
            blocks: see `quickest`.
            ways: whether our left share is multiplied with the other's right one, and the other way round.

        Raises:
            LinkError: the other party sends what is none of this.
        """
        if blocks.turned:
            x, y, ways = y.swapaxes(-1, -2), x.swapaxes(-1, -2), (ways[1], ways[0])
        left = blocks.left(x) if ways[0] else None
        right = blocks.right(y) if ways[1] else None
        high, _, wide = blocks.counts
        total = np.zeros((len(x), wide, high, len(blocks.places)), np.uint64)
        for some in parts(len(x), blocks.together(len(x))):
            for rows, inner in blocks.left_pieces():
                ours = None if left is None else left[some, rows, inner]
                theirs = None if right is None else right[some, :, inner]
                self._piece(ours, theirs, blocks, total[some, :, rows])
        made = blocks.joined(total)
        return made.swapaxes(-1, -2) if blocks.turned else made

    def _piece(self, left: Words | None, right: Words | None, blocks: Blocks, total: Words) -> None:
        """Adds to [batch, column blocks, block rows, places] our shares of what comes of some ciphertexts."""
        holder, answering = self._met()
        batch, _, rows, _ = total.shape
        count = batch * rows * self._inner(left, right)
        own = [] if left is None else holder.encrypted(left.reshape(count, DEGREE))
        data = self._exchange(own, 0 if right is None else SEED_BYTES + count * CIPHERTEXT_BYTES)
        if right is not None:
            with self._exchange.reading():
                given = ciphertexts(data, count)
            given = given.reshape(batch, rows, -1, *given.shape[1:])
        for columns in blocks.right_pieces(batch * rows):
            part = total[:, columns]
            answers = part.size // len(blocks.places)
            own = []
            if right is not None:
                own, words = answering.answers(_sums(given, right[:, columns]), blocks.places)
                part += words.reshape(part.shape)
            data = self._exchange(own, 0 if left is None else answers * blocks.one_answer)
            if left is not None:
                with self._exchange.reading():
                    words = holder.decrypted(data, answers, blocks.places)
                part += words.reshape(part.shape)

    @staticmethod
    def _inner(left: Words | None, right: Words | None) -> int:
        """How many blocks are summed over."""
        return left.shape[2] if left is not None else right.shape[2] if right is not None else 0

    def _met(self) -> tuple[SecretKey, Answering]:
        if self._keys is None:
            holder = SecretKey(self._stream)
            data = self._exchange(holder.public(), KEY_MESSAGE)
            with self._exchange.reading():
                self._keys = holder, Answering(data, self._stream)
        return self._keys


def _sums(given: Words, right: Words) -> Words:
    """Products of ciphertexts and polynomials, all those of a batch, a column and a row after the other.

    Args:
        given: [batch, rows, inner, 2, primes, n].
        right: [batch, columns, inner, coefficients].

    Returns:
        [batch * columns * rows, 2, primes, n].
    """
    made = np.empty((*right.shape[:2], given.shape[1], *given.shape[3:]), np.uint64)
    for ciphers, factors, into in zip(given, right, made, strict=True):
        ciphers = np.ascontiguousarray(ciphers.swapaxes(1, 2))
        for factor, to in zip(factors, into, strict=True):
            to[...] = summed_products(ciphers, plain(factor))
    return made.reshape(-1, *given.shape[3:])
