"""Values of listed types, by a pickle that can do less.

Off unless the policy lists something. Then the standard pickler writes at the sender, but everything
of the closed set inside (arrays, tables, dates, ...) is cut out and travels by the codec; what is left
are attributes and the listed classes. At the receiver the standard unpickler is never used: the
opcodes are read by `pickletools`, which runs nothing, and carried out by the small machine below. It
knows only the opcodes our sender writes, calls only what the policy lists, and sets state only on
instances of listed classes.

What can be listed: classes and functions, by module and name. "*" stands for the classes *defined*
in that module, neither what it imports nor its functions. Whatever is listed, refused are: dotted
names, names with ``__``, metaclasses, modules, anything of the standard library but a few data types,
and anything of the libraries whose values the codec itself carries. A listed class is code that the
peer may construct with data of its choice: list only classes for which that is harmless.
"""

from __future__ import annotations

import copyreg
import io
import logging
import pickle
import pickletools
import sys
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from junto.errors import CannotTravel, ConfigError, MalformedBytes
from junto.wire import tags

if TYPE_CHECKING:
    from junto.wire.decode import Reader
    from junto.wire.encode import Encoder

_LOG: Final = logging.getLogger("junto.wire")
_PROTOCOL: Final = 5
_MAX_INT_BYTES: Final = tags.MAX_INT_BYTES

# Of the standard library: data types that reach nothing. All else is refused, even if listed.
_STANDARD: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "builtins": frozenset({"object"}),
        "collections": frozenset({"OrderedDict", "defaultdict", "deque", "Counter"}),
        "ipaddress": frozenset({"IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network"}),
        "pathlib": frozenset({"PurePath", "PurePosixPath", "PureWindowsPath"}),
    }
)
_CARRIED: Final = frozenset({"numpy", "pandas", "polars", "pyarrow", "jax", "jaxlib", "ml_dtypes", "junto"})


def write_foreign(encoder: Encoder, value: Any) -> None:
    """A pickle, and the values that were cut out of it. Raises CannotTravel."""
    sink = io.BytesIO()
    pickler = _Pickler(sink, encoder)
    try:
        pickler.dump(value)
    except CannotTravel:
        raise
    except Exception as error:  # the object's own reduction may raise anything
        raise CannotTravel(
            f"a value of type {_name_of(type(value))} cannot be pickled ({type(error).__name__})",
            fix="make it a registered dataclass, or send its parts",
        ) from None
    data = sink.getvalue()
    try:
        steps = _Machine.scan(data, encoder.policy.limits.max_nodes)
    except MalformedBytes as error:
        raise CannotTravel(
            f"a value of type {_name_of(type(value))} may not travel: {error.message}"
        ) from None
    encoder.spend(steps)
    encoder.atoms += (tags.PICKLE, len(data))
    encoder.buffer(memoryview(data))
    encoder.atoms.append(len(pickler.parts))
    encoder.enter(len(pickler.parts))
    for part in pickler.parts:
        encoder.write(part)
    encoder.leave()


def read_foreign(reader: Reader) -> Any:
    """An instance of a listed class."""
    allowed = reader.policy.pickle
    if allowed is None:
        raise MalformedBytes("a pickle was sent, but pickle is off here")
    data = bytes(reader.buffer(reader.integer(1, 1 << 62)))
    count = reader.integer(0, reader.left())
    reader.enter(count)
    parts = [reader.value() for _ in range(count)]
    reader.leave()
    reader.spend(_Machine.scan(data, reader.policy.limits.max_nodes))
    return _Machine(allowed, parts).run(data)


