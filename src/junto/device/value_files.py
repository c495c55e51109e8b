"""Values of a PYU in a file of that party: `PYU.dump` and `PYU.load`.

A file holds what would travel to another party: bytes of the wire's closed set of types, never a pickle.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from junto.device.encrypted_files import encrypting, opened
from junto.errors import DeviceError
from junto.whole_files import write_whole
from junto.wire.codec import decode, encode
from junto.wire.policy import WirePolicy

MAGIC = b"junto value 1\n"


def write(policy: WirePolicy, passphrase: str | None, value: Any, path: str | os.PathLike[str]) -> None:
    """Keep `value` in the file `path`, whole or not at all; `passphrase`: where that of the file is.

    Raises:
        CannotTravel: it is not of the closed set of types.
        DeviceError: there is no passphrase.
        OSError: the file cannot be written.
    """
    pieces: list[Any] = [MAGIC, *encode(value, policy).pieces]
    if passphrase is not None:
        whole = io.BytesIO()
        with encrypting(whole, passphrase) as sink:
            for piece in pieces:
                sink.write(piece)
        pieces = [whole.getbuffer()]
    write_whole(path, pieces, mode=0o600)


def read(policy: WirePolicy, passphrase: str | None, path: str | os.PathLike[str]) -> Any:
    """The value in the file `path`; `passphrase`: where that of the file is.

    Raises:
        DeviceError: it is no file of `write`, or does not open with this passphrase.
        MalformedBytes: it is damaged.
        OSError: it cannot be read.
    """
    file, _ = opened(Path(path), passphrase)
    with file:
        data = bytearray(file.read())
    if not data.startswith(MAGIC):
        raise DeviceError(
            "the file was not written by PYU.dump",
            fix="check the path; what PYU.dump wrote is read here, and nothing else",
        )
    return decode(memoryview(data)[len(MAGIC) :], policy)
