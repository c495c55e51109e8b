"""The ledger: one line for every value that crosses this silo's edge, chained by hashes.

A ledger is a file of JSON lines. The first line of a run is its genesis (job, run, party); every
line carries the SHA-256 of the line before it, so that a line that is changed, removed or put in
later breaks the chain from there on; the run's last line says that it ended, so that lines cut off
at the end are missed, too. Both sides of a crossing write it; two ledgers of one run can be laid
side by side. A later run with the same file continues the chain.

The ledger says what crossed (operation, call site, parties, kind, type, shape, size), never its content.
Entries are written by a thread of its own, those of `GATHERED_S` at a time; `close` waits until
they are on disk.
"""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import json
import logging
import os
import queue
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec

from junto.errors import UNREADABLE, ConfigError
from junto.locks import Event

_log = logging.getLogger("junto.net")

ZERO = "0" * 64
SENT, RECEIVED = "sent", "received"
GATHERED_S = 0.02
"""Entries that follow one another sooner are written together: to wake a thread for each would take a fifth
of the time of a small task."""

_PLACE = "name a file in a folder that exists and that this process may write"
ROOM = "make room on its disk, and start the run again at every party"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One crossing, as one side saw it.

    Attributes:
        direction: ``sent`` or ``received``.
        operation: number of the operation that asked for it; `index`: which value of it.
        site: call site of that operation, ``fit.py:31``.
        kind: ``move``, ``reveal``, ``wait`` or ``barrier`` (the last two carry no data of anybody).
        sender, receiver: parties.
        type_name, shape: of the value.
        nbytes: size on the wire.
    """

    direction: str
    operation: int
    index: int
    text: str
    site: str
    kind: str
    sender: str
    receiver: str
    type_name: str
    shape: tuple[int, ...] | None
    nbytes: int


_FIELDS = tuple(LedgerEntry.__dataclass_fields__)
_values_of: Callable[[LedgerEntry], tuple[Any, ...]] = attrgetter(*_FIELDS)
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry as it stands in a file.

    Attributes:
        number: line number in its file, from 1.
        time: UTC, ISO 8601.
        job, run, party: of the genesis above it.
    """

    number: int
    time: str
    job: str
    run: str
    party: str
    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether a ledger's chain holds.

    Attributes:
        lines: lines looked at.
        broken: the first line that does not fit; None: all do.
        cause: why it does not.
        unended: lines that begin a run which never ends: its process died, or lines were cut off.
    """

    lines: int
    broken: int | None
    cause: str = ""
    unended: tuple[int, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the chain holds from the first line to the last, and every run has its end."""
        return self.broken is None and not self.unended


@dataclass(frozen=True, slots=True)
class Edge:
    """What crossed from one party to another: number of values and bytes."""

    sender: str
    receiver: str
    values: int
    nbytes: int


