"""Settings: what `sf.init` was told, checked once, frozen.

Everything below `sf.init` sees a `Settings` value and never a bare dict.
"""

from junto.config.build import build_settings
from junto.config.model import (
    Address,
    LinkSettings,
    Mode,
    PartySettings,
    RaySettings,
    Settings,
    TlsSettings,
)

__all__ = [
    "Address",
    "LinkSettings",
    "Mode",
    "PartySettings",
    "RaySettings",
    "Settings",
    "TlsSettings",
    "build_settings",
]
