"""No class shows what it holds: keys, pieces, masks and values stay out of messages, logs and tracebacks."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator

import junto
from junto.device.spu.correlation_pool import PoolEntry

DATA = re.compile(r"\b(bytes|bytearray|Words|Planes|Flags|NDArray|ndarray|Parcel|Made|Share|Plain)\b")
"""Of the type of a field: raw bytes, arrays, and what is made of them. (Of a view only its address shows.)"""
CODE = re.compile(r"\b(Callable|Iterator)\b")
"""Functions and iterators show nothing of what they return."""


def classes() -> Iterator[type]:
    """All of the package."""
    for module in pkgutil.walk_packages(junto.__path__, "junto."):
        if module.name.endswith(("__main__", "._kernels")):  # the latter is a library of C
            continue
        for each in vars(importlib.import_module(module.name)).values():
            if isinstance(each, type) and each.__module__ == module.name:
                yield each


def shown(each: type) -> list[str]:
    """The fields that the representation made by the class's decorator, or by its base, writes out."""
    if dataclasses.is_dataclass(each):
        made_by_decorator = hasattr(vars(each).get("__repr__"), "__wrapped__")
        fields = [(field.name, field.type) for field in dataclasses.fields(each) if field.repr]
        return [f"{name}: {kind}" for name, kind in fields] if made_by_decorator else []
    if issubclass(each, tuple) and hasattr(each, "_fields"):
        return [f"{name}: {kind}" for name, kind in each.__annotations__.items()]
    if hasattr(each, "__struct_fields__"):
        return [f"{name}: {each.__annotations__.get(name, '')}" for name in each.__struct_fields__]
    return []


def leaking(each: type) -> list[str]:
    fields = [field.partition(":") for field in shown(each)]
    return [name for name, _, kind in fields if DATA.search(kind) and not CODE.search(kind)]


PUBLIC = {"junto.net.api.Stamp": ["digest"]}
"""Of the program, which all parties have."""


def test_no_representation_shows_bytes_or_arrays() -> None:
    found = {f"{each.__module__}.{each.__name__}": leaking(each) for each in classes()}
    assert len(found) > 400
    assert {name: fields for name, fields in found.items() if fields} == PUBLIC


def test_the_rule_finds_what_shows_a_key() -> None:
    @dataclasses.dataclass
    class Leaky:
        key: bytes

    assert leaking(Leaky) == ["key"]
    assert "aaaa" not in repr(PoolEntry(b"a" * 16, 0, []))