class LedgerFile:
    """A ledger's file, ours alone until `close`: open to append, locked, its chain followed to the end.

    It is made (mode 0600) if it is not there; nothing is written yet.

    Raises:
        ConfigError: it cannot be written, another run is writing it, or it is no ledger that holds.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self.descriptor: int = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a path"
            raise ConfigError(f"the ledger {path!r} cannot be written: {reason}", fix=_PLACE) from None
        self._regular = stat.S_ISREG(os.fstat(self.descriptor).st_mode)  # a device may be everybody's
        try:
            self._lock()
            self.previous = _last_hash(path) if self._regular else ZERO
        except BaseException:
            os.close(self.descriptor)
            raise

    def _lock(self) -> None:
        if not self._regular:
            return
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another run is writing the ledger {self.path}, and lines of two would break its chain",
                fix="give each run that goes on at the same time a file of its own, or wait for its end",
            ) from None
        except OSError as error:
            _log.warning(
                "the ledger %s cannot be locked: %s; see that no other run writes it", self.path, error
            )

    def append(self, lines: bytes) -> None:
        """Whole lines alone: where the disk takes a part of one, that part goes. Raises OSError."""
        written = 0
        try:
            while written < len(lines):
                written += os.write(self.descriptor, lines[written:])
        except OSError:
            torn = written - (lines.rfind(b"\n", 0, written) + 1)
            if self._regular and torn:
                os.ftruncate(self.descriptor, os.fstat(self.descriptor).st_size - torn)
            raise

    def close(self) -> None:
        """Give it back; once."""
        if self._regular:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)  # a process forked meanwhile has the descriptor, too
        os.close(self.descriptor)


class Ledger:
    """Writes one run's entries.

    Args:
        file: where to, and closed at the end; None: nothing is written.
        job, run, party: what the genesis says; `run` in hex.
        failed: told when the file cannot be written after all.
    """

    def __init__(
        self,
        file: LedgerFile | None,
        job: str,
        run: str,
        party: str,
        failed: Callable[[ConfigError], object] = lambda error: None,
    ) -> None:
        self._failed = failed
        self._run = run
        self._queue: queue.SimpleQueue[dict[str, Any] | None] | None = None
        self._thread: threading.Thread | None = None
        self._ends = Event()
        if file is None:
            return
        genesis = {"genesis": 1, "time": _now(), "job": job, "run": run, "party": party}
        self._queue = queue.SimpleQueue()
        self._queue.put(genesis)
        self._thread = threading.Thread(
            target=self._write, args=(file, self._queue), name="junto-ledger", daemon=True
        )
        self._thread.start()

    def record(self, entry: LedgerEntry) -> None:
        """Note one crossing; returns at once."""
        if self._queue is not None:
            self._queue.put({"time": _now(), **dict(zip(_FIELDS, _values_of(entry), strict=True))})

    def close(self) -> None:
        """Wait until everything is on disk. Idempotent."""
        if self._queue is None or self._thread is None:
            return
        self._queue.put({"end": 1, "time": _now(), "run": self._run})
        self._queue.put(None)
        self._ends.set()
        self._thread.join()
        self._queue = None

    def _write(self, file: LedgerFile, entries: queue.SimpleQueue[dict[str, Any] | None]) -> None:
        try:
            self._write_all(file, entries)
        except OSError as error:
            cause = error.strerror or str(error)
            self._failed(ConfigError(f"the ledger {file.path} cannot be written: {cause}", fix=ROOM))
        finally:
            file.close()

    def _write_all(self, place: LedgerFile, entries: queue.SimpleQueue[dict[str, Any] | None]) -> None:
        previous, lines = place.previous, []
        while (fields := entries.get()) is not None:
            lines.append(_line(fields, previous) + b"\n")
            previous = _hash(lines[-1][:-1])
            if entries.empty():
                place.append(b"".join(lines))
                lines.clear()
                self._ends.wait(GATHERED_S)
        place.append(b"".join(lines))
        os.fsync(place.descriptor)


def read(path: str | os.PathLike[str]) -> Iterator[Recorded]:
    """The entries of a ledger, in order; the chain is not checked (see `verify`).

    Raises:
        ConfigError: it cannot be read, or a line is no ledger's.
    """
    genesis: dict[str, Any] = {}
    for number, line in enumerate(_lines(path), 1):
        fields = _parse(path, number, line)
        if "genesis" in fields:
            genesis = fields
            continue
        if "end" in fields:
            continue
        try:
            yield _recorded(number, fields, genesis)
        except UNREADABLE as error:
            raise _no_ledger(path, number) from error


def runs(path: str | os.PathLike[str]) -> set[tuple[str, str]]:
    """Run and party of each genesis in a file, that of a run without any entry, too.

    Raises:
        ConfigError: it cannot be read, or a line is no ledger's.
    """
    begun = (_parse(path, number, line) for number, line in enumerate(_lines(path), 1))
    return {(str(each.get("run")), str(each.get("party"))) for each in begun if "genesis" in each}


def verify(path: str | os.PathLike[str]) -> Verification:
    """Follow the chain of hashes through a file.

    Raises:
        ConfigError: it cannot be read.
    """
    previous, number = ZERO, 0
    open_run, unended = 0, list[int]()
    for number, line in enumerate(_lines(path), 1):
        try:
            fields = json.loads(line)
            said = fields["previous"]
        except UNREADABLE:
            return Verification(number, number, "it is no line of a ledger")
        if said != previous:
            return Verification(number, number, "it does not follow from the line before it")
        previous = _hash(line)
        if "genesis" in fields:
            unended += [open_run] if open_run else []
            open_run = number
        elif "end" in fields:
            open_run = 0
    unended += [open_run] if open_run else []
    return Verification(number, None, unended=tuple(unended))


def summarise(entries: Iterable[LedgerEntry]) -> list[Edge]:
    """Values and bytes from each party to each other."""
    counts: dict[tuple[str, str], list[int]] = {}
    for entry in entries:
        edge = counts.setdefault((entry.sender, entry.receiver), [0, 0])
        edge[0] += 1
        edge[1] += entry.nbytes
    return [Edge(*parties, *numbers) for parties, numbers in sorted(counts.items())]


def _last_hash(path: str) -> str:
    held = verify(path)
    if held.broken is not None:
        raise ConfigError(
            f"the ledger {path} is broken at line {held.broken}: {held.cause}",
            fix="keep it as evidence, and name another file",
        )
    previous = ZERO
    for line in _lines(path):
        previous = _hash(line)
    return previous


def _lines(path: str | os.PathLike[str]) -> Iterator[bytes]:
    try:
        with Path(path).open("rb") as file:
            for line in file:
                yield line.rstrip(b"\n")
    except OSError as error:
        raise ConfigError(
            f"the ledger {os.fspath(path)} cannot be read: {error.strerror}",
            fix="check the path, and that this account may read it",
        ) from error


def _parse(path: str | os.PathLike[str], number: int, line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except UNREADABLE as error:
        raise _no_ledger(path, number) from error
    if not isinstance(fields, dict):
        raise _no_ledger(path, number)
    return fields


def _recorded(number: int, fields: dict[str, Any], genesis: dict[str, Any]) -> Recorded:
    """Raises what `UNREADABLE` lists."""
    said = {name: genesis[name] for name in ("job", "run", "party")}
    return msgspec.convert(
        {"number": number, "time": fields["time"], **said, "entry": fields}, Recorded, strict=True
    )


def _no_ledger(path: str | os.PathLike[str], number: int) -> ConfigError:
    return ConfigError(
        f"{os.fspath(path)} is no ledger: line {number} cannot be read",
        fix="name a file that a run wrote (ledger=... in its settings)",
    )


def _line(fields: dict[str, Any], previous: str) -> bytes:
    return _ENCODER.encode({**fields, "previous": previous})


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
