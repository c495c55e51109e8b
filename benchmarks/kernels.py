"""The kernels in C beside numpy (and `cryptography`), which compute where there are none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np

from benchmarks.measure import Ceiling, Row, Spread
from benchmarks.plan import Plan
from junto.join.plain_curve import PlainCurve, encoded
from junto.mpc import bits, limbs, ring, ring128
from junto.mpc.lattice import negacyclic
from junto.mpc.lattice.residues import moduli
from junto.mpc.ot.hashing import Hash
from junto.native import Kernels, kernels

Work = Callable[[], object]
RNG = np.random.default_rng(0)


def words(*shape: int) -> np.ndarray:
    return RNG.integers(0, 2**64, shape, dtype=np.uint64)


def seconds(work: Work) -> float:
    """Of processor time, all threads."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(plan: Plan) -> list[Row]:
    """All rows of this family; none where there are no kernels."""
    native = kernels()
    if native is None:
        return []
    rows = []
    for what, (ours, twin) in pairs(native, 10 if plan.quick else 1).items():
        ours(), twin()
        both = [(seconds(ours), seconds(twin)) for _ in range(3 if plan.quick else 7)]
        ceiling = Ceiling("its twin", Spread.of(each for _, each in both))
        rows.append(Row("kernels", what, "s", Spread.of(each for each, _ in both), (ceiling,)))
    return rows


def pairs(native: Kernels, part: int) -> dict[str, tuple[Work, Work]]:
    """A kernel and its twin on the same numbers."""
    side, count, points = 1000 // part, 1_000_000 // part, 2000 // part
    a, b, out, x = words(side, side), words(side, side), np.empty((side, side), np.uint64), words(count)
    planes, into = native.planes(x, 64), np.empty(count, np.uint64)
    rows, difference, key, scalar = words(count, 2), words(2), os.urandom(16), os.urandom(32)
    numbers = RNG.integers(0, 256, (points, 48), np.uint8)
    raw, coordinates, plain = [row.tobytes() for row in numbers], native.encode_points(numbers), PlainCurve()
    polynomials, tables, primes = max(1, 16 // part), negacyclic.tables(), moduli()[:, 0]
    values = words(polynomials, 4, negacyclic.DEGREE) >> np.uint64(15)
    wide, other = (ring128.wide_from(words(side, side, 2)) for _ in range(2))
    long, made, made_long = (
        ring128.wide_from(words(count, 2)),
        ring128.wide_zeros((side, side)),
        ring128.wide_zeros(count),
    )
    return {
        f"product of {side:,} x {side:,}": (
            lambda: native.matmul_into(a, b, out),
            lambda: limbs.multiply_into(a, b, out),
        ),
        "the same, of 128 bits": (
            lambda: native.wide_matmul_into(wide, other, made),
            lambda: ring128.matmul_limbs(wide, other, ring.matmul),
        ),
        f"{count:,} products of 128 bits": (
            lambda: native.wide_multiply_into(long, long, made_long),
            lambda: ring128.multiply_pairs(long, long),
        ),
        f"{count:,} numbers to planes": (lambda: native.planes(x, 64), lambda: bits._planes(x, 64)),
        f"{count:,} numbers from planes": (
            lambda: native.unplanes(planes, into),
            lambda: bits._unplanes(planes, count),
        ),
        f"{count:,} hashes for transfers": (
            lambda: native.hashes(key, rows, difference, 0, 0),
            lambda: Hash(key)._words(rows ^ difference, 0),
        ),
        f"{4 * polynomials} transforms of 8,192 coefficients": (
            lambda: native.transform(values, tables, primes, back=False),
            lambda: negacyclic.forward(values, tables, moduli()),
        ),
        f"sums of {polynomials} products of four times 8,192 values": (
            lambda: native.dot(values[None], values, primes),
            lambda: negacyclic.dot(values[None], values, moduli()),
        ),
        f"{points:,} points multiplied (twin: cryptography)": (
            lambda: native.multiply_points(scalar, coordinates),
            lambda: plain.multiply(scalar, coordinates),
        ),
        f"{points:,} numbers mapped to points (twin: Python's integers)": (
            lambda: native.encode_points(numbers),
            lambda: encoded(raw),
        ),
    }
