"""Plans: what is traced, what is refused, what parties compare; and how a plan runs."""

from __future__ import annotations

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from junto.errors import NotComputable, PartyAborted, PartyUnreachable
from junto.mpc.interpret import StepHooks, perform
from junto.mpc.plain_gates import PlainGates
from junto.mpc.plan import Plan, jax_array, jax_dtype, trace
from junto.mpc.plan_steps import Block
from junto.mpc.primitives.public import PublicDigest
from junto.mpc.rounds import Rounds
from junto.mpc.settings import MpcSettings
from junto.mpc.values import Public, Secret, decode, encode, incoming
from junto.mpc.visibility import visible
from mpc_programs import Engine, agree

X = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
SETTINGS = MpcSettings()


def names(block: Block) -> list[str]:
    return [step.name for step in block.steps]


def plan_of(function, *args, **kwargs) -> Plan:
    return trace(function, args, kwargs)


# ---------------------------------------------------------------- tracing


def test_calls_are_written_out_and_steps_done_once():
    @jax.jit
    def half(x):
        return x / 2

    def program(x):
        unused = jnp.exp(x)
        del unused
        return half(x) + jax.nn.relu(x), half(x)

    assert sorted(names(plan_of(program, X).block)) == ["add", "div", "max"]


def test_values_end_after_their_last_use():
    plan = plan_of(lambda x: jnp.sin(jnp.cos(jnp.tanh(x))), X)
    inner = [step.outputs[0] for step in plan.block.steps[:-1]]
    assert [step.dead for step in plan.block.steps[1:]] == [(slot,) for slot in inner]
    assert plan.block.steps[0].dead == plan.block.inputs


def test_trees_names_and_forms():
    plan = trace(lambda a, *, b: {"s": a["u"] + b, "t": (a["v"],)}, ({"u": X, "v": 2},), {"b": 1.0})
    assert plan.names == ("args[0]['u']", "args[0]['v']", "kwargs['b']")
    assert [form.shape for form in plan.outputs] == [(3, 4), ()]
    tree = jax.tree_util.tree_unflatten(plan.out_tree, [1, 2])
    assert tree == {"s": 1, "t": (2,)}


def test_a_class_of_the_callers_may_look_at_what_it_is_made_of():
    class Model:
        def __init__(self, weights):
            self.weights = weights if hasattr(weights, "sum") else None

    jax.tree_util.register_pytree_node(Model, lambda m: ([m.weights], None), lambda _, leaves: Model(*leaves))
    plan = trace(lambda x: Model(x * 2), (X,), {})
    assert plan.out_tree.num_leaves == len(plan.outputs) == 1


def test_only_shapes_of_arguments_matter():
    spec = jax.ShapeDtypeStruct((3, 4), np.float32)
    assert plan_of(jnp.sum, spec).fingerprint == plan_of(jnp.sum, X).fingerprint


def test_static_arguments_by_place_and_by_name():
    def power(x, k, *, scale):
        return x**k * scale

    plan = trace(power, (X, 3), {"scale": 2}, ("k", "scale"))
    assert len(plan.inputs) == 1
    assert "integer_pow" in names(plan.block)
    assert trace(power, (X, 4), {"scale": 2}, ("k", "scale")).fingerprint != plan.fingerprint
    with pytest.raises(NotComputable, match="static_argnames names q"):
        trace(power, (X, 3), {"scale": 2}, "q")


def test_an_argument_that_is_no_array_is_named():
    with pytest.raises(NotComputable, match=r"args\[1\] is of type str"):
        plan_of(lambda x, mode: x, X, "fast")


def test_side_effects_are_refused_with_their_line():
    def program(x):
        jax.debug.print("{}", x)
        return x

    with pytest.raises(NotComputable, match=r"side effects.*test_plan\.py:\d+ \(program\)"):
        plan_of(program, X)


