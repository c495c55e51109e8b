"""A call in the ring of 64 bits on an SPU of 128: what comes in and goes out, costs, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import junto as sf
from spu_values import PARTIES, is_debug, secret, spu_of


@pytest.fixture(scope="module", params=["debug", "simulation", "simulation of two"])
def spu(request: pytest.FixtureRequest) -> Iterator[sf.SPU]:
    sf.init(parties=PARTIES, address="local", debug_mode=request.param == "debug", logging_level="error")
    parties = PARTIES[:2] if request.param.endswith("two") else PARTIES
    yield spu_of(*parties, field="FM128", bits=26)
    sf.shutdown()


def forms(v: Any, w: Any, n: Any, b: Any) -> dict[str, Any]:
    """Results of every kind and form: an argument itself, masked, affine and additive ones, constants."""
    return {
        "same": v,
        "sum": v + 2 * w,
        "product": v * w,
        "square": v * v,
        "chosen": jnp.where(v < w, v, -w),
        "total": jnp.sum(v * w, keepdims=True),
        "logistic": jax.nn.sigmoid(w),
        "integers": n * 3 - 7,
        "narrow": n.astype(jnp.int8),
        "bits": (v < w) & b,
        "constant": jnp.full(3, 2.5),
        "constant integer": jnp.int32(-4),
        "constant bit": jnp.array([True, False]),
    }


def arguments() -> tuple[Any, ...]:
    rng = np.random.default_rng(7)
    v, w = rng.normal(0, 40, 6).astype(np.float32), rng.normal(size=6).astype(np.float32)
    return v, w, rng.integers(-90, 90, 6).astype(np.int32), rng.random(6) < 0.5


def within(found: Any, wanted: Any) -> None:
    for key in wanted:
        assert (found[key].dtype, found[key].shape) == (wanted[key].dtype, wanted[key].shape), key
        ours, theirs = np.asarray(found[key], float), np.asarray(wanted[key], float)
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4, err_msg=key)


def test_every_kind_of_argument_and_result(spu: sf.SPU) -> None:
    plain = arguments()
    held = [secret(spu, each, owner) for each, owner in zip(plain, [*PARTIES, "bob"], strict=True)]
    found = spu(forms, field="FM64")(*held)
    within(sf.reveal(found), forms(*plain))
    # What comes out is as good as what comes in, in either ring.
    again = (found["same"], held[1], found["integers"], found["bits"])
    wanted = (plain[0], plain[1], plain[2] * 3 - 7, (plain[0] < plain[1]) & plain[3])
    for field in ("FM64", "FM128", None, "fm64"):
        within(sf.reveal(spu(forms, field=field)(*again)), forms(*wanted))


def test_what_has_not_been_opened_comes_in_as_it_is(spu: sf.SPU) -> None:
    """A product is a sum of pieces, and a truncation one of masks and what is public, until it is used."""
    v, w, _, _ = arguments()
    x, y = secret(spu, v), secret(spu, w, "bob")
    total, scaled = spu(lambda x, y: (jnp.sum(x * y), x * y - 3))(x, y)
    found = spu(lambda t, s: (t + s, s * s), field="FM64")(total, scaled)
    one = np.float32(v * w - 3)
    np.testing.assert_allclose(sf.reveal(found[0]), np.sum(v * w) + one, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(sf.reveal(found[1]), one * one, rtol=1e-4, atol=1e-3)


@given(numbers=st.lists(st.integers(-(2**43), 2**43), min_size=1, max_size=5), bits=st.integers(8, 26))
@settings(max_examples=20, deadline=None)
def test_all_numbers_that_have_room_come_through(spu: sf.SPU, numbers: list[int], bits: int) -> None:
    values = np.array(numbers) / 2.0**8
    with jax.enable_x64(True):
        found = sf.reveal(spu(lambda x: -x, field="FM64", fxp_fraction_bits=bits)(secret(spu, values)))
    np.testing.assert_allclose(found, -values, atol=2.0**-bits, rtol=0)


def test_what_is_explained_is_what_it_costs(spu: sf.SPU) -> None:
    held = [secret(spu, each) for each in arguments()]
    told = {field: spu.explain(forms, field=field)(*held) for field in ("FM64", "FM128")}
    with spu.profile() as profile:
        sf.wait(spu(forms, field="FM64")(*held))
    assert told["FM64"].each[0].offline_bytes < told["FM128"].each[0].offline_bytes
    if not is_debug(spu):
        measured, cost = profile.total(), told["FM64"].each[0]
        assert (measured.rounds, measured.online_bytes) == (cost.rounds, cost.online_bytes)
        if spu.settings.helper is not None:  # two parties alone are told about how much
            assert measured.offline_bytes == cost.offline_bytes


def test_the_way_there_takes_no_round_and_the_way_back_one(spu: sf.SPU) -> None:
    x = jax.ShapeDtypeStruct((10,), jnp.float32)
    own, smaller = (spu.explain(lambda x: x + 1, fxp_fraction_bits=26, field=f)(x) for f in ("FM128", "FM64"))
    assert (own.rounds, own.each[0].online_bytes) == (0, 0)
    assert (smaller.rounds, smaller.each[0].online_bytes) == (1, 80)
    if spu.settings.helper is not None:
        assert smaller.each[0].offline_bytes == 320


def test_the_debug_mode_reports_what_has_no_room(spu: sf.SPU, caplog: pytest.LogCaptureFixture) -> None:
    if not is_debug(spu):
        return  # elsewhere nobody sees the values
    x = secret(spu, np.array([1e12]))
    with caplog.at_level("WARNING", "junto"):
        sf.reveal(spu(lambda x: x + 1, field="FM64")(x))
    assert "too large for where it goes" in caplog.text


@pytest.mark.parametrize(
    ("field", "sentence"), [("FM32", "not in FM32"), ("fm65", "no ring"), (7, "no ring"), ("", "no ring")]
)
def test_other_rings_are_refused(spu: sf.SPU, field: Any, sentence: str) -> None:
    with pytest.raises(sf.DeviceError, match=sentence):
        spu(lambda x: x, field=field)


def test_where_it_cannot_be_it_is_refused(spu: sf.SPU) -> None:
    with pytest.raises(sf.DeviceError, match="not in FM128"):
        spu_of(*PARTIES, field="FM64")(lambda x: x, field="FM128")
    with pytest.raises(sf.DeviceError, match="leave field out"):
        spu_of(*PARTIES, field="FM128", overflow="error")(lambda x: x, field="FM64")
    with jax.enable_x64(True), pytest.raises(sf.NotComputable, match="returns int64"):
        spu(lambda x: x + 1, field="FM64")(secret(spu, np.array([1, 2])))
    assert sf.reveal(spu(lambda x: x + 1)(secret(spu, np.array([1.0])))) == [2]
