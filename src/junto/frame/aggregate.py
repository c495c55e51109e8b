"""Statistics over the rows of all parties: each party's own are computed there and added up on the SPU.

Floats travel as whole numbers of a public unit, a power of two: 2**-60 times the column's range; so sums,
least and greatest values of them are as exact as a float. Whole numbers travel as they are, in two words if
one is not enough; so theirs are exact. To agree on that, all parties learn of each column how many values
there are in all, and the power of two above the largest absolute value (not whose it is). For a deviation
they also learn the power of two above the distance from the least to the greatest value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.device.boundary import Scripted
from junto.device.disclosure import Undisclosed, reveal
from junto.device.pyu import PYU, PYUObject
from junto.device.revealed_facts import fact, integer, list_of, read, truth
from junto.errors import FrameError
from junto.frame.native_tables import opened
from junto.frame.numeric import INFINITE, as_floats, exact_sum, present, require_none

if TYPE_CHECKING:
    from junto.device.spu.object import SPUObject
    from junto.device.spu.spu import SPU

BITS: Final = 60
"""A sum stays below 2**60 units, a difference of two values below 2**62."""

WORD: Final = 32
"""Bits of the lower word of a whole number; the upper one has what is left, and the sign."""

LEAST_EXPONENT: Final = -900
"""Of a column of zeros."""

LEAST_OTHERS: Final = 8
"""Fewer values of others than these are not added up: what is one's own can be taken off the total."""

WIDE: Final = 10
"""Deviations are computed with numbers up to 2**10: their squares stay in the range of fixed point."""

MEAN_BITS: Final = 24
"""Of the distance between two parties' means, as a part of what values differ by at most."""


@dataclass(frozen=True, slots=True)
class Aggregate(metaclass=Scripted):
    """Statistics of columns, shared on an SPU. Nobody has seen them yet.

    Attributes:
        value: [columns], as the SPU holds them.
        columns: what they are of.
        read: makes the statistics of what the SPU held.
    """

    value: SPUObject
    columns: tuple[str, ...]
    read: Callable[[NDArray[Any]], Any]

    def reveal(self, to: str | Sequence[str] | None = None) -> Any:
        """Show them to all parties, or to some.

        Returns:
            A pandas Series by column; `Undisclosed` at a party that `to` leaves out.
        """
        import pandas as pd

        shown = reveal(self.value, to)
        if isinstance(shown, Undisclosed):
            return shown
        return pd.Series(self.read(np.asarray(shown)), index=list(self.columns))


@dataclass(frozen=True, slots=True)
class ColumnRanges:
    """What all parties know of the columns that are added up.

    Attributes:
        columns: their names.
        counts: values that are there, over all parties.
        exponents: all absolute values are below two to this power.
        whole: whether a column is of whole numbers.
    """

    columns: tuple[str, ...]
    counts: tuple[int, ...]
    exponents: tuple[int, ...]
    whole: tuple[bool, ...]


Tables = Mapping[PYU, PYUObject]


def ranges(spu: SPU, tables: Tables, columns: Sequence[str], whole: Sequence[bool]) -> ColumnRanges:
    """Agree on units. See the module about what that shows.

    Raises:
        FrameError: a column has infinite values.
    """
    names = list(columns)
    told = {party.party: party(_infinite)(table, names) for party, table in tables.items()}
    counts = on_spu(spu, _total, [party(_counts)(table, names) for party, table in tables.items()])
    sizes = on_spu(spu, _greatest, [party(_exponents)(table, names) for party, table in tables.items()])
    faults, found, exponents = reveal((told, counts, sizes))
    for party, fault in faults.items():
        require_none(party, fault, names)
    each = list_of(integer(-(1 << 62), 1 << 62), len(names))
    read_counts, read_sizes = (tuple(read(repr(spu), told, each)) for told in (found, exponents))
    return ColumnRanges(tuple(names), read_counts, read_sizes, tuple(whole))


