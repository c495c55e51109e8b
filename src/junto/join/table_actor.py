"""The owner's side of a join: reads the table's keys, hands them to the protocol, takes the shared rows."""

from __future__ import annotations

import difflib
import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from junto.errors import JoinError, ProtocolViolation
from junto.join.join_tables import JoinTable, open_table
from junto.join.keys import Digests, Key, digests, made_keys
from junto.join.kinds import KeyColumns
from junto.join.spool import Array, Scratch, Spool
from junto.join.tags import Tagging, new_key

log: logging.Logger = logging.getLogger("junto.join")
Whole = npt.NDArray[np.int64]
_AT_ONCE = 1 << 14  # rows that are looked at together: all of them may be on the disk
MOST_ROWS = 1 << 30
"""Of a result. How many keys there are elsewhere, and how often they repeat, the other party says."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one party is asked to do with its table.

    Attributes:
        on: names of the key columns.
        kinds: of each, as the script says, or "".
        duplicates: ``error``, ``first`` or ``all``.
        keeps: rows without a key stay in the result, as rows that match nothing.
        spill: folder for what is larger than memory.
        key: what makes a key of the values of a row; None: they are the key.
    """

    on: tuple[str, ...]
    kinds: tuple[str, ...]
    duplicates: str
    keeps: bool
    spill: str | None
    key: Key | None = None


