"""Values do not change behind a handle's back, although everything lives in one process.

A Ray cluster gets this from its object store: a task sees its arguments read-only, and what it returns
is copied out of its process. The executors of this process do the same for numpy arrays and pandas
tables, at the top of a value or one container below, where scripts have them:

* `shielded`: an argument as a task sees it. Arrays are read-only views (writing raises ValueError, as
  on Ray), tables are shallow copies.
* `owned`: what is kept although somebody else still holds it (a script's own array, the state that an
  actor's method returns). Arrays and tables are copied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from junto.execute.executor import TaskCall
from junto.loaded import is_a
from junto.tree import leaves, map_leaves


def shielded(value: Any) -> Any:
    """`value` as a task may see it."""
    return _each(_shield, value)


def owned(value: Any) -> Any:
    """`value`, no longer shared with whoever made it."""
    return _each(_copy, value)


def with_own_arguments(call: TaskCall) -> TaskCall:
    """`call`, whose plain arguments the script may change before it runs."""
    if not any(_is_array(leaf) or _is_table(leaf) for leaf in leaves((call.args, dict(call.kwargs)))):
        return call
    args, kwargs = map_leaves(_copy, (call.args, dict(call.kwargs)))
    return replace(call, args=args, kwargs=kwargs)


def _each(change: Callable[[Any], Any], value: Any) -> Any:
    kind = type(value)
    if kind is list or kind is tuple:
        changed = [change(item) for item in value]
        if all(new is old for new, old in zip(changed, value, strict=True)):
            return value
        return changed if kind is list else tuple(changed)
    if kind is dict:
        items = {key: change(item) for key, item in value.items()}
        return items if any(items[key] is not value[key] for key in value) else value
    return change(value)


def _shield(value: Any) -> Any:
    if _is_array(value):
        view = value.view()
        view.flags.writeable = False
        return view
    return value.copy(deep=False) if _is_table(value) else value


def _copy(value: Any) -> Any:
    return value.copy() if _is_array(value) or _is_table(value) else value


def _is_array(value: Any) -> bool:
    return is_a(value, "numpy", "ndarray")


def _is_table(value: Any) -> bool:
    return is_a(value, "pandas", "DataFrame") or is_a(value, "pandas", "Series")
