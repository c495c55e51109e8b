"""Ray's exceptions as this project's: what the function itself raised, or a sentence about its process."""

from __future__ import annotations

import builtins

from ray import exceptions

from junto.errors import ExecutorError
from junto.execute.ray_task import STAND_IN


def translated(problem: BaseException, name: str) -> BaseException:
    """What to raise for `problem`, with which Ray answered the call `name`.

    The exception of the user's function comes back as it was raised (the worker's traceback as a note),
    everything else as an ExecutorError.
    """
    if isinstance(problem, exceptions.RayTaskError):
        cause = problem.cause
        if isinstance(cause, BaseException) and not isinstance(cause, exceptions.RayError):
            original = _original(cause)
            original.add_note(f"In a worker of the Ray cluster:\n{problem}")
            return original
        problem = cause if isinstance(cause, exceptions.RaySystemError) else problem
    return _told(name, problem, *_sentence(problem))


def not_taken(problem: Exception, name: str) -> BaseException:
    """What to raise for `problem`, with which Ray refused to take the call `name`."""
    if isinstance(problem, ExecutorError):
        return problem
    if isinstance(problem, exceptions.RayError):
        return translated(problem, name)
    if str(problem).startswith("Could not serialize"):  # and goes on with the value itself
        cause = problem.__cause__ or problem.__context__
        why = f": {_first_line(cause)}" if cause is not None else ""
        return _told(
            name,
            problem,
            f"an argument cannot be pickled, so no worker of the Ray cluster can have it{why}",
            "pass what it consists of, or make it inside a task or an object (PYUObject) of the cluster",
        )
    message = f"Ray does not take it: {_first_line(problem)}"
    return _told(name, problem, message, "correct the resources or the runtime_env of the call")


def cluster_gone(address: str) -> ExecutorError:
    """For the calls of a cluster whose head is gone."""
    return ExecutorError(
        f"the Ray cluster at {address} is gone: nobody listens there any more",
        fix="start it again, and then the script; the end of its log says why it ended",
    )


def _told(name: str, cause: BaseException, message: str, fix: str) -> ExecutorError:
    error = ExecutorError(f"{name}: {message}", fix=fix)
    error.__cause__ = cause
    return error


def _original(cause: BaseException) -> BaseException:
    if type(cause) is not RuntimeError or len(cause.args) != 3 or cause.args[0] != STAND_IN:
        return cause
    _, kind, text = cause.args
    known = getattr(builtins, kind, None)
    if known is SystemExit or known is KeyboardInterrupt:
        return known(text) if text else known()
    made: type[Exception] = type(kind, (RuntimeError,), {"__doc__": "Stands for one that could not travel."})
    return made(text)


def _sentence(problem: BaseException) -> tuple[str, str]:
    """What happened and what to do. The order matters: some of these classes are kinds of others."""
    if isinstance(problem, exceptions.OutOfMemoryError):
        return (
            "Ray ended its process because the machine ran out of memory",
            "run fewer calls at once (num_cpus=... of the call), or give the machine more memory",
        )
    if isinstance(problem, exceptions.WorkerCrashedError):
        return (
            "its worker process ended while it ran (a crash, os._exit, a signal)",
            "its output is in the Ray session's logs on the machine where it ran; it was not tried again, "
            "because it may have had effects already",
        )
    if isinstance(problem, exceptions.RayActorError):
        return (
            "the process of its object has ended, and the object's state with it",
            "make the object anew; why it ended is in the Ray session's logs on the machine where it ran",
        )
    if isinstance(problem, exceptions.RuntimeEnvSetupError):
        return f"Ray could not make its runtime_env: {_first_line(problem)}", "correct runtime_env"
    if isinstance(problem, exceptions.UnserializableException):
        return (
            "it raised an exception that cannot be unpickled in this process",
            "install the module of its class here too, or raise a built-in exception; it is in the "
            "Ray session's logs",
        )
    if isinstance(problem, exceptions.RaySystemError):
        return (
            f"a value cannot be unpickled: {_first_line(problem).removeprefix('System error: ')}",
            "what a value or function needs must be importable in the workers of the cluster and here: "
            "install it there (or runtime_env={'py_modules': [...]}), or define the function in the script",
        )
    if isinstance(problem, exceptions.TaskCancelledError):
        return "it was cancelled", ""
    if isinstance(problem, exceptions.ObjectStoreFullError | exceptions.OutOfDiskError):
        return (
            "its values do not fit into the Ray cluster's object store or disk",
            "start Ray with a larger --object-store-memory, or keep fewer values",
        )
    if isinstance(problem, exceptions.ObjectLostError | exceptions.NodeDiedError):
        return (
            "a value of it was lost with a machine of the Ray cluster",
            "run the script again; values are not computed a second time, because that may have effects",
        )
    return f"Ray reports {type(problem).__name__}: {_first_line(problem)}", "see the Ray session's logs"


def _first_line(problem: BaseException) -> str:
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return lines[0] if lines else ""
