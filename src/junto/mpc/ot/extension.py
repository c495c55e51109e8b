"""One party's end of all oblivious transfers of a run, in both directions.

Computes:  any number of transfers, block by block, in each of which one party chooses and the other offers.
Parties:   P0, P1; each chooses in some transfers and offers in others, at the same time.
Secure:    the transfers against one who deviates: see `base`, `softspoken` and `hashing`, which this puts
           together. What is made of them (`TransferJob.give`) is semi-honest: nothing proves what is offered.
Learns:    see there. Every transfer has keystream of its own and a tweak of its own; none is made twice.
Cost:      3 rounds to begin with (`setup`). Then one round more than there are blocks; 128 / field_bits bits
           a transfer from the one who chooses, and those of 128 transfers and 48 bytes a block for the
           check; and what the offering party says about the pads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

import numpy as np

from junto.errors import LinkError
from junto.mpc import bits
from junto.mpc.gates import Words
from junto.mpc.ot import softspoken
from junto.mpc.ot.hashing import Hash
from junto.mpc.ot.jobs import TransferJob, octets
from junto.mpc.ot.pads import Chosen, Offered
from junto.mpc.ot.setup import Beginning, hash_key
from junto.mpc.prg import Stream

MOST_BLOCKS: Final = 1 << 32
"""Blocks of transfers in one direction: far below what the keystreams and the tweaks can bear."""
_LEAST: Final = 1 << 10
"""Transfers a block, at least, in the settings."""


class TransferWire(Protocol):
    """How a party talks to the other one."""

    def exchange(self, parts: Sequence[memoryview], size: int) -> memoryview:
        """Send `parts` as one message and receive the other party's, of `size` bytes."""


@dataclass(frozen=True, slots=True)
class OtSettings:
    """Numbers that both parties must have alike; only `overlap` may differ.

    Args:
        field_bits: 1 to 8. A transfer costs 128 / field_bits bits on the wire, and 2**field_bits / field_bits
            times 16 bytes of AES at each end: 4 on a local network, up to 8 on a slow one; 1 is IKNP.
        block: transfers that are made at once: a multiple of 64. Bounds the memory, about 150 bytes each.
        overlap: prepare the next block in a second thread.

    Raises:
        ValueError: there is no such field, or no such block.
    """

    field_bits: int = 4
    block: int = 1 << 16
    overlap: bool = True

    def __post_init__(self) -> None:
        softspoken.depths(self.field_bits)
        if self.block % bits.LANES or not _LEAST <= self.block <= softspoken.MOST_TRANSFERS:
            raise ValueError(
                f"a block has a multiple of 64 transfers, from {_LEAST} to {softspoken.MOST_TRANSFERS}"
            )