def require_others(spu: SPU, tables: Tables, columns: Sequence[str]) -> None:
    """See to it that no party is shown a statistic of a few values that are not its own.

    For each column and party the values that the others have must be none or `LEAST_OTHERS` at least, and so
    must all together, for a party without rows. All learn of each column whether that is so.

    Raises:
        FrameError: it is not.
    """
    names = list(columns)
    if not names:
        return
    found = on_spu(spu, _many_or_none, [party(_counts)(table, names) for party, table in tables.items()])
    told = fact(found, list_of(truth, len(names)))
    few = [name for name, enough in zip(names, told, strict=True) if not enough]
    if few:
        raise FrameError(
            f"of {', '.join(map(repr, few))} a party could work out what less than {LEAST_OTHERS} values of "
            "others are, by taking its own off the total",
            fix="drop these columns, or take more rows; or, if they may be known: disclose_rows=True",
        )


def total(spu: SPU, tables: Tables, known: ColumnRanges, *, mean: bool) -> Aggregate:
    """Sums, or means."""
    shifts = [
        0 if whole else BITS - exponent - max(count, 1).bit_length()
        for exponent, count, whole in zip(known.exponents, known.counts, known.whole, strict=True)
    ]
    parts = [party(_sums)(table, list(known.columns), shifts) for party, table in tables.items()]

    def read(units: NDArray[Any]) -> list[Any]:
        sums = [_scaled(_joined(n), -s, w) for n, s, w in zip(units.T, shifts, known.whole, strict=True)]
        if not mean:
            return sums
        return [each / count if count else np.nan for each, count in zip(sums, known.counts, strict=True)]

    return Aggregate(on_spu(spu, _total, parts), known.columns, read)


def extreme(spu: SPU, tables: Tables, known: ColumnRanges, *, greatest: bool) -> Aggregate:
    """Least or greatest values."""
    shifts = [
        0 if whole else BITS - exponent for exponent, whole in zip(known.exponents, known.whole, strict=True)
    ]
    wide = any(w and e > BITS for w, e in zip(known.whole, known.exponents, strict=True))
    parts = [
        party(_extremes)(table, list(known.columns), shifts, greatest, wide)
        for party, table in tables.items()
    ]

    def read(units: NDArray[Any]) -> list[Any]:
        return [
            _scaled(sign * _joined(n), -s, w) if count else np.nan
            for n, s, w, count in zip(units.T, shifts, known.whole, known.counts, strict=True)
        ]

    sign = 1 if greatest else -1
    return Aggregate(on_spu(spu, _greatest_words if wide else _greatest, parts), known.columns, read)


def deviation(spu: SPU, tables: Tables, known: ColumnRanges) -> Aggregate:
    """Sample deviations, within 2e-5 of themselves; of values rounded to 59 bits.

    However far from 0 the values are: the parties' means are compared as whole numbers. The sums of squares
    within and between the parties are added (Chan, Golub and LeVeque 1983).
    """
    names = list(known.columns)
    shifts = [BITS - 1 - exponent for exponent in known.exponents]
    ends = [
        [party(_extremes)(table, names, shifts, greatest, False) for party, table in tables.items()]
        for greatest in (True, False)
    ]
    bits = np.maximum(fact(on_spu(spu, _bits_between, ends), list_of(integer(0, 64), len(names))), 1)
    units = _Units(tuple(shifts), tuple(bits.tolist()))
    parts = [party(_moments)(table, names, list(known.counts), units) for party, table in tables.items()]
    wide = np.exp2(WIDE - np.minimum(bits, MEAN_BITS))
    pooled = on_spu(spu, _pooled, [wide, *parts])
    scale = np.array(units.spreads()) * 2.0**-WIDE
    enough = np.array(known.counts) > 1

    def read(found: NDArray[Any]) -> Any:
        return np.where(enough, np.asarray(found, float) * scale, np.nan)

    return Aggregate(pooled, known.columns, read)


@dataclass(frozen=True, slots=True)
class _Units:
    """How columns are measured for their deviations.

    Attributes:
        shifts: values times 2**shift are whole, below 2**(BITS - 1).
        bits: of these the greatest and the least differ by less than 2**bits.
    """

    shifts: tuple[int, ...]
    bits: tuple[int, ...]

    def spreads(self) -> list[float]:
        """What the greatest and the least value differ by at most, in the column's own units."""
        return [float(np.ldexp(1.0, b - shift)) for b, shift in zip(self.bits, self.shifts, strict=True)]


