"""The curves, for tests that hold for all of them."""

from __future__ import annotations

from functools import partial

import native_rows
from junto.join.curve import Curve
from junto.join.native_curve import NativeCurve
from junto.join.plain_curve import PlainCurve
from junto.native import library

LIBRARY = library.loaded().library
CURVES = {
    "plain": PlainCurve,
    **{f"level {each.level}": partial(NativeCurve, each) for each in native_rows.levels(LIBRARY)},
}
assert all(issubclass(each, Curve) for each in (NativeCurve, PlainCurve))