class Extension:
    """Makes transfers with the other party; both call the same in the same order.

    After an error it makes none any more.

    Args:
        wire: to the other party.
        index: 0 or 1.
        stream: randomness that nobody else knows.
        session: names the run and the device: the same at both parties, different each time.
        settings: numbers.
        peer: the other party's name, for errors.

    Attributes:
        index, stream, settings: the same.

    Raises:
        LinkError: the other party has other settings, or sends what no honest one would.
    """

    def __init__(
        self,
        wire: TransferWire,
        index: int,
        stream: Stream,
        session: bytes,
        settings: OtSettings | None = None,
        peer: str = "the other party",
    ) -> None:
        self.index = index
        self.stream = stream
        self.settings: OtSettings = settings or OtSettings()
        self._wire = wire
        self._peer = peer
        self._session = sha256(session).digest()
        self._blocks = [0, 0]
        self._over = False
        beginning = Beginning(self._exchange, stream, self._session, self.settings.field_bits)
        try:
            self._choosing, self._offering = beginning.run(index)
        except ValueError as error:
            raise self._broken(str(error)) from None

    @property
    def blocks(self) -> tuple[int, int]:
        """Blocks so far in which we chose, and in which we offered."""
        return self._blocks[0], self._blocks[1]

    def run(self, jobs: Iterable[TransferJob]) -> None:
        """Do jobs, a block each. The message of one takes along what is said about the one before.

        Args:
            jobs: made one ahead, so none may depend on what another one takes.

        Raises:
            LinkError: what the other party sends is not what is due.
            OverflowError: more blocks are wanted than one session may make.
        """
        if self._over:
            raise self._broken("an error has ended the oblivious transfers")
        self._over = True
        with ThreadPoolExecutor(1, "junto-ot") if self.settings.overlap else nullcontext() as pool:
            said: Sequence[memoryview] = ()
            last: TransferJob = _NO_JOB
            chosen = _NO_PADS
            for job, message, fresh in self._prepared(iter(jobs), pool):
                size = self._message_size(job)
                data = self._exchange([octets(message), *said], size + last.due)
                said = self._offer(job, data[:size])
                self._take(last, chosen, data[size:])
                last, chosen = job, fresh
            if last.due or any(len(part) for part in said):
                self._take(last, chosen, self._exchange(said, last.due))
            else:
                self._take(last, chosen, memoryview(b""))
        self._over = False

    def __repr__(self) -> str:
        return f"<Extension of P{self.index}>"

    # ---------------------------------------------------------------- one block

    def _prepared(
        self, jobs: Iterator[TransferJob], pool: ThreadPoolExecutor | None
    ) -> Iterator[tuple[TransferJob, Words, Chosen]]:
        """Each job with our message for it; the next one's is made while this one is done."""
        job = next(jobs, None)
        ahead: Future[tuple[Words, Chosen]] | None = None
        while job is not None:
            message, chosen = self._choose(job) if ahead is None else ahead.result()
            following = next(jobs, None)
            if following is not None and pool is not None:
                ahead = pool.submit(self._choose, following)
            yield job, message, chosen
            job = following

    def _choose(self, job: TransferJob) -> tuple[Words, Chosen]:
        if not job.chooses:
            return _NOTHING, _NO_PADS
        number, width = self._next(0), bits.word_count(job.chooses)
        message, rows = self._choosing.extend(job.choices(), width, self._key("check", 0, number))
        return message, Chosen(Hash(self._key("block", 0, number)), rows[: job.chooses])

    def _offer(self, job: TransferJob, message: memoryview) -> Sequence[memoryview]:
        if not job.offers:
            return ()
        number, width = self._next(1), bits.word_count(job.offers)
        try:
            rows = self._offering.extend(
                np.frombuffer(message, np.uint64), width, self._key("check", 1, number)
            )
        except ValueError as error:
            raise self._broken(str(error)) from None
        pads = Hash(self._key("block", 1, number))
        return job.give(Offered(pads, rows[: job.offers], self._offering.difference))

    def _take(self, job: TransferJob, chosen: Chosen, said: memoryview) -> None:
        if job.chooses:
            job.take(chosen, said)

    def _message_size(self, job: TransferJob) -> int:
        """Bytes of the other party's choices."""
        if not job.offers:
            return 0
        width = bits.word_count(job.offers)
        return 8 * softspoken.message_words(self.settings.field_bits, width)

    def _next(self, side: int) -> int:
        """The number of the next block in which we choose (0) or offer (1)."""
        number = self._blocks[side]
        if number >= MOST_BLOCKS:
            raise OverflowError("one session has made all the oblivious transfers that it may")
        self._blocks[side] += 1
        return number

    def _key(self, purpose: str, side: int, number: int) -> bytes:
        """For one purpose of one block: the same at both parties."""
        return hash_key(self._session, purpose, self.index ^ side, number)

    # ---------------------------------------------------------------- the wire

    def _exchange(self, parts: Sequence[memoryview], size: int) -> memoryview:
        data = self._wire.exchange([part for part in parts if len(part)], size)
        if len(data) != size:
            raise self._broken(f"a message of {len(data)} bytes came where one of {size} is due")
        return data

    def _broken(self, problem: str) -> LinkError:
        return LinkError(
            f"oblivious transfers with {self._peer}: {problem}",
            party=self._peer,
            fix="see that both parties run the same version of junto with the same settings of the SPU",
        )


class _Nothing(TransferJob):
    """Before the first job."""

    chooses = offers = due = 0

    def give(self, pads: Offered) -> Sequence[memoryview]:
        return ()

    def take(self, pads: Chosen, data: memoryview) -> None:
        pass


_NOTHING: Final = np.empty((0, 0), np.uint64)
_NO_JOB: Final = _Nothing()
_NO_PADS: Final = Chosen(Hash(bytes(16)), np.empty((0, 2), np.uint64))