def value_counts(spu: SPU, tables: Tables, column: str, values: Sequence[Any]) -> Aggregate:
    """How often each of these values is there, over all parties."""
    parts = [party(_occurrences)(table, column, list(values)) for party, table in tables.items()]
    return Aggregate(on_spu(spu, _total, parts), tuple(values), lambda found: found.astype(np.int64))


def counts(spu: SPU, tables: Tables, columns: Sequence[str]) -> Aggregate:
    """How many values there are in each column, over all parties."""
    parts = [party(_counts)(table, list(columns)) for party, table in tables.items()]
    return Aggregate(on_spu(spu, _total, parts), tuple(columns), lambda found: found.astype(np.int64))


def on_spu(spu: SPU, function: Callable[..., Any], parts: Sequence[Any]) -> Any:
    """`function` of the parts on the SPU, with numbers of 64 bits whatever the script's jax is set to."""
    import jax

    with jax.enable_x64(True):
        return spu(function)(*parts)


# -------------------------------------------------------------------- at the owner


def _infinite(native: Any, names: Sequence[str]) -> list[str]:
    table = opened(native)
    found = [name for name in names if np.isinf(as_floats(table.column(name))).any()]
    return [found[0], INFINITE] if found else []


def _present(native: Any, names: Sequence[str]) -> list[Any]:
    table = opened(native)
    return [present(table.column(name)) for name in names]


def _counts(native: Any, names: Sequence[str]) -> NDArray[np.int64]:
    made: NDArray[np.int64] = opened(native).pandas(names).count().to_numpy(np.int64)
    return made


def _exponents(native: Any, names: Sequence[str]) -> NDArray[np.int64]:
    sizes = [
        max((abs(float(v.min())), abs(float(v.max()))), default=0) if len(v) else 0.0
        for v in _present(native, names)
    ]
    powers: NDArray[np.int64] = np.frexp(np.array(sizes, float))[1].astype(np.int64)
    return np.maximum(powers, LEAST_EXPONENT)


def _sums(native: Any, names: Sequence[str], shifts: Sequence[int]) -> NDArray[np.int64]:
    """Of each column the sum, in units, in two words."""
    sums = [exact_sum(values) for values in _present(native, names)]
    return _words([round(_scaled(n, s, True)) for n, s in zip(sums, shifts, strict=True)], WORD)


def _extremes(
    native: Any, names: Sequence[str], shifts: Sequence[int], greatest: bool, wide: bool
) -> NDArray[np.int64]:
    """The greatest value of each column, or of its values with the other sign; in two words if `wide`."""
    units = []
    for values, shift in zip(_present(native, names), shifts, strict=True):
        if len(values):
            value = values.max().item() if greatest else -values.min().item()
            units.append(round(_scaled(value, shift, True)))
        else:
            units.append(-(1 << 64) if wide else -(1 << BITS))
    return _words(units, WORD if wide else 0)


def _words(numbers: Sequence[int], bits: int) -> NDArray[np.int64]:
    """The upper parts of whole numbers, and the lower ones of so many bits: [2, columns], or [1, columns]."""
    words = [[n >> bits for n in numbers], [n & ((1 << bits) - 1) for n in numbers]]
    return np.array(words[: 2 if bits else 1], np.int64)


def _joined(words: NDArray[np.int64]) -> int:
    """The whole number of upper and lower part, or of the only one."""
    return int(words[0]) if len(words) == 1 else (int(words[0]) << WORD) + int(words[1])