def test_lines_are_those_of_the_function():
    def program(x):
        y = jnp.sort(x)
        return lax.fori_loop(0, 2, lambda i, c: c * 2, y)

    plan = plan_of(program, X)
    first = program.__code__.co_firstlineno
    assert [step.line for step in plan.block.steps] == [
        f"test_plan.py:{first + 1} (program)",
        f"test_plan.py:{first + 2} (program)",
    ]
    (body,) = plan.block.steps[1].blocks
    assert [step.line for step in body.steps if step.name == "mul"] == [
        f"test_plan.py:{first + 2} (<lambda>)"
    ]


# ---------------------------------------------------------------- fingerprints

PROGRAM = """
import sys; sys.path[:0] = ["src", "tests"]
import jax, jax.numpy as jnp, numpy as np
from junto.mpc.plan import trace
def program(x):
    noise = jax.random.normal(jax.random.key(3), x.shape)
    y = jax.nn.gelu(x + noise) @ np.arange(4.0, dtype=np.float32)
    y = jax.lax.scan(lambda c, t: (c + t, c), y[0], y)[1]
    y = y.at[jnp.array([0, 1])].add(1.0)
    return jax.lax.cond(y.sum() > 0, jnp.sort, jnp.flip, y), jax.grad(lambda t: jax.nn.softmax(t).max())(y)
print(trace(program, (np.zeros((3, 4), np.float32),), {}).fingerprint)
"""


@pytest.mark.slow
def test_fingerprints_are_the_same_in_every_process():
    seen = {
        subprocess.run(
            [sys.executable, "-c", "\n" * blank + PROGRAM],
            env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": ":".join(sys.path), "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, blank in ((1, 0), (2, 5))
    }
    assert len(seen) == 1
    assert len(seen.pop().strip()) == 64


@pytest.mark.parametrize(
    "other",
    [
        lambda x: x + 3.0,
        lambda x: x - 2.0,
        lambda x: (x + 2.0).T,
        lambda x: [x + 2.0],
        lambda x: x + np.full((3, 4), 2.0, np.float32),
        lambda x: lax.fori_loop(0, 2, lambda i, c: c + 1.0, x),
    ],
)
def test_other_programs_have_other_fingerprints(other):
    assert plan_of(other, X).fingerprint != plan_of(lambda x: x + 2.0, X).fingerprint


def test_constants_count_with_their_bytes():
    table = np.arange(4.0, dtype=np.float32)
    other = table.copy()
    other[3] = np.nextafter(other[3], np.float32(9))
    assert plan_of(lambda x: x * table, X).fingerprint != plan_of(lambda x: x * other, X).fingerprint


def test_loop_bodies_and_parameters_count():
    def loop(factor, turns):
        return plan_of(lambda x: lax.fori_loop(0, turns, lambda i, c: c * factor, x), X).fingerprint

    assert len({loop(2.0, 3), loop(2.0, 4), loop(3.0, 3)}) == 3
    assert loop(2.0, 3) == loop(2.0, 3)


def test_only_functions_of_jax_itself_are_computed_otherwise():
    """Known by the name under which it calls them; and only of what is no constant."""

    @jax.jit
    def signbit(x):
        return x > 7

    def names(program):
        return [step.name for step in plan_of(program, X).block.steps]

    assert names(signbit) == ["gt"]
    assert names(jnp.signbit) == ["lt"]
    for derived in (lambda x: jnp.linalg.lstsq(x, x)[0], lambda x: jnp.copysign(x, x)):  # under the same name
        plan = plan_of(jax.grad(lambda x, of=derived: of(x).sum()), X)
        assert visible(plan, [True]) == (False,)
    constant = plan_of(lambda x: x + jnp.signbit(np.float32(-0.0)), X).block.steps
    assert "lt" not in [step.name for step in constant]  # jax's own answer: True


def test_a_condition_that_a_function_of_public_numbers_makes_is_known():
    """That of `jnp.repeat`, which is called as a whole, and so has a list of results."""

    @jax.jit
    def known(x):
        return x > 1

    def program(x):
        return jnp.where(jnp.broadcast_to(known(jnp.asarray(2.0)), (3, 4)), x, -x)

    assert "select_n" not in [step.name for step in plan_of(program, X).block.steps]


# ---------------------------------------------------------------- visibility


def test_what_is_public_stays_so():
    def program(x, y):
        return x + 1, y * 2, jax.random.normal(jax.random.key(0), (2,)), jnp.isnan(x), x.shape[0] + y

    assert visible(plan_of(program, X, X), [True, False]) == (False, True, True, True, True)


def test_visibility_goes_through_loops():
    def program(x, y):
        return lax.fori_loop(0, 3, lambda i, c: (c[1], c[2], c[2] + x), (y, y, y)), lax.scan(
            lambda c, t: (c + t, c), y, jnp.stack([y, y])
        )

    flags = visible(plan_of(program, 1.0, 2.0), [True, False])
    assert flags == (False, False, False, True, True)


def test_a_secret_choice_hides_both_branches():
    plan = plan_of(lambda x, y: lax.cond(x > 0, lambda: y, lambda: 2 * y), 1.0, 2.0)
    assert visible(plan, [True, False]) == (False,)
    assert visible(plan, [False, False]) == (True,)


def test_a_secret_condition_of_a_loop_is_refused_with_its_line():
    def program(x):
        return lax.while_loop(lambda c: c[1] < 3.0, lambda c: (c[0] + 1, c[1] * x), (0, 1.0))

    plan = plan_of(program, 2.0)
    with pytest.raises(NotComputable, match=r"while_loop.*test_plan\.py:\d+ \(program\)") as caught:
        visible(plan, [True])
    assert "fori_loop" in caught.value.fix
    assert visible(plan, [False]) == (True, True)


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("fft", lambda x: jnp.fft.rfft(x)),
        ("eig", lambda x: jnp.linalg.eig(x[:2, :2])[0]),
        ("nextafter", lambda x: jnp.nextafter(x, x + 1)),
        ("random_seed", lambda x: jax.random.normal(jax.random.key(x.astype(int)[0, 0]))),
    ],
)
def test_what_has_no_secret_form_is_refused_by_name_and_line(name, program):
    with pytest.raises(NotComputable, match=rf"`{name}`.*test_plan\.py:\d+"):
        visible(plan_of(program, X), [True])
    if name not in ("random_seed",):
        visible(plan_of(program, X), [False])


