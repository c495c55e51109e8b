"""A call of an SPU as values: what was asked for, and what its plan is given."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from junto.config.spu_model import (
    DEFAULT_FRACTION,
    MOST_FRACTION,
    WIDTH,
    FieldType,
    SPUCompilerNumReturnsPolicy,
    SpuSettings,
)
from junto.device.spu.engine import SpuValue
from junto.device.spu.layout import ArrayLayout
from junto.errors import DeviceError
from junto.mpc.settings import MpcSettings, NumberForm


@dataclass(frozen=True, slots=True)
class Returns:
    """In which handles a result comes.

    Attributes:
        policy: see `SPUCompilerNumReturnsPolicy`.
        count: how many there must be, with FROM_USER.
    """

    policy: SPUCompilerNumReturnsPolicy = SPUCompilerNumReturnsPolicy.FROM_COMPILER
    count: int = 1

    @property
    def single(self) -> bool:
        """Whether there is one handle for the whole result."""
        return self.policy is SPUCompilerNumReturnsPolicy.SINGLE


@dataclass(frozen=True, slots=True)
class SpuCall:
    """What `SPU.__call__` was told.

    Attributes:
        function: what is to be computed.
        static: its parameters that are part of the program.
        returns: in which handles the result comes.
        fraction: bits after the point with which it computes; None: the SPU's own.
        width: bits of the ring in which it computes; None: the SPU's own.
        reveals: names of what it may reveal within; None: nothing will run, so nothing has to be agreed.
    """

    function: Callable[..., Any]
    static: tuple[str, ...]
    returns: Returns
    fraction: int | None
    reveals: frozenset[str] | None = None
    width: int | None = None

    @property
    def name(self) -> str:
        """Of the function, for a person."""
        return getattr(self.function, "__qualname__", type(self.function).__name__)

    def form(self, numbers: MpcSettings) -> NumberForm:
        """How it computes, on an SPU that holds numbers so."""
        return NumberForm(self.width or numbers.width, self.fraction or numbers.fraction)

    def own(self, numbers: MpcSettings) -> NumberForm | None:
        """How its results are held, and arguments that are still at their owners; None: as the SPU's are."""
        return None if self.width is None else self.form(numbers)


@dataclass(frozen=True, slots=True)
class OwnNumbers:
    """What `SPU.__call__` was told of how this call computes: `fxp_fraction_bits` and `field`."""

    fraction: int | None = None
    field: str | None = None


def checked(
    function: Callable[..., Any],
    static: str | Sequence[str] | None,
    returns: Returns,
    own: OwnNumbers,
    settings: SpuSettings,
    reveals: str | Sequence[str] | None = None,
) -> SpuCall:
    """The call as one value, on an SPU with those settings.

    Raises:
        DeviceError: an option makes no sense.
    """
    if not callable(function):
        raise DeviceError(
            f"an SPU runs functions; {type(function).__name__} is not callable",
            fix="spu(function)(arguments)",
        )
    names = (static,) if isinstance(static, str) else tuple(static or ())
    width, fraction = numbers_of(own, settings)
    agreed = None if reveals is None else frozenset([reveals] if isinstance(reveals, str) else reveals)
    if agreed is not None and not all(isinstance(each, str) for each in agreed):
        raise DeviceError(
            "reveals holds the names of what a function may reveal, as in reveals=['loss']",
            fix="give a list of texts",
        )
    return SpuCall(function, names, returns, fraction, agreed, width)


def numbers_of(own: OwnNumbers, settings: SpuSettings) -> tuple[int | None, int | None]:
    """Bits of the ring, and bits after the point; None: the SPU's own.

    Raises:
        DeviceError: there is no such ring here, or it has no room for so many.
    """
    ring, fraction = _ring(own.field, settings), own.fraction
    if fraction is None and ring is not settings.ring:
        fraction = DEFAULT_FRACTION[ring]
    if fraction is not None and not (_is_whole(fraction) and 1 <= fraction <= MOST_FRACTION[ring]):
        raise DeviceError(
            f"fxp_fraction_bits must be a whole number from 1 to {MOST_FRACTION[ring]}, not {fraction!r}",
            fix="leave it out to take what suits the ring",
        )
    return None if ring is settings.ring else WIDTH[ring], fraction


def _ring(field: str | None, settings: SpuSettings) -> FieldType:
    """The ring in which a call computes."""
    if field is None:
        return settings.ring
    name = str(getattr(field, "name", field)).strip().upper()
    if name not in FieldType.__members__:
        raise DeviceError(f"field is {field!r}, which is no ring", fix='"FM64", or leave it out')
    ring = FieldType[name]
    if ring in (settings.ring, settings.smaller):
        return ring
    if ring is not FieldType.FM64:
        raise DeviceError(
            f"this SPU holds numbers in {settings.ring.name}; a call or a value may be in that or in FM64, "
            f"not in {ring.name}",
            fix=f'build the SPU with "field": "{ring.name}"',
        )
    if settings.checked:
        raise DeviceError(
            "overflow is error here: calls prove that no number leaves its range, which FM64 has no room for",
            fix="leave field out",
        )
    return ring


def returns_of(policy: Any, count: int | None) -> Returns:
    """The two options of SecretFlow as one value; a count alone means FROM_USER.

    Raises:
        DeviceError: an option makes no sense.
    """
    known = {each.value: each for each in SPUCompilerNumReturnsPolicy}
    word = getattr(policy, "value", policy)
    if policy is None:
        chosen = SPUCompilerNumReturnsPolicy.FROM_COMPILER if count is None else known["from_user"]
    elif str(word).lower() not in known:
        raise DeviceError(
            f"num_returns_policy is {policy!r}", fix=f"one of {', '.join(known)}, or leave it out"
        )
    else:
        chosen = known[str(word).lower()]
    if count is not None and not (_is_whole(count) and count >= 1):
        raise DeviceError(
            f"user_specified_num_returns must be a whole number from 1 on, not {count!r}",
            fix="user_specified_num_returns=2, of a function that returns two values",
        )
    return Returns(chosen, 1 if count is None else count)


def _is_whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


@dataclass(frozen=True, slots=True, eq=False)
class SecretInput:
    """One array of a handle."""

    handle: SpuValue
    index: int
    leaf: ArrayLayout


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """An array of which type and shape are known, in place of one when a call is explained."""

    leaf: ArrayLayout
    secret: bool


def sources_of(inputs: Sequence[Any]) -> tuple[list[SpuValue], list[Any]]:
    """The handles among a plan's inputs, and for each secret the number of its handle and its place there."""
    handles = list(dict.fromkeys(item.handle for item in inputs if isinstance(item, SecretInput)))
    places = [
        (handles.index(item.handle), item.index) if isinstance(item, SecretInput) else item for item in inputs
    ]
    return handles, places


def digest_of(array: Any) -> bytes:
    """Of a public argument: it must be the same at all parties."""
    data = array if isinstance(array, np.ndarray) else _key_data(array)
    state = hashlib.blake2b(f"{array.dtype}{array.shape}|".encode(), digest_size=16)
    state.update(np.ascontiguousarray(data).tobytes())
    return state.digest()


def _key_data(key: Any) -> NDArray[Any]:
    """The numbers of one of jax's random keys."""
    import jax

    return np.asarray(jax.random.key_data(key))
