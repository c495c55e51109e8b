"""Correlations and variance inflation over the columns of all parties, on the SPU.

What a party can compute of its own columns alone it computes in the clear, with floats. Only products of
columns of two parties are fixed-point numbers on the SPU.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.device.boundary import Scripted, public
from junto.device.disclosure import Undisclosed, reveal
from junto.device.pyu import PYU, PYUObject
from junto.errors import FrameError
from junto.frame.native_tables import opened
from junto.frame.numeric import array, near_one
from junto.frame.row_blocks import blocks, rows_of
from junto.frame.vertical import VerticalFrame
from junto.parameters import Consent

if TYPE_CHECKING:
    from junto.device.spu.object import SPUObject
    from junto.device.spu.spu import SPU

log: logging.Logger = logging.getLogger("junto.frame")

Floats = NDArray[np.float64]

SCALE: Final = 2.0**9
"""Columns are shared with this length, so that their products stay below 2**18."""

STEPS: Final = 15
"""Of Newton's iteration. It doubles what it can tell apart each time: factors up to 2**15."""

MOST: Final = 1000.0
"""A greater inflation factor counts as infinite: fixed point cannot tell it from collinear columns."""

COLLINEAR: Final = 1e-7
"""A direction of a party's own columns that is so much shorter than the longest is none."""


@dataclass(frozen=True, slots=True)
class Correlation(metaclass=Scripted):
    """A correlation matrix, shared on an SPU. Nobody has seen it yet.

    Attributes:
        value: [columns, columns] within 1e-5; row and column of a constant column are 0, its diagonal, too.
        columns: their names, in the order of the matrix.
        constant: at each party, a handle of the names of its own constant columns.
    """

    value: SPUObject
    columns: tuple[str, ...]
    constant: dict[PYU, PYUObject]

    def reveal(self, to: str | Sequence[str] | None = None) -> Any:
        """Show it to all parties, or to some.

        Returns:
            A pandas table as `pandas.DataFrame.corr` makes it: NaN at constant columns. `Undisclosed` at a
            party that `to` leaves out.
        """
        import pandas as pd

        shown = reveal(self.value, to)
        if isinstance(shown, Undisclosed):
            return shown
        matrix = np.clip(np.asarray(shown, np.float64), -1, 1)
        constant = np.diag(matrix) < 0.5
        matrix[constant] = np.nan
        matrix[:, constant] = np.nan
        return pd.DataFrame(matrix, index=list(self.columns), columns=list(self.columns))


@dataclass(frozen=True, slots=True)
class Inflation(metaclass=Scripted):
    """Variance inflation factors, shared on an SPU. Nobody has seen them yet.

    Attributes:
        value: [columns], at most 1024, which stands for collinear; 0 of a constant column.
        columns: their names.
        constant: see `Correlation`.
    """

    value: SPUObject
    columns: tuple[str, ...]
    constant: dict[PYU, PYUObject]

    def reveal(self, to: str | Sequence[str] | None = None) -> Any:
        """Show them to all parties, or to some.

        Returns:
            A pandas Series by column: infinite where a column is (nearly, from 1000 on) a sum of others, NaN
            of a constant column. `Undisclosed` at a party that `to` leaves out.
        """
        import pandas as pd

        shown = reveal(self.value, to)
        if isinstance(shown, Undisclosed):
            return shown
        factors = np.asarray(shown, np.float64)
        factors = np.where(factors < 0.5, np.nan, np.where(factors > MOST, np.inf, factors))
        return pd.Series(factors, index=list(self.columns))


