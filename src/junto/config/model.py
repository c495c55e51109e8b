"""The frozen settings of a session, as everything below `sf.init` sees them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any


class Mode(enum.Enum):
    """How the parties are run (design: one script, four modes)."""

    DEBUG = "debug"
    SIMULATION = "simulation"
    SIMULATION_RAY = "simulation-ray"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Address:
    """Host (name, IPv4 or IPv6 without brackets) and TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether it names this machine only."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:  # a name: 127.example.org is anybody's
            return self.host.lower() == "localhost"


@dataclass(frozen=True, slots=True)
class PartySettings:
    """One party of the job.

    Attributes:
        name: what the script calls it.
        address: where the others reach it.
        listen: what it binds (default: `address`).
        identity: a further name (SAN) that its certificate may carry.
        socket: where the others reach it on a bare TLS socket, beside; None: nowhere.
        socket_listen: what it binds for that.
    """

    name: str
    address: Address
    listen: Address
    identity: str | None = None
    socket: Address | None = None
    socket_listen: Address | None = None


@dataclass(frozen=True, slots=True, repr=False)
class TlsSettings:
    """PEM bytes. The key never shows in a repr."""

    ca_cert: bytes
    cert: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RaySettings:
    """How to reach this silo's Ray cluster and what to ask of it."""

    address: str
    num_cpus: float | None = None
    num_gpus: float | None = None
    log_to_driver: bool = True
    runtime_env: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Between silos.

    Attributes:
        peer_timeout_s: silence after which a party counts as unreachable.
        heartbeat_s: pause between two heartbeats.
        meet_timeout_s: how long `init` awaits the others; None: for ever (with a status line).
        wait_timeout_s: how long one wait (reveal, wait, barrier, the end) may last; None: for ever.
        max_value_bytes: a value larger than this is refused; None: no bound.
        quota_bytes: received and not yet used values kept in memory per peer; more is spilled.
        spill_dir: where to (None: the system's temporary folder).
        status_after_s: a wait longer than this says so.
        exit_on_sending_failure: an undeliverable value ends the session here.
        sending_failure_handler: called with the error when a value cannot be delivered.
        channel_options: passed to gRPC as they are.
        retry_*: pauses between two attempts to connect, in seconds.
    """

    peer_timeout_s: float = 8.0
    heartbeat_s: float = 1.0
    meet_timeout_s: float | None = None
    wait_timeout_s: float | None = None
    max_value_bytes: int | None = None
    quota_bytes: int = 1 << 30
    spill_dir: str | None = None
    status_after_s: float = 3.0
    exit_on_sending_failure: bool = False
    sending_failure_handler: Callable[[Exception], Any] | None = None
    channel_options: tuple[tuple[str, int | str], ...] = ()
    retry_initial_s: float = 0.05
    retry_max_s: float = 0.5
    retry_multiplier: float = 1.5


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything `sf.init` was told, checked.

    Attributes:
        mode: how the parties are run.
        parties: all parties in the order of the configuration (sorted nowhere).
        self_party: who we are; None in the single-process modes.
        cluster: production: one entry a party.
        tls: None: plaintext.
        require_tls: plaintext is an error, on loopback too.
        allow_pickle: module -> names; None: pickle is off.
        wire_types: dataclasses that may travel, by short name.
        expose_remote_errors: send message and traceback of our failed operations to the others.
        ledger: file of the ledger; None: `junto-ledger-<party>.jsonl` is not written, memory only.
    """

    mode: Mode
    parties: tuple[str, ...]
    self_party: str | None = None
    cluster: Mapping[str, PartySettings] = field(default_factory=dict)
    tls: TlsSettings | None = None
    require_tls: bool = False
    job_name: str = "junto"
    ray: RaySettings | None = None
    link: LinkSettings = field(default_factory=LinkSettings)
    wait_for_parties: bool = True
    allow_pickle: Mapping[str, tuple[str, ...]] | None = None
    wire_types: Mapping[str, type] = field(default_factory=dict)
    expose_remote_errors: bool = False
    ledger: str | None = None
    logging_level: str = "info"
    omp_num_threads: int | None = None
    workers: int | None = None

    @property
    def sockets(self) -> Mapping[str, tuple[Address, Address]]:
        """Of the parties that have a bare socket, too: its address, and what is bound for it."""
        places = {name: (party.socket, party.socket_listen) for name, party in self.cluster.items()}
        return {name: (at, listen or at) for name, (at, listen) in places.items() if at is not None}
