"""Base of the models without a label, whose result is a matrix with one column for each column of X."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from junto.device.pyu import PYU, PYUObject
from junto.device.spu.object import SPUObject
from junto.learn import clear_parts, dataset, pooled
from junto.learn.clear_models import KINDS
from junto.learn.dataset import Scales, Table
from junto.learn.estimator import Estimator, run_at


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
    def _known(self, found: PYUObject) -> PYUObject:
        """The result of rows of several parties, at one that knows it; see `Pooled.found`."""

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

    def export(self, to: PYU | str | None = None, *, format: str | None = None) -> Any:
        """`part_of` every party that has columns: each is shown its own part, and nothing else.

        Or the whole model in the clear at one party, which every party's script says by this call: each owner
        sends the names, means and deviations of its columns, and the SPU shows what it has. Ledgers have it.

        Args:
            to: who gets the whole model.
            format: of it. ``sklearn``: a recipe as JSON, of which `junto.learn.as_sklearn` makes
                scikit-learn's estimator; ``onnx``: bytes, from ``X``, float64, to ``predictions``, for which
                the receiver needs ``pip install "junto[onnx]"``.

        Returns:
            A dict of handles by party; with `to` a handle of the text or of the bytes.

        Raises:
            LearnError: there is no such format; `fit` was not called.
            RemoteError: when the result is used: the receiver has no ``onnx``.
        """
        if to is not None or format is not None:
            return self._whole(clear_parts.receiver_of(to, format), str(format))
        owners = self._fitted().scales.by_owner if self._pooled is None else self._pooled.found
        return {owner: self.part_of(owner) for owner in owners}

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


def _columns(matrix: Any, of: tuple[int, int]) -> Any:
    return matrix[:, slice(*of)]