# ---------------------------------------------------------------- values


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8, np.uint64, np.bool_])
def test_what_is_encoded_comes_back(dtype):
    array = np.array([[0, 1, 100], [3, 1, 0]]).astype(dtype)
    again = decode(encode(array, SETTINGS), dtype, SETTINGS)
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, array)


def test_integers_keep_all_bits():
    for dtype in (np.int64, np.uint64):
        array = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max, 1], dtype)
        np.testing.assert_array_equal(decode(encode(array, SETTINGS), dtype, SETTINGS), array)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2.0**43, -(2.0**43)])
def test_numbers_that_do_not_fit_are_refused(bad):
    with pytest.raises(NotComputable):
        encode(np.array([1.0, bad]), SETTINGS)


def test_dtypes_without_a_secret_form():
    with pytest.raises(NotComputable, match="complex64"):
        encode(np.zeros(2, np.complex64), SETTINGS)
    with pytest.raises(NotComputable, match=r"args.*str"):
        jax_array(np.array(["a"]), x64=False, name="args[0]")


def test_integers_beyond_jax_are_refused_not_cut_off():
    assert jax_array(np.array([2**31 - 1]), x64=False).dtype == np.int32
    with pytest.raises(NotComputable, match=r"args\[0\].*32 bits"):
        jax_array(np.array([2**31]), x64=False, name="args[0]")
    assert jax_array(np.array([2**31]), x64=True).dtype == np.int64
    assert jax_dtype(np.float64, x64=False) == np.float32


def test_with_64_bits_everything_keeps_them():
    table = np.array([2**40 + 1, -(2**62), 5])
    numbers = np.array([0.5, 1.5, 1000.25])
    with jax.enable_x64(True):

        def program(n, x):
            return n * 3, n.sum(), n > n[::-1], jnp.sort(n), n.astype(float)[2] * x, x.mean(), jnp.argmax(n)

        agree(Engine("plain").run(program, table, numbers), jax.jit(program)(table, numbers))


