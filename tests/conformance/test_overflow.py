"""With `overflow="error"` a call fails where the debug mode names a line, and no value of it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import junto as sf
import mpc_nodes
import mpc_pairs
from junto.errors import NotComputable
from junto.mpc.checked_gates import CheckedGates
from junto.mpc.plain_gates import PlainGates
from junto.mpc.ring128 import integers_of_wide, wide_of_integers
from junto.mpc.rounds import Rounds
from junto.mpc.settings import MpcSettings
from mpc_programs import Engine
from spu_values import PARTIES, secret, spu_of

UNCHECKED = MpcSettings(fraction=26, width=128)
CHECKED = replace(UNCHECKED, checked=True)
FACTOR = 2.0**37
"""A number that is multiplied by another of any size has to be below: 2**63 units."""

Function = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def wide_numbers() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def named(function: Function, *args: Any) -> bool:
    """Whether the debug mode says anything."""
    engine = Engine("plain", UNCHECKED)
    engine.run(function, *args)
    return bool(engine.overflows)


def raised(engine: str, function: Function, *args: Any) -> str:
    """What a checked run says of where a number has left its range; empty: nothing."""
    try:
        Engine(engine, CHECKED).run(function, *args)
    except NotComputable as error:
        return error.message
    return ""


def turns(x: Any) -> Any:
    return lax.fori_loop(0, 3, lambda _, v: v * v, x)


def learnt(x: Any) -> Any:
    return jax.grad(lambda w: jnp.mean((jax.nn.sigmoid(w * x) - 1) ** 2))(x)


FUNCTIONS: dict[str, tuple[Function, float]] = {
    "mul": (lambda x: x * x[::-1], 2.0**37),
    "square": (lambda x: (x - 1) ** 2, 2.0**37),
    "integer_pow": (lambda x: x**3, 2.0**22),
    "dot_general": (lambda x: x @ x, 2.0**36),
    "matrices": (lambda x: x[:, None] @ x[None, :], 2.0**37),
    "conv": (lambda x: jnp.convolve(x, x), 2.0**36),
    "a public factor": (lambda x: x * 1e3 * x, 2.0**31),
    "sum of products": (lambda x: jnp.sum(x * x), 2.0**36),
    "fori_loop": (turns, 2.0**9),
    "var": (jnp.var, 2.0**36.5),
    "std": (jnp.std, 2.0**36.5),
    "norm": (jnp.linalg.norm, 2.0**36),
    "cumsum": (lambda x: jnp.cumsum(x * x), 2.0**36),
    "chosen": (lambda x: jnp.where(x > 0, x, 1.0) * x, 2.0**37),
    "sorted": (lambda x: jnp.sort(x) * x, 2.0**37),
    "gathered": (lambda x: x[jnp.argmax(x)] * x, 2.0**37),
    "scattered": (lambda x: x.at[0].add(x[1]) * x, 2.0**36),
    "sqrt": (lambda x: jnp.sqrt(x), 2.0**74),
    "log": (lambda x: jnp.log(x), 2.0**74),
    "div": (lambda x: (1 + x) / x, 2.0**74),
    "a large quotient": (lambda x: x / (x[:1] / x[:1] * 2.0**-20), 2.0**52),
    "exp": (lambda x: jnp.exp(x), 44.0),
    "logistic": (lambda x: jax.nn.sigmoid(x), 2.0**99),
    "attention": (lambda x: jax.nn.softmax(x[:, None] * x) @ x, 2.0**36),
    "gradient": (learnt, 2.0**37),
    "to int32": (lambda x: x.astype(np.int32), 2.0**31),
    "rem": (lambda x: x % 3.0, 2.0**60),
}
"""Functions, and up to which size of numbers they are in their range, give or take a few bits."""
SHAPE = np.array([1.0, 0.75, 0.5, 0.25])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_run_fails_where_the_debug_mode_names_a_line_and_nowhere_else(name: str) -> None:
    function, most = FUNCTIONS[name]
    for size, beyond in ((1.0, False), (most / 32, False), (most * 2.0**7, True)):
        if size < 2.0**97:
            x = SHAPE * size
            assert named(function, x) is bool(raised("plain", function, x)) is beyond, size


@pytest.mark.parametrize("roles", ["secure", "pair"])
@pytest.mark.parametrize("name", ["mul", "dot_general", "fori_loop", "std", "exp", "a large quotient"])
def test_roles_find_what_plain_gates_do(name: str, roles: str) -> None:
    function, most = FUNCTIONS[name]
    for size in (most / 32, most * 2.0**7):
        assert raised(roles, function, SHAPE * size) == raised("plain", function, SHAPE * size)


def test_the_first_operation_is_named_with_its_line() -> None:
    def two(x: Any) -> Any:
        good = x / 1e12 * x[::-1]
        bad = x * x
        return bad, good, x * 2

    said = raised("secure", two, SHAPE * FACTOR * 4)
    assert "a product of fixed-point numbers is out of range" in said
    assert f"`mul`, at test_overflow.py:{two.__code__.co_firstlineno + 2} (two)" in said


STILL: dict[str, tuple[Function, Any]] = {
    "integers may wrap": (lambda i: (i * i * i, i + i), np.array([2**62, -(2**60), 3])),
    "what is outside of a domain is no question of size": (
        lambda x: (jnp.log(x), jnp.where(x == 0, 0, 1 / x), jnp.sqrt(x)),
        np.array([-1.0, 0.0, 4.0]),
    ),
    "public numbers that stand for infinity": (
        lambda x: jnp.max(x, where=x > 1, initial=-jnp.inf),
        np.array([1.0, 2.0]),
    ),
}


@pytest.mark.parametrize("name", STILL)
def test_what_is_no_overflow(name: str) -> None:
    function, x = STILL[name]
    assert raised("plain", function, x) == ""


@pytest.mark.parametrize("run", [mpc_nodes.run, mpc_pairs.run], ids=["helper", "pair"])
@pytest.mark.parametrize("bits", [2, 40, 63, 96, 126])
def test_what_is_beyond_a_bound_is_found_and_what_is_well_within_it_is_not(
    bits: int, run: Callable[..., mpc_nodes.Outcome]
) -> None:
    rng = np.random.default_rng(bits)
    beyond = [1 << bits, (1 << bits) * 3 // 2, 1 << 126, (1 << 127) - 1]
    within = [0, 1, (1 << bits) * 7 // 8 - 1, *(int(each * 2.0 ** (bits - 1)) for each in rng.random(20))]
    numbers = [sign * each for each in (*beyond, *within) for sign in (1, -1)]

    async def found(g: Any, x: Any) -> Any:
        return await g.outside(x, -(1 << bits), (1 << bits) - 1, exact=False)

    flags = run(found, wide_of_integers(numbers), width=128).value.any(0)
    certain = np.array([each >= 1 << bits or each < -(1 << bits) for each in numbers])
    near = np.array([abs(each) == 1 << bits for each in numbers])
    assert (flags == certain)[~near].all()


def test_a_bound_of_a_result_holds() -> None:
    """Of gates in any order: no element is larger than the gates say, unless a doubt is justified."""
    rng = np.random.default_rng(5)

    async def some(g: Any) -> None:
        held = [g.constant(wide_of_integers([int(v) << 20 for v in rng.integers(-999, 999, 6)]))]
        for kind in rng.integers(0, 7, 60):
            x, y = (held[int(each)] for each in rng.integers(0, len(held), 2))
            match kind:
                case 0:
                    made = await g.multiply(x, y)
                case 1:
                    made = g.add(x, y)
                case 2:
                    made = g.subtract(x, g.negate(y))
                case 3:
                    made = await g.truncate(x, int(rng.integers(1, 60)))
                case 4:
                    made = g.scale(x, g.word(int(rng.integers(-50, 50))), bounded=True)
                case 5:
                    made = g.linear(x, lambda a: a.sum(keepdims=True), bounded=6)
                    made = g.arrange(made, lambda a: np.broadcast_to(a, (6,)))
                case _:
                    made = await g.bilinear(x, y, lambda a, b, by: by(a[None], b[:, None])[:, 0])
                    made = g.arrange(made, lambda a: np.broadcast_to(a, (6,)))
            if not made.doubts:
                assert max(map(abs, integers_of_wide(made.words))) <= made.bound
                held.append(made)

    Rounds(lambda _: []).run(some(CheckedGates(PlainGates(bits=128))))


# ---------------------------------------------------------------- an SPU


def test_nothing_is_revealed_on_the_way_before_it_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[np.ndarray] = []
    reveal = PlainGates.reveal

    async def watched(gates: Any, x: Any) -> Any:
        shown.append(np.asanyarray(await reveal(gates, x)))
        return shown[-1]

    monkeypatch.setattr(PlainGates, "reveal", watched)
    assert raised("plain", lambda x: sf.reveal_inside(x * x, name="x") + 1, SHAPE * FACTOR * 16)
    assert [each.size for each in shown] == [1]


@pytest.fixture(scope="module", params=["debug", "simulation", "simulation of two"])
def spu(request: pytest.FixtureRequest) -> Iterator[sf.SPU]:
    sf.init(
        parties=list(PARTIES), address="local", debug_mode=request.param == "debug", logging_level="critical"
    )
    parties = PARTIES[:2] if request.param.endswith("two") else PARTIES
    yield spu_of(*parties, field="FM128", overflow="error")
    sf.shutdown()


def test_nothing_of_a_call_that_failed_is_used_and_the_next_one_is_right(spu: sf.SPU) -> None:
    def squares(x: Any) -> Any:
        return x * x, x + 1

    good, bad = secret(spu, SHAPE), secret(spu, SHAPE * FACTOR * 16, "bob")
    failed = spu(squares)(bad)
    for handle in (*failed, spu(lambda x: x / 2)(failed[1])):
        with pytest.raises(sf.RemoteError, match=r"out of range.*`mul`, at test_overflow.py"):
            sf.reveal(handle)
    with pytest.raises(sf.RemoteError, match="out of range"):  # its argument is not taken for proved
        sf.reveal(spu(squares)(bad)[0])
    np.testing.assert_allclose(sf.reveal(spu(squares)(good)[0]), SHAPE**2)


def test_it_costs_what_is_explained_and_is_in_the_ledger(spu: sf.SPU) -> None:
    x = secret(spu, SHAPE)
    told = spu.explain(lambda x: jnp.sqrt(x) * x)(x)
    assert any("overflow is ERROR" in note for note in told.notes)
    with spu.profile() as profile:
        sf.wait(spu(lambda x: jnp.sqrt(x) * x)(x))
    if spu.session.program.settings.mode.name != "DEBUG":
        measured = profile.total()
        assert (measured.rounds, measured.online_bytes) == (told.rounds, told.each[0].online_bytes)


def test_what_is_proved_once_is_not_compared_again(spu: sf.SPU) -> None:
    if spu.session.program.settings.mode.name == "DEBUG":
        return  # nothing is compared there
    x, bytes_sent = secret(spu, SHAPE), []
    for _ in range(2):
        told = spu.explain(lambda x: x * x)(x)
        with spu.profile() as profile:
            squares = sf.reveal(spu(lambda x: x * x)(x))
        np.testing.assert_allclose(squares, SHAPE**2)
        measured = profile.total()
        assert (measured.rounds, measured.online_bytes) == (told.rounds, told.each[0].online_bytes)
        bytes_sent.append(told.each[0].online_bytes)
    assert bytes_sent[1] < bytes_sent[0] / 2
