"""One name for one thing: no class and no module has the name of another one."""

from __future__ import annotations

import ast
from collections import defaultdict

from sources import MODULES, SOURCE, nodes


def repeated(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: places for name, places in found.items() if len(places) > 1}


def test_no_class_has_the_name_of_another_one() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path, node in nodes(ast.ClassDef):
        found[node.name].append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert repeated(found) == {}


def test_no_module_has_the_name_of_another_one() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        if path.stem not in {"__init__", "__main__"}:
            found[path.stem].append(str(path.relative_to(SOURCE)))
    assert repeated(found) == {}