# ---------------------------------------------------------------- running


def run(plan, arrays, **options):
    gates = PlainGates()
    inputs = [incoming(gates.constant(encode(array, SETTINGS)), array.dtype, SETTINGS) for array in arrays]
    return Rounds(lambda shares: shares).run(perform(gates, plan, inputs, SETTINGS, StepHooks(**options)))


def test_results_are_full_and_settled():
    def program(x):
        return jnp.broadcast_to(x[0, 0] * x[0, 1], (2, 2)), (x > 0).astype(jnp.float32), x * x

    for value in run(plan_of(program, X), [X]):
        assert isinstance(value, Secret)
        assert tuple(value.value.shape) == value.shape
        assert value.fraction == SETTINGS.fraction


def test_products_are_truncated_once_for_a_sum():
    class Counting(PlainGates):
        truncated = 0

        async def truncate(self, x, bits, **options):
            type(self).truncated += int(np.prod(x.shape))
            return await super().truncate(x, bits, **options)

    plan = plan_of(lambda x: (x * x).sum() + (x * 3).sum() + (x * (x > 0)).sum(), X)
    gates = Counting()
    inputs = [incoming(gates.constant(encode(X, SETTINGS)), X.dtype, SETTINGS)]
    Rounds(lambda shares: shares).run(perform(gates, plan, inputs, SETTINGS, StepHooks()))
    assert Counting.truncated == 1


def notes_of(error):
    class Broken(PlainGates):
        async def negative(self, x, bits=None):
            raise error

    plan = plan_of(lambda x: jnp.maximum(x, 0), X)
    gates = Broken()
    inputs = [incoming(gates.constant(encode(X, SETTINGS)), X.dtype, SETTINGS)]
    with pytest.raises(type(error)):
        Rounds(lambda shares: shares).run(perform(gates, plan, inputs, SETTINGS, StepHooks()))
    return getattr(error, "__notes__", [])


def test_an_error_names_primitive_and_line():
    (note,) = notes_of(RuntimeError("the line is dead"))
    assert "`max`" in note
    assert "test_plan.py:" in note


@pytest.mark.parametrize("kind", [PartyAborted, PartyUnreachable])
def test_the_end_of_the_run_names_no_step_for_later_calls_raise_it_too(kind):
    assert notes_of(kind("bob is gone", party="bob")) == []


def test_an_overflow_is_reported_with_its_line():
    engine = Engine("plain")
    engine.run(lambda x: x * 2**20 * x * 2**20, np.float32([30.0]))
    assert engine.overflows
    place, sentence = engine.overflows[0]
    assert "`mul`" in place
    assert "test_plan.py:" in place
    assert "out of range" in sentence


def test_an_overflow_of_a_product_is_its_own_not_that_of_who_uses_it():
    def program(x):
        y = x * x
        return jnp.maximum(y, 0)

    engine = Engine("plain")
    engine.run(program, np.float32([2.0**14]))
    (place, _), *_ = engine.overflows
    assert f"test_plan.py:{program.__code__.co_firstlineno + 1} " in place


LARGE = np.float32(2.0**13)


