"""An oblivious pseudo-random function of two sets of keys, from a key-value store and a VOLE.

Paper:     Raghuraman, Rindal, "Blazing fast PSI from improved OKVS and subfield VOLE", CCS 2022, section 4,
           semi-honest; over a code, as Pinkas, Rosulek, Trieu, Yanai, "PSI from PaXoS", EUROCRYPT 2020.
Computes:  F(x) for the input party's keys x and for the key party's own; F is drawn by the run.
Parties:   the input party, the key party.
Secure:    semi-honest. SHA-256 as a random oracle; AES as a pseudo-random function; the assumptions of
           `mpc.ot.base_transfers` (CDH). No assumption about codes that are hard to decode.
Learns:    the key party: how many keys the input party has. The input party: nothing but its values of F.
           It could tell F(x) of another x only if a hash of 40 bits more than the number of the key party's
           keys met what its table has for x, or by finding 132 bits of a secret.
Cost:      3 moves; of n keys of the input party 1.055 n times 6 bits a column, of which there are 31 for a
           million keys: 24.5 bytes a key. `OprfSizes` counts.

The input party lays h(x), a hash, into a table whose band for x sums up to it (`okvs`). Slot by slot, a code
C makes symbols of the table, a column each, and a VOLE makes v for the input party and q = v + d C(table) for
the other one (`symbol_vole`). All this is linear: of a key x the band of q, less d C(h(x)), is the band of v,
if x is in the table. F(x) is a hash of x and that. For any other x they differ by d times a word of the code
that is not zero, so at least 22 symbols of d have to be known.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from junto.errors import JoinError, ProtocolViolation
from junto.join import okvs
from junto.join.keys import Digests
from junto.join.row_digests import sha256_rows
from junto.join.spool import put_back
from junto.join.tags import Tagging
from junto.mpc import bits
from junto.mpc.ot import symbol_vole, symbols
from junto.mpc.prg import Stream, derive, fresh_key

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]

STATISTICAL: Final = 40
"""Bits: what goes wrong by chance does so with a probability of 2**-40."""
LEAST: Final = 1 << 20
ATTEMPTS: Final = 3
_EXPECTED: Final = 1 << 20
"""Keys, of which each takes 120 bytes."""
_NONCE: Final = 32
_WORDS: Final = 4
"""Of a row of columns: room for 42 symbols."""
_DOMAIN: Final = b"junto join oprf, version 1"


@dataclass(frozen=True, slots=True)
class OprfSizes:
    """How large everything is; all follows from two numbers that both parties know.

    Lengths of hashes are those of LEAST keys at each party, or of more, so that most joins have the same.

    Args:
        inputs: keys of the input party.
        keys: keys of the key party.
        least: bytes of a value of F, if these are more than it takes to tell keys apart.
    """

    inputs: int
    keys: int
    least: int = 0

    @property
    def symbols(self) -> int:
        """Of a hash that is laid into the table."""
        return -(-(STATISTICAL + _logarithm(max(self.keys, LEAST))) // symbols.BITS)

    @property
    def columns(self) -> int:
        """Of a word of the code."""
        return self.symbols + symbols.PARITY

    @property
    def slots(self) -> int:
        """Of the table."""
        return okvs.slots_of(self.inputs)

    @property
    def output(self) -> int:
        """Bytes of a value of F: no two of all keys have equal ones but with a probability of 2**-40."""
        bits = STATISTICAL + 2 * _logarithm(max(self.inputs + self.keys, 2 * LEAST)) - 1
        return max(-(-bits // 8), self.least)

    @property
    def reply(self) -> int:
        """Bytes of what the input party says before the columns."""
        return 1 + symbol_vole.reply_bytes(self.columns)


class OprfInput:
    """The input party's part.

    Args:
        sizes: what both know.
        peer: the key party's name.
    """

    def __init__(self, sizes: OprfSizes, peer: str) -> None:
        self._sizes, self._peer = sizes, peer
        self._nonce = secrets.token_bytes(_NONCE)
        self._given: list[Words] = []
        self._outputs: Digests | None = None

    @property
    def session(self) -> bytes:
        """Names the run, once both have met; both know it."""
        return self._session

    def begin(self) -> bytes:
        """What is said first: this party's part of what names the run."""
        return self._nonce

    def meet(self, said: Any) -> None:
        """Take the key party's base transfers.

        Raises:
            ProtocolViolation: they are none.
        """
        columns = self._sizes.columns
        message = _of_size(said, _NONCE + symbol_vole.functions_bytes(columns), self._peer)
        self._session = _session(self._nonce, bytes(message[:_NONCE]))
        try:
            self._vole = symbol_vole.VoleInput(Stream(fresh_key()), message[_NONCE:], columns, self._session)
        except ValueError as error:
            raise ProtocolViolation(f"what {self._peer} sent: {error}") from None

    def add(self, keys: Digests) -> None:
        """The next keys, once both have met."""
        self._given.append(_tags(self._session, keys))

    def encode(self) -> bytes:
        """Make the table, once all keys are there; what is said before the columns.

        Raises:
            JoinError: there is no table after some tries.
        """
        self._tagged = np.concatenate([np.empty((0, 2), np.uint64), *self._given])
        self._given.clear()
        for attempt in range(ATTEMPTS):
            if self._encoded(attempt):
                return bytes([attempt]) + self._vole.message
            self._tagged = put_back(self._tagged, self._order)
        raise JoinError("the keys fit into no table, which happens once in 2**120 joins", fix="join again")

    def column(self, number: int) -> Words:
        """What is said of a column, once each and in order: [6, slots / 64]."""
        message, self._columns[number] = self._vole.output(number, self._columns[number])
        return message

    def outputs(self, start: int, count: int) -> Digests:
        """F of `count` keys from number `start` on, once all columns are made."""
        if self._outputs is None:
            self._outputs = self._finished()
        return np.array(self._outputs[start : start + count])

    def _encoded(self, attempt: int) -> bool:
        """Make the columns, and put the tags in the order in which their bands start."""
        slots = self._sizes.slots
        self._hash = _key(self._session, "bands", attempt)
        self._order = okvs.order_of(okvs.starts_of(self._hash, self._tagged, slots))
        self._tagged = np.take(self._tagged, self._order, axis=0)
        echelon = okvs.Echelon(slots)
        for bands, _ in self._pieces():
            if not echelon.lay(bands, bands.messages):
                return False
        table = Stream(fresh_key()).words(2 * slots).reshape(-1, 2)
        echelon.solve(table)
        del echelon
        self._columns = _code(table, self._sizes.symbols)
        return True

    def _finished(self) -> Digests:
        made = np.empty((len(self._tagged), self._sizes.output), np.uint8)
        for bands, piece in self._pieces():
            first, last = int(bands.starts[0]) // 64, int(bands.starts[-1]) // 64 + okvs.BAND_WORDS + 1
            near = replace(bands, starts=bands.starts - np.uint64(64 * first))
            found = okvs.decode(near, _turned(self._columns[:, :, first:last]))
            made[piece] = _hashed(self._tagged[piece], found, self._sizes.output)
        outputs = put_back(made, self._order)
        del self._columns, self._tagged, self._order
        return outputs

    def _pieces(self) -> Iterator[tuple[okvs.Bands, slice]]:
        """The bands of some keys after others: those of all would take several times as much as the tags."""
        for first in range(0, len(self._tagged), okvs.PIECE):
            piece = slice(first, min(first + okvs.PIECE, len(self._tagged)))
            yield okvs.bands_of(self._hash, self._tagged[piece], self._sizes.slots), piece


