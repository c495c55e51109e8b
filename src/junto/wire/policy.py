"""What may cross a silo's edge: limits, registered dataclasses and the restricted pickle opt-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that are checked before anything is allocated.

    Attributes:
        max_depth: nesting of containers.
        max_nodes: elements of all containers of one value together.
        max_header_bytes: size of the part that is parsed (buffers of arrays are not parsed).
        max_value_bytes: size of a whole value in bytes, or None for no bound.
    """

    max_depth: int = 64
    max_nodes: int = 1_000_000
    max_header_bytes: int = 64 << 20
    max_value_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class WirePolicy:
    """The agreed set of types. Sender and receiver hold the same policy (compared in the handshake).

    Attributes:
        limits: bounds of a value.
        types: registered dataclasses by the short name that stands for them on the wire.
        pickle: module -> names that restricted pickle may resolve; None: pickle is off.
    """

    limits: Limits = field(default_factory=Limits)
    types: Mapping[str, type] = field(default_factory=dict)
    pickle: Mapping[str, tuple[str, ...]] | None = None
