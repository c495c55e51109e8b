"""Curve25519 against the vectors of its RFCs."""

from __future__ import annotations

import numpy as np
import pytest

from curves import CURVES
from junto.join.curve import BYTES, P, expanded

# RFC 9380, appendix J.4.2: message, u, P.x.
SUITE = b"QUUX-V01-CS02-with-curve25519_XMD:SHA-512_ELL2_NU_"
HASHED = [
    (
        b"",
        "608d892b641f0328523802a6603427c26e55e6f27e71a91a478148d45b5093cd",
        "1bb913f0c9daefa0b3375378ffa534bda5526c97391952a7789eb976edfe4d08",
    ),
    (
        b"abc",
        "46f5b22494bfeaa7f232cc8d054be68561af50230234d7d1d63d1d9abeca8da5",
        "7c22950b7d900fa866334262fcaea47a441a578df43b894b4625c9b450f9a026",
    ),
    (
        b"abcdef0123456789",
        "235fe40c443766ce7e18111c33862d66c3b33267efa50d50f9e8e5d252a40aaa",
        "31ad08a8b0deeb2a4d8b0206ca25f567ab4e042746f792f4b7973f3ae2096c52",
    ),
    (
        b"q128_" + b"q" * 128,
        "001e92a544463bda9bd04ddbe3d6eed248f82de32f522669efc5ddce95f46f5b",
        "027877759d155b1997d0d84683a313eb78bdb493271d935b622900459d52ceaa",
    ),
    (
        b"a512_" + b"a" * 512,
        "1a68a1af9f663592291af987203393f707305c7bac9c8d63d6a729bdc553dc19",
        "5fd892c0958d1a75f54c3182a18d286efab784e774d1e017ba2fb252998b5dc1",
    ),
]

# RFC 7748, section 5.2: scalar, u, result.
MULTIPLIED = [
    (
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ),
]


@pytest.fixture(params=CURVES, scope="module")
def curve(request):
    return CURVES[request.param]()


def points(*texts: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex("".join(texts)), np.uint8).reshape(-1, BYTES)


def row(message: bytes) -> np.ndarray:
    return np.frombuffer(message, np.uint8)[None]


def test_rfc_9380_hash_to_field():
    numbers = [expanded(row(message), SUITE).tobytes() for message, _, _ in HASHED]
    assert [int.from_bytes(each, "big") % P for each in numbers] == [int(u, 16) for _, u, _ in HASHED]


def test_rfc_9380_encode_to_curve(curve):
    found = [curve.encode(row(message), SUITE)[0] for message, _, _ in HASHED]
    assert [bytes(point[::-1]).hex() for point in found] == [x for _, _, x in HASHED]


def test_rfc_7748_x25519(curve):
    for scalar, u, result in MULTIPLIED:
        assert (curve.multiply(bytes.fromhex(scalar), points(u)) == points(result)).all()


def test_rfc_7748_a_thousand_times_x25519(curve):
    scalar = u = (9).to_bytes(32, "little")
    for _ in range(1000):
        scalar, u = curve.multiply(scalar, np.frombuffer(u, np.uint8).reshape(1, BYTES)).tobytes(), scalar
    assert scalar.hex() == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"
