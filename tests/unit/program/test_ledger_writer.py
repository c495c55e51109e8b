"""Who writes down what crosses: once where all parties live here, on both sides between silos."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from junto.config import build_settings
from junto.errors import ConfigError, PartyUnreachable, ProtocolViolation
from junto.ledger import LedgerEntry, read, verify
from junto.program import ledger_writer
from junto.program.exchange import ValueTransfer
from junto.program.fault import SessionFault
from junto.program.ledger_writer import LedgerWriter
from junto.program.operation import START, Description, follow
from junto.wire.payload import Summary

PASSAGE = ValueTransfer(
    follow(START, Description("move", "bob", "alice"), "fit.py:3"), 2, "move", "alice", "bob"
)
PLACES = {"alice": {"address": "127.0.0.1:9001"}, "bob": {"address": "127.0.0.1:9002"}}
SILO = {"cluster_config": {"self_party": "alice", "parties": PLACES}}
HERE = {"parties": ["alice", "bob"], "address": "local"}


def writer(path: Path | None = None, **settings: Any) -> tuple[LedgerWriter, SessionFault, list[LedgerEntry]]:
    fault, crossed = SessionFault(), list[LedgerEntry]()
    told = {**settings, "ledger": None if path is None else str(path)}
    return LedgerWriter(build_settings(told), fault, crossed.append), fault, crossed


@pytest.mark.parametrize(("settings", "sides"), [(SILO, ["sent", "received"]), (HERE, ["sent"])])
def test_a_crossing_is_a_line_of_each_side_that_is_a_silo(
    settings: dict[str, Any], sides: list[str], tmp_path: Path
) -> None:
    made, _, crossed = writer(tmp_path / "ledger", **settings)
    made.claim()
    made.sent(PASSAGE, Summary("int", None), 9)  # the run has not begun: nothing can have crossed
    made.begin(bytes(16))
    made.sent(PASSAGE, Summary("ndarray", (3,)), 24)
    made.received(PASSAGE, Summary("ndarray", (3,)), 24)
    made.close()
    made.close()
    entries = [each.entry for each in read(tmp_path / "ledger")]
    assert entries == crossed
    assert [each.direction for each in entries] == sides
    assert (entries[0].sender, entries[0].receiver, entries[0].index, entries[0].shape) == (
        "alice",
        "bob",
        2,
        (3,),
    )
    assert verify(tmp_path / "ledger").ok


def test_a_place_that_cannot_be_written_is_told_before_the_run(tmp_path: Path) -> None:
    made, *_ = writer(tmp_path / "nowhere" / "ledger", **HERE)
    with pytest.raises(ConfigError, match="cannot be written"):
        made.claim()
    made.close()


@pytest.mark.parametrize("error", [PartyUnreachable("gone", party="bob"), ProtocolViolation("not this")])
def test_what_is_not_delivered_is_told_to_who_asked_and_may_end_the_run(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_writer, "GRACE_S", 0.0)
    heard: list[Exception] = []
    options = {"sending_failure_handler": heard.append, "exit_on_sending_failure": True}
    made, fault, _ = writer(**SILO, cross_silo_comm_options=options)
    ended = threading.Event()
    fault.subscribe(ended.set)
    made.undelivered(PASSAGE, error)
    assert heard == [error]
    assert ended.wait(20)
    assert fault.error is error
    made, fault, _ = writer(**SILO)
    made.undelivered(PASSAGE, error)
    assert fault.error is None
