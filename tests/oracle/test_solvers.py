"""Linear systems against numpy in float64, whatever the sizes of rows, columns and pivots.

What is promised is a small residual, as everywhere in linear algebra: x solves a system whose numbers are off
by a few units in the last place, as x itself is.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from junto.errors import NotComputable
from junto.mpc.settings import MpcSettings
from mpc_programs import Engine, agree
from tries import tries

UNIT = 2.0**-18
WIDE = MpcSettings(fraction=32, width=128)
SIZE = 4
UNITS = 64
"""So many units. (60 random systems of each kind had at most 45.)"""


def gridded(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint(x / UNIT) * UNIT, np.float32)


def residual_in_units(a: np.ndarray, x: np.ndarray, b: np.ndarray) -> float:
    """The greatest, in those that a last place of a, of x and of b makes."""
    a, x, b = (np.asarray(each, np.float64) for each in (a, x, b))
    one = np.abs(a).sum(-1, keepdims=True) + np.abs(x).sum(-2, keepdims=True) + 1
    return float((np.abs(a @ x - b) / (one * UNIT)).max())


@st.composite
def systems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A matrix and two right-hand sides: of any scale, or with any scale of its rows, or of its columns."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    low, high = -1, draw(st.sampled_from([0, 2, 4]))
    shape = draw(st.sampled_from([(1, 1), (SIZE, 1), (1, SIZE)]))
    a = rng.normal(size=(SIZE, SIZE)) * 10.0 ** rng.uniform(low, high, shape)
    return gridded(a), gridded(rng.normal(size=(SIZE, 2)) * 10.0 ** rng.uniform(low, 3))


@settings(max_examples=tries(20), deadline=None)
@given(systems())
def test_a_solution_has_a_small_residual(system):
    a, b = system
    if np.linalg.cond(a.astype(np.float64)) * np.abs(b).max() / np.abs(a).max() > 1e4:
        return  # the solution itself would be too large
    engine = Engine("plain")
    x = engine.run(jnp.linalg.solve, a, b)
    assert engine.overflows == []
    assert residual_in_units(a, x, b) <= UNITS


@settings(max_examples=tries(10), deadline=None)
@given(systems(), st.booleans())
def test_so_has_substitution(system, lower):
    a, b = system
    a = np.tril(a, -1) / np.abs(a).max() + np.diag(np.sign(np.diag(a)) * np.maximum(np.abs(np.diag(a)), 0.1))
    a = gridded(a if lower else a.T)
    x = Engine("plain").run(lambda a, b: jax.scipy.linalg.solve_triangular(a, b, lower=lower), a, b)
    if np.abs(x).max() < 1e5:
        assert residual_in_units(a, x, b) <= UNITS


@pytest.mark.parametrize("scale", [0.01, 1.0, 1e3, 2e4])
def test_a_factor_times_itself_is_the_matrix(scale):
    m = np.random.default_rng(1).normal(size=(4, 4))
    a = gridded((m @ m.T + np.eye(4)) * scale)
    engine = Engine("plain")
    low = engine.run(jnp.linalg.cholesky, a).astype(np.float64)
    assert engine.overflows == []
    assert np.abs(low @ low.T - a).max() <= 2e-5 * a.max() + 16 * UNIT


NILPOTENT = np.array([[0, 1], [0, 0]], np.float32)


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("kind", ["nilpotent", "any"])
def test_matrix_exponentials(scale, kind):
    """Their Pade approximants have pivots up to 2e7, and a branch of NaN for what has no answer."""
    a = NILPOTENT if kind == "nilpotent" else np.random.default_rng(2).normal(size=(2, 2))
    a = gridded(a * scale)
    engine = Engine("plain")
    got, want = engine.run(jax.scipy.linalg.expm, a), scipy.linalg.expm(a.astype(np.float64))
    assert engine.overflows == []
    assert np.abs(got - want).max() <= 3e-4 * np.abs(want).max()


@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_derivatives_of_matrix_exponentials(scale):
    a = gridded(np.random.default_rng(2).normal(size=(3, 3)) * scale)
    engine = Engine("plain", WIDE)
    got = engine.run(jax.grad(lambda a: jnp.sum(jax.scipy.linalg.expm(a))), a)
    want = scipy.linalg.expm_frechet(a.T.astype(np.float64), np.ones((3, 3)), compute_expm=False)
    assert engine.overflows == engine.digits == []
    assert np.abs(got - want).max() <= 3e-3 * np.abs(want).max()


def test_what_has_no_answer_is_reported_where_it_can_be():
    engine = Engine("plain")
    engine.run(lambda x: jax.scipy.linalg.expm(x, max_squarings=0), NILPOTENT * 100)
    assert any("no answer" in sentence for _, sentence in engine.overflows)


def test_factors_and_pivots_of_jax_solve_systems():
    rng = np.random.default_rng(3)
    a, b = (gridded(rng.normal(size=shape)) for shape in ((2, 5, 5), (2, 5, 1)))

    def solved(a: jax.Array, b: jax.Array) -> jax.Array:
        return jax.scipy.linalg.lu_solve(jax.scipy.linalg.lu_factor(a), b)

    agree(Engine("secure").run(solved, a, b), solved(a, b), 2e-3)


@pytest.mark.parametrize("size", [1e-2, 1.0, 1e3, 3e4, 1e6])
def test_a_quotient_is_as_exact_whether_its_divisor_is_broadcast_or_not(size):
    x = gridded(np.random.default_rng(4).normal(size=(20, 3)) * size)
    for divide in (
        lambda x: x / jnp.abs(x).max(0),
        lambda x: x / jnp.broadcast_to(jnp.abs(x).max(0), x.shape),
    ):
        got = Engine("plain").run(divide, x)
        np.testing.assert_allclose(got, np.asarray(divide(x)), rtol=4e-5, atol=8 * UNIT * max(1, 1 / size))


POWERS = [-3, -2, -1.5, -1, -0.5, 0.25, 0.5, 1.5, 2.2, 3]


@pytest.mark.parametrize("power", POWERS)
def test_powers_of_bases_from_a_thousandth_to_a_thousand(power):
    """A negative whole power is that of the inverse: the power of a small number would be lost before."""
    base = gridded(10.0 ** np.linspace(-3, 3, 61))
    base = base[base.astype(np.float64) ** power < 2.0**23.9]
    engine = Engine("plain")
    got = engine.run(lambda x: x**power, base).astype(np.float64)
    want = base.astype(np.float64) ** power
    assert engine.overflows == []
    allowed = np.abs(want) * (4e-5 + 3e-5 * abs(power) + 2 * UNIT * abs(power)) + 8 * UNIT
    assert (np.abs(got - want) <= allowed).all(), np.max(np.abs(got - want) / allowed)


def test_a_positive_power_of_zero_is_zero():
    powers = np.array([0.1, 0.3, 0.5, 1.5], np.float32)
    got = Engine("plain").run(lambda x: x**powers, np.zeros(4, np.float32))
    assert (got == 0).all()


@st.composite
def symmetric(draw: st.DrawFn) -> np.ndarray:
    """Of any eigenvalues: all alike, some alike, some zero, of either sign."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    count = draw(st.integers(1, 5))
    numbers = np.array(
        draw(st.lists(st.sampled_from([-3.0, -1.0, 0.0, 1.0, 1.001, 20.0]), min_size=count, max_size=count))
    )
    turn, _ = np.linalg.qr(rng.normal(size=(count, count)))
    return gridded(turn @ np.diag(numbers) @ turn.T)


