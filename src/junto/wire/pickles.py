"""Values of listed types: what the codec cannot carry, with everything that it can cut out.

Off unless the policy lists something. Then the standard pickler writes at the sender, but everything
of the closed set inside (arrays, tables, dates, ...) is cut out and travels by the codec; what is left
are attributes and the listed classes. The receiver never uses the standard unpickler (`machine`).
"""

from __future__ import annotations

import copyreg
import io
import pickle
import types
from typing import Any, Final

from junto.errors import CannotTravel, MalformedBytes
from junto.wire import value_tags
from junto.wire.allowlist import resolve
from junto.wire.machine import Machine, part
from junto.wire.sink import ValueWriter
from junto.wire.source import ValueReader

_PROTOCOL: Final = 5


def write_foreign(sink: ValueWriter, value: Any) -> None:
    """A pickle, and the values that were cut out of it. Raises CannotTravel."""
    buffer = io.BytesIO()
    pickler = _Pickler(buffer, sink)
    try:
        pickler.dump(value)
    except CannotTravel:
        raise
    except Exception as error:  # the object's own reduction may raise anything
        raise CannotTravel(
            f"a value of type {_name_of(type(value))} cannot be pickled ({type(error).__name__})",
            fix="make it a registered dataclass, or send its parts",
        ) from None
    data = buffer.getvalue()
    try:
        steps = Machine.scan(data, sink.policy.limits.max_nodes)
    except MalformedBytes as error:
        raise CannotTravel(
            f"a value of type {_name_of(type(value))} may not travel: {error.message}",
            fix="send arrays, tables, numbers, texts, and dicts, lists and tuples of them",
        ) from None
    sink.spend(steps)
    sink.atoms += (value_tags.PICKLE, len(data))
    sink.buffer(memoryview(data))
    sink.atoms.append(len(pickler.parts))
    sink.enter(len(pickler.parts))
    for value_inside in pickler.parts:
        sink.write(value_inside)
    sink.leave()


def read_foreign(source: ValueReader) -> Any:
    """An instance of a listed class."""
    allowed = source.policy.pickle
    if allowed is None:
        raise MalformedBytes("a pickle was sent, but pickle is off here")
    data = bytes(source.buffer(source.integer(1, 1 << 62)))
    count = source.integer(0, source.left())
    source.enter(count)
    parts = [source.value() for _ in range(count)]
    source.leave()
    source.spend(Machine.scan(data, source.policy.limits.max_nodes))
    return Machine(allowed, parts, source.resolved).run(data)


class _Pickler(pickle.Pickler):
    """The standard pickler, with the closed set cut out and every global checked."""

    def __init__(self, buffer: io.BytesIO, sink: ValueWriter) -> None:
        super().__init__(buffer, protocol=_PROTOCOL)
        self.parts: list[Any] = []
        self._sink = sink

    def reducer_override(self, value: Any) -> Any:
        """Called for everything but the basic types."""
        if value is part:
            return NotImplemented
        if self._sink.writer_for(value) is not None:
            self.parts.append(value)
            return part, (len(self.parts) - 1,)
        if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
            self._check_global(value.__module__, value.__qualname__)
            return NotImplemented
        reduce = copyreg.dispatch_table.get(type(value))
        reduced = reduce(value) if reduce else value.__reduce_ex__(_PROTOCOL)
        if isinstance(reduced, str):
            raise CannotTravel(
                f"a value of type {_name_of(type(value))} is pickled by its name, which may not travel",
                fix="send the data it stands for",
            )
        return reduced

    def _check_global(self, module: str, name: str) -> None:
        try:
            resolve(module, name, self._sink.policy.pickle or {})
        except MalformedBytes as error:
            raise CannotTravel(
                f"{module}.{name} may not be in a pickle: {error.message}", fix=_fix_of(module, name)
            ) from None


def _fix_of(module: str, name: str) -> str:
    try:
        resolve(module, name, {module: (name,)})
    except MalformedBytes:
        return "send the data it holds, or a registered dataclass"
    return (
        "if you trust the other parties, list it at every party: "
        f"cross_silo_serializing_allowed_list={{{module!r}: [{name!r}]}}"
    )


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
