"""The owner's side while a table is prepared or changed: reads keys and columns, and writes the file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from junto.device.boundary import Scripted
from junto.errors import JoinError, ProtocolViolation
from junto.join import hashed_dh
from junto.join.keys import Digests
from junto.join.kinds import agreed
from junto.join.prepared_file import (
    FULLEST,
    Numbers,
    PreparedFile,
    PreparedHeader,
    TableChange,
    bits_for,
    encrypted,
    now,
    rest_bytes,
    split,
    tags_of,
    write_prepared,
)
from junto.join.prepared_key import PreparedKey, alone, saved_key
from junto.join.row_words import Form, words_of
from junto.join.spool import Scratch, Spool
from junto.join.table_actor import Order, TableActor
from junto.whole_files import write_whole

Batch = Mapping[str, Digests]
"""Some keys' digests, and their columns as bytes."""


@dataclass(frozen=True)
class PreparedLimits(metaclass=Scripted):
    """How long a prepared table is to be used, and for how much.

    Args:
        days: after so many its owner answers nothing any more.
        keys: a party may ask for in all; None: any number, which the owner sees.
    """

    days: int = 30
    keys: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("days", self.days), ("keys", self.keys)):
            if value is not None and (type(value) is not int or not 1 <= value <= 1 << 40):
                raise JoinError(f"{name} of PreparedLimits is {value!r}", fix="a whole number from 1 on")
        if self.days is None or self.days > 36_500:
            raise JoinError("a prepared table is valid for some days", fix="PreparedLimits(days=30)")


class PreparingDesk(TableActor):
    """A table of which keys, and columns, go into a prepared one.

    Args:
        order: see `TableActor`.
        names: the columns.
    """

    def __init__(self, order: Order, names: tuple[str, ...]) -> None:
        super().__init__(order)
        self._names = names
        self._about: dict[str, Any] = {}

    def read(self, value: Any, output: str | None, terms: list[str]) -> dict[str, Any]:
        """Open the table; see `TableActor.read`."""
        report = super().read(value, output, terms)
        if not report["problem"]:
            try:
                forms, self._columns = self._read_columns()
                self._about = {"on": report["on"], "kinds": report["kinds"], "forms": forms}
            except JoinError as error:
                self._hint, report["problem"] = error.fix, error.message
        return report

    def about(self) -> dict[str, Any]:
        """What is in the table, for its owner: key columns and ``kinds``, and the ``forms`` of the others."""
        return self._about

    def batch(self, start: int, count: int) -> Batch:
        """Keys `start` to `start + count`, with their columns."""
        return {"keys": self.keys(start, count), "words": self._columns[start : start + count]}

    def _read_columns(self) -> tuple[dict[str, Form], Digests]:
        count = len(self._digests)
        if not self._names or self._table is None:
            return {}, np.empty((count, 0), np.uint8)
        there = self._table.columns()
        for name in self._names:
            if there.count(name) != 1:
                raise JoinError(
                    f"there is not one column {name!r}", fix="name a column that the table has once"
                )
        rows = np.array(self._rows[self._starts[:count]])
        forms, words = words_of(self._table.take(rows, {}), self._names)
        return forms, np.stack(words, axis=1).astype("<u8").view(np.uint8).reshape(count, 8 * len(words))


