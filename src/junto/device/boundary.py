"""The edge between a script and the library: whose frames a traceback shows, and what an interrupt does."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Final, ParamSpec, TypeVar

from junto.device.current import current_or_none
from junto.errors import JuntoError

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("junto.session")
_OURS: Final = str(Path(__file__).resolve().parents[1])


def public(function: Callable[P, R]) -> Callable[P, R]:
    """For what a script calls: of our errors' tracebacks it sees its own frames; an interrupt ends what runs.

    With ``logging_level="debug"`` all frames are left.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True  # for IPython and pytest; the next one is for rich
        _rich_traceback_omit = True
        try:
            return function(*args, **kwargs)
        except JuntoError as error:
            _trim(error)
            raise
        except KeyboardInterrupt as error:
            session = current_or_none()
            if session is not None:
                session.interrupt(error)
            raise

    return call


def trimmed(function: Callable[P, R]) -> Callable[P, R]:
    """The same for what runs nothing: an interrupt ends nothing but it."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        _rich_traceback_omit = True
        try:
            return function(*args, **kwargs)
        except JuntoError as error:
            _trim(error)
            raise

    return call


def _trim(error: BaseException) -> None:
    if log.isEnabledFor(logging.DEBUG):
        return
    each: BaseException | None = error
    while each is not None:
        each.__traceback__ = _of_the_user(each.__traceback__)
        each = each.__cause__ or each.__context__


def _of_the_user(trace: TracebackType | None) -> TracebackType | None:
    frames = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_OURS):
            frames.append(trace)
        trace = trace.tb_next
    result: TracebackType | None = None
    for each in reversed(frames):
        result = TracebackType(result, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return result
