"""The one connection that a process has to a Ray cluster, shared by the executors that use it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

import ray
from ray import cloudpickle, exceptions

from junto import tree
from junto.config.model import RaySettings
from junto.errors import ExecutorError
from junto.execute import ray_task, results
from junto.execute.ray_reachability import check_ray

log: logging.Logger = logging.getLogger("junto.execute")

PROBE_S = 5.0
# Else Ray prints the traceback, and with it data, of every failure that nobody fetched; ours are logged once.
NO_TRACEBACKS = "RAY_IGNORE_UNHANDLED_ERRORS"


class Connection:
    """Counts its users: the first connects, the last disconnects. Ray itself allows one a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._settings: RaySettings | None = None
        self._ours = False
        self._silenced = False

    def enter(self, settings: RaySettings, namespace: str | None) -> None:
        """Be connected as `settings` say.

        Raises:
            ExecutorError: there is no way to that cluster.
        """
        with self._lock:
            if self._users and settings != self._settings:
                raise _elsewhere(self._settings.address if self._settings else "another address")
            if not self._users:
                self._ours = _connect(settings, namespace)
                self._settings = settings
                self._silenced = NO_TRACEBACKS not in os.environ
                os.environ.setdefault(NO_TRACEBACKS, "1")
            self._users += 1

    def leave(self, before: Callable[[bool], None]) -> None:
        """One user less. `before` is called, while connected, with whether the connection ends now."""
        with self._lock:
            self._users -= 1
            last = self._users == 0
            try:
                before(last and self._ours)
            finally:
                if last and self._ours:
                    ray.shutdown()
                if last and self._silenced:
                    os.environ.pop(NO_TRACEBACKS, None)


# As there is one connection a process in Ray itself.
CONNECTION = Connection()


def _connect(settings: RaySettings, namespace: str | None) -> bool:
    """Whether the connection is ours to end."""
    if ray.is_initialized():
        there = ray.get_runtime_context().gcs_address
        if there != settings.address:
            raise _elsewhere(there)
        return False
    for rung, state, text, _, fix in check_ray(settings.address, PROBE_S):
        if state == "failed":
            whose = "" if rung == "ray" else f"the Ray cluster at {settings.address}: "
            raise ExecutorError(whose + text, fix=fix)
    try:
        _init(settings, namespace)
    except Exception as problem:
        raise refused(settings.address, problem) from problem
    return True


def _init(settings: RaySettings, namespace: str | None) -> None:
    ray.init(
        address=settings.address,
        namespace=namespace,
        log_to_driver=settings.log_to_driver,
        logging_level=max(logging.getLogger("junto").getEffectiveLevel(), logging.WARNING),
        runtime_env=dict(settings.runtime_env) if settings.runtime_env is not None else None,
        ignore_reinit_error=False,
    )
    for module in (tree, results, ray_task):
        cloudpickle.register_pickle_by_value(module)


def _elsewhere(there: str) -> ExecutorError:
    return ExecutorError(
        f"this process is connected to the Ray cluster at {there} already, and Ray allows one a process",
        fix="end that session (sf.shutdown) or connection (ray.shutdown) first, or give its address",
    )


def refused(address: str, problem: Exception) -> ExecutorError:
    """What `ray.init` raised, as one sentence and what to do about it."""
    text = " ".join(str(problem).split())
    if "ersion mismatch" in text:
        return ExecutorError(
            f"the Ray cluster at {address} runs other versions than this process: {text}",
            fix="use the same versions of Ray and Python (major.minor) in both",
        )
    if isinstance(problem, ConnectionError | exceptions.AuthenticationError):
        # `check_ray` has just talked to it, and both sides agree whether there are tokens.
        return ExecutorError(
            f"the Ray cluster at {address} answers, but does not let this process in",
            fix="if it wants a token: RAY_AUTH_TOKEN_PATH must name a copy of the one it was started with",
        )
    return ExecutorError(
        f"no connection to the Ray cluster at {address}: {type(problem).__name__}: {text}",
        fix="see that `ray status` works from this machine with the same environment",
    )
