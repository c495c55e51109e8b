"""Where in the script an operation was written."""

from __future__ import annotations

import os
import sys
from types import FrameType


def call_site() -> str:
    """``"fit.py:31"`` of the nearest caller outside this package (``"?"`` if there is none)."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module != "junto" and not module.startswith("junto."):
            return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"
