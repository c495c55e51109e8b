"""Functions in the ring of 128 bits against jax, on plain gates and in three roles; an SPU of that ring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import junto as sf
from junto.config.spu_model import DEFAULT_FRACTION, FieldType, SpuSource
from junto.join import join
from junto.mpc.settings import MpcSettings
from mpc_programs import Engine
from spu_values import PARTIES, at, secret, spu_of

WIDE = MpcSettings(fraction=DEFAULT_FRACTION[FieldType.FM128], width=128)
UNIT = 2.0**-WIDE.fraction
REAL = np.array([-3.5, 0.25, 1.0, 7.75])
POSITIVE = np.array([0.01, 0.7, 3.0, 12.5])
LARGE = np.array([3e3, 4e7, 1e12, 7e15])
"""Beyond 2**26, where products end with 64 bits, and beyond 6e7, where roots do."""
EVERY_SIZE = np.array([sign * 1.25 * 2.0**k for k in range(-16, 60) for sign in (1, -1)])
INTEGERS = np.array([3, -7, 2**40, -(2**62), 0, 11])
OTHERS = np.array([2, 3, -5, 7, 1, -2])
UNSIGNED = np.array([2**64 - 1, 5, 2**63], np.uint64)

CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "products": (lambda x: (x * x[::-1], x @ x[::-1], jnp.sum(x * 1e4)), (LARGE[:3],)),
    "roots": (lambda x: (jnp.sqrt(x), jnp.cbrt(-x), jnp.log(x), jax.lax.rsqrt(x[1:] / 1e6)), (LARGE,)),
    "quotients": (lambda x, y: (x / y, y / -x[:1], x / 1e6 * 3.3, y % 0.32), (LARGE[:3], POSITIVE[:3])),
    "every size": (lambda x: (3 * x / x, 3 * jnp.abs(x) / x, jnp.cbrt(x), 1 / x), (EVERY_SIZE,)),
    "whole numbers": (lambda x: (-(x.astype(float) ** 2) < -7.0, x.astype(float) ** 2 == 9), (INTEGERS[:3],)),
    "statistics": (lambda x: (jnp.std(x), jnp.linalg.norm(x)), (LARGE[:2] * 10,)),
    "exponentials": (lambda x: (jnp.exp(x), jnp.exp2(x), jnp.tanh(x), jax.nn.sigmoid(x)), (4 * REAL,)),
    "angles": (lambda x: (jnp.sin(1e6 * x), jnp.cos(x), jnp.arctan2(x, x[::-1])), (REAL,)),
    "inverses": (lambda x: (jnp.arcsinh(1e8 * x), jnp.arcsin(x / 8), jnp.arctanh(x / 8)), (REAL,)),
    "powers": (lambda x: (x**5, x ** (x / 4), jax.lax.lgamma(x), jax.lax.digamma(x)), (POSITIVE,)),
    "order": (lambda x: (jnp.sort(x), jnp.argmax(x), x < 1, x == x[::-1], jnp.floor(x)), (REAL,)),
    "conversions": (
        lambda x: (x.astype(int), jnp.abs(x / 1e3).astype(np.uint8), jnp.round(x)),
        (1e3 * REAL,),
    ),
    "integers": (lambda x, y: (x + y, x * y, x < y, x // y, x % y, x * y * y), (INTEGERS, OTHERS)),
    "unsigned": (lambda x, y: (x + y, x < y, x // y, x * y), (UNSIGNED, UNSIGNED[::-1].copy())),
    "bits": (lambda x, y: (x & y, x ^ y, ~x, x << 3, x >> 2, jax.lax.clz(x)), (INTEGERS, OTHERS)),
    "matrices": (lambda x: (jnp.linalg.inv(x), jnp.linalg.cholesky(x)), (np.eye(2) * 5e4 + 1e4,)),
    "convolutions": (
        lambda x, i: (jnp.convolve(x, x), jnp.convolve(np.arange(9), i), jnp.convolve(x, np.ones(2))),
        (REAL, INTEGERS[:2]),
    ),
    "places": (lambda x, i: (x[i], jnp.asarray(x).at[i].add(2e9), jnp.cumsum(x)), (LARGE, np.array([1, 3]))),
}


@pytest.fixture(scope="module", autouse=True)
def wide_numbers() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


IN_ROLES = list(CASES)
"""What is computed in three roles, too: every gate and every kind of constant is among it."""


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        *(("plain", name) for name in CASES),
        *((each, name) for each in ("secure", "pair", "oblivious") for name in IN_ROLES),
    ],
)
def test_a_function_gives_what_jax_gives(engine: str, name: str) -> None:
    function, arguments = CASES[name]
    ran = Engine(engine, WIDE)
    found, wanted = ran.run(function, *arguments), function(*arguments)
    assert not ran.overflows
    for ours, theirs in zip(*map(jax.tree_util.tree_leaves, (found, wanted)), strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        if ours.dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, rtol=6e-5, atol=1e-4)
        else:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("fraction", [20, 36])
def test_the_finest_and_coarse_numbers(fraction: int) -> None:
    values = np.array([0.5, 2.0, 30.0])

    def function(x: Any) -> Any:
        return x * x, jnp.sqrt(x), jnp.log(x), 1 / x, jnp.exp(x / 2), jnp.tanh(x), jnp.sin(x)

    ran = Engine("plain", MpcSettings(fraction=fraction, width=128))
    for ours, theirs in zip(ran.run(function, values), function(values), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=6e-5, atol=1e-4 + 8 * 2.0**-fraction)
    assert not ran.overflows


def test_what_leaves_the_range_is_said() -> None:
    ran = Engine("plain", WIDE)
    ran.run(lambda x: x * x * x, np.array([1e10]))
    assert "does not fit into 128 bits" in ran.overflows[0][1]


# ---------------------------------------------------------------- an SPU


@pytest.fixture(scope="module", params=["debug", "simulation", "simulation of two"])
def spu(request: pytest.FixtureRequest) -> Iterator[sf.SPU]:
    sf.init(
        parties=[*PARTIES, "dave"],
        address="local",
        debug_mode=request.param == "debug",
        logging_level="error",
    )
    parties = PARTIES[:2] if request.param.endswith("two") else PARTIES
    yield spu_of(*parties, field="FM128")
    sf.shutdown()


@pytest.mark.parametrize("owner", [*PARTIES, "dave"])
def test_values_of_every_owner(spu: sf.SPU, owner: str) -> None:
    salaries, whole = np.array([1.2e6, 3.4e6, 5e5]), np.array([1, 2**40, -3])
    inputs = [secret(spu, each, owner) for each in (salaries, whole, salaries > 1e6)]
    out = spu(lambda x, i, b: (jnp.std(x), jnp.sum(x * x), i * i, jnp.where(b, x, 0)))(*inputs)
    wanted = [np.std(salaries), np.sum(salaries**2), whole * whole, np.where(salaries > 1e6, salaries, 0)]
    for got, want in zip(sf.reveal(out), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_what_is_explained_is_what_it_costs(spu: sf.SPU) -> None:
    x = secret(spu, POSITIVE)
    total, squares = spu(lambda x: (x @ x, x * x))(x)
    told = spu.explain(lambda x, y: jnp.sqrt(x) * x + x @ y)(x, squares)
    with spu.profile() as profile:
        sf.wait(spu(lambda x, y: jnp.sqrt(x) * x + x @ y)(x, squares))
    assert sf.reveal(total) == pytest.approx(np.sum(POSITIVE**2), rel=1e-5)
    if spu.session.program.settings.mode.name != "DEBUG":
        measured = profile.total()
        assert (measured.rounds, measured.online_bytes) == (told.rounds, told.each[0].online_bytes)


EXPLAINED = [name for name in CASES if name != "convolutions"]
"""Whose results leave as they are: sums of products of integers are brought back to their type."""


@pytest.mark.parametrize("name", EXPLAINED)
def test_two_parties_are_told_what_every_function_costs(spu: sf.SPU, name: str) -> None:
    if spu.settings.source is not SpuSource.BOTH_PARTIES:
        return  # with a helper every function's cost is asserted elsewhere
    function, arguments = CASES[name]
    ran = Engine("pair", MpcSettings(fraction=spu.settings.fraction, width=128))
    ran.run(function, *arguments)
    told = spu.explain(function)(*[jax.ShapeDtypeStruct(each.shape, each.dtype) for each in arguments])
    assert (told.rounds, told.each[0].online_bytes) == (ran.rounds, ran.opened)
    assert told.total.offline_bytes > 0


def test_it_is_kept_and_loaded_in_its_ring_alone(spu: sf.SPU, tmp_path: Any) -> None:
    values = np.array([1e15, -2.5])
    nodes = [node.party for node in spu.settings.nodes]
    paths = {party: str(tmp_path / party) for party in nodes}
    spu.dump(secret(spu, values), paths)
    assert sf.reveal(spu.load(paths)).tolist() == values.tolist()
    with pytest.raises(sf.JuntoError, match="field FM128, here FM64"):
        spu_of(*nodes, field="FM64").load(paths)


def test_a_value_moves_to_an_spu_of_either_ring(spu: sf.SPU) -> None:
    values = np.array([1e12, -2.5])
    small, whole = spu_of(*PARTIES, field="FM64"), np.array([-(2**63), 2**63 - 1])
    assert sf.reveal(secret(spu, values).to(small).to(spu)).tolist() == values.tolist()
    assert sf.reveal(secret(spu, whole).to(small)).tolist() == whole.tolist()
    with pytest.raises(sf.DeviceError, match="int64 fills all bits"):
        secret(small, whole).to(spu)
    assert (
        sf.reveal(secret(spu, values).to(spu_of(*PARTIES, field="FM128", bits=20))).tolist()
        == values.tolist()
    )


@pytest.mark.parametrize("helper", [True, False])
def test_what_two_parties_have_made_outside_is_computed_with(spu: sf.SPU, helper: bool) -> None:
    """Products of joined columns beyond the range of 64 bits."""
    large = np.array([1e9, -3e8, 2.5])
    sides = {
        "one": pd.DataFrame({"id": [1, 2, 3], "x": large}),
        "other": pd.DataFrame({"id": [3, 1], "y": large[:2]}),
    }
    tables = {sf.PYU(party): at(party, side) for party, side in zip(PARTIES, sides.values(), strict=False)}
    found = join(tables, on="id", onto=spu, helper=helper)
    total = spu(lambda x, y, flag: jnp.sum(x * y * flag))(found["x"], found["y"], found.flag)
    merged = sides["one"].merge(sides["other"], on="id")
    assert float(sf.reveal(total)) == pytest.approx((merged["x"] * merged["y"]).sum(), rel=1e-12)


@pytest.mark.parametrize(
    "function",
    [
        jnp.log1p,
        jnp.expm1,
        jnp.arctanh,
        jax.scipy.special.entr,
        lambda x: jnp.log(1 - x),
        lambda x: jax.nn.softplus(x) - jnp.log(2.0),
        lambda x: jnp.exp(x) * jnp.cosh(x),
        lambda x: jax.nn.logsumexp(jnp.stack([x, 2 * x]), axis=0) - jnp.log(2.0),
    ],
)
def test_where_nothing_is_right_nothing_is_named(function):
    ran, x = Engine("plain", WIDE), np.array([0.0, 0.25, 0.5, 0.0], np.float32)
    found = ran.run(function, x)
    with jax.enable_x64(True):
        want = np.asarray(function(jnp.asarray(x, np.float64)))
    np.testing.assert_allclose(found, want, rtol=1e-6, atol=64 * UNIT)
    assert ran.digits == ran.overflows == []
