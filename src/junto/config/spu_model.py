"""The frozen settings of one SPU, as everything below `sf.SPU` sees them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from junto.config.model import Address

_LONGEST_SHOWN = 120


class ProtocolKind(enum.IntEnum):
    """A protocol's name, numbered as in SPU. What each means here: `docs/reference/spu-settings.md`."""

    REF2K = 1
    SEMI2K = 2
    ABY3 = 3
    CHEETAH = 4
    SECURENN = 5


class FieldType(enum.IntEnum):
    """The ring of integers modulo 2**32, 2**64 or 2**128, numbered as in SPU."""

    FM32 = 1
    FM64 = 2
    FM128 = 3


WIDTH: Mapping[FieldType, int] = {FieldType.FM32: 32, FieldType.FM64: 64, FieldType.FM128: 128}
"""Bits of the ring's elements."""


class OverflowPolicy(enum.IntEnum):
    """What becomes of a number that leaves its range."""

    WRAP = 0
    """It is wrong, and nobody can tell but the debug mode."""
    ERROR = 1
    """The call fails, and says which operation it was."""


DEFAULT_FRACTION: Mapping[FieldType, int] = {FieldType.FM64: 18, FieldType.FM128: 32}
"""The bits after the point where nothing is said: of the wide ring, so that sums of squares of money fit."""

MOST_FRACTION: Mapping[FieldType, int] = {FieldType.FM64: 26, FieldType.FM128: 36}
"""The most bits after the point that a ring has room for."""


class SPUCompilerNumReturnsPolicy(enum.StrEnum):
    """In how many handles the result of a call comes, spelt as in SecretFlow."""

    FROM_COMPILER = "from_compiler"
    """A tree of handles like the tree of arrays that the function returns. The default here."""
    FROM_USER = "from_user"
    """A list of `user_specified_num_returns` handles, one an array; the handle itself if that is 1."""
    SINGLE = "single"
    """One handle for the whole result."""


class BeaverType(enum.IntEnum):
    """Who makes the correlated randomness, spelt and numbered as in SPU."""

    TrustedFirstParty = 0
    TrustedThirdParty = 1
    MultiParty = 2


class SpuSource(enum.StrEnum):
    """Where the correlated randomness of an SPU comes from."""

    HELPER = "helper"
    """A third party that sees masks only."""
    BOTH_PARTIES = "both parties"
    """The two compute parties together, by oblivious transfer."""
    FIRST_PARTY = "first party"
    """The first compute party, which could therefore read everything."""
    NONE = "none"
    """Nowhere: values are computed in the clear (REF2K)."""


@dataclass(frozen=True, slots=True)
class SpuNode:
    """One party of an SPU.

    Attributes:
        party: its name in the job.
        address: where the other nodes dial it; None: through the parties' gateways.
        listen: what it binds (default: `address`).
    """

    party: str
    address: Address | None = None
    listen: Address | None = None


@dataclass(frozen=True, slots=True)
class SpuLink:
    """How the nodes of an SPU talk; each node may have its own.

    Attributes:
        connect_retry_times: attempts to reach a node that is not there yet.
        connect_retry_interval_ms: pause between two of them.
        recv_timeout_ms: how long a message may take to come, or to be taken by its receiver; None: as long as
            the other party lives, which the heartbeats between the parties say.
        throttle_window_size: messages that a node may be ahead of a receiver (the helper runs ahead).
        http_max_payload_size: bytes of the largest piece that is sent at once; None: the link's own choice.
    """

    connect_retry_times: int = 10
    connect_retry_interval_ms: int = 1000
    recv_timeout_ms: int | None = None
    throttle_window_size: int = 10
    http_max_payload_size: int | None = None


