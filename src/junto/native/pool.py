"""Memory of large arrays that is used again, where a computation makes many of one size.

The system fills each page that it gives with zeros, which takes as long as what is then computed on it: of an
exponential of a million numbers it was nearly half of the time. numpy lets a thread's context say where the
memory of arrays comes from (NEP 49), so nobody else in the process has any of it, and an array gives its
memory back to where it is from, whoever drops it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from junto.errors import ConfigError
from junto.locks import once
from junto.native.library import loaded

VARIABLE: Final = "JUNTO_POOL_MB"
KEPT: Final = 256
"""MB of freed memory that a process keeps: sixteen arrays of a million numbers of 128 bits."""

_NAME: Final = b"junto"
_CAPSULE: Final = b"mem_handler"
_SET_HANDLER: Final = 304
"""Where `PyDataMem_SetHandler` stands in the table of functions of numpy, from 1.22 on."""


class _Allocator(ctypes.Structure):
    """`PyDataMemAllocator`."""

    _fields_ = (("context", ctypes.c_void_p), *((name, ctypes.c_void_p) for name in (
        "malloc", "calloc", "realloc", "free",
    )))  # fmt: skip


class _Handler(ctypes.Structure):
    """`PyDataMem_Handler`."""

    _fields_ = (("name", ctypes.c_char * 127), ("version", ctypes.c_uint8), ("allocator", _Allocator))


class Pool:
    """The handler in the form that numpy takes, and the function that takes it."""

    def __init__(self, library: ctypes.CDLL) -> None:
        library.pool_limit.argtypes = [ctypes.c_int64]
        library.pool_limit.restype = ctypes.c_int64
        self._limit = library.pool_limit
        names = ("malloc", "calloc", "realloc", "free")
        places = [ctypes.cast(getattr(library, f"pool_{name}"), ctypes.c_void_p).value for name in names]
        self._handler = _Handler(_NAME, 1, _Allocator(None, *places))
        capsule = ctypes.pythonapi.PyCapsule_New
        capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        capsule.restype = ctypes.py_object
        self.capsule: Any = capsule(ctypes.addressof(self._handler), _CAPSULE, None)
        table = ctypes.pythonapi.PyCapsule_GetPointer
        table.argtypes = [ctypes.py_object, ctypes.c_char_p]
        table.restype = ctypes.c_void_p
        functions = ctypes.cast(table(_internals()._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
        self.use = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(functions[_SET_HANDLER])

    def keep(self, octets: int) -> int:
        """Keep so much from now on; how much is kept then, or -1 if somebody else was at it."""
        return int(self._limit(octets))


def _internals() -> Any:
    return np._core._multiarray_umath  # type: ignore[attr-defined]


@once
def _pool() -> Pool | None:
    """None: there is no library, or this numpy takes no memory from others."""
    library, limit = loaded().library, kept()
    if library is None or not limit:
        return None
    pool = Pool(library)
    before = pool.use(pool.capsule)
    fits = _internals().get_handler_name() == _NAME.decode()
    pool.use(before)
    pool.keep(limit)
    return pool if fits else None


def kept() -> int:
    """Bytes of freed memory that a process keeps, as the setting says.

    Raises:
        ConfigError: it is no number from 0 on.
    """
    said = os.environ.get(VARIABLE, "")
    if said and not said.isdecimal():
        raise ConfigError(f"{VARIABLE} is {said!r}, which is no number of MB", fix=f"unset {VARIABLE}")
    return int(said or KEPT) * 10**6


@contextmanager
def pooled() -> Iterator[None]:
    """New arrays of this thread's context are of memory that was used before, as far as there is any."""
    pool = _pool()
    if pool is None:
        yield
        return
    before = pool.use(pool.capsule)
    try:
        yield
    finally:
        pool.use(before)