@settings(max_examples=tries(10), deadline=None)
@given(symmetric())
def test_eigenvalues_and_vectors(a):
    engine = Engine("plain")
    numbers, vectors = engine.run(jnp.linalg.eigh, a)
    most = 2e-5 * np.abs(a).max(initial=0.2) + 4 * UNIT
    assert engine.overflows == []
    assert np.abs(numbers - np.linalg.eigvalsh(a.astype(np.float64))).max() <= most
    assert (np.diff(numbers) >= 0).all()
    assert np.abs(a @ vectors - vectors * numbers).max() <= 2 * most + np.abs(a).max() * 8 * UNIT
    assert np.abs(vectors.T @ vectors - np.eye(len(a))).max() <= 2e-5


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    """Of any shape and scale, with any scale of rows or columns, and perhaps of less than full rank."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    rows, columns = draw(st.sampled_from([(1, 1), (2, 3), (3, 3), (4, 3), (30, 3), (1, 4)]))
    a = rng.normal(size=(rows, columns)) * 10.0 ** draw(st.integers(-3, 4))
    if columns == 3 and draw(st.booleans()):
        a[:, 2] = a[:, 0] - a[:, 1]
    a[:, : draw(st.sampled_from([0, 0, 1, columns]))] = 0
    shape = draw(st.sampled_from([(1, 1), (rows, 1), (1, columns)]))
    return gridded(np.clip(a * 10.0 ** rng.uniform(-2, 0, shape), -1e5, 1e5))


@settings(max_examples=tries(12), deadline=None)
@given(matrices())
def test_orthogonal_and_triangular_factors(a):
    """The error is that of each column; signs are LAPACK's."""
    engine = Engine("plain")
    q, r = (each.astype(np.float64) for each in engine.run(jnp.linalg.qr, a))
    lengths = np.linalg.norm(a, axis=0)
    assert engine.overflows == []
    assert (np.abs(q @ r - a) <= 2e-5 * lengths + 4 * UNIT).all()
    assert (r == np.triu(r)).all()
    assert np.abs(q.T @ q - np.eye(q.shape[1])).max() <= 2e-5


