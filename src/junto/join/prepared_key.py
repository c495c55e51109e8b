"""The secret of a prepared table, beside its file: the function's key, and who has asked how much."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from junto.errors import UNREADABLE, JoinError, ProtocolViolation
from junto.join.hashed_dh import new_scalar, require_scalar
from junto.whole_files import locked, write_whole

ENDING: Final = ".key"


@dataclass(frozen=True, slots=True, repr=False)
class PreparedKey:
    """What the owner alone has. It is of no type that may cross a silo's edge.

    Attributes:
        name: of the function; see `PreparedHeader`.
        scalar: its key.
        signing: the key that signs the file, 32 bytes.
        most: keys that a party may ask for in all; None: any number.
        asked: keys that each party has asked for.
    """

    name: str
    scalar: bytes
    signing: bytes
    most: int | None
    asked: Mapping[str, int]

    @classmethod
    def fresh(cls, most: int | None) -> PreparedKey:
        """A new one."""
        return cls(secrets.token_hex(16), new_scalar(), secrets.token_bytes(32), most, {})

    @property
    def signer(self) -> Ed25519PrivateKey:
        """What signs."""
        return Ed25519PrivateKey.from_private_bytes(self.signing)

    def save(self, path: str) -> None:
        """Write it beside the table at `path`, or where a link there leads to, readable by nobody else."""
        write_whole(os.path.realpath(path + ENDING), [json.dumps(self._said()).encode()], mode=0o600)

    def _said(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "scalar": self.scalar.hex(),
            "signing": self.signing.hex(),
            "most": self.most,
            "asked": dict(self.asked),
        }


def saved_key(path: str, name: str) -> PreparedKey:
    """The one of the table at `path`.

    Args:
        path: of the table.
        name: of its function.

    Raises:
        OSError: it cannot be read.
        JoinError: it is of another table, or none.
    """
    return _read(Path(path + ENDING).read_bytes(), name)


@contextmanager
def alone(path: str) -> Generator[None]:
    """No other process changes the table at `path`, or counts who asks for it, in this block."""
    if os.path.exists(path + ENDING):
        with locked(path + ENDING):
            yield
    else:
        yield


def asks(path: str, name: str, party: str, count: int) -> None:
    """Note that a party asks for so many keys.

    Raises:
        OSError: the key cannot be written.
        JoinError: it has asked for too many.
    """
    with locked(path + ENDING) as raw:
        key = _read(raw, name)
        every = key.asked.get(party, 0) + count
        if key.most is not None and every > key.most:
            raise JoinError(
                f"{party} has asked for {every - count} keys of {key.most} at most, and wants {count} more",
                fix="the owner of the table says how many these may be, where it prepares it",
            )
        replace(key, asked={**key.asked, party: every}).save(path)


def _read(raw: bytes, name: str) -> PreparedKey:
    try:
        said = json.loads(raw)
        found = PreparedKey(
            said["name"],
            require_scalar(bytes.fromhex(said["scalar"])),
            bytes.fromhex(said["signing"]),
            said["most"],
            {str(party): int(count) for party, count in said["asked"].items()},
        )
        found.signer.public_key()
    except (*UNREADABLE, ProtocolViolation):
        raise JoinError("the key beside a prepared table is none", fix="prepare the table again") from None
    if found.name != name:
        raise JoinError(
            "the key beside a prepared table is of another one",
            fix="keep both files of a table together, or prepare it again",
        )
    return found
