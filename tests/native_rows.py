"""Each kernel beside its twin in numpy, on sizes about every edge of its blocks.

As a program, `native_rows.py LIBRARY [KERNEL ...]` compares them in a library that was compiled elsewhere, at
all levels: how the sanitizers are run.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from itertools import product
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

from junto.join import comparing, keys, okvs, spool
from junto.join.curve import P
from junto.join.plain_curve import PlainCurve, encoded, pack
from junto.join.row_digests import plain_digests
from junto.join.tags import Tagging
from junto.mpc import bits, limbs, prg, ring128
from junto.mpc import waves as twins
from junto.mpc.lattice import negacyclic, slot_lwe
from junto.mpc.lattice.residues import PRIMES, column
from junto.mpc.ot import softspoken
from junto.mpc.ot.hashing import Hash
from junto.mpc.protocol import borrow, dealt, multiply, shares
from junto.mpc.protocol.demands import Hot, RingDemand
from junto.native import Kernels, MaskedNumbers, SeedTree
from junto.native import pool as memory

Row = Callable[[Kernels, np.random.Generator], Iterator[tuple[np.ndarray, np.ndarray]]]
"""Yields what the kernel gives, and what its twin does."""


def words(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Uniform ones, with many at the ends of the range."""
    made = rng.integers(0, 2**64, shape, dtype=np.uint64)
    edges = np.array([0, 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1], np.uint64)
    return np.where(rng.random(shape) < 0.2, rng.choice(edges, shape), made)


PRODUCTS = [(0, 3, 2), (2, 0, 3), (1, 1, 1), (5, 7, 3), (6, 256, 4), (13, 257, 17), (97, 30, 33)]
"""Rows, what is summed over, columns: none, one, and beside the edges of the kernels' tiles."""


def batches(rng: np.random.Generator, made: Callable[..., Any]) -> Iterator[tuple[Any, Any]]:
    """Pairs of operands of several dimensions: repeated, turned, more of them than rows, and none."""
    for m, k, n in [(5, 9, 3), (1, 4, 70), (2, 0, 2)]:
        a, b = made(rng, 3, 2, m, k), made(rng, 2, n, k).swapaxes(-1, -2)
        yield a, np.broadcast_to(b, (3, *b.shape), subok=True)
        yield np.broadcast_to(a[:1, ::-1], (9, 2, m, k), subok=True), made(rng, 9, 2, k, n)
    yield made(rng, 0, 3, 2), made(rng, 0, 2, 4)