@public
def correlation(frame: VerticalFrame, spu: SPU, *, disclose_rows: Consent = False) -> Correlation:
    """Pearson correlations between all columns of all parties.

    Args:
        frame: its columns must be of numbers, and complete. All parties learn if one is not.
        spu: each party's standardised columns are shared there, and the matrix stays there.
        disclose_rows: who is shown the matrix may find out the rows of others. Each correlation is an
            equation about them with 17 bits: with as many columns as rows a party could solve for each value.
            From half as many on, say True if it may.

    Raises:
        FrameError: no numbers, something missing or infinite, or no rows; or too few rows for so many columns
            and `disclose_rows` is not True.
    """
    checked = _checked(frame, "correlation", disclose_rows)
    parties = {party: party(_standardised)(table) for party, table in checked.partitions.items()}
    own = [party(_own_correlations)(table) for party, table in checked.partitions.items()]
    products = _products(spu, checked, parties)
    value = spu(_matrix)(own, products)
    return Correlation(value, tuple(checked.columns), _constant(checked))


@public
def variance_inflation_factor(frame: VerticalFrame, spu: SPU, *, disclose_rows: Consent = False) -> Inflation:
    """How much the variance of each column's coefficient grows by the other columns: 1 / (1 - R**2).

    Each party replaces its columns by as many uncorrelated ones with the same span, so that the matrix that
    is inverted on the SPU is the identity but for what columns of different parties have in common. What a
    party's own columns add to a factor, the party computes. The inverse is that of Newton and Schulz.

    Args:
        frame: its columns must be of numbers, and complete. All parties learn if one is not.
        spu: where the columns are shared, and where the factors stay.
        disclose_rows: see `correlation`.

    Returns:
        Factors within 1 % below 100, within 10 % below 1000.

    Raises:
        FrameError: no numbers, something missing or infinite, or no rows; or too few rows for so many columns
            and `disclose_rows` is not True.
    """
    checked = _checked(frame, "variance_inflation_factor", disclose_rows)
    found = {party: party(_uncorrelated, num_returns=2)(table) for party, table in checked.partitions.items()}
    products = _products(spu, checked, {party: both[0] for party, both in found.items()})
    value = spu(_inflation)([both[1] for both in found.values()], products)
    return Inflation(value, tuple(checked.columns), _constant(checked))


def _checked(frame: VerticalFrame, who: str, disclose_rows: Consent) -> VerticalFrame:
    if not isinstance(frame, VerticalFrame):
        raise FrameError(
            f"{who} takes a VerticalFrame, not {type(frame).__name__}",
            fix="VerticalFrame({alice: table, bob: table})",
        )
    frame.require_numbers(frame.columns, who)
    if not frame.rows:
        raise FrameError(
            f"{who} needs rows, and there are none",
            fix="check what was read, and whether a filter or a join left any",
        )
    for party, told in frame.facts.items():
        if len(frame.facts) > 1 and 2 * len(told.names) > frame.rows and disclose_rows is not True:
            raise FrameError(
                f"{party.party} could find out the others' rows: it has {len(told.names)} columns, and there "
                f"are {frame.rows} rows",
                fix=f"take more rows or fewer columns; or, if it may: {who}(..., disclose_rows=True)",
            )
    frame.require_complete()
    return frame


def _constant(frame: VerticalFrame) -> dict[PYU, PYUObject]:
    return {party: party(_constant_columns)(table) for party, table in frame.partitions.items()}


def _products(spu: SPU, frame: VerticalFrame, arrays: dict[PYU, PYUObject]) -> list[Any]:
    """The products of the columns of each two parties, as `_pairs` orders them."""
    total = None
    width = max(len(told.names) for told in frame.facts.values())
    for start, stop in blocks(frame.rows, width):
        block = [party(rows_of)(each, start, stop) for party, each in arrays.items()]
        total = spu(_pair_products)(block) if total is None else spu(_more_products)(total, block)
    return total or []


# -------------------------------------------------------------------- at the owner


def _standardised(native: Any) -> Floats:
    """Columns of mean 0 and length `SCALE`; constant ones are 0."""
    values, _powers = near_one(array(native))
    values -= values.mean(axis=0)
    length = np.sqrt((values**2).sum(axis=0))
    constant = _is_constant(native)
    return np.where(constant, 0.0, values / np.where(constant, 1.0, length)) * SCALE


