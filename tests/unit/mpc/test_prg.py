"""Keystreams: one order of bytes, no key shown, no byte twice; keys derived for one purpose."""

from __future__ import annotations

import numpy as np
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from junto.mpc import prg

KEY = bytes(range(16))


def test_small_and_large_draws_give_one_stream():
    """Sizes around what is made ahead and around the pieces in which large draws are made."""
    ahead, piece = prg._AHEAD, prg._PIECE // 8
    sizes = [1, ahead // 2, ahead // 2 + 1, 3, ahead - 1, ahead, ahead + 1, 0, piece - 1, 2, piece + 1, 5]
    stream = prg.Stream(KEY)
    drawn = np.concatenate([stream.words(size) for size in sizes])
    assert (drawn == prg.Stream(KEY).words(sum(sizes))).all()


@pytest.mark.parametrize("size", [1, 3, 100, 255])
def test_small_draws_go_on_where_what_is_made_ahead_ends(size):
    stream = prg.Stream(KEY)
    drawn = [stream.words(size) for _ in range(2000 // size)]
    assert {len(each) for each in drawn} == {size}
    assert (np.concatenate(drawn) == prg.Stream(KEY).words(size * len(drawn))).all()


def test_octets_take_whole_words():
    one, two = prg.Stream(KEY), prg.Stream(KEY)
    assert one.octets(3) == two.words(1).tobytes()[:3]
    assert (one.words(2) == two.words(2)).all()
    assert one.octets(0) == b""


def test_what_was_drawn_is_the_callers_own():
    stream = prg.Stream(KEY)
    first = stream.words(4)
    kept = first.copy()
    second = stream.words(4)
    second[:] = 0
    stream.planes(3, 100)[:] = 0
    assert (first == kept).all()
    again = prg.Stream(KEY)
    again.words(8)
    again.planes(3, 100)
    assert (stream.words(600) == again.words(600)).all()


def test_planes_have_whole_words():
    made = prg.Stream(KEY).planes(3, 65)
    assert made.shape == (3, 2)
    assert (made.reshape(-1) == prg.Stream(KEY).words(6)).all()
    assert prg.Stream(KEY).planes(0, 10).shape == (0, 1)


def test_different_keys_and_places_have_nothing_in_common():
    one = prg.Stream(KEY).words(5000)
    two = prg.Stream(bytes(16)).words(5000)
    assert len(np.unique(np.concatenate([one, two]))) == 10_000


def test_a_stream_that_is_used_up_stays_so(monkeypatch):
    monkeypatch.setattr(prg, "MOST_BLOCKS", 2000)
    stream = prg.Stream(KEY)
    stream.words(3000)
    for _ in range(2):
        with pytest.raises(OverflowError, match="used up"):
            stream.words(2000)


def test_no_key_shows():
    stream = prg.Stream(KEY)
    for text in (repr(stream), str(stream), f"{stream!r:>40}"):
        assert KEY.hex() not in text
        assert repr(KEY)[2:-1] not in text


# -------------------------------------------------------------------- keys

CONTEXTS = [
    (), ("",), (b"",), ("", ""), ("a",), (b"a",), ("a", ""), ("", "a"), ("ab",), ("a", "b"), (1,), ("1",),
    (b"1",), (11,), (1, 1), (-1,), (0,), (2**70,), ("s\x00\x00\x00\x01a",), ("a", 1, b"x"), ("a", b"x", 1),
]  # fmt: skip


def test_each_context_has_its_own_key():
    keys = [prg.derive(bytes(range(32)), *context) for context in CONTEXTS]
    assert len(set(keys)) == len(CONTEXTS)


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_key_is_what_another_implementation_of_hkdf_expands(context):
    encoded = b""
    for part in context:
        data = part if isinstance(part, bytes) else str(part).encode()
        encoded += {bytes: b"b", str: b"s", int: b"i"}[type(part)] + len(data).to_bytes(4, "big") + data
    secret = bytes(range(100, 132))
    assert prg.derive(secret, *context) == HKDFExpand(hashes.SHA256(), 16, encoded).derive(secret)


@pytest.mark.parametrize("part", [None, 1.0, True, ["a"]])
def test_a_purpose_of_another_type_is_refused(part):
    with pytest.raises(TypeError, match=type(part).__name__):
        prg.derive(bytes(32), "a", part)


def test_fresh_keys_are_fresh():
    keys = {prg.fresh_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {prg.KEY_BYTES}


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_keys_are_derived_from_whole_secrets_only(size):
    with pytest.raises(ValueError, match=f"from 32 bytes, not from {size}"):
        prg.derive(bytes(size), "purpose")
