"""Base of the models without a label, whose result is a matrix with one column for each column of X."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.learn import dataset
from junto.learn.dataset import Scales, Table
from junto.learn.estimator import Estimator


class FittedOnScaled(Protocol):
    """What `fit` found, on columns that their owners have scaled."""

    @property
    def scales(self) -> Scales:
        """Of the columns."""
        ...


L = TypeVar("L", bound=FittedOnScaled)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Unsupervised(Estimator[L], Generic[L]):
    """See the module.

    Args:
        standardize: whether columns are brought to deviation 1.
    """

    standardize: bool = True

    @abstractmethod
    def _part(self, learned: L, owner: PYU, part: PYUObject) -> PYUObject:
        """An owner's columns of the result, as it reads them."""

    @abstractmethod
    def _matrix(self, learned: L) -> SPUObject:
        """The result [anything, columns]."""

    def part_of(self, party: PYU | str) -> PYUObject:
        """What was found in a party's own columns, for it alone.

        Raises:
            LearnError: the party has no columns in this model.
        """
        learned = self._fitted()
        owner, mine = dataset.columns_of(learned.scales, party)
        part = self.spu(_columns, static_argnames="of")(self._matrix(learned), of=mine)
        return self._part(learned, owner, part.to(owner))

    def export(self) -> Mapping[PYU, PYUObject]:
        """`part_of` every party that has columns: each is shown its own part, and nothing else."""
        return {owner: self.part_of(owner) for owner in self._fitted().scales.by_owner}

    def _shared(self, X: Table) -> Any:
        """Rows on the scales of those that were learned from."""
        scales = self._fitted().scales
        columns = dataset.checked(X, scaled=self.standardize, scales=scales)
        return dataset.share(self.spu, columns, scales)


def _columns(matrix: Any, of: tuple[int, int]) -> Any:
    return matrix[:, slice(*of)]
