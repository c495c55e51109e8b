"""Which names a pickle may resolve: those that are listed, and nothing of what no list can open."""

from __future__ import annotations

import collections
import sys
import types

import pytest

from junto.errors import ConfigError, MalformedBytes
from junto.wire.allowlist import check_list, resolve


class Meta(type):
    """No list can open a metaclass."""


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> str:
    """A module with a class and a function of its own, and with what it has imported."""
    module = types.ModuleType("house_models")
    for name in ("Own", "helper"):
        made = type(name, (), {}) if name == "Own" else types.FunctionType((lambda: 1).__code__, {}, name)
        made.__module__ = module.__name__
        setattr(module, name, made)
    module.Meta, module.system, module.deque, module.number = Meta, sys.exit, collections.deque, 5
    module.Big = type("Big", (__import__("numpy").ndarray,), {"__module__": module.__name__})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module.__name__


def test_what_is_listed_is_found(listed: str) -> None:
    module = sys.modules[listed]
    assert resolve(listed, "Own", {listed: ("Own",)}) is module.Own
    assert resolve(listed, "helper", {listed: ("Own", "helper")}) is module.helper
    assert resolve(listed, "Own", {listed: ("*",)}) is module.Own
    assert resolve("collections", "deque", {"collections": ("deque",)}) is collections.deque


@pytest.mark.parametrize(
    ("name", "names", "about"),
    [
        ("Own", (), "not in cross_silo"),
        ("Own", ("Other",), "not in cross_silo"),
        ("helper", ("*",), "'[*]' stands for classes defined in the module"),
        ("deque", ("*",), "'[*]' stands for classes defined in the module"),
        ("absent", ("absent",), "neither a class nor a plain function"),
        ("number", ("number",), "neither a class nor a plain function"),
        ("system", ("system",), "neither a class nor a plain function"),
        ("Meta", ("Meta",), "a metaclass"),
        ("Big", ("Big",), "a subclass of what the codec itself carries"),
        ("Own.__init__", ("Own.__init__",), "dots or double underscores"),
        ("__builtins__", ("__builtins__",), "dots or double underscores"),
    ],
)
def test_what_is_no_class_of_the_module_is_refused(
    listed: str, name: str, names: tuple[str, ...], about: str
) -> None:
    with pytest.raises(MalformedBytes, match=about):
        resolve(listed, name, {listed: names})


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("os", "system"),
        ("subprocess", "Popen"),
        ("functools", "partial"),
        ("pathlib", "Path"),
    ],
)
def test_the_standard_library_is_closed_even_if_it_is_listed(module: str, name: str) -> None:
    with pytest.raises(MalformedBytes, match="standard library"):
        resolve(module, name, {module: (name,)})
    with pytest.raises(MalformedBytes, match=r"standard library|stands for|neither"):
        resolve(module, name, {module: ("*",)})
    with pytest.raises(ConfigError, match="never taken from a pickle"):
        check_list({module: (name,)})


@pytest.mark.parametrize(
    "module", ["numpy", "numpy.core.multiarray", "pandas", "junto.wire.pickles", "jax", "pyarrow.lib"]
)
def test_what_the_codec_carries_is_never_in_a_pickle(module: str) -> None:
    with pytest.raises(MalformedBytes, match="travel by the codec itself"):
        resolve(module, "anything", {module: ("anything", "*")})


def test_a_name_is_text_itself_and_no_subclass_of_it() -> None:
    text = type("text", (str,), {})
    with pytest.raises(MalformedBytes):
        resolve(text("collections"), "deque", {"collections": ("deque",)})
    with pytest.raises(MalformedBytes):
        resolve("collections", text("deque"), {"collections": ("deque",)})


@pytest.mark.parametrize(
    ("entry", "about"),
    [
        ({"*": ("A",)}, "cannot be a wildcard"),
        ({"": ("A",)}, "cannot be a wildcard"),
        ({"models": ("A.b",)}, "no plain name"),
        ({"models": ("__init__",)}, "no plain name"),
        ({"models": ("A*",)}, "no plain name"),
    ],
)
def test_entries_that_could_resolve_to_nothing_or_to_everything_are_refused(entry: dict, about: str) -> None:
    with pytest.raises(ConfigError, match=about):
        check_list(entry)
    check_list({"models": ("A", "*"), "numpy": ("ndarray",), "collections": ("deque", "*")})
