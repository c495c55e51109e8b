"""What comes of a join of which nobody learns the matches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, cast

import numpy as np

from junto.device.boundary import Scripted
from junto.device.pyu import PYU, PYUObject
from junto.errors import JoinError
from junto.join.labels import codes_of
from junto.tree import listed

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

    def __getitem__(self, name: str | Iterable[str]) -> SPUObject:
        """The column of that name; of several names these columns side by side, [rows, columns].

        Raises:
            JoinError: there is none.
            DeviceError: names are in a set, whose order is another one in each process.
        """
        if isinstance(name, str):
            if name not in self.columns:
                raise JoinError(f"there is no column {name!r}", fix=f"there are {', '.join(self.columns)}")
            return self.columns[name]
        names = [] if isinstance(name, bytes) or not isinstance(name, Iterable) else listed(name)
        if not names:
            raise JoinError("columns are named by text, or by several texts", fix='hidden[["age", "income"]]')
        return self._on_spu(_beside, [self[each] for each in names])

    def count(self) -> SPUObject:
        """How many keys both have."""
        return self._on_spu(_total, self.flag)

    def sum(self, name: str) -> SPUObject:
        """The sum of a column over the rows that both have.

        Args:
            name: of the column.
        """
        return self._on_spu(_sum, self._numbers(name), self.flag)

    def mean(self, name: str) -> SPUObject:
        """The mean of a column over the rows that both have; 0 where there are none.

        Args:
            name: of the column.
        """
        return self._on_spu(_mean, self._numbers(name), self.flag)

    def std(self, name: str) -> SPUObject:
        """The sample deviation of a column over the rows that both have; 0 where there are fewer than two.

        Args:
            name: of the column.
        """
        return self._on_spu(_std, self._numbers(name), self.flag)

    def min(self, name: str) -> SPUObject:
        """The least value of a column in the rows that both have; 0 where there are none.

        Args:
            name: of the column.
        """
        return self._on_spu(_least, self._numbers(name), self.flag)

    def max(self, name: str) -> SPUObject:
        """The greatest value of a column in the rows that both have; 0 where there are none.

        Args:
            name: of the column.
        """
        return self._on_spu(_greatest, self._numbers(name), self.flag)

    def quantile(self, name: str, q: Annotated[float, "[0, 1]"] = 0.5) -> SPUObject:
        """A quantile of a column over the rows that both have, linear between two values; 0 where none are.

        Args:
            name: of the column.
            q: which part of the rows is below.
        """
        return self._on_spu(partial(_quantile, q=q), self._numbers(name), self.flag)

    def corr(self, names: list[str]) -> SPUObject:
        """Correlations of columns over the rows that both have [columns, columns], within 1e-3.

        Row and column of one that is constant there are 0, its diagonal, too.

        Args:
            names: of the columns.
        """
        return self._on_spu(_correlations, [self._numbers(name) for name in names], self.flag)

    def _numbers(self, name: str) -> SPUObject:
        """A column with which one can compute.

        Raises:
            JoinError: there is none of that name, or it is of text.
        """
        if name in self.labels:
            raise JoinError(f"column {name!r} is of text", fix="hidden.groupby(name, values=[...]).count()")
        return self[name]

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
        return self.table._on_spu(_sum, self.table._numbers(name), self.members)

    def mean(self, name: str) -> SPUObject:
        """Means of a column; 0 where a group has no rows.

        Args:
            name: of the column.
        """
        return self.table._on_spu(_mean, self.table._numbers(name), self.members)

    def std(self, name: str) -> SPUObject:
        """Sample deviations of a column; 0 where a group has fewer than two rows.

        Args:
            name: of the column.
        """
        return self.table._on_spu(_std, self.table._numbers(name), self.members)

    def min(self, name: str) -> SPUObject:
        """Least values of a column; 0 where a group has no rows.

        Args:
            name: of the column.
        """
        return self.table._on_spu(_least, self.table._numbers(name), self.members)

    def max(self, name: str) -> SPUObject:
        """Greatest values of a column; 0 where a group has no rows.

        Args:
            name: of the column.
        """
        return self.table._on_spu(_greatest, self.table._numbers(name), self.members)


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


def _gaps(column: Any, members: Any) -> Any:
    """From the mean, where a row is a member; of differences from one of them, so that none is exactly 0.

    What the mean has lost as a quotient is taken from the gaps that it leaves.
    """
    import jax.numpy as jnp

    column, rows = column.astype(float), jnp.maximum(_total(members), 1)[..., None]
    gaps = (column - _least(column, members)[..., None]) * members
    for _ in range(2):
        gaps = (gaps - gaps.sum(axis=-1)[..., None] / rows) * members
    return gaps


def _std(column: Any, members: Any) -> Any:
    import jax.numpy as jnp

    gaps = _gaps(column, members)
    size = jnp.max(jnp.abs(gaps), axis=-1)
    near = gaps / jnp.where(size > 0, size, 1)[..., None]  # so that squares of any column have room
    return size * jnp.sqrt((near * near).sum(axis=-1) / jnp.maximum(_total(members) - 1, 1))


def _correlations(columns: list[Any], members: Any) -> Any:
    import jax.numpy as jnp

    gaps = jnp.stack([_gaps(column, members) for column in columns])
    spread = jnp.stack([_std(column, members) for column in columns])
    near = gaps / jnp.where(spread > 0, spread, 1)[:, None]
    return near @ near.T / jnp.maximum(_total(members) - 1, 1)


def _least(column: Any, members: Any) -> Any:
    return -_greatest(-_whole(column), members)


def _greatest(column: Any, members: Any) -> Any:
    import jax.numpy as jnp

    column, here = _whole(column), members > 0
    found = jnp.max(jnp.where(here, column, jnp.min(column)), axis=-1)
    return jnp.where(jnp.any(here, axis=-1), found, 0)


def _whole(column: Any) -> Any:
    """Truth values as 0 and 1."""
    return column.astype("int32") if column.dtype == bool else column


def _quantile(column: Any, members: Any, q: float) -> Any:
    """Of sorted rows, with those that are no members at the end: each counts as near as its place is."""
    import jax.numpy as jnp

    column = column.astype(float)
    order = jnp.sort(jnp.where(members > 0, column, jnp.max(column)))
    gaps = jnp.arange(len(column)) - q * jnp.maximum(_total(members) - 1, 0)
    found = jnp.maximum(1 - jnp.abs(gaps), 0) @ order
    return jnp.where(_total(members) > 0, found, 0.0)
