"""Where in the script an operation was written."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Final

from junto.loaded import notebook_line
from junto.tracebacks import of_the_script

AT_THE_END: Final = "the end of the script"


def call_site() -> str:
    """``"fit.py:31"`` of the nearest caller outside this package, ``"?"`` if there is none.

    In a notebook ``"cell 3, line 2"``: the file that it pretends to have there has a number for a name. What
    `junto run` does when a script is over is at its end, and so is what the interpreter does as it ends.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("junto.cli.") or module == "threading":
            return AT_THE_END
        if module != "junto" and not module.startswith("junto."):
            return _named(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return "?"


def line_of(error: BaseException) -> str:
    """The line of the script that an error has come to; empty if none is in its traceback."""
    trace = of_the_script(error.__traceback__)
    return "" if trace is None else _named(trace.tb_frame.f_code.co_filename, trace.tb_lineno)


def _named(path: str, line: int) -> str:
    return notebook_line(path, line) or f"{os.path.basename(path)}:{line}"
