"""Logging: nothing of the host's is touched, and no key gets through."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import junto as sf
from junto.certificates import create_ca
from junto.log import Redaction, at_terminal, configure, redact

KEY = create_ca("Pilot").key.decode()


JUNTO = logging.getLogger("junto")


@contextmanager
def bare() -> Iterator[None]:
    """As in a program that arranged nothing: pytest hangs handlers of its own on the root for each test."""
    handlers, ours, level = logging.root.handlers, JUNTO.handlers, JUNTO.level
    logging.root.handlers, JUNTO.handlers = [], []
    try:
        yield
    finally:
        logging.root.handlers, JUNTO.handlers = handlers, ours
        JUNTO.setLevel(level)


@bare()
def test_one_plain_line_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure("info", "alice")
    logging.getLogger("junto.net").info("met %s", "bob")
    logging.getLogger("junto.net").debug("not shown")
    time_of_day, line = stream.getvalue().split(" ", 1)
    assert len(time_of_day) == len("12:34:56")
    assert line == "alice info met bob\n"


@pytest.mark.parametrize("closed", [True, False])
def test_a_program_without_standard_error_has_no_lines(monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream if closed else None)
    with bare(), sf.Session(["alice", "bob"], address="local"):
        assert not at_terminal()
        assert sf.reveal(sf.PYU("alice")(int)(3)) == 3


@bare()
def test_again_changes_the_level_and_adds_nothing() -> None:
    configure("info")
    configure("debug")
    assert len(JUNTO.handlers) == 1
    assert JUNTO.level == logging.DEBUG


@pytest.mark.parametrize("where", ["junto", ""])
@bare()
def test_an_application_that_arranged_logging_keeps_it(where: str) -> None:
    theirs = logging.NullHandler()
    (JUNTO if where else logging.root).addHandler(theirs)
    configure("error")
    assert [*logging.root.handlers, *JUNTO.handlers] == [theirs]
    assert JUNTO.level == logging.ERROR


@bare()
def test_the_root_logger_stays_as_it_is() -> None:
    level = logging.root.level
    configure("debug")
    assert (logging.root.level, logging.root.handlers) == (level, [])


def test_an_unknown_level() -> None:
    with pytest.raises(ValueError, match="'loud' is none of"):
        configure("loud")


@bare()
def test_keys_are_redacted_from_message_arguments_and_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure()
    try:
        raise ValueError(f"cannot use {KEY}")
    except ValueError:
        JUNTO.exception("key: %s", KEY)
    text = stream.getvalue()
    secrets = KEY.splitlines()[1:-1]
    assert all(line not in text for line in secrets)
    assert text.count("[PRIVATE KEY removed]") == 2
    assert "Traceback" in text


def test_a_key_without_its_first_and_last_line_is_redacted_too() -> None:
    body = "".join(KEY.splitlines()[1:-1])
    assert body[:30] not in redact(f"value {body} end")
    assert redact("an ordinary line: MIG and MII") == "an ordinary line: MIG and MII"


def test_a_pem_block_that_is_cut_off_is_redacted_to_the_end() -> None:
    assert redact("x " + KEY[:100]) == "x [PRIVATE KEY removed]"


def test_a_record_without_secrets_passes_unchanged() -> None:
    record = logging.LogRecord("junto", logging.INFO, "f", 1, "met %s", ("bob",), None)
    assert Redaction().filter(record)
    assert (record.msg, record.args) == ("met %s", ("bob",))
