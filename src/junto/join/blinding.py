"""What a party computes on keys and points in the ECDH protocol, and the secret it does it with."""

from __future__ import annotations

import secrets
from typing import Any

from junto.join.curve import BYTES, Points, check, check_order, curve
from junto.join.keys import Digests


class BlindingScalar:
    """A scalar that its party made for one join. It is of no type that may cross a silo's edge."""

    __slots__ = ("scalar",)

    def __init__(self, scalar: bytes) -> None:
        self.scalar: bytes = scalar

    def __repr__(self) -> str:
        return "<a secret scalar>"


def new_secret() -> BlindingScalar:
    """A fresh one. The curve is made ready here, once; the tasks that need it start together."""
    curve()
    return BlindingScalar(secrets.token_bytes(BYTES))


def blind(secret: BlindingScalar, keys: Digests) -> Points:
    """Each key hashed to the curve and multiplied by the secret."""
    group = curve()
    return group.multiply(secret.scalar, group.encode(keys))


def blind_again(secret: BlindingScalar, points: Any, count: int, sender: str) -> Points:
    """What `sender` sent as `count` blinded keys, checked and multiplied by our secret, too.

    Raises:
        ProtocolViolation: it is something else; see `curve.check`.
    """
    return check_order(curve().multiply(secret.scalar, check(points, count, sender)), sender)