def _moments(
    native: Any, names: Sequence[str], counts: Sequence[int], units: _Units
) -> dict[str, NDArray[Any]]:
    """Of each column its share of the rows, the mean in whole units, and the sum of squares around it."""
    found = [
        _around_mean(values, shift, bits)
        for values, shift, bits in zip(_present(native, names), units.shifts, units.bits, strict=True)
    ]
    n, means, squares = zip(*found, strict=True)
    whole = np.maximum(np.array(counts, float), 1)
    less = np.maximum(whole - 1, 1)
    rows = np.array(n, float)
    return {
        "share": rows / less,
        "part": rows / whole,
        "mean": np.array(means, np.int64),
        "within": np.array(squares) / less,
    }


def _around_mean(values: NDArray[Any], shift: int, bits: int) -> tuple[int, int, float]:
    """How many there are, their mean, and the sum of squares around it; in the units of `_Units`."""
    if not len(values):
        return 0, 0, 0.0
    first = values[0].item()
    if values.dtype.kind in "iu" and int(values.max()) - int(values.min()) < 1 << 63:
        gaps = (values - values[0]).view(np.int64).astype(float)  # exact, around 2**64 where it must be
    else:
        gaps = values.astype(float) - float(first)
    middle = float(gaps.mean())
    coarse = shift - max(bits - MEAN_BITS, 0)
    mean = round(_scaled(first, coarse, True)) + round(_scaled(middle, coarse, False))
    scaled = np.ldexp(gaps - middle, WIDE + shift - bits)
    return len(values), mean, float(scaled @ scaled)


def _occurrences(native: Any, column: str, values: Sequence[Any]) -> NDArray[np.int64]:
    found = opened(native).column(column)
    return np.array([int((found == value).fillna(False).sum()) for value in values], np.int64)


def _scaled(number: Any, shift: int, whole: bool) -> Any:
    """``number * 2**shift``; of whole numbers without rounding where it stays whole."""
    if whole and isinstance(number, int):
        return number << shift if shift >= 0 else _halved(number, -shift)
    return float(np.ldexp(float(number), shift))


def _halved(number: int, shift: int) -> int:
    """``number / 2**shift``, to the nearest whole number."""
    return (number + (1 << (shift - 1))) >> shift


# -------------------------------------------------------------------- on the SPU


def _total(*parts: Any) -> Any:
    return sum(parts[1:], start=parts[0])


def _many_or_none(*counts: Any) -> Any:
    """Of each column whether the values of all, and those of all but one party, are none or enough."""
    whole = _total(*counts)
    fine = None
    for others in [whole, *(whole - each for each in counts)]:
        here = (others == 0) | (others >= LEAST_OTHERS)
        fine = here if fine is None else fine & here
    return fine


def _greatest(*parts: Any) -> Any:
    import jax.numpy as jnp

    found = parts[0]
    for part in parts[1:]:
        found = jnp.maximum(found, part)
    return found


def _greatest_words(*parts: Any) -> Any:
    """The greatest numbers of two words: of those with the greatest upper word the greatest lower one."""
    import jax.numpy as jnp

    upper = _greatest(*(part[0] for part in parts))
    return jnp.stack([upper, _greatest(*(jnp.where(part[0] == upper, part[1], -1) for part in parts))])


def _bits_between(greatest: Sequence[Any], least: Sequence[Any]) -> Any:
    """Of each column the bits of the greatest less the least value; `least` has the other sign."""
    import jax.numpy as jnp

    between = _greatest(*greatest)[0] + _greatest(*least)[0]
    return jnp.sum(between[None] >= (1 << np.arange(BITS + 1))[:, None], axis=0)


def _pooled(wide: Any, *parts: Any) -> Any:
    """The deviation of all rows from each party's `_moments`; `wide`: from units of means to those here."""
    import jax.numpy as jnp

    middle = parts[-1]["mean"]
    for part in parts[-2::-1]:
        middle = jnp.where(part["part"] > 0, part["mean"], middle)
    gaps = [jnp.where(part["part"] > 0, part["mean"] - middle, 0) * wide for part in parts]
    mean = _total(*(part["part"] * gap for part, gap in zip(parts, gaps, strict=True)))
    between = _total(*(part["share"] * (gap - mean) ** 2 for part, gap in zip(parts, gaps, strict=True)))
    return jnp.sqrt(jnp.maximum(_total(*(part["within"] for part in parts)) + between, 0))
