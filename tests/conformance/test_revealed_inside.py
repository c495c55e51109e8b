"""What a function on an SPU reveals within itself: with consent, as jax has it, once where it says once."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import junto as sf
from junto.mpc.plain_gates import PlainGates
from junto.mpc.plan import trace
from junto.mpc.visibility import disclosures, visible
from mpc_programs import Engine
from spu_values import secret

X = np.array([1.0, -2.5, 0.25, 3.0], np.float32)
N = np.array([3, 1, 2, 200], np.int32)


def told(x: Any, name: str = "x") -> Any:
    return sf.reveal_inside(x, name=name)


def halved(x: Any, n: Any) -> Any:
    """As many turns as it takes, of which the first ones are known to no party beforehand."""

    def turn(state: Any) -> Any:
        return state[0] / 2, told(jnp.max(jnp.abs(state[0] / 2)), "error"), state[2] + 1

    return lax.while_loop(lambda s: (s[1] > 0.125) & (s[2] < 50), turn, (x, jnp.inf, 0))


def condition_itself(x: Any, n: Any) -> Any:
    return lax.while_loop(lambda v: told(v.sum() < 100), lambda v: v * 2, x)


def chosen(x: Any, n: Any) -> Any:
    one = lax.cond(told(x[0] > 0), lambda v: v * 2, lambda v: v - 1, x)
    two = lax.switch(told(n[1], "place"), [lambda v: v, lambda v: -v, lambda v: v * v], x)
    return one, two, lax.dynamic_slice(x, (told(n[2]),), (1,)), x * told(n)


def each_turn(x: Any, n: Any) -> Any:
    def turn(total: Any, v: Any) -> Any:
        total = told(total + v, "total")
        return total, (total * v, total)

    return lax.scan(turn, 0.0, x)


def transformed(x: Any, n: Any) -> Any:
    loss = lambda v: jnp.sum(told(v * v) * v)  # noqa: E731
    rows = jax.vmap(lambda v: lax.while_loop(lambda s: told(jnp.abs(s) > 0.2), lambda s: s / 2, v))(x)
    return (
        jax.value_and_grad(loss)(x),
        jax.jit(jax.vmap(lambda v: told(v) + v))(x),
        rows,
        jax.jvp(told, (x,), (x,)),
    )


def wide(x: Any, n: Any) -> Any:
    """An integer that has left its dtype's range comes back into it first."""
    return told((n * n).astype(jnp.uint8)), told(jnp.broadcast_to(x.sum(), (2, 3))), told(x[:0])


SAME = (halved, condition_itself, chosen, each_turn, transformed, wide)
NAMES = ["x", "error", "place", "total"]


@pytest.mark.parametrize("function", SAME, ids=lambda f: f.__name__)
def test_it_is_jax_s_own_result_and_costs_no_more_than_foretold(spu, function):
    x, n = secret(spu, X), secret(spu, N, "bob")
    cost = spu.explain(function)(x, n)
    with spu.profile() as profile:
        got = sf.reveal(spu(function, reveals=NAMES)(x, n))
    want = jax.jit(function)(X, N)  # the identity, without an SPU
    for a, b in zip(jax.tree_util.tree_leaves(got), jax.tree_util.tree_leaves(want), strict=True):
        assert (np.shape(a), np.asarray(a).dtype) == (b.shape, b.dtype)
        assert np.allclose(a, b, atol=1e-3)
    assert cost.reveals
    if cost.turn is None:  # at most: of what is not known yet explain takes the dearest
        measured = profile.total()
        assert measured.rounds <= cost.rounds
        assert measured.online_bytes <= cost.total.online_bytes


def test_nothing_is_shown_that_the_value_has_not(monkeypatch):
    """No digit below its last one, no overflow of its dtype, and nothing twice."""
    opened: list[np.ndarray] = []
    real = PlainGates.reveal

    async def reveal(self: PlainGates, x: Any) -> Any:
        shown = await real(self, x)
        opened.append(shown)
        return shown

    monkeypatch.setattr(PlainGates, "reveal", reveal)
    squares, bytes_, flags, wide = Engine("plain").run(
        lambda x, n: (
            told(x * x),
            told((n * n).astype(jnp.uint8)),
            told(x > 0),
            told(jnp.broadcast_to(x[0], (9, 1))),
        ),
        X,
        N,
    )
    for words, value in zip(opened[:2], (np.ldexp(squares, 18), bytes_), strict=True):
        assert np.array_equal(words.view(np.int64), value.astype(np.int64))
    assert np.array_equal(opened[2], flags)
    assert opened[3].size == 1 < wide.size


