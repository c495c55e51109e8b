"""Products of elements by ring learning with errors: exact, secret, and nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ot_pairs
from junto.errors import LinkError
from junto.mpc.lattice import negacyclic, residues, slot_lwe
from junto.mpc.lattice.slot_lwe import ANSWER_BYTES, PLAIN, PRIMES, SCALE, SLOTS
from junto.mpc.lattice.slot_products import KEY_MESSAGE, SlotGroups, SlotProducts, quickest
from junto.mpc.ot.extension import OtSettings
from junto.mpc.preprocess.estimate import sent
from junto.mpc.preprocess.matrices import groups_for
from junto.mpc.prg import Stream, derive
from junto.mpc.protocol.demands import Bilinear, Product, Square
from junto.mpc.ring128 import integers_of_wide, lowest_words, matmul_limbs, wide_from
from mpc_pairs import Sources
from tries import each_once

T, D = prod(PLAIN), prod(SCALE)
MOST = 2**64 - 1
EDGES = np.array([0, 1, 2**63 - 1, 2**63, 2**63 + 1, MOST], np.uint64)


def stream(*name: int) -> Stream:
    return Stream(derive(bytes(32), *name))


def words(number: int, *shape: int) -> np.ndarray:
    """Uniform ones, with all pairs of the ends of the range in front."""
    made = np.random.default_rng(number).integers(0, 2**64, shape, np.uint64)
    made[..., :36] = np.tile(EDGES, 6) if number % 2 else np.repeat(EDGES, 6)
    return made


class Two:
    """Both parties' ends."""

    def __init__(self) -> None:
        self.ends = ot_pairs.wires()
        self.sources = [SlotProducts(end.exchange, i, stream(i), "peer") for i, end in enumerate(self.ends)]

    def cross(self, held: list, factors: list, groups: SlotGroups) -> list[np.ndarray]:
        plays = [partial(self.sources[i].crosses, held[i], factors[i], groups) for i in (0, 1)]
        return ot_pairs.both(self.ends, plays)


@pytest.fixture(scope="module")
def two() -> Two:
    return Two()


# -------------------------------------------------------------------- numbers