class TableActor:
    """One party's table during one join.

    Its different keys stand in an order of their own: sorted by a block cipher under a fresh key. That order
    says nothing about the table, and puts equal keys side by side.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._scratch = Scratch(order.spill)
        self._hint = ""
        self._table: JoinTable | None = None

    def read(self, value: Any, output: str | None, terms: list[str]) -> dict[str, Any]:
        """Open the table and read its keys.

        Args:
            value: the table.
            output: where to write the part.
            terms: what this party has asked for; said to all.

        Returns:
            What all parties learn: the names of the key columns (``on``), their ``kinds``, the number of
            different ``keys``, whether the part becomes a file (``writes``), and ``problem``: why the table
            cannot be joined, without value or path.
        """
        report = {"on": list(self._order.on), "kinds": list[str](), "keys": 0, "problem": "", "terms": terms}
        report["writes"] = False
        try:
            self._table = open_table(value, output)
            report["writes"] = self._table.writes
            report["kinds"] = self._read_keys(self._table)
            report["keys"] = len(self._digests)
        except JoinError as error:
            self._hint = self._hint or error.fix
            report["problem"] = error.message
        except OSError as error:
            self._hint = f"{error.filename or output or value}: {error.strerror or error}"
            report["problem"] = f"a file cannot be opened ({type(error).__name__})"
        return report

    def hint(self) -> str:
        """For the owner: what may help with the problem. It names columns and paths."""
        return self._hint

    def keys(self, start: int, count: int) -> Digests:
        """The digests of keys `start` to `start + count`."""
        return np.array(self._digests[start : start + count]).view(np.uint8)

    def place(self, start: int, count: int, ranks: Any, sender: str) -> None:
        """Note the ranks that `sender` gave these keys. Raises ProtocolViolation if they are none."""
        right = isinstance(ranks, np.ndarray) and ranks.dtype in (np.int32, np.int64)
        if not right or ranks.shape != (count,):
            raise ProtocolViolation(f"what {sender} sent is not {count} ranks")
        self._ranker = sender
        self._ranks[start : start + count] = ranks

    def without_key(self) -> int:
        """How many rows of ours are in the result without having a key."""
        return len(self._without)

    def settle(self, total: Any, without: Sequence[Any], mine: int) -> Whole:
        """How many rows of ours stand at each rank, once all ranks are there.

        Args:
            total: ranks that there are; None: as many as we were given.
            without: how many rows without a key the tables have of which all rows are kept. They take the
                ranks that follow, table by table.
            mine: which of these tables is ours, if one is.

        Raises:
            ProtocolViolation: a rank is given twice, or is not one of them.
            JoinError: the result is too large.
        """
        if not all(type(each) is int and 0 <= each < 1 << 63 for each in without):
            raise ProtocolViolation("a number of rows without a key is none")
        if total is not None and not (type(total) is int and 0 <= total < 1 << 63):
            raise ProtocolViolation("a number of shared keys is none")
        given = sum(np.count_nonzero(self._ranks[some] >= 0) for some in _blocks(len(self._ranks)))
        if len(self._ranks) and not given and self._unusual:
            log.warning(
                "none of the keys is in common, and in %s some have spaces around them or are numbers as "
                "1.0, +1 or 01: keys are equal if written alike, so clean them as the table is loaded",
                ", ".join(map(repr, self._unusual)),
            )
        everybody_has_them = total is None
        total = given if total is None else total
        every = total + sum(without)
        _check_size(every)
        self._key_of_rank = self._scratch.full((every,), -1)
        for some in _blocks(len(self._ranks)):
            keys = np.flatnonzero(self._ranks[some] >= 0)
            ranks = self._ranks[some][keys]
            if len(ranks) and ranks.max() >= total:
                raise ProtocolViolation(f"{self._ranker} sent ranks of shared keys that cannot be")
            self._key_of_rank[ranks] = some.start + keys
        if sum(np.count_nonzero(self._key_of_rank[some] >= 0) for some in _blocks(total)) < given:
            raise ProtocolViolation(f"{self._ranker} sent ranks of shared keys that cannot be")
        self._proof = self._proof_of(self._key_of_rank[:total]) if everybody_has_them else b""
        if self._order.keeps:
            own = np.arange(len(self._without))
            self._key_of_rank[total + sum(without[:mine]) + own] = len(self._ranks) + own
        if self._order.duplicates != "all":
            return np.broadcast_to(np.int64(1), (every,))
        counts = np.ones(every, np.int64)
        held = self._key_of_rank >= 0
        counts[held] = np.diff(self._starts)[self._key_of_rank[held]]
        return counts

    def arrange(self, counts: Sequence[Any], mine: int) -> dict[str, Any]:
        """Find our row for each row of the result.

        Args:
            counts: of each receiver, rows at each rank. Every combination is a row of the result.
            mine: which of them is ours.

        Returns:
            How many ``rows`` the result has; and a ``proof``: of keys that all receivers have, a digest of
            these keys in the order of the ranks, which is equal at all of them unless somebody gave them
            wrong ranks.

        Raises:
            ProtocolViolation: the receivers do not speak of the same ranks.
            JoinError: the result is too large.
        """
        if any(not _is_counts(each, len(self._key_of_rank)) for each in counts):
            raise ProtocolViolation("the parties count the rows of different results")
        if self._order.duplicates == "all" or len(counts) > 1:
            self._positions = self._combined(counts, mine)
            return {"rows": len(self._positions), "proof": self._proof}
        self._positions = self._scratch.full(self._key_of_rank.shape, -1)
        for some in _blocks(len(self._positions)):
            held = np.flatnonzero(self._key_of_rank[some] >= 0)
            key = self._key_of_rank[some][held]
            self._positions[some.start + held] = self._rows[self._starts[key]]
        return {"rows": len(self._positions), "proof": self._proof}

    def _combined(self, counts: Sequence[Whole], mine: int) -> Whole:
        """Our row for each row of the result, where keys repeat."""
        _check_size(float(np.prod(np.asarray(counts, np.float64), axis=0).sum()))
        repeats = np.prod(counts, axis=0, dtype=np.int64)
        later = np.prod(counts[mine + 1 :], axis=0, dtype=np.int64)
        rank = np.repeat(np.arange(len(repeats)), repeats)
        within = np.arange(len(rank)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        nth = within // np.broadcast_to(later, repeats.shape)[rank] % counts[mine][rank]
        key = self._key_of_rank[rank]
        ours = key >= 0
        positions = np.full(len(rank), -1)
        positions[ours] = self._rows[self._starts[key[ours]] + nth[ours]]
        return positions

    def part(self, kinds: Sequence[str]) -> Any:
        """Our rows of the result: a table of the kind that was given, or the path of the output.

        A file is written beside its place, and takes it when `publish` is called.

        Args:
            kinds: as which the key columns were compared.
        """
        if self._table is None:
            raise JoinError("there is no table", fix="pass a table of pandas, polars or Arrow, or a path")
        compared = kinds if self._order.key is None else [""] * len(kinds)  # these columns were not
        table = self._table
        part = table.take(np.asarray(self._positions), dict(zip(self._order.on, compared, strict=True)))
        self.close()
        self._table = table if table.writes else None
        return part

    def publish(self) -> None:
        """Put the part in its place, if it is a file."""
        if self._table is not None:
            self._table.publish()
        self.close()

    def close(self) -> None:
        """Forget everything: what a part is a handle of may stay for long."""
        self._scratch.close()
        self._table = None
        for name in ("_rows", "_starts", "_digests", "_ranks", "_key_of_rank", "_positions", "_without"):
            self.__dict__.pop(name, None)

    def _proof_of(self, keys: Whole) -> bytes:
        proof = hashlib.sha256()
        for some in _blocks(len(keys)):
            proof.update(np.take(self._digests, keys[some], axis=0).tobytes())
        return proof.digest()

    def _read_keys(self, table: JoinTable) -> list[str]:
        names = self._order.on
        columns = table.columns()
        for name in names:
            if columns.count(name) != 1:
                if name in columns:
                    self._hint = "rename all of them but the key"
                    raise JoinError(f"there is more than one column {name!r}", fix="rename one of them")
                near = difflib.get_close_matches(name, columns, 1, 0.0)
                self._hint = f"the nearest column is {near[0]!r}" if near else "the table has no columns"
                raise JoinError(f"there is no column {name!r}", fix="name a column that the table has")
        tag = Tagging(new_key())
        spool = Spool([("digest", "<i8", (4,)), ("row", "<i8")], table.rows_about(), self._scratch)
        key = self._order.key
        reading = KeyColumns(names, self._order.kinds, table.written and key is None)
        first, without = 0, [np.empty(0, np.int64)]
        for block in _pieces(table.key_blocks(names), key):
            found, there = digests(reading.read(block))
            rows = np.arange(first, first + len(there))
            first += len(there)
            if not there.all():
                without.append(rows[~there])
                found, rows = found[there], rows[there]
            spool.add(tag(found), digest=found.view("<i8"), row=rows)
        self._unusual = sorted(reading.unusual)
        self._without = np.concatenate(without) if self._order.keeps else without[0]
        self._index(spool)
        return reading.kinds() if spool.count else ["null"] * len(names)  # nothing that could differ in kind

    def _index(self, spool: Spool) -> None:
        """Lay out rows by key: `_rows`, where each key's rows start in it, and each key's digest.

        Rows without a key that stay in the result follow, each as if it had one.
        """
        count, last = spool.count, len(self._without)
        self._rows = self._scratch.full((count + last,), 0)
        starts, kept = self._scratch.full((count + last + 1,), 0), self._scratch.full((count, 4), 0)
        rows = keys = 0
        for records in spool.buckets():
            new = _firsts(records["high"], records["low"])
            self._rows[rows : rows + len(records)] = records["row"]
            starts[keys : keys + len(new)] = rows + new
            kept[keys : keys + len(new)] = records.at("digest", new)
            rows, keys = rows + len(records), keys + len(new)
        if keys < rows and self._order.duplicates == "error":
            many = "1 row repeats" if rows - keys == 1 else f"{rows - keys} rows repeat"
            raise JoinError(
                f"{many} a key that an earlier row has",
                fix='drop them where the table is loaded, or say duplicates="first" or duplicates="all"',
            )
        self._rows[rows:] = self._without
        starts[keys : keys + last + 1] = rows + np.arange(last + 1)
        self._starts, self._digests = starts[: keys + last + 1], kept[:keys]
        self._ranks, self._ranker = self._scratch.full((keys,), -1), ""


def _blocks(count: int) -> Iterator[slice]:
    """So many numbers, some at a time."""
    return (slice(start, min(start + _AT_ONCE, count)) for start in range(0, count, _AT_ONCE))


def _pieces(blocks: Iterable[Sequence[Any]], key: Key | None) -> Iterator[list[Any]]:
    """The same rows, fewer at once, which a cache holds; or what a script makes of them."""
    for block in blocks:
        columns = block if key is None else made_keys(key, block)
        for some in _blocks(max(len(columns[0]), 1)):
            yield [column.slice(some.start, _AT_ONCE) for column in columns]


def _firsts(high: Array, low: Array) -> Whole:
    """Where a new tag begins among sorted ones."""
    new = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    return np.flatnonzero(np.concatenate([np.ones(min(len(high), 1), bool), new]))


def _check_size(rows: float) -> None:
    """Before memory is taken for them: another party's word is in this number."""
    if rows > MOST_ROWS:
        raise JoinError(
            f"the result would have {rows:.2g} rows, more than {MOST_ROWS:.2g}",
            fix='join in parts; where keys repeat, duplicates="first" makes fewer rows',
        )


def _is_counts(value: Any, ranks: int) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.int64
        and value.shape == (ranks,)
        and bool((value > 0).all())
    )
