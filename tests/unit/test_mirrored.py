"""Which modules have no quick test that names them: the list may only become shorter."""

from __future__ import annotations

import re

from sources import MODULES, ROOT, SOURCE

TESTS = ROOT / "tests" / "unit"
IMPORT = re.compile(r"^ *(?:from (junto[\w.]*) import (\([^)]*\)|.*)|import (junto[\w.]*).*)$", re.MULTILINE)
UNNAMED = 161
"""Modules that tests reach through others only. A new module comes with a test that names it."""


def modules() -> set[str]:
    names = (".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in MODULES)
    return {name for name in names if not name.endswith(("__init__", "__main__"))}


def named() -> set[str]:
    """What the quick tests import."""
    found = set[str]()
    for path in TESTS.rglob("*.py"):
        for source, names, whole in IMPORT.findall(path.read_text(encoding="utf-8")):
            found |= {source or whole, *(f"{source}.{name}" for name in re.findall(r"\w+", names))}
    return found


def test_no_further_module_is_without_a_quick_test_of_its_own() -> None:
    missing = sorted(modules() - named())
    assert len(missing) <= UNNAMED, "\n".join([f"{len(missing)} modules:", *missing])