@settings(max_examples=tries(12), deadline=None)
@given(matrices())
def test_singular_values_and_vectors(a):
    """Orthonormal vectors whatever the rank is; what rounding alone has made is 0."""
    engine = Engine("plain")
    u, s, vt = (
        each.astype(np.float64) for each in engine.run(lambda a: jnp.linalg.svd(a, full_matrices=False), a)
    )
    want = np.linalg.svd(a.astype(np.float64), compute_uv=False)
    most = 1e-5 * want[0] + 2 * UNIT * np.sqrt(max(a.shape))
    assert engine.overflows == []
    assert np.abs(s - want).max() <= most
    assert (np.diff(s) <= 0).all()
    assert np.abs(u * s @ vt - a).max() <= 2 * most
    for each in (u.T @ u, vt @ vt.T):
        assert np.abs(each - np.eye(len(s))).max() <= 3e-5


@pytest.mark.parametrize(("columns", "x64"), [(2, True), (3, True), (3, False), (8, False)])
def test_in_the_wide_ring_small_singular_values_are_right_beside_large_ones(columns, x64):
    """An intercept, an age, a salary: each number within a millionth, and the coefficients of a fit.

    Also where jax's own float32 would take the small ones for nothing.
    """
    rng = np.random.default_rng(columns)
    a = np.rint(rng.normal(size=(30, columns)) * 10.0 ** np.linspace(-2, 5, columns) * 2.0**32) / 2.0**32
    b = a @ np.logspace(2, -5, columns)
    a, b, symmetric = (each.astype(np.float32).astype(np.float64) for each in (a, b, a.T @ a / 30))

    def program(a: jax.Array, b: jax.Array, symmetric: jax.Array) -> list[jax.Array]:
        x, _, rank, s = jnp.linalg.lstsq(a, b)
        return [x, rank, s, jnp.linalg.pinv(a), jnp.linalg.eigvalsh(symmetric), jnp.linalg.cond(a)]

    engine = Engine("plain", WIDE)
    with jax.enable_x64(x64):
        x, rank, s, inverse, numbers, cond = engine.run(program, a, b, symmetric)
    exact = np.linalg.eigvalsh(symmetric)
    assert engine.overflows == []
    # Squares of what is 10 million times smaller: less than is right beside the greatest, which may be named.
    assert all("`eigh`" in step and exact[0] < 1e-12 * exact[-1] for step, _ in engine.digits)
    want = np.linalg.svd(a, compute_uv=False)
    assert rank == columns
    np.testing.assert_allclose(s, want, rtol=1e-6)
    np.testing.assert_allclose(cond, want[0] / want[-1], rtol=5e-5)
    np.testing.assert_allclose(numbers, exact, rtol=1e-6, atol=1e-12 * exact[-1])
    np.testing.assert_allclose(x, np.linalg.lstsq(a, b)[0], rtol=1e-3)
    pseudo = np.linalg.pinv(a, rcond=0)
    assert (np.abs(inverse - pseudo) <= 1e-4 * np.abs(pseudo).max(1, keepdims=True) + 2.0**-29).all()


def deficient(rows: int, columns: int) -> np.ndarray:
    a = np.random.default_rng(6).normal(size=(rows, columns))
    a[:, -1] = a[:, 0] - a[:, 1]
    return a