@pytest.mark.parametrize(
    ("name", "program", "good", "bad"),
    [
        ("exp", jnp.exp, 16.5, 16.75),
        ("exp2", jnp.exp2, 23.5, 24.5),
        ("sinh", jnp.sinh, 16, -17),
        ("log", jnp.log, 1e-5, 0),
        ("log1p", jnp.log1p, -0.99, -1),
        ("sqrt", jnp.sqrt, 0, -1e-5),
        ("rsqrt", lax.rsqrt, 1e-5, 0),
        ("div", lambda x: 1 / x, -1e-5, 0),
        ("div", lambda x: (3 + x) / x, 1e-2, 0),
        ("pow", lambda x: x**0.3, 1e-5, -1),
        ("asin", jnp.arcsin, -1, 1.01),
        ("acosh", jnp.arccosh, 1, 0.9),
        ("atanh", jnp.arctanh, -0.99, 1),
        ("erf_inv", lax.erf_inv, 0.99, 1),
        ("lgamma", lax.lgamma, 1e-5, 0),
        ("digamma", lax.digamma, 1e-5, -0.5),
        ("dot_general", lambda x: x * jnp.ones(8) @ (x * jnp.ones(8)), 2**11, LARGE),
        ("dot_general", lambda x: x * jnp.ones(8) @ np.full(8, 4096.3, np.float32), 2**20, 2**32),
        ("reduce_sum", lambda x: jnp.square(x * jnp.ones(2048)).sum(), 2**6, 2**12),
        ("mul", lambda x: x * 1000.3, 2**30, 2**34),
    ],
)
def test_what_a_function_cannot_take_is_reported_with_its_line(name, program, good, bad):
    fine, wrong = Engine("plain"), Engine("plain")
    fine.run(lambda x: program(x), np.float32([good]))
    assert fine.overflows == []
    wrong.run(lambda x: program(x), np.float32([bad]))
    assert wrong.overflows
    place, sentence = wrong.overflows[0]
    assert f"`{name}`" in place
    assert "test_plan.py:" in place
    assert "number" in sentence


def test_nothing_is_reported_that_is_not_used():
    engine = Engine("plain")
    agree(engine.run(jax.nn.softmax, np.float32([3, -2, 0])), jax.nn.softmax(np.float32([3, -2, 0])))
    masked = jnp.array([True, False, True])
    engine.run(lambda x: jax.nn.softmax(jnp.where(masked, x, -jnp.inf)).max(), np.float32([3, -2, 0]))
    engine.run(lambda x: jnp.arctan2(x, x), np.float32([0, 1]))
    engine.run(lambda x: (jnp.minimum(x, jnp.inf), jnp.concatenate([x, -jnp.inf * jnp.ones(2)]).max()), X[0])
    assert engine.overflows == []


def test_calls_on_constants_are_computed_by_jax():
    @jax.custom_vjp
    def twice(x):
        return 2 * x

    twice.defvjp(lambda x: (twice(x), None), lambda _, g: (2 * g,))

    def program(x):
        numbers = jnp.arange(4.0)
        return x + jax.nn.relu(numbers) + twice(numbers) + jax.checkpoint(jnp.sin)(numbers)

    agree(Engine("plain").run(program, X), jax.jit(program)(X))


def test_independent_steps_share_their_rounds():
    def program(x, y):
        return jnp.maximum(x, y), x * y, x > 2 * y, lax.map(lambda r: jnp.where(r > 0, r, 0), x)

    engine = Engine("secure")
    agree(engine.run(program, X, X[::-1]), jax.jit(program)(X, X[::-1]))
    assert engine.rounds == 3


def test_the_witness_sees_what_processors_may_compute_differently():
    def digest(function):
        witness = PublicDigest()
        run(plan_of(function, X), [X], witness=witness)
        return witness.digest

    def with_noise(key):
        return digest(lambda x: x + jax.random.normal(jax.random.key(key), (4,)))

    assert with_noise(0) == with_noise(0) != with_noise(1)
    assert digest(lambda x: x + (jnp.arange(4.0) * 3)) == PublicDigest().digest


def test_public_arguments_are_computed_by_jax():
    def program(x, y):
        return jnp.linalg.svd(y)[1], x @ jnp.linalg.inv(y.T @ y + jnp.eye(4))

    agree(Engine("plain").run(program, X, X, public=[1]), jax.jit(program)(X, X))


def test_a_public_random_key_is_an_argument_like_others():
    key = jax.random.key(5)

    def program(x, k):
        return x + jax.random.normal(k, x.shape)

    plan = trace(program, (X, key), {})
    gates = PlainGates()
    inputs = [incoming(gates.constant(encode(X, SETTINGS)), X.dtype, SETTINGS), Public(key)]
    (value,) = Rounds(lambda shares: shares).run(perform(gates, plan, inputs, SETTINGS, StepHooks()))
    np.testing.assert_allclose(decode(value.value.words, np.float32, SETTINGS), program(X, key), atol=1e-4)
