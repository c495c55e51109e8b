"""Curve25519 on vectors of points: packing, calling, checking."""

from __future__ import annotations

import atexit
import ctypes
import threading
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import binding

from junto.errors import NotComputable
from junto.join.compiled.fields import Field, Field25, Field51
from junto.join.compiled.kernels import STEPS, emit
from junto.join.curve import BYTES, DOMAIN, FIELD_BYTES, Curve, P, Points, expanded
from junto.join.plain_curve import PlainCurve, pack

Words = npt.NDArray[np.uint64]

QUICKER = 4
"""Lanes from which on the compiled ladder is quicker than that of `cryptography`; hashing always is."""


_COMPILING = threading.Lock()


@cache
def _watch_the_end() -> None:
    """The interpreter ends after what is being compiled: else LLVM's memory goes while a task is in it."""
    atexit.register(_COMPILING.acquire)


class CompiledCurve(Curve):
    """See `Curve`. The interpreter's lock is free while it computes, so tasks run on all cores.

    Args:
        field, lanes, features: how to compute; by default what suits this processor.

    Raises:
        NotComputable: the compiled code does not give what `PlainCurve` gives, or cannot be made here.
    """

    def __init__(
        self, field: type[Field] | None = None, lanes: int | None = None, features: str | None = None
    ) -> None:
        _watch_the_end()
        with _COMPILING:
            self._compile(field, lanes, features)
        self._plain = PlainCurve()
        self._check()

    def _compile(self, field: type[Field] | None, lanes: int | None, features: str | None) -> None:
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        there = binding.get_host_cpu_features()
        self._field = field or (Field51 if there.get("avx512ifma") else Field25)
        self._lanes = lanes or (8 if there.get("avx512f") else 4 if there.get("avx2") else 2)
        self._offsets = np.cumsum([0, *self._field.widths[:-1]]).tolist()
        triple = binding.get_process_triple()
        machine = binding.Target.from_triple(triple).create_target_machine(
            cpu=binding.get_host_cpu_name(), features=features or there.flatten(), opt=2
        )
        module = binding.parse_assembly(str(emit(self._field, self._lanes, triple)))
        engine = binding.create_mcjit_compiler(module, machine)
        engine.finalize_object()
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 2)
        self._multiply = kind(engine.get_function_address("multiply"))
        self._encode = kind(engine.get_function_address("encode"))
        engine.detach()  # the code stays: a task may still be in it when the interpreter ends

    def encode(self, messages: Sequence[bytes], domain: bytes = DOMAIN) -> Points:
        return self._run(self._encode, np.zeros(1, np.uint64), _numbers(expanded(messages, domain)))

    def multiply(self, scalar: bytes, points: Points) -> Points:
        if self._lanes < QUICKER:
            return self._plain.multiply(scalar, points)
        return self._run(self._multiply, _steps(scalar), points)

    def _run(self, function: Any, words: Words, points: Points) -> Points:
        count = len(points)
        if not count:
            return np.empty((0, BYTES), np.uint8)
        source = self._cut(points)
        target = np.empty_like(source)
        stride = source.shape[1]
        pointers = (array.ctypes.data for array in (words, source, target))
        function(*pointers, stride, stride // self._lanes)
        return _joined(target[:, :count], self._field.widths)

    def _cut(self, points: Points) -> Words:
        """Limbs of the coordinates (without their highest bit, as X25519 reads them), one row a limb."""
        words = np.zeros((5, -(-len(points) // self._lanes) * self._lanes), np.uint64)
        words[:4, : len(points)] = np.ascontiguousarray(points).view("<u8").T
        limbs = np.empty((len(self._field.widths), words.shape[1]), np.uint64)
        for limb, offset, width in zip(limbs, self._offsets, self._field.widths, strict=True):
            word, bit = divmod(offset, 64)
            limb[:] = words[word] >> np.uint64(bit)
            if bit:
                limb |= words[word + 1] << np.uint64(64 - bit)
            limb &= np.uint64((1 << width) - 1)
        return limbs

    def _check(self) -> None:
        """Compiled code is only used if it does what the plain one does."""
        plain, scalar = self._plain, bytes(range(64, 96))
        messages = [bytes([number]) for number in range(2 * self._lanes + 1)]
        edges = pack([0, 1, 2, P - 1, P, P + 1, 2**255 - 1])
        points = self.encode(messages)
        same = (points == plain.encode(messages)).all()
        for batch in (points, edges):
            same = same and (self.multiply(scalar, batch) == plain.multiply(scalar, batch)).all()
        if not same:
            raise NotComputable(
                "compiled Curve25519 gives other results than the plain one on this processor"
            )


def _steps(scalar: bytes) -> Words:
    """One mask a step of the ladder: all ones where the clamped scalar's bit differs from the one before."""
    clamped = (int.from_bytes(scalar, "little") & ((1 << 254) - 8)) | (1 << 254)
    bits = np.unpackbits(np.frombuffer(clamped.to_bytes(BYTES, "big"), np.uint8))[1:]
    differs = bits ^ np.concatenate([[0], bits[:-1]]).astype(np.uint8)
    masks: Words = np.uint64(0) - differs.astype(np.uint64)
    if len(masks) != STEPS:
        raise ValueError("a scalar has 32 bytes")
    return masks


def _numbers(expansions: Sequence[bytes]) -> Points:
    """Numbers of 48 bytes, big-endian, as numbers below 2**255 that are the same modulo p.

    In digits of 32 bits: 2**256 counts as 38, 2**255 as 19.
    """
    raw = np.frombuffer(b"".join(expansions), ">u4").reshape(-1, FIELD_BYTES // 4)
    digits = raw[:, ::-1].T.astype(np.uint64)
    number = digits[:8].copy()
    number[:4] += np.uint64(38) * digits[8:]
    for _ in range(3):
        top = number[7] >> np.uint64(31)
        number[7] &= np.uint64(2**31 - 1)
        number[0] += np.uint64(19) * top
        for k in range(7):
            number[k + 1] += number[k] >> np.uint64(32)
            number[k] &= np.uint64(2**32 - 1)
    return np.ascontiguousarray(number.T.astype("<u4")).view(np.uint8)


def _joined(limbs: Words, widths: Sequence[int]) -> Points:
    """Weakly reduced limbs as coordinates below p."""
    limbs = limbs.copy()
    for _ in range(2):
        for k, width in enumerate(widths):
            over = limbs[k] >> np.uint64(width)
            limbs[k] &= np.uint64((1 << width) - 1)
            limbs[(k + 1) % len(widths)] += over if k + 1 < len(widths) else over * np.uint64(19)
    return _less_p(_packed(limbs, widths))


def _packed(limbs: Words, widths: Sequence[int]) -> Words:
    words = np.zeros((5, limbs.shape[1]), np.uint64)
    offset = 0
    for limb, width in zip(limbs, widths, strict=True):
        word, bit = divmod(offset, 64)
        words[word] |= limb << np.uint64(bit)
        if bit:
            words[word + 1] |= limb >> np.uint64(64 - bit)
        offset += width
    return words[:4]


def _less_p(words: Words) -> Points:
    """Numbers below 2**255, less p where they are not below p: there all but the last five bits are ones."""
    ones = np.uint64(2**64 - 1)
    large = (words[0] >= np.uint64(2**64 - 19)) & (words[1] == ones) & (words[2] == ones)
    large &= words[3] == np.uint64(2**63 - 1)
    reduced = np.where(
        large, np.array([[1], [0], [0], [0]], np.uint64) * (words[0] - np.uint64(2**64 - 19)), words
    )
    return np.ascontiguousarray(reduced.T.astype("<u8")).view(np.uint8)
