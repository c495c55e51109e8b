"""What comes of a join of which nobody learns the matches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from junto.device.boundary import Scripted
from junto.device.pyu import PYU, PYUObject
from junto.errors import JoinError
from junto.join.labels import codes_of

if TYPE_CHECKING:
    from junto.device.spu.object import SPUObject
    from junto.device.spu.spu import SPU


@dataclass(frozen=True)
class Hidden(metaclass=Scripted):
    """What came of a join of which nobody learns the matches. All of it is on the SPU.

    Attributes:
        columns: of both owners, by name, but for the keys: arrays of shape (rows,). The second owner's are
            zero where the flag is.
        flag: 1.0 where a row stands for a key that both have, else 0.0; shape (rows,).
        rows: keys of the first owner, and rows that stand for nobody, of which all columns are zero: as many
            as were padded, or, where nobody helps, 0.3 a key and 128.
        learned: what each party has learned, in words.
        labels: of each column of text a handle at its owner: the text of each code, in order.
        positions: a handle at the first owner, which alone knows the order of the rows: for each row which
            row of its own table it is, from 0 on, or -1 where it stands for nobody; int64, shape (rows,).
    """

    columns: Mapping[str, SPUObject]
    flag: SPUObject
    rows: int
    learned: Mapping[PYU, str]
    labels: Mapping[str, PYUObject]
    positions: PYUObject

    def __getitem__(self, name: str | list[str]) -> SPUObject:
        """The column of that name; of a list of names these columns side by side, [rows, columns].

        Raises:
            JoinError: there is none.
        """
        if isinstance(name, str):
            if name not in self.columns:
                raise JoinError(f"there is no column {name!r}", fix=f"there are {', '.join(self.columns)}")
            return self.columns[name]
        if not isinstance(name, list) or not name:
            raise JoinError(
                "columns are named by text, or by a list of texts", fix='hidden[["age", "income"]]'
            )
        return self._on_spu(_beside, [self[each] for each in name])

    def count(self) -> SPUObject:
        """How many keys both have."""
        return self._on_spu(_total, self.flag)

    def sum(self, name: str) -> SPUObject:
        """The sum of a column over the rows that both have.

        Args:
            name: of the column.
        """
        return self._on_spu(_sum, self[name], self.flag)

    def mean(self, name: str) -> SPUObject:
        """The mean of a column over the rows that both have; 0 where there are none.

        Args:
            name: of the column.
        """
        return self._on_spu(_mean, self[name], self.flag)

    def groupby(self, name: str, values: Sequence[Any]) -> HiddenGroups:
        """The rows that both have, by what stands in a column.

        Args:
            name: of the column, of whole numbers, truth values or text.
            values: that it may have, which all parties know; rows with others are in no group. Whether a text
                is in the column at all, nobody learns.

        Raises:
            JoinError: there is no such column, or the values are not of its type.
        """
        column, wanted = self[name], list(values)
        if any(isinstance(value, str) is not (name in self.labels) for value in wanted):
            raise JoinError(f"the values of column {name!r} are of another type", fix="text where it is text")
        given: Any = np.asarray(wanted)
        if name in self.labels:
            labels = self.labels[name]
            given = labels.device(codes_of)(labels, wanted).to(column.device)
        return HiddenGroups(self, self._on_spu(_groups, column, self.flag, given))

    def _on_spu(self, function: Callable[..., Any], *given: Any) -> SPUObject:
        made: SPUObject = cast("SPU", self.flag.device)(function)(*given)
        return made

    def __repr__(self) -> str:
        return f"<Hidden: {self.rows} rows of {', '.join(self.columns)} on {self.flag.device.name}>"


@dataclass(frozen=True)
class HiddenGroups(metaclass=Scripted):
    """Rows of a `Hidden` by groups; what comes of them is [groups], on the SPU.

    Attributes:
        table: whose rows they are.
        members: 1 where a row is of a group, and of both parties, else 0; [groups, rows].
    """

    table: Hidden
    members: SPUObject

    def count(self) -> SPUObject:
        """How many rows each has."""
        return self.table._on_spu(_total, self.members)

    def sum(self, name: str) -> SPUObject:
        """Sums of a column.

        Args:
            name: of the column.
        """
        return self.table._on_spu(_sum, self.table[name], self.members)

    def mean(self, name: str) -> SPUObject:
        """Means of a column; 0 where a group has no rows.

        Args:
            name: of the column.
        """
        return self.table._on_spu(_mean, self.table[name], self.members)


# -------------------------------------------------------------------- what runs on the SPU


def _beside(columns: list[Any]) -> Any:
    import jax.numpy as jnp

    return jnp.stack([column.astype(float) for column in columns], axis=1)


def _groups(column: Any, flag: Any, values: Any) -> Any:
    return (column == values[:, None]) * flag


def _total(members: Any) -> Any:
    return members.sum(axis=-1)


def _sum(column: Any, members: Any) -> Any:
    return members @ column.astype(float)


def _mean(column: Any, members: Any) -> Any:
    import jax.numpy as jnp

    return _sum(column, members) / jnp.maximum(_total(members), 1)
