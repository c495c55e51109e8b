"""The hash to Curve25519 against RFC 9380, appendix J.4.2."""

from __future__ import annotations

import pytest

from junto.mpc.ot import curve_points

DOMAIN = b"QUUX-V01-CS02-with-curve25519_XMD:SHA-512_ELL2_NU_"
VECTORS = {
    b"": (
        "1bb913f0c9daefa0b3375378ffa534bda5526c97391952a7789eb976edfe4d08",
        "4548368f4f983243e747b62a600840ae7c1dab5c723991f85d3a9768479f3ec4",
    ),
    b"abc": (
        "7c22950b7d900fa866334262fcaea47a441a578df43b894b4625c9b450f9a026",
        "5547bc00e4c09685dcbc6cb6765288b386d8bdcb595fa5a6e3969e08097f0541",
    ),
    b"abcdef0123456789": (
        "31ad08a8b0deeb2a4d8b0206ca25f567ab4e042746f792f4b7973f3ae2096c52",
        "405070c28e78b4fa269427c82827261991b9718bd6c6e95d627d701a53c30db1",
    ),
}


@pytest.mark.parametrize("message", VECTORS)
def test_hashes_are_those_of_the_standard(message):
    (point,) = curve_points.hash_to_curve([message], DOMAIN)
    assert point == tuple(int(number, 16) for number in VECTORS[message])
