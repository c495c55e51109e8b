"""junto: organisations that may not show each other their data run one program together.

    import junto as sf

    sf.init(parties=["alice", "bob"], address="local")
    alice, bob = sf.PYU("alice"), sf.PYU("bob")
    x = alice(load)("a.csv")        # lives at alice, in the clear for her alone
    y = bob(summarise)(x.to(bob))   # moved: bob may read it
    print(sf.reveal(y))             # the only way to plaintext for all
    sf.shutdown()

Names are imported when first used, so that ``import junto`` costs next to nothing.
"""

from __future__ import annotations

import importlib
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from junto.config.spu_model import FieldType, ProtocolKind, SPUCompilerNumReturnsPolicy
    from junto.device.disclosure import Undisclosed, barrier, reveal, wait
    from junto.device.handle import Device, DeviceObject
    from junto.device.placement import to, with_device
    from junto.device.proxies import proxy
    from junto.device.pyu import PYU, PYUObject
    from junto.device.rehearsal import explain
    from junto.device.session import Session, init, show_progress, shutdown
    from junto.device.spu.object import SPUObject
    from junto.device.spu.spu import SPU
    from junto.errors import (
        CannotTravel,
        CertificateError,
        ConfigError,
        DeadlineExceeded,
        DeviceError,
        ExecutorError,
        FrameError,
        HandshakeRefused,
        IdentityError,
        JoinError,
        JuntoError,
        LearnError,
        LinkError,
        ListenError,
        MalformedBytes,
        NotComputable,
        PartyAborted,
        PartyUnreachable,
        PeerError,
        ProgramDivergence,
        ProgramError,
        ProtocolViolation,
        RemoteError,
        SessionError,
        UsageError,
        WireError,
    )
    from junto.mpc.primitives.revealing import reveal_inside
    from junto.report.report import Report

__version__ = "0.1.0"

_HOMES = MappingProxyType(
    {
        "junto.device.disclosure": ("Undisclosed", "barrier", "reveal", "wait"),
        "junto.device.handle": ("Device", "DeviceObject"),
        "junto.device.placement": ("to", "with_device"),
        "junto.device.proxies": ("proxy",),
        "junto.device.pyu": ("PYU", "PYUObject"),
        "junto.device.rehearsal": ("explain",),
        "junto.device.session": ("Session", "init", "show_progress", "shutdown"),
        "junto.device.spu.object": ("SPUObject",),
        "junto.device.spu.spu": ("SPU",),
        "junto.mpc.primitives.revealing": ("reveal_inside",),
        "junto.report.report": ("Report",),
        "junto.config.spu_model": ("FieldType", "ProtocolKind", "SPUCompilerNumReturnsPolicy"),
    }
)
_HOME_OF = MappingProxyType({name: home for home, names in _HOMES.items() for name in names})

_PACKAGES = frozenset({"device", "errors", "federated", "frame", "join", "learn", "report", "utils"})
"""Reachable without an import of their own: ``sf.learn.LogisticRegression``."""

__all__ = [
    "PYU",
    "SPU",
    "CannotTravel",
    "CertificateError",
    "ConfigError",
    "DeadlineExceeded",
    "Device",
    "DeviceError",
    "DeviceObject",
    "ExecutorError",
    "FieldType",
    "FrameError",
    "HandshakeRefused",
    "IdentityError",
    "JoinError",
    "JuntoError",
    "LearnError",
    "LinkError",
    "ListenError",
    "MalformedBytes",
    "NotComputable",
    "PYUObject",
    "PartyAborted",
    "PartyUnreachable",
    "PeerError",
    "ProgramDivergence",
    "ProgramError",
    "ProtocolKind",
    "ProtocolViolation",
    "RemoteError",
    "Report",
    "SPUCompilerNumReturnsPolicy",
    "SPUObject",
    "Session",
    "SessionError",
    "Undisclosed",
    "UsageError",
    "WireError",
    "barrier",
    "explain",
    "init",
    "proxy",
    "reveal",
    "reveal_inside",
    "show_progress",
    "shutdown",
    "to",
    "wait",
    "with_device",
]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"junto.{name}")
    home = _HOME_OF.get(name) or ("junto.errors" if name in __all__ else None)
    if home is None:
        # `from junto import secretflow` would ask here for the name, and so for ever
        return importlib.import_module("junto.secretflow").found(name)
    from junto.device.boundary import public

    value = globals()[name] = public(_imported)(home, name)
    return value


def _imported(home: str, name: str) -> Any:
    """An import takes its time, in which a script may be interrupted as in any call."""
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *_PACKAGES})


class _WithoutAFile:
    """Python asks it last, and it answers for names of SecretFlow's alone: see `junto.secretflow`."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if not name.startswith("junto."):
            return None
        return importlib.import_module("junto.secretflow").find_spec(name, path, target)


if not any(type(each).__qualname__ == _WithoutAFile.__qualname__ for each in sys.meta_path):
    sys.meta_path.append(_WithoutAFile())
