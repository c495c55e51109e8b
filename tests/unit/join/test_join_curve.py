"""Points: what is computed on them, and what is refused."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from curves import CURVES
from junto.errors import ProtocolViolation
from junto.join import curve as curves
from junto.join.curve import BYTES, A, P, check, check_order
from junto.join.plain_curve import PlainCurve, pack
from native_rows import SMALL

MESSAGES = np.repeat(np.arange(40, dtype=np.uint8)[:, None], 32, axis=1)
SCALARS = [bytes(range(32)), bytes(32), b"\xff" * 32]


@pytest.fixture(params=CURVES, scope="module")
def curve(request):
    return CURVES[request.param]()


@pytest.mark.slow
def test_every_curve_gives_the_same(curve):
    plain = PlainCurve()
    for count in (0, 1, 7, 8, 9, 40):
        points = curve.encode(MESSAGES[:count])
        assert points.shape == (count, BYTES)
        assert (points == plain.encode(MESSAGES[:count])).all()
        for scalar in SCALARS:
            assert (curve.multiply(scalar, points) == plain.multiply(scalar, points)).all()


@pytest.mark.slow
def test_the_edges_of_the_field(curve):
    edges = pack([*SMALL, 2, 3, P - 2, P, P + 1, 2**255 - 1])
    raw = np.vstack([edges, edges | np.array([0] * 31 + [128], np.uint8)])  # X25519 ignores the highest bit
    found = curve.multiply(SCALARS[0], raw)
    assert (found == PlainCurve().multiply(SCALARS[0], raw)).all()
    assert not found[: len(SMALL)].any()


def test_blinding_commutes_and_depends_on_every_message(curve):
    points = curve.encode(MESSAGES)
    one = curve.multiply(SCALARS[0], curve.multiply(SCALARS[2], points))
    other = curve.multiply(SCALARS[2], curve.multiply(SCALARS[0], points))
    assert (one == other).all()
    assert len(np.unique(one, axis=0)) == len(MESSAGES)


def test_hashed_points_are_on_the_curve_never_on_its_twist(curve):
    for row in curve.encode(MESSAGES):
        u = int.from_bytes(row.tobytes(), "little")
        assert u < P
        assert pow(u * (u * (u + A) + 1), (P - 1) // 2, P) == 1


def test_results_are_reduced(curve):
    assert len(check(curve.multiply(SCALARS[1], curve.encode(MESSAGES)), len(MESSAGES), "bob"))


@pytest.mark.parametrize(
    "points",
    [
        None,
        b"\x09" + bytes(31),
        np.zeros((1, 31), np.uint8),
        np.zeros((2, 32), np.uint8),
        np.zeros((1, 32), np.int8),
        np.zeros(32, np.uint8),
    ],
)
def test_something_that_is_no_batch_of_points(points):
    with pytest.raises(ProtocolViolation, match="what bob sent is not 1 points of 32 bytes"):
        check(points, 1, "bob")


@pytest.mark.parametrize("u", [P, P + 1, 2**255 - 1, 2**255, 2**256 - 1])
def test_a_coordinate_that_is_not_reduced(u):
    raw = np.frombuffer(b"".join(each.to_bytes(BYTES, "little") for each in (9, u)), np.uint8)
    with pytest.raises(ProtocolViolation, match="not reduced"):
        check(raw.reshape(2, BYTES), 2, "bob")


def test_the_largest_coordinates_are_fine():
    points = pack([P - 1, P - 2, 9, 2**254])
    assert check(points, 4, "bob") is points


def test_the_same_point_twice():
    with pytest.raises(ProtocolViolation, match="bob sent the same blinded key twice"):
        check(pack([9, 10, 9]), 3, "bob")
    equal_low_words = pack([9, 9 + (1 << 64), 9 + (1 << 128)])
    assert check(equal_low_words, 3, "bob") is equal_low_words


@pytest.mark.parametrize("u", SMALL)
def test_a_point_of_small_order(curve, u):
    with pytest.raises(ProtocolViolation, match="small order"):
        check_order(curve.multiply(SCALARS[0], check(pack([9, u]), 2, "bob")), "bob")


def test_without_kernels_the_plain_curve_serves_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr(curves, "kernels", lambda: None)
    curves.curve.cache_clear()
    try:
        with caplog.at_level(logging.WARNING, "junto.join"):
            assert isinstance(curves.curve(), PlainCurve)
    finally:
        curves.curve.cache_clear()
    assert "slowly, on one core" in caplog.text


def test_a_domain_separation_tag_is_short():
    with pytest.raises(ValueError, match="255"):
        PlainCurve().encode(MESSAGES, b"x" * 256)