def check_list(allowed: Mapping[str, tuple[str, ...]]) -> None:
    """Raise ConfigError for an entry that could never resolve to anything, or would to everything."""
    for module, names in allowed.items():
        if "*" in module or not module:
            raise ConfigError(
                "cross_silo_serializing_allowed_list: a module cannot be a wildcard",
                fix='name each module: {"my.module": ["MyClass"]}',
            )
        for name in names:
            if "." in name or "__" in name or ("*" in name and name != "*"):
                raise ConfigError(
                    f"cross_silo_serializing_allowed_list: {module}: {name!r} is no plain name of a class or function",
                    fix="write the name alone, without dots and double underscores",
                )


def part(index: int) -> Any:
    """Stands in a pickle for the value that was cut out there; only the machine below resolves it."""
    raise RuntimeError(f"part {index} of a pickle exists only inside of it")


class _Pickler(pickle.Pickler):
    """The standard pickler, with the closed set cut out and every global checked."""

    def __init__(self, sink: io.BytesIO, encoder: Encoder) -> None:
        super().__init__(sink, protocol=_PROTOCOL)
        self.parts: list[Any] = []
        self._encoder = encoder

    def reducer_override(self, value: Any) -> Any:
        """Called for everything but the basic types."""
        if value is part:
            return NotImplemented
        if self._encoder.writer_for(value) is not None:
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
            resolve(module, name, self._encoder.policy.pickle or {})
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


def resolve(module: str, name: str, allowed: Mapping[str, tuple[str, ...]]) -> Any:
    """The class or function of that name, if the policy lists it. Raises MalformedBytes."""
    if type(module) is not str or type(name) is not str or "." in name or "__" in name:
        raise MalformedBytes("a name in it has dots or double underscores")
    root = module.partition(".")[0]
    if root in _CARRIED:
        raise MalformedBytes(f"values of {root} travel by the codec itself, never in a pickle")
    names = allowed.get(module, ())
    if name not in names and "*" not in names:
        raise MalformedBytes("it is not in cross_silo_serializing_allowed_list")
    if root in sys.stdlib_module_names and root != "__main__" and name not in _STANDARD.get(module, ()):
        raise MalformedBytes("it belongs to the standard library and is no data type")
    found = vars(import_module(module)).get(name)
    _check_kind(found, module, name, exact=name in names)
    return found


def _check_kind(found: Any, module: str, name: str, *, exact: bool) -> None:
    home = getattr(found, "__module__", None)
    if not isinstance(found, type | types.FunctionType) or not isinstance(home, str):
        raise MalformedBytes("it is neither a class nor a plain function")
    if isinstance(found, type) and issubclass(found, type):
        raise MalformedBytes("it is a metaclass")
    bases = found.__mro__ if isinstance(found, type) else ()
    if any(base.__module__.partition(".")[0] in _CARRIED for base in bases):
        raise MalformedBytes("it is a subclass of what the codec itself carries")
    root = home.partition(".")[0]
    standard = root in sys.stdlib_module_names and root != "__main__"
    if (standard and found.__name__ not in _STANDARD.get(home, ())) or root in _CARRIED:
        raise MalformedBytes("behind the name is something that may not be in a pickle")
    if not exact and (not isinstance(found, type) or home != module or found.__qualname__ != name):
        raise MalformedBytes("'*' stands for classes defined in the module, not for functions and imports")


