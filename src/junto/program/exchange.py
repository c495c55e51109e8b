"""How a value gets from one party to another. Two ways: within this process, or between silos."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from junto.execute.executor import Ref
from junto.net.api import Stamp
from junto.program.failure import ErrorReporter
from junto.program.fault import SessionFault
from junto.program.in_flight import InFlight
from junto.wire.payload import Summary
from junto.wire.policy import WirePolicy


@dataclass(frozen=True, slots=True)
class ValueTransfer:
    """One value on its way.

    Attributes:
        stamp: the operation that asks for it.
        index: which value of that operation.
        kind: ``move``, ``reveal``, ``wait``, ``barrier``: what the ledger says of it.
        source, target: parties, different ones.
    """

    stamp: Stamp
    index: int
    kind: str
    source: str
    target: str


class CrossingObserver(ABC):
    """Hears of every value that crosses a silo's edge. Called from any thread; must not block."""

    @abstractmethod
    def sent(self, passage: ValueTransfer, summary: Summary, nbytes: int) -> None:
        """A value of ours was handed over completely."""

    @abstractmethod
    def received(self, passage: ValueTransfer, summary: Summary, nbytes: int) -> None:
        """A value of another party is here."""

    @abstractmethod
    def close(self) -> None:
        """Everything is on disk."""

    @abstractmethod
    def undelivered(self, passage: ValueTransfer, error: Exception) -> None:
        """A value of ours could not be handed over."""


@dataclass(frozen=True, slots=True)
class ExchangeServices:
    """What every exchange works with.

    Attributes:
        policy: what may travel.
        desk: explains failures.
        outstanding: what is not finished, so that `shutdown` waits for it.
        witness: writes the ledger.
        fault: ends the run.
    """

    policy: WirePolicy
    desk: ErrorReporter
    outstanding: InFlight
    witness: CrossingObserver
    fault: SessionFault


class Exchange(ABC):
    """Carries values between parties, through the codec, and writes the ledger."""

    @abstractmethod
    def transfer(self, passage: ValueTransfer, ref: Ref | None) -> Ref | None:
        """Carry the value `ref` of the source (None if the source is elsewhere).

        Returns the value at the target, or None if the target is elsewhere. Never blocks.
        """

    @abstractmethod
    def copy(self, passage: ValueTransfer, ref: Ref) -> Ref:
        """The value as the target of a reveal sees it, at its own owner: through the codec, too."""

    @abstractmethod
    def awaited(self) -> ValueTransfer | None:
        """The oldest value that is expected from another party and not here."""

    @abstractmethod
    def progress(self) -> tuple[int, int]:
        """Bytes here and bytes announced of all values under way to us."""

    @abstractmethod
    def close(self) -> None:
        """End the exchange's own threads; nothing more is carried. Idempotent."""
