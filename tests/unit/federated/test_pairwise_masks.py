"""Masks of pairs cancel, are fresh, and are made of nothing but sound keys."""

from __future__ import annotations

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from junto.errors import ProtocolViolation
from junto.federated.pairwise_masks import OwnKey, PairSecrets, added

NAMES = ("alice", "bob", "carol", "dave")


@pytest.fixture(scope="module")
def secrets():
    keys = {name: OwnKey(name) for name in NAMES}
    return {
        name: PairSecrets(key, {other: keys[other].public() for other in NAMES if other != name})
        for name, key in keys.items()
    }


@pytest.mark.parametrize("among", [NAMES, NAMES[1:], NAMES[::3], ("dave", "bob")])
@pytest.mark.parametrize("words", [1, 3])
def test_the_masks_of_those_that_take_part_cancel(secrets, among, words):
    rng = np.random.default_rng(0)
    own = {name: rng.integers(0, 2**62, (words, 5), np.uint64) for name in among}
    masked = {name: secrets[name].mask(own[name], 3, among) for name in among}
    assert np.array_equal(added(masked, (words, 5)), added(own, (words, 5)))
    assert all((masked[name] != own[name]).all() for name in among)


def test_each_sum_has_masks_of_its_own(secrets):
    nothing = np.zeros((1, 4), np.uint64)
    seen = {
        tuple(secrets[name].mask(nothing, number, NAMES)[0].tolist()) for name in NAMES for number in range(5)
    }
    assert len(seen) == 20


@pytest.mark.parametrize("theirs", [b"", b"x" * 31, bytes(32), "text", None, 7, bytes([1]) + bytes(31)])
def test_what_is_no_public_key_is_refused_by_name(theirs):
    with pytest.raises(ProtocolViolation, match="bob sent no public key"):
        PairSecrets(OwnKey("alice"), {"bob": theirs})


def test_ones_own_key_sent_back_is_none():
    key = OwnKey("alice")
    with pytest.raises(ProtocolViolation, match="bob"):
        PairSecrets(key, {"bob": key.public()})


@pytest.mark.parametrize("part", [None, [1], np.zeros((1, 2)), np.zeros((1, 3), np.uint64), np.uint64(3)])
def test_only_words_of_the_shape_that_was_agreed_on_are_added(part):
    with pytest.raises(ProtocolViolation, match="bob sent is no vector"):
        added({"alice": np.zeros((1, 2), np.uint64), "bob": part}, (1, 2))


def test_no_secret_is_in_what_is_printed(secrets):
    raw = X25519PrivateKey.generate()
    assert repr(OwnKey("alice")) == "<OwnKey of alice>"
    assert "bob" in repr(secrets["alice"])
    assert raw.private_bytes_raw().hex() not in repr(secrets["alice"])
    assert "\\x" not in repr(secrets["alice"])
