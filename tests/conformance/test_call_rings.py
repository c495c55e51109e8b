"""Values and calls in the ring of 64 bits on an SPU of 128: what is held so, mixtures, costs, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import junto as sf
from spu_values import PARTIES, at, is_debug, secret, spu_of

RINGS = (None, "FM64")
FM64 = "@64.18"


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


def held_in(spu: sf.SPU, value: Any, field: str | None, owner: str = "alice") -> sf.SPUObject:
    return spu.share(at(owner, value), field=field)


def shared(spu: sf.SPU, plain: Any, rings: Any) -> list[sf.SPUObject]:
    """Of either compute party and of one that is none."""
    owners = [*PARTIES, "bob"] if len(spu.settings.parties) == 3 else ["alice", "bob", "alice", "bob"]
    return [held_in(spu, each, ring, who) for each, ring, who in zip(plain, rings, owners, strict=True)]


def mixtures(spu: sf.SPU) -> list[tuple[Any, ...]]:
    """Rings of the four arguments and of the call; two parties alone, who take longer, try some."""
    every = list(product(RINGS, RINGS, RINGS, RINGS[:1], RINGS))
    return every if spu.settings.helper is not None else [every[5], every[10], every[15]]


def ring_of(handle: sf.SPUObject) -> str | None:
    return "FM64" if str(handle.layout()).endswith(FM64) else None


def test_every_mixture_of_rings_and_every_kind_of_argument_and_result(spu: sf.SPU) -> None:
    plain = arguments()
    for *rings, field in mixtures(spu):
        held = shared(spu, plain, rings)
        assert [ring_of(each) for each in held[:3]] == rings[:3]
        found = spu(forms, field=field)(*held)
        assert {ring_of(each) for key, each in found.items() if "bit" not in key} == {field}
        within(sf.reveal(found), forms(*plain))
        # What comes out is as good as what comes in, in either ring.
        again = (found["same"], held[1], found["integers"], found["bits"])
        wanted = (plain[0], plain[1], plain[2] * 3 - 7, (plain[0] < plain[1]) & plain[3])
        within(sf.reveal(spu(forms, field=RINGS[field is None])(*again)), forms(*wanted))


def test_a_ring_is_named_in_any_way_and_an_argument_at_its_owner_enters_in_that_of_the_call(
    spu: sf.SPU,
) -> None:
    for field in ("FM64", "fm64", "FM128", None):
        found = spu(lambda x: x, field=field)(at("alice", np.float32([1.5, -2])))
        assert ring_of(found) == ("FM64" if field in ("FM64", "fm64") else None)
        np.testing.assert_array_equal(sf.reveal(found), [1.5, -2])


def test_a_call_in_the_ring_of_its_arguments_neither_converts_nor_sends_for_it(spu: sf.SPU) -> None:
    x = held_in(spu, np.zeros(10, np.float32), "FM64")
    inside, outside = (spu.explain(lambda x: x + 1, field=field)(x) for field in ("FM64", None))
    assert (inside.rounds, inside.each[0].online_bytes, inside.each[0].offline_bytes) == (0, 0, 0)
    assert (outside.rounds, outside.each[0].online_bytes) == (1, 80)
    if spu.settings.helper is not None:
        assert outside.each[0].offline_bytes == 320
    back = spu.explain(lambda x: x + 1, field="FM64", fxp_fraction_bits=26)(
        jax.ShapeDtypeStruct((10,), np.float32)
    )
    assert (back.rounds, back.each[0].online_bytes) == (0, 0)


def test_one_secret_stays_one_and_is_converted_once(spu: sf.SPU) -> None:
    for held, field in (("FM64", None), (None, "FM64")):
        x = held_in(spu, np.float32([3, -4]), held)
        once = spu.explain(lambda x: jnp.sin(x * x), field=field)(x)  # a square alone would keep its digits
        twice = spu.explain(lambda x, y: jnp.sin(x * y), field=field)(x, x)
        assert twice.each[0].online_bytes == once.each[0].online_bytes
        np.testing.assert_allclose(sf.reveal(spu(lambda x, y: x * y, field=field)(x, x)), [9, 16], atol=1e-4)


def test_a_value_in_a_ring_of_its_own_is_kept_and_moves_as_it_is(spu: sf.SPU, tmp_path: Path) -> None:
    numbers, whole, flags = np.float32([1.25, -7e5]), np.int32([-3, 2**31 - 1]), np.array([True, False])
    small = held_in(spu, {"x": numbers, "n": whole, "b": flags}, "FM64")
    tree = [small, secret(spu, numbers * 1000, "bob")]
    paths = {party: tmp_path / party for party in spu.settings.parties}
    spu.dump(tree, paths)
    both = spu.load(paths)
    assert both.layout() == [small.layout(), tree[1].layout()]
    others = [
        (spu_of(*spu.settings.parties, field="FM128"), FM64),
        (spu_of(*spu.settings.parties, field="FM64", bits=16), ""),
    ]
    for target, ending in [*others, (spu, FM64)]:
        come = both.to(target)
        assert come.layout()[0]["x"] == f"float32[2]{ending}"
        found = sf.reveal(target(lambda t: (t[0]["x"] * 2, t[0]["n"], t[0]["b"], t[1]))(come))
        for ours, theirs in zip(found, (numbers * 2, whole, flags, numbers * 1000), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_calls_that_prove_the_range_take_values_of_the_smaller_ring(spu: sf.SPU) -> None:
    checked = spu_of(*spu.settings.parties, field="FM128", overflow="error")
    come = held_in(spu, np.float32([1.5, -2e5]), "FM64").to(checked)
    assert ring_of(come) == "FM64"
    np.testing.assert_allclose(sf.reveal(checked(lambda x: x * x)(come)), [2.25, 4e10], rtol=1e-6)
    with pytest.raises(sf.RemoteError, match="out of range"):
        sf.reveal(checked(lambda x: (x * x) * (x * x))(come))


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
    for *rings, field in mixtures(spu)[-3:] if is_debug(spu) else mixtures(spu)[::3]:
        held = shared(spu, arguments(), rings)
        cost = spu.explain(forms, field=field)(*held).each[0]
        with spu.profile() as profile:
            sf.wait(spu(forms, field=field)(*held))
        if not is_debug(spu):
            measured = profile.total()
            assert (measured.rounds, measured.online_bytes) == (cost.rounds, cost.online_bytes)
            if spu.settings.helper is not None:  # two parties alone are told about how much
                assert measured.offline_bytes == cost.offline_bytes


def test_the_smaller_ring_costs_less(spu: sf.SPU) -> None:
    held = shared(spu, arguments(), [None] * 4), shared(spu, arguments(), ["FM64"] * 4)
    own, narrowed, small = (
        spu.explain(forms, field=field)(*each).each[0].offline_bytes
        for each, field in ((held[0], None), (held[0], "FM64"), (held[1], "FM64"))
    )
    assert small < narrowed < own


def test_a_rehearsal_follows_a_value_in_its_own_ring(spu: sf.SPU) -> None:
    def script() -> Any:
        x = held_in(spu, np.float32([1, 2, 3]), "FM64", "bob")
        return sf.reveal(spu(lambda x: x * 2)(spu(lambda x: x + 1, field="FM64")(x)))

    told = sf.explain(script)()
    assert (told.total.rounds, told.total.online_bytes) == (1, 24)
    # 8 bytes a number in, and 16 out to each of the others
    assert "alice 96 B, bob 120 B" in " ".join(str(told).split())
    np.testing.assert_array_equal(script(), [4, 6, 8])


def test_the_debug_mode_reports_what_has_no_room(spu: sf.SPU, caplog: pytest.LogCaptureFixture) -> None:
    if not is_debug(spu):
        return  # elsewhere nobody sees the values
    x = secret(spu, np.array([1e12]))
    with caplog.at_level("WARNING", "junto"):
        sf.reveal(spu(lambda x: x + 1, field="FM64")(x))
    assert "too large for where it goes" in caplog.text


@pytest.mark.parametrize(
    ("field", "sentence"), [("FM32", "not in FM32"), ("fm65", "no ring"), (7, "field is 7"), ("", "no ring")]
)
def test_other_rings_are_refused(spu: sf.SPU, field: Any, sentence: str) -> None:
    with pytest.raises(sf.DeviceError, match=sentence):
        spu(lambda x: x, field=field)


def test_where_it_cannot_be_it_is_refused(spu: sf.SPU) -> None:
    with pytest.raises(sf.DeviceError, match="not in FM128"):
        spu_of(*PARTIES, field="FM64")(lambda x: x, field="FM128")
    with pytest.raises(sf.DeviceError, match="leave field out"):
        spu_of(*PARTIES, field="FM128", overflow="error")(lambda x: x, field="FM64")
    with pytest.raises(sf.DeviceError, match="own ring have 26 bits"):
        spu.share(at("alice", np.zeros(1)), fxp_fraction_bits=20)
    with pytest.raises(sf.DeviceError, match="from 1 to"):
        spu.share(at("alice", np.zeros(1)), field="FM64", fxp_fraction_bits=60)
    with pytest.raises(sf.RemoteError, match="too large with 18 fraction bits"):
        sf.reveal(held_in(spu, np.array([1e13]), "FM64"))
    with jax.enable_x64(True):
        large = spu(lambda x: x - 1, field="FM64")(secret(spu, np.array([1, -(2**63)])))
        assert sf.reveal(large).tolist() == [0, 2**63 - 1]
        with pytest.raises(sf.NotComputable, match="nobody knows its sign"):
            spu(lambda x: x + 1)(large)
    assert sf.reveal(spu(lambda x: x + 1)(secret(spu, np.array([1.0])))) == [2]
