"""Each gate of the protocol, by two parties with a helper and without, against arithmetic modulo 2**64."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import mpc_pairs
from junto.mpc.gates import Digit
from junto.mpc.protocol.inout import InputKind, enter_other, enter_own
from junto.mpc.rounds import together
from mpc_nodes import run

RNG = np.random.default_rng(20)
EDGES = np.array(
    [0, 1, 2, 3, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1], np.uint64
)


@pytest.fixture(params=["helper", "pair", "oblivious"], autouse=True)
def parties(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test runs in both ways."""
    if request.param != "helper":
        by = mpc_pairs.run if request.param == "pair" else mpc_pairs.oblivious
        monkeypatch.setitem(globals(), "run", by)
    return request.param


def words(*shape: int) -> np.ndarray:
    return RNG.integers(0, 2**64, shape, dtype=np.uint64)


def flags(*shape: int) -> np.ndarray:
    return RNG.integers(0, 2, shape).astype(np.bool_)


def signed(x: np.ndarray) -> np.ndarray:
    return np.asarray(x).view(np.int64)


X, Y = np.concatenate([EDGES, words(200)]), np.concatenate([EDGES[::-1], words(200)])
SHAPES = [(), (0,), (1,), (3, 0, 2), (5,), (63,), (64,), (65,), (2, 3, 4)]


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_products_and_sums_of_any_shape(shape, ready):
    x, y = words(*shape), words(*shape)

    async def gate(g, a, b):
        return [await g.multiply(a, b), await g.multiply(a, a), g.add(a, b), g.subtract(a, b), g.negate(a)]

    product, square, total, difference, negative = run(gate, x, y, ready=ready).values
    with np.errstate(over="ignore"):
        assert (product == x * y).all()
        assert (square == x * x).all()
        assert (total == x + y).all()
        assert (difference == x - y).all()
        assert (negative == 0 - x).all()
    assert product.shape == shape


def test_products_broadcast():
    async def gate(g, a, b):
        return await g.multiply(a, b)

    x, y = words(4, 1), words(3)
    assert (run(gate, x, y).value == x * y).all()


@pytest.mark.parametrize("left", [(5, 7), (1, 7), (2, 5, 7)])
def test_matrix_products(left):
    async def gate(g, a, b):
        return await g.bilinear(a, b, lambda x, y, by: by(x, y))

    x, y = words(*left), words(7, 3)
    assert (run(gate, x, y).value == x @ y).all()


@pytest.mark.parametrize("bits", [1, 18, 36, 61])
def test_truncation_is_exact_to_one_unit(bits):
    x = RNG.integers(-(2**62), 2**62, 2000)
    x[:4] = [-(2**62), 2**62 - 1, 0, -1]

    async def gate(g, a):
        return await g.truncate(a, bits)

    off = signed(run(gate, x.view(np.uint64)).value) - (x >> bits)
    assert set(off.tolist()) <= {0, 1}


