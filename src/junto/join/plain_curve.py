"""Curve25519 with what every installation of junto has: Python's integers, and X25519 of `cryptography`.

It is the reference for the quicker ones. One core at a time: X25519 there keeps the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from junto.join.curve import BYTES, DOMAIN, A, Curve, P, Points, expanded
from junto.join.row_digests import Octets


class PlainCurve(Curve):
    """See `Curve`."""

    def encode(self, messages: Octets, domain: bytes = DOMAIN) -> Points:
        return encoded([number.tobytes() for number in expanded(messages, domain)])

    def multiply(self, scalar: bytes, points: Points) -> Points:
        key = X25519PrivateKey.from_private_bytes(scalar)
        raw = np.ascontiguousarray(points).tobytes()
        product = bytearray()
        for start in range(0, len(raw), BYTES):
            point = X25519PublicKey.from_public_bytes(raw[start : start + BYTES])
            try:
                product += key.exchange(point)
            except ValueError:  # the result is zero
                product += bytes(BYTES)
        return np.frombuffer(product, np.uint8).reshape(-1, BYTES)


def encoded(numbers: Sequence[bytes]) -> Points:
    """8 times the points that Elligator 2 maps numbers to, of 48 bytes each, highest first."""
    return pack(_cleared(_mapped([int.from_bytes(number, "big") % P for number in numbers])))


def pack(coordinates: Sequence[int]) -> Points:
    """Whole numbers below p as points."""
    raw = bytearray(b"".join(u.to_bytes(BYTES, "little") for u in coordinates))
    return np.frombuffer(raw, np.uint8).reshape(-1, BYTES)


def _mapped(elements: Sequence[int]) -> list[int]:
    """Elligator 2 (RFC 9380, 6.7.1 with Z = 2): x1 = -A / (1 + 2 r**2), or -A - x1 if that is no u."""
    firsts = [-A * inverse % P for inverse in _inverses([1 + 2 * r * r for r in elements])]
    return [x if _is_square(x * (x * (x + A) + 1)) else (-A - x) % P for x in firsts]


def _cleared(coordinates: Sequence[int]) -> list[int]:
    """8 times each point: three doublings (RFC 7748, section 5), then one division."""
    pairs = [(u, 1) for u in coordinates]
    for _ in range(3):
        pairs = [_doubled(x, z) for x, z in pairs]
    inverses = _inverses([z for _, z in pairs])
    return [x * inverse % P for (x, _), inverse in zip(pairs, inverses, strict=True)]


def _doubled(x: int, z: int) -> tuple[int, int]:
    plus, minus = (x + z) ** 2 % P, (x - z) ** 2 % P
    quarter = plus - minus
    return plus * minus % P, quarter * (minus + (A + 2) // 4 * quarter) % P


def _is_square(value: int) -> bool:
    return pow(value, (P - 1) // 2, P) <= 1


def _inverses(values: Sequence[int]) -> list[int]:
    """1 / value of each (0 for 0) with one division (Montgomery, Math. Comp. 48, 1987, section 10.3.1)."""
    products, product = [], 1
    for value in values:
        products.append(product)
        product = product * (value % P or 1) % P
    inverse = pow(product, -1, P)
    inverses = [0] * len(values)
    for index in range(len(values) - 1, -1, -1):
        value = values[index] % P
        inverses[index] = inverse * products[index] % P if value else 0
        inverse = inverse * (value or 1) % P
    return inverses