class _Machine:
    """Carries out the opcodes that our own sender writes, on data that may come from anybody."""

    def __init__(self, allowed: Mapping[str, tuple[str, ...]], parts: list[Any]) -> None:
        self._allowed = allowed
        self._parts = parts
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: list[Any] = []
        self._known: dict[int, Any] = {}

    @staticmethod
    def scan(data: bytes, max_steps: int) -> int:
        """The number of opcodes. Raises MalformedBytes before anything is built if one is not ours."""
        steps = 0
        end = -1
        for opcode, argument, position in pickletools.genops(data):
            steps += 1
            if opcode.name not in _ACTIONS:
                raise MalformedBytes(f"it uses the pickle opcode {opcode.name}")
            if steps > max_steps:
                raise MalformedBytes("it has more parts than allowed")
            if type(argument) is int and argument.bit_length() > 8 * _MAX_INT_BYTES:
                raise MalformedBytes("it holds an int that is longer than allowed")
            if opcode.name == "FRAME" and argument > len(data):
                raise MalformedBytes("it claims to be longer than it is")
            end = position
        if end != len(data) - 1:
            raise MalformedBytes("something follows the pickle")
        return steps

    def run(self, data: bytes) -> Any:
        """Build the value."""
        for opcode, argument, _ in pickletools.genops(data):
            _ACTIONS[opcode.name](self, argument)
        if len(self._stack) != 1 or self._marks:
            raise MalformedBytes("a pickle does not end with one value")
        return self._stack[0]

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        if not self._stack:
            raise MalformedBytes("a pickle takes from an empty stack")
        return self._stack.pop()

    def top(self) -> Any:
        if not self._stack:
            raise MalformedBytes("a pickle looks at an empty stack")
        return self._stack[-1]

    def mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def since_mark(self) -> list[Any]:
        if not self._marks:
            raise MalformedBytes("a pickle has no mark")
        items, self._stack = self._stack, self._marks.pop()
        return items

    def pop_top(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self.since_mark()

    def memoize(self) -> None:
        self._memo.append(self.top())

    def recall(self, index: int) -> None:
        if not 0 <= index < len(self._memo):
            raise MalformedBytes("a pickle refers to nothing")
        self.push(self._memo[index])

    def tuple_of(self, count: int) -> None:
        items = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(items)))

    def append(self, items: list[Any]) -> None:
        target = self.top()
        self._check_target(target, (list, deque))
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.top()
        self._check_target(target, (dict, OrderedDict, defaultdict))
        if len(items) % 2:
            raise MalformedBytes("a pickle has a key without a value")
        for key, item in zip(items[::2], items[1::2], strict=True):
            target[key] = item

    def add_items(self) -> None:
        items = self.since_mark()
        target = self.top()
        self._check_target(target, (set,))
        target.update(items)

    def _check_target(self, target: Any, bases: tuple[type, ...]) -> None:
        """A container that was built here, so that no other object's method is called."""
        kind = type(target)
        if kind not in bases and not (id(kind) in self._known and isinstance(target, bases)):
            raise MalformedBytes("a pickle fills something that is no container")

    def find_global(self) -> None:
        name, module = self.pop(), self.pop()
        if (module, name) == (__name__, part.__name__):
            self.push(part)
            return
        found = resolve(module, name, self._allowed)
        if id(found) not in self._known:
            _LOG.info("pickle: resolved %s.%s", module, name)
        self._known[id(found)] = found
        self.push(found)

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if type(arguments) is not tuple:
            raise MalformedBytes("a pickle calls something without arguments")
        if function is part:
            self.push(self._part(arguments))
        else:
            self._check_call(function, arguments)
            self.push(function(*arguments))

    def _part(self, arguments: tuple[Any, ...]) -> Any:
        if len(arguments) != 1 or type(arguments[0]) is not int or not 0 <= arguments[0] < len(self._parts):
            raise MalformedBytes("a pickle asks for a part that was not sent")
        return self._parts[arguments[0]]

    def new_object(self, keywords: Any) -> None:
        arguments, kind = self.pop(), self.pop()
        if not isinstance(kind, type) or type(arguments) is not tuple or type(keywords) is not dict:
            raise MalformedBytes("a pickle makes an instance of something that is no class")
        self._check_call(kind, arguments)
        self.push(kind.__new__(kind, *arguments, **keywords))

    def _check_call(self, function: Any, arguments: tuple[Any, ...]) -> None:
        """Only what was resolved here, and not with a size in place of contents."""
        if self._known.get(id(function)) is not function:
            raise MalformedBytes("a pickle calls something that is not in the list")
        kinds = set(map(type, arguments))
        sized = isinstance(function, type) and issubclass(function, bytes | bytearray) and int in kinds
        if sized or range in kinds:
            raise MalformedBytes("a pickle calls something with a size in place of contents")

    def build(self) -> None:
        state, target = self.pop(), self.top()
        if (
            isinstance(target, type | types.FunctionType | types.ModuleType)
            or id(type(target)) not in self._known
        ):
            raise MalformedBytes("a pickle sets the state of something that is no instance of a listed class")
        setter = getattr(target, "__setstate__", None)
        if setter is not None:
            setter(state)
            return
        slots: Any = None
        if type(state) is tuple and len(state) == 2:
            state, slots = state
        attributes = _checked_state(state)
        if attributes:
            vars(target).update(attributes)
        for name, value in _checked_state(slots).items():
            object.__setattr__(target, name, value)