SYSTEMS = {
    "tall": deficient(30, 4)[:, :3],
    "one scale a column": deficient(30, 4)[:, :3] * np.array([1e-2, 1.0, 1e2]),
    "large": deficient(30, 4)[:, :3] * 1e3,
    "small": deficient(30, 4)[:, :3] * 1e-2,
    "not of full rank": deficient(30, 4),
    "small, and not of full rank": 0.05 * deficient(8, 8)[:, :1] @ deficient(8, 8)[:1],
    "wide": deficient(4, 30).T[:3],
    "nothing": np.zeros((3, 2)),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_least_squares_and_inverses_of_any_matrix(name):
    """Of numbers that fixed point had to round, the rank is what it was."""
    a = gridded(SYSTEMS[name])
    b = gridded(a @ np.linspace(-1, 2, a.shape[1]) + 0.25 * np.cos(np.arange(len(a))))

    def program(a: jax.Array, b: jax.Array) -> tuple[jax.Array, ...]:
        x, _, rank, _ = jnp.linalg.lstsq(a, b)
        return x, rank, jnp.linalg.matrix_rank(a), jnp.linalg.pinv(a)

    engine = Engine("plain")
    x, rank, same, inverse = engine.run(program, a, b)
    exact = SYSTEMS[name] if "not of full rank" in name else a.astype(np.float64)
    least, _, true_rank, _ = np.linalg.lstsq(exact, b, rcond=1e-5)
    want = np.linalg.pinv(exact, rcond=1e-5)
    assert engine.overflows == []
    assert rank == same == true_rank
    vectors = 2 * UNIT * np.abs(b).sum() * np.linalg.norm(want, 2)  # by what those in the last place err
    assert np.abs(x - least).max() <= 5e-5 * max(1, np.abs(least).max()) + vectors
    relative = 5e-5 + 4 * UNIT * np.linalg.norm(want, 2)  # the least singular value's own error
    assert np.abs(inverse - want).max() <= 4 * UNIT + relative * np.abs(want).max()


def test_norms_and_conditions():
    a = gridded(np.random.default_rng(7).normal(size=(4, 3)))

    def program(a: jax.Array) -> list[jax.Array]:
        norm = jnp.linalg.norm
        return [
            norm(a, 2),
            norm(a, -2),
            norm(a, "nuc"),
            jnp.linalg.cond(a),
            jnp.linalg.pinv(a.T @ a, hermitian=True),
        ]

    agree(Engine("plain").run(program, a), program(a), 1e-3)


@pytest.mark.parametrize("engine", ["secure", "pair"])
def test_decompositions_in_the_protocol_and_of_several_matrices(engine):
    m = np.random.default_rng(5).normal(size=(2, 3, 2)).astype(np.float32)

    def program(m: jax.Array) -> list[jax.Array]:
        u, s, vt = jnp.linalg.svd(m, full_matrices=False)
        return [*jnp.linalg.qr(m), s, (u * s[:, None]) @ vt, jnp.linalg.eigvalsh(m.swapaxes(1, 2) @ m)]

    agree(Engine(engine).run(program, m), program(m), 1e-4)


def test_large_matrices_are_refused_with_their_price():
    with pytest.raises(NotComputable, match="10080 rounds"):
        Engine("plain").run(jnp.linalg.eigh, np.eye(45, dtype=np.float32))


@pytest.mark.parametrize("seed", range(4))
def test_small_rows_keep_their_digits_beside_large_ones(seed):
    """What a large pivot's row takes from a small row is a small multiple of it, which needs more bits."""
    a = gridded(np.random.default_rng(seed).normal(size=(SIZE, SIZE)) * np.array([[1e4], [0.1], [1], [30]]))
    b = gridded(np.ones((SIZE, 1)))
    assert residual_in_units(a, Engine("plain").run(jnp.linalg.solve, a, b), b) <= UNITS


def test_a_singular_matrix_has_a_large_condition_number():
    """Within the last place its least singular value is nothing; jax says infinity, or some millions."""
    regular = np.array([[2.0, 1.0], [1.0, 3.0]], np.float32)
    numbers = np.stack([regular, np.array([[1.0, 2.0], [2.0, 4.0]], np.float32)])
    got = Engine("plain").run(lambda x: (jnp.linalg.cond(x), jnp.linalg.cond(x, -2)), numbers)
    assert got[0][0] == pytest.approx(np.linalg.cond(regular), rel=1e-3)
    assert got[1][0] == pytest.approx(np.linalg.cond(regular, -2), rel=1e-3)
    assert got[0][1] > 1e4
    assert got[1][1] < 1e-4


@pytest.mark.parametrize(("degree", "most"), [(2, 65), (5, 40)])
def test_a_polynomial_in_large_numbers(degree, most):
    """Their fifth powers leave the range, and so do sums of their squares."""
    x = np.linspace(most / 4, most, 30).astype(np.float32)
    y = np.sin(x / most * 4).astype(np.float32)
    engine = Engine("plain")
    got = engine.run(lambda x, y: jnp.polyfit(x, y, degree)[1 - degree :], x, y)
    want = np.polyfit(x.astype(np.float64), y, degree)[1 - degree :]
    assert engine.overflows == []
    np.testing.assert_allclose(got, want, rtol=2e-2, atol=2e-3)
