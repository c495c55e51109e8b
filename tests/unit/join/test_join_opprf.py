"""Bins of keys, and the function that is programmed for them: what comes out, what shows, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.special import gammaln, logsumexp

import junto as sf
from junto.join import cuckoo, okvs, opprf
from junto.join.keys import DIGEST_BYTES
from junto.join.opprf import OpprfInput, OpprfKey, OpprfSizes
from junto.join.tags import Tagging
from junto.mpc.prg import derive

# Bins.


def ways(n, k):
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def most_failures(keys, count):
    """The logarithm of base 2 of the sum that `cuckoo` speaks of."""
    k = np.arange(4, keys + 1, dtype=float)
    inside = k * (ways(k - 1, 3) - ways(count, 3))
    # Of 3 k balls in k - 1 bins each has two or more: a coefficient of (e^z - 1 - z)^(k - 1), by any z > 0.
    for z in np.linspace(1.8, 12, 20):
        twice = gammaln(3 * k + 1) + (k - 1) * np.log(np.expm1(z) - z) - 3 * k * np.log(z) - k * np.log(6)
        inside = np.minimum(inside, twice - k * ways(count, 3))
    return logsumexp(ways(keys, k) + ways(count, k - 1) + inside) / np.log(2)


def test_so_many_bins_fail_no_more_often_than_is_said():
    for keys in [*range(4, 40), *(2**power * 3 // 2 for power in range(5, 18))]:
        assert most_failures(keys, cuckoo.bins_of(keys)) < -40
    assert most_failures(1000, 1200) > -40  # it is no bound of everything
    assert cuckoo.bins_of((cuckoo.MOST_BINS - cuckoo.bins_of(0)) * 10 // 13) <= cuckoo.MOST_BINS


def tags(rng, count):
    return rng.integers(0, 2**64, (count, 2), np.uint64)


@pytest.mark.parametrize("count", [3, 4, 5, 1 << 10])
def test_the_bins_of_a_key_are_three_different_ones_and_any(count):
    names = cuckoo.named(tags(np.random.default_rng(count), 60_000), count)
    assert (np.diff(np.sort(names, axis=1), axis=1) > 0).all()
    for of_hash in names.T:  # as chi-squared, within six deviations
        seen = np.bincount(of_hash, minlength=count)
        assert len(seen) == count
        assert seen.var() / seen.mean() < 1 + 6 * (2 / count) ** 0.5


def test_each_key_gets_a_bin_of_its_own_wherever_there_are_such_bins():
    rng, full = np.random.default_rng(5), 0
    for _ in range(300):
        keys = int(rng.integers(0, 14))
        count = int(rng.integers(max(3, keys - 2), keys + 4))
        names = cuckoo.named(tags(rng, keys), count)
        graph = csr_matrix((np.ones(3 * keys), (np.repeat(np.arange(keys), 3), names.ravel())), (keys, count))
        there = (maximum_bipartite_matching(graph, "column") >= 0).all()
        choice = cuckoo.chosen(names, count)
        assert (choice is not None) == there
        full += not there
        if there:
            assert len(set(names[np.arange(keys), choice])) == keys
    assert 30 < full < 270
    names = cuckoo.named(tags(rng, 20_000), cuckoo.bins_of(20_000))
    assert len(set(names[np.arange(20_000), cuckoo.chosen(names, cuckoo.bins_of(20_000))])) == 20_000


# The function.


def keys(*numbers):
    made = np.zeros((len(numbers), DIGEST_BYTES), np.uint8)
    made[:, :8] = np.array(numbers, np.int64)[:, None].view(np.uint8)
    return made


def begun(ours, theirs, words=0, width=64):
    """The two parties by themselves, before the key party's tables."""
    sizes = OpprfSizes(len(ours), len(theirs), words, width)
    given, key = OpprfInput(sizes, "bob"), OpprfKey(sizes, "alice")
    given.meet(key.meet(given.begin()))
    given.add(ours)
    key.add(theirs)
    key.open(given.encode())
    for number in range(sizes.oprf.columns):
        key.column(number, given.column(number))
    return given, key, sizes


def ran(ours, theirs, rows=(), width=64):
    given, key, sizes = begun(ours, theirs, len(rows), width)
    given.open(key.program(rows))
    for table in range(len(sizes.widths)):
        for number in range(opprf.PIECES):
            given.take(table, number, key.table(table, number))
    given.read()
    return given, key, sizes


