"""The edge between a script and the library.

Arguments are what `junto.parameters` says of them, a traceback shows the script's frames, and an interrupt
ends what runs.
"""

from __future__ import annotations

import errno
import inspect
import logging
import os
from abc import ABCMeta
from collections.abc import Callable, Mapping
from functools import wraps
from types import FunctionType, MappingProxyType
from typing import Any, Final, ParamSpec, TypeVar

from junto.device.current import current_or_none
from junto.errors import ConfigError, DeviceError, ExecutorError, FrameError, JuntoError, LearnError
from junto.parameters import Misfit, form_of
from junto.tracebacks import is_ours, of_the_script

P = ParamSpec("P")
R = TypeVar("R")

log: logging.Logger = logging.getLogger("junto.session")

MISTAKES: Final[Mapping[str, type[JuntoError]]] = MappingProxyType(
    {
        "junto.frame": FrameError,
        "junto.learn": LearnError,
        "junto.federated": LearnError,
        "junto.device.session": ConfigError,
        "junto.device": DeviceError,
    }
)
"""What a wrong argument is, by the room of what is called; other rooms judge for themselves."""


def _checked(called: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The arguments of a function or class as it takes them."""
    try:
        return form_of(called).taken(args, kwargs)
    except Misfit as misfit:
        what = f"{called.__qualname__}: {misfit.name} is {misfit.given}"
        raise _mistake(called)(what, fix=f"{misfit.name} takes {misfit.allowed}") from None  # type: ignore[misc]


def _mistake(called: Any) -> type[JuntoError] | None:
    return next((kind for room, kind in MISTAKES.items() if called.__module__.startswith(room)), None)


def _declares(function: Callable[..., Any]) -> bool:
    """Whether its annotations are what it takes; what is made for one call takes what it is made of."""
    return _mistake(function) is not None and "<locals>" not in function.__qualname__


def public(function: Callable[P, R]) -> Callable[P, R]:
    """For what a script calls: arguments are checked, an interrupt ends what runs, a traceback is its own.

    That is of our errors, of interrupts and of what its own functions raise. With ``logging_level="debug"``
    all frames are left.
    """
    declares = _declares(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True  # for IPython and pytest; the next one is for rich
        _rich_traceback_omit = True
        try:
            if declares:
                args, kwargs = _checked(function, args, kwargs)  # type: ignore[assignment]
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
    declares = _declares(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        _rich_traceback_omit = True
        try:
            if declares:
                args, kwargs = _checked(function, args, kwargs)  # type: ignore[assignment]
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
        if _mistake(cls):
            args, kwargs = _checked(cls, args, kwargs)
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
