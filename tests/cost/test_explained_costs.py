"""What `spu.explain` says beforehand is what the links of a real run count, to the byte."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import junto as sf
from conformance.test_primitives import CASES, FIRST, identified
from cost.test_program_costs import PROGRAMS
from junto.mpc.functions import normalise

PARTIES = ["alice", "bob", "carol"]


@pytest.fixture(scope="module")
def spu():
    sf.init(parties=PARTIES, address="local", logging_level="error")
    yield sf.SPU(parties=PARTIES)
    sf.shutdown()


def secret(spu, value, owner="alice"):
    return sf.PYU(owner)(lambda: value)().to(spu)


def counters(spu):
    """Rounds and bytes so far: between the compute parties, and from the helper to the second."""
    seats = spu.engine._seats
    online, dealt = seats["alice"].channels["bob"].counters, seats["bob"].channels["carol"].counters
    return np.array([online.rounds, online.payload_sent, dealt.payload_received])


def measured(spu, function, *args):
    before = counters(spu)
    result = spu(function, reveals=["x"])(*args)
    sf.reveal(result)  # takes what both compute parties have, so both are done
    return result, (counters(spu) - before).tolist()


def explained(spu, function, *args, **options):
    cost = spu.explain(function, **options)(*args).each[0]  # that of the first: the second tells the helper
    return [cost.rounds, cost.online_bytes, cost.offline_bytes]


def is_key(value):
    return hasattr(value, "dtype") and not isinstance(value.dtype, np.dtype)


@pytest.mark.slow
@pytest.mark.parametrize(
    "each",
    [
        pytest.param(
            each, marks=() if each is FIRST[each.primitive] else pytest.mark.long, id=identified(each)
        )
        for each in CASES
    ],
)
def test_every_primitive(spu, each):
    args = [value if is_key(value) else secret(spu, value) for value in each.args]
    foretold = explained(spu, each.function, *args)
    assert foretold == measured(spu, each.function, *args)[1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_whole_functions_from_shapes_alone(spu, name):
    function, arguments, *_ = PROGRAMS[name]
    shapes = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in arguments]
    args = [secret(spu, each, PARTIES[number % 2]) for number, each in enumerate(arguments)]
    assert explained(spu, function, *shapes) == measured(spu, function, *args)[1]


@pytest.fixture(scope="module")
def pair(spu):
    return sf.SPU(parties=PARTIES[:2])


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.long if name.startswith("sort") else ()) for name in PROGRAMS],
)
def test_of_two_parties_alone_what_each_sends_online(pair, name):
    """All that crossed the link, less what the oblivious transfers sent."""
    function, arguments, *_ = PROGRAMS[name]
    args = [secret(pair, each, PARTIES[number % 2]) for number, each in enumerate(arguments)]
    sf.wait(args)
    told = pair.explain(function)(*args)
    seats = [pair.engine._seats[party] for party in PARTIES[:2]]

    def sent():
        return [seat.channels[seat.peer].counters.payload_sent - seat.source.sent for seat in seats]

    before = sent()
    sf.wait(pair(function)(*args))
    assert [after - start for after, start in zip(sent(), before, strict=True)] == [
        told.online_bytes[party] for party in PARTIES[:2]
    ]


def train(table, label, count):
    def step(_, w):
        error = jax.nn.sigmoid(table @ w) - label
        return w - 0.1 * (table.T @ error) / len(label)

    return jax.lax.fori_loop(0, count, step, jnp.zeros(table.shape[1]))


def test_a_loop_with_a_public_number_of_turns_is_counted_turn_by_turn(spu):
    rng = np.random.default_rng(0)
    table, label = secret(spu, rng.normal(size=(50, 3))), secret(spu, rng.normal(size=50), "bob")
    costs = {count: explained(spu, train, table, label, count) for count in (1, 2, 7)}
    assert costs[7] == measured(spu, train, table, label, 7)[1]
    each = [b - a for a, b in zip(costs[1], costs[2], strict=True)]
    assert costs[7] == [a + 6 * b for a, b in zip(costs[1], each, strict=True)]


@pytest.mark.parametrize("node", PARTIES)
def test_a_result_that_was_not_opened_costs_what_its_form_costs(spu, node, monkeypatch):
    x = secret(spu, np.linspace(-1, 1, 40).astype(np.float32))
    product, _ = measured(spu, lambda v: v[:20] * v[20:], x)  # affine: a comparison has to open it
    sums, _ = measured(spu, lambda v: jax.lax.dot(v, v), x)
    flags, _ = measured(spu, lambda v: (v[:20] > 0).astype(np.int32), x)
    functions = [lambda v, w: v > 0.25, lambda v, w: v * w, lambda v, w: (v * v + w).sum() < w]
    for pair in ((product, product), (sums, sums), (product, sums), (sums, product), (flags, flags)):
        for function in functions:
            with monkeypatch.context() as patch:  # as if this node were the only one in this process
                patch.setattr(spu.engine, "_nodes", {node: spu.engine._nodes[node]})
                foretold = explained(spu, function, *pair)
            assert foretold == measured(spu, function, *pair)[1]


def test_a_party_without_a_node_says_what_it_takes_for_granted(spu, monkeypatch):
    total = spu(lambda v: v @ v)(secret(spu, np.ones(3)))
    exact = spu.explain(lambda v: v > 1)(total)
    monkeypatch.setattr(spu.engine, "_nodes", {})
    guess = spu.explain(lambda v: v > 1)(total)
    assert exact.notes == ()
    assert any("taken as ready" in note for note in guess.notes)
    assert exact.total.online_bytes - guess.total.online_bytes == 16  # an element
    assert exact.rounds == guess.rounds + 1


def turning(x, count):
    def body(state):
        turn, v = state
        return turn + 1, jax.nn.relu(v - 0.5)

    return jax.lax.while_loop(lambda state: state[0] < count, body, (0, x))[1]


def test_a_loop_of_unknown_length_is_counted_per_iteration(spu):
    x = secret(spu, np.linspace(-1, 1, 30))
    unknown = spu.explain(turning, public_argnames="count")(x, jax.ShapeDtypeStruct((), np.int32))
    once, twice, thrice = (spu.explain(turning)(x, count).total for count in (1, 2, 3))
    assert unknown.total == once
    assert unknown.turn == twice - once == thrice - twice
    assert "per iteration" in str(unknown)
    assert spu.explain(turning)(x, 5).turn is None
    assert "per iteration" not in str(spu.explain(turning)(x, 5))


def test_what_follows_from_a_public_number_that_is_not_known_is_not_computed(spu):
    def forever(x, n):
        return x * jax.lax.while_loop(lambda k: k < n, lambda k: k * 1.0, jnp.asarray(0.5))

    def either(x, n):
        return jax.lax.cond(n > 0, lambda v: v * v, lambda v: jnp.exp(v), x)

    x, scalar = secret(spu, np.ones(10, np.float32)), jax.ShapeDtypeStruct((), np.float32)
    assert spu.explain(forever, public_argnames=["n"])(x, n=scalar).rounds == 1
    most = spu.explain(either, public_argnames="n")(x, scalar)
    one, other = (spu.explain(either)(x, np.float32(n)).total for n in (1, -1))
    assert most.total.online_bytes == one.online_bytes + other.online_bytes
    assert any("all of them are counted" in note for note in most.notes)


def test_lines_say_where_the_bytes_go(spu):
    def fit(x, y):
        p = jax.nn.sigmoid(x)
        return jnp.sort(p * y)

    x = secret(spu, np.ones(64, np.float32))
    told = spu.explain(fit)(x, x)
    assert sum(each.cost.online_bytes for each in told.lines) == told.total.online_bytes
    assert sum(each.cost.offline_bytes for each in told.lines) == told.total.offline_bytes
    assert told.lines[0].primitive == "sort"
    assert "test_explained_costs.py" in told.lines[0].line
    assert told.rounds >= max(each.cost.rounds for each in told.lines)
    text = str(told)
    assert "LAN (0.2 ms a round, 10 Gbit/s)" in text
    assert "WAN (40 ms a round, 100 Mbit/s)" in text
    assert "sort" in text.splitlines()[6]
    assert told.online_bytes == {"alice": told.total.online_bytes, "bob": told.total.online_bytes}
    assert told.offline_bytes == {"carol": told.total.offline_bytes}
    assert told.wan_seconds > told.lan_seconds > 0


def test_asking_is_local(spu):
    x = secret(spu, np.ones(3))
    operations = spu.session.program.begin
    spu.session.program.begin = None  # an operation would fail
    try:
        assert spu.explain(lambda v: v + 1)(x).total.online_bytes == 0
    finally:
        spu.session.program.begin = operations
    with pytest.raises(sf.DeviceError, match="not been shared"):
        spu.explain(lambda v: v)(sf.PYU("alice")(lambda: 1)())
    with pytest.raises(sf.DeviceError, match="public_argnames names z"):
        spu.explain(lambda v: v, public_argnames="z")(x)


def test_a_large_function_is_counted_without_its_memory(spu):
    import tracemalloc

    matrix = jax.ShapeDtypeStruct((4000, 4000), np.float32)
    tracemalloc.start()
    told = spu.explain(lambda a, b: a @ b)(matrix, matrix)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told.total.online_bytes == 16 * 4000 * 4000
    assert (
        peak < 6 * 16 * 4000 * 4000
    )  # the message and its answer; a product would take gigabytes and minutes


def test_what_cannot_be_held_and_what_is_long_is_named(spu):
    def scores(x, w):
        masked = jnp.where(x > 0, x, -1e35)
        return (
            masked.max(),
            jnp.mean(x),
            jnp.sum(x[:, 0] * x[:, 1]),
            x.T @ x,
            x @ w,
            jnp.maximum(x, -jnp.inf).min(),
        )

    shapes = [jax.ShapeDtypeStruct(shape, "float32") for shape in ((1000, 8), (8,))]
    notes = "\n".join(spu.explain(scores)(*shapes).notes)
    assert "the constant -1e+35, at test_explained_costs.py" in notes
    assert "8,000" not in notes  # of which each may be as large as a number may be before a product
    assert "a sum of 1,000 products, at test_explained_costs.py" in notes
    assert "8 products" not in notes
    assert "inf" not in notes
    assert not spu.explain(lambda x: x.sum(1) * 2.5)(shapes[0]).notes[1:]


@pytest.mark.parametrize("count", [normalise.FEW + 1, normalise.MORE + 1])
@pytest.mark.parametrize(
    "function", [lambda x: 1 / x, lambda x: (x + 1) / x, jnp.log], ids=["1/x", "x/y", "log"]
)
def test_of_many_numbers_others_are_foretold_and_measured(spu, function, count):
    x = secret(spu, np.linspace(0.5, 9, count))
    sf.wait(x)
    assert explained(spu, function, x) == measured(spu, function, x)[1]
