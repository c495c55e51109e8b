"""Options of a call: in how many handles its result comes, and with how many bits it computes."""

from __future__ import annotations

from collections import namedtuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

import junto as sf
from spu_values import is_debug, secret, spu_of

Policy = sf.SPUCompilerNumReturnsPolicy
Pair = namedtuple("Pair", "low high")


def several(x):
    return {"sum": x.sum(), "ends": (x[0], [x[-1] > 0])}


# ---------------------------------------------------------------- handles


def test_the_names_are_secretflows():
    assert sf.device.SPUCompilerNumReturnsPolicy is Policy
    assert {each.name for each in Policy} == {"FROM_COMPILER", "FROM_USER", "SINGLE"}


@pytest.mark.parametrize("policy", [None, Policy.FROM_COMPILER, "from_compiler"])
def test_a_tree_of_handles(spu, policy):
    out = spu(several, num_returns_policy=policy)(secret(spu, np.arange(3.0)))
    assert isinstance(out["ends"][1][0], sf.SPUObject)
    assert sf.reveal(out) == {"sum": 3, "ends": (0, [True])}


@pytest.mark.parametrize("policy", [Policy.SINGLE, "single", "SINGLE"])
def test_one_handle_for_all(spu, policy):
    x = secret(spu, np.arange(3.0))
    out = spu(several, num_returns_policy=policy)(x)
    assert isinstance(out, sf.SPUObject)
    assert sf.reveal(out) == {"sum": 3, "ends": (0, [True])}
    again = spu(lambda tree, v: jnp.where(tree["ends"][1][0], v + tree["sum"], v))(out, x)
    assert sf.reveal(again).tolist() == [3, 4, 5]
    assert sf.reveal(sf.PYU("bob")(lambda tree: tree["sum"] * 2)(out.to(sf.PYU("bob")))) == 6


def test_one_handle_for_one_array_and_for_a_namedtuple(spu):
    x = secret(spu, np.arange(3.0))
    assert spu(lambda v: v + 1, num_returns_policy="single")(x).shape == (3,)
    pair = spu(lambda v: Pair(v.min(), v.max()), num_returns_policy="single")(x)
    assert sf.reveal(spu(lambda p: p.high - p.low)(pair)) == 2


def test_one_handle_holds_a_place_without_a_value(spu):
    one = spu(lambda v: (v, None), num_returns_policy="single")(secret(spu, np.ones(2)))
    assert sf.reveal(one)[0].tolist() == [1, 1]
    assert sf.reveal(one)[1] is None


def test_one_handle_cannot_hold_what_is_no_plain_tree(spu):
    with pytest.raises(sf.DeviceError, match="one handle cannot hold"):
        spu(lambda v: Partial(min, v), num_returns_policy="single")(secret(spu, np.ones(2)))


@pytest.mark.parametrize(
    "options",
    [
        {"num_returns_policy": Policy.FROM_USER, "user_specified_num_returns": 3},
        {"user_specified_num_returns": 3},
    ],
)
def test_as_many_as_the_user_says_in_a_list(spu, options):
    ends, last, total = spu(several, **options)(secret(spu, np.arange(3.0)))
    assert [float(sf.reveal(each)) for each in (ends, last, total)] == [0, 1, 3]


def test_one_comes_by_itself(spu):
    x = secret(spu, np.arange(3.0))
    for options in ({"num_returns_policy": Policy.FROM_USER}, {"user_specified_num_returns": 1}):
        out = spu(lambda v: (v + 1,), **options)(x)
        assert sf.reveal(out).tolist() == [1, 2, 3]


def test_another_number_is_refused_before_anything_runs(spu):
    x = secret(spu, np.ones(2))
    with pytest.raises(sf.DeviceError, match=r"returns 3 arrays, not 2"):
        spu(several, user_specified_num_returns=2)(x)
    for wrong in (0, True, "2", 1.0):
        with pytest.raises(sf.DeviceError, match="whole number from 1 on"):
            spu(several, user_specified_num_returns=wrong)
    with pytest.raises(sf.DeviceError, match="from_compiler, from_user, single"):
        spu(several, num_returns_policy="all")


