"""The one current session: the only mutable state of a module in this package."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from junto.errors import SessionError

if TYPE_CHECKING:
    from junto.device.session import Session

CONFIG_VARIABLE = "JUNTO_CONFIG"

_lock = threading.Lock()
_current: Session | None = None


def current() -> Session:
    """The current session. Under ``junto run`` a script that never calls `init` gets one here.

    Raises:
        SessionError: there is none.
    """
    session = _current
    if session is None and os.environ.get(CONFIG_VARIABLE):
        from junto.device.session import init

        return init()
    if session is None:
        raise SessionError(
            "there is no session yet",
            fix='call sf.init(...) first, for example sf.init(parties=["alice", "bob"], address="local")',
        )
    return session


def current_or_none() -> Session | None:
    """The current session, if there is one."""
    return _current


def in_child() -> None:
    """Called in each child that a process with a session forks: the session is not the child's."""
    global _lock
    _lock = threading.Lock()  # whoever held it is not here
    if _current is not None:
        _current.disown()


def enter(session: Session) -> None:
    """Make `session` the current one; it stays that when it is over, until the next one begins.

    Raises:
        SessionError: another one is running.
    """
    global _current
    with _lock:
        if _current is not None:
            _current.check_process()
        if _current is not None and not _current.over:
            raise SessionError(
                "a session is running already", fix="end it with sf.shutdown() before the next sf.init(...)"
            )
        _current = session


def withdraw(session: Session) -> None:
    """`session` did not open: there is no current one."""
    global _current
    with _lock:
        if _current is session:
            _current = None
