"""What a script may pass as a parameter: what its annotation says, and nothing else.

A public callable declares each of its parameters once, and `junto.device.boundary` holds every call to it:

    alpha: Annotated[float, "[0, inf)"]          a number of an interval, in the notation of mathematics
    strategy: Annotated[str, (MEAN, MEDIAN)]     one of several words
    columns: str | Sequence[str] | None          types, nested as one likes

Numbers, truth values and texts of numpy, and of classes made of Python's, become Python's own, so that all
parties say the same of them; so does what is in a list, a mapping or a vector. A truth value is no number. A
view of a mapping and an iterator are the list of what they give; a set is no sequence: two processes may have
it in different orders. What is annotated `Any`, or by a type variable or protocol, may be anything.
"""

from __future__ import annotations

import builtins
import inspect
import math
import sys
import types
import typing
from collections import abc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from numbers import Integral, Real
from typing import Annotated, Any, Final

Consent = Annotated[bool, True]
"""Leave to show what others might not want shown: a script says True itself; what it has computed is none."""

Taken = Callable[[Any], Any]
"""What becomes of an argument; raises Misfit if it is none."""


class Misfit(Exception):
    """An argument that a parameter does not take: its name, what was given as it may be shown, what may."""

    def __init__(self, name: str = "", given: str = "", allowed: str = "") -> None:
        super().__init__(f"{name} is {given}, not {allowed}")
        self.name, self.given, self.allowed = name, given, allowed


@dataclass(frozen=True, slots=True)
class ParameterKind:
    """What a parameter takes.

    Attributes:
        take: makes of an argument what the callable gets, or raises `Misfit`.
        text: what it is called in a sentence.
    """

    take: Taken
    text: str


