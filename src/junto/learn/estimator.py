"""What all models have in common: frozen parameters, and what `fit` has learned."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar

import numpy as np

from junto.accounting.progress import Course
from junto.device.pyu import PYU, PYUObject, put
from junto.device.rehearsal import array_of
from junto.device.spu.object import SPUObject
from junto.device.spu.spu import SPU
from junto.errors import JuntoError, LearnError
from junto.frame.parametrized import Parametrized
from junto.learn.families import ClassFamily
from junto.learn.kept_models import Folders, Keeping, opened
from junto.learn.pooled import Pooled, refuse
from junto.learn.scaled import unscaled
from junto.markup import card

if TYPE_CHECKING:
    from junto.learn.kept_columns import KeptParts

FEWEST: Final = 64
"""Rows of a made-up table."""

L = TypeVar("L")
"""What a model learns."""


@dataclass(frozen=True, eq=False, repr=False)
class Estimator(Parametrized, Generic[L]):
    """A model that is trained on an SPU.

    A model with other parameters is another model, `with_params`. `fit` sets what it has learned, which the
    attributes with a trailing underscore show.

    Args:
        spu: where it is trained, and where what it learns stays.
    """

    mistake: ClassVar[type[JuntoError]] = LearnError

    spu: SPU
    _learned: L | None = field(default=None, init=False)

    @abstractmethod
    def fit(self, X: Any, y: Any) -> Self:
        """Train; returns the model itself."""

    def made_up(self) -> Self:
        """For `junto.explain`, of a copy: trained on a made-up table, if it was trained."""
        if self._learned is None:
            return self
        scales: Any = self._fitted().scales  # type: ignore[attr-defined]
        places = dict(zip(scales.by_owner, scales.widths, strict=False))
        rows = FEWEST + 2 * sum(scales.widths)
        first = PYU(self.spu.settings.compute[0])
        X: Any = {owner: put(owner, array_of((rows, width))) for owner, width in places.items()}
        if not X:
            X = put(first, array_of((rows, *scales.widths))).to(self.spu)
        label = self._label_home()
        y = put(first if label is None else label, self.label_of(rows))
        return self.fit(X, y if label is not None else y.to(self.spu))

    def _label_home(self) -> PYU | None:
        """Where the label was that it was trained on; None: nowhere, or on the SPU."""
        return None

    def label_of(self, rows: int) -> Any:
        """A made-up label, of the model's family if it has one."""
        plain, family = array_of((rows,)), getattr(self, "family", None)
        if isinstance(family, ClassFamily):
            on_spu = self._learned is not None and self._label_home() is None  # where no text is
            return (
                plain if on_spu and isinstance(family.classes[0], str) else np.asarray(family.classes)[plain]
            )
        return plain + (family is not None and family.domain == "positive")

    kept_facts: ClassVar[Mapping[str, tuple[type, ...]]] = MappingProxyType({})
    """What all parties know of a model of columns that was kept, with types: see `kept_columns.KeptParts`."""

    def save(self, folders: Folders, *, overwrite: bool = False, passphrase: str | None = None) -> str:
        """Keep the model in a folder of each party: what it knows alone, and its share of what nobody sees.

        Whoever gets the shares of both compute parties has the model, as with `SPU.dump`; files have mode
        0600, folders 0700. A model of rows of several parties, which all know, is kept by each of them.

        Args:
            folders: ``{"alice": folder, ...}``, for every party of the SPU and every owner of columns or
                label, or for every party with rows; each party uses its own alone.
            overwrite: whether a model that is there may be replaced.
            passphrase: where each party has the one under which its files are encrypted: see `SPU.dump`.

        Returns:
            The receipt of `SPU.dump`; of a model of rows of several parties its hash.

        Raises:
            LearnError: `fit` was not called; there is no folder for a party.
            RemoteError: a folder has a model, a disk refuses, or a party has no passphrase.
        """
        from junto.learn import kept_columns

        how = Keeping(overwrite, passphrase)
        if self._pooled is not None:
            return self._save_pooled(self._pooled, folders, how)
        return kept_columns.save(self.spu, self._kept(self._fitted()), folders, self._about(), how)

    @abstractmethod
    def _kept(self, learned: L) -> KeptParts:
        """What is kept of what was learned from columns."""

    @classmethod
    @abstractmethod
    def _restored(cls, spu: SPU, parts: KeptParts) -> L:
        """The other way."""

    def _save_pooled(self, found: Pooled, folders: Folders, how: Keeping) -> str:
        from junto.learn import pooled_files

        return pooled_files.save(found, folders, self._about(), how)

    def _about(self, *without: str) -> dict[str, Any]:
        """What all know of the model."""
        params = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in self.get_params().items()
            if name not in ("spu", *without)
        }
        return {"kind": type(self).__name__, "params": params}

    @classmethod
    def load(cls, spu: SPU, folders: Folders, *, passphrase: str | None = None) -> Self:
        """A model of this class (`cls`) that was kept, in this run or an earlier one, with its parameters.

        Args:
            spu: of the same parties in the same roles; rows of several parties do not use it.
            folders: as in `save`.
            passphrase: likewise.

        Raises:
            LearnError: the parties' files are not of one model, or of one of another class.
            RemoteError: a file is missing, damaged, or another party's, or does not open with the passphrase.
        """
        from junto.learn import kept_columns, pooled_files

        kept, public = opened(folders, passphrase)
        _require_kind(public, cls.__name__)
        if "pooled" in public:
            return cls._loaded(spu, *pooled_files.read(kept, public))
        parts = kept_columns.read(spu, folders, (kept, public), cls.kept_facts, passphrase)
        return cls._loaded(spu, public, cls._restored(spu, parts))

    @classmethod
    def _loaded(cls, spu: SPU, public: Mapping[str, Any], found: Any) -> Self:
        model = cls(spu, **public["params"])
        object.__setattr__(model, "_learned", found)
        return model

    def _keeps(self) -> str:
        return 'model.save({"alice": folder, "bob": folder}) keeps it'

    def _repr_html_(self) -> str:
        state = "fitted" if self._has_learned() else "not fitted"
        return card(f"{type(self).__name__}, {state}", self._all_shown())

    def _learn(self, learned: L) -> Self:
        """The only thing that `fit` may change."""
        object.__setattr__(self, "_learned", learned)
        return self

    def _fitted(self) -> L:
        """What `fit` has learned.

        Raises:
            LearnError: it was not called.
        """
        if self._learned is None:
            raise LearnError(f"{self!r} has learned nothing yet", fix="call fit(X, y) first")
        if isinstance(self._learned, Pooled):
            refuse(self)
        return self._learned

    @property
    def _pooled(self) -> Pooled | None:
        """What a `fit` on rows of several parties has learned; None: there was none."""
        return self._learned if isinstance(self._learned, Pooled) else None


