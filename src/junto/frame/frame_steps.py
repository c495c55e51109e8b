"""A step of a frame at its owners: a function, and those of its arguments that must be the same everywhere.

What an operation is called enters the digest that the parties compare (`junto.program.operation`); its plain
arguments do not, for a path may differ. How many rows `head` keeps may not: rows would no longer belong
together. So such arguments are part of a step's name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

LONGEST = 60
"""Characters of arguments that a name shows; longer ones end with a hash of all."""


class FrameStep:
    """``function(*given, *public)`` under a name such as ``head(5)``.

    Args:
        function: of this package, at the top of its module, so that it travels to workers of a cluster.
        *public: arguments that all parties must give alike. They are shown in logs and messages.
        about: what else they must say alike; it is in the name, and no argument.
    """

    def __init__(self, function: Callable[..., Any], *public: Any, about: tuple[Any, ...] = ()) -> None:
        self._function = function
        self._public = public
        self.__name__: str = f"{function.__name__.strip('_')}({_shown((*about, *public))})"
        self.__qualname__: str = self.__name__

    def __call__(self, *given: Any) -> Any:
        return self._function(*given, *self._public)


def _shown(arguments: tuple[Any, ...]) -> str:
    text = ", ".join(repr(each) for each in arguments)
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}... {hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"
