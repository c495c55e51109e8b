"""Models that are trained on an SPU, with scikit-learn's conventions; see ``docs/how-to/learn.md``.

    from junto.learn import LogisticRegression

    model = LogisticRegression(spu).fit({alice: hers, bob: his}, y)
    p = model.predict_proba({alice: new_hers, bob: new_his}, to=bob)

Names are imported when first used; jax comes with them.
"""

from __future__ import annotations

import importlib.util
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from junto.extras import need

if TYPE_CHECKING:
    from junto.learn.clear_models import as_sklearn
    from junto.learn.kmeans import KMeans
    from junto.learn.linear import LinearRegression, Ridge
    from junto.learn.logistic import LogisticRegression
    from junto.learn.pca import PCA
    from junto.learn.scorecard import Scorecard
    from junto.learn.selection import GridSearchCV, KFold, cross_val_score
    from junto.learn.trees.boosting import (
        GradientBoostingClassifier,
        GradientBoostingRegressor,
        from_xgboost,
    )
    from junto.learn.trees.forest import (
        DecisionTreeClassifier,
        DecisionTreeRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from junto.learn.tweedie import GammaRegressor, PoissonRegressor, TweedieRegressor

_HOME_OF = MappingProxyType(
    {
        "as_sklearn": "junto.learn.clear_models",
        "GammaRegressor": "junto.learn.tweedie",
        "DecisionTreeClassifier": "junto.learn.trees.forest",
        "DecisionTreeRegressor": "junto.learn.trees.forest",
        "GradientBoostingClassifier": "junto.learn.trees.boosting",
        "GradientBoostingRegressor": "junto.learn.trees.boosting",
        "KMeans": "junto.learn.kmeans",
        "LinearRegression": "junto.learn.linear",
        "LogisticRegression": "junto.learn.logistic",
        "PCA": "junto.learn.pca",
        "PoissonRegressor": "junto.learn.tweedie",
        "RandomForestClassifier": "junto.learn.trees.forest",
        "RandomForestRegressor": "junto.learn.trees.forest",
        "Ridge": "junto.learn.linear",
        "Scorecard": "junto.learn.scorecard",
        "GridSearchCV": "junto.learn.selection",
        "KFold": "junto.learn.selection",
        "cross_val_score": "junto.learn.selection",
        "from_xgboost": "junto.learn.trees.boosting",
        "TweedieRegressor": "junto.learn.tweedie",
    }
)

__all__ = [
    "PCA",
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "GammaRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "GridSearchCV",
    "KFold",
    "KMeans",
    "LinearRegression",
    "LogisticRegression",
    "PoissonRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "Ridge",
    "Scorecard",
    "TweedieRegressor",
    "as_sklearn",
    "cross_val_score",
    "from_xgboost",
]


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return importlib.import_module("junto.learn.metrics")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'junto.learn' has no attribute {name!r}{_elsewhere(name)}")
    need("jax", "learning")
    return getattr(importlib.import_module(home), name)


def _elsewhere(name: str) -> str:
    """Where a name of scikit-learn's is, for whoever looks for it here."""
    private = name.startswith("_") or importlib.util.find_spec(
        f"junto.learn.{name}"
    )  # which is being imported
    rooms = () if private else ("junto.frame", "junto.learn.metrics")
    found = [room for room in rooms if name in importlib.import_module(room).__all__]
    return f": it is {found[0]}.{name}" if found else ""


def __dir__() -> list[str]:
    return sorted([*__all__, "metrics"])
