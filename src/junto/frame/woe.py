"""Weight of evidence: a feature's bins by how a label that another party holds falls into them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from junto.device.disclosure import reveal
from junto.device.pyu import PYU, PYUObject
from junto.device.revealed_facts import facts, integer, one_of, read, truth
from junto.errors import FrameError
from junto.frame.bins import QUANTILE, UNIFORM, bins_of, edges_of, require_strategy
from junto.frame.encoders import categories_of, codes_of
from junto.frame.frame_steps import FrameStep
from junto.frame.native_tables import NUMBER, kind_of, opened, series_like
from junto.frame.numeric import as_floats
from junto.frame.row_blocks import blocks, rows_of
from junto.frame.supervised_bins import STRATEGIES, evidence, joined, narrow_edges
from junto.frame.transformer import Fitted, State, Transformer, finite, require, seen
from junto.frame.vertical import VerticalFrame
from junto.parameters import Consent

if TYPE_CHECKING:
    from junto.device.spu.spu import SPU

Counts = NDArray[np.int64]

FAULTS: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("has missing values", "fill them, or leave the rows out"),
    "values": ("has other values than 0 and 1", "encode it as 0 and 1 (replace, LabelEncoder)"),
    "one class": ("has one class only", "both classes must occur: see how the rows were chosen"),
}
"""What can be wrong with a label, and what to do."""

MOST_GROUPS: Final = 1 << 20

MOST_PREBINS: Final = 100
"""Narrow bins of a feature: time and memory of monotone bins grow with their number's third power."""

