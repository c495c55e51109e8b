"""Preprocessing in the clear as scikit-learn's, of the recipes of `junto.frame`.

Steps go by the names of columns, as they do in a frame: each changes its own, and passes on what those behind
it need.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from junto.errors import UNREADABLE, LearnError
from junto.frame.recipes import FORMAT, PARAMETERS

Built = list[tuple[str, Any, list[str]]]
"""Transformers of scikit-learn with the names of their columns."""


@dataclass(frozen=True, slots=True)
class ClearStep:
    """What is known of preprocessing.

    Attributes:
        kind: its class, a key of `KINDS`.
        parameters: of it.
        states: what was learned of each column.
    """

    kind: str
    parameters: Mapping[str, Any]
    states: Mapping[str, Any]

    def gives(self, column: str) -> list[str]:
        """The names of what a column becomes."""
        if self.kind != "OneHotEncoder":
            return [column]
        categories, drop = self.states[column]["categories"], self.parameters["drop"]
        skipped = drop == "first" or (drop == "if_binary" and len(categories) == 2)
        return [_called(self, column, each) for each in categories[skipped:]]


def is_step(text: Any) -> bool:
    """Whether it is a recipe of preprocessing, or says so."""
    return isinstance(text, str) and FORMAT in text[:60]


def step_of(text: str) -> ClearStep:
    """A recipe, once it makes sense.

    Raises:
        LearnError: it does not.
    """
    try:
        told = json.loads(text)
        found = ClearStep(told["kind"], told["parameters"], told["columns"])
        sound = told["format"] == FORMAT and set(found.parameters) == set(PARAMETERS[found.kind])
        for state in found.states.values():
            numbers, lists = NUMBERS[found.kind], [state[name] for name in LISTS[found.kind]]
            sound = sound and all(isinstance(state[name], int | float) for name in numbers)
            sound = sound and all(isinstance(each, list) and len(each) > 0 for each in lists)
            sound = sound and all(isinstance(one, str | int | float) for each in lists for one in each)
    except UNREADABLE:
        sound = False
    if not sound:
        raise LearnError("this is no preprocessing of export(to)", fix="pass the text as it is")
    return found


def pipeline_of(steps: Sequence[ClearStep], columns: Sequence[str] | None) -> list[Any]:
    """Fitted transformers of tables of pandas, one after the other.

    Args:
        steps: in order.
        columns: what is to come out, in order; None: all that the only step gives.

    Raises:
        LearnError: there are several steps, and nobody says what is to come out.
    """
    if columns is None and len(steps) > 1:
        raise LearnError(
            "several steps do not say which columns are to come out",
            fix="pass the text of the model behind them, or columns=[...]",
        )
    wanted, made = columns, [] if columns is None else [_selected(columns)]
    for step in reversed(steps):
        given = [name for name in step.states if wanted is None or {*step.gives(name)} & {*wanted}]
        fresh = {new for name in given for new in step.gives(name)}
        rest = [name for name in wanted or () if name not in fresh]
        made.append(_built(step, given, rest))
        wanted = [*given, *rest]
    return made[::-1]


def _selected(columns: Sequence[str]) -> Any:
    return _fitted([("columns", "passthrough", list(columns))], {name: [0.0] for name in columns})


def _built(step: ClearStep, given: list[str], rest: list[str]) -> Any:
    make, learn = KINDS[step.kind]
    built, sample = make(step, given)
    found = _fitted([*built, ("rest", "passthrough", rest)], {**sample, **{name: [0.0] for name in rest}})
    for name, _, columns in built:
        learn(found.named_transformers_[name], step, columns)
    return found


def _fitted(built: Built, sample: Mapping[str, list[Any]]) -> Any:
    import pandas as pd
    from sklearn.compose import ColumnTransformer

    rows = max(map(len, sample.values()))
    table = pd.DataFrame({name: each * (rows // len(each)) for name, each in sample.items()})
    made = ColumnTransformer([each for each in built if each[2]], verbose_feature_names_out=False)
    return made.set_output(transform="pandas").fit(table)


# -------------------------------------------------------------------- each kind


def _numbers(step: ClearStep, columns: list[str], name: str) -> Any:
    return np.array([step.states[column][name] for column in columns], np.float64)


def _scaler(step: ClearStep, columns: list[str]) -> tuple[Built, dict[str, list[Any]]]:
    from sklearn.preprocessing import StandardScaler

    return [(step.kind, StandardScaler(**step.parameters), columns)], {name: [0.0] for name in columns}


def _scaled(made: Any, step: ClearStep, columns: list[str]) -> None:
    made.mean_, made.var_ = _numbers(step, columns, "mean"), _numbers(step, columns, "var")
    made.scale_ = _numbers(step, columns, "scale") if step.parameters["with_std"] else None


def _ranger(step: ClearStep, columns: list[str]) -> tuple[Built, dict[str, list[Any]]]:
    from sklearn.preprocessing import MinMaxScaler

    low, high = step.parameters["feature_range"]
    made = MinMaxScaler(feature_range=(low, high), clip=step.parameters["clip"])
    return [(step.kind, made, columns)], {
        name: [step.states[name]["min"], step.states[name]["max"]] for name in columns
    }


def _one_hot(step: ClearStep, columns: list[str]) -> tuple[Built, dict[str, list[Any]]]:
    from sklearn.preprocessing import OneHotEncoder

    categories = {name: step.states[name]["categories"] for name in columns}
    made = OneHotEncoder(
        categories=[np.array(each, _type_of(each)) for each in categories.values()],
        drop=step.parameters["drop"],
        handle_unknown=step.parameters["handle_unknown"],
        sparse_output=False,
        feature_name_combiner=partial(_called, step),
    )
    return [(step.kind, made, columns)], {name: each[:1] for name, each in categories.items()}


def _called(step: ClearStep, column: str, category: Any) -> str:
    known = step.states.get(column)  # scikit-learn tries it with names of its own
    if known is None or step.parameters["value_names"]:
        return f"{column}_{category}"
    return f"{column}_{known['categories'].index(category)}"


def _ordinal(step: ClearStep, columns: list[str]) -> tuple[Built, dict[str, list[Any]]]:
    from sklearn.preprocessing import OrdinalEncoder

    built, known = Built(), {name: step.states[name]["categories"] for name in columns}
    for name, each in known.items():
        kind = _type_of(each) or np.float64
        made = OrdinalEncoder(categories=[np.array([*each, np.nan], kind)], **step.parameters)
        built.append((f"{step.kind} {name}", made if kind is object else _of_floats(made), [name]))
    return built, {name: each[:1] for name, each in known.items()}


def _type_of(categories: list[Any]) -> Any:
    return object if any(isinstance(each, str) for each in categories) else None


def _imputer(step: ClearStep, columns: list[str]) -> tuple[Built, dict[str, list[Any]]]:
    from sklearn.impute import SimpleImputer

    built, values = Built(), {name: step.states[name]["value"] for name in columns}
    for name, value in values.items():
        made = SimpleImputer(strategy="constant", fill_value=value)
        built.append((f"{step.kind} {name}", _of_floats(made) if isinstance(value, float) else made, [name]))
    return built, {name: [value] for name, value in values.items()}


def _of_floats(made: Any) -> Any:
    """What takes gaps, and results, that a column of whole numbers could not hold."""
    import pandas as pd
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    floats = {"kw_args": {"dtype": "float64"}, "feature_names_out": "one-to-one"}
    return make_pipeline(FunctionTransformer(pd.DataFrame.astype, **floats), made)


def _as_made(made: Any, step: ClearStep, columns: list[str]) -> None:
    """The sample has said all."""


Make = Callable[[ClearStep, list[str]], tuple[Built, dict[str, list[Any]]]]

KINDS: Final[Mapping[str, tuple[Make, Callable[[Any, ClearStep, list[str]], None]]]] = MappingProxyType(
    {
        "StandardScaler": (_scaler, _scaled),
        "MinMaxScaler": (_ranger, _as_made),
        "OneHotEncoder": (_one_hot, _as_made),
        "OrdinalEncoder": (_ordinal, _as_made),
        "SimpleImputer": (_imputer, _as_made),
    }
)
"""By class: what makes scikit-learn's, with a table to fit it to, and what then sets what it has learned."""

NUMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "StandardScaler": ("mean", "var", "scale"),
        "MinMaxScaler": ("min", "max"),
        "OneHotEncoder": (),
        "OrdinalEncoder": (),
        "SimpleImputer": (),
    }
)

LISTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {kind: ("categories",) if "Encoder" in kind else () for kind in NUMBERS}
)
