"""Products of matrices by ring learning with errors: exact, secret, and nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ot_pairs
from junto.errors import LinkError
from junto.mpc import ring
from junto.mpc.lattice import negacyclic, residues, ring_lwe
from junto.mpc.lattice.block_packing import Blocks, best
from junto.mpc.lattice.lattice_products import KEY_MESSAGE, LatticeProducts, quickest
from junto.mpc.lattice.residues import MODULUS, PRIMES, SHORT
from junto.mpc.preprocess.estimate import sent
from junto.mpc.preprocess.matrices import blocks_for
from junto.mpc.prg import Stream, derive
from junto.mpc.protocol.demands import Bilinear, Product
from mpc_pairs import Sources
from tries import tries

N = negacyclic.DEGREE
MOST = 2**64 - 1


def stream(*name: int) -> Stream:
    return Stream(derive(bytes(32), *name))


class Two:
    """Both parties' ends."""

    def __init__(self) -> None:
        self.ends = ot_pairs.wires()
        self.sources = [LatticeProducts(end.exchange, stream(i), "peer") for i, end in enumerate(self.ends)]

    def cross(
        self, x: list, y: list, blocks: Blocks, ways: tuple[bool, bool] = (True, True)
    ) -> list[np.ndarray]:
        own = (ways, ways[::-1])
        plays = [partial(self.sources[i].crosses, x[i], y[i], blocks, own[i]) for i in (0, 1)]
        return ot_pairs.both(self.ends, plays)


@pytest.fixture(scope="module")
def two() -> Two:
    return Two()


def python_product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    made = x.astype(object) @ y.astype(object)
    return (made % 2**64).astype(np.uint64)


# -------------------------------------------------------------------- numbers

EDGES = np.array([0, 1, 2**50 - 1, 2**50, 2**63 - 1, 2**63, MOST, MOST - 1, *PRIMES], np.uint64)