@dataclass(frozen=True, slots=True)
class SpuSettings:
    """Everything `sf.SPU` was told, checked.

    Attributes:
        nodes: the parties of the SPU in the order of the script (sorted nowhere): two that compute,
            the helper if there is one, and those that only share in and out.
        compute: the first two of them.
        helper: who deals masks; None: no third party does (`source` says what happens instead).
        source: where the correlated randomness comes from.
        protocol: the name that was asked for; the protocol itself is one, whatever the name.
        ring: integers modulo 2**64 or 2**128.
        fraction: bits after the point of a fixed-point number.
        link: how the nodes talk.
        overflow: what becomes of a number that leaves its range.
    """

    nodes: tuple[SpuNode, ...]
    compute: tuple[str, str]
    helper: str | None
    source: SpuSource
    protocol: ProtocolKind = ProtocolKind.SEMI2K
    ring: FieldType = FieldType.FM64
    fraction: int = 18
    link: SpuLink = field(default_factory=SpuLink)
    overflow: OverflowPolicy = OverflowPolicy.WRAP

    @property
    def checked(self) -> bool:
        """Whether calls prove that no number has left its range."""
        return self.overflow is OverflowPolicy.ERROR

    @property
    def width(self) -> int:
        """Bits of the ring."""
        return WIDTH[self.ring]

    @property
    def smaller(self) -> FieldType | None:
        """The smaller ring in which a call may compute; None: none, or calls prove too much for it."""
        return FieldType.FM64 if self.ring is FieldType.FM128 and not self.checked else None

    @property
    def parties(self) -> tuple[str, ...]:
        """The nodes' names."""
        return tuple(node.party for node in self.nodes)

    @property
    def others(self) -> tuple[str, ...]:
        """The parties that neither compute nor help: they share values in and get results."""
        return tuple(party for party in self.parties if party not in (*self.compute, self.helper))

    @property
    def direct(self) -> bool:
        """Whether the nodes dial each other at addresses of their own (else: through the gateways)."""
        return self.nodes[0].address is not None

    @property
    def places(self) -> tuple[Address, ...]:
        """The addresses of the nodes' own that the link uses; none, if it runs through the gateways."""
        pairs = [(node.address, node.listen) for node in self.nodes]
        return tuple(place for pair in pairs for place in pair if place is not None)

    @property
    def insecure_first_party_dealer(self) -> bool:
        """Whether the first party makes the randomness, and could read everything."""
        return self.source is SpuSource.FIRST_PARTY

    @property
    def trust(self) -> str:
        """One sentence: who could read what by colluding with whom."""
        first, second = self.compute
        if self.source is SpuSource.HELPER:
            return (
                f"{first} and {second} compute and {self.helper} helps: none of the three alone learns a "
                "value, any two of them together could read everything; all follow the program "
                "(semi-honest): one that computes and does not could read the others' inputs."
            )
        if self.source is SpuSource.BOTH_PARTIES:
            return (
                f"{first} and {second} compute and make the randomness together: neither alone learns a "
                "value, and nobody else is trusted; both follow the program (semi-honest): one that does "
                "not could read the other's inputs."
            )
        if self.source is SpuSource.FIRST_PARTY:
            return (
                f"{first} and {second} compute and {first} makes the randomness: "
                f"{first} alone could read everything, {second} alone nothing."
            )
        return "values are computed in the clear (REF2K): every node could read everything."

    @property
    def warning(self) -> str | None:
        """What the log has to say each time such an SPU is made; None: nothing."""
        if self.source in (SpuSource.HELPER, SpuSource.BOTH_PARTIES):
            return None
        return f"INSECURE SPU of {', '.join(self.parties)}: {self.trust}"

    def _agreed(self) -> dict[str, str]:
        return {
            "nodes": ", ".join(self.parties),
            "compute": ", ".join(self.compute),
            "randomness": f"{self.source}, {self.helper}" if self.helper else self.source.value,
            "protocol": self.protocol.name,
            "field": self.ring.name,
            "fxp_fraction_bits": str(self.fraction),
            "overflow": self.overflow.name,
            "link": "between addresses" if self.direct else "through gateways",
        }

    def fingerprint_text(self) -> str:
        """All that the nodes have to agree on, a line `name: value` each; equal settings give equal texts.

        Addresses and `link` are not part of it: a party may see another one under an address of its own,
        and may be more patient.
        """
        return "\n".join(f"{name}: {value}" for name, value in self._agreed().items())

    def differences(self, fingerprint: str) -> tuple[str, ...]:
        """Where another node's `fingerprint_text` differs from ours; empty if the two agree.

        Each entry is a phrase such as `fxp_fraction_bits is 18 here and 20 there`. The text may come from
        anybody: what is shown of it is printable and short.
        """
        theirs = {
            name: value for name, _, value in (line.partition(": ") for line in fingerprint.split("\n"))
        }
        ours = self._agreed()
        found = [
            f"{name} is {value} here and {_shown(theirs.get(name))} there"
            for name, value in ours.items()
            if theirs.get(name) != value
        ]
        if not found and fingerprint != self.fingerprint_text():
            return ("the other node states settings that this version does not know",)
        return tuple(found)


def _shown(value: str | None) -> str:
    if value is None:
        return "not stated"
    return value if value.isprintable() and len(value) <= _LONGEST_SHOWN else "unreadable"
