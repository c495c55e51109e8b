"""Texts of parameters and constants that are the same in every process, for digests.

They hold what decides a result: values, shapes, dtypes, constants with their bytes. They leave out what
differs between machines or runs: addresses, files and lines, names of functions, sharding.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

IRRELEVANT: frozenset[str] = frozenset(
    {
        "compiler_options_kvs",
        "ctx_mesh",
        "donated_invars",
        "in_layouts",
        "in_shardings",
        "inline",
        "keep_unused",
        "linear",
        "name",
        "out_layouts",
        "out_sharding",
        "out_shardings",
        "policy",
        "prevent_cse",
        "sharding",
        "unroll",
        "_split_transpose",
    }
)
"""Parameters that do not change what is computed on secrets."""

ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


def describe(params: Mapping[str, Any]) -> str:
    """The parameters of one primitive, without those that say nothing: not all versions of jax have them."""
    return " ".join(
        f"{name}={_text(value)}"
        for name, value in sorted(params.items())
        if name not in IRRELEVANT and not says_nothing(value)
    )


def says_nothing(value: Any) -> bool:
    """Whether it is what a parameter is of which nobody has thought."""
    return value is None or value is False or (isinstance(value, tuple) and not value)


def digest(parts: Iterator[str]) -> str:
    """SHA-256 of the parts of a description."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part.encode())
        hashed.update(b"\n")
    return hashed.hexdigest()


def describe_array(array: Any) -> str:
    """Dtype, shape and all bytes; of jax's own dtypes, what jax says of them."""
    try:
        plain = np.asarray(array)
    except TypeError:
        import jax

        plain = np.asarray(jax.random.key_data(array))
    body = hashlib.sha256(np.ascontiguousarray(plain).tobytes()).hexdigest()
    return f"{plain.dtype.str}{plain.shape}:{body}"


def _text(value: Any) -> str:
    """One parameter."""
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if value is None or isinstance(value, bool | int | str | bytes | float | complex):
        return repr(value)
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).str
    if isinstance(value, np.generic):
        return repr(value.item())
    if hasattr(value, "eqns") or hasattr(value, "jaxpr"):
        return _jaxpr_text(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return f"{type(value).__name__}({_sequence(value)})"
    if isinstance(value, tuple | list):
        return f"({_sequence(value)})"
    if isinstance(value, Mapping):
        return "{" + describe({str(key): each for key, each in value.items()}) + "}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return describe_array(value)
    return _opaque(value)


def _opaque(value: Any) -> str:
    """Something of jax's: its text, unless that is a function's or holds an address."""
    if callable(value) and hasattr(value, "__qualname__"):
        return "function"
    tag = getattr(value, "name", None)  # a random number generator goes by its name
    return f"{type(value).__name__}:{tag if isinstance(tag, str) else ADDRESS.sub('', str(value))}"


def _sequence(values: Sequence[Any]) -> str:
    return ",".join(_text(each) for each in values)


def _jaxpr_text(value: Any) -> str:
    """A program within a parameter, its variables numbered in the order in which they appear."""
    inner = value.jaxpr if hasattr(value, "jaxpr") else value
    names: dict[Any, int] = {}

    def name(variable: Any) -> str:
        if hasattr(variable, "val"):
            return describe_array(variable.val)
        return f"{names.setdefault(variable, len(names))}:{variable.aval.str_short()}"

    lines = [",".join(map(name, [*inner.constvars, *inner.invars]))]
    for equation in inner.eqns:
        given, made = ",".join(map(name, equation.invars)), ",".join(map(name, equation.outvars))
        lines.append(f"{made}={equation.primitive.name}[{describe(equation.params)}] {given}")
    lines.append(",".join(map(name, inner.outvars)))
    lines += [describe_array(each) for each in getattr(value, "consts", ())]
    return "{" + ";".join(lines) + "}"