def test_nothing_is_revealed_because_a_function_says_so(spu):
    x, n = secret(spu, X), secret(spu, N, "bob")
    begun, texts = spu.session.program.newest, list[str]()
    with pytest.raises(sf.NotComputable) as caught:
        spu(chosen, reveals=["x"])(x, n)
    assert "place, int32[], once, at test_revealed_inside.py" in str(caught.value)
    assert "reveals=['place', 'x']" in str(caught.value)
    with pytest.raises(sf.NotComputable, match=r"error, float32.*each turn of a loop"):
        spu(halved)(x, n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("junto.device.spu.calls.Description", lambda *about: texts.append(about[3]))
        for names in (
            ["error"],
            ["error", "x"],
        ):  # parties that agree to different things have another digest
            with pytest.raises(AttributeError):
                spu(halved, reveals=names)(x, n)
    assert len(set(texts)) == 2
    assert spu.session.program.newest == begun  # so no party has done anything
    assert sf.reveal(spu(chosen)(X, N)[0]) == pytest.approx(
        X * 2
    )  # of what is public there is nothing to tell


def test_explain_says_what_and_how_often(spu):
    shapes = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in (X, N)]
    cost = spu.explain(halved)(*shapes)
    assert [(each.name, str(each.form), each.turns) for each in cost.reveals] == [
        ("error", "float32[]", None)
    ]
    assert "reveals to all parties of the SPU error, float32[], each turn of a loop, at " in str(cost)
    assert "shows how often it turns" in str(cost)
    assert "shows how often it turns" in cost._repr_html_()
    (total,) = spu.explain(each_turn)(*shapes).reveals
    assert (total.name, total.turns) == ("total", len(X))


def test_a_loop_that_does_not_end_says_so(spu, monkeypatch):
    monkeypatch.setattr("junto.mpc.interpret.MOST_TURNS", 3)
    x = secret(spu, X)
    still = lambda v: lax.while_loop(lambda s: told(s[0]) > 0, lambda s: s, v)  # noqa: E731
    with pytest.raises(sf.RemoteError, match="after 3 turns"):
        sf.reveal(spu(still, reveals="x")(x))
    assert sf.reveal(spu(lambda v: v + 1)(x)) == pytest.approx(X + 1)  # the SPU goes on
    # a loop of known length may turn as often as it likes, whatever it reveals
    many = lambda v: lax.fori_loop(0, 5, lambda i, s: told(s[:1]) * 0.5 + s, v)  # noqa: E731
    assert sf.reveal(spu(many, reveals="x")(x)) == pytest.approx(np.asarray(many(X)), abs=1e-3)


# -------------------------------------------------------------------- refused when traced


def in_a_branch(wrap: Any) -> Any:
    return lambda x: lax.cond(x[0] > 0, lambda v: wrap(v) * 2, lambda v: v, x)


BRANCHES = {
    "itself": in_a_branch(told),
    "under jit": in_a_branch(jax.jit(told)),
    "in a loop": in_a_branch(lambda v: lax.fori_loop(0, 3, lambda i, s: told(s) + s, v)),
    "in a public choice": in_a_branch(lambda v: lax.cond(told(v[1]) > 0, lambda t: t, lambda t: -t, v)),
    "around a loop": lambda x: lax.scan(lambda c, v: (lax.cond(v > 0, told, jnp.sin, c), v), 0.0, x),
    "of a switch": lambda x: lax.switch(x[0].astype(int), [lambda v: v, told, jnp.sin], x),
    "in a derivative": lambda x: jax.grad(lambda v: lax.cond(v > 0, told, jnp.sin, v))(x[0]),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_whether_it_is_revealed_never_depends_on_a_secret(name):
    plan = trace(BRANCHES[name], (X,), {})
    with pytest.raises(
        sf.NotComputable, match=r"`reveal_inside` of 'x' is in a branch that a secret chooses"
    ):
        visible(plan, [True])
    assert visible(plan, [False])  # of a public number there is nothing to reveal
    assert disclosures(plan, [False]) == ()


def test_a_secret_condition_says_what_to_do():
    plan = trace(lambda x: lax.while_loop(lambda v: v.sum() > 0, lambda v: v - told(v), x), (X,), {})
    with pytest.raises(sf.NotComputable, match=r"sf\.reveal_inside"):
        visible(plan, [True])


def test_what_nobody_uses_is_not_revealed_and_names_stay_apart():
    def program(x: Any) -> Any:
        told(x, "unused")
        return told(x, "one") + told(x, "other") + told(x, "one")

    assert [each.name for each in disclosures(trace(program, (X,), {}), [True])] == ["one", "other"]
    one, other = [trace(lambda x, name=name: told(x, name), (X,), {}).fingerprint for name in ("a", "b")]
    assert one != other  # so parties that call it by different names stop


@pytest.mark.parametrize("name", ["", "two words", "x" * 65, "a\n", None, 3])
def test_a_name_is_an_identifier(name):
    with pytest.raises(sf.DeviceError, match="identifier"):
        told(X, name)


def test_it_takes_an_array(spu):
    for wrong in ([X], {"a": X}, secret(spu, X), None, "x"):
        with pytest.raises(sf.DeviceError, match="takes an array"):
            told(wrong)
    for right in (X, 1.5, True, 3, np.float32(2), jnp.asarray(X)):
        assert told(right) is right
    assert sf.reveal(sf.PYU("alice")(halved)(X, N))[2] == halved(X, N)[2]
    for wrong in ([1], [None], 3):
        with pytest.raises((sf.DeviceError, TypeError)):
            spu(halved, reveals=wrong)
