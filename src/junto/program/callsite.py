"""Where in the script an operation was written."""

from __future__ import annotations

import os
import sys
from types import FrameType

from junto.loaded import notebook_line


def call_site() -> str:
    """``"fit.py:31"`` of the nearest caller outside this package, ``"?"`` if there is none.

    In a notebook ``"cell 3, line 2"``: the file that it pretends to have there has a number for a name. What
    `junto run` does when a script is over is at its end.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("junto.cli."):
            return "the end of the script"
        if module != "junto" and not module.startswith("junto."):
            path = frame.f_code.co_filename
            return notebook_line(path, frame.f_lineno) or f"{os.path.basename(path)}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"
