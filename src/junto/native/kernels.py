"""The page in front of the C kernels: nothing is called before its arrays are what the kernel takes them for.

A kernel is given addresses and numbers; it cannot see that an array is too short. So each method says what
it takes, and what it has not looked at by `read` or `written` has no address. Words are 64 bits.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from operator import mul
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from junto.locks import once
from junto.native.array_pointers import (
    FLOAT,
    PAIR,
    WORD,
    Octets,
    Pairs,
    Words,
    address,
    address_or_0,
    bands_read,
    bit_count,
    octets_read,
    read,
    written,
)
from junto.native.lattice_kernels import LatticeKernels
from junto.native.library import loaded
from junto.native.record_kernels import RecordKernels
from junto.native.ring_kernels import RingKernels
from junto.native.threads import shared_out

BASE, AVX2, AVX512 = range(3)
"""Instructions that a kernel may use; the names are those of `kernels.h`."""

_PRODUCTS: Final = 1 << 21
"""Products of words that are worth a thread."""
_POINT: Final = 32
_NUMBER: Final = 48
"""Bytes of a point of Curve25519, and of a number that is mapped to one."""
_MULTIPLIED: Final = 256
"""Points that are worth a thread."""
_KEY: Final = 16
_DEEPEST: Final = 8
"""Levels of a tree of leaves, at most: `aes.c` has room for so many."""
_FOLDED: Final = 1 << 15
"""Words of groups that are worth a thread."""
_HASHED: Final = 1 << 16
"""Hashes that are worth a thread."""
_DIGESTED: Final = 1 << 12
"""Digests that are worth a thread."""
_TRANSPOSED: Final = 1 << 12
"""Words of a plane that are worth a thread."""
_WAVED: Final = 1 << 13
"""Angles that are worth a thread."""
_SUMMED: Final = 1 << 12
"""Bands that are worth a thread."""
_POINTER, _SIZE, _LEVEL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SeedTree:
    """What a party knows of groups of four bits in a comparison's tree.

    Args:
        passed, made: p and g in public, [4 * groups, words]; g is None for leaves.
        dealt: shares of the monomials of p's masks, [sets * groups, words]: of all 15 sets, or, where P is
            not asked for, of those 7 without the lowest position.
        mixed: shares of g's masks times those monomials, [15 * groups, words]; None for leaves.
        first: whether this is P0.
    """

    passed: Words
    made: Words | None
    dealt: Words
    mixed: Words | None
    first: bool

    @property
    def arrays(self) -> tuple[Words, Words | None, Words, Words | None]:
        """All of them."""
        return self.passed, self.made, self.dealt, self.mixed


class _Borrow(ctypes.Structure):
    """`struct borrow`."""

    _fields_ = (*((f"array{i}", _POINTER) for i in range(6)), *((f"size{i}", _SIZE) for i in range(3)))


class Kernels(LatticeKernels, RecordKernels, RingKernels):
    """The kernels of one library.

    Args:
        library: one that `library.judged` has let pass.
        level: the most that may be used; what this machine has, if not given.

    Raises:
        ValueError: this machine has not so much.
    """

    def __init__(self, library: ctypes.CDLL, level: int | None = None) -> None:
        there = int(library.kernels_level())
        self.level: int = there if level is None else level
        if not BASE <= self.level <= there:
            raise ValueError(f"this machine has level {there}, not {self.level}")
        LatticeKernels.__init__(self, library)
        RecordKernels.__init__(self, library, self.level >= AVX2)
        RingKernels.__init__(self, library, self.level)
        self._products = {WORD: library.matmul64, PAIR: library.matmul128}
        for product in self._products.values():
            product.argtypes = [*[_POINTER] * 3, *[_SIZE] * 8, _LEVEL]
        self._planes64 = library.planes64
        self._planes64.argtypes = [*[_POINTER] * 2, *[_SIZE] * 5, _LEVEL]
        self._planes64.restype = None
        self._unplanes64 = library.unplanes64
        self._unplanes64.argtypes = [*[_POINTER] * 2, *[_SIZE] * 6, _LEVEL]
        self._unplanes64.restype = None
        self._turns = library.turns64
        self._turns.argtypes = [*[_POINTER] * 2, *[_SIZE] * 4, *[_LEVEL] * 2]
        self._turns.restype = None
        self._waves = library.waves64
        self._waves.argtypes = [*[_POINTER] * 4, *[_SIZE] * 4, *[_LEVEL] * 2]
        self._waves.restype = None
        self._borrow = library.borrow64
        self._borrow.argtypes = [_POINTER, *[_SIZE] * 2, _LEVEL]
        self._borrow.restype = None
        self._multiply = library.curve25519_multiply
        self._multiply.argtypes = [*[_POINTER] * 2, _SIZE, ctypes.c_char_p, _LEVEL]
        self._multiply.restype = None
        self._encode = library.curve25519_encode
        self._encode.argtypes = [*[_POINTER] * 2, _SIZE, _LEVEL]
        self._encode.restype = None
        self._trees = library.aes_trees
        self._trees.argtypes = [*[_POINTER] * 4, *[_SIZE] * 4]
        self._trees.restype = None
        self._hash = library.aes_hash
        self._hash.argtypes = [*[_POINTER] * 3, *[_SIZE] * 4, ctypes.c_char_p]
        self._hash.restype = None
        self._stream = library.aes_stream
        self._stream.argtypes = [_POINTER, *[_SIZE] * 2, ctypes.c_char_p, _LEVEL]
        self._stream.restype = None
        self._sha2 = library.sha2_rows
        self._sha2.argtypes = [*[_POINTER] * 2, *[_SIZE] * 2, *[_LEVEL] * 2]
        self._sha2.restype = None
        self._band_read = library.band_read
        self._band_read.argtypes = [*[_POINTER] * 4, *[_SIZE] * 3, _LEVEL]
        self._band_read.restype = None

    # ---------------------------------------------------------------- rings

    def matmul_into(self, a: Words, b: Words, out: Words) -> None:
        """`out[...] = a @ b` modulo 2**64, of matrices [..., m, k] and [..., k, n] with any strides.

        Args:
            a, b: operands.
            out: [..., m, n], of which no word is one of `a` or `b`; the words of a row lie one after the
                other. All three have the same dimensions before the last two.

        Raises:
            TypeError: one of them is no array of words.
            ValueError: the shapes do not fit, or `out` cannot be written so.
            MemoryError: there is no room for copies of parts of the operands.
        """
        self._multiply_into(a, b, out, WORD)

    def wide_matmul_into(self, a: Pairs, b: Pairs, out: Pairs) -> None:
        """`out[...] = a @ b` modulo 2**128, of matrices of pairs of words: see `matmul_into`.

        Args:
            a, b: operands, with any strides.
            out: [..., m, n], of which no word is one of `a` or `b`; the elements of a row lie one after the
                other.

        Raises:
            TypeError: one of them is no array of pairs of words, as `array_pointers.PAIR`.
            ValueError, MemoryError: see `matmul_into`.
        """
        self._multiply_into(a, b, out, PAIR)

    def _multiply_into(
        self, a: NDArray[Any], b: NDArray[Any], out: NDArray[Any], dtype: np.dtype[Any]
    ) -> None:
        dimensions = max(2, out.ndim) if isinstance(out, np.ndarray) else 2
        a, b = read(a, dimensions, dtype), read(b, dimensions, dtype)
        written(out, dimensions, dtype)
        batch, (m, k), n = a.shape[:-2], a.shape[-2:], b.shape[-1]
        if b.shape[:-1] != (*batch, k) or out.shape != (*batch, m, n):
            raise ValueError(f"{a.shape} times {b.shape} cannot be put into {out.shape}")
        if not out.size:
            return
        if n > 1 and out.strides[-1] != out.itemsize:
            raise ValueError("the elements of a row of the result must lie one after the other")
        steps = [step // 8 for step in (out.strides[-2], *a.strides[-2:], *b.strides[-2:])]
        product, places, failed = self._products[dtype], _places(out, a, b), []

        def some(rows: slice, columns: slice, matrices: slice = slice(None)) -> None:
            (first, last), (left, right) = (rows.start, rows.stop), (columns.start, columns.stop)
            to = out.strides[-2] * first + out.strides[-1] * left
            at, by = a.strides[-2] * first, b.strides[-1] * left
            for c, x, y in places[matrices]:
                size = last - first, k, right - left
                failed.append(product(c + to, x + at, y + by, *size, *steps, self.level))

        every, most = slice(0, m), slice(0, n)
        if len(places) > max(m, n):
            least = max(1, _PRODUCTS // max(1, m * n * k))
            shared_out(len(places), least, lambda start, stop: some(every, most, slice(start, stop)))
        elif m >= n:
            least = max(8, _PRODUCTS // max(1, len(places) * k * n))
            shared_out(m, least, lambda start, stop: some(slice(start, stop), most))
        else:
            least = max(16, _PRODUCTS // max(1, len(places) * k * m))
            shared_out(n, least, lambda start, stop: some(every, slice(start, stop)))
        if any(failed):
            raise MemoryError("there is no memory for a product of matrices")

    # ---------------------------------------------------------------- bits

    def planes(self, x: Words, count: int) -> Words:
        """The lowest `count` bits of the numbers x [lanes] as planes [count, words]: `bits.planes`.

        Raises:
            TypeError: no array of words.
            ValueError: not one of one dimension, or a count that is not from 0 to 64.
        """
        x = np.ascontiguousarray(read(x, 1))
        lanes, width = len(x), -(-len(x) // 64)
        out = np.empty((bit_count(count), width), np.uint64)
        to, at = address(out), address(x)
        shared_out(
            width,
            _TRANSPOSED,
            lambda first, last: self._planes64(to, at, lanes, count, width, first, last, self.level),
        )
        return out

    def unplanes(self, x: Words, out: Words) -> None:
        """`out[...] =` the numbers [lanes] whose lowest bits are the planes x: `bits.unplanes`.

        Args:
            x: planes [count, words], of which those words are used that it takes for the lanes.
            out: with any stride.

        Raises:
            TypeError: no array of words.
            ValueError: other shapes.
        """
        lanes, width = len(out), -(-len(out) // 64)
        x = np.ascontiguousarray(read(x, 2)[:, :width])
        bit_count(len(x))
        if x.shape[1] < width:
            raise ValueError(f"planes of {width} words are wanted, not of {x.shape[1]}")
        if not lanes:
            return
        if (step := written(out, 1).strides[0] // 8) < 1 and lanes > 1:
            raise ValueError("numbers are put one after the other, forwards")
        to, at = address(out), address(x)
        shared_out(
            width,
            _TRANSPOSED,
            lambda first, last: self._unplanes64(to, at, lanes, len(x), width, first, last, step, self.level),
        )

    def prefixes(
        self, tree: SeedTree, *, generate: bool, propagate: bool
    ) -> tuple[Words | None, Words | None]:
        """Shares of G and of P of each position of groups of four: see `borrow`.

        Args:
            tree: what is known of them.
            generate: whether G is asked for.
            propagate: whether P is. It must be, for leaves.

        Returns:
            [4, groups, words] of each that is asked for.

        Raises:
            TypeError: an array of another type.
            ValueError: other shapes.
        """
        arrays = [None if x is None else np.ascontiguousarray(read(x, 2)) for x in tree.arrays]
        passed, made, dealt, mixed = arrays
        groups, words = len(tree.passed) // 4, tree.passed.shape[1]
        sets = 15 if propagate else 7
        wanted = [(4 * groups, words), (4 * groups, words), (sets * groups, words), (15 * groups, words)]
        right = all(x is None or x.shape == shape for x, shape in zip(arrays, wanted, strict=True))
        if (
            not right
            or (made is None) != (mixed is None)
            or not (propagate or (generate and mixed is not None))
        ):
            raise ValueError(f"no prefixes of {[None if x is None else x.shape for x in arrays]}")
        out = [np.empty((4, groups, words), np.uint64) if each else None for each in (generate, propagate)]
        job = _Borrow(*map(address_or_0, [*out, passed, made, dealt, mixed]), groups, words, int(tree.first))
        place = ctypes.addressof(job)
        least = max(1, _FOLDED // max(1, groups))
        shared_out(words, least, lambda first, last: self._borrow(place, first, last, self.level))
        return out[0], out[1]

    # ---------------------------------------------------------------- waves

    def turns(self, x: Words, period: int, count: int) -> Words:
        """Cosines and sines of multiples of the angles x [lanes]: `waves.turns`.

        Returns:
            [count, 2, lanes].

        Raises:
            TypeError: no array of words.
            ValueError: not one of one dimension, or a period that is not from 1 to 64.
        """
        x = np.ascontiguousarray(read(x, 1))
        out = np.empty((count, 2, len(x)), np.uint64)
        to, at, lanes, period = address(out), address(x), len(x), bit_count(period, least=1)

        def some(start: int, stop: int) -> None:
            self._turns(to, at, lanes, start, stop, count, period, self.level)

        shared_out(lanes, _WAVED, some)
        return out

    def waves(self, x: Words, period: int, amplitudes: NDArray[np.float64], dealt: Words) -> Words:
        """Shares [lanes] of sums of waves of shares: `waves.waves`.

        Args:
            x: angles [lanes].
            period: 1 to 64.
            amplitudes: of sine and cosine, [count, 2], below 2**30.
            dealt: [count, 2, lanes].

        Raises:
            TypeError: an array of another type.
            ValueError: other shapes, or another period.
        """
        x, dealt = np.ascontiguousarray(read(x, 1)), np.ascontiguousarray(read(dealt, 3))
        factors = np.ascontiguousarray(read(amplitudes, 2, FLOAT))
        count, lanes = len(factors), len(x)
        if factors.shape != (count, 2) or dealt.shape != (count, 2, lanes):
            raise ValueError(
                f"no waves of {factors.shape} amplitudes and {dealt.shape} shares at {lanes} places"
            )
        out = np.empty(lanes, np.uint64)
        places = address(out), address(x), address(factors), address(dealt)
        period = bit_count(period, least=1)

        def some(start: int, stop: int) -> None:
            self._waves(*places, lanes, start, stop, count, period, self.level)

        shared_out(lanes, _WAVED, some)
        return out

    # ---------------------------------------------------------------- Curve25519

    def multiply_points(self, scalar: bytes, points: Octets) -> Octets:
        """X25519 (RFC 7748) of one scalar of 32 bytes, clamped here, and each point [count, 32].

        Returns:
            [count, 32]; zeros where a point is of small order.

        Raises:
            TypeError: the points are no bytes.
            ValueError: they, or the scalar, have another size.
        """
        if len(scalar) != _POINT:
            raise ValueError(f"a scalar has {_POINT} bytes, not {len(scalar)}")
        source = octets_read(points, _POINT)
        out = np.empty((len(source), _POINT), np.uint8)
        to, at = address(out), address(source)
        shared_out(
            len(source),
            _MULTIPLIED,
            lambda first, last: self._multiply(
                to + _POINT * first, at + _POINT * first, last - first, scalar, self.level
            ),
        )
        return out

    def encode_points(self, numbers: Octets) -> Octets:
        """8 times the points that Elligator 2 (RFC 9380, 6.7.1) maps numbers to.

        Args:
            numbers: [count, 48], highest byte first.

        Returns:
            u-coordinates [count, 32].

        Raises:
            TypeError: the numbers are no bytes.
            ValueError: they have another size.
        """
        source = octets_read(numbers, _NUMBER)
        out = np.empty((len(source), _POINT), np.uint8)
        to, at = address(out), address(source)
        shared_out(
            len(source),
            _MULTIPLIED,
            lambda first, last: self._encode(
                to + _POINT * first, at + _NUMBER * first, last - first, self.level
            ),
        )
        return out

    # ---------------------------------------------------------------- AES

    def leaf_sums(self, keys: Words, depths: Octets, missing: bool, start: int, rows: Words) -> Words:
        """What comes of the leaves of several trees: see `softspoken`.

        Args:
            keys: of all leaves of all trees, [sum of 2**depths, 2].
            depths: [trees], each at most 8.
            missing: the first leaf of each tree counts as 0, whatever its key.
            start: words of the leaves' keystreams (AES-128-CTR from zero) that are used up.
            rows: [sum of depths, width]: for each bit of a leaf's number, the highest first, the sum of
                those of its tree that have it is put there.

        Returns:
            The sum of all leaves of each tree, [trees, width].

        Raises:
            TypeError: an array of another type.
            ValueError: other shapes, or this machine has no AES.
        """
        depths = octets_read(depths[:, None], 1)
        keys, rows = np.ascontiguousarray(read(keys, 2)), written(rows, 2)
        sizes = [int(depth) for depth in depths.reshape(-1)]
        right = len(rows) == sum(sizes) and keys.shape == (sum(1 << size for size in sizes), 2)
        if not self.has_aes or not right or max(sizes, default=0) > _DEEPEST or start < 0:
            raise ValueError(f"no sums of {keys.shape} keys in {rows.shape} rows")
        if not rows.flags.c_contiguous:
            raise ValueError("sums are put one after the other")
        totals = np.empty((len(depths), rows.shape[1]), np.uint64)
        addresses = address(rows), address(totals), address(keys), address(depths)
        self._trees(*addresses, len(depths), int(missing), start, rows.shape[1])
        return totals

    def keystream(self, key: bytes, first: int, count: int) -> Words:
        """Words `first` to `first + count` of the AES-128-CTR keystream that counts from 0: see `prg`.

        Raises:
            ValueError: the key has not 16 bytes, a number is below 0, or this machine has no AES.
        """
        if not self.has_aes or len(key) != _KEY or first < 0 or count < 0:
            raise ValueError(f"no keystream of {count} words")
        out = np.empty(count, np.uint64)
        self._stream(address(out), first, count, key, self.level)
        return out

    def hashes(self, key: bytes, x: Words, difference: Words, pieces: int, first: int) -> Words:
        """TMMO of x + difference under one key: see `hashing`.

        Args:
            key: 16 bytes.
            x: [n, 2].
            difference: [2].
            pieces: how many of 16 bytes; 0: the lower 8 bytes of the first alone.
            first: the number of the first input.

        Returns:
            [n], or [pieces, n, 2].

        Raises:
            TypeError: no array of words.
            ValueError: other shapes, or this machine has no AES.
        """
        x, difference = np.ascontiguousarray(read(x, 2)), np.ascontiguousarray(read(difference, 1))
        if not self.has_aes or len(key) != _KEY or x.shape[1] != 2 or len(difference) != 2 or pieces < 0:
            raise ValueError(f"no hashes of {x.shape} words")
        count = len(x)
        out = np.empty((pieces, count, 2) if pieces else count, np.uint64)
        to, at, added, each = address(out), address(x), address(difference), 16 if pieces else 8
        shared_out(
            count,
            _HASHED // max(1, pieces),
            lambda start, stop: self._hash(
                to + each * start, at + 16 * start, added, stop - start, pieces, first + start, count, key
            ),
        )
        return out

    def sha2(self, rows: Octets, wide: bool) -> Octets:
        """SHA-256 of each row of bytes, or SHA-512 if `wide`.

        Args:
            rows: [count, size].
            wide: which of both.

        Returns:
            [count, 32], or [count, 64].

        Raises:
            TypeError: no array of bytes.
            ValueError: it has another shape.
        """
        source, each = octets_read(rows, rows.shape[-1]), 64 if wide else 32
        size = source.shape[1]
        out = np.empty((len(source), each), np.uint8)
        to, at = address(out), address(source)

        def some(start: int, stop: int) -> None:
            self._sha2(to + each * start, at + size * start, stop - start, size, wide, self.level)

        shared_out(len(source), _DIGESTED, some)
        return out

    # ---------------------------------------------------------------- bands

    def read_bands(self, starts: Words, bands: Words, table: Words) -> Words:
        """The sum of each row's band of a table: see `okvs`.

        Args:
            starts, bands: see `lay_bands`; many are quickest in ascending order.
            table: [slots, 4].

        Returns:
            [rows, 4].

        Raises:
            TypeError, ValueError: see `lay_bands`.
        """
        starts, bands = bands_read(starts, bands, len(table))
        table = np.ascontiguousarray(read(table, 2))
        if table.shape[1] != 4:
            raise ValueError(f"a table of four words a slot is read, not one of {table.shape}")
        slots, words, out = len(table), bands.shape[1], np.empty((len(starts), 4), np.uint64)
        to, at, first, band = address(out), address(table), address(starts), address(bands)

        def some(start: int, stop: int) -> None:
            places = to + 32 * start, at, first + 8 * start, band + 8 * words * start
            self._band_read(*places, stop - start, slots, words, self.level)

        shared_out(len(starts), _SUMMED, some)
        return out


@once
def kernels() -> Kernels | None:
    """Those of this process; None: numpy computes.

    Raises:
        ConfigError: see `library.loaded`.
    """
    library = loaded().library
    return None if library is None else Kernels(library)


def _places(*arrays: NDArray[Any]) -> list[tuple[int, ...]]:
    """Where the matrices in arrays of the same dimensions before the last two start."""
    starts = [address(x) for x in arrays]
    steps = [x.strides[:-2] for x in arrays]
    return [
        tuple(start + sum(map(mul, at, step)) for start, step in zip(starts, steps, strict=True))
        for at in np.ndindex(arrays[0].shape[:-2])
    ]