class OprfKey:
    """The key party's part.

    Args:
        sizes: what both know.
        peer: the input party's name.
    """

    def __init__(self, sizes: OprfSizes, peer: str) -> None:
        self._sizes, self._peer = sizes, peer
        self._table: Words | None = None
        self._expected: dict[int | None, tuple[Words, okvs.Bands, Places, Words]] = {}
        self._room = _EXPECTED

    @property
    def session(self) -> bytes:
        """Names the run, once both have met; both know it."""
        return self._session

    def meet(self, nonce: Any) -> bytes:
        """Answer the input party's first word.

        Raises:
            ProtocolViolation: it is none.
        """
        own = secrets.token_bytes(_NONCE)
        self._session = _session(bytes(_of_size(nonce, _NONCE, self._peer)), own)
        self._vole = symbol_vole.VoleKey(Stream(fresh_key()), self._sizes.columns, self._session)
        return own + self._vole.message

    def open(self, said: Any) -> None:
        """Take what the input party says before the columns.

        Raises:
            ProtocolViolation: it is something else.
        """
        message = _of_size(said, self._sizes.reply, self._peer)
        self._attempt = message[0]
        if self._attempt >= ATTEMPTS:
            raise ProtocolViolation(f"{self._peer} sent a number of tries that is none")
        try:
            self._vole.meet(message[1:])
        except ValueError as error:
            raise ProtocolViolation(f"what {self._peer} sent: {error}") from None
        self._made = np.empty((self._sizes.columns, symbols.BITS, self._sizes.slots // 64), np.uint64)

    def column(self, number: int, said: Any) -> None:
        """Take what the input party says of a column, once each and in order.

        Raises:
            ProtocolViolation: it is something else.
        """
        shape = self._made.shape[1:]
        if not isinstance(said, np.ndarray) or said.dtype != np.uint64 or said.shape != shape:
            raise ProtocolViolation(f"what {self._peer} sent is no column of {shape} words")
        self._made[number] = self._vole.output(number, said)

    def expect(self, batch: int, keys: Digests) -> None:
        """Have what `outputs` of these keys takes beside the columns, while the other party makes its table.

        That is for a table which fits at once. Of more keys than `_EXPECTED` it would take too much room.
        """
        if self._room >= len(keys):
            self._room -= len(keys)
            self._expected[batch] = self._laid_out(keys, 0)

    def outputs(self, keys: Digests, batch: int | None = None) -> Digests:
        """F of keys of this party, once all columns are there; `batch`: their number, if `expect` has it."""
        if not len(keys):
            return np.empty((0, self._sizes.output), np.uint8)
        if self._table is None:
            self._table = _turned(self._made)
            del self._made
        expected = self._expected.pop(batch, None) if self._attempt == 0 else None
        tags, bands, order, code = expected or self._laid_out(keys, self._attempt)
        found = put_back(okvs.decode(bands, self._table), order)
        for number, column in enumerate(code):
            code[number] = self._vole.scaled(number, column)
        return _hashed(tags, found ^ _turned(code)[: len(keys)], self._sizes.output)

    def _laid_out(self, keys: Digests, attempt: int) -> tuple[Words, okvs.Bands, Places, Words]:
        """Of keys their tags, their bands as these start, the order of that, and their words of the code."""
        tags = _tags(self._session, keys)
        bands = okvs.bands_of(_key(self._session, "bands", attempt), tags, self._sizes.slots)
        order = okvs.order_of(bands.starts)
        return tags, bands[order], order, _code(bands.messages, self._sizes.symbols)


def _logarithm(count: int) -> int:
    """Of base 2, rounded up."""
    return (count - 1).bit_length()


def _of_size(said: Any, size: int, peer: str) -> memoryview:
    if not isinstance(said, bytes) or len(said) != size:
        raise ProtocolViolation(f"what {peer} sent is not a message of {size} bytes")
    return memoryview(said)


def _session(first: bytes, second: bytes) -> bytes:
    return sha256(_DOMAIN + first + second).digest()


def _key(session: bytes, purpose: str, attempt: int) -> bytes:
    return derive(session, purpose, attempt)


def _tags(session: bytes, keys: Digests) -> Words:
    """Keys as 128 bits: equal ones have equal ones, different ones by chance, with 2**-128 for each pair."""
    return Tagging(_key(session, "tags", 0))(keys)


def _code(words: Words, count: int) -> Words:
    """The code's words for the first `count` symbols of each of [n, 2]: [columns, 6, n / 64]."""
    most = symbols.BITS * count
    planes = [bits.planes(words[:, 0].copy(), min(64, most))]
    if most > 64:
        planes.append(bits.planes(words[:, 1].copy(), most - 64))
    message = np.concatenate(planes).reshape(count, symbols.BITS, -1)
    return np.concatenate([message, symbols.parities(message)])


def _turned(columns: Words) -> Words:
    """The bits of all columns [columns, 6, width] side by side, for each symbol: [64 * width, 4]."""
    planes = columns.reshape(-1, columns.shape[2])
    made = np.zeros((64 * planes.shape[1], _WORDS), np.uint64)
    for word in range(-(-len(planes) // 64)):
        bits.unplanes_into(planes[64 * word : 64 * word + 64], made[:, word])
    return made


def _hashed(tags: Words, found: Words, size: int) -> Digests:
    return np.ascontiguousarray(sha256_rows(np.hstack([tags, found]).view(np.uint8))[:, :size])
