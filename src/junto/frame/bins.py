"""Numbers as bins: of equal counts, or of equal widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from junto.device.pyu import PYU, PYUObject
from junto.errors import FrameError
from junto.frame.native_tables import series_like
from junto.frame.numeric import as_floats
from junto.frame.transformer import Invertible, State, require

QUANTILE, UNIFORM = "quantile", "uniform"
ORDINAL, ONEHOT = "ordinal", "onehot"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class KBinsDiscretizer(Invertible):
    """Columns of numbers as the numbers of bins.

    Args:
        columns: see `Transformer`.
        n_bins: how many. Bins without width are left out, so a column may have fewer.
        strategy: ``quantile``: about as many rows in each; ``uniform``: of equal width.
        encode: ``ordinal``: a column of bin numbers; ``onehot``: a column of 0 and 1 for each bin.

    A constant column has one bin. What is missing stays missing, and is a row of zeros of ``onehot``.
    """

    n_bins: Annotated[int, "[2, inf)"] = 5
    strategy: str = QUANTILE
    encode: Annotated[str, (ORDINAL, ONEHOT)] = ONEHOT

    def __post_init__(self) -> None:
        require_strategy(self.strategy, (QUANTILE, UNIFORM))

    @property
    def bin_edges_(self) -> dict[PYU, PYUObject]:
        """The edges of each column's bins, one more than bins."""
        return self._attribute("edges")

    def _learn(self, column: Any) -> State:
        return {"edges": edges_of(as_floats(column), self.n_bins, self.strategy)}

    def _apply(self, column: Any, state: State) -> Mapping[str, Any]:
        numbers = bins_of(as_floats(column), state["edges"])
        if self.encode == ORDINAL:
            return {column.name: series_like(column, numbers)}
        return {
            name: series_like(column, (numbers == number).astype(np.float64))
            for number, name in enumerate(self._made_of(column.name, state))
        }

    def _made_of(self, name: str, state: State) -> list[str]:
        bins = range(len(state["edges"]) - 1)
        return [name] if self.encode == ORDINAL else [f"{name}_{number}" for number in bins]

    def _undo(self, columns: Mapping[str, Any], state: State) -> Any:
        """The middle of each bin."""
        marks = np.stack([as_floats(column) for column in columns.values()], axis=1)
        middles = np.append((state["edges"][1:] + state["edges"][:-1]) / 2, np.nan)
        if self.encode == ORDINAL:
            places = np.where(np.isnan(marks[:, 0]), -1, marks[:, 0])
        else:
            places = np.where((marks == 0).all(axis=1), -1, marks.argmax(axis=1))
        if not np.isin(places, np.arange(-1, len(middles) - 1)).all():
            name = next(iter(columns))
            raise FrameError(f"column {name!r} has numbers of no bin", fix="pass what transform has made")
        return middles[places.astype(np.int64)]


def require_strategy(strategy: str, known: Sequence[str]) -> None:
    """Raise FrameError unless it is one of the known strategies."""
    hint = "" if len(known) > 2 else "; WeightOfEvidenceEncoder has bins that follow a label, too"
    require(strategy in known, f"strategy is {strategy!r}", " or ".join(known) + hint)


def edges_of(values: NDArray[np.float64], n_bins: int, strategy: str) -> NDArray[np.float64]:
    """The edges of bins, as scikit-learn draws them; what is missing does not count."""
    values = values[~np.isnan(values)]
    if not len(values) or values.min() == values.max():
        return np.array([-np.inf, np.inf])
    if strategy == UNIFORM:
        return np.linspace(values.min(), values.max(), n_bins + 1)
    edges = np.percentile(values, np.linspace(0, 100, n_bins + 1), method="averaged_inverted_cdf")
    edges = edges[np.ediff1d(edges, to_begin=np.inf) > 1e-8]  # a frequent value is several quantiles
    return edges if len(edges) > 1 else np.array([-np.inf, np.inf])


def bins_of(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The bin of each value, with everything beyond the outer edges in the outer bins; missing is NaN."""
    numbers = np.searchsorted(edges[1:-1], values, side="right").astype(np.float64)
    numbers[np.isnan(values)] = np.nan
    return numbers