MOST_SAID: Final = 0.5
"""Of what there is to know of the labels. With half of it unsaid, most labels agree with many others."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class WeightOfEvidenceEncoder(Transformer):
    """Features as the weight of evidence of their bins for a label of 0 and 1.

    The weight of a bin is ln(share of the ones in it / share of the zeros in it); a bin without ones or
    without zeros counts half a row of both more. The information value of a feature is the sum over its bins
    of the difference of the two shares times the weight.

    Args:
        columns: the features; default: all columns but the label.
        spu: where features of other parties than the label's are counted against it.
        n_bins: of columns of numbers. Any other value is a bin of its own, and so is what is missing.
        strategy: ``quantile`` (a column with at most `n_bins` different values has a bin for each) or
            ``uniform``, see `KBinsDiscretizer`. Or bins that follow the label: narrow bins are counted, and
            neighbours joined until there are at most `n_bins`. ``chi_merge``: those that differ least, and
            all whose rates of ones may well be the same (chi square below 2.7). ``tree``: those that a
            decision tree would not split. ``monotone``: so that the rate of ones only rises, or only falls,
            and the information value is greatest.
        n_prebins: how many narrow bins there are to join, of about as many rows.
        min_rows: bins with fewer rows count together, as one, so that no weight is about few people; of
            narrow bins, neighbours.
        disclose_labels: features' owners may learn so many counts that they could find out the label of each
            row. Say True if they may.

    Who learns what: each feature's owner learns the weights of its own bins, and so the number of ones in
    each. Each count is an equation about the labels, and where all rows of a bin are zeros it says all of
    them. So `fit` refuses if all counts of an owner together could say more than half of what there is to
    know of the labels: with 1000 rows, half of them ones, and ten bins a feature, that is after seven
    features. Where neighbours are joined, the owner learns the count of each narrow bin, and these are what
    may be too many. Other fits of the same rows say more: count their bins, too. The label's owner learns
    nothing of the others' features. All parties learn how many bins each owner has in all, and whether they
    were too many. Show information values to whom you like:
    ``sf.reveal(encoder.information_value_[alice], to=["bob"])``.
    """

    spu: SPU | None = None
    n_bins: Annotated[int, "[2, inf)"] = 10
    strategy: str = QUANTILE
    n_prebins: Annotated[int, f"[2, {MOST_PREBINS}]"] = 20
    min_rows: Annotated[int, "[1, inf)"] = 5
    disclose_labels: Consent = False

    numbers: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_strategy(self.strategy, (QUANTILE, UNIFORM, *STRATEGIES))
        enough = self.strategy not in STRATEGIES or self.n_prebins >= self.n_bins
        require(enough, f"n_prebins is {self.n_prebins}", f"as many as n_bins, {self.n_bins}, or more")

    @property
    def information_value_(self) -> dict[PYU, PYUObject]:
        """The information value of each feature, at its owner."""
        return self._attribute("value")

    @property
    def woe_(self) -> dict[PYU, PYUObject]:
        """The weight of each bin of each feature, at its owner; 0 where no row was."""
        return self._attribute("weights")

    @property
    def bins_(self) -> dict[PYU, PYUObject]:
        """What the bins of each feature are: values, or edges of numbers and then what is missing."""
        return self._attribute("bins")

    @property
    def numeric_(self) -> dict[PYU, PYUObject]:
        """Whether each feature is of numbers, at its owner."""
        return self._attribute("numeric")

    @property
    def features(self) -> dict[PYU, list[str]]:
        """The names of the features that were fitted, by owner."""
        return {party: list(names) for party, names in self._known().columns.items()}

    def fit(self, frame: VerticalFrame, y: Any = None) -> Self:
        """Learn the weights.

        Args:
            frame: features and label.
            y: the name of the label's column, of 0 and 1.

        Raises:
            FrameError: the label is missing somewhere, has other values or one class; no such column; or
                an owner of features could find out the labels and `disclose_labels` is not True.
        """
        require(isinstance(y, str), "y is the name of the label's column", 'fit(frame, "y")')
        owned = self._features(frame, y)
        home = frame.owners[y]
        spus = {party: self._spu_for(party) for party in owned if party != home}
        binned = {
            party: party(FrameStep(_binned, names))(frame.partitions[party], self._rule())
            for party, names in owned.items()
        }
        widths = _agreed(home(FrameStep(_fault, y))(frame.partitions[home]), y, binned)
        label = home(FrameStep(_label, y))(frame.partitions[home])
        if self.disclose_labels is not True:
            _require_unsaid(label, {party: (widths[party], len(owned[party])) for party in spus})
        states = {}
        for party, each in binned.items():
            if party == home:
                ones = home(_count)(each, label)
            else:
                ones = _counted(spus[party], each, label, (frame.rows, widths[party])).to(party)
            states[party] = party(_weighed)(each, ones, self._rule())
        object.__setattr__(self, "_fitted", Fitted(owned, states, seen(frame)))
        return self

    def _features(self, frame: VerticalFrame, y: str) -> dict[PYU, list[str]]:
        chosen = self._chosen(frame)
        frame.require_numbers([y], "a label")
        features = {party: [name for name in names if name != y] for party, names in chosen.items()}
        return {party: names for party, names in features.items() if names}

    def _spu_for(self, owner: PYU) -> SPU:
        if self.spu is None:
            raise FrameError(
                f"features of {owner.party} are to be counted against a label of another party",
                fix="say on which SPU: WeightOfEvidenceEncoder(spu=spu)",
            )
        return self.spu

    def _rule(self) -> Self:
        return replace(self, spu=None)  # a device does not travel to an owner's workers

    def _learn(self, column: Any) -> State:
        """The bins of a feature, the group to which each belongs, and the group of each row."""
        numeric = kind_of(column) == NUMBER
        bins = self._edges(as_floats(column)) if numeric else categories_of(column)
        codes = _codes(column, {"bins": bins, "numeric": numeric})
        groups = _groups(np.bincount(codes, minlength=len(bins)), self.min_rows)
        return {"bins": bins, "numeric": numeric, "groups": groups, "rows": groups[codes]}

    def _edges(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.strategy in STRATEGIES:
            return narrow_edges(values, self.n_prebins, self.min_rows)
        few = self.strategy == QUANTILE and len(np.unique(values[~np.isnan(values)])) <= self.n_bins
        return narrow_edges(values, self.n_bins, 1) if few else edges_of(values, self.n_bins, self.strategy)

    def _apply(self, column: Any, state: State) -> Mapping[str, Any]:
        weights = np.append(state["weights"], 0.0)  # the code of what fit has not seen is -1
        return {column.name: series_like(column, weights[_codes(column, state)])}


def _agreed(fault: PYUObject, y: str, binned: Mapping[PYU, PYUObject]) -> dict[PYU, int]:
    """Groups of bins of each owner, once the label is fit for use.

    Raises:
        FrameError: it is not; raised at every party.
        ProtocolViolation: an owner says something else.
    """
    said, widths = reveal((fault, {party.party: party(_width)(each) for party, each in binned.items()}))
    home = fault.device.party
    if read(home, said, one_of("", *FAULTS)):
        sentence, fix = FAULTS[said]
        raise FrameError(f"label {y!r} of {home} {sentence}", fix=fix)
    form = integer(0, MOST_GROUPS)
    return {party: read(party.party, widths[party.party], form) for party in binned}


def _require_unsaid(label: PYUObject, sizes: Mapping[PYU, tuple[int, int]]) -> None:
    """Raise FrameError, at every party, if counts of so many bins of so many features would say the labels.

    Raises:
        ProtocolViolation: the label's owner says something else.
    """
    home = label.device.party
    asked = {party.party: label.device(_says_labels)(label, *size) for party, size in sizes.items()}
    said = facts(asked, truth)
    for party, (width, _features) in sizes.items():
        if said[party.party]:
            raise FrameError(
                f"{party.party} could find out the labels of {home}: {width} bins are too many here",
                fix="take fewer bins or features, or more rows; or, if it may: disclose_labels=True",
            )


def _counted(spu: SPU, binned: PYUObject, label: PYUObject, size: tuple[int, int]) -> Any:
    """How many ones are in each group, on the SPU, block by block of `size`: rows and groups."""
    total = None
    for start, stop in blocks(*size):
        inside = binned.device(_inside)(binned, start, stop)
        ones = label.device(rows_of)(label, start, stop)
        total = spu(_ones)(inside, ones) if total is None else spu(_more_ones)(total, inside, ones)
    return total


# -------------------------------------------------------------------- at the label's owner


def _fault(native: Any, name: str) -> str:
    """Key of `FAULTS`, or nothing."""
    column = opened(native).column(name)
    if column.isna().any():
        return "missing"
    if not column.isin([0, 1]).all():
        return "values"
    return "" if column.nunique() == 2 else "one class"


def _label(native: Any, name: str) -> NDArray[np.int32]:
    return as_floats(opened(native).column(name)).astype(np.int32)


def _says_labels(label: NDArray[np.int32], bins: int, features: int) -> bool:
    """Whether counts of ones in so many bins could say more than `MOST_SAID` of what there is to know.

    There are as many possible labels as ways to choose the ones among the rows. The counts of a bin of n rows
    have n + 1 values or, if the ones or zeros are fewer, as many as those; and the bins of a feature have all
    rows between them, so together the counts say most if all bins have equally many.
    """
    rows, ones = len(label), int(label.sum())
    possible = math.lgamma(rows + 1) - math.lgamma(ones + 1) - math.lgamma(rows - ones + 1)
    most = min(features * rows / max(bins, 1), ones, rows - ones)
    return bins * math.log(most + 1) > MOST_SAID * possible


# -------------------------------------------------------------------- at the features' owner


def _binned(native: Any, rule: WeightOfEvidenceEncoder, names: Sequence[str]) -> dict[str, State]:
    table = opened(native)
    return {name: rule._learn(finite(table.column(name))) for name in names}


def _codes(column: Any, state: State) -> Counts:
    """The bin of each value; -1 of a value that `fit` has not seen."""
    if not state["numeric"]:
        return codes_of(column, state["bins"])
    bins = bins_of(as_floats(column), state["bins"])
    return np.where(np.isnan(bins), len(state["bins"]) - 1, bins).astype(np.int64)


def _groups(sizes: Counts, least: int) -> Counts:
    """The group of each bin; -1 of an empty one.

    Bins with fewer rows than `least` are one group, with the next smallest until the group has so many.
    """
    order = np.argsort(sizes, kind="stable")
    order = order[sizes[order] > 0]
    small = int((sizes[order] < least).sum())
    if small:
        enough = int((np.cumsum(sizes[order]) < least).sum()) + 1
        small = min(max(small, enough), len(order))
    groups = np.full(len(sizes), -1)
    groups[order[:small]] = 0
    rest = np.sort(order[small:])
    groups[rest] = np.arange(len(rest)) + (small > 0)
    return groups


def _group_count(state: State) -> int:
    return int(state["groups"].max(initial=-1)) + 1


def _width(binned: Mapping[str, State]) -> int:
    """Groups of all features."""
    return sum(_group_count(state) for state in binned.values())


def _places(binned: Mapping[str, State], start: int, stop: int | None) -> list[Counts]:
    """For each feature, the group of each row among those of all features."""
    places, before = [], 0
    for state in binned.values():
        places.append(state["rows"][start:stop] + before)
        before += _group_count(state)
    return places


def _inside(binned: Mapping[str, State], start: int, stop: int) -> NDArray[np.int32]:
    """[groups, rows]: 1 where a row is in a group."""
    inside = np.zeros((_width(binned), stop - start), np.int32)
    for places in _places(binned, start, stop):
        inside[places, np.arange(stop - start)] = 1
    return inside


def _count(binned: Mapping[str, State], label: NDArray[np.int32]) -> Counts:
    """How many ones are in each group, where features and label have one owner."""
    places = np.concatenate([each[label == 1] for each in _places(binned, 0, None)])
    return np.bincount(places, minlength=_width(binned))


def _weighed(binned: Mapping[str, State], ones: Any, rule: WeightOfEvidenceEncoder) -> dict[str, State]:
    """The state of each feature with weights by bin and information value, and without its rows."""
    weighed: dict[str, State] = {}
    before = 0
    for name, state in binned.items():
        count = _group_count(state)
        mine: NDArray[np.float64] = np.asarray(ones[before : before + count], np.float64)
        zeros = np.bincount(state["rows"], minlength=count) - mine
        bins, groups = state["bins"], state["groups"]
        if state["numeric"] and rule.strategy in STRATEGIES and groups[0] >= 0:  # there are numbers
            bins, groups, home = _joined(bins, groups, (mine, zeros), rule)
            mine, zeros = (np.bincount(home, each).astype(np.float64) for each in (mine, zeros))
        weights, value = evidence(mine, zeros)
        weighed[name] = {
            "bins": bins,
            "numeric": state["numeric"],
            "weights": np.append(weights, 0.0)[groups],
            "value": value,
        }
        before += count
    return weighed


def _joined(
    edges: NDArray[np.float64], groups: Counts, counts: tuple[Any, Any], rule: WeightOfEvidenceEncoder
) -> tuple[NDArray[np.float64], Counts, Counts]:
    """Edges of the wider bins; the group of each, and of what is missing; that of each narrow group."""
    narrow, missing = groups[:-1], groups[-1:]
    starts = joined(rule.strategy, counts[0][narrow], counts[1][narrow], rule.n_bins)
    wide = np.searchsorted(starts, np.arange(len(narrow)), side="right") - 1
    home = np.full(
        len(counts[0]), len(starts), np.int64
    )  # of what is missing, unless it counts with a narrow bin
    home[narrow] = wide
    gap = np.where(missing < 0, -1, home[missing])
    return np.append(edges[starts], edges[-1]), np.append(np.arange(len(starts)), gap), home


# -------------------------------------------------------------------- on the SPU


def _ones(inside: Any, label: Any) -> Any:
    return inside @ label


def _more_ones(total: Any, inside: Any, label: Any) -> Any:
    return total + inside @ label
