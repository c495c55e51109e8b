"""Writes the ledger, and acts when a value cannot be delivered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from junto.config.model import Mode, Settings
from junto.errors import JuntoError, PartyUnreachable, PeerError, ProtocolViolation
from junto.ledger import RECEIVED, SENT, Ledger, LedgerEntry, LedgerFile
from junto.program.exchange import CrossingObserver, ValueTransfer
from junto.program.fault import SessionFault
from junto.wire.payload import Summary

log: logging.Logger = logging.getLogger("junto.program")

GRACE_S = 2.0


class LedgerWriter(CrossingObserver):
    """The witness of a session. `crossed` is told of every entry."""

    def __init__(
        self, settings: Settings, fault: SessionFault, crossed: Callable[[LedgerEntry], None] | None = None
    ) -> None:
        self._crossed = crossed
        self._settings = settings
        self._fault = fault
        self._file: LedgerFile | None = None
        self._ledger: Ledger | None = None

    def claim(self) -> None:
        """Take the ledger's file, before anything is started or anybody waits.

        Raises:
            ConfigError: it cannot be written, another run is writing it, or it is no ledger.
        """
        if self._settings.ledger is not None:
            self._file = LedgerFile(self._settings.ledger)

    def begin(self, run: bytes) -> None:
        """The run has begun: the ledger's first line."""
        settings = self._settings
        party = settings.self_party or f"all parties ({settings.mode.value})"
        file, self._file = self._file, None
        self._ledger = Ledger(file, settings.job_name, run.hex(), party, self._fault.set)

    def close(self) -> None:
        """Everything is on disk, and the file is given back. Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._ledger is not None:
            self._ledger.close()

    def sent(self, passage: ValueTransfer, summary: Summary, nbytes: int) -> None:
        self._record(SENT, passage, summary, nbytes)

    def received(self, passage: ValueTransfer, summary: Summary, nbytes: int) -> None:
        # Where all parties live in one process, one line a crossing is enough.
        if self._settings.mode is Mode.PRODUCTION:
            self._record(RECEIVED, passage, summary, nbytes)

    def undelivered(self, passage: ValueTransfer, error: Exception) -> None:
        link = self._settings.link
        if isinstance(error, PeerError) and not isinstance(error, PartyUnreachable):
            log.warning(
                "value %d of operation %d %s was not delivered to %s: %s",
                passage.index,
                passage.stamp.operation,
                passage.stamp.text,
                passage.target,
                error,
            )
        if link.sending_failure_handler is not None:
            link.sending_failure_handler(error)
        if link.exit_on_sending_failure and isinstance(error, JuntoError):
            # A refused value is most often the first sign of different programs: let that be told first.
            grace = GRACE_S if isinstance(error, ProtocolViolation) else 0.0
            timer = threading.Timer(grace, self._fault.set, (error,))
            timer.daemon = True
            timer.start()

    def _record(self, direction: str, passage: ValueTransfer, summary: Summary, nbytes: int) -> None:
        if self._ledger is None:
            return
        stamp = passage.stamp
        entry = LedgerEntry(
            direction=direction,
            operation=stamp.operation,
            index=passage.index,
            text=stamp.text,
            site=stamp.site,
            kind=passage.kind,
            sender=passage.source,
            receiver=passage.target,
            type_name=summary.type_name,
            shape=summary.shape,
            nbytes=nbytes,
        )
        self._ledger.record(entry)
        if self._crossed is not None:
            self._crossed(entry)
