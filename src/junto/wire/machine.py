"""A pickle machine that can do less: it carries out the opcodes that our own sender writes.

`pickletools` reads the opcodes and runs nothing. The machine calls only what the list resolves, and
only if it was resolved in this pickle; it sets state only on instances of such classes, never on a
class; and it fills only containers that it made. No opcode takes a length on trust.
"""

from __future__ import annotations

import logging
import pickletools
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from types import MappingProxyType, NoneType
from typing import Any, Final

from junto.errors import MalformedBytes
from junto.wire import value_tags
from junto.wire.allowlist import resolve
from junto.wire.hashed import WrittenOut, check_hashes

_LOG: Final = logging.getLogger("junto.wire")


def part(index: int) -> Any:
    """Stands in a pickle for the value that was cut out there; only the machine below resolves it."""
    raise RuntimeError(f"part {index} of a pickle exists only inside of it")


class Machine:
    """Carries out the opcodes that our own sender writes, on data that may come from anybody."""

    def __init__(self, allowed: Mapping[str, tuple[str, ...]], parts: list[Any], logged: set[str]) -> None:
        self._allowed = allowed
        self._parts = parts
        self._logged = logged
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: list[Any] = []
        self._known: dict[int, Any] = {}
        self._keys: dict[int, tuple[Any, Counter[int]]] = {}
        self._written_out = WrittenOut(0)

    @staticmethod
    def scan(data: bytes, max_steps: int) -> int:
        """The number of opcodes. Raises MalformedBytes before anything is built if one is not ours."""
        steps = 0
        end: int | None = None
        for opcode, argument, position in pickletools.genops(data):
            steps += 1
            if opcode.name not in _ACTIONS:
                raise MalformedBytes(f"it uses the pickle opcode {opcode.name}")
            if steps > max_steps:
                raise MalformedBytes("it has more parts than allowed")
            if type(argument) is int and argument.bit_length() > 8 * value_tags.MAX_INT_BYTES:
                raise MalformedBytes("it holds an int that is longer than allowed")
            if opcode.name == "FRAME" and (type(argument) is not int or argument > len(data)):
                raise MalformedBytes("it claims to be longer than it is")
            end = position
        if end != len(data) - 1:
            raise MalformedBytes("something follows the pickle")
        return steps

    def run(self, data: bytes) -> Any:
        """Build the value."""
        self._written_out = WrittenOut(len(data))
        for opcode, argument, _ in pickletools.genops(data):
            _ACTIONS[opcode.name](self, argument)
        if len(self._stack) != 1 or self._marks:
            raise MalformedBytes("a pickle does not end with one value")
        return self._stack[0]

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self._stack.append(value)

    def pop(self) -> Any:
        """Take the top of the stack."""
        if not self._stack:
            raise MalformedBytes("a pickle takes from an empty stack")
        return self._stack.pop()

    def top(self) -> Any:
        """Look at the top of the stack."""
        if not self._stack:
            raise MalformedBytes("a pickle looks at an empty stack")
        return self._stack[-1]

    def mark(self) -> None:
        """Set a mark: begin a new stack."""
        self._marks.append(self._stack)
        self._stack = []

    def since_mark(self) -> list[Any]:
        """Take everything above the last mark."""
        if not self._marks:
            raise MalformedBytes("a pickle has no mark")
        items, self._stack = self._stack, self._marks.pop()
        return items

    def pop_top(self) -> None:
        """Drop the top of the stack, or the mark if nothing is above it."""
        if self._stack:
            self._stack.pop()
        else:
            self.since_mark()

    def memoize(self) -> None:
        """Remember the top of the stack."""
        self._memo.append(self.top())

    def recall(self, index: int) -> None:
        """Push what was remembered under that number."""
        if not 0 <= index < len(self._memo):
            raise MalformedBytes("a pickle refers to nothing")
        self.push(self._memo[index])

    def tuple_of(self, count: int) -> None:
        """Replace so many values by their tuple."""
        items = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(items)))

    def append(self, items: list[Any]) -> None:
        """Append to the list on top."""
        target = self.top()
        self._check_target(target, (list, deque))
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Set keys and values, in turn, in the dict on top."""
        target = self.top()
        self._check_target(target, (dict, OrderedDict, defaultdict))
        if len(items) % 2:
            raise MalformedBytes("a pickle has a key without a value")
        self._check_keys(target, items[::2])
        for key, item in zip(items[::2], items[1::2], strict=True):
            target[key] = item

    def add_items(self) -> None:
        """Add everything above the mark to the set below it."""
        items = self.since_mark()
        target = self.top()
        self._check_target(target, (set,))
        self._check_keys(target, items)
        target.update(items)

    def frozenset_of(self) -> None:
        """Replace everything above the mark by a frozenset."""
        items = self.since_mark()
        self._check_keys(items, items)
        self.push(frozenset(items))

    def _check_keys(self, target: Any, keys: list[Any]) -> None:
        """Before they are hashed for good: they come by hundreds, and count together."""
        self._written_out.spend(keys)
        check_hashes(keys, self._keys.setdefault(id(target), (target, Counter()))[1])

    def _check_target(self, target: Any, bases: tuple[type, ...]) -> None:
        """A container that was built here, so that no other object's method is called."""
        kind = type(target)
        if kind not in bases and not (id(kind) in self._known and isinstance(target, bases)):
            raise MalformedBytes("a pickle fills something that is no container")

    def find_global(self) -> None:
        """Replace module and name by what the list has under them."""
        name, module = self.pop(), self.pop()
        if (module, name) == (__name__, part.__name__):
            self.push(part)
            return
        found = resolve(module, name, self._allowed)
        if f"{module}.{name}" not in self._logged:
            self._logged.add(f"{module}.{name}")
            _LOG.info("pickle: resolved %s.%s", module, name)
        self._known[id(found)] = found
        self.push(found)

    def reduce(self) -> None:
        """Call a resolved class or function, or take a part that was cut out."""
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
        """Make an instance of a resolved class, without `__init__`."""
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
        self._written_out.spend(arguments)
        if isinstance(function, type) and issubclass(function, set | frozenset):
            for elements in arguments:
                check_hashes(elements)
        elif function in (OrderedDict, defaultdict, Counter) and not kinds <= {dict, type, NoneType}:
            raise MalformedBytes("a pickle makes a dict of what is none")

    def build(self) -> None:
        """Set the state of an instance of a resolved class."""
        state, target = self.pop(), self.top()
        if id(type(target)) not in self._known:  # so neither a class (no metaclass resolves) nor a part
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


def _argument(machine: Machine, argument: Any) -> None:
    machine.push(argument)


def _new(build: Callable[[], Any]) -> Callable[[Machine, Any], None]:
    return lambda machine, _: machine.push(build())


def _nothing(machine: Machine, argument: Any) -> None:
    del machine, argument


def _pair(machine: Machine) -> list[Any]:
    value, key = machine.pop(), machine.pop()
    return [key, value]


_ACTIONS: Final[Mapping[str, Callable[[Machine, Any], None]]] = MappingProxyType(
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
        ),
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
        "FROZENSET": lambda machine, _: machine.frozenset_of(),
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