def _require_kind(public: Mapping[str, Any], name: str) -> None:
    """Raise a LearnError unless it is a model of this class."""
    require(public["kind"] == name, f"this is a {public['kind']:.80}", f"{name}.load loads its own")


def shown(value: SPUObject, to: PYU | str | None) -> Any:
    """`value` in the clear at `to` and nowhere else; as it is, shared, if `to` is None."""
    if to is None:
        return value
    return value.to(to if isinstance(to, PYU) else PYU(to))


@dataclass(frozen=True, slots=True)
class Handed:
    """A result that fixed point may have no digits for.

    Attributes:
        told: makes a handle of `scaled.EXPONENT` and `scaled.DIGITS`, which is what is shown; None: `plain`.
        plain: makes the handle that functions on the SPU get.
        known: whether the values are within the range of fixed point.
    """

    told: Callable[[], SPUObject] | None
    plain: Callable[[], SPUObject]
    known: bool

    def to(self, to: PYU | str | None) -> Any:
        """See `shown`."""
        if self.told is None:
            return shown(self.plain(), to)
        told = self.told()
        told.read_as(told, unscaled)
        if to is not None:
            return shown(told, to)
        return self.plain().read_as(told, unscaled) if self.known else told.only_shown(TOO_LARGE)


TOO_LARGE: Final = "the label that the model was trained on is too large for fixed point in its own units"


def training(model: Estimator[Any], unit: str = "", turns: int = 1) -> AbstractContextManager[Course]:
    """What is asked of the SPU inside is shown to a person as the model's training, in so many turns."""
    return model.spu.session.program.board.course(f"{type(model).__name__}.fit", unit, turns)


def require(condition: bool, sentence: str, fix: str = "") -> None:
    """Raise a LearnError unless `condition`."""
    if not condition:
        raise LearnError(sentence, fix=fix)


def refuse_weights(model: Estimator[Any], weight: Any) -> None:
    """Raise a LearnError if rows of several parties are given weights."""
    require(
        weight is None,
        f"{type(model).__name__} takes no weights of rows of several parties",
        "leave out sample_weight; with whole numbers each party takes a row as often as it weighs",
    )


def require_classes(given: Any, spu: SPU, *, two: bool = False) -> None:
    """Raise a LearnError unless these can be the classes of a label; `two`: no more than two of them.

    What is predicted comes from the SPU, so that numbers must be such as it shows to the last bit.
    """
    sound = isinstance(given, tuple) and (len(given) == 2 if two else len(given) >= 2)
    sound = sound and any(all(isinstance(each, kind) for each in given) for kind in (str, int | float))
    sound = sound and len(set(given)) == len(given) and all(each == each for each in given)
    how_many = "two different numbers, or two texts" if two else "different numbers, or different texts"
    require(sound, f"classes are {how_many}", "a tuple: (1, 2), or tuple(numpy.unique(y).tolist())")
    inexact = [each for each in given if not isinstance(each, str) and not _exact(each, spu.numbers.fraction)]
    require(
        not inexact,
        f"class {inexact[0] if inexact else ''} is a number that the SPU cannot show to the last bit",
        f"whole numbers below 2**31, or texts: classes=({', '.join(repr(str(each)) for each in given)})",
    )


def _exact(number: float, fraction: int) -> bool:
    """Whether fixed point and the type of a result hold it: of 32 bits."""
    if isinstance(number, int):
        return abs(number) < 2**31
    return float(np.float32(number)) == number and (number * 2.0**fraction) % 1 == 0 and abs(number) < 2**24


def run_at(owner: PYU, function: Callable[..., Any], *args: Any) -> PYUObject:
    """`owner(function)(*args)`, of one result."""
    made: PYUObject = owner(function)(*args)
    return made
