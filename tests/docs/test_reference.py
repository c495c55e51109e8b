"""The reference: each public name is on a page, and its docstring says what a caller has to know."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from enum import Enum
from functools import reduce
from typing import Any

import junto.learn.metrics
import junto.utils.testing
from junto import errors, federated, frame, join, learn
from pages import ROOT

PAGES = sorted((ROOT / "docs" / "reference" / "api").glob("*.md"))
SHOWN = re.compile(r"^::: (\S+)(?:\n    options:\n      members: (\S.*))?$", re.MULTILINE)
LEFT_OUT = re.compile("|".join(re.findall(r'"!([^"]+)"', (ROOT / "mkdocs.yml").read_text())))
OTHER_NAMES = {"psi", "HDataFrame", "VDataFrame", "v_read_parquet"}
"""What a page says in a sentence: the same thing under another name."""
HANDLES = {"PYUObject", "SPUObject", "DeviceObject"}
"""No script constructs them."""


def named(path: str) -> Any:
    """The object of a dotted name."""
    for at in range(path.count("."), 0, -1):
        module, _, rest = (".".join(path.split(".")[:at]), ".", path.split(".")[at:])
        try:
            return reduce(getattr, rest, importlib.import_module(module))
        except (ImportError, AttributeError):
            continue
    raise AssertionError(f"there is no {path}")


def shown() -> dict[str, str]:
    """Each name on a page, with the members that are listed for it: empty for all of them."""
    return {path: members for page in PAGES for path, members in SHOWN.findall(page.read_text())}


def public() -> set[str]:
    """Names that a script may import."""
    raised = {
        name
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and kind.__module__ == errors.__name__
    } - {"Origin", "Terminated"}
    found = {
        *junto.__all__,
        *federated.__all__,
        *frame.__all__,
        *join.__all__,
        *learn.__all__,
        *junto.learn.metrics.__all__,
    }
    return {*found, *raised, "cluster_def"}


def test_every_public_name_is_on_a_page() -> None:
    there = {path.rpartition(".")[2] for path in shown()}
    assert sorted(public() - there - OTHER_NAMES) == []
    text = "".join(page.read_text() for page in PAGES)
    assert [name for name in sorted(OTHER_NAMES) if f"`{name}`" not in text] == []


def members(kind: type, listed: str) -> Iterator[tuple[str, Any]]:
    """The methods and properties of a class that its page shows."""
    wanted = None if not listed else re.findall(r"\w+", listed)
    for name in dir(kind):
        plain = inspect.getattr_static(kind, name)
        function = plain.fget if isinstance(plain, property) else getattr(plain, "__func__", plain)
        if not inspect.isfunction(function) or not function.__module__.startswith("junto"):
            continue
        if not LEFT_OUT.search(name) if wanted is None else name in wanted:
            yield name, function


def documented() -> Iterator[tuple[str, Any, str]]:
    """Everything that the pages show, with all that is written about it."""
    for path, listed in shown().items():
        thing = named(path)
        if thing is Any:  # an alias
            continue
        if inspect.isclass(thing):
            yield path, thing, "\n".join(str(kind.__doc__) for kind in thing.__mro__)
            for name, function in members(thing, listed):
                yield f"{path}.{name}", function, inspect.getdoc(getattr(thing, name)) or ""
        elif callable(thing):
            yield path, thing, inspect.getdoc(thing) or ""


def parameters(thing: Any) -> list[str]:
    made_by_us = inspect.isclass(thing) and (issubclass(thing, Exception | Enum) or thing.__name__ in HANDLES)
    return [] if made_by_us else [name for name in inspect.signature(thing).parameters if name != "self"]


def raised(function: Any) -> set[str]:
    """Errors that a function raises in its own lines."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [
        node.exc.func
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    ]
    return {call.id for call in calls if isinstance(call, ast.Name)}


def test_docstrings_name_parameters_and_errors() -> None:
    missing: dict[str, list[str]] = {}
    for path, thing, text in documented():
        unsaid = [name for name in parameters(thing) if not re.search(rf"\b{name}\b", text)]
        if inspect.isfunction(thing):
            unsaid += sorted(kind for kind in raised(thing) if kind not in text)
        if unsaid or not text:
            missing[path] = unsaid
    assert missing == {}
