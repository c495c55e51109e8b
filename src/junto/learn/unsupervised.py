"""Base of the models without a label, whose result is a matrix with one column for each column of X."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Final, Generic, Protocol, TypeVar

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.learn import clear_parts, dataset, kept_columns, pooled, weighted
from junto.learn.clear_models import KINDS
from junto.learn.dataset import Columns, Scales, Table
from junto.learn.estimator import Estimator, run_at
from junto.learn.exporting import Exporting
from junto.learn.kept_columns import KeptParts


class FittedOnScaled(Protocol):
    """What `fit` found, on columns that their owners have scaled."""

    @property
    def scales(self) -> Scales:
        """Of the columns."""
        ...


COLUMNS: Final = "columns"
"""Of what is kept, the scales of columns that are on the SPU."""

L = TypeVar("L", bound=FittedOnScaled)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Unsupervised(Exporting, Estimator[L], Generic[L]):
    """See the module.

    Args:
        standardize: whether columns are brought to deviation 1.
    """

    standardize: bool = True

    @abstractmethod
    def _part(self, learned: L, owner: PYU, part: PYUObject) -> PYUObject:
        """An owner's columns of the result, as it reads them."""

    @abstractmethod
    def _known(self, found: PYUObject) -> PYUObject:
        """The result of rows of several parties, at one that knows it; see `Pooled.found`."""

    @staticmethod
    @abstractmethod
    def _found() -> type[L]:
        """What `fit` makes: a dataclass of `Scales` and of secrets."""

    def _weighed(self, columns: Columns, weight: SPUObject) -> tuple[SPUObject, Scales]:
        """Columns on the SPU, with 0s in rows of weight 0; see `weighted.scaled`.

        Raises:
            LearnError: they or the weights are elsewhere, or there is not a weight for each row.
        """
        weighted.require_weights(self, {"X": columns.array, "sample_weight": weight}, columns.rows)
        if self.standardize:
            return weighted.scaled(self.spu, columns, weight)
        return self.spu(_counting)(columns.array, weight), Scales({}, columns.widths)

    def _kept(self, learned: L) -> KeptParts:
        secret = {name: getattr(learned, name) for name in _secrets(type(learned))}
        secret[COLUMNS] = learned.scales.secret
        return KeptParts(secret, kept_columns.owned(learned.scales), learned.scales.widths, None, {})

    @classmethod
    def _restored(cls, spu: SPU, parts: KeptParts) -> L:
        kind: Any = cls._found()
        names = _secrets(kind)
        *found, columns = spu(_apart, static_argnames="names")(parts.secret, names=(*names, COLUMNS))
        made: L = kind(kept_columns.scales_of(parts, columns), **dict(zip(names, found, strict=True)))
        return made

    def _number(self, name: str) -> SPUObject | PYUObject:
        """Something that was found; of rows of several parties a handle at the first of them."""
        if self._pooled is not None:
            first = self._pooled.first
            return run_at(first, pooled.attribute, self._pooled.found[first], name)
        found: SPUObject = getattr(self._fitted(), name)
        return found

    @abstractmethod
    def _matrix(self, learned: L) -> SPUObject:
        """The result [anything, columns]."""

    def part_of(self, party: PYU | str) -> PYUObject:
        """What was found in a party's own columns, for it alone; of rows of several parties, all of it.

        Raises:
            LearnError: the party has no columns in this model, and no rows.
        """
        if self._pooled is not None:
            return self._known(self._pooled.at(party))
        learned = self._fitted()
        owner, mine = dataset.columns_of(learned.scales, party)
        part = self.spu(_columns, static_argnames="of")(self._matrix(learned), of=mine)
        return self._part(learned, owner, part.to(owner))

    def _part_at(self, owner: PYU) -> PYUObject:
        return self.part_of(owner)

    def _owners(self) -> Iterable[PYU]:
        return self._fitted().scales.by_owner if self._pooled is None else self._pooled.found

    def _whole(self, receiver: PYU, format: str) -> PYUObject:
        about: tuple[str, tuple[Any, ...], float] = (type(self).__name__, (), 0.0)
        if self._pooled is not None:
            return clear_parts.exported_rows(self._pooled.at(receiver), about, format)
        learned = self._fitted()
        shown = {name: getattr(learned, name).to(receiver) for name in KINDS[about[0]]}
        return clear_parts.exported(learned.scales, shown, about, receiver, format)

    def _shared(self, X: Table) -> Any:
        """Rows on the scales of those that were learned from."""
        scales = self._fitted().scales
        columns = dataset.checked(X, scaled=self.standardize, scales=scales)
        return dataset.share(self.spu, columns, scales)


def _secrets(kind: type[Any]) -> tuple[str, ...]:
    """The names of a fitted model's secrets."""
    return tuple(each.name for each in fields(kind) if each.name != "scales")


def _counting(x: Any, weight: Any) -> Any:
    return x * (weight > 0)[:, None]


def _apart(kept: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(kept[name] for name in names)


def _columns(matrix: Any, of: tuple[int, int]) -> Any:
    return matrix[:, slice(*of)]
