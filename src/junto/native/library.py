"""Which library of kernels this process uses, if any.

Only one file is ever loaded: the one beside this module, which is as trustworthy as the module itself. A
library that was made of other sources than those that lie here is not called: its functions may want
other arguments.
"""

from __future__ import annotations

import ctypes
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from junto.errors import ConfigError
from junto.locks import once
from junto.native import compiling

log: logging.Logger = logging.getLogger("junto.native")

CHOICES = ("", "compiled", "numpy")
"""What the variable may say; as good as nothing is what is not set."""


class LibraryRefused(Exception):
    """The library is not to be called; the message says why."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What this process uses.

    Attributes:
        library: None: numpy.
        sentence: what it is, or why there is none.
    """

    library: ctypes.CDLL | None
    sentence: str


@once
def loaded() -> Loaded:
    """The library of this process; looked for once.

    Raises:
        ConfigError: the variable says something else, or wants a library, and there is none that fits.
    """
    wanted = os.environ.get(compiling.VARIABLE, "")
    if wanted not in CHOICES:
        raise ConfigError(
            f"{compiling.VARIABLE} is {wanted!r}, which is none of {', '.join(filter(None, CHOICES))}",
            fix=f"unset {compiling.VARIABLE}, or give it one of these",
        )
    if wanted == "numpy":
        return Loaded(None, f"numpy, as {compiling.VARIABLE} says")
    try:
        return Loaded(judged(compiling.LIBRARY), "compiled kernels")
    except LibraryRefused as error:
        if wanted == "compiled":
            raise ConfigError(
                f"{compiling.VARIABLE} wants the compiled kernels, and {error}",
                fix="install a wheel for this machine, or a C compiler and then junto from its sources",
            ) from None
        level = logging.WARNING if compiling.LIBRARY.exists() else logging.INFO
        log.log(level, "%s: numpy computes, and some operations take several times as long", error)
        return Loaded(None, f"numpy: {error}")


def judged(path: Path) -> ctypes.CDLL:
    """The library in this file.

    Raises:
        Refused: it is not there, not for this machine, or not of these sources.
    """
    if not path.is_file():
        raise LibraryRefused("the kernels are not compiled")
    try:
        library = ctypes.CDLL(str(path))
        tell = library.kernels_source
    except (OSError, AttributeError):
        raise LibraryRefused(f"{path.name} is no library of kernels for this machine") from None
    tell.restype = ctypes.c_char_p
    if tell() != compiling.digest().encode():
        raise LibraryRefused(f"{path.name} was compiled from other sources than are installed")
    return library


def status() -> str:
    """What computes in this process, as one line without its end."""
    return loaded().sentence