class PreparedWriter:
    """Writes a prepared table.

    Args:
        path: where.
        limits: of its use.
        spill: folder for what is larger than memory.
    """

    def __init__(self, path: Any, limits: PreparedLimits, spill: str | None) -> None:
        self._path, self._limits = path, limits
        self._scratch = Scratch(spill)
        self._key = PreparedKey.fresh(limits.keys)

    def begin(self, about: Mapping[str, Any], count: int) -> None:
        """Make room for so many keys."""
        self._about, self._count = about, count
        self._made = _header(self._key, about, count, self._limits.days)
        width = self._made.record
        self._spool = Spool([("record", "u1", (width,))], count, self._scratch)

    def add(self, batch: Batch) -> None:
        """The next keys."""
        tags, records = _records(self._key, batch, self._made)
        self._spool.add(tags, record=records)

    def finish(self) -> dict[str, Any]:
        """Write the file; what all learn: its beginning (``sealed``), or a ``problem``."""
        try:
            path = _checked_path(self._path)
            with alone(path):
                for old in _differences(path):
                    old.unlink()
                sealed = _write(path, self._parts(), self._made, self._key)
                self._key.save(path)
        except OSError as error:
            return _failed(f"the prepared table cannot be written ({type(error).__name__})")
        except JoinError as error:
            return _failed(error.message)
        finally:
            self._scratch.close()
        return {"sealed": sealed, "problem": ""}

    def _parts(self) -> Iterator[tuple[Numbers, Digests]]:
        for some in self._spool.buckets():
            tags = np.stack([some["high"], some["low"]], axis=1)
            yield split(tags, self._made.bits)[0], np.ascontiguousarray(some["record"])


class PreparedChanger:
    """Makes the next version of a prepared table; what changes is in memory.

    Args:
        path: of the table.
        party: whose it is.
    """

    def __init__(self, path: Any, party: str) -> None:
        self._path, self._party = path, party
        self._gone: list[Digests] = []
        self._new: list[tuple[Any, Digests]] = []

    def open(self) -> dict[str, Any]:
        """Open the table: all learn the ``columns`` that can be looked up, and a ``problem``."""
        try:
            path = _checked_path(self._path)
            self._old = PreparedFile(path, self._party)
            self._key = saved_key(path, self._old.header.name)
        except OSError as error:
            return _failed(f"the prepared table cannot be opened ({type(error).__name__})")
        except (JoinError, ProtocolViolation) as error:
            return _failed(error.message)
        self._next = replace(self._old.header, version=self._old.header.version + 1)
        return {"columns": list(self._next.forms), "problem": ""}

    def begin(self, about: Mapping[str, Any]) -> str:
        """Look at what a table of changes has, before its batches; what is wrong with it, or nothing."""
        self._forms = about["forms"]
        try:
            _require_alike(about, self._old.header)
        except JoinError as error:
            return error.message
        return ""

    def remove(self, batch: Batch) -> None:
        """Keys that are gone."""
        self._gone.append(tags_of(hashed_dh.values(self._key.scalar, batch["keys"])).view(np.uint8))

    def add(self, batch: Batch) -> None:
        """Keys that are new."""
        words = batch["words"]
        if self._next.forms:
            words = _widened(words, self._forms, self._next.forms)
        self._new.append(_records(self._key, {"keys": batch["keys"], "words": words}, self._next))

    def finish(self, days: int) -> dict[str, Any]:
        """Write the new version, and what makes it of the old one; see `PreparedWriter.finish`."""
        try:
            change = self._difference()
            keys = self._old.header.keys - len(change.gone) + len(change.at)
            if keys > FULLEST << self._next.bits:
                raise JoinError(
                    "there is no room for so many new keys: prepare the table anew",
                    fix="prepare(...) of the whole table",
                )
            path, made = _checked_path(self._path), now()
            until = made + timedelta(days=days)
            self._next = replace(self._next, keys=keys, made=made.isoformat(), until=until.isoformat())
            with alone(path):
                if PreparedFile(path, self._party).sealed != self._old.sealed:
                    raise JoinError(
                        "another process has changed the prepared table meanwhile: do it again",
                        fix="call update again",
                    )
                sealed = _write(path, change.parts(self._old), self._next, self._key)
                write_whole(difference_file(path, self._next.version), [sealed, change.packed()])
        except OSError as error:
            return _failed(f"the prepared table cannot be written ({type(error).__name__})")
        except (JoinError, ProtocolViolation) as error:
            return _failed(error.message)
        return {"sealed": sealed, "problem": ""}

    def _difference(self) -> TableChange:
        old, bits = self._old, self._old.header.bits
        none = np.empty((0, 2), np.uint64)
        gone = np.concatenate([none, *(each.view(np.uint64).reshape(-1, 2) for each in self._gone)])
        taken = np.sort(old.find(gone))
        if len(taken) and (missing := int((taken < 0).sum())):
            raise JoinError(
                f"{missing} of the keys to be removed are not in the prepared table",
                fix="take out those that are not there",
            )
        tags = np.concatenate([none, *(tags for tags, _ in self._new)])
        records = np.concatenate(
            [np.empty((0, old.header.record), np.uint8), *(each for _, each in self._new)]
        )
        order = np.lexsort((tags[:, 1], tags[:, 0]))
        tags, records = tags[order], records[order]
        twice = int((~np.isin(old.find(tags), [-1, *taken])).sum())
        if twice:
            raise JoinError(
                f"{twice} of the keys to be added are there already: remove them, too",
                fix="name them in remove=, too",
            )
        return TableChange(taken, old.places(tags), split(tags, bits)[0], records)


