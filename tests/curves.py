"""The curves, for tests that hold for all of them."""

from __future__ import annotations

from collections.abc import Callable

from junto.join.compiled.curve import CompiledCurve
from junto.join.compiled.fields import Field25
from junto.join.curve import Curve
from junto.join.plain_curve import PlainCurve


def portable() -> Curve:
    """The one for processors without 52-bit multiplication, whatever this one is."""
    return CompiledCurve(field=Field25, lanes=4)


CURVES: dict[str, Callable[[], Curve]] = {
    "plain": PlainCurve,
    "compiled": CompiledCurve,
    "portable": portable,
}
