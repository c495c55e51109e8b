"""Curve25519 by the kernels in C: on all cores, with the interpreter's lock free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from junto.join.curve import DOMAIN, FIELD_BYTES, Curve, Points, expanded
from junto.native import Kernels


class NativeCurve(Curve):
    """See `Curve`.

    Args:
        kernels: what computes.
    """

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels

    def encode(self, messages: Sequence[bytes], domain: bytes = DOMAIN) -> Points:
        numbers = np.frombuffer(b"".join(expanded(messages, domain)), np.uint8)
        return self._kernels.encode_points(numbers.reshape(-1, FIELD_BYTES))

    def multiply(self, scalar: bytes, points: Points) -> Points:
        return self._kernels.multiply_points(scalar, points)