def difference_file(path: str, version: int) -> Path:
    """What makes this version of a table of the one before, beside it."""
    return Path(f"{path}.{version}")


def _differences(path: str) -> list[Path]:
    own = Path(path)
    return [each for each in own.parent.glob(f"{own.name}.*") if each.suffix[1:].isdigit()]


def _header(key: PreparedKey, about: Mapping[str, Any], count: int, days: int) -> PreparedHeader:
    made = now()
    return PreparedHeader(
        name=key.name,
        version=1,
        made=made.isoformat(),
        until=(made + timedelta(days=days)).isoformat(),
        on=list(about["on"]),
        kinds=list(about["kinds"]),
        keys=count,
        bits=bits_for(count),
        forms=dict(about["forms"]),
        digest="",
        signer=key.signer.public_key().public_bytes_raw().hex(),
    )


def _write(
    path: str, parts: Iterator[tuple[Numbers, Digests]], header: PreparedHeader, key: PreparedKey
) -> bytes:
    """Write a file; its beginning."""
    sealed = b""

    def seal(digest: str) -> bytes:
        nonlocal sealed
        sealed = replace(header, digest=digest).sealed(key.signer)
        return sealed

    write_prepared(path, parts, header.bits, seal)
    return sealed


def _checked_path(path: Any) -> str:
    if not isinstance(path, str | os.PathLike):
        raise JoinError("there is no path of the prepared table", fix='prepare(..., path="prepared.jpt")')
    return os.fspath(path)


def _failed(problem: str) -> dict[str, Any]:
    return {"sealed": b"", "problem": problem}


def _records(key: PreparedKey, batch: Batch, header: PreparedHeader) -> tuple[Any, Digests]:
    """Tags of keys, and their records."""
    values = hashed_dh.values(key.scalar, batch["keys"])
    tags = tags_of(values)
    rests = rest_bytes(split(tags, header.bits)[1])
    if not header.forms:
        return tags, rests
    return tags, np.hstack([rests, encrypted(values, batch["words"])])


def _require_alike(about: Mapping[str, Any], header: PreparedHeader) -> None:
    """Raise JoinError if a table of changes has other keys or columns than the prepared one."""
    kinds = zip(about["kinds"], header.kinds, strict=False)
    if len(about["kinds"]) != len(header.kinds) or not all(agreed(pair) for pair in kinds):
        raise JoinError(
            "the keys of the changes are of other kinds than those of the prepared table",
            fix="make them of the same type as in the prepared table",
        )
    for name, (kind, width) in about["forms"].items():
        if header.forms[name][0] != kind:
            raise JoinError(
                f"column {name!r} of the changes is of another type than in the prepared table",
                fix="make it of the same type, or prepare the table anew",
            )
        if width > header.forms[name][1]:
            raise JoinError(
                f"text in column {name!r} of the changes is longer than in the prepared table",
                fix="prepare the table anew",
            )


def _widened(words: Digests, forms: Mapping[str, Form], wanted: Mapping[str, Form]) -> Digests:
    """Rows as bytes where text has as much room as elsewhere."""
    columns, place = [words[:, :8]], 8
    for name, (_, width) in forms.items():
        own = words[:, place : place + 8 * width]
        columns.append(np.pad(own, ((0, 0), (0, 8 * (wanted[name][1] - width)))))
        place += 8 * width
    return np.hstack(columns)
