"""Curve25519 by the kernels in C: on all cores, with the interpreter's lock free."""

from __future__ import annotations

from junto.join.curve import DOMAIN, Curve, Points, expanded
from junto.join.row_digests import Octets
from junto.native import Kernels


class NativeCurve(Curve):
    """See `Curve`.

    Args:
        kernels: what computes.
    """

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels

    def encode(self, messages: Octets, domain: bytes = DOMAIN) -> Points:
        return self._kernels.encode_points(expanded(messages, domain))

    def multiply(self, scalar: bytes, points: Points) -> Points:
        return self._kernels.multiply_points(scalar, points)