def _checked_state(state: Any) -> dict[str, Any]:
    if state is None:
        return {}
    if type(state) is not dict or not all(type(name) is str for name in state):
        raise MalformedBytes("a pickle sets a state that is no dict of attributes")
    if any(name.startswith("__") and name.endswith("__") for name in state):
        raise MalformedBytes("a pickle sets an attribute with double underscores")
    return state


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _argument(machine: _Machine, argument: Any) -> None:
    machine.push(argument)


def _new(build: Callable[[], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.push(build())


def _nothing(machine: _Machine, argument: Any) -> None:
    del machine, argument


def _pair(machine: _Machine) -> list[Any]:
    value, key = machine.pop(), machine.pop()
    return [key, value]


_ACTIONS: Final[Mapping[str, Callable[[_Machine, Any], None]]] = MappingProxyType(
    {
        "PROTO": _nothing,
        "FRAME": _nothing,
        "STOP": _nothing,
        **dict.fromkeys(
            (
                "BININT",
                "BININT1",
                "BININT2",
                "LONG1",
                "LONG4",
                "BINFLOAT",
                "SHORT_BINUNICODE",
                "BINUNICODE",
                "BINUNICODE8",
                "SHORT_BINBYTES",
                "BINBYTES",
                "BINBYTES8",
            ),
            _argument,
        ),  # fmt: skip
        "BYTEARRAY8": lambda machine, argument: machine.push(bytearray(argument)),
        "NONE": _new(lambda: None),
        "NEWTRUE": _new(lambda: True),
        "NEWFALSE": _new(lambda: False),
        "EMPTY_LIST": _new(list),
        "EMPTY_DICT": _new(dict),
        "EMPTY_SET": _new(set),
        "EMPTY_TUPLE": _new(tuple),
        "TUPLE1": lambda machine, _: machine.tuple_of(1),
        "TUPLE2": lambda machine, _: machine.tuple_of(2),
        "TUPLE3": lambda machine, _: machine.tuple_of(3),
        "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
        "FROZENSET": lambda machine, _: machine.push(frozenset(machine.since_mark())),
        "MARK": lambda machine, _: machine.mark(),
        "POP": lambda machine, _: machine.pop_top(),
        "POP_MARK": lambda machine, _: _nothing(machine, machine.since_mark()),
        "APPEND": lambda machine, _: machine.append([machine.pop()]),
        "APPENDS": lambda machine, _: machine.append(machine.since_mark()),
        "SETITEM": lambda machine, _: machine.set_items(_pair(machine)),
        "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
        "ADDITEMS": lambda machine, _: machine.add_items(),
        "MEMOIZE": lambda machine, _: machine.memoize(),
        "BINGET": lambda machine, argument: machine.recall(argument),
        "LONG_BINGET": lambda machine, argument: machine.recall(argument),
        "STACK_GLOBAL": lambda machine, _: machine.find_global(),
        "REDUCE": lambda machine, _: machine.reduce(),
        "NEWOBJ": lambda machine, _: machine.new_object({}),
        "NEWOBJ_EX": lambda machine, _: machine.new_object(machine.pop()),
        "BUILD": lambda machine, _: machine.build(),
    }
)
