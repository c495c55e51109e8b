"""Values of a PYU in a file of that party: `PYU.dump` and `PYU.load`.

A file holds what would travel to another party: bytes of the wire's closed set of types, never a pickle.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from junto.errors import DeviceError
from junto.whole_files import write_whole
from junto.wire.codec import decode, encode
from junto.wire.policy import WirePolicy

MAGIC = b"junto value 1\n"


def write(policy: WirePolicy, value: Any, path: str | os.PathLike[str]) -> None:
    """Keep `value` in the file `path`, whole or not at all.

    Raises:
        CannotTravel: it is not of the closed set of types.
        OSError: the file cannot be written.
    """
    write_whole(path, [MAGIC, *encode(value, policy).pieces], mode=0o600)


def read(policy: WirePolicy, path: str | os.PathLike[str]) -> Any:
    """The value in the file `path`.

    Raises:
        DeviceError: it is no file of `write`.
        MalformedBytes: it is damaged.
        OSError: it cannot be read.
    """
    data = bytearray(Path(path).read_bytes())
    if not data.startswith(MAGIC):
        raise DeviceError("the file was not written by PYU.dump")
    return decode(memoryview(data)[len(MAGIC) :], policy)
