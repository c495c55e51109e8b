"""A value moves from SPU to SPU: every pair of roles, in every mode that runs in one process."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import junto as sf
from spu_values import secret, spu_of

PARTIES = ["alice", "bob", "carol", "dave", "erin", "frank"]
TREE = {
    "x": np.array([[1.5, -2.25], [0.0, 100.0]], np.float32),
    "n": (np.array([3, -4], np.int32), [np.uint8(200)]),
    "b": np.array([True, False, True]),
    "none": np.zeros((0, 2), np.float32),
}


@pytest.fixture(scope="module", params=["debug", "simulation"])
def spus(request):
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    yield {
        "first": spu_of("alice", "bob", "carol"),
        "disjoint": spu_of("dave", "erin", "frank"),
        "turned": spu_of("bob", "carol", "alice"),
        "helped by the first": spu_of("dave", "erin", "alice"),
        "one in common": spu_of("carol", "dave", "erin", "alice"),
        "clear": spu_of("bob", "carol", protocol="REF2K"),
        "coarse": spu_of("bob", "dave", "erin", bits=14),
        "fine": spu_of("bob", "alice", "erin", bits=22),
        "pair": spu_of("alice", "dave"),
        "coarse pair": spu_of("bob", "alice", bits=14),
        "fine pair": spu_of("erin", "frank", bits=22),
        "pair of 128 bits": spu_of("frank", "alice", bits=20, field="FM128"),
    }
    sf.shutdown()


def same(got, want, error=2**-17):
    assert (got["x"].dtype, got["b"].dtype, got["n"][0].dtype) == (np.float32, np.bool_, np.int32)
    assert np.abs(got["x"] - want["x"]).max() <= error
    assert (got["n"][0] == want["n"][0]).all()
    assert got["n"][1][0] == want["n"][1][0]
    assert (got["b"] == want["b"]).all()
    assert got["none"].shape == (0, 2)


@pytest.mark.parametrize(
    "target",
    ["disjoint", "turned", "helped by the first", "one in common", "clear", "pair", "pair of 128 bits"],
)
def test_there_and_back(spus, target):
    one, other = spus["first"], spus[target]
    x = secret(one, TREE)
    there = x.to(other)
    assert there.device is other
    same(sf.reveal(there), TREE)
    same(sf.reveal(there.to(one)), TREE)
    same(sf.reveal(x), TREE)


@pytest.mark.parametrize(
    ("target", "error"),
    [("coarse", 2**-13), ("fine", 2**-17), ("coarse pair", 2**-13), ("fine pair", 2**-17)],
)
def test_the_point_moves_between_devices_of_another_precision(spus, target, error):
    x = secret(spus["first"], TREE)
    same(sf.reveal(x.to(spus[target])), TREE, error)
    same(sf.reveal(x.to(spus[target]).to(spus["first"])), TREE, error)


def test_from_one_pair_to_another_of_another_precision(spus):
    x = secret(spus["fine pair"], TREE)
    same(sf.reveal(x.to(spus["coarse pair"]).to(spus["pair"])), TREE, 2**-13)


@pytest.mark.parametrize("source", ["pair", "fine pair", "coarse pair"])
@pytest.mark.parametrize("target", ["first", "pair of 128 bits", "coarse"])
def test_from_the_smaller_ring_to_the_larger_and_back(spus, source, target):
    x = secret(spus[source], TREE)
    there = x.to(spus[target])
    same(sf.reveal(there), TREE, 2**-13)
    twice = spus[target](lambda t: t["x"] * 2)(there)
    assert np.abs(sf.reveal(twice.to(spus[source])) - 2 * TREE["x"]).max() <= 2**-11


@pytest.mark.parametrize("spus", ["debug"], indirect=True)
def test_the_debug_mode_says_what_has_no_room_in_the_smaller_ring(spus, caplog):
    x = secret(spus["first"], np.array([9e12, 2e13]))
    with caplog.at_level("WARNING", "junto"):
        sf.reveal(x.to(spus["pair"]))
    assert "too large for where it goes" in caplog.text


def test_results_of_any_form_are_computed_with_elsewhere(spus):
    one, other = spus["first"], spus["disjoint"]
    x = secret(one, np.linspace(-2, 2, 9).astype(np.float32))
    product, total, less = spus["first"](lambda v: (v * v, jnp.dot(v, v), v < 0.3))(x)
    out = other(lambda p, t, b: (jnp.where(b, p, -p) + t, p > 0.25))(
        product.to(other), total.to(other), less.to(other)
    )
    got, larger = sf.reveal(out)
    v = np.linspace(-2, 2, 9).astype(np.float32)
    assert np.allclose(got, np.where(v < 0.3, v * v, -v * v) + v @ v, atol=1e-4)
    assert (larger == (v * v > 0.25)).tolist() == [True] * 9


def test_to_the_device_where_it_lives_is_nothing(spus):
    x = secret(spus["first"], np.ones(2))
    assert x.to(spus["first"]) is x


def test_what_failed_fails_there_too_and_the_other_device_goes_on(spus):
    def fails():
        raise KeyError("private")

    bad = sf.PYU("bob")(fails)().to(spus["first"])
    with pytest.raises(sf.RemoteError) as caught:
        bad.to(spus["one in common"])
    assert caught.value.origin.party == "bob"
    assert sf.reveal(secret(spus["first"], np.ones(2)).to(spus["one in common"])).tolist() == [1, 1]


@pytest.mark.parametrize("party", ["alice", "bob"])
@pytest.mark.parametrize(
    "spus", ["simulation"], indirect=True
)  # the debug mode has no nodes that could break
def test_of_a_device_that_broke_the_other_learns_and_goes_on(spus, party):
    broken, other = spu_of("alice", "bob", "carol"), spus["disjoint"]
    x = secret(broken, np.ones(2))
    sf.reveal(x)
    broken.engine._nodes[party].cancel(sf.LinkError("cut", party="carol"))
    there = x.to(other)  # one of the two compute parties has its piece, the other has not
    with pytest.raises((sf.LinkError, sf.RemoteError)):
        sf.reveal(there)
    assert sf.reveal(secret(other, np.ones(2))).tolist() == [1, 1]


def test_a_call_does_not_move_by_itself(spus):
    with pytest.raises(sf.DeviceError, match=r"x\.to\(spu\)"):
        spus["disjoint"](lambda v: v + 1)(secret(spus["first"], np.ones(2)))
