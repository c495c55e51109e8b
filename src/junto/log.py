"""Logging of the `junto` tree: a level, one handler if nobody else made one, and redaction.

A library takes nothing from its host: the root logger, its level and its handlers stay as they are.
"""

from __future__ import annotations

import logging
import re
import sys

LEVELS = ("debug", "info", "warning", "error", "critical")
_ROOT = "junto"
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
_BARE_KEY = re.compile(r"\b(?:MC4CAQAwBQYDK2Vw|MIG[A-Z]AgEA|MII[A-Za-z0-9+/]{2}[AQ]IBA)[A-Za-z0-9+/=\s]{40,}")


def redact(text: str) -> str:
    """`text` without PEM blocks and without base64 of private keys (PKCS #8 and PKCS #1 headers)."""
    return _BARE_KEY.sub("[key removed]", _PEM.sub(r"[\1 removed]", text))


def printable(text: str, limit: int = 200) -> str:
    """Text of another party for a terminal or a log: no control characters, no more than `limit`."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text[:limit])
    return clean + "..." if len(text) > limit else clean


class Redaction(logging.Filter):
    """Removes key material from every record that passes, traceback included."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place; never drops it."""
        message = record.getMessage()
        clean = redact(message)
        if clean != message:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            text = logging.Formatter().formatException(record.exc_info)
            clean = redact(text)
            if clean != text:
                record.exc_text, record.exc_info = clean, None
        return True


class _PlainFormatter(logging.Formatter):
    """`HH:MM:SS party level message`."""

    def __init__(self, party: str) -> None:
        who = f"{party.replace('%', '%%')} " if party else ""
        super().__init__(f"%(asctime)s {who}%(lowercase)s %(message)s", datefmt="%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        record.lowercase = record.levelname.lower()
        return redact(super().format(record))


def configure(level: str = "info", party: str = "") -> None:
    """Set the level of the `junto` logger and, if nobody handles its records yet, add one handler to it.

    A handler on the root logger or on `junto` means that the application has arranged its logging:
    then only the level is set. On a terminal the handler is rich's, else one plain line a record.
    Calling it again only changes the level (and the party's name in our own handler). Raises
    ValueError for an unknown level.
    """
    if level not in LEVELS:
        raise ValueError(f"{level!r} is none of {', '.join(LEVELS)}")
    logger = logging.getLogger(_ROOT)
    logger.setLevel(level.upper())
    ours = [handler for handler in logger.handlers if handler.get_name() == _ROOT]
    if not ours and (logger.handlers or logging.root.handlers):
        return
    for handler in ours:
        logger.removeHandler(handler)
        handler.close()
    logger.addHandler(_handler(party))


def at_terminal() -> bool:
    """Whether standard error is a terminal: a program without a console has none, or one that is closed."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


def _handler(party: str) -> logging.Handler:
    handler: logging.Handler
    if at_terminal():
        from rich.console import Console
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False, log_time_format="%H:%M:%S")
        handler.setFormatter(
            logging.Formatter(f"{party.replace('%', '%%')} %(message)s" if party else "%(message)s")
        )
    elif sys.stderr is None or sys.stderr.closed:
        handler = logging.NullHandler()
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_PlainFormatter(party))
    handler.addFilter(Redaction())
    handler.set_name(_ROOT)
    return handler
