"""What preprocessing has in common: frozen parameters, `fit`, `transform`, and columns that stay at home."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from junto.columns import LOST, UNKNOWN, misfit
from junto.device.pyu import PYU, PYUObject
from junto.errors import FrameError, JuntoError
from junto.frame import recipes
from junto.frame.frame_steps import FrameStep
from junto.frame.native_tables import opened, series_like
from junto.frame.numeric import FAULTS, INFINITE, as_floats
from junto.frame.parametrized import Parametrized
from junto.frame.vertical import VerticalFrame

State = Mapping[str, Any]
"""What was learned of one column, by attribute."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What `fit` has learned.

    Attributes:
        columns: of which columns, by owner.
        states: at each owner, a `State` by column.
        seen: all columns of the frame of `fit`, by owner, in their order.
    """

    columns: Mapping[PYU, list[str]]
    states: Mapping[PYU, PYUObject]
    seen: Mapping[PYU, list[str]]


def seen(frame: VerticalFrame) -> dict[PYU, list[str]]:
    """See `Fitted`."""
    return {party: list(told.names) for party, told in frame.facts.items()}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Transformer(Parametrized):
    """Preprocessing, column by column, at each column's owner. Nothing moves.

    One with other parameters is another, `with_params`. `fit` sets what it has learned, which the attributes
    with a trailing underscore show: by party, a handle there of a dict by column.

    Args:
        columns: which it is for; the others pass through. Default: all of the frame that it is fitted to;
            then a later frame has these, in any order, and no others.

    A subclass says in `_learn` what it learns of a column and in `_apply` what becomes of one.
    """

    mistake: ClassVar[type[JuntoError]] = FrameError

    columns: str | Sequence[str] | None = None
    _fitted: Fitted | None = field(default=None, init=False)

    numbers: ClassVar[bool] = True
    """Whether it takes numbers and truth values only."""

    @abstractmethod
    def _learn(self, column: Any) -> State:
        """What `transform` needs to know of a pandas Series."""

    @abstractmethod
    def _apply(self, column: Any, state: State) -> Mapping[str, Any]:
        """The columns that a pandas Series becomes, by name."""

    def fit(self, frame: VerticalFrame, y: Any = None) -> Self:
        """Learn from the columns of a frame. `y` is there for scikit-learn's sake.

        Returns:
            This transformer.

        Raises:
            FrameError: a column is not there, or not of numbers where they are needed.
        """
        owned = self._chosen(frame)
        name, rule = type(self).__name__, self._rule()
        states = {
            party: party(FrameStep(_learned, mine, about=(name,)))(frame.partitions[party], rule)
            for party, mine in owned.items()
        }
        object.__setattr__(self, "_fitted", Fitted(owned, states, seen(frame)))
        return self

    def transform(self, frame: VerticalFrame) -> VerticalFrame:
        """The frame with the columns changed as `fit` has learned it.

        Raises:
            FrameError: not fitted yet, a column is not where it was, or one is there that `fit` has not seen
                (unless `columns` says which ones it is for).
        """
        fitted = self._known()
        self._require_same(frame, fitted)
        name, rule = type(self).__name__, self._rule()
        partitions = dict(frame.partitions)
        for party, mine in fitted.columns.items():
            order = fitted.seen[party] if self.columns is None else []
            step = FrameStep(_transformed, mine, order, about=(name,))
            partitions[party] = party(step)(partitions[party], fitted.states[party], rule)
        return VerticalFrame(partitions)

    def fit_transform(self, frame: VerticalFrame, y: Any = None) -> VerticalFrame:
        """`fit`, then `transform` of the same frame; `y` as there."""
        return self.fit(frame, y).transform(frame)

    def export(self, to: PYU | str) -> PYUObject:
        """What was learned, in the clear at one party: so a model that leaves takes columns as they are.

        Every party's script says so by this call, and ledgers have what each owner sent: of its columns the
        means, ranges, categories or values that it has learned.

        Args:
            to: who gets it.

        Returns:
            A handle of a recipe as JSON, of which `junto.learn.as_sklearn` makes scikit-learn's transformer.

        Raises:
            FrameError: not fitted yet; scikit-learn has nothing that does the same.
            RemoteError: when the result is used: a column has values that JSON cannot say.
        """
        fitted, kind = self._known(), type(self).__name__
        recipes.require_recipe(kind)
        receiver = to if isinstance(to, PYU) else PYU(to)
        parts = [
            party(FrameStep(recipes.told, about=(kind,)))(state).to(receiver)
            for party, state in fitted.states.items()
        ]
        parameters = {name: getattr(self, name) for name in recipes.PARAMETERS[kind]}
        made: PYUObject = receiver(FrameStep(recipes.written, kind, parameters))(parts)
        return made

    @property
    def feature_names_in_(self) -> list[str]:
        """Columns of the frame of `fit`, party by party."""
        return [name for names in self._known().seen.values() for name in names]

    @property
    def n_features_in_(self) -> int:
        """How many these are."""
        return len(self.feature_names_in_)

    def _rule(self) -> Self:
        """What owners are given of it: the parameters."""
        return replace(self)

    def _attribute(self, name: str) -> dict[PYU, PYUObject]:
        """At each owner, what was learned under `name`, by column."""
        return {
            party: party(FrameStep(_attribute, name))(state) for party, state in self._known().states.items()
        }

    def _known(self) -> Fitted:
        if self._fitted is None:
            raise FrameError(f"{self!r} has learned nothing yet", fix="call fit(frame) first")
        return self._fitted

    def _chosen(self, frame: VerticalFrame) -> dict[PYU, list[str]]:
        """The columns that it is for, by owner."""
        if not isinstance(frame, VerticalFrame):
            raise FrameError(
                f"{type(self).__name__} takes a VerticalFrame, not {type(frame).__name__}",
                fix="VerticalFrame({alice: table, bob: table})",
            )
        listed = [self.columns] if isinstance(self.columns, str) else self.columns
        names = frame.columns if listed is None else list(listed)
        if self.numbers:
            frame.require_numbers(names, type(self).__name__)
        return frame.owned(names)

    def _require_same(self, frame: VerticalFrame, fitted: Fitted) -> None:
        name = type(self).__name__
        for party in dict.fromkeys([*frame.partitions, *fitted.columns]):
            there = frame.facts[party].names if party in frame.partitions else ()
            known = there if self.columns is not None else fitted.seen.get(party, [])
            kind, column = misfit(there, known, fitted.columns.get(party, [])) or ("", "")
            if kind == LOST:
                raise FrameError(
                    f"{name} was fitted to column {column!r} of {party.party}, which is not there",
                    fix="take a frame with the columns of fit",
                )
            if kind == UNKNOWN:
                raise FrameError(
                    f"column {column!r} of {party.party} is none that {name} was fitted to",
                    fix="pass a frame with the columns of fit; or say which it is for, and others pass: "
                    f"{name}(columns=[...])",
                )


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Invertible(Transformer):
    """Preprocessing that can be undone. A subclass says in `_undo` what the columns that it made were."""

    @abstractmethod
    def _undo(self, columns: Mapping[str, Any], state: State) -> Any:
        """The values of the column of `fit`, of what `_apply` makes of it."""

    def _made_of(self, name: str, state: State) -> list[str]:
        """Names of the columns that `_apply` makes of one."""
        return [name]

    def inverse_transform(self, frame: VerticalFrame) -> VerticalFrame:
        """The frame with the columns that `transform` made as they were before; others pass through.

        Raises:
            FrameError: not fitted yet, or a party is not there.
            RemoteError: when a column is used: one that `transform` makes is not there, or has numbers that
                it does not make.
        """
        fitted, name, rule = self._known(), type(self).__name__, self._rule()
        partitions = dict(frame.partitions)
        for party, mine in fitted.columns.items():
            require(
                party in partitions,
                f"{name} was fitted to columns of {party.party}, which has none",
                "take a frame with the columns of fit",
            )
            step = FrameStep(_undone, mine, about=(name,))
            partitions[party] = party(step)(partitions[party], fitted.states[party], rule)
        return VerticalFrame(partitions)


def require(condition: bool, sentence: str, fix: str = "") -> None:
    """Raise FrameError unless `condition`."""
    if not condition:
        raise FrameError(sentence, fix=fix)


def _learned(native: Any, rule: Transformer, names: Sequence[str]) -> dict[str, State]:
    table = opened(native)
    return {name: rule._learn(finite(table.column(name))) for name in names}


def finite(column: Any) -> Any:
    """A column without infinity: as scikit-learn has it, for nothing can be learned of one, or be made of it.

    Raises:
        FrameError: it is there.
    """
    if column.dtype.kind == "f" and np.isinf(as_floats(column)).any():
        raise FrameError(f"column {column.name!r} has {INFINITE} values", fix=FAULTS[INFINITE])
    return column


def _transformed(
    native: Any, states: Mapping[str, State], rule: Transformer, names: Sequence[str], first: Sequence[str]
) -> Any:
    """The table with those columns changed; `first`: columns in the order in which they come, if there."""
    table = opened(native)
    made = {name: rule._apply(finite(table.column(name)), states[name]) for name in names}
    there = sorted(table.names, key=[*first, *table.names].index)
    order = [new for name in there for new in made.get(name, [name])]
    if not order:
        raise FrameError("no columns would be left", fix="keep one of them: columns=[...]")
    if len(set(order)) < len(order):
        raise FrameError(
            "a new column would have the name of another one", fix="rename the column that is there"
        )
    columns = {new: column for columns in made.values() for new, column in columns.items()}
    return opened(table.with_columns(columns)).select(order)


def _undone(native: Any, states: Mapping[str, State], rule: Invertible, names: Sequence[str]) -> Any:
    table = opened(native)
    order, found = table.names, {}
    for name in names:
        made = rule._made_of(name, states[name])
        lost = ", ".join(repr(each) for each in made if each not in order)
        require(
            bool(made),
            f"transform makes no column of {name!r}, which has one value",
            "drop it from the columns of fit",
        )
        require(
            not lost,
            f"there is no {lost}, which transform makes of {name!r}",
            "name a column that transform makes",
        )
        require(
            name in made or name not in order,
            f"there is a column {name!r} already",
            "rename the column that is there",
        )
        columns = {each: table.column(each) for each in made}
        values = rule._undo(columns, states[name])
        found[name] = series_like(columns[made[0]], values).rename(name)
        place = order.index(made[0])
        order = [each for each in [*order[:place], name, *order[place:]] if each not in made or each == name]
        order = list(dict.fromkeys(order))
    return opened(table.with_columns(found)).select(order)


def _attribute(states: Mapping[str, State], name: str) -> dict[str, Any]:
    return {column: state[name] for column, state in states.items()}
