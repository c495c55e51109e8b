"""Vector oblivious linear evaluation over GF(64), a column at a time.

Paper:     Roy, "SoftSpokenOT: quieter OT extension from small-field silent VOLE in the minicrypt model",
           CRYPTO 2022, section 3, with p = q = 64.
Computes:  for each column, of the input party's vector c over GF(64): v for that party, q = v + d c for the
           other one, whose secret is d, an element of the field for each column.
Parties:   the input party, who grew a tree for each column; the key party, who has all leaves but number d.
Secure:    semi-honest. Base transfers and trees are checked, as in `setup`; nothing proves that the columns
           belong together. AES as a pseudo-random function, and the assumptions of `base_transfers`.
Learns:    the key party: c under a uniform mask. The input party: nothing.
Cost:      3 moves; for each column 6 base transfers (112 bytes each) from the key party and 224 bytes from
           the other, 6 bits an element; 64 times 6 bits of keystream an element at each end.

With all leaves' keystreams r_y the input party has u, the sum of r_y, and v, the sum of y r_y. The key party,
whose leaves are arranged around the missing one, has the sum of (y + d) r_y, which is v + d u. The input
party says u + c, and d times that is added. Everything is added without carry.

Another VOLE (a silent one, say) is a pair of classes with the same methods; see `VoleInput`, `VoleKey`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import numpy as np

from junto.mpc.gates import Words
from junto.mpc.ot.base_transfers import FUNCTION_BYTES, REPLY_BYTES, BaseReceiver, BaseSender, random_choices
from junto.mpc.ot.hashing import Hash
from junto.mpc.ot.seed_trees import Grower, correction_bytes
from junto.mpc.ot.symbols import BITS, scaled
from junto.mpc.prg import Stream
from junto.native import kernels

_DEPTHS: Final = np.array([BITS], np.uint8)
_TREES: Final = b"junto mpc ot symbol vole trees, version 1"


def functions_bytes(columns: int) -> int:
    """What the key party says first."""
    return columns * BITS * FUNCTION_BYTES


def reply_bytes(columns: int) -> int:
    """What the input party answers."""
    return REPLY_BYTES + columns * correction_bytes(BITS)


class VoleKey:
    """The party that has a secret element for each column.

    Args:
        stream: randomness that nobody else knows.
        columns: how many.
        session: 32 bytes, the same at both parties and different each time.

    Attributes:
        message: to the input party.
    """

    def __init__(self, stream: Stream, columns: int, session: bytes) -> None:
        self._session, self._columns = session, columns
        self._choices = random_choices(stream, columns * BITS)
        self._base = BaseReceiver(stream, [int(each) for each in self._choices], session)
        self.message: bytes = self._base.message
        self._leaves: list[Words] = []
        self._secrets: list[int] = []

    def meet(self, reply: memoryview) -> None:
        """Take the input party's answer [`reply_bytes`].

        Raises:
            ValueError: it is not what an honest party sends.
        """
        if len(reply) != reply_bytes(self._columns):
            raise ValueError("an answer to base transfers has another length")
        keys, grower = self._base.keys(reply[:REPLY_BYTES]), _grower(self._session)
        size = correction_bytes(BITS)
        for column in range(self._columns):
            some = slice(column * BITS, (column + 1) * BITS)
            said = reply[REPLY_BYTES + column * size :][:size]
            leaves, secret = grower.puncture([int(each) for each in self._choices[some]], keys[some], said)
            self._leaves.append(leaves[np.arange(1 << BITS) ^ secret])
            self._secrets.append(secret)

    def output(self, column: int, message: Words) -> Words:
        """Of the input party's message [6, width] on a column, once: q [6, width]."""
        _, made = _sums(self._leaves[column], message.shape[1], missing=True)
        return made ^ scaled(self._secrets[column], message)

    def scaled(self, column: int, symbols: Words) -> Words:
        """This column's secret times symbols [6, width]."""
        return scaled(self._secrets[column], symbols)


class VoleInput:
    """The party that has a vector for each column.

    Args:
        stream: randomness that nobody else knows.
        functions: the key party's message [`functions_bytes`].
        columns, session: see `VoleKey`.

    Attributes:
        message: to the key party.

    Raises:
        ValueError: what the key party said is not what an honest one says.
    """

    def __init__(self, stream: Stream, functions: memoryview, columns: int, session: bytes) -> None:
        if len(functions) != functions_bytes(columns):
            raise ValueError("base transfers are of another number")
        base = BaseSender(stream, columns * BITS, session)
        zero, one = base.keys(functions)
        grower, said = _grower(session), [base.message]
        self._leaves: list[Words] = []
        for start in range(0, columns * BITS, BITS):
            leaves, message = grower.grow(zero[start : start + BITS], one[start : start + BITS])
            self._leaves.append(leaves)
            said.append(message)
        self.message: bytes = b"".join(said)

    def output(self, column: int, inputs: Words) -> tuple[Words, Words]:
        """Of a column's inputs [6, width], once: the message on them to the key party, and v."""
        total, made = _sums(self._leaves[column], inputs.shape[1], missing=False)
        return total ^ inputs, made


def _sums(leaves: Words, width: int, *, missing: bool) -> tuple[Words, Words]:
    """The sum of the leaves' keystreams, and that of each times its number: [6, width] both.

    Args:
        leaves: their keys, [64, 2].
        width: words of a plane.
        missing: the first one is not known; it counts 0 times.
    """
    rows, native = np.empty((BITS, BITS * width), np.uint64), kernels()
    if native is not None and native.has_aes:
        total = native.leaf_sums(leaves, _DEPTHS, missing, 0, rows)
    else:
        total = _plain_sums(leaves, missing, rows)
    made = rows[0].reshape(BITS, width)
    for row in rows[1:]:  # the bits of a number, the highest first: Horner's rule
        made = scaled(2, made)
        made ^= row.reshape(BITS, width)
    return total.reshape(BITS, width), made


def _plain_sums(leaves: Words, missing: bool, rows: Words) -> Words:
    total = np.zeros(rows.shape[1], np.uint64)
    rows[...] = 0
    for number, key in enumerate(leaves):
        if missing and not number:
            continue
        drawn = Stream(key.tobytes()).words(len(total))
        total ^= drawn
        for bit in range(BITS):
            if number >> (BITS - 1 - bit) & 1:
                rows[bit] ^= drawn
    return total


def _grower(session: bytes) -> Grower:
    return Grower(Hash(sha256(_TREES + session).digest()[:16]))
