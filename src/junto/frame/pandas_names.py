"""Names of pandas that a frame does not have: what does the same here.

A frame's rows are at several parties, and it never changes: nothing shows values to the script, nothing
changes a frame in place, and rows are chosen by public numbers, or by what all parties may learn.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PAGE: Final = "docs/how-to/frame.md"

_SPU: Final = "on an SPU, a function of jax on frame.to_numpy_parts()"
_ROWS: Final = (
    (
        "loc iloc at iat xs take tail nlargest nsmallest truncate",
        "frame.head, frame.sample or junto.frame.train_test_split, which choose rows by public numbers",
    ),
    (
        "query where mask drop_duplicates",
        "frame.filter(column, condition, disclose_rows=True): all parties learn which rows stay",
    ),
    (
        "insert pop update set_axis reindex add_prefix add_suffix",
        "frame.assign, frame.drop or frame.rename: a frame never changes, each makes another one",
    ),
    ("values to_numpy array", "frame.to_numpy_parts(), handles of arrays"),
    (
        "to_dict to_string iterrows itertuples items info tolist item",
        "frame.describe() at each owner; or sf.reveal(frame.partitions[alice]), which shows her rows to all",
    ),
    ("merge join combine_first append", 'junto.frame.align({alice: hers, bob: his}, on="id")'),
    (
        "index set_index reset_index sort_index",
        "frame.rows, their number: row i is the same at all parties",
    ),
    (
        "sort_values rank shift diff cumsum cumprod cummax cummin rolling expanding ewm resample pct_change "
        "interpolate",
        'frame.assign(alice, new=lambda table: table["age"].NAME()), at the owner',
    ),
    (
        "apply applymap transform pipe abs round clip",
        'frame.map({"age": function}) of values, or frame.assign(alice, new=function) of alice\'s table',
    ),
    (
        "add sub mul div truediv floordiv mod pow eq ne lt le gt ge isin between dot eval",
        'frame.assign(alice, ratio=lambda table: table["debt"] / table["income"]), at the owner; of columns '
        f"of two parties {_SPU}",
    ),
    ("str dt cat", 'frame.assign(alice, new=lambda table: table["name"].NAME...), at the owner'),
    ("ffill bfill", 'frame.assign(alice, age=lambda table: table["age"].NAME()), at the owner'),
    ("corr cov corrwith", "junto.frame.correlation(frame, spu)"),
    ("var", "frame.std(), of which it is the square"),
    ("median", "frame.quantile(0.5)"),
    ("get_dummies", "junto.frame.OneHotEncoder"),
    ("factorize", "junto.frame.OrdinalEncoder"),
    ("cut", "junto.frame.KBinsDiscretizer"),
    ("isnull notna notnull", "frame.isna()"),
    ("dtype", "frame.dtypes"),
    ("name keys axes", "frame.columns"),
    ("size ndim empty", "frame.shape"),
    ("copy", "the frame itself, which never changes"),
)

INSTEAD: Final[Mapping[str, str]] = MappingProxyType(
    {name: text for names, text in _ROWS for name in names.split()}
)
"""Name -> what to take; ``NAME`` stands for it."""


OTHERS: Final = (
    "alice(lambda table: table.NAME...)(frame.partitions[alice]), a handle of the result at the owner"
)
"""The same of whatever else pandas has."""


def instead(name: str) -> str:
    """The end of a sentence that a frame has no `name`; empty if pandas has none, either."""
    pandas = sys.modules.get("pandas")
    known = pandas is not None and any(hasattr(kind, name) for kind in (pandas.DataFrame, pandas.Series))
    text = INSTEAD.get(name, OTHERS if known and not name.startswith("_") else "")
    return f"; take {text.replace('NAME', name)} ({PAGE})" if text else ""
