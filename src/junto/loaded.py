"""What libraries say that are loaded already, without importing one for the question."""

from __future__ import annotations

import sys
from typing import Any


def is_a(value: Any, module: str, name: str) -> bool:
    """Whether `value` is of the class `name` of `module`.

    A library that another thread is importing may not have the class yet: then no value is of it.
    """
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def notebook_line(path: str, line: int) -> str | None:
    """``"cell 3, line 2"`` for a line of a notebook, whose file has a number for a name; else None."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    name_of = getattr(getattr(shell, "compile", None), "format_code_name", None)
    found = None if name_of is None else name_of(path)  # ("Cell", "In[3]") of a cell
    if not isinstance(found, tuple) or len(found) != 2:
        return None
    return f"cell {str(found[1]).removeprefix('In[').removesuffix(']')}, line {line}"