def _is_constant(native: Any) -> NDArray[np.bool_]:
    values = array(native)
    constant: NDArray[np.bool_] = values.min(axis=0) == values.max(axis=0)  # a deviation is rounded
    return constant


def _constant_columns(native: Any) -> list[str]:
    names = opened(native).names
    found = [name for name, constant in zip(names, _is_constant(native), strict=True) if constant]
    if found:
        log.warning("constant columns: %s", ", ".join(found))
    return found


def _own_correlations(native: Any) -> Floats:
    values = _standardised(native) / SCALE
    matrix = values.T @ values
    np.fill_diagonal(matrix, ~_is_constant(native))
    return matrix


def _uncorrelated(native: Any) -> tuple[Floats, dict[str, Floats]]:
    """Uncorrelated columns of length `SCALE` with the same span; and how the columns are made of them.

    Returns:
        The columns [rows, columns], zeros where there are fewer; and ``factor`` [columns], each column's
        inflation by the party's own columns, with ``direction`` [columns, columns], unit vectors.
    """
    left, lengths, right = np.linalg.svd(_standardised(native) / SCALE, full_matrices=False)
    wide = right.shape[1]
    there = lengths > COLLINEAR * max(lengths.max(initial=0.0), 1e-300)
    back = np.where(there, 1 / np.where(there, lengths, 1.0), 0.0)[:, None] * right
    lost = 1 - (right[there] ** 2).sum(axis=0) > 1e-6  # a part of the column that others have, too
    size = np.sqrt((back**2).sum(axis=0))
    factor = np.where(lost, 2 * MOST, np.minimum(size**2, 2 * MOST)) * ~_is_constant(native)
    direction = np.zeros((wide, wide))
    direction[: len(back)] = back / np.where(size > 0, size, 1.0)
    columns = np.zeros((len(left), wide))
    columns[:, : len(lengths)] = left * there * SCALE
    return columns, {"factor": factor, "direction": direction}


# -------------------------------------------------------------------- on the SPU


def _pair_products(block: Sequence[Any]) -> list[Any]:
    """``a.T @ b`` for each two parties in their order, scaled to correlations."""
    import jax

    products = [a.T @ b for place, a in enumerate(block) for b in block[place + 1 :]]
    small = jax.lax.optimization_barrier(products)  # type: ignore[no-untyped-call] # `SCALE` says that they fit
    return [each * SCALE**-2 for each in small]


def _more_products(total: Sequence[Any], block: Sequence[Any]) -> list[Any]:
    return [a + b for a, b in zip(total, _pair_products(block), strict=True)]


def _assembled(own: Sequence[Any], products: Sequence[Any]) -> Any:
    """The whole matrix of the diagonal blocks and those above."""
    import jax.numpy as jnp

    above = iter(products)
    count = len(own)
    rows: list[list[Any]] = [[None] * count for _ in own]
    for i in range(count):
        rows[i][i] = own[i]
        for j in range(i + 1, count):
            rows[i][j] = next(above)
            rows[j][i] = rows[i][j].T
    return jnp.block(rows)


def _matrix(own: Sequence[Any], products: Sequence[Any]) -> Any:
    return _assembled(own, products)


def _inflation(own: Sequence[Any], products: Sequence[Any]) -> Any:
    """The diagonal of the inverse, from the directions and the products of uncorrelated columns."""
    import jax.numpy as jnp

    parties = len(own)
    widths = [each["factor"].shape[0] for each in own]
    matrix = _assembled([jnp.eye(width) for width in widths], products) / parties  # eigenvalues in (0, 1]
    inverse = jnp.eye(sum(widths))
    for _ in range(STEPS):
        inverse = 2 * inverse - inverse @ (matrix @ inverse)
    factors, start = [], 0
    for each, width in zip(own, widths, strict=True):
        part = inverse[start : start + width, start : start + width]
        grown = (each["direction"] * (part @ each["direction"])).sum(axis=0) / parties
        factors.append(each["factor"] * grown)
        start += width
    return jnp.minimum(jnp.concatenate(factors), MOST * 1.024)