def of_each(x: np.ndarray) -> list[int]:
    """The integers from 0 to q - 1 that [primes, n] are."""
    whole = [MODULUS // p * pow(MODULUS // p, -1, p) for p in PRIMES]
    return [sum(int(c) * w for c, w in zip(column, whole, strict=True)) % MODULUS for column in x.T]


def test_words_are_what_python_says_they_are() -> None:
    x = np.concatenate([EDGES, stream(7).words(500)])[None]
    dither = np.concatenate([EDGES[::-1], stream(8).words(500)])[None]
    signs = [int(each) - 2**64 * (int(each) >> 63) for each in x[0]]
    assert of_each(residues.folded(x, residues.moduli())) == [int(each) for each in x[0]]
    assert of_each(residues.centred(x, residues.moduli())) == [each % MODULUS for each in signs]
    found = of_each(residues.lifted(x, dither))
    assert found == [(MODULUS * int(m) + int(d)) >> 64 for m, d in zip(x[0], dither[0], strict=True)]


def test_products_at_the_ends_of_the_range_are_pythons() -> None:
    for prime in PRIMES:
        ends = np.array([0, 1, 2, prime // 2, prime - 2, prime - 1], np.uint64)
        x, y = np.meshgrid(ends, ends)
        got = residues.times(x, y, np.uint64(prime))
        assert [int(each) for each in got.ravel()] == [
            int(a) * int(b) % prime for a, b in zip(x.ravel(), y.ravel(), strict=True)
        ]


def test_what_is_left_of_an_answer_is_rounded_as_python_rounds() -> None:
    x = residues.uniform(stream(9), (4, 512))
    x[:, 0], x[:, 1] = 0, residues.moduli()[:, 0] - np.uint64(1)
    lower, upper = residues.shortened(x, 20)
    whole = [int(a) + (int(b) << 64) for a, b in zip(lower, upper, strict=True)]
    assert whole == [(v // (PRIMES[2] * PRIMES[3]) + 2**19) >> 20 for v in of_each(x)]
    back = residues.lengthened(lower, upper, 20)
    assert back.T.tolist() == [[(v << 20) % p for p in PRIMES[:2]] for v in whole]
    first, second = PRIMES[:2]
    pair = [
        (int(a) * second * pow(second, -1, first) + int(b) * first * pow(first, -1, second)) % SHORT
        for a, b in x[:2].T
    ]
    found = residues.rounded(x[:2])
    distances = [int(f) - ((2 * v << 64) + SHORT) // (2 * SHORT) for f, v in zip(found, pair, strict=True)]
    assert {each % 2**64 for each in distances} <= {0, 1, MOST}


def test_numbers_go_over_the_wire_and_others_do_not() -> None:
    x = residues.uniform(stream(3), (2, 4, 64))
    data = residues.packed(x)
    assert data.nbytes == 2 * 4 * 64 // 4 * 25
    assert (residues.unpacked(data.reshape(-1).data, x.shape) == x).all()
    for prime in range(4):
        wrong = x.copy()
        wrong[1, prime, 5] = PRIMES[prime]
        with pytest.raises(ValueError, match="below its prime"):
            residues.below(
                residues.unpacked(residues.packed(wrong).reshape(-1).data, x.shape), residues.moduli()
            )
    most = (SHORT - 1 + 2**19) >> 20
    for number, right in ((most, True), (most + 1, False), (2**80 - 1, False)):
        words = np.array([number % 2**64], np.uint64), np.array([number >> 64], np.uint64)
        if right:
            residues.lengthened(*words, 20)
        else:
            with pytest.raises(ValueError, match="below its modulus"):
                residues.lengthened(*words, 20)


def test_polynomials_are_multiplied_modulo_x_to_the_n_plus_1() -> None:
    a, b = (residues.uniform(stream(4, i), (4, 16)) for i in (0, 1))
    factors = negacyclic.values(a.copy())[None], negacyclic.values(b.copy())[None]
    got = negacyclic.coefficients(negacyclic.summed_products(*factors))
    for prime, left, right, found in zip(PRIMES, a, b, got, strict=True):
        want = [0] * 16
        for i, j in np.ndindex(16, 16):
            want[(i + j) % 16] += (-1) ** ((i + j) // 16) * int(left[i]) * int(right[j])
        assert found.tolist() == [each % prime for each in want]


def test_errors_and_keys_have_the_distributions_that_the_bounds_take() -> None:
    drawn = residues.errors(stream(5), (200_000,))
    assert abs(drawn.mean()) < 0.05
    assert abs(drawn.var() - 10.5) < 0.2
    keys = np.bincount(residues.ternary(stream(6), (90_000,)) + 1)
    assert abs(keys - 30_000).max() < 800
    flood = residues.wide_uniform(stream(2), (2000,), 135)
    whole = [v - MODULUS * (v > MODULUS // 2) for v in of_each(flood)]
    assert all(-(2**134) <= v < 2**134 for v in whole)
    assert abs(sum(v > 0 for v in whole) - 1000) < 150
    assert max(map(abs, whole)) > 2**133


# -------------------------------------------------------------------- products


@pytest.mark.slow
@settings(max_examples=tries(12), deadline=None)
@given(
    st.tuples(st.integers(1, 3), *[st.integers(1, 40)] * 3),
    st.sampled_from(["random", "most", "zeros", "half"]),
    st.sampled_from([(True, True), (True, False), (False, True)]),
    st.randoms(use_true_random=False),
)
def test_a_product_is_pythons(two: Two, shape: tuple, kind: str, ways: tuple[bool, bool], random) -> None:
    batch, m, k, n = shape
    fixed = {"most": MOST, "zeros": 0, "half": 2**63}
    rng = np.random.default_rng(random.getrandbits(32))

    def words(*size: int) -> np.ndarray:
        made = rng.integers(0, 2**64, size, np.uint64)
        return made if kind == "random" else np.full_like(made, fixed[kind])

    x, y = [words(batch, m, k) for _ in "01"], [words(batch, k, n) for _ in "01"]
    whole = best((m, k, n))
    small = Blocks((m, k, n), tuple(-(-size // 2) for size in (m, k, n)), random.random() < 0.5)
    if small.turned:
        small = Blocks((n, k, m), small.block[::-1], turned=True)
    for blocks in (whole, small):
        before = [end.sent for end in two.ends]
        met = two.sources[0]._keys is not None
        one, other = two.cross(x, y, blocks, ways)
        want = sum(
            way * np.stack([python_product(a, b) for a, b in zip(x[i], y[1 - i], strict=True)])
            for i, way in enumerate(ways)
        )
        assert (one + other == want).all()
        holds = [ways[i] if not blocks.turned else ways[1 - i] for i in (0, 1)]
        for i, end in enumerate(two.ends):
            due = holds[i] * blocks.fresh_bytes(batch) + holds[1 - i] * blocks.answer_bytes(batch)
            assert end.sent - before[i] == due + (not met) * KEY_MESSAGE


def test_pieces_make_the_whole(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    from junto.mpc.lattice import block_packing

    monkeypatch.setattr(block_packing, "MOST_CIPHERTEXTS", 2)
    monkeypatch.setattr(block_packing, "MOST_ANSWERS", 2)
    rng = np.random.default_rng(0)
    x, y = ([rng.integers(0, 2**64, (2, *each), np.uint64) for _ in "01"] for each in ((5, 7), (7, 4)))
    one, other = two.cross(x, y, Blocks((5, 7, 4), (2, 3, 2), turned=False))
    want = [python_product(x[0][i], y[1][i]) + python_product(x[1][i], y[0][i]) for i in (0, 1)]
    assert (one + other == np.stack(want)).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_no_error_is_too_large_at_its_worst(monkeypatch: pytest.MonkeyPatch, sign: int) -> None:
    def most(stream: Stream, shape: tuple[int, ...]) -> np.ndarray:
        return np.full(shape, sign * 21)

    def flood(stream: Stream, shape: tuple[int, ...], bits: int) -> np.ndarray:
        number = sign * 2 ** (bits - 1) - (sign > 0)
        return np.broadcast_to(residues.column([number % p for p in PRIMES]), (*shape[:-1], 4, shape[-1]))

    monkeypatch.setattr(ring_lwe, "errors", most)
    monkeypatch.setattr(ring_lwe, "ternary", lambda stream, shape: np.full(shape, -1))
    monkeypatch.setattr(ring_lwe, "wide_uniform", flood)
    worst = Two()
    x = [np.full((1, 64, 128), MOST, np.uint64), np.full((1, 64, 128), 2**63, np.uint64)]
    y = [np.full((1, 128, 1), 2**63, np.uint64), np.full((1, 128, 1), 2**63 - 1, np.uint64)]
    one, other = worst.cross(x, y, best((64, 128, 1)))
    assert (one + other == python_product(x[0][0], y[1][0]) + python_product(x[1][0], y[0][0])).all()


def test_unsound_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="not sound"):
        ring_lwe._Bounds(terms=1 << 70)
    monkeypatch.setattr(ring_lwe, "FLOOD_BITS", 136)
    with pytest.raises(ValueError, match="not sound"):
        ring_lwe._Bounds()


def test_a_product_whose_answers_would_show_too_much_is_left_to_transfers() -> None:
    assert quickest((256, 256, 256), 1, 1 << 40) is not None
    assert quickest((1 << 20, 1 << 14, 1 << 12), 1, 1 << 60) is None
    for sizes in ((256, 256, 256), (100_000, 100, 1), (1, 784, 128), (1000, 1000, 1000), (30, 569, 30)):
        blocks = best(sizes)
        assert ring_lwe.distance_bits(blocks.terms, blocks.answers * len(blocks.places)) >= 40


SHAPES = [((30, 40), (40, 20)), ((2, 1, 9, 64), (3, 64, 8)), ((700, 3), (3, 1)), ((1, 1000), (1000, 4))]


@pytest.mark.parametrize(("left", "right"), SHAPES)
@pytest.mark.parametrize("held", [(3, 3), (1, 2), (2, 3), (1, 1)])
def test_demands_for_large_matrices_are_met(left: tuple, right: tuple, held: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    sources = demanded()

    def pieces(shape: tuple, by: int) -> list[np.ndarray]:
        return [rng.integers(0, 2**64, shape, np.uint64) * np.uint64(by >> i & 1) for i in (0, 1)]

    x, y = pieces(left, held[0]), pieces(right, held[1])
    asked = [[Bilinear(a, b, lambda a, b, by: by(a, b), held)] for a, b in zip(x, y, strict=True)]
    before = [end.sent for end in sources.ends]
    ((one,), (other,)) = sources.make(*asked)[0]
    assert (one + other == ring.matmul(x[0] + x[1], y[0] + y[1])).all()
    assert blocks_for(left, right, ot_pairs.QUICK, 64) is not None
    assert [end.sent - was for end, was in zip(sources.ends, before, strict=True)] == [
        sent(asked[i][0], i, ot_pairs.QUICK) for i in (0, 1)
    ]


@cache
def demanded() -> Sources:
    """Two parties that have their keys."""
    sources, one = Sources(), np.ones((64, 1), np.uint64)
    outer = Product(one, one.T, (64, 64), (3, 3))
    ((first,), (second,)) = sources.make([outer], [outer])[0]
    assert (first + second == 4).all()
    return sources


# -------------------------------------------------------------------- secrecy, and hostile messages


def test_nothing_is_sent_twice_and_shares_are_uniform() -> None:
    seen, shares = [], []
    source = Two()
    x, y = [np.full((1, 64, 4), 7, np.uint64)] * 2, [np.full((1, 4, 64), 7, np.uint64)] * 2
    for _ in range(2):
        shares += source.cross(x, y, best((64, 4, 64)))
    for end in source.ends:
        seen += [np.frombuffer(data[16:][: len(data[16:]) // 8 * 8], np.uint64) for data in end.received]
    everything = np.concatenate(seen)
    assert (
        len(np.unique(everything)) > len(everything) * 0.999
    )  # the packed numbers' upper ends are alike by chance
    drawn = np.concatenate(shares, axis=None)
    assert len(np.unique(drawn)) == drawn.size
    for bit in range(64):
        assert abs(int((drawn >> np.uint64(bit) & np.uint64(1)).sum()) - drawn.size / 2) < 5 * drawn.size**0.5


def test_an_answer_looks_fresh_to_who_has_the_key() -> None:
    holder = ring_lwe.SecretKey(stream(1))
    public, cipher = (memoryview(b"".join(holder.public())) for _ in "01")
    other, places = ring_lwe.Answering(public, stream(2)), np.arange(0, N, 2)
    sums = np.concatenate([ring_lwe.ciphertexts(cipher, 1)] * 2)
    sent, words = other.answers(sums, places)
    masks, tops, results, _ = (
        np.frombuffer(part, kind) for part, kind in zip(sent, ring_lwe._KINDS, strict=True)
    )
    # what differs is more than what lies below the errors: a itself, and of b the message less a word
    for part, bits in ((masks, 64), (tops, 16)):
        change = np.bitwise_count(part[: part.size // 2] ^ part[part.size // 2 :])
        assert abs(change.mean() - bits / 2) < 0.2
    assert len(np.unique(results)) == results.size
    assert (holder.decrypted(memoryview(b"".join(sent)), 2, places) == 0 - words).all()


def _longer(data: bytes) -> bytes:
    return data + b"\0"


def _shorter(data: bytes) -> bytes:
    return data[:-1]


def _all_ones(data: bytes) -> bytes:
    return b"\xff" * len(data)


@pytest.mark.parametrize("change", [_longer, _shorter, _all_ones])
@pytest.mark.parametrize("message", range(3), ids=["key", "ciphertexts", "answers"])
def test_what_is_none_is_refused(change: Callable[[bytes], bytes], message: int) -> None:
    source = Two()
    source.ends[0].change = lambda number, data: change(data) if number == message else data
    x, y = [np.ones((1, 2, 2), np.uint64)] * 2, [np.ones((1, 2, 2), np.uint64)] * 2
    with pytest.raises(LinkError, match=r"is due|not below its") as caught:
        source.cross(x, y, best((2, 2, 2)))
    assert caught.value.party == "peer"


def test_a_key_is_not_shown() -> None:
    assert repr(ring_lwe.SecretKey(stream(1))) == "<SecretKey>"
