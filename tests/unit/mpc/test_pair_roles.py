"""Preparing a plan in batches, and using all of what was prepared."""

from __future__ import annotations

import numpy as np
import pytest

import mpc_pairs
from junto.mpc.gates import Digit
from junto.mpc.preprocess.correlations import transfers
from junto.mpc.preprocess.joint import Paired, Preparing, Supply, compare_phases
from junto.mpc.prg import Stream
from junto.mpc.protocol.demands import BOTH, Conjunction, Hot, Number, Product
from junto.mpc.protocol.shares import Additive, Affine, Masked, MaskedBits, Term, unopened

RNG = np.random.default_rng(6)
X, Y = (RNG.integers(-(2**30), 2**30, 300).astype(np.uint64) for _ in range(2))

ANY = Number(np.zeros(0, np.bool_))


async def much(g, a, b):
    """Several gates one after the other, of which later ones need what earlier ones were dealt."""
    x, y = a, b
    for _ in range(3):
        low = g.to_ring(await g.negative(g.subtract(x, y)))
        x = await g.truncate(await g.multiply(low, await g.multiply(x, y)), 30)
        (y,) = await g.lookup(x, Digit(20, 4), [np.arange(16, dtype=np.uint64)])
    return [x, y]


def test_the_size_of_a_batch_changes_nothing_but_the_number_of_batches(monkeypatch):
    batches = []
    make = mpc_pairs.Trusted.make

    def counted(self, party, demands):
        if party == 0:
            batches[-1] += 1
        return make(self, party, demands)

    monkeypatch.setattr(mpc_pairs.Trusted, "make", counted)
    results = []
    for batch in (1, 40_000, 1 << 40):
        batches.append(0)
        results.append(mpc_pairs.run(much, X, Y, batch=batch).values)
    assert batches[0] > batches[1] > batches[2] == 1
    for values in results[1:]:
        assert abs((values[0] - results[0][0]).view(np.int64)).max() <= 40  # other masks round otherwise


def test_all_that_was_prepared_is_used_and_no_more():
    supply = Supply()
    made = [(np.zeros(1),), (np.ones(1),)]

    def steps():
        for each in made:
            supply.append([each])
            yield

    supply.from_steps(steps())
    assert supply.take(ANY) is made[0]
    with pytest.raises(RuntimeError, match="1 things that were prepared"):
        supply.finish()
    assert supply.take(ANY) is made[1]
    supply.finish()
    with pytest.raises(RuntimeError, match="asks for more"):
        supply.take(ANY)


def test_an_error_while_preparing_ends_the_computation():
    supply = Supply()

    def steps():
        yield
        raise OSError("gone")

    supply.from_steps(steps())
    with pytest.raises(OSError, match="gone"):
        supply.take(ANY)


def test_who_prepares_sees_masks_and_nothing_that_was_opened():
    mask, public = RNG.integers(0, 2**64, (2, 3), dtype=np.uint64)
    bits = np.array([True, False, True])
    affine = Affine(public, (Term(public, mask, bits), Term(public, mask)), (3,))
    additive = Additive(public, (3,))
    additive.masked = Masked(public, mask)
    known = {}
    for secret in (Masked(public, mask), affine, additive, additive.masked):
        seen = unopened(secret, known)
        assert unopened(secret, known) is seen
        assert seen.shape == (3,)
        assert getattr(seen, "public", None) is None
        assert getattr(seen, "share", None) is None
        if isinstance(seen, Affine):
            assert [(term.factor, term.mask is mask) for term in seen.terms] == [(None, True)] * 2
            assert seen.terms[0].bits is bits
        if isinstance(seen, Additive):
            assert seen.masked.public is None
            assert seen.masked.mask is mask
    flags = unopened(MaskedBits(bits, bits), known)
    assert flags.public is None
    assert flags.mask is bits


def test_batches_are_measured_and_what_only_a_helper_deals_is_refused():
    one, plane = np.zeros((4, 5), np.uint64), np.zeros((3, 2), np.uint64)
    assert transfers(Product(one, one, one.shape, (BOTH, BOTH))) == 128 * 20
    assert transfers(Product(one, one, one.shape, (1, BOTH))) == 64 * 20
    assert transfers(Number(np.zeros(7, np.bool_))) == 7
    assert transfers(Conjunction(plane, plane, 128)) == 2 * 3 * 128
    with pytest.raises(TypeError, match="only a helper deals it"):
        transfers(Hot(one, 1))


def test_phases_that_draw_other_masks_are_found_out():
    def phases() -> tuple[Preparing, Paired]:
        stream = [Stream(bytes(16)) for _ in (0, 1)]
        return Preparing(0, stream[0], None, Supply()), Paired(0, stream[1], None, Supply())

    preparing, computing = phases()
    for role in (preparing, computing):
        role.mask((3,))
    compare_phases(preparing.next_of_own(), computing)
    preparing, computing = phases()
    preparing.mask((3,))
    with pytest.raises(RuntimeError, match="other masks"):
        compare_phases(preparing.next_of_own(), computing)