@dataclass(frozen=True, slots=True)
class Form:
    """The kinds of a callable's parameters: by place, by name, and whether any is asked for."""

    places: tuple[tuple[str, ParameterKind | None], ...]
    names: Mapping[str, ParameterKind | None]
    asks: bool

    def taken(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as the callable gets them.

        Raises:
            Misfit: one is not what its parameter takes.
        """
        if not self.asks:
            return args, kwargs
        placed = [_taken(kind, name, each) for (name, kind), each in zip(self.places, args, strict=False)]
        named = {name: _taken(self.names.get(name), name, each) for name, each in kwargs.items()}
        return (*placed, *args[len(placed) :]), named


def _taken(kind: ParameterKind | None, name: str, given: Any) -> Any:
    if kind is None:
        return given
    try:
        return kind.take(given)
    except Misfit:
        raise Misfit(name, shown(given), kind.text) from None


SHOWN: Final = 40
"""Characters of an argument that an error shows."""


def shown(given: Any) -> str:
    """A word or number as it is; of anything else, which may hold data, its type."""
    if given is None or isinstance(given, str | bool | int | float | slice):
        text = repr(given)
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    if isinstance(given, list | tuple) and all(isinstance(each, str | int | float | None) for each in given):
        text = repr(given)
        return text if len(text) <= SHOWN else f"a {type(given).__name__} of {len(given)}"
    if isinstance(given, type):
        return given.__name__
    kind = type(given)
    return f"a {'numpy.' if kind.__module__ == 'numpy' else ''}{kind.__name__}"


@cache
def form_of(called: Callable[..., Any]) -> Form:
    """The parameters of a function, or of the constructor of a class."""
    made = isinstance(called, type)
    signature = inspect.signature(called.__init__ if made else called)
    hints = _field_hints(called) if made and is_dataclass(called) else {}
    function = inspect.unwrap(called.__init__ if made else called)
    space = getattr(function, "__globals__", {})
    places, names = [], {}
    for name, each in list(signature.parameters.items())[1 if made else 0 :]:
        hint = hints[name] if name in hints else _evaluated(each.annotation, space)
        kind = None if each.annotation is each.empty and name not in hints else kind_of(hint)
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD):
            places.append((name, kind))
        if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD):
            names[name] = kind
    asks = any(kind is not None for _, kind in (*places, *names.items()))
    return Form(tuple(places), names, asks)


def _field_hints(made: type) -> dict[str, Any]:
    """What the fields of a dataclass are declared to be, each in the module that says so."""
    init = {each.name for each in fields(made) if each.init}
    return {
        name: _evaluated(text, vars(sys.modules[base.__module__]))
        for base in reversed(made.__mro__)
        if base.__module__ in sys.modules
        for name, text in inspect.get_annotations(base).items()
        if name in init
    }


def _evaluated(annotation: Any, space: Mapping[str, Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    return eval(annotation, {}, _ModuleNames(space))  # noqa: S307 - of our own source


class _ModuleNames(dict[str, Any]):
    """The names of a module; one that it imports for its types alone stands for classes of that name."""

    def __init__(self, space: Mapping[str, Any]) -> None:
        super().__init__(vars(builtins) | dict(space))

    def __missing__(self, name: str) -> Any:
        return type(name, (_ByName,), {})


class _ByName:
    """Base of what stands for a class that is not imported here; any parameters of types are passed over."""

    def __class_getitem__(cls, _parameters: Any) -> type:
        return cls


# -------------------------------------------------------------------- kinds


def kind_of(hint: Any) -> ParameterKind | None:
    """What an annotation allows; None: anything."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _limited(arguments[0], arguments[1:])
    if origin in (typing.Union, types.UnionType):
        return _one_of([kind_of(each) for each in arguments])
    if origin is typing.Literal:
        return _words(arguments)
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        return _tuple([kind_of(each) for each in arguments])
    kind = origin or hint
    if kind is Any or not isinstance(kind, type):
        return _function() if kind is Callable else None
    if kind in PLAIN:
        return PLAIN[kind]
    if kind in (type, abc.Callable):
        return (
            ParameterKind(_if(lambda given: isinstance(given, type)), "a class")
            if kind is type
            else _function()
        )
    if issubclass(kind, abc.Mapping):
        return _mapping(*map(kind_of, arguments or (Any, Any)))
    if kind in (abc.Sequence, abc.Iterable, abc.Collection, list, tuple):
        return _sequence(kind_of(arguments[0]) if arguments else None, kind)
    if kind is object or getattr(kind, "_is_protocol", False):
        return None
    return _class(kind)


def _if(holds: Callable[[Any], bool], made: Callable[[Any], Any] = lambda given: given) -> Taken:
    def take(given: Any) -> Any:
        if not holds(given):
            raise Misfit
        return made(given)

    return take


def _is_truth(given: Any) -> bool:
    return isinstance(given, bool) or (
        type(given).__module__ == "numpy" and type(given).__name__ in ("bool", "bool_")
    )


def _is_number(given: Any, kind: type) -> bool:
    return isinstance(given, kind) and not _is_truth(given)


def _number(given: Any) -> Any:
    return given if type(given) in (int, float) else float(given)


def _text(given: str) -> str:
    return given if type(given) is str else str.__str__(given)  # a member of an Enum is what it stands for


PLAIN: Final[Mapping[Any, ParameterKind]] = types.MappingProxyType(
    {
        types.NoneType: ParameterKind(_if(lambda given: given is None), "None"),
        bool: ParameterKind(_if(_is_truth, bool), "True or False"),
        int: ParameterKind(_if(lambda given: _is_number(given, Integral), int), "a whole number"),
        float: ParameterKind(_if(lambda given: _is_number(given, Real), _number), "a number"),
        str: ParameterKind(_if(lambda given: isinstance(given, str), _text), "a text"),
    }
)


_A_CLASS: Final = ParameterKind(_if(lambda given: isinstance(given, type)), "a class")


def _function() -> ParameterKind:
    return ParameterKind(_if(callable), "a function")


def _class(kind: type) -> ParameterKind:
    name = kind.__name__
    text = f"{'an' if name[0] in 'AEIOSF' and name[:2].isupper() else 'a'} {name}"
    if issubclass(kind, _ByName):
        return ParameterKind(_if(lambda given: name in {each.__name__ for each in type(given).__mro__}), text)
    return ParameterKind(_if(lambda given: isinstance(given, kind)), text)


def _one_of(kinds: Sequence[ParameterKind | None]) -> ParameterKind | None:
    some = [kind for kind in kinds if kind is not None]
    if len(some) < len(kinds):
        return None
    order = sorted(some, key=lambda kind: kind.text == "None")

    def take(given: Any) -> Any:
        given = _listed(given)
        for kind in some:
            try:
                return kind.take(given)
            except Misfit:
                continue
        raise Misfit

    return ParameterKind(take, " or ".join(dict.fromkeys(kind.text for kind in order)))


def _words(words: Sequence[Any]) -> ParameterKind:
    def take(given: Any) -> Any:
        for word in words:
            kind = str if isinstance(given, str) else type(given)
            if kind is type(word) and given == word:
                return word
        raise Misfit

    listed = ", ".join(map(repr, words[:-1]))
    return ParameterKind(take, f"{listed} or {words[-1]!r}" if listed else repr(words[-1]))


def _sequence(each: ParameterKind | None, kind: type) -> ParameterKind:
    """Of any sequence; of lists, tuples and vectors what is in them, too."""

    def take(given: Any) -> Any:
        given = _listed(given)
        if each is not None and getattr(given, "ndim", 0) == 1 and hasattr(given, "tolist"):
            given = given.tolist()
        listed = isinstance(given, abc.Iterable) if kind is abc.Iterable else hasattr(given, "__len__")
        if not listed or not hasattr(given, "__iter__") or isinstance(given, str | bytes | Mapping | Set):
            raise Misfit
        known = each is not None and isinstance(given, list | tuple)
        return _same(given, map(each.take, given)) if known else given  # type: ignore[union-attr]

    return ParameterKind(take, "a sequence" if each is None else f"a sequence, each of it {each.text}")


def _listed(given: Any) -> Any:
    """What can be gone through once, or has no places, as a list."""
    return list(given) if isinstance(given, abc.KeysView | abc.ValuesView | abc.Iterator) else given


def _tuple(kinds: Sequence[ParameterKind | None]) -> ParameterKind:
    def take(given: Any) -> Any:
        if not isinstance(given, list | tuple) or len(given) != len(kinds):
            raise Misfit
        parts = zip(kinds, given, strict=True)
        return _same(given, (_own(kind, each) for kind, each in parts))

    texts = ", ".join("anything" if kind is None else kind.text for kind in kinds)
    text = f"a tuple of {len(kinds)}"
    return ParameterKind(take, f"{text}: {texts}" if any(kinds) else text)


def _own(kind: ParameterKind | None, given: Any) -> Any:
    return given if kind is None else kind.take(given)


def _same(given: Any, parts: Iterable[Any]) -> Any:
    """The same list or tuple, if its parts are."""
    made = (list if isinstance(given, list) else tuple)(parts)
    return made if any(one is not other for one, other in zip(made, given, strict=True)) else given


def _mapping(key: ParameterKind | None, value: ParameterKind | None) -> ParameterKind:
    def take(given: Any) -> Any:
        if not isinstance(given, Mapping):
            raise Misfit
        made = {_own(key, name): _own(value, each) for name, each in given.items()}
        pairs = zip(made.items(), given.items(), strict=False)
        same = all(one is own for owns, ones in pairs for own, one in zip(owns, ones, strict=True))
        return given if same else made

    of = " to ".join("anything" if kind is None else kind.text for kind in (key, value))
    return ParameterKind(take, "a mapping" if key is value is None else f"a mapping from {of}")


def _limited(hint: Any, limits: Sequence[Any]) -> ParameterKind | None:
    """Of an interval, of words in a tuple, or of consent; what else a union allows stays allowed."""
    kind = kind_of(hint)
    for limit in limits:
        if limit is True:
            kind = ParameterKind(_if(lambda given: type(given) is bool), "True or False")
        elif isinstance(limit, str):
            kind = _inside(hint, limit)
        elif isinstance(limit, tuple):
            kind = _words(limit)
    return kind


def _inside(hint: Any, interval: str) -> ParameterKind:
    plain, (low, high) = PLAIN[hint], map(float, interval[1:-1].split(","))
    closed = interval[0] == "[", interval[-1] == "]"

    def take(given: Any) -> Any:
        number = plain.take(given)
        above = number >= low if closed[0] else number > low
        below = number <= high if closed[1] else number < high
        if not (above and below):
            raise Misfit
        return number

    return ParameterKind(take, f"{plain.text} {_range((low, high), closed)}")


def _range(ends: tuple[float, float], closed: tuple[bool, bool]) -> str:
    low, high = (f"{end:.0f}" if end == end // 1 and math.isfinite(end) else f"{end:g}" for end in ends)
    least = f"from {low} on" if closed[0] else f"above {low}"
    if math.isinf(ends[1]):
        return least if not closed[1] else f"{least}, or infinite"
    if all(closed):
        return f"from {low} to {high}"
    if not any(closed):
        return f"between {low} and {high}"
    return f"{least}, and {'at most' if closed[1] else 'below'} {high}"


def declared(called: Callable[..., Any]) -> Iterator[tuple[str, ParameterKind | None]]:
    """Names and kinds of all parameters, each once."""
    form = form_of(called)
    yield from {**dict(form.places), **form.names}.items()
