"""Whether a value is of a class of a library, without importing the library for the question."""

from __future__ import annotations

import sys
from typing import Any


def is_a(value: Any, module: str, name: str) -> bool:
    """Whether `value` is of the class `name` of `module`.

    A library that another thread is importing may not have the class yet: then no value is of it.
    """
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)
