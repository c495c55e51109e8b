"""Stateful objects at one party: ``@sf.proxy(sf.PYUObject)``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from junto.device.boundary import public
from junto.device.current import current
from junto.device.handle import DeviceObject
from junto.device.pyu import PYU, PYUObject, local_arguments, made_at, senders
from junto.device.returns import number_of_returns
from junto.errors import DeviceError
from junto.execute.executor import Resources, TaskCall
from junto.program.operation import Description, structure


@public
def proxy(
    kind: type[DeviceObject],
    *,
    max_concurrency: int = 1,
    num_cpus: float | None = None,
    num_gpus: float | None = None,
    resources: dict[str, float] | None = None,
) -> Callable[[type], Any]:
    """Turn a class into one whose instances live at a party.

    Args:
        kind: `PYUObject`: what its methods return.
        max_concurrency: concurrent calls of one instance (1: in the order of the script).
        num_cpus: of the party's Ray cluster, for each instance.
        num_gpus: likewise.
        resources: likewise, by Ray's name of each.

    The decorated class takes `device=` beside its own arguments. Public methods return handles at
    once; ``_num_returns=2`` at a call says how many.

    Raises:
        DeviceError: `kind` is not PYUObject, or `device` is missing.
    """
    if kind is not PYUObject:
        raise DeviceError("proxy takes sf.PYUObject", fix="@sf.proxy(sf.PYUObject)")
    asked = Resources(num_cpus, num_gpus, dict(resources or {}), None, max_concurrency)

    def decorate(cls: type) -> Any:
        body: dict[str, Any] = {
            "__doc__": cls.__doc__,
            "__module__": cls.__module__,
            "__qualname__": cls.__qualname__,
        }
        for name, member in inspect.getmembers(cls, callable):
            if not name.startswith("_"):
                body[name] = _method(name, member)
        body["_class"] = cls
        body["_asked"] = asked
        return type(cls.__name__, (Resident,), body)

    return decorate


class Resident:
    """Base of the classes that `proxy` makes: a stateful object at one party."""

    _class: type
    _asked: Resources

    @public
    def __init__(self, *args: Any, device: PYU | None = None, **kwargs: Any) -> None:
        name = self._class.__qualname__
        if not isinstance(device, PYU):
            raise DeviceError(f"{name} needs the party where it lives", fix=f"{name}(..., device=alice)")
        self._device = device
        self._session = current()
        program = self._session.program
        program.check_party(device.party)
        arguments = (args, kwargs)
        local = local_arguments(device, arguments)
        stamp = program.begin(Description("actor", device.party, name, structure(arguments, DeviceObject)))
        self._operation = stamp.operation
        self._actor = None
        if program.is_here(device.party):
            explain = program.explainer(stamp, device.party, senders(arguments))
            call = TaskCall(self._class, *local, None, name, explain, self._asked)
            self._actor = program.create_actor(device.party, call)

    @property
    def device(self) -> PYU:
        """The party where it lives."""
        return self._device

    def __repr__(self) -> str:
        return f"<{self._class.__qualname__} at {self._device.party}, operation {self._operation}>"


def _method(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @public
    def call(self: Resident, *args: Any, _num_returns: int | None = None, **kwargs: Any) -> Any:
        returns = number_of_returns(function, _num_returns)
        return _call_method(self, name, (args, kwargs), returns)

    call.__name__ = name
    call.__doc__ = function.__doc__
    return call


def _call_method(resident: Resident, name: str, arguments: tuple[Any, Any], returns: int | None) -> Any:
    program = resident._session.program
    device = resident._device
    local = local_arguments(device, arguments)
    text = f"{resident._class.__qualname__}.{name}"
    where = f"@{resident._operation}{structure(arguments, DeviceObject)}"
    stamp = program.begin(Description("method", device.party, text, where, returns or 1))
    refs = None
    if resident._actor is not None:
        explain = program.explainer(stamp, device.party, senders(arguments))
        call = TaskCall(name, *local, returns, text, explain)
        refs = program.call_actor(stamp, device.party, resident._actor, call)
    handles = made_at(resident._session, stamp, device, refs, returns or 1)
    return handles[0] if returns is None else handles
