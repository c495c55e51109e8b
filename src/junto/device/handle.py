"""Handles: what a script holds in place of a value that lives on a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Self

from junto.device.boundary import trimmed
from junto.errors import DeviceError
from junto.execute.executor import Ref
from junto.net.api import Stamp
from junto.program.exchange import ValueTransfer
from junto.program.waiting import AwaitedRef
from junto.tree import DictKey, Placeholder

if TYPE_CHECKING:
    from junto.device.session import Session

OPERATORS = """
    add sub mul truediv floordiv mod pow matmul radd rsub rmul rtruediv rfloordiv rmod rpow rmatmul
    and or xor rand ror rxor invert lt le gt ge neg abs round getitem len int float complex index contains
"""
"""What cannot be done with values that are elsewhere."""


class Device(DictKey):
    """A place where values live."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """``PYU``, ``SPU``: the name under which the table of moves knows it."""

    def __copy__(self) -> Self:
        """Itself: a place is there once."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Likewise, so that `sklearn.base.clone` works."""
        return self


@dataclass(frozen=True, slots=True)
class PendingReveal:
    """This process's part in revealing one value.

    Attributes:
        value: the value as a receiver sees it; None if no receiver lives here.
        awaited: what must be done before it counts as revealed.
    """

    value: Ref | None
    awaited: list[AwaitedRef]


_ELSEWHERE = "; it stands for a value: a function that runs where that lives can use its {}, device(f)(x)"
"""The end of a sentence that a handle has no such attribute."""


class DeviceObject(Placeholder, ABC):
    """A value on a device.

    Attributes:
        session: the run it belongs to.
        identity: operation that made it and index among its results.
    """

    def __init__(self, session: Session, identity: tuple[int, int]) -> None:
        self._session = session
        self._identity = identity
        self._rehearsal = session.rehearsal

    def check_run(self) -> None:
        """Raise a DeviceError if this is a value of the run while a function is explained, or the reverse.

        What is explained reads no value of the run, and its own values are made up.
        """
        if self._rehearsal is self._session.rehearsal:
            return
        if self._rehearsal is None:
            raise DeviceError(
                f"{self!r} is a value of the run, of which nothing is read while a function is explained",
                fix="make it an argument of the function, and describe its shape to explain",
            )
        raise DeviceError(
            f"{self!r} was made up while a function was explained: there is no such value",
            fix="let the function keep nothing; fit a model that was explained again",
        )

    @property
    def session(self) -> Session:
        """The run it belongs to."""
        return self._session

    @property
    def identity(self) -> tuple[int, int]:
        """Operation that made it, and its index among that operation's results."""
        return self._identity

    @property
    def _at(self) -> str:
        """``3``, or of several results ``3.1``."""
        operation, index = self._identity
        return f"{operation}.{index}" if index else f"{operation}"

    @property
    @abstractmethod
    def device(self) -> Device:
        """Where it lives."""

    @abstractmethod
    def to(self, device: Device) -> DeviceObject:
        """The same value on another device; see `junto.device.moves` for what there is.

        Args:
            device: where to.

        Raises:
            DeviceError: there is no such move.
        """

    @trimmed
    def _elsewhere(self, *_: object) -> NoReturn:
        raise DeviceError(
            f"{self!r} cannot be computed with here: it lives at {self.device!r}",
            fix="let a function that runs there compute: device(f)(x), where f gets it as an argument; "
            "or sf.reveal(x) first, if all may see it",
        )

    if not TYPE_CHECKING:  # a type checker is to refuse what is not there

        def __getattr__(self, name: str) -> NoReturn:
            from junto.secretflow import explained

            kind = type(self).__name__
            more = "" if name.startswith("_") else explained(f"{kind}.{name}") or _ELSEWHERE.format(name)
            raise AttributeError(f"a {kind} has no attribute {name!r}{more}", name=name, obj=self)

    __array_ufunc__ = None  # so that numpy asks us, too

    @trimmed
    def __eq__(self, other: object) -> bool:
        """Handles are the same or not; a comparison with a number would be silently false."""
        if isinstance(other, int | float | complex) or hasattr(other, "__array__"):
            self._elsewhere()
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Itself: the value stays where it is, and does not change. So `dataclasses.asdict` works."""
        return self

    @trimmed
    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise DeviceError(
            f"{self!r} cannot be pickled: it stands for a value that lives at {self.device!r}",
            fix="make it an argument of the call, not a part of the function; or sf.reveal(x) first",
        )

    @abstractmethod
    def disclose(self, stamp: Stamp, index: int, receivers: Sequence[str]) -> PendingReveal:
        """Show the value to `receivers` (part of a reveal)."""

    @abstractmethod
    def settle(self, stamp: Stamp, index: int) -> list[AwaitedRef]:
        """Let every party know that the value is there (part of a wait)."""


for _name in OPERATORS.split():  # here and not in the class, so that a type checker, too, refuses `x + y`
    setattr(DeviceObject, f"__{_name}__", DeviceObject._elsewhere)


def passage(stamp: Stamp, index: int, kind: str, source: str, target: str) -> ValueTransfer:
    """Short for `ValueTransfer`, in the order in which one says it."""
    return ValueTransfer(stamp=stamp, index=index, kind=kind, source=source, target=target)
