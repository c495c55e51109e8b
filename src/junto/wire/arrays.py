"""Arrays and scalars of numpy, and arrays of jax (which travel as numpy arrays).

Kinds b i u f c S U M m with the sizes every platform has; no objects, no structures, no
``longdouble``; bfloat16 where ml_dtypes is installed. An array travels from where it lies if it is
contiguous in C or Fortran order, else a copy of it does: never more than its own elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from junto.errors import CannotTravel, MalformedBytes
from junto.loaded import is_a
from junto.wire import value_tags
from junto.wire.sink import ValueWriter
from junto.wire.source import ValueReader

AnyArray = np.ndarray[Any, np.dtype[Any]]

_DTYPE: Final = re.compile(
    r"\|(?:b1|[iu]1|S[1-9][0-9]{0,8})"
    r"|[<>](?:[iu][248]|f[248]|c8|c16|U[1-9][0-9]{0,7}"
    r"|[mM]8(?:\[(?:[1-9][0-9]{0,7})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)"
)
_BFLOAT16: Final = "bfloat16"
_MAX_DIMENSIONS: Final = 64
_LAST_CHARACTER: Final = 0x10FFFF


def writer_for(value: Any) -> Callable[[ValueWriter, Any], None] | None:
    """What writes `value`, or None if it is no array, scalar or dtype."""
    kind = type(value)
    if kind is np.ndarray:
        return write_array
    if kind is np.str_ or kind is np.bytes_:
        return _write_text
    if isinstance(value, np.generic) and _code(value.dtype) is not None and value.dtype.type is kind:
        return _write_scalar
    if isinstance(value, np.dtype) and _code(value) is not None:
        return _write_dtype
    return _write_jax if is_jax(value) else None


def is_jax(value: Any) -> bool:
    """Whether `value` is a concrete jax array (jax is not imported for the question)."""
    return is_a(value, "jax", "Array") and not is_a(value, "jax.core", "Tracer")


def write_array(sink: ValueWriter, array: AnyArray) -> None:
    """Dtype, order and shape; the elements as a buffer. Raises CannotTravel for other dtypes."""
    code = _code(array.dtype)
    if code is None:
        raise CannotTravel(
            f"an array of dtype {array.dtype} may not cross a silo's edge",
            fix="convert it: numbers, fixed-width text and times travel; objects and structures do not",
        )
    fortran = not array.flags.c_contiguous and array.flags.f_contiguous
    sink.atoms += (value_tags.ARRAY, code, fortran, array.ndim, *array.shape)
    straight = array.T if fortran else array
    if not straight.flags.c_contiguous:
        straight = np.ascontiguousarray(straight)
    sink.buffer(straight.reshape(-1).view(np.uint8).data)


def read_array(source: ValueReader) -> AnyArray:
    """A writable array over the received bytes (a copy if those are read-only)."""
    dtype = parse_dtype(source.of(str))
    fortran: bool = source.of(bool)
    shape = tuple(source.integer(0, 1 << 62) for _ in range(source.integer(0, _MAX_DIMENSIONS)))
    nbytes = dtype.itemsize
    for size in shape:
        nbytes *= size
    if nbytes == 0:
        return np.empty(shape, dtype, order="F" if fortran else "C")
    flat = np.frombuffer(source.buffer(nbytes), np.uint8)
    if not source.writable:
        flat = flat.copy()
    _check_elements(flat, dtype)
    array = flat.view(dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def parse_dtype(code: str) -> np.dtype[Any]:
    """The dtype of that code. Raises MalformedBytes if it is not of the closed set."""
    if code == _BFLOAT16:
        import ml_dtypes

        bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return bfloat16
    if not _DTYPE.fullmatch(code):
        raise MalformedBytes("an array has an element type that is not of the closed set")
    return np.dtype(code)


def _code(dtype: np.dtype[Any]) -> str | None:
    if dtype.kind == "V":
        known = dtype.names is None and dtype.type.__module__ == "ml_dtypes" and dtype.name == _BFLOAT16
        return _BFLOAT16 if known else None
    return dtype.str if _DTYPE.fullmatch(dtype.str) else None


def _check_elements(flat: AnyArray, dtype: np.dtype[Any]) -> None:
    """Bit patterns that numpy itself would trip over."""
    if dtype.kind == "b" and flat.max() > 1:
        raise MalformedBytes("an array of bool holds something else")
    if dtype.kind == "U" and flat.view(f"{dtype.str[0]}u4").max() > _LAST_CHARACTER:
        raise MalformedBytes("an array of text holds something that is no character")


def _write_scalar(sink: ValueWriter, value: np.generic) -> None:
    sink.atoms += (value_tags.ARRAY_SCALAR, _code(value.dtype))
    sink.blob(value.tobytes())


def read_scalar(source: ValueReader) -> Any:
    """A numpy scalar."""
    dtype = parse_dtype(source.of(str))
    data = source.blob(dtype.itemsize)
    if len(data) != dtype.itemsize:
        raise MalformedBytes("a scalar has the wrong number of bytes")
    flat = np.frombuffer(data, np.uint8)
    _check_elements(flat, dtype)
    return flat.view(dtype)[0]


def _write_text(sink: ValueWriter, value: Any) -> None:
    sink.atoms.append(value_tags.ARRAY_TEXT)
    sink.write(str.__str__(value) if type(value) is np.str_ else bytes(value))


def read_text(source: ValueReader) -> Any:
    """A numpy scalar of text or bytes."""
    value = source.value_of(str, bytes)
    return np.str_(value) if type(value) is str else np.bytes_(value)


def _write_dtype(sink: ValueWriter, value: np.dtype[Any]) -> None:
    sink.atoms += (value_tags.DTYPE, _code(value))


def read_dtype(source: ValueReader) -> np.dtype[Any]:
    """A dtype of the closed set."""
    return parse_dtype(source.of(str))


def _write_jax(sink: ValueWriter, value: Any) -> None:
    if not value.is_fully_addressable:
        raise CannotTravel("a jax array that lies on several hosts may not travel", fix="gather it first")
    try:
        array = np.asarray(value)
    except TypeError:
        raise CannotTravel(
            f"a jax array of dtype {value.dtype} may not travel",
            fix='x.astype("float32"), or numpy.asarray(x)',
        ) from None
    sink.spend(value_tags.JAX_COST)
    sink.atoms.append(value_tags.JAX_ARRAY)
    write_array(sink, array)


def read_jax(source: ValueReader) -> Any:
    """An array of the jax that is installed here."""
    import jax

    source.spend(value_tags.JAX_COST)
    source.integer(value_tags.ARRAY, value_tags.ARRAY)
    array = read_array(source)
    result = jax.device_put(array)  # what `jax.numpy` does is compiled anew for each shape
    if result.dtype != array.dtype:
        raise MalformedBytes(
            f"a jax array of {array.dtype} was sent, but jax here works in 32 bits",
            fix="set JAX_ENABLE_X64=1 at every party, or at none",
        )
    return result
