"""How two parties begin: both directions of the extension from 128 base transfers in one of them.

Parties:   P0 offers in the base transfers, so it chooses in the first direction of the extension; 128 of its
           transfers there are the base transfers of the other direction.
Secure:    against one who deviates: see `base`, `tree` and `softspoken`.
Cost:      3 exchanges, about 20 KB from P1 and 6 KB from P0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from junto.mpc import bits
from junto.mpc.gates import Words
from junto.mpc.ot import base_transfers, softspoken
from junto.mpc.ot.hashing import Hash
from junto.mpc.ot.jobs import octets
from junto.mpc.ot.pads import Chosen, Offered
from junto.mpc.ot.seed_trees import Grower
from junto.mpc.ot.softspoken import WIDTH
from junto.mpc.prg import KEY_BYTES, Stream

Exchange = Callable[[Sequence[memoryview], int], memoryview]
HELLO_BYTES = 16

_VERSION = b"junto mpc ot, version 2"
_WORDS = WIDTH // bits.LANES


class Beginning:
    """One party's part.

    Args:
        exchange: see `extension.Wire`.
        stream: randomness that nobody else knows.
        session: 32 bytes that name the run.
        field_bits: see `softspoken.depths`.
    """

    def __init__(self, exchange: Exchange, stream: Stream, session: bytes, field_bits: int) -> None:
        self._exchange = exchange
        self._stream = stream
        self._session = session
        self._field = field_bits
        self._size = softspoken.corrections_bytes(field_bits)
        self._hello = sha256(_VERSION + bytes([field_bits]) + session).digest()[:HELLO_BYTES]

    def run(self, index: int) -> tuple[softspoken.ExtensionReceiver, softspoken.ExtensionSender]:
        """The ends of the two directions: where we choose, and where we offer.

        Raises:
            ValueError: the other party has other settings or another session, or sends what is no point.
        """
        return self._first() if index == 0 else self._second()

    def _first(self) -> tuple[softspoken.ExtensionReceiver, softspoken.ExtensionSender]:
        offering = base_transfers.BaseSender(self._stream, WIDTH, self._session)
        functions = self._meet(offering.message, WIDTH * base_transfers.FUNCTION_BYTES)
        receiver = self._receiver(*offering.keys(functions), 0)
        own = self._own_choices()
        message, rows = receiver.extend(_packed(own), _WORDS, self._check())
        self._exchange([memoryview(receiver.corrections), octets(message)], 0)
        keys = Chosen(self._hash(), rows).blocks(1)[0]
        corrections = self._exchange([], self._size)
        return receiver, softspoken.ExtensionSender(own, keys, corrections, self._field, self._grower(1))

    def _second(self) -> tuple[softspoken.ExtensionReceiver, softspoken.ExtensionSender]:
        own = self._own_choices()
        choosing = base_transfers.BaseReceiver(self._stream, [int(each) for each in own], self._session)
        keys = choosing.keys(self._meet(choosing.message, base_transfers.REPLY_BYTES))
        size = 8 * softspoken.message_words(self._field, _WORDS)
        data = self._exchange([], self._size + size)
        sender = softspoken.ExtensionSender(own, keys, data[: self._size], self._field, self._grower(0))
        rows = sender.extend(np.frombuffer(data[self._size :], np.uint64), _WORDS, self._check())
        pads = Offered(self._hash(), rows, sender.difference)
        zero, one = (both[0] for both in pads.blocks(1))
        receiver = self._receiver(zero, one, 1)
        self._exchange([memoryview(receiver.corrections)], 0)
        return receiver, sender

    def _meet(self, message: bytes, due: int) -> memoryview:
        data = self._exchange([memoryview(self._hello), memoryview(message)], HELLO_BYTES + due)
        if data[:HELLO_BYTES] != self._hello:
            raise ValueError("its settings of the oblivious transfers or its session differ from ours")
        return data[HELLO_BYTES:]

    def _own_choices(self) -> NDArray[np.uint8]:
        return base_transfers.random_choices(self._stream, WIDTH)

    def _receiver(self, zero: Words, one: Words, direction: int) -> softspoken.ExtensionReceiver:
        extra = Stream(self._stream.octets(KEY_BYTES))
        return softspoken.ExtensionReceiver(zero, one, self._field, self._grower(direction), extra)

    def _check(self) -> bytes:
        return hash_key(self._session, "base check", 0)

    def _grower(self, direction: int) -> Grower:
        return Grower(Hash(hash_key(self._session, "trees", direction)))

    def _hash(self) -> Hash:
        return Hash(hash_key(self._session, "base", 0))


def hash_key(session: bytes, purpose: str, direction: int, number: int = 0) -> bytes:
    """The public key of one `Hash`, or the name of one block."""
    name = f"{purpose} {direction} {number}".encode()
    return sha256(_VERSION + session + name).digest()[:16]


def _packed(flags: NDArray[np.uint8]) -> Words:
    return bits.pack(flags.astype(np.bool_))