FACTORS = [2**64 - 4, 2**62, 4 * (2**62 // 3), 4 * (2**46 // 10_000), 4, 0]


@pytest.mark.parametrize("factor", [*FACTORS, [[each] for each in FACTORS]], ids=str)
def test_a_factor_below_one_is_exact_to_two_units(factor):
    x = RNG.integers(-(2**62), 2**62, 500)
    x[:4] = [-(2**62), 2**62 - 1, 0, -1]
    factors = np.asarray(factor, np.uint64)

    async def gate(g, a):
        scaled = await g.rescale(a, factors)
        return [scaled, await g.multiply(scaled, scaled)]

    outcome = run(gate, x.view(np.uint64))
    scaled, square = map(signed, outcome.values)
    assert outcome.rounds == 1
    with np.errstate(over="ignore"):
        assert (square == scaled * scaled).all()
    exact = x.astype(object) * factors.astype(object)  # Python's integers
    off = (scaled.astype(object) * 2**64 - exact) / 2**64
    assert off.shape == np.broadcast_shapes(x.shape, factors.shape)
    assert np.abs(off.astype(np.float64)).max() <= 2


def test_what_a_truncation_leaves_can_be_multiplied_at_once():
    x = RNG.integers(-(2**50), 2**50, 500)

    async def gate(g, a):
        t = await g.truncate(a, 30)
        u, v = await together(g.multiply(t, t), g.multiply(t, g.scale(t, np.array(3, np.uint64))))
        return [t, u, v]

    out = run(gate, x.view(np.uint64))
    t, u, v = map(signed, out.values)
    assert (u == t * t).all()
    assert (v == 3 * t * t).all()
    assert out.rounds == 1


@pytest.mark.parametrize("block", [1 << 20, 100])
@pytest.mark.parametrize("ready", [True, False])
def test_signs(block, ready):
    async def gate(g, a):
        return await g.negative(a)

    assert (run(gate, X, block=block, ready=ready).value == (signed(X) < 0)).all()


@pytest.mark.parametrize("block", [1 << 20, 100])
def test_zeros(block):
    x = X.copy()
    x[::3] = 0
    x[1::3] = 1 << (np.arange(len(x[1::3])) % 64).astype(np.uint64)

    async def gate(g, a):
        return await g.zero(a)

    assert (run(gate, x, block=block).value == (x == 0)).all()


@pytest.mark.parametrize("bits", [1, 2, 4, 5, 8, 9, 16, 17, 32, 45, 63])
def test_comparisons_see_so_many_bits_and_no_others(bits):
    x = X.copy()
    x[::3] <<= np.uint64(bits)  # only what is above them

    async def gate(g, a):
        return await together(g.negative(a, bits), g.zero(a, bits))

    up = x << np.uint64(64 - bits)
    negative, zero = run(gate, x).values
    assert (negative == (signed(up) < 0)).all()
    assert (zero == (up == 0)).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_comparisons_of_any_shape(shape):
    async def gate(g, a, b):
        return await together(g.negative(a), g.zero(g.subtract(a, b)), g.decompose(a, 5))

    x = words(*shape)
    negative, zero, low = run(gate, x, x).values
    assert (negative == (signed(x) < 0)).all()
    assert zero.all()
    assert low.shape == (*shape, 5)


@pytest.mark.parametrize("bits", [1, 3, 4, 15, 16, 17, 20, 33, 48, 63, 64])
@pytest.mark.parametrize("block", [1 << 20, 70])
def test_bits_of_a_number(bits, block):
    async def gate(g, a):
        return await g.decompose(a, bits)

    places = (X[:, None] >> np.arange(bits, dtype=np.uint64)) & np.uint64(1)
    assert (run(gate, X, block=block).value == places.astype(np.bool_)).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_logic(shape):
    a, b = flags(*shape), flags(*shape)

    async def gate(g, p, q):
        return [await g.both(p, q), g.xor(p, q), g.flip(p, np.True_), g.flip(p, b), g.to_ring(p)]

    both, xor, inverted, flipped, number = run(gate, a, b).values
    assert (both == (a & b)).all()
    assert (xor == (a ^ b)).all()
    assert (inverted == ~a).all()
    assert (flipped == (a ^ b)).all()
    assert (number == a.astype(np.uint64)).all()


def test_choose():
    b = flags(len(X))

    async def gate(g, c, x, y):
        return await g.choose(c, x, y)

    assert (run(gate, b, X, Y).value == np.where(b, X, Y)).all()
    assert (run(gate, b, X, Y, ready=False).value == np.where(b, X, Y)).all()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("ready", [True, False])
def test_guard(count, ready):
    b = flags(len(X), count) | flags(len(X), count)

    async def gate(g, bits, x, y):
        return await g.guard(bits, [x, y])

    first, second = run(gate, b, X, Y, ready=ready).values
    assert (first == np.where(b.all(1), X, 0)).all()
    assert (second == np.where(b.all(1), Y, 0)).all()


@pytest.mark.parametrize("block", [1 << 20, 100])
def test_lookup_is_of_the_digit_or_the_next_one(block):
    table, places = words(32), np.arange(32, dtype=np.uint64) << np.uint64(18)
    x = RNG.integers(0, 31 << 18, 1000).astype(np.uint64)

    async def gate(g, a):
        return await g.lookup(a, Digit(18, 5), [table, places])

    entry, base = run(gate, x, block=block).values
    at = (base >> np.uint64(18)).astype(int)
    assert (entry == table[at]).all()
    assert set((at - (x >> np.uint64(18)).astype(int)).tolist()) <= {0, 1}


def test_series():
    x = RNG.uniform(-(2.0**40), 2.0**40, 2000)
    encoded = np.rint(x * 2**18).astype(np.int64).view(np.uint64)
    sines, cosines = [0, 0.3, 0.2, -0.5, 0.01, 0.7], [0.1, 0.5, 0.25]
    fine = []

    async def gate(g, a):
        fine.append(g.fine)
        return await g.series(a, 18 + 5, sines, cosines)

    angle = 2 * np.pi * np.fmod(encoded.view(np.int64) / 2**18, 32) / 32
    want = sum(s * np.sin(k * angle) for k, s in enumerate(sines))
    want = want + sum(c * np.cos(k * angle) for k, c in enumerate(cosines))
    value = signed(run(gate, encoded).value)
    assert np.abs(value / 2.0 ** fine[0] - want).max() < 6 * 2**-20


def test_arrangements_of_every_form():
    x, y = words(4, 6), words(4, 6)

    async def gate(g, a, b):
        product = await g.multiply(a, b)
        cut = await g.truncate(g.scale(product, np.array(0, np.uint64)), 3)
        move = partial(_corner, 2)
        parts = [g.arrange(form, move) for form in (a, product, cut)]
        return [*parts, g.join([a, product], lambda p, q: np.concatenate([p, q], axis=1))]

    masked, additive, affine, joined = run(gate, x, y).values
    assert (masked == _corner(2, x)).all()
    assert (additive == _corner(2, x * y)).all()
    assert set(affine.reshape(-1).tolist()) <= {0, 1}
    assert (joined == np.concatenate([x, x * y], axis=1)).all()


def _corner(size: int, x: np.ndarray) -> np.ndarray:
    return np.pad(x[:size, ::-1].T, 1)


def test_linear_maps_of_every_form():
    x, y = words(8, 8), words(8, 8)

    async def gate(g, a, b):
        product = await g.multiply(a, b)
        return [g.linear(form, lambda v: np.cumsum(v, axis=0).sum(axis=1)) for form in (a, product)]

    masked, additive = run(gate, x, y).values
    assert (masked == np.cumsum(x, axis=0).sum(axis=1)).all()
    assert (additive == np.cumsum(x * y, axis=0).sum(axis=1)).all()


def test_independent_gates_share_their_rounds(parties):
    async def gate(g, a, b):
        return await together(g.negative(a), g.zero(b), g.truncate(b, 3))

    assert run(gate, X, Y).rounds == (3 if parties == "helper" else 6)


def test_a_value_is_masked_once_for_all_who_need_it(parties):
    async def gate(g, a, b):
        product = await g.multiply(a, b)
        return await together(g.negative(product), g.zero(product), g.multiply(product, product))

    n = 64
    out = run(gate, X[:n], Y[:n])
    if parties == "helper":
        assert (out.rounds, out.opened) == (4, n * 8 + n * 39 // 8 + n * 21 // 8)
    else:
        assert (out.rounds, out.opened) == (7, n * (8 + 64 + 32) + n * 26 // 8 + n * 15 // 8)


def test_constants_are_secrets_like_others():
    async def gate(g, a):
        c = g.constant(np.arange(len(X), dtype=np.uint64))
        return [
            await g.multiply(a, c),
            g.xor(g.constant_bits(np.ones(3, np.bool_)), await g.negative(g.arrange(a, lambda v: v[:3]))),
        ]

    product, bits = run(gate, X).values
    assert (product == X * np.arange(len(X), dtype=np.uint64)).all()
    assert (bits == ~(signed(X[:3]) < 0)).all()


@pytest.mark.parametrize("owners", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_products_of_values_whose_owner_computes(owners):
    x, y = words(6, 7), words(7, 3)

    async def gate(g, a, b):
        role = g._role
        secrets = []
        for value, owner in zip((x, y), owners, strict=True):
            if role.index == owner:
                own, _ = enter_own(role, owner, [value])
                secrets += own
            else:
                secrets += enter_other(role, owner, [InputKind(False, value.shape)], None)
        # what travels from the owner to the other compute party
        shares = [
            None if role.deals else (s.public if s.public is not None else np.zeros_like(s.mask))
            for s in secrets
        ]
        for secret, share in zip(secrets, shares, strict=True):
            secret.public = await role.open(share)
        product = await g.bilinear(*secrets, lambda a, b, by: by(a, b))
        return [product, await g.multiply(secrets[0], secrets[0])]

    product, square = run(gate, x, y).values
    assert (product == x @ y).all()
    assert (square == x * x).all()
