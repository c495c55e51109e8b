"""The package's source as trees, which each process of tests reads once and walks once."""

from __future__ import annotations

import ast
import gc
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "junto"
MODULES = sorted(SOURCE.rglob("*.py"))

Node = TypeVar("Node", bound=ast.AST)


@cache
def trees() -> dict[Path, ast.Module]:
    """Of every module; the collector would search half a million nodes again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return {path: ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in MODULES}
    finally:
        gc.freeze()
        if collects:
            gc.enable()


@cache
def _by_kind() -> dict[type[ast.AST], list[tuple[Path, ast.AST]]]:
    found = defaultdict(list)
    for path, tree in trees().items():
        for node in ast.walk(tree):
            found[type(node)].append((path, node))
    return found


def nodes(*kinds: type[Node]) -> Iterator[tuple[Path, Node]]:
    """Every node of these kinds, with its module."""
    return (each for kind in kinds for each in _by_kind()[kind])


@cache
def calls() -> list[tuple[Path, ast.Call, str]]:
    """Every call, with the name of what is called as it is written."""
    return [(path, node, ast.unparse(node.func)) for path, node in nodes(ast.Call)]