def whole(x: np.ndarray, primes: tuple[int, ...]) -> list[int]:
    """The integers nearest to 0 that [primes, n] are."""
    q = prod(primes)
    units = [q // p * pow(q // p, -1, p) for p in primes]
    found = [sum(int(c) * u for c, u in zip(column, units, strict=True)) % q for column in x.T]
    return [each - q * (each > q // 2) for each in found]


@given(st.integers(1, 63), st.integers(1, 3), st.integers(0, 99))
def test_numbers_of_any_width_go_over_the_wire(bits: int, groups: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(0, 2**bits, (2, 64 * groups), np.uint64)
    x[0, :9] = 2**bits - 1
    data = residues.packed(x, bits)
    assert data.nbytes == 2 * 64 * groups * bits // 8
    assert (residues.unpacked(data.reshape(-1).data, x.shape, bits) == x).all()


def test_what_a_factor_is_lifted_to_has_its_slots_and_is_small() -> None:
    lifted = np.empty((len(PRIMES), SLOTS), np.uint64)
    given = words(1, SLOTS)
    slot_lwe._lifted(given, lifted)
    signs = given.astype(np.int64)
    assert all((slots == signs % p).all() for slots, p in zip(lifted[:4].astype(object), PLAIN, strict=True))
    found = whole(negacyclic.coefficients(lifted, PRIMES)[:, :500], PRIMES)
    assert max(map(abs, found)) <= T // 2 + (T >> 10)


def test_integers_below_a_third_of_t_have_their_lowest_bits() -> None:
    numbers = [
        T // 3,
        -(T // 3),
        0,
        -1,
        2**190 + 2**128,
        2**64 - 1,
        2**127,
        *(i * T // 1000 for i in range(-333, 333)),
    ]
    slots = np.array([[number % p for number in numbers] for p in PLAIN], np.uint64)
    found = integers_of_wide(slot_lwe._lowest(slots))
    assert [each % 2**128 for each in found] == [number % 2**128 for number in numbers]


def test_an_answer_is_rounded_as_python_rounds() -> None:
    x = residues.uniform(stream(9), (len(PRIMES), SLOTS), residues.column(PRIMES))
    q = T * D
    some = [each % q for each in whole(x[:, :300], PRIMES)]

    def read(parts: tuple[np.ndarray, np.ndarray], bits: int) -> list[int]:
        fine = residues.unpacked(parts[1].data, (SLOTS,), bits)[:300]
        rest = residues.unpacked(parts[0].reshape(-1).data, (4, SLOTS), 48)[:, :300]
        low = [int(each) for each in fine]
        above = [(w - v) * pow(2**bits, -1, T) % T for w, v in zip(whole(rest, PLAIN), low, strict=True)]
        return [a << bits | b for a, b in zip(above, low, strict=True)]

    unit = T << 17
    assert read(slot_lwe._rounded(x), 17) == [((v << 18) + D) // (2 * D) % unit for v in some]
    flood = [int(each) >> 1 for each in stream(8).words(SLOTS)[:300]]
    got = read(slot_lwe._flooded(x, stream(8)), 3)
    near = [((v << 65) + D) // (2 * D) + f - 2**62 for v, f in zip(some, flood, strict=True)]
    assert got == [((v + 2**60) >> 61) % (T << 3) for v in near]


# -------------------------------------------------------------------- products


@pytest.mark.parametrize(("size", "products"), [(40, 2), (3 * SLOTS, 2), (SLOTS + 40, 1), (SLOTS, 1)])
def test_a_product_is_exact_and_sends_what_is_said(two: Two, size: int, products: int) -> None:
    x, y = words(1, 2, products, size), words(2, 2, products, size)
    held, factors = [x[0], y[0]], [y[1], x[1]]
    if products == 2:  # of one element both products, so that both parties hold and multiply the same
        x, y = x[:, 0], y[:, 0]
        held = [np.stack([x[i], y[i]]) for i in (0, 1)]
        factors = [each[::-1].copy() for each in held]
        want = x[0] * y[1] + x[1] * y[0]
    else:
        held = factors = [x[0], y[1]]
        want = (x[0] * y[1])[0]
    groups = SlotGroups(-(-size // SLOTS), products)
    met = two.sources[0]._keys is not None
    before = [(end.sent, len(end.received)) for end in two.ends]
    one, other = two.cross(held, factors, groups)
    assert (one + other == want).all()
    for party, (end, (was, messages)) in enumerate(zip(two.ends, before, strict=True)):
        assert end.sent - was == groups.sent(party) + (not met) * KEY_MESSAGE
        assert len(end.received) - messages == 2 + (not met)


class Fixed(Stream):
    """Says the same word always."""

    def __init__(self, word: int) -> None:
        super().__init__(bytes(16))
        self._word = word

    def words(self, count: int) -> np.ndarray:
        return np.full(count, self._word, np.uint64)


@pytest.mark.parametrize("sign", [1, -1])
def test_no_error_is_too_large_at_its_worst(monkeypatch: pytest.MonkeyPatch, sign: int) -> None:
    monkeypatch.setattr(slot_lwe, "errors", lambda stream, shape: np.full(shape, sign * 21))
    monkeypatch.setattr(slot_lwe, "ternary", lambda stream, shape: np.full(shape, sign))
    holder = slot_lwe.SlotKey(stream(1))
    x, y = np.full((4, SLOTS), 2**63, np.uint64), np.full((4, SLOTS), 2**63 - (sign > 0), np.uint64)
    public, cipher = (memoryview(b"".join(each)) for each in (holder.public(), holder.encrypted(x)))
    other = slot_lwe.SlotAnswering(public, Fixed(MOST if sign > 0 else 0))
    answer, share = other.answer(slot_lwe.ciphertexts(cipher, 4), y)
    want = -4 * 2**63 * (2**63 - 1) if sign > 0 else 4 * 2**126
    assert (holder.decrypted(memoryview(b"".join(answer))) + share == want).all()


def test_numpy_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> list[bytes]:
        holder = slot_lwe.SlotKey(stream(1))
        public, cipher = (b"".join(each) for each in (holder.public(), holder.encrypted(words(1, 1, SLOTS))))
        other = slot_lwe.SlotAnswering(memoryview(public), stream(2))
        answer, share = other.answer(slot_lwe.ciphertexts(memoryview(cipher), 1), words(2, 1, SLOTS))
        made = holder.decrypted(memoryview(b"".join(answer)))
        assert (lowest_words(made + share) == words(1, SLOTS) * words(2, SLOTS)).all()
        return [public, cipher, b"".join(answer)]

    first = told()
    monkeypatch.setattr(negacyclic, "kernels", lambda: None)
    assert told() == first


def test_unsound_numbers_are_refused() -> None:
    for wrong in ({"flood_bits": 64}, {"mask_bits": 16}, {"random_bits": 192}):
        with pytest.raises(ValueError, match="not sound"):
            slot_lwe._SlotBounds(**wrong)


def test_the_choice_is_the_one_that_sends_less() -> None:
    """Whatever the size: not more than transfers with the keys, and nothing that shows too much."""
    for products, transfers, bits in ((2, 1088, 64), (1, 544, 64), (2, 3200, 128), (1, 1600, 128)):
        one = (products * slot_lwe.CIPHERTEXT_BYTES + ANSWER_BYTES) * bits // 64
        sizes = [
            0,
            1,
            5_000,
            9_000,
            12_000,
            17_000,
            30_000,
            SLOTS,
            SLOTS + 1,
            SLOTS + 20_000,
            10**6,
            2 * 10**6,
            5 * 10**6 * 64 // bits,
        ]
        for size in sizes:
            groups = quickest(size, products, transfers, bits)
            assert 0 <= groups.count * SLOTS < size + SLOTS
            rest = size - min(size, groups.count * SLOTS)
            total = groups.sent(0) + groups.sent(1) + rest * transfers
            assert total + 2 * KEY_MESSAGE * (groups.count > 0) <= size * transfers
            for count in range(size // SLOTS + 2) if groups.count else ():
                other = count * one + max(0, size - count * SLOTS) * transfers
                assert total <= other + 16 * groups.count
        assert quickest(10**6, products, transfers, bits).count in (30, 31)
    assert slot_lwe.distance_bits(5 * 10**6) >= 40
    assert slot_lwe.distance_bits(2 * 10**6, 4) >= 40
    assert quickest(10**7, 2, 1088, 64).count == quickest(4 * 10**6, 2, 3200, 128).count == 0


# -------------------------------------------------------------------- demands

ROWS = SLOTS // 64
SHAPES = [((SLOTS,), (SLOTS,)), ((SLOTS + 50,), (SLOTS + 50,)), ((ROWS, 64), (ROWS, 1))]


@cache
def demanded() -> Sources:
    """Two parties that have their keys."""
    sources, one = Sources(OtSettings(field_bits=2, block=1 << 16, overlap=False)), np.ones(SLOTS, np.uint64)
    sources.make([Square(one)], [Square(one)])
    return sources


IN_BOTH = [*((*shapes, 64) for shapes in SHAPES), (*SHAPES[0], 128), (*SHAPES[2], 128)]


@pytest.mark.parametrize(("shapes", "held"), each_once(IN_BOTH, [(3, 3), (1, 2), (2, 3)]))
def test_demands_for_many_elements_are_met(shapes: tuple[tuple, tuple, int], held: tuple[int, int]) -> None:
    left, right, width = shapes
    sources, shape = demanded(), np.broadcast_shapes(left, right)

    def pieces(number: int, shape: tuple, by: int) -> list[np.ndarray]:
        def piece(party: int) -> np.ndarray:
            made = words(number + 2 * party, prod(shape))
            if width == 128:  # of each word every end with every end of the other one
                made = wide_from(np.stack([made, words(number + 2 * party + 1, prod(shape))], axis=-1))
            return np.asanyarray(made.reshape(shape) * np.uint64(by >> party & 1))

        return [piece(party) for party in (0, 1)]

    x, y = pieces(1, left, held[0]), pieces(2, right, held[1])
    asked = [[Product(a, b, shape, held)] for a, b in zip(x, y, strict=True)]
    if left == right:
        asked = [[*each, Square(a)] for each, a in zip(asked, x, strict=True)]
    before = [end.sent for end in sources.ends]
    made = sources.make(*asked)
    want = [(x[0] + x[1]) * (y[0] + y[1]), (x[0] + x[1]) * (x[0] + x[1])]
    for (one,), (other,), right_one in [(*each, w) for each, w in zip(made, want, strict=False)]:
        assert (one + other == right_one).all()
    counted = [end.sent - was for end, was in zip(sources.ends, before, strict=True)]
    said = [sum(sent(each, i, OtSettings(field_bits=2)) for each in asked[i]) for i in (0, 1)]
    assert counted == said or (left[0] == SLOTS + 50 and counted == pytest.approx(said, rel=0.05))


MATRICES = [((40, 64), (64, 20)), ((3, 20, 64), (64, 9)), ((2, 1, 64), (2, 64, 300))]


@pytest.mark.parametrize(("shapes", "held"), each_once(MATRICES, [(3, 3), (1, 2), (2, 1), (2, 3)]))
def test_matrices_of_128_bits_are_multiplied_in_slots(
    shapes: tuple[tuple, tuple], held: tuple[int, int]
) -> None:
    left, right = shapes
    sources, rng = demanded(), np.random.default_rng(len(left))

    def pieces(shape: tuple, by: int) -> list[np.ndarray]:
        drawn = [wide_from(rng.integers(0, 2**64, (*shape, 2), dtype=np.uint64)) for _ in (0, 1)]
        return [np.asanyarray(each * np.uint64(by >> i & 1)) for i, each in enumerate(drawn)]

    x, y = pieces(left, held[0]), pieces(right, held[1])
    asked = [[Bilinear(a, b, lambda p, q, by: by(p, q), held)] for a, b in zip(x, y, strict=True)]
    before = [end.sent for end in sources.ends]
    (((one,), (other,)),) = sources.make(*asked)
    assert (one + other == matmul_limbs(x[0] + x[1], y[0] + y[1])).all()
    counted = [end.sent - was for end, was in zip(sources.ends, before, strict=True)]
    assert counted == [sent(asked[i][0], i, OtSettings(field_bits=2)) for i in (0, 1)]


def test_large_matrices_stay_with_transfers_as_answers_would_show_too_much() -> None:
    small, large = ((size, size) for size in (128, 140))
    assert groups_for(small, small, (True, True), OtSettings(), 128) is not None
    assert groups_for(large, large, (True, True), OtSettings(), 128) is None
    assert groups_for(small, small, (True, True), OtSettings(), 64) is None
    assert groups_for((8, 8), (8, 8), (True, True), OtSettings(), 128) is None


# -------------------------------------------------------------------- secrecy, and hostile messages


@pytest.mark.slow
def test_nothing_is_sent_twice_and_shares_are_uniform() -> None:
    """All that each side receives, twice for the same numbers, the least random ones."""
    source, shares = Two(), []
    held = [np.zeros((1, SLOTS + 1), np.uint64)] * 2
    for _ in range(2):
        shares += source.cross(held, held, SlotGroups(2, 1))
    for end in source.ends:
        seen = [np.frombuffer(data[: len(data) // 16 * 16], np.uint64) for data in end.received]
        everything = np.concatenate(seen)
        assert len(np.unique(everything)) > len(everything) * 0.9999
        assert abs(np.bitwise_count(everything).mean() / 64 - 0.5) < 0.001
    drawn = np.concatenate(shares)
    assert len(np.unique(drawn)) == drawn.size
    for bit in range(64):
        assert abs(int((drawn >> np.uint64(bit) & np.uint64(1)).sum()) - drawn.size / 2) < 5 * drawn.size**0.5


@pytest.mark.parametrize("factor", [0, 2**63])
def test_an_answer_looks_fresh_to_who_has_the_key(factor: int) -> None:
    holder = slot_lwe.SlotKey(stream(1))
    public, cipher = (
        memoryview(b"".join(each)) for each in (holder.public(), holder.encrypted(words(1, 1, SLOTS)))
    )
    other, by = slot_lwe.SlotAnswering(public, stream(2)), np.full((1, SLOTS), factor, np.uint64)
    given = slot_lwe.ciphertexts(cipher, 1)
    answers = [b"".join(other.answer(given, by)[0]) for _ in "01"]
    (mask, fine, result, low), (mask2, *_) = (slot_lwe._answer_read(memoryview(each)) for each in answers)
    assert (mask != mask2).all(axis=0).mean() > 0.999
    for number, prime in ((mask, PLAIN), (result, PLAIN), (fine[None], (1 << 17,)), (low[None], (8,))):
        for row, most in zip(number, prime, strict=True):
            counts = np.histogram(row / most, 8, (0, 1))[0]
            assert abs(counts - SLOTS / 8).max() < 6 * (SLOTS / 8) ** 0.5
    # what lies behind the point of their sum is a flood of half its range, as far from the numbers as can be
    key = holder._key[[0]]
    product = negacyclic.coefficients(
        negacyclic.summed_products(
            negacyclic.values(fine[None].copy(), PLAIN[:1])[None], key[None], PLAIN[:1]
        ),
        PLAIN[:1],
    )[0]
    part = product.astype(np.int64) - (product > PLAIN[0] // 2) * PLAIN[0]
    behind = ((low.astype(np.int64) << 14) + part + (1 << 16)) % (1 << 17) / (1 << 17) - 0.5
    counts = np.histogram(behind, 4, (-0.2, 0.2))[0]
    assert abs(counts - counts.mean()).max() < 5 * counts.mean() ** 0.5
    assert abs(behind).max() < 7 / 16


def _longer(data: bytes) -> bytes:
    return data + b"\0"


def _shorter(data: bytes) -> bytes:
    return data[:-1]


def _all_ones(data: bytes) -> bytes:
    return b"\xff" * len(data)


@pytest.mark.parametrize(("message", "change"), each_once(range(3), [_longer, _shorter, _all_ones]))
def test_what_is_none_is_refused(change: Callable[[bytes], bytes], message: int) -> None:
    source, numbers = Two(), [np.ones((1, SLOTS + 1), np.uint64)] * 2
    source.ends[0].change = lambda number, data: change(data) if number == message else data
    with pytest.raises(LinkError, match=r"is due|not below its") as caught:
        source.cross(numbers, numbers, SlotGroups(2, 1))
    assert caught.value.party == "peer"


def test_a_key_is_not_shown() -> None:
    assert repr(slot_lwe.SlotKey(stream(1))) == "<SlotKey>"