# ---------------------------------------------------------------- bits


def test_more_bits_are_finer_within(spu):
    v = np.arange(257, 511, 2) / 512  # held exactly on the way in; only products of secret values are rounded

    def enlarged(v):
        return v * v * v * v * 2**13

    x = secret(spu, v)
    errors = {
        bits: np.abs(sf.reveal(spu(enlarged, fxp_fraction_bits=bits)(x)) - v**4 * 2**13).max()
        for bits in (18, 26)
    }
    assert errors[26] < errors[18] / 50


@pytest.fixture(scope="module")
def small(spu):
    """An SPU of the same parties with the smaller ring, in which a product soon has no room."""
    return spu_of(*spu.settings.parties, field="FM64")


def test_fewer_bits_leave_more_range(small, caplog):
    spu = small
    x = secret(spu, np.array([40_000.0, -3.5]))
    with caplog.at_level("WARNING", "junto"):
        got = sf.reveal(spu(lambda v: v * v, fxp_fraction_bits=12)(x))
    assert got == pytest.approx([1.6e9, 12.25], rel=1e-4)
    assert "out of range" not in caplog.text
    wide = sf.reveal(spu(lambda v: v * v)(x))
    assert is_debug(spu) or abs(wide[0] - 1.6e9) > 1


@pytest.mark.parametrize("spu", ["debug"], indirect=True)  # elsewhere nobody sees the values
def test_the_debug_mode_reports_a_result_that_does_not_fit_outside(small, caplog):
    spu = small
    x = secret(spu, np.array([3e7]))
    with caplog.at_level("WARNING", "junto"):
        sf.reveal(spu(lambda v: v * v, fxp_fraction_bits=4)(x))
    assert "too large for where it goes" in caplog.text


@pytest.mark.parametrize("bits", [1, 8, 18, 22, 26])
def test_everything_else_stays_as_it_is(spu, bits):
    x = secret(spu, np.array([1.5, -2.0, 4.0], np.float32))
    n, b = secret(spu, np.array([3, -4], np.int32), "bob"), secret(spu, np.array([True, False]), "carol")

    def mixed(v, n, b):
        return {"same": v, "n": n * n, "b": ~b, "public": jnp.float32(0.5), "w": jnp.where(v > 1, v * v, 0)}

    got = sf.reveal(spu(mixed, fxp_fraction_bits=bits)(x, n, b))
    assert got["n"].tolist() == [9, 16]
    assert got["b"].tolist() == [False, True]
    assert got["public"] == 0.5
    assert np.allclose(got["same"], [1.5, -2, 4], atol=2.0**-bits + 2**-18)
    assert np.allclose(got["w"], [2.25, 0, 16], atol=16 * 2.0**-bits)
    assert got["same"].dtype == np.float32


@pytest.mark.parametrize("bits", [14, 22])
def test_it_costs_what_explain_says(spu, bits):
    x = secret(spu, np.ones(10))

    def squares(v):
        return jnp.sum(v * v) + v

    told = spu.explain(squares, fxp_fraction_bits=bits)(x)
    plain = spu.explain(squares)(x)
    with spu.profile() as profile:
        spu(squares, fxp_fraction_bits=bits)(x)
    assert told.rounds == plain.rounds + 1
    assert any("fraction bits" in each.primitive for each in told.lines)
    if spu.session.program.settings.mode.name != "DEBUG":
        measured = profile.total()
        assert (measured.rounds, measured.online_bytes) == (told.rounds, told.each[0].online_bytes)
        assert measured == told.total or told.dealer is None  # then offline bytes are an estimate


@pytest.mark.parametrize("bits", [0, 37, -1, True, 18.0, "18"])
def test_bits_without_sense_are_refused(spu, bits):
    with pytest.raises(sf.DeviceError, match=r"from 1 to (26|36)|takes a whole number"):
        spu(jax.nn.relu, fxp_fraction_bits=bits)
