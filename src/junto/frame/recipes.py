"""Preprocessing in the clear, at one party: a recipe in JSON, of names and numbers, with nothing that is run.

`junto.learn.as_sklearn` makes scikit-learn's transformers of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from junto.errors import FrameError

FORMAT: Final = "junto preprocessing 1"

PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "StandardScaler": ("with_mean", "with_std"),
        "MinMaxScaler": ("feature_range", "clip"),
        "OneHotEncoder": ("drop", "handle_unknown", "value_names"),
        "OrdinalEncoder": ("handle_unknown", "unknown_value"),
        "SimpleImputer": (),
    }
)
"""What has a recipe, and which of its parameters are in it."""


def require_recipe(kind: str) -> None:
    """Raise FrameError unless there is a recipe of such preprocessing."""
    if kind not in PARAMETERS:
        raise FrameError(
            f"{kind} has no counterpart in scikit-learn that does the same",
            fix=f"{', '.join(PARAMETERS)} leave so; weights of evidence leave in a Scorecard",
        )


def told(states: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """At an owner: what was learned of its columns, plain.

    Raises:
        FrameError: it has no form in JSON.
    """
    return {
        column: {name: _plain(column, value) for name, value in state.items()}
        for column, state in states.items()
    }


def written(parts: Sequence[Mapping[str, Any]], kind: str, parameters: Mapping[str, Any]) -> str:
    """At who gets it: the recipe."""
    columns = {column: state for part in parts for column, state in part.items()}
    recipe = {"format": FORMAT, "kind": kind, "parameters": dict(parameters), "columns": columns}
    return json.dumps(recipe, allow_nan=False)


def _plain(column: str, value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, list):
        return [_plain(column, each) for each in value]
    if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise FrameError(
        f"column {column!r} has what a recipe cannot say: missing values, or no text and no number",
        fix="fill what is missing first (SimpleImputer), and make texts of dates",
    )
