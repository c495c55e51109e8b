"""What handles, calls and files know of an SPU: all but what a script calls."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from junto.config.spu_settings import SpuSettings
from junto.device.boundary import trimmed
from junto.device.handle import Device, DeviceObject
from junto.device.pyu import PYUObject
from junto.device.session import Session
from junto.device.spu.engine import Engine
from junto.device.spu.plans import Plans
from junto.errors import DeviceError
from junto.mpc.settings import MpcSettings, NumberForm


class SpuDevice(Device):
    """An `SPU`, which is the one class of this kind.

    Attributes:
        numbers: how it holds numbers.
        plans: of its calls.
        has_pool: whether `open_pool` was called.
    """

    numbers: MpcSettings
    plans: Plans
    has_pool: bool
    _session: Session
    _settings: SpuSettings
    _name: str
    _engine: Engine

    @trimmed
    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise DeviceError(
            f"{self._name} cannot be pickled: it is a device of this job",
            fix="make one in the other script, with the same settings",
        )

    @property
    def kind(self) -> str:
        """``SPU``."""
        return "SPU"

    @property
    def name(self) -> str:
        """For a person, and different for each SPU of a run."""
        return self._name

    @property
    def tree_key(self) -> str:
        """Its name: a dict may have devices as keys."""
        return self._name

    @property
    def session(self) -> Session:
        """The run it belongs to."""
        return self._session

    @property
    def engine(self) -> Engine:
        """How it holds and computes values: while a function is explained, one that only counts."""
        rehearsal = self._session.rehearsal
        return self._engine if rehearsal is None else rehearsal.engine_of(self, self._engine)

    @property
    def settings(self) -> SpuSettings:
        """The checked settings."""
        return self._settings

    @abstractmethod
    def __call__(
        self,
        function: Callable[..., Any],
        *,
        static_argnames: str | Sequence[str] | None = None,
        num_returns_policy: Any = None,
        user_specified_num_returns: int | None = None,
        fxp_fraction_bits: int | None = None,
        field: str | None = None,
        reveals: str | Sequence[str] = (),
    ) -> Callable[..., Any]:
        """See `SPU.__call__`."""

    @abstractmethod
    def take(self, value: PYUObject, name: str = ..., own: NumberForm | None = None) -> DeviceObject:
        """Share a value of one party."""
