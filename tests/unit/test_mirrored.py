"""Which modules have no quick test that names them: the list may only become shorter."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE, TESTS = ROOT / "src", ROOT / "tests" / "unit"
UNNAMED = 228
"""Modules that tests reach through others only. A new module comes with a test that names it."""


def modules() -> set[str]:
    names = (".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in SOURCE.rglob("*.py"))
    return {name for name in names if not name.endswith(("__init__", "__main__"))}


def named() -> set[str]:
    """What the quick tests import."""
    found = set[str]()
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
            elif isinstance(node, ast.Import):
                found |= {each.name for each in node.names}
    return found


def test_no_further_module_is_without_a_quick_test_of_its_own() -> None:
    missing = sorted(modules() - named())
    assert len(missing) <= UNNAMED, "\n".join([f"{len(missing)} modules:", *missing])
