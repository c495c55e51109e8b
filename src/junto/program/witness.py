"""Writes the ledger, and acts when a value cannot be delivered."""

from __future__ import annotations

import logging

from junto.config.model import Settings
from junto.errors import JuntoError, PeerError
from junto.program.exchange import Passage, Witness
from junto.program.fault import Fault
from junto.wire.payload import Summary

log = logging.getLogger("junto.program")


class LedgerWitness(Witness):
    """The witness of a session."""

    def __init__(self, settings: Settings, fault: Fault) -> None:
        self._settings = settings
        self._fault = fault

    def begin(self, run: bytes) -> None:
        """The run has begun."""

    def sent(self, passage: Passage, summary: Summary, nbytes: int) -> None:
        """See Witness."""

    def received(self, passage: Passage, summary: Summary, nbytes: int) -> None:
        """See Witness."""

    def undelivered(self, passage: Passage, error: Exception) -> None:
        """See Witness."""
