"""Curve25519 with both coordinates, as far as the base transfers need it: y**2 = x**3 + A x**2 + x.

Multiplication by a secret is X25519's (RFC 7748) of the `cryptography` package, in constant time; it gives x
alone. The second coordinate is recovered from two multiplications by neighbouring scalars (Okeya and
Sakurai, "Efficient elliptic curve cryptosystems from a scalar multiplication algorithm with recovery of the
y-coordinate on a Montgomery-form elliptic curve", CHES 2001). Additions and hashes to the curve are on points
that the other party sees anyway: plain integers do.

Points are handled in lists: of any number of them only one is inverted (Montgomery's trick; "Speeding the
Pollard and elliptic curve methods of factorization", Mathematics of Computation 48, 1987, section 10.3.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha512
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

Point: TypeAlias = tuple[int, int]

P: Final = 2**255 - 19
A: Final = 486662
COORDINATE_BYTES: Final = 32
POINT_BYTES: Final = 2 * COORDINATE_BYTES
COFACTOR: Final = 8

_LEAST: Final = 1 << 251
"""The least scalar that X25519 takes, divided by COFACTOR; the greatest is less than twice as much."""
_ROOT: Final = pow(2, (P - 1) // 4, P)
"""A square root of -1."""


def _root(square: int) -> int:
    """A square root modulo P of a number that has one (P = 5 mod 8)."""
    root = pow(square, (P + 3) // 8, P)
    return root if root * root % P == square % P else root * _ROOT % P


_ROOT_OF_2: Final = _root(2 * pow(_ROOT, -1, P))
_ROOT_OF_MINUS_2: Final = _root(-2 * pow(_ROOT, -1, P))
"""Of 2 and -2, each divided by the root of -1."""


def inverses(numbers: Sequence[int]) -> list[int]:
    """What the numbers are to be multiplied by to give 1 modulo P.

    Raises:
        ValueError: one of them is 0.
    """
    products, total = [], 1
    for number in numbers:
        products.append(total)
        total = total * number % P
    if total == 0:
        raise ValueError("two points of the curve are equal or opposite that should not be")
    rest = pow(total, -1, P)
    made = []
    for number, before in zip(reversed(numbers), reversed(products), strict=True):
        made.append(before * rest % P)
        rest = rest * number % P
    return made[::-1]


def add(left: Sequence[Point], right: Sequence[Point]) -> list[Point]:
    """The sums of pairs of points.

    Raises:
        ValueError: two points that are to be added are equal or opposite.
    """
    slopes = inverses([u - x for (x, _), (u, _) in zip(left, right, strict=True)])
    made = []
    for (x, y), (u, v), inverse in zip(left, right, slopes, strict=True):
        slope = (v - y) * inverse % P
        sum_x = (slope * slope - A - x - u) % P
        made.append((sum_x, (slope * (x - sum_x) - y) % P))
    return made


def double(points: Sequence[Point]) -> list[Point]:
    """The doubles of points. Raises ValueError: one of them is opposite to itself."""
    made = []
    for (x, y), inverse in zip(points, inverses([2 * y for _, y in points]), strict=True):
        slope = (3 * x * x + 2 * A * x + 1) * inverse % P
        sum_x = (slope * slope - A - 2 * x) % P
        made.append((sum_x, (slope * (x - sum_x) - y) % P))
    return made


def negative(points: Sequence[Point]) -> list[Point]:
    """The opposites of points."""
    return [(x, P - y) for x, y in points]


def on_curve(point: Point) -> bool:
    """Whether it is a point of the curve, its coordinates below P."""
    x, y = point
    return x < P and y < P and (y * y - ((x + A) * x + 1) * x) % P == 0


# -------------------------------------------------------------------- bytes


def to_bytes(points: Sequence[Point]) -> bytes:
    """Both coordinates of each point."""
    return b"".join(_number_bytes(each) for point in points for each in point)


def from_bytes(data: memoryview) -> list[Point]:
    """The inverse of `to_bytes`.

    Raises:
        ValueError: what is there is no point of the curve.
    """
    numbers = [
        int.from_bytes(data[start : start + COORDINATE_BYTES], "little")
        for start in range(0, len(data), COORDINATE_BYTES)
    ]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    if not all(on_curve(point) for point in points):
        raise ValueError("what should be points of the curve are none")
    return points


def _number_bytes(number: int) -> bytes:
    return number.to_bytes(COORDINATE_BYTES, "little")


# -------------------------------------------------------------------- keys

_BASE: Final[Point] = (9, _root(((9 + A) * 9 + 1) * 9))
"""Either of the two points with the x of X25519's base; which one makes no difference."""
_STEP: Final = double(double(double([_BASE])))[0]


