"""The curves that this machine can compute on, for tests that hold for all of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest

from junto.join.curve import Curve
from junto.join.plain_curve import PlainCurve

COMPILER = importlib.util.find_spec("llvmlite") is not None


def compiled(**options: object) -> Curve:
    """The compiled curve, or the test is skipped."""
    if not COMPILER:
        pytest.skip("llvmlite is not installed")
    from junto.join.compiled.curve import CompiledCurve

    return CompiledCurve(**options)


def portable() -> Curve:
    """The one for processors without 52-bit multiplication, whatever this one is."""
    if not COMPILER:
        pytest.skip("llvmlite is not installed")
    from junto.join.compiled.fields import Field25

    return compiled(field=Field25, lanes=4)


CURVES: dict[str, Callable[[], Curve]] = {"plain": PlainCurve, "compiled": compiled, "portable": portable}
