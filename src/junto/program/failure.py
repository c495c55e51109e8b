"""A failed operation: what its owner logs, what the others are told, what everybody raises."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import traceback
from collections.abc import Sequence

import msgspec

from junto.errors import (
    DeviceError,
    JuntoError,
    Origin,
    PartyAborted,
    PartyUnreachable,
    ProtocolViolation,
    RemoteError,
)
from junto.execute.results import UnfitResult
from junto.extras import missing
from junto.net.api import Failure, Stamp
from junto.tracebacks import of_the_script

log: logging.Logger = logging.getLogger("junto.program")


def remote_error(failure: Failure) -> RemoteError:
    """The exception that stands for `failure` of another party."""
    return RemoteError(Origin(*msgspec.structs.astuple(failure)))


def told(error: RemoteError) -> Failure:
    """What is sent in place of the value to a party that waits for it."""
    origin = error.origin
    return Failure(
        party=origin.party,
        operation=origin.operation,
        text=origin.text,
        site=origin.call_site,
        error_type=origin.error_type,
        incident=origin.incident,
        detail=origin.detail,
        fix=origin.fix,
    )


def _with_the_sender(error: BaseException, senders: Sequence[str]) -> BaseException:
    """A violation of a protocol, with the names of those whose words it is about, if it has none of them."""
    if not isinstance(error, ProtocolViolation) or not senders or any(s in error.message for s in senders):
        return error
    named = ProtocolViolation(f"in what {' or '.join(senders)} sent: {error.message}", fix=error.fix)
    return named.with_traceback(error.__traceback__)


def _unfit(error: BaseException) -> DeviceError | None:
    """What a function returned cannot be its results: an error of ours, so that every party reads it."""
    return DeviceError(error.args[0], fix=error.args[1]) if isinstance(error, UnfitResult) else None


class ErrorReporter:
    """Turns exceptions of our own operations into failures fit for the others.

    Args:
        expose: whether message and traceback travel (they can hold data).
    """

    def __init__(self, *, expose: bool) -> None:
        self._expose = expose
        self._over = False

    def close(self) -> None:
        """The run is over: what our own parts cannot do any more is no failure of an operation."""
        self._over = True

    def explain(
        self, party: str, stamp: Stamp, error: BaseException, senders: Sequence[str] = ()
    ) -> RemoteError:
        """Log `error` in full at its owner, and return what everybody raises in its place.

        An error that already is a `RemoteError` (the poison of an argument) passes unchanged. One that says
        that a message is not what the protocol allows says whose, if there were any `senders`.
        """
        if isinstance(error, RemoteError):
            return error
        error = missing(error) or _unfit(error) or _with_the_sender(error, senders)
        incident = secrets.token_hex(4)
        self._note(incident, stamp, error)
        result = RemoteError(
            Origin(
                party=party,
                operation=stamp.operation,
                text=stamp.text,
                call_site=stamp.site,
                error_type=type(error).__name__,
                incident=incident,
                detail=self._detail(error),
                fix=error.fix if isinstance(error, JuntoError) else "",
            )
        )
        result.__cause__ = error
        return result

    def _note(self, incident: str, stamp: Stamp, error: BaseException) -> None:
        """In full, unless the words of an error of ours are all that it has to say to the script's author."""
        level, words = logging.ERROR, ""
        if isinstance(error, PartyUnreachable | PartyAborted):  # the run's end says it once more
            level, words = logging.WARNING, f": {error.message}"
        elif isinstance(error, JuntoError) and not log.isEnabledFor(logging.DEBUG):
            words = "" if of_the_script(error.__traceback__) else f": {error}"
        ours = isinstance(error, JuntoError) or not of_the_script(error.__traceback__)
        log.log(
            logging.DEBUG if self._over and ours else level,
            "incident %s: operation %d %s at %s failed%s",
            incident,
            stamp.operation,
            stamp.text,
            stamp.site,
            words,
            exc_info=None if words else error,
        )

    def _detail(self, error: BaseException) -> str:
        if self._expose:
            return "".join(traceback.format_exception(error)).rstrip()
        if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
            return os.strerror(error.errno)  # as the exception's type, it says nothing of the data
        # Our own errors name types and settings, never values.
        return error.message if isinstance(error, JuntoError) else ""
