"""A failed operation: what its owner logs, what the others are told, what everybody raises."""

from __future__ import annotations

import logging
import secrets
import traceback

import msgspec

from junto.errors import JuntoError, Origin, RemoteError
from junto.silo.api import Failure, Stamp

log = logging.getLogger("junto.program")


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
    )


class FailureDesk:
    """Turns exceptions of our own operations into failures fit for the others.

    Args:
        expose: whether message and traceback travel (they can hold data).
    """

    def __init__(self, *, expose: bool) -> None:
        self._expose = expose

    def explain(self, party: str, stamp: Stamp, error: BaseException) -> RemoteError:
        """Log `error` in full at its owner, and return what everybody raises in its place.

        An error that already is a `RemoteError` (the poison of an argument) passes unchanged.
        """
        if isinstance(error, RemoteError):
            return error
        incident = secrets.token_hex(4)
        log.error(
            "incident %s: operation %d %s at %s failed",
            incident,
            stamp.operation,
            stamp.text,
            stamp.site,
            exc_info=error,
        )
        result = RemoteError(
            Origin(
                party=party,
                operation=stamp.operation,
                text=stamp.text,
                call_site=stamp.site,
                error_type=type(error).__name__,
                incident=incident,
                detail=self._detail(error),
            )
        )
        result.__cause__ = error
        return result

    def _detail(self, error: BaseException) -> str:
        if self._expose:
            return "".join(traceback.format_exception(error)).rstrip()
        # Our own errors name types and settings, never values.
        return error.message if isinstance(error, JuntoError) else ""
