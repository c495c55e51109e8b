"""The parties' sides while a prepared table is asked: its owner, who keeps a copy, and who has keys."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from junto.errors import JoinError, JuntoError, ProtocolViolation
from junto.join import hashed_dh
from junto.join.curve import Points
from junto.join.keys import Digests
from junto.join.lookup import LookupDesk
from junto.join.prepared_file import (
    REST_BYTES,
    Numbers,
    PreparedFile,
    PreparedHeader,
    TableChange,
    beginning,
    decrypted,
    header_of,
    now,
    tags_of,
    write_prepared,
)
from junto.join.prepared_key import PreparedKey, asks, saved_key
from junto.join.preparing import difference_file
from junto.join.row_words import Form
from junto.join.spool import Scratch
from junto.join.table_actor import Order
from junto.whole_files import publish

CHUNK: Final = 1 << 22
"""Bytes of a file that travel at once."""
MOST_VERSIONS: Final = 1 << 16


class AnsweringDesk:
    """The prepared table at its owner.

    Args:
        party: whose it is.
    """

    def __init__(self, party: str) -> None:
        self._party, self._hint = party, ""

    def read(self, value: Any, output: str | None, terms: list[str]) -> dict[str, Any]:
        """Open the table; see `TableActor.read`."""
        report = {"on": list[str](), "kinds": list[str](), "keys": 0, "problem": "", "terms": terms}
        report["writes"] = False
        try:
            if not isinstance(value, str | os.PathLike):
                raise JoinError(
                    "there is no path of the prepared table", fix='PreparedTable(bob, "bob.prepared")'
                )
            self._path = os.fspath(value)
            self._file = PreparedFile(self._path, self._party)
            header = self._file.header
            self._key: PreparedKey = saved_key(self._path, header.name)
            if header.is_over(now()):
                raise JoinError(
                    f"the prepared table was to be used until {header.until}", fix="prepare it again"
                )
            report |= {"on": header.on, "kinds": header.kinds, "keys": header.keys}
        except OSError as error:
            self._hint = f"{error.filename or value}: {error.strerror or error}"
            report["problem"] = f"the prepared table cannot be opened ({type(error).__name__})"
        except (JoinError, ProtocolViolation) as error:
            self._hint, report["problem"] = error.fix, error.message
        return report

    def hint(self) -> str:
        """For the owner: what may help with the problem."""
        return self._hint

    def offer(self, asker: str, count: int) -> dict[str, Any]:
        """Note who asks for how many keys, and say what there is.

        Returns:
            What all learn: the beginning of the file (``sealed``), bytes of what makes each version of the
            one before, from the second on (``steps``; 0: it is gone), and a ``problem``.
        """
        try:
            asks(self._path, self._file.header.name, asker, count)
        except OSError as error:
            return {
                "sealed": b"",
                "steps": [],
                "problem": f"nobody can note who asks ({type(error).__name__})",
            }
        except JoinError as error:
            self._hint = error.fix
            return {"sealed": b"", "steps": [], "problem": error.message}
        files = [difference_file(self._path, each) for each in range(2, self._file.header.version + 1)]
        steps = [file.stat().st_size if file.exists() else 0 for file in files]
        return {"sealed": self._file.sealed, "steps": steps, "problem": ""}

    def path(self) -> str:
        """Where the table is, for its owner."""
        return self._path

    def chunk(self, version: int, start: int, size: int) -> Digests:
        """Some bytes of the table (version 0), or of what makes that version of the one before."""
        if not version:
            return np.array(self._file.raw[start : start + size])
        with difference_file(self._path, version).open("rb") as file:
            file.seek(start)
            return np.frombuffer(file.read(size), np.uint8)

    def answer(self, points: Any, count: int, sender: str) -> Points:
        """Blinded keys times the scalar of the function. Raises ProtocolViolation if they are none."""
        return hashed_dh.answered(self._key.scalar, points, count, sender)

    def close(self) -> None:
        """Forget everything."""
        self._file = self._key = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class PreparedOffer:
    """What the owner of a prepared table says of it; see `AnsweringDesk.offer`."""

    sealed: bytes = field(repr=False)
    header: PreparedHeader
    steps: Sequence[int]

    def missing(self, name: str, version: int, digest: str) -> list[tuple[int, int]]:
        """What somebody with that version fetches: which parts, and bytes of each; 0 is the whole."""
        header = self.header
        if (name, version, digest) == (header.name, header.version, header.digest):
            return []
        steps = list(enumerate(self.steps, 2))[max(version - 1, 0) :]
        sizes = [size for _, size in steps]
        if name == header.name and 1 <= version < header.version and all(sizes) and sum(sizes) < header.size:
            return steps
        return [(0, header.size)]


def checked_offer(report: Any, owner: str) -> PreparedOffer:
    """What the owner said, once it is that, without a problem.

    Raises:
        ProtocolViolation: it is none.
    """
    steps = report.get("steps")
    header = header_of(report.get("sealed"), owner)
    if not isinstance(steps, list) or len(steps) != max(header.version - 1, 0) or len(steps) > MOST_VERSIONS:
        raise ProtocolViolation(f"{owner} does not say what makes each version of its prepared table")
    if any(type(step) is not int or step < 0 for step in steps):
        raise ProtocolViolation(f"{owner} does not say how large what makes a version is")
    return PreparedOffer(report["sealed"], header, steps)


class PreparedKeeper:
    """A copy of a prepared table at a party that asks, or helps.

    Args:
        path: where it is kept; None: nowhere, it goes with this.
        owner: whose table it is.
        spill: folder for one that is not kept.
    """

    def __init__(self, path: Any, owner: str, spill: str | None) -> None:
        self._scratch, self._owner = Scratch(spill), owner
        self._path = str(self._scratch.file()) if path is None else os.fspath(path)
        self._coming = f"{self._path}.{secrets.token_hex(8)}.coming"

    def held(self) -> dict[str, Any]:
        """What is there already: ``name``, ``version`` and ``digest`` of the copy, and a ``problem``."""
        found = {"name": "", "version": 0, "digest": "", "problem": ""}
        if not Path(self._path).exists():
            if not Path(self._path).parent.is_dir():
                found["problem"] = "there is no folder for the copy of the prepared table"
            return found
        try:
            file = PreparedFile(self._path, self._owner)
            file.check()
        except (ProtocolViolation, OSError):
            found["problem"] = (
                "where a copy of the prepared table is kept, something else is, or it is damaged"
            )
            return found
        header = file.header
        return found | {"name": header.name, "version": header.version, "digest": header.digest}

    def take(self, start: int, size: int, chunk: Any) -> None:
        """The next bytes of a file. Raises ProtocolViolation if they are not so many."""
        if not isinstance(chunk, np.ndarray) or chunk.dtype != np.uint8 or chunk.shape != (size,):
            raise ProtocolViolation(f"what {self._owner} sent is not {size} bytes of its prepared table")
        with open(self._coming, "ab" if start else "wb") as file:
            file.write(chunk.data)

    def settle(self, version: int) -> None:
        """All of a part is there: it is checked, and takes its place.

        Raises:
            ProtocolViolation: it is not what its owner signed.
        """
        try:
            if version:
                self._change(Path(self._coming).read_bytes())
            else:
                PreparedFile(self._coming, self._owner).check()
                publish(Path(self._coming), self._path)
        finally:
            Path(self._coming).unlink(missing_ok=True)

    def ready(self, sealed: bytes) -> str:
        """Where the copy is, once it is the one that its owner answers for.

        Raises:
            ProtocolViolation: it is another one.
        """
        if PreparedFile(self._path, self._owner).sealed != sealed:
            raise ProtocolViolation(f"{self._owner} sent another prepared table than it said")
        return self._path

    def hint(self) -> str:
        """For the party that keeps it: what may help with the problem."""
        return f"it is {self._path}: remove it if it is nothing else, or name another path"

    def close(self) -> None:
        """Forget what is not kept."""
        self._scratch.close()

    def _change(self, raw: bytes) -> None:
        old = PreparedFile(self._path, self._owner)
        sealed = beginning(raw)
        header = header_of(sealed, self._owner)
        own = old.header
        if any(getattr(header, each) != getattr(own, each) for each in ("name", "signer", "bits", "forms")):
            raise ProtocolViolation(f"{self._owner} sent a change of another prepared table")
        try:
            change = TableChange.unpacked(raw[len(sealed) :], header.record, own.keys, own.bits)
        except ValueError:
            raise ProtocolViolation(f"what {self._owner} sent is no change of a prepared table") from None
        write_prepared(self._path, change.parts(old), header.bits, lambda _: sealed)
        try:
            PreparedFile(self._path, self._owner).check()
        except JuntoError:
            os.unlink(self._path)  # the next time it is fetched as a whole
            raise


class AskingDesk(LookupDesk):
    """The keys, at the party that asks a prepared table."""

    def __init__(self, order: Order) -> None:
        super().__init__(order)
        self._asking = hashed_dh.Asking()

    def blinded(self, start: int, count: int) -> Points:
        """Keys `start` to `start + count`, blinded."""
        return self._asking.blinded(self.keys(start, count))

    def opened(self, start: int, count: int, answers: Any, sender: str) -> None:
        """Take what came back for them. Raises ProtocolViolation if it is something else."""
        if not hasattr(self, "_values"):
            self._values = np.empty((len(self._digests), hashed_dh.VALUE_BYTES), np.uint8)
        found = self._asking.opened(self.keys(start, count), answers, sender)
        self._values[start : start + count] = found

    def search(self, path: str, owner: str, having: bool) -> int:
        """Rank the keys that the table has, or those that it has not; how many these are."""
        there = PreparedFile(path, owner).find(tags_of(self._all_values())) >= 0
        chosen = there if having else ~there
        self._ranks[:] = np.where(chosen, np.cumsum(chosen) - 1, -1)
        return int(chosen.sum())

    def fetch(self, path: str, owner: str, names: Sequence[str]) -> Any:
        """The rows of the keys, with the columns of those that the table has; see `LookupDesk.found`."""
        file, values = PreparedFile(path, owner), self._all_values()
        return self.decrypt(file.header.forms, file.find(tags_of(values)), file.records, names)

    def decrypt(
        self, forms: Mapping[str, Form], found: Numbers, records: Digests, names: Sequence[str]
    ) -> Any:
        """The same of these records: which of them each key has, or -1."""
        values, there = self._all_values(), found >= 0
        words = np.zeros((len(values), 1 + sum(count for _, count in forms.values())), np.uint64)
        hidden = np.ascontiguousarray(records[found[there], REST_BYTES:])
        words[there] = decrypted(values[there], hidden).view("<u8")
        self._words = {str(number): words[:, number] for number in range(words.shape[1])}
        return self.found(forms, names)

    def _all_values(self) -> Digests:
        return getattr(self, "_values", np.empty((0, hashed_dh.VALUE_BYTES), np.uint8))