class ScalarKey:
    """A secret scalar k, a multiple of the cofactor, and the point k B in both coordinates.

    Args:
        random: 32 uniform bytes.
    """

    __slots__ = ("_key", "point")

    def __init__(self, random: bytes) -> None:
        scalar = min(_LEAST + int.from_bytes(random, "little") % _LEAST, 2 * _LEAST - 2)
        self._key = _private(scalar)
        self.point: Point = _with_y(_x(self._key), _x(_private(scalar + 1)))

    def shared(self, x: int) -> bytes:
        """The x of k times the point with this x.

        Raises:
            ValueError: it is one of the few points whose order is so small that nothing of k is left.
        """
        return shared(self._key, _number_bytes(x))

    def __repr__(self) -> str:
        return "<Key>"


def shared(key: X25519PrivateKey, x: bytes) -> bytes:
    """X25519. Raises ValueError: the result does not depend on the key."""
    try:
        return key.exchange(X25519PublicKey.from_public_bytes(x))
    except ValueError:
        raise ValueError("what should be a public key is a point of small order") from None


def _private(scalar: int) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_number_bytes(COFACTOR * scalar))


def _x(key: X25519PrivateKey) -> int:
    return int.from_bytes(key.public_key().public_bytes_raw(), "little")


def _with_y(x: int, next_x: int) -> Point:
    """The point with this x whose sum with _STEP has `next_x`."""
    u = _STEP[0]
    y = (x * u + 1) * (x + u + 2 * A) - 2 * A - (x - u) ** 2 * next_x
    return x, y * _HALF_STEP % P


_HALF_STEP: Final = pow(2 * _STEP[1], -1, P)


# -------------------------------------------------------------------- hashes


def hash_to_curve(messages: Sequence[bytes], domain: bytes) -> list[Point]:
    """Points of prime order that nobody knows a logarithm of.

    Suite `curve25519_XMD:SHA-512_ELL2_NU_` of RFC 9380 ("Hashing to Elliptic Curves"), sections 5 and 6.7.1.

    Args:
        messages: what is hashed.
        domain: what separates this use from all others; at most 255 bytes.
    """
    numbers = [_field_element(message, domain) for message in messages]
    steep = [2 * u * u % P for u in numbers]
    points = [
        _elligator(u, -A * inverse % P)
        for u, inverse in zip(numbers, inverses([1 + each for each in steep]), strict=True)
    ]
    return double(double(double(points)))


def _elligator(u: int, x: int) -> Point:
    """The map of section 6.7.1 with Z = 2; `x` is -A / (1 + Z u**2). One exponentiation for both cases.

    Of g(x) = x**3 + A x**2 + x and g(-A - x) = Z u**2 g(x) one is a square. The root of the first is the
    candidate t = g**((P + 3) / 8), or that times the root i of -1. If neither is, t**2 = +-i g, and the root
    of the second is u t times a root of 2 / i or of -2 / i.
    """
    g = ((x + A) * x + 1) * x % P
    t = pow(g, (P + 3) // 8, P)
    square = t * t % P
    if square in (g, P - g):
        y = t if square == g else t * _ROOT % P
        return x, y if y & 1 else P - y
    y = u * t * (_ROOT_OF_2 if square == g * _ROOT % P else _ROOT_OF_MINUS_2) % P
    return (-A - x) % P, P - y if y & 1 else y


def _field_element(message: bytes, domain: bytes) -> int:
    """`hash_to_field` (section 5.2): 48 bytes of `expand_message_xmd` (section 5.3.1), reduced."""
    suffix = domain + len(domain).to_bytes(1, "big")
    first = sha512(bytes(128) + message + (48).to_bytes(2, "big") + b"\0" + suffix).digest()
    return int.from_bytes(sha512(first + b"\x01" + suffix).digest()[:48], "big") % P