def sums(given, key, act, number):
    (one,), (other,) = (getattr(side, act)(number) for side in (given, key))
    return one + other


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [(0, 0, 0), (0, 9, 1), (9, 0, 1), (1, 1, 4), (70, 300, 0), (300, 70, 4), (40, 50, 1)],
)
def test_where_both_have_a_key_words_add_up_and_nowhere_else(ours, theirs, words):
    rng = np.random.default_rng(ours)
    mine, others = np.arange(ours), np.arange(theirs) + ours // 2
    rows = [rng.integers(0, 2**64, theirs, np.uint64) for _ in range(words)]
    given, key, sizes = ran(keys(*mine), keys(*others), rows)
    held = given.places()
    assert sorted(held.tolist()) == [*range(ours), *[ours] * (sizes.bins - ours)]
    found = np.append(mine, -1)[held]
    both = np.isin(found, others)
    halves = [sums(given, key, "first_words", half).view(np.int64) for half in range(opprf.HALVES)]
    assert all((np.abs(half) < 2**31).all() for half in halves)
    np.testing.assert_array_equal(both, (halves[0] == 0) & (halves[1] == 0))
    for number, row in enumerate(rows):
        total = sums(given, key, "piece", number)
        np.testing.assert_array_equal(total[both], row[found[both] - ours // 2])
        assert not np.isin(total[~both], row).any()


def test_pairs_of_words_add_up_as_numbers_of_128_bits():
    """Whatever carries from one to the other: against Python's integers."""
    rng, count = np.random.default_rng(7), 200
    rows = [rng.integers(0, 2**64, count, np.uint64) for _ in range(4)]
    given, key, sizes = ran(keys(*range(count)), keys(*range(count)), rows, 128)
    of_key = given.places()
    there = of_key < count
    for number in range(2):
        pieces = [
            [low + (high << 64) for low, high in side.piece(number)[0].tolist()] for side in (given, key)
        ]
        found = np.array([(one + other) % 2**128 for one, other in zip(*pieces, strict=True)], object)
        low, high = (row.astype(object) for row in rows[2 * number : 2 * number + 2])
        assert found[there].tolist() == (low + (high << 64))[of_key[there]].tolist()
    for half in range(opprf.HALVES):
        pieces = [
            [low + (high << 64) for low, high in side.first_words(half)[0].tolist()] for side in (given, key)
        ]
        equal = [(one + other) % 2**128 == 0 for one, other in zip(*pieces, strict=True)]
        assert np.array(equal).tolist() == there.tolist()
    assert sizes.widths == [2, 2, 1]


def test_what_each_party_has_is_uniform_whatever_is_in_common():
    """Each bit of the words that each has or receives, of keys in common and of others; and no word twice."""
    every, count = [], 4000
    for shared in (0, count):
        given, key, _ = ran(
            keys(*range(count)), keys(*np.arange(count) + count - shared), [np.zeros(count, np.uint64)] * 2
        )
        of_keys = np.flatnonzero(given.places() < count)
        for words in (given._words[:, of_keys], key._words, *key._tables):
            ones = np.unpackbits(words.copy().view(np.uint8).reshape(-1, 8), axis=1).mean(axis=0)
            assert np.abs(ones - 0.5).max() < 6 * 0.5 / words.size**0.5
        every += [given._words[1:].ravel(), key._words.ravel(), *(each.ravel() for each in key._tables)]
    met = np.concatenate(every)
    assert len(np.unique(met)) == len(met)


def test_whoever_guesses_a_key_of_the_other_sees_nothing_of_it_in_the_tables():
    """Not even that two keys are in one bin: what a table has for a key is under a value of the function."""
    theirs, rows = keys(*range(200)), [np.arange(200, dtype=np.uint64)]
    given, key, sizes = begun(keys(500), theirs, 1)
    said = key.program(rows)
    names = opprf._named(given.session, theirs, sizes.bins)
    for choice in range(cuckoo.HASHES):
        laid = opprf._laid(given.session, theirs, np.full(200, choice))
        bands = okvs.bands_of(said, Tagging(derive(given.session, "values", 0))(laid), sizes.slots)
        found = okvs.decode(bands, np.hstack([key._tables[0]] * 2))
        first, further = key._words[:, names[:, choice]]
        assert len(np.unique(found[:, 0])) == 200 > len(np.unique(first))
        assert not np.isin(found[:, 0], first).any()
        assert not np.isin(found[:, 1] + further, rows[0]).any()


def test_keys_as_in_their_bins_are_others_for_each_bin_and_in_each_run():
    seen = []
    for _ in range(2):
        given, *_ = begun(keys(1, 2, 3), keys(3))
        for choice in range(cuckoo.HASHES):
            seen += opprf._laid(given.session, keys(1, 2, 3), np.full(3, choice)).tolist()
    assert len({bytes(each) for each in seen}) == 2 * cuckoo.HASHES * 3


def test_pads_of_one_seed_are_others_for_each_table():
    seeds = tags(np.random.default_rng(0), 50)
    pads = [opprf._pads(session, table, seeds) for session in (bytes(32), b"1" * 32) for table in range(3)]
    every = np.concatenate([seeds, *pads]).ravel()
    assert len(np.unique(every)) == len(every)


def test_what_fails_by_chance_is_tried_again_or_said(monkeypatch):
    given, key, _ = begun(keys(1, 2), keys(2, 3))
    made, tries = okvs.encode, []
    monkeypatch.setattr(okvs, "encode", lambda *given: tries.append(1) or (len(tries) > 2 and made(*given)))
    given.open(key.program([]))
    assert len(tries) == 3
    given, key, _ = begun(keys(1, 2), keys(2, 3))
    monkeypatch.setattr(okvs, "encode", lambda *given: False)
    with pytest.raises(sf.JoinError, match="no table"):
        key.program([])
    monkeypatch.setattr(cuckoo, "chosen", lambda *given: None)
    with pytest.raises(sf.JoinError, match="no bins"):
        begun(keys(1, 2), keys(3))


def test_what_is_no_message_is_refused_by_the_name_of_its_sender():
    given, key, sizes = begun(keys(1, 2), keys(3), 2)
    garbage = [None, b"", bytes(15), "x" * 16, 7, np.zeros((3, 2)), np.zeros((3, 2), np.uint64), [b""]]
    for said in garbage:
        with pytest.raises(sf.ProtocolViolation, match="what bob sent is no key"):
            given.open(said)
    given.open(key.program([np.zeros(1, np.uint64)] * 2))
    for table, width in enumerate(sizes.widths):
        honest = key.table(table, 1)
        assert honest.shape[1] == width
        for wrong in (*garbage, honest[:-1], honest[:, :0], honest.view(np.int64), honest[None]):
            with pytest.raises(sf.ProtocolViolation, match="what bob sent is no table"):
                given.take(table, 1, wrong)