def matmul_into(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for m, k, n in [*PRODUCTS, (3, 600, 530)]:
        a, b = words(rng, m, k), words(rng, n, k).T
        for left, right in ((a, b), (np.repeat(a, 2, 1)[::-1, ::2], b[::-1].copy()[::-1])):
            got, want = np.empty((m, n + 2), np.uint64)[:, 1 : n + 1], np.empty((m, n), np.uint64)
            kernels.matmul_into(left, right, got)
            if want.size and k:
                limbs.multiply_into(left, right, want)
            else:
                want[...] = 0
            yield got, want
    for a, b in batches(rng, words):
        got = np.empty((*a.shape[:-1], b.shape[-1]), np.uint64)
        kernels.matmul_into(a, b, got)
        yield got, a @ b


LIMB_ENDS = [
    (-(2**21), 2**21 - 2, 2**21 - 1),
    (-(2**42), 2**42 - 2**22),
    (-(2**63), 2**63 - 2**43),
    (0, 2**127 - 2**64),
]
"""What limbs with signs are at their ends, in their places: the largest sums, odd ones too."""
LONG_SUM = 3000
"""Products in one sum, many times the depth of a panel."""


def pairs(rng: np.random.Generator, *shape: int) -> Any:
    return ring128.wide_from(words(rng, *shape, 2))


def wide_matmul_into(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for m, k, n in [*PRODUCTS, (3, 40, 530)]:
        a, b = pairs(rng, m, k), pairs(rng, n, k).T
        for left, right in (
            (a, b),
            (np.repeat(a, 2, 1)[::-1, ::2], b[::-1].copy()[::-1]),
            (a.T.copy().T, b.copy()),
        ):
            got = ring128.wide_zeros((m, n + 2))[:, 1 : n + 1]
            kernels.wide_matmul_into(left, right, got)
            yield ring128.words_of_wide(got), ring128.words_of_wide(ring128.matmul_limbs(left, right))
    for a, b in batches(rng, pairs):
        got = ring128.wide_zeros((*a.shape[:-1], b.shape[-1]))
        kernels.wide_matmul_into(a, b, got)
        yield ring128.words_of_wide(got), ring128.words_of_wide(ring128.matmul_limbs(a, b))
    ends = [sum(limbs) for limbs in product(*LIMB_ENDS)]
    a = np.repeat(ring128.wide_of_integers(ends)[:, None], LONG_SUM, 1)
    got = ring128.wide_zeros((len(ends), len(ends)))
    kernels.wide_matmul_into(a, a.T, got)
    want = ring128.wide_of_integers([LONG_SUM * x * y for x, y in product(ends, ends)])
    yield ring128.words_of_wide(got).reshape(-1, 2), ring128.words_of_wide(want)


def _element_by_element(act: str, twin: Callable[[Any, Any], Any]) -> Row:
    def row(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        x = pairs(rng, 5, 130)
        edges = ring128.wide_of_integers([0, 1, 2**64 - 1, 2**64, 2**127, 2**128 - 1])
        cube = pairs(rng, 3, 4, 5)
        for a, b in [
            (cube, cube[:, :1]), (cube.T, cube.T[:, ::-1]), (cube[..., None], x[0, :7]),
            (cube[:, :, :2], cube[1:2, :1, 3:]),
            (x, x[::-1]), (x[0, :0], x[1, :0]), (x[0, 0], x), (x, x[:, :1]), (x[:, ::2], x[1, 65:]),
            (x[0, 0], x[1, 1]), (edges[:, None], edges),
        ]:  # fmt: skip
            with np.errstate(over="ignore"):
                want = twin(a, b)
            got = ring128.wide_zeros(want.shape)
            getattr(kernels, act)(a, b, got)
            yield ring128.words_of_wide(got), ring128.words_of_wide(want)
            if a.shape == want.shape and a.flags.c_contiguous:
                got = a.copy()
                getattr(kernels, act)(got, b, got)  # in place
                yield ring128.words_of_wide(got), ring128.words_of_wide(want)

    row.__name__ = act
    return row


def _shifting(act: str, twin: Callable[[Any, int], Any]) -> Row:
    def row(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for x in (pairs(rng, 0), pairs(rng), pairs(rng, 40, 2)[:, 1], pairs(rng, 3, 5).T):
            for places in (0, 1, 63, 64, 65, 127):
                got, want = ring128.wide_zeros(x.shape), ring128.words_of_wide(twin(x, places))
                getattr(kernels, act)(x, places, got)
                yield ring128.words_of_wide(got), want
                got[...] = x
                getattr(kernels, act)(got, places, got)  # in place
                yield ring128.words_of_wide(got), want

    row.__name__ = act
    return row


def wide_multiply_less_into(
    kernels: Kernels, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    x = pairs(rng, 5, 130)
    for a, b in ((x, x[::-1]), (x[:, :1], x[1]), (x[0, 0], x), (x[0, :0], x[1, :0])):
        got = pairs(rng, *np.broadcast_shapes(a.shape, b.shape))
        want = ring128.subtract_pairs(ring128.multiply_pairs(a, b), got)
        kernels.wide_multiply_less_into(a, b, got)
        yield ring128.words_of_wide(got), ring128.words_of_wide(want)


def bit_times(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for shape, other in (
        ((0, 3), (0, 3)), ((), ()), ((7,), (1,)), ((5, 6), (5, 1)), ((5, 6), (6,)), ((2, 3, 4), (3, 1)),
        ((9,), (9,)),
    ):  # fmt: skip
        for make in (words, pairs):
            known = MaskedNumbers(
                np.asarray(words(rng, *shape) % np.uint64(2) == 1), make(rng, *shape), make(rng, *shape)
            )
            opened = make(rng, *other)
            for own in (
                make(rng, *other),
                make(rng, *shape),
            ):  # the second lies otherwise than what was opened
                got, want = (
                    each(known, opened, own) for each in (kernels.bit_times, multiply.bit_times_in_numpy)
                )
                yield got, want


def bit_dots(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for rows, count in ((0, 3), (1, 0), (1, 1), (7, 10), (300, 11)):
        flags = np.asarray(words(rng, rows, count) % np.uint64(2) == 1)
        for make, first in product((words, pairs), (False, True)):
            given = flags, make(rng, rows, count), make(rng, count), first
            got, want = kernels.bit_dots(*given), shares.bit_sums_in_numpy(*given)
            yield got, want


def wide_extended(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for shape in ((), (0,), (7,), (3, 5)):
        for x in (words(rng, *shape).view(np.int64), np.asarray(words(rng, *shape) % np.uint64(3) == 1)):
            for each in (x, x.T, x.astype(np.int8)):
                got = ring128.as_ring(kernels.wide_extended(each))
                yield ring128.words_of_wide(got), ring128.words_of_wide(ring128.extended(each))


def wide_sum(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for shape in ((5,), (1, 1), (3, 0), (0, 3), (2, 70), (4, 3, 5), (2, 3, 4, 5)):
        for x in (pairs(rng, *shape), pairs(rng, *shape[::-1]).T):
            for axis in range(len(shape)):
                for running, twin in ((False, ring128.sum_pairs), (True, ring128.running_pairs)):
                    got = ring128.as_ring(kernels.wide_sum(x, axis, running=running))
                    yield ring128.words_of_wide(got), ring128.words_of_wide(twin(x, axis))


def dots(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for rows, count in ((0, 3), (3, 0), (1, 1), (5, 7), (4, 8), (70, 21), (2, 33)):
        for make in (words, pairs):
            for x in (make(rng, rows, count), make(rng, count, rows).T):
                factors = make(rng, count)
                yield kernels.dots(x, factors), (x * factors).sum(1, np.uint64)


def planes(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for lanes, count in [(0, 5), (1, 64), (63, 1), (64, 64), (65, 0), (512, 64), (513, 17), (1500, 64)]:
        x = words(rng, lanes)
        yield kernels.planes(x, count), bits._planes(x, count)
        yield kernels.planes(np.repeat(x, 2)[::2], count), bits._planes(x, count)


def unplanes(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for lanes, count in [(0, 5), (1, 64), (63, 1), (64, 64), (65, 0), (512, 64), (513, 17), (1500, 64)]:
        x = words(rng, count, -(-lanes // 64))
        for step in (1, 2):
            got = np.zeros(lanes * step, np.uint64)[::step]
            kernels.unplanes(x, got)
            yield got, bits._unplanes(x, lanes)


def prefixes(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for groups, width, first in [(1, 1, True), (2, 5, False), (16, 3, True), (4, 521, False)]:
        p, g, mixed = (
            words(rng, 4 * groups, width),
            words(rng, 4 * groups, width),
            words(rng, 15 * groups, width),
        )
        for leaf, propagate in [(True, True), (False, True), (False, False)]:
            dealt = words(rng, (15 if propagate else 7) * groups, width)
            given = iter([dealt, mixed])
            role: Any = SimpleNamespace(first=first, deals=False)
            role.deal_planes = lambda *_, given=given: next(given)
            known, made = (borrow.MaskedPlanes(each, each, 64 * width) for each in (p, g))
            with patch.object(borrow, "kernels", lambda: None):
                if leaf:
                    want = borrow.leaves(role, p, None, groups, 64 * width)
                    alone = borrow._all_of(role, p, dealt.reshape(15, groups, width))
                    yield (
                        kernels.prefixes(
                            SeedTree(p, None, dealt, None, first), generate=False, propagate=True
                        )[1][3],
                        alone,
                    )
                else:
                    want = borrow.inner(role, made, known, groups, propagate=propagate)
            tree = SeedTree(p, None if leaf else g, dealt, None if leaf else mixed, first)
            generate, passing = kernels.prefixes(tree, generate=True, propagate=propagate)
            yield generate, np.stack(want.generate)
            if propagate:
                yield passing, np.stack(want.propagate)


LOOKUPS = [
    *((0, 6, 1, 0), (1, 0, 2, 0), (5, 1, 1, 0), (3, 2, 2, 0), (9, 3, 1, 0), (40, 6, 3, 0), (7, 9, 2, 0)),
    *((0, 6, 1, 1), (5, 1, 1, 1), (9, 6, 2, 1), (70, 7, 1, 3), (3, 7, 2, 7), (8, 5, 1, 4)),
]
"""Lanes, bits of a digit, tables, how many of the bits choose among entries of one place."""


def lookup(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for lanes, width, several, low in LOOKUPS:
        digits, places = words(rng, lanes), np.arange(1 << (width - low), dtype=np.uint64)
        for make in (words, pairs):
            tables, hot = make(rng, several, 1 << width), make(rng, lanes, 2 << (width - low))[:, ::2]
            got, want = kernels.lookup(tables, digits, hot), dealt.selected_in_numpy(tables, digits, hot)
            yield got, want
            here = ring128.zeros(hot.shape, 8 * hot.itemsize)
            place = (digits >> np.uint64(low)) & np.uint64(len(places) - 1)
            here[...] = np.equal(places, place[:, None]).astype(np.uint64)
            yield kernels.lookup(tables, digits, here), tables[:, digits & np.uint64((1 << low) - 1)]


def hide_one_hot(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for lanes, width, _, low in LOOKUPS:
        digits = rng.integers(0, 1 << width, lanes, dtype=np.uint64)
        for make in (words, pairs):
            got, entries = make(rng, lanes, 1 << (width - low)), make(rng, 1 << low)
            want = got.copy().reshape(-1)
            RingDemand.hide(Hot(digits, 1 << (width - low), entries), want)
            kernels.hide_one_hot(digits, np.asarray(entries), got)
            yield got.reshape(-1), want


WAVES = [(0, 64, 2), (1, 1, 0), (127, 64, 1), (128, 19, 3), (129, 64, 14), (700, 23, 5)]
"""Lanes, period, terms."""


def turns(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for lanes, period, count in [
        (0, 64, 2),
        (1, 1, 0),
        (127, 64, 1),
        (128, 19, 3),
        (129, 64, 14),
        (700, 23, 5),
    ]:
        x = words(rng, lanes)
        yield kernels.turns(np.repeat(x, 2)[::2], period, count), twins._turns(x, period, count)


def waves(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for lanes, period, count in [
        (0, 64, 2),
        (1, 1, 0),
        (127, 64, 1),
        (128, 19, 3),
        (129, 64, 14),
        (700, 23, 5),
    ]:
        x, dealt, amplitudes = (
            words(rng, lanes),
            words(rng, count, lanes, 2).swapaxes(1, 2),
            rng.normal(size=(count, 2)),
        )
        yield kernels.waves(x, period, amplitudes, dealt), twins._waves(x, period, amplitudes, dealt)


def leaf_sums(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if not kernels.has_aes:
        return
    for depths, missing in [
        ([0], None),
        ([1, 1], None),
        ([1, 2], 1),
        ([4, 3, 3], None),
        ([4, 4], 7),
        ([8], 9),
    ]:
        leaves = [words(rng, 1 << depth, 2) for depth in depths]
        parts = [softspoken._Part(each, sum(depths[:i]), missing) for i, each in enumerate(leaves)]
        keys, start = np.concatenate([part.keys for part in parts]), 0
        for width in (1, 2, 3, 16, 33):
            got, want = (np.empty((sum(depths), width), np.uint64) for _ in range(2))
            room = np.empty((1 << max(depths)) * width + 2, np.uint64)
            totals = np.stack([part.sums(want, room).copy() for part in parts])
            yield kernels.leaf_sums(keys, np.array(depths, np.uint8), missing is not None, start, got), totals
            yield got, want
            start += width


def keystream(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    key, counts = rng.bytes(16), (0, 1, 2, 3, 15, 16, 17, 63, 64, 65, 80, 81, 200)
    for first, count in product((0, 1, 2, 7, 513, 2**33 - 20, 2**49 + 1), counts if kernels.has_aes else ()):
        yield kernels.keystream(key, first, count), prg.plain_keystream(key, first, count)


def hashes(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if not kernels.has_aes:
        return
    for count, first in [(0, 0), (1, 3), (7, 0), (8, 2**40), (9, 0), (200, 1)]:
        key, x, difference = rng.bytes(16), words(rng, count, 2), words(rng, 2)
        twin = Hash(key)
        yield kernels.hashes(key, x, difference, 0, first), twin._words(x ^ difference, first)
        for pieces in (1, 3):
            got = kernels.hashes(key, x, difference, pieces, first)
            yield got, twin._blocks(x ^ difference, pieces, first)


def banded(rng: np.random.Generator, count: int, width: int, slots: int) -> okvs.Bands:
    starts = rng.integers(0, slots - 64 * width, count, np.uint64, endpoint=True)
    return okvs.Bands(starts, rng.integers(0, 2**64, (count, width), np.uint64), words(rng, count, 2))


BANDED = [
    (0, 1, 64), (1, 1, 64), (60, 1, 200), (70, 1, 64), (300, 6, 800), (99, 8, 600), (3000, 6, 4001),
    (1500, 8, 2102),
]  # fmt: skip


def laid(
    kernels: Kernels, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, dict[int, tuple[int, int]], int]]:
    """Systems that rows are put into, some after others, by a kernel and without; and words of a band."""
    for count, width, slots in BANDED:
        bands = banded(rng, count, width, slots)
        echelon, rows, solved = np.zeros((slots, width + 2), np.uint64), dict[int, tuple[int, int]](), True
        for some in (bands[np.arange(count // 3)], bands[np.arange(count // 3, count)]):
            if solved:
                solved = kernels.lay_bands(some.starts, some.slots, some.messages, echelon)
                assert solved == okvs.lay_plainly(rows, some, some.messages)
        if solved:
            yield echelon, rows, width


def lay_bands(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for got, rows, width in laid(kernels, rng):
        want = np.zeros_like(got)
        for at, (row, value) in rows.items():
            want[at] = np.frombuffer(
                (row | value << 64 * width).to_bytes(8 * width + 16, "little"), np.uint64
            )
        yield got, want


def solve_bands(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for echelon, rows, width in laid(kernels, rng):
        got = words(rng, len(echelon), 2)
        want = got.copy()
        kernels.solve_bands(echelon, got)
        okvs.solve_plainly(rows, width, want)
        yield got, want


def read_bands(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for count, width, slots in [
        (0, 1, 64), (1, 1, 64), (60, 1, 200), (300, 6, 800), (99, 8, 512), (2000, 6, 3003), (900, 8, 1501),
        (9, 2, 4000),
    ]:  # fmt: skip
        bands, table = banded(rng, count, width, slots), words(rng, slots, 4)
        ordered = bands[np.argsort(bands.starts)]
        ordered.starts[count // 2 :] //= np.uint64(2)  # twice from the beginning
        for some in (bands, ordered):
            yield kernels.read_bands(some.starts, some.slots, table), okvs._decode(some, table)


def residues(rng: np.random.Generator, primes: np.ndarray, *shape: int) -> np.ndarray:
    """Numbers modulo primes, [..., primes, n], with many at the ends of the range."""
    return np.where(
        rng.random(shape) < 0.2,
        rng.choice(np.arange(2, dtype=np.uint64), shape) * (primes - 1),
        words(rng, *shape) % primes,
    )


BASES = [PRIMES[:1], PRIMES[:2], PRIMES, (*slot_lwe.PRIMES[3:6], slot_lwe.PRIMES[3])]


def transform(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for count, primes, n in [(0, 0, 2), (1, 0, 2), (2, 1, 4), (3, 2, 16), (1, 2, 1024), (2, 3, 32)]:
        modulo = column(BASES[primes])
        for twin, back in ((negacyclic.forward, False), (negacyclic.backward, True)):
            got = residues(rng, modulo, count, len(modulo), n)
            want, tables = got.copy(), negacyclic.tables(BASES[primes], n)
            kernels.transform(got, tables, modulo[:, 0], back=back)
            twin(want, tables, modulo)
            yield got, want


def dot(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for count, terms, primes, n in [
        (0, 1, 0, 1),
        (1, 0, 1, 3),
        (2, 1, 2, 5),
        (1, 9, 1, 513),
        (2, 4, 2, 1024),
        (1, 5, 3, 7),
    ]:
        modulo = column(BASES[primes])
        x, y = (residues(rng, modulo, *each, terms, len(modulo), n) for each in ((count,), ()))
        yield kernels.dot(x, y, modulo[:, 0]), negacyclic.dot(x, y, modulo)


def combine(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for count, terms, primes, n in [(0, 1, 0, 1), (1, 0, 1, 3), (2, 9, 2, 513), (1, 8, 3, 1024)]:
        modulo = column(BASES[primes])
        x = words(rng, count, terms, n) >> np.uint64(64 - 50)
        factors = residues(rng, modulo[:, 0], terms, len(modulo))
        yield kernels.combine(x, factors, modulo[:, 0]), negacyclic.combine(x, factors, modulo)


SMALL = [
    0, 1, 325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823, P - 1,
]  # fmt: skip
"""All coordinates of small order, of the curve and of its twist, below p (cr.yp.to/ecdh.html, "validate")."""
EDGES = [*SMALL, 2, 3, P - 2, P, P + 1, P + 18, 2**254, 2**255 - 1, 2**26 - 1, 2**51 - 1, 2**230 - 1]


def multiply_points(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    plain = PlainCurve()
    edges = pack(EDGES)
    points = np.vstack(
        [edges, edges | np.array([0] * 31 + [128], np.uint8), rng.integers(0, 256, (260, 32), np.uint8)]
    )
    for count, scalar in [(0, bytes(32)), (1, bytes(32)), (7, b"\xff" * 32), (len(points), rng.bytes(32))]:
        yield kernels.multiply_points(scalar, points[:count]), plain.multiply(scalar, points[:count])
    apart = np.repeat(points[:40], 2, 1)[:, ::2]
    yield kernels.multiply_points(bytes(32), apart), plain.multiply(bytes(32), points[:40])


def encode_points(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    edges = [
        0,
        1,
        P - 1,
        P,
        P + 1,
        2**255 - 1,
        2**255,
        2**256 - 1,
        2**256,
        38 * P,
        2**384 - 1,
        2**384 - 38 * P,
    ]
    raw = [number.to_bytes(48, "big") for number in edges] + [rng.bytes(48) for _ in range(130)]
    for count in (0, 1, 5, len(raw)):
        numbers = np.frombuffer(b"".join(raw[:count]), np.uint8).reshape(-1, 48)
        yield kernels.encode_points(numbers), encoded(raw[:count])


def sha2(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for wide in (False, True):
        for size in (0, 1, 48, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 215, 300):
            for count in (0, 1, 7, 8, 17):
                rows = rng.integers(0, 256, (count, size), np.uint8)
                yield kernels.sha2(rows, wide), plain_digests(rows, wide)
    apart = rng.integers(0, 256, (9001, 96), np.uint8)[:, ::2]
    yield kernels.sha2(apart, False), plain_digests(apart, False)


def sort_words(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for count, (low, high) in product(
        (0, 1, 2, 2047, 5000), [(0, 0), (0, 64), (3, 14), (20, 64), (5, 28), (63, 64)]
    ):
        for made in (words(rng, count), rng.integers(0, 9, count, np.uint64) << np.uint64(low % 64)):
            want = spool.plainly_sorted(made, low, high)
            kernels.sort_words(made, low, high)
            yield made, want


def merge_tags(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for sizes in [(0,), (1,), (0, 0), (3, 0, 2), (500, 700), (100, 1, 90, 100)]:
        for kinds in (3, 1000):
            tags = [rng.integers(0, kinds, (size, 2), np.uint64) << np.uint64(54) for size in sizes]
            high, low = np.concatenate([some[np.lexsort((some[:, 1], some[:, 0]))] for some in tags]).T
            groups, many = kernels.merge_tags(high, low, np.cumsum(sizes))
            want, expected = comparing.groups_of_tags(high.copy(), low.copy())
            yield groups, want
            yield np.array(many), np.array(expected)


def lay_values(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    data = rng.integers(1, 256, 61, np.uint8)
    room = keys.DIGEST_BYTES - 1
    fitting = [(one, other) for one in range(room) for other in range(room - 1 - one)]  # and a byte for each
    for sizes in (fitting, [(size,) for size in range(room)], []):
        pairs = np.array(sizes, np.int64).reshape(len(sizes), len(sizes[0]) if sizes else 1)
        ends = np.where(rng.random(pairs.shape) < 0.3, len(data), rng.integers(pairs, len(data) + 1))
        columns = [
            keys.Values(data, np.ascontiguousarray(end - each), np.ascontiguousarray(each))
            for end, each in zip(ends.T, pairs.T, strict=True)
        ]
        short = rng.random(len(sizes)) < 0.8
        got, want = rng.integers(0, 256, (2, len(sizes), keys.DIGEST_BYTES), np.uint8)
        want[...] = got  # what is not laid stays
        places = short.astype(np.int64)
        for each in columns:
            kernels.lay_values(got, places, each.data, each.starts, each.lengths)
        keys.lay_plainly(want, np.flatnonzero(short), columns)
        yield got, want
        yield places, np.where(short, 1 + (pairs + 1).sum(axis=1), 0)


def tags(kernels: Kernels, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    key = rng.bytes(16)
    for count, size in product((0, 1, 7, 8, 9, 300), (0, 16, 32, 64) if kernels.has_aes else ()):
        rows = rng.integers(0, 256, (count, size), np.uint8)
        yield kernels.tags(key, rows), Tagging(key).plainly(rows).view(np.uint8)


ROWS: dict[str, Row] = {
    each.__name__: each
    for each in (
        matmul_into, planes, unplanes, multiply_points, encode_points, leaf_sums, keystream, hashes, prefixes,
        lookup, hide_one_hot, lay_bands, solve_bands, read_bands, wide_matmul_into, turns, waves, transform,
        dot, combine, sha2, sort_words, merge_tags, lay_values, tags, wide_extended, wide_sum, dots,
        bit_times, bit_dots, wide_multiply_less_into,
        _element_by_element("wide_add_into", ring128.add_pairs),
        _element_by_element("wide_subtract_into", ring128.subtract_pairs),
        _element_by_element("wide_multiply_into", ring128.multiply_pairs),
        _shifting("wide_left_shift_into", ring128.shift_pairs_left),
        _shifting("wide_right_shift_into", ring128.shift_pairs_right),
        _shifting("wide_signed_shift_into", ring128.shift_pairs_signed),
    )
}  # fmt: skip


def levels(library: ctypes.CDLL | None) -> list[Kernels]:
    """The kernels with each set of instructions that this machine has."""
    if library is None:
        return []
    return [Kernels(library, level) for level in range(Kernels(library).level + 1)]


def compare(kernels: Kernels, name: str) -> None:
    for got, want in ROWS[name](kernels, np.random.default_rng(7)):
        np.testing.assert_array_equal(got, want, err_msg=f"{name} at level {kernels.level}")


def use_memory_again(library: ctypes.CDLL) -> None:
    """What `pool.c` does: arrays of many sizes that come, grow and go, within a bound."""
    numpys, rng = memory.Pool(library), np.random.default_rng(7)
    before = numpys.use(numpys.capsule)
    for limit in (0, 10**6, 10**8):
        numpys.keep(limit)
        held: list[np.ndarray] = []
        for size in rng.integers(0, 1 << 18, 600):
            held.append(np.full(size, float(size)))
            held[rng.integers(len(held))].resize(int(rng.integers(1 << 18)), refcheck=False)
            if len(held) > 5:
                held.pop(int(rng.integers(len(held))))
        assert numpys.keep(limit) <= limit
    numpys.use(before)


if __name__ == "__main__":
    use_memory_again(ctypes.CDLL(sys.argv[1]))
    for each in levels(ctypes.CDLL(sys.argv[1])):
        for name in sys.argv[2:] or ROWS:
            compare(each, name)
