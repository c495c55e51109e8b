"""SPUObject: a value on an SPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from junto.device.boundary import public
from junto.device.handle import Device, DeviceObject, PendingReveal
from junto.device.moves import move
from junto.device.pyu import PYU, PYUObject, made_at
from junto.device.spu.engine import Held
from junto.device.spu.layout import ArrayLayout, entered, parse, texts_of
from junto.device.spu.spu_device import SpuDevice
from junto.errors import DeviceError
from junto.execute.executor import Ref
from junto.markup import card
from junto.mpc.settings import NumberForm
from junto.net.api import Stamp
from junto.program.operation import Description
from junto.program.waiting import AwaitedRef


class SPUObject(DeviceObject):
    """A value that no party holds: an array, or a tree of arrays.

    Its layout (tree, types, shapes) is known to all parties. Made by moves and calls; never by hand.
    """

    def __init__(
        self, session: Any, identity: tuple[int, int], device: SpuDevice, held: Held, text: str
    ) -> None:
        super().__init__(session, identity)
        self._device = device
        self._held = held
        self._text = text
        self._layout: Any = None
        self._described: tuple[Stamp, Ref, str] | None = None
        self._own: NumberForm | None = None
        self._told: SPUObject | None = None
        self._reading: Callable[[Any], Any] | None = None
        self._only_shown = ""

    @property
    def device(self) -> SpuDevice:
        """Where it lives."""
        return self._device

    @property
    def held(self) -> Held:
        """What this process holds of it."""
        self.check_run()
        return self._held

    def check_run(self) -> None:
        """As of all handles; but a value of the run may be counted, for its shape is known."""
        if self._rehearsal is not None:
            super().check_run()

    @property
    def told(self) -> SPUObject:
        """What is shown of it: itself, or see `read_as`."""
        return self if self._told is None else self._told

    @property
    def reading(self) -> Callable[[Any], Any] | None:
        """What a receiver makes of it; None: what it is."""
        return self._reading

    def read_as(self, told: SPUObject, reading: Callable[[Any], Any]) -> SPUObject:
        """The same value, but shown as ``reading(told)``, for numbers that fixed point has no digits for.

        Args:
            told: a handle on the same SPU, of a tree of arrays. Receivers learn all that is in it.
            reading: a pure function of a module, which each receiver applies; floats come as float64.
        """
        told._reading = reading
        self._told = told
        return self

    def only_shown(self, why: str) -> SPUObject:
        """A handle of the same value that no function on an SPU gets; `why` is for the message."""
        handle = SPUObject(self._session, self._identity, self._device, self._held, self._text)
        handle._told, handle._only_shown = self, why
        return handle.has_layout(self._layout)

    def require_usable(self) -> None:
        """Raise a DeviceError if it can be shown, but not used."""
        if self._only_shown:
            raise DeviceError(
                f"{self!r} can only be shown: {self._only_shown}", fix="show it to a party: x.to(bob)"
            )

    @public
    def to(self, device: Device) -> Any:
        """The same value on another device.

        Args:
            device: a PYU, whose party is then shown the value, or another SPU, where it stays shares.

        Raises:
            DeviceError: there is no such move.
        """
        return move(self, device)

    def shown_to(self, device: PYU) -> PYUObject:
        """The value in the clear at one party, which may now read it."""
        program = self._session.program
        program.check_party(device.party)
        operation, index = self.identity
        stamp = program.begin(Description("move", self._device.name, device.party, f"#{operation}.{index}"))
        shown = self._device.engine.show(stamp, 0, self.told, (device.party,), tell=False)
        return made_at(self._session, stamp, device, None if shown.value is None else [shown.value], 1)[0]

    def layout(self) -> Any:
        """Its tree with types and shapes; waits until they are known here.

        Raises:
            RemoteError: the operation that was to make the value failed.
        """
        if self._described is not None:
            stamp, ref, party = self._described
            self._session.program.wait(stamp, [AwaitedRef(ref, party)])
            self._layout = ref.value()
            entered(self._layout, self._own)
            self._described = None
        return self._layout

    def expects_layout(self, stamp: Stamp, ref: Ref, party: str, own: NumberForm | None = None) -> SPUObject:
        """The layout comes from `party`, and has to be that of numbers in the form `own`."""
        self._described, self._own = (stamp, ref, party), own
        return self

    def has_layout(self, layout: Any) -> SPUObject:
        """The layout is known."""
        self._layout = layout
        return self

    @property
    def _only(self) -> ArrayLayout:
        described = parse(self.layout())
        if isinstance(self.layout(), str):
            return described[0]
        raise DeviceError(
            f"{self!r} is a tree of {len(described)} arrays, not one array",
            fix="return the arrays apart: spu(function, num_returns=2), or take one inside",
        )

    @property
    @public
    def shape(self) -> tuple[int, ...]:
        """Shape of the array. Raises DeviceError if this is a tree of arrays."""
        return self._only.shape

    @property
    @public
    def dtype(self) -> Any:
        """Numpy type of the array. Raises DeviceError if this is a tree of arrays."""
        import numpy as np

        return np.dtype(self._only.dtype)

    def disclose(self, stamp: Stamp, index: int, receivers: Sequence[str]) -> PendingReveal:
        """Show the value to `receivers`; the others learn only that it is there, or failed."""
        return self._device.engine.show(stamp, index, self.told, receivers)

    def settle(self, stamp: Stamp, index: int) -> list[AwaitedRef]:
        """Let every party know that the value is there, without showing it."""
        return self._device.engine.settle(stamp, index, self.held)

    def __repr__(self) -> str:
        what = "" if self._layout is None else f", {', '.join(texts_of(self._layout))}"
        return f"<SPUObject on {self._device.name}, operation {self._at} {self._text}{what}>"

    def _repr_html_(self) -> str:
        facts = {"on": self._device.name, "made by": f"operation {self._at} {self._text}"}
        if self._layout is not None:  # else it is on its way, and nobody waits to show a handle
            facts["layout"] = ", ".join(map(str, texts_of(self._layout)))
        return card("SPUObject", {**facts, "who can read it": self._device.settings.trust})

    @public
    def __bool__(self) -> bool:
        raise DeviceError(
            f"{self!r} has no truth value here: nobody holds it",
            fix="decide inside a function on the SPU (jnp.where), or sf.reveal(x) first, if all may see it",
        )

    @public
    def __iter__(self) -> Any:
        raise DeviceError(
            f"{self!r} cannot be unpacked here: it is one value",
            fix="index it inside a function on the SPU, or return a tuple from that function",
        )
