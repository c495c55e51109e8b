"""The parties' sides of a hidden join: the owner's columns as numbers, and the helper's matching."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from junto.errors import JoinError, JuntoError, ProtocolViolation
from junto.join import aligning
from junto.join.comparing import NO_RANK, Matching
from junto.join.keys import Digests
from junto.join.labels import TEXT, coded
from junto.join.table_actor import TableActor
from junto.join.tags import TAG_BYTES, Tagging, new_key
from junto.mpc.ring128 import WideArray, as_ring, ring_bits, zeros
from junto.mpc.travelling import is_travelling

if TYPE_CHECKING:
    from junto.device.spu.inputs import InputConversion
    from junto.join.aligning import Places, Words


SUM_BITS = 61
"""A sum of numbers stays below two to this power."""


def new_keys() -> bytes:
    """Of the tags of keys, and of those that stand for nobody."""
    return new_key() + new_key()


class HiddenDesk(TableActor):
    """One party's table during a hidden join. Its keys, one row each, get an order that nobody else knows."""

    _numbers: dict[str, npt.NDArray[Any]]
    _words: dict[str, Words]
    _labels: dict[str, list[str]]

    def describe(self, entrance: InputConversion, names: Sequence[str] | None) -> dict[str, Any]:
        """Read the columns that are to be shared, one row a key.

        Args:
            entrance: how the SPU takes numbers.
            names: the columns; None: all but the keys.

        Returns:
            What all parties learn: the ``types`` of the columns by name (`TEXT` of one that becomes
            codes), and ``problem``.
        """
        from junto.device.spu.inputs import encoded

        if self._table is None:
            raise JoinError("there is no table", fix="pass a table of pandas, polars or Arrow, or a path")
        try:
            rows = np.array(self._rows[self._starts[: len(self._digests)]])
            part = self._table.take(rows, {})
            wanted = self._table.columns() if names is None else names
            others = [name for name in wanted if names is not None or name not in self._order.on]
            self._labels, self._numbers, types, self._words = {}, {}, {}, {}
            for name in others:
                column = _column(part, name)
                text = coded(column, name)
                self._labels[name] = [] if text is None else text[1]
                self._numbers[name] = _numbers(column) if text is None else text[0]
                layout, (words,) = encoded(self._numbers[name], replace(entrance, name=f"column {name!r}"))
                types[name] = layout.split("[")[0] if text is None else TEXT
                self._words[name] = words
        except JuntoError as error:
            self._hint = error.fix
            return {"types": {}, "problem": error.message}
        return {"types": types, "problem": ""}

    def measure(self, name: str) -> dict[str, Any]:
        """Read the one column that is to be added up, one row a key.

        Returns:
            What all parties learn: the power of two by which its numbers are multiplied (``shift``), whether
            they are ``whole`` (the power is 0 then), and ``problem``.
        """
        if self._table is None:
            raise JoinError("there is no table", fix="pass a table of pandas, polars or Arrow, or a path")
        if self._table.columns().count(name) != 1:
            return _measured(problem=f"there is not one column {name!r}")
        rows = np.array(self._rows[self._starts[: len(self._digests)]])
        values = _numbers(_column(self._table.take(rows, {}), name))
        if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            self._hint = "where the table is loaded: fillna(0) adds nothing for a gap, astype makes numbers"
            return _measured(problem=f"column {name!r} is not of finite numbers without gaps")
        largest = max(abs(each.item()) for each in (values.min(initial=0), values.max(initial=0)))
        most, shift = largest * len(values), 0
        whole = values.dtype.kind != "f"
        if whole and most >= 1 << SUM_BITS:
            return _measured(problem=f"column {name!r} holds numbers whose sum may be too large")
        if not whole:
            shift = SUM_BITS - int(np.frexp(float(most))[1])
            values = np.rint(np.ldexp(values.astype(np.float64), shift))
        self._words = {name: values.astype(np.int64).view(np.uint64)}
        return _measured(shift, whole)

    def mix(self, keys: Any, pad: int, all_of_them: bool) -> None:
        """Make the tags of all keys and of `pad` rows that stand for nobody, and draw their order.

        Args:
            keys: see `new_keys`; of all owners.
            pad: tags that stand for nobody.
            all_of_them: whether the helper may find all of those here; otherwise a number of them that it
                cannot know, for as many as it finds at both are in its count.
        """
        if not isinstance(keys, bytes) or len(keys) != 2 * TAG_BYTES:
            raise ProtocolViolation("what keys are tagged with is no pair of keys")
        count = len(self._digests)
        tags = Tagging(keys[:TAG_BYTES])(np.array(self._digests).view(np.uint8))
        nobody = _of_nobody(keys[TAG_BYTES:], pad)
        if not all_of_them:
            shared = aligning.drawn_order(pad) < secrets.randbelow(pad + 1)
            nobody = np.where(shared[:, None], nobody, _of_nobody(new_key(), pad))
        self._mixed = aligning.drawn_order(count + pad)
        self._tags = np.concatenate([tags, nobody])[self._mixed].view(np.uint8)

    def tags(self, start: int, count: int, mixed: None) -> Digests:
        """A batch of them. `mixed` is what `mix` returned: if that failed, this fails with it."""
        return self._tags[start : start + count]

    def real(self) -> npt.NDArray[np.float32]:
        """Which rows stand for somebody: 1 or 0."""
        return (self._mixed < len(self._digests)).astype(np.float32)

    def labels(self, name: str) -> list[str]:
        """What each code of a column of text means."""
        return list(self._labels[name])

    def positions(self) -> npt.NDArray[np.int64]:
        """Which row of our table each row of the result is, from 0 on; -1 where it stands for nobody."""
        rows = np.array(self._rows[self._starts[: len(self._digests)]])
        return np.append(rows, -1)[np.minimum(self._mixed, len(rows))]

    def own(self, name: str) -> npt.NDArray[Any]:
        """A column of ours, in the order that was drawn."""
        return self._placed(self._numbers[name])

    def lay_out(self, places: npt.NDArray[np.int64]) -> None:
        """Take the order that this party has made: the number of a key, or the number of keys for nobody."""
        self._mixed = places

    def words(self) -> list[npt.NDArray[np.uint64]]:
        """The columns as the SPU holds them: for each number of a key its words, the lower one first."""
        return [
            word
            for column in self._words.values()
            for word in ((column.low, column.high) if isinstance(column, WideArray) else (column,))
        ]

    def masked(self, seed: Any, column: int, more: int) -> Words:
        """A column for the helper, and `more` zeros behind it; see `aligning`."""
        return aligning.masked(self._column(column, more), seed, column)

    def piece(self, places: Any, seeds: Sequence[Any], column: int, wanted: int) -> list[Words]:
        """Our piece of a column, row by row where the other owner's keys are.

        Args:
            places: what the helper says.
            seeds: that of the dealer's masks; that of the helper's.
            column: which one.
            wanted: the other owner's rows.
        """
        count, width = len(self._mixed) + wanted, ring_bits(list(self._words.values())[column])
        piece = aligning.owners_piece(places, seeds[0], column, count, wanted, width)
        return [aligning.taken_over(piece, seeds[1], column)]

    def close(self) -> None:
        """Forget everything."""
        super().close()
        self._numbers, self._words, self._labels = {}, {}, {}

    def _column(self, column: int, more: int) -> Words:
        words = self._placed(list(self._words.values())[column])
        return np.concatenate([words, zeros(more, ring_bits(words))])

    def _placed(self, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        placed = np.zeros(len(self._mixed), column.dtype)
        there = self._mixed < len(column)
        placed[there] = column[self._mixed[there]]
        made: npt.NDArray[Any] = as_ring(placed)
        return made


class Routing(Matching):
    """At the helper: which row of the second owner goes to which of the first."""

    def compare(self, receivers: Sequence[str]) -> int:
        """See `Ranking.compare`; the ranks stay here."""
        self._names = list(receivers)
        return super().compare(receivers)

    def has(self, at_least: int) -> bool:
        """Whether so many keys are in common."""
        return int(np.count_nonzero(self._ranks[self._names[0]] != NO_RANK)) >= at_least

    def route(self, seed: Any, width: int) -> Places:
        """By which places the second owner is told of its rows, one for each row of the first.

        Args:
            seed: of the order of places.
            width: bits of a number.
        """
        self._width = width
        first, second = (np.array(self._ranks[name]) for name in self._names)
        ranked = np.flatnonzero(second != NO_RANK)
        row_of_rank = np.empty(len(ranked), np.int64)
        row_of_rank[second[ranked]] = ranked
        there = first != NO_RANK
        self._wanted = len(second) + np.arange(len(first))
        self._wanted[there] = row_of_rank[first[there]]
        return aligning.places_for(self._wanted, seed, len(first) + len(second))

    def piece(self, places: Places, of_owner: Any, of_dealer: Any, seed: bytes, column: int) -> Words:
        """Our piece of a column, at the `places` of `route`, for the first owner; see `hand_over`."""
        count = sum(self._counts[name] for name in self._names)
        piece = aligning.helpers_piece(self._wanted, places, of_owner, of_dealer, count, self._width)
        return aligning.hand_over(piece, seed, column)

    def flags(self) -> npt.NDArray[np.float32]:
        """Which rows of the first owner have one of the second: 1 or 0."""
        there: npt.NDArray[np.bool_] = self._ranks[self._names[0]] != NO_RANK
        return there.astype(np.float32)


def piece_of(rows: int, piece: Any, width: int = 64) -> list[Words]:
    """At the first owner: what the helper gave it, once it is that.

    Raises:
        ProtocolViolation: it is something else.
    """
    if not is_travelling(piece, (rows,), width):
        raise ProtocolViolation(f"a piece of a column is not {rows} numbers of {width} bits")
    return [piece]


def total_of(piece: Words | list[Words]) -> int:
    """What a piece of a column adds up to, modulo 2**64."""
    return int(np.sum(piece, dtype=np.uint64))


def _measured(shift: int = 0, whole: bool = True, problem: str = "") -> dict[str, Any]:
    return {"shift": shift, "whole": whole, "problem": problem}


def _of_nobody(key: bytes, count: int) -> npt.NDArray[np.uint64]:
    """Tags of as many rows that nobody has, under a key of theirs."""
    numbers = np.zeros((count, 2), "<u8")
    numbers[:, 0] = np.arange(count)
    return Tagging(key)(numbers.view(np.uint8).reshape(count, TAG_BYTES))


def _column(part: Any, name: str) -> Any:
    return part.column(name) if hasattr(part, "column") else part[name]


def _numbers(column: Any) -> npt.NDArray[Any]:
    """As numpy has it, numbers of Python too; truth values are the numbers 1 and 0."""
    array = np.asarray(column.to_numpy())
    if array.dtype == object:
        array = _of_objects(array)
    return array.astype(np.int32) if array.dtype == np.bool_ else array


def _of_objects(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same values as numbers, decimals as floats, if that is what they are; NaN is a gap."""
    import pyarrow as pa

    try:
        made = pa.array(values, from_pandas=True)
        if pa.types.is_decimal(made.type):
            made = made.cast(pa.float64())
    except (pa.ArrowException, TypeError, OverflowError):
        return values
    tests = pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean
    if not any(is_it(made.type) for is_it in tests):
        return values
    return np.asarray(made.to_numpy(zero_copy_only=False))
