"""The edge between a script and the library: whose frames a traceback shows, and what an interrupt does."""

from __future__ import annotations

import errno
import inspect
import logging
import os
from abc import ABCMeta
from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any, Final, ParamSpec, TypeVar

from junto.device.current import current_or_none
from junto.errors import ExecutorError, JuntoError
from junto.tracebacks import is_ours, of_the_script

P = ParamSpec("P")
R = TypeVar("R")

log: logging.Logger = logging.getLogger("junto.session")


def public(function: Callable[P, R]) -> Callable[P, R]:
    """For what a script calls: an interrupt ends what runs, and of tracebacks it sees its own frames.

    That is of our errors, of interrupts and of what its own functions raise. With ``logging_level="debug"``
    all frames are left.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True  # for IPython and pytest; the next one is for rich
        _rich_traceback_omit = True
        try:
            return function(*args, **kwargs)
        except JuntoError as error:
            session = current_or_none()
            if session is not None:
                session.reached_script(error)
            _trim(error)
            raise
        except KeyboardInterrupt as error:
            session = current_or_none()
            if session is not None:
                session.interrupt(error)
            _trim(error)
            raise
        except Exception as error:
            refused = _refused(error)
            if refused is not None:
                raise refused from error
            if not is_ours(error.__traceback__):  # a function of the script's, which we called
                _trim(error)
            raise

    return call


NO_THREAD: Final = "can't start new thread"
_LIMITS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def _refused(error: Exception) -> ExecutorError | None:
    """What the machine refuses us; Python has no class of its own for a thread."""
    if isinstance(error, OSError) and error.errno in _LIMITS:
        what = os.strerror(error.errno)
    elif isinstance(error, RuntimeError) and str(error) == NO_THREAD:
        what = NO_THREAD
    else:
        return None
    return ExecutorError(
        f"this machine refuses what a run needs: {what}",
        fix="raise the limits of this process (ulimit -a; those of its container), or end what uses them up",
    )


def trimmed(function: Callable[P, R]) -> Callable[P, R]:
    """The same for what runs nothing: an interrupt ends nothing but it."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        _rich_traceback_omit = True
        try:
            return function(*args, **kwargs)
        except (JuntoError, KeyboardInterrupt) as error:
            _trim(error)
            raise

    return call


class Scripted(ABCMeta):
    """Of classes that scripts use: making one, its public methods and its properties are `public`."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any], **options: Any) -> Scripted:
        return super().__new__(mcs, name, bases, {k: _opened(k, v) for k, v in body.items()}, **options)

    @public
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an instance."""
        return super().__call__(*args, **kwargs)

    @property
    def __signature__(cls) -> inspect.Signature:
        """What `help` shows: the constructor's, where it would be that of `__call__`."""
        made = inspect.signature(cls.__init__)  # type: ignore[misc]
        return made.replace(parameters=list(made.parameters.values())[1:])


OPERATORS: Final = frozenset({"__bool__", "__contains__", "__getitem__", "__iter__", "__len__"})


def _opened(name: str, member: Any) -> Any:
    if name.startswith("_") and name not in OPERATORS:
        return member
    if isinstance(member, FunctionType):
        return public(member)
    if isinstance(member, property) and member.fget is not None:
        return property(public(member.fget), member.fset, member.fdel, member.__doc__)
    return member


def _trim(error: BaseException) -> None:
    if log.isEnabledFor(logging.DEBUG):
        return
    each: BaseException | None = error
    while each is not None:
        each.__traceback__ = of_the_script(each.__traceback__)
        each = each.__cause__ or each.__context__
