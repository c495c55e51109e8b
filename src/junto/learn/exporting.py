"""What leaves a model in the clear: to each owner its own part, or to one party the whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from junto.device.boundary import Scripted
from junto.device.pyu import PYU, PYUObject
from junto.learn import clear_parts


class Exporting(metaclass=Scripted):
    """A model that consists of a part for each owner of columns."""

    def export(self, to: PYU | str | None = None, *, format: str | None = None) -> Any:
        """Its own part for every party that has columns (`coef_of`, `part_of`), and nothing else.

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
        return {owner: self._part_at(owner) for owner in self._owners()}

    @abstractmethod
    def _owners(self) -> Iterable[PYU]:
        """Who has columns."""

    @abstractmethod
    def _part_at(self, owner: PYU) -> PYUObject:
        """The part of one of them, shown to that one."""

    @abstractmethod
    def _whole(self, receiver: PYU, format: str) -> PYUObject:
        """The whole in that format."""
