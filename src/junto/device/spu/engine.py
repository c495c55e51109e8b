"""How an SPU holds and computes values: under multi-party computation, or in the clear for the debug mode."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from junto.accounting.progress import Heading
from junto.device.handle import PendingReveal
from junto.device.spu.correlation_pool import CorrelationPool
from junto.device.spu.profile import Profile, Recorder
from junto.execute.executor import Ref
from junto.net.api import Stamp
from junto.program.waiting import AwaitedRef

if TYPE_CHECKING:
    from junto.mpc.plan import Plan
    from junto.mpc.settings import MpcSettings, NumberForm
    from junto.program.program import Program

T = TypeVar("T")

Held = Mapping[str, Ref]
"""What this process holds of one value: for each party that lives here and has a part, that part."""


class SpuValue(Protocol):
    """A value on an SPU as engines and plans see it: an `SPUObject`."""

    @property
    def identity(self) -> tuple[int, int]:
        """See `DeviceObject.identity`."""

    @property
    def held(self) -> Held:
        """What this process holds of it."""

    @property
    def reading(self) -> Callable[[Any], Any] | None:
        """What a receiver makes of it; None: what it is."""

    def layout(self) -> Any:
        """Its tree with types and shapes; waits until they are known here."""


@dataclass(frozen=True, slots=True)
class EnteredValue:
    """A value that was put on the SPU.

    Attributes:
        held: what is here of it.
        layout: its layout, as soon as it is known here.
        awaited: the party from which the layout comes.
    """

    held: Held
    layout: Ref
    awaited: str


@dataclass(frozen=True, slots=True, eq=False)
class EngineCall:
    """What an engine computes in one call.

    Attributes:
        plan: what to compute.
        inputs: `SecretInput`s and public arrays.
        settings: of this call.
        single: whether all outputs are one value.
        heading: what it belongs to, for a person.
    """

    plan: Plan
    inputs: Sequence[Any]
    settings: MpcSettings
    single: bool
    heading: Heading | None = None

    @property
    def results(self) -> int:
        """How many values come out."""
        return 1 if self.single else len(self.plan.outputs)

    def grouped(self, outputs: list[T]) -> list[list[T]]:
        """The outputs of each value."""
        return [outputs] if self.single else [[output] for output in outputs]


@dataclass(frozen=True, slots=True)
class IncomingShares:
    """A value on its way to an engine, in pieces: for each of its `homes`, in their order, what comes there.

    Attributes:
        layouts: the value's layout, as soon as it is known there; None: the home is elsewhere.
        pieces: what each sender gives; empty: the home is elsewhere.
        numbers: how its fixed-point numbers and its ring are where it comes from.
    """

    layouts: Sequence[Ref | None]
    pieces: Sequence[Sequence[Ref]]
    numbers: MpcSettings


def known_at(program: Program, home: str, value: Any) -> Ref | None:
    """What is known at once, as a value of the party `home`; None if that lives elsewhere."""
    if not program.is_here(home):
        return None
    promise = program.promise(home)
    promise.set_value(value)
    return promise


class Engine(ABC):
    """See the module. Called from the script's thread; never blocks.

    Attributes:
        profiles: what measures the calls from now on.
    """

    def __init__(self) -> None:
        self.profiles: list[Profile] = []
        self._pools: list[CorrelationPool] = []

    def recorder(self, stamp: Stamp, node: str) -> Recorder | None:
        """What measures a call at a node; None: nobody asks."""
        return Recorder(self.profiles, stamp, node) if self.profiles else None

    @abstractmethod
    def enter(
        self, stamp: Stamp, owner: str, ref: Ref | None, name: str, own: NumberForm | None = None
    ) -> EnteredValue:
        """Take the value `ref` of the party `owner` (None: it lives elsewhere); `name` is for messages.

        `own`: how it is held; None: as the SPU holds numbers.
        """

    @abstractmethod
    def compute(self, stamp: Stamp, work: EngineCall) -> list[Held]:
        """Run a plan; one `Held` for each of its values."""

    @abstractmethod
    def held_here(self, handle: SpuValue) -> Sequence[Any] | None:
        """The arrays of `handle` as a node in this process holds them, once they are there.

        None if there is no node, or if values have no forms. This alone waits: for the node.
        """

    @property
    @abstractmethod
    def homes(self) -> tuple[str, ...]:
        """The parties of the nodes that take part when a value arrives; the first two get pieces of it."""

    @abstractmethod
    def depart(self, stamp: Stamp, handle: SpuValue, count: int) -> list[tuple[str, list[Ref | None]]]:
        """Share a value among `count` nodes of another engine.

        For each party that has a piece, what it gives to each of them: a key, the rest, and to all others
        None, so that they learn whether it was there.
        """

    @abstractmethod
    def arrive(self, stamp: Stamp, coming: IncomingShares) -> Held:
        """Take what the engine of another SPU, or of an earlier run, has of a value."""

    @abstractmethod
    def pieces(self, stamp: Stamp, handles: Sequence[SpuValue]) -> dict[str, Ref]:
        """Fresh additive pieces of values, to be kept: for each compute party in this process its own."""

    @abstractmethod
    def show(
        self, stamp: Stamp, index: int, handle: SpuValue, receivers: Sequence[str], *, tell: bool = True
    ) -> PendingReveal:
        """Show a value to `receivers`; `tell`: and let the others know that it is there."""

    @abstractmethod
    def settle(self, stamp: Stamp, index: int, held: Held) -> list[AwaitedRef]:
        """Let every party know that a value is there."""

    def use_pool(self, stamp: Stamp, party: str, pool: CorrelationPool) -> None:
        """From now on `party` uses what is in `pool`, if the other one has the same; open until `close`."""
        self._pools.append(pool)

    def fill(self, stamp: Stamp, work: EngineCall, name: str, runs: int) -> list[AwaitedRef]:
        """Put what so many runs of `work` need into the pools, as `name`; when it is done."""
        return []

    def close(self) -> None:
        """Let go of everything. Idempotent."""
        for pool in self._pools:
            pool.close()
