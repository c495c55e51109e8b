"""GF(64), the code over it, and vector oblivious linear evaluation there."""

from __future__ import annotations

import numpy as np
import pytest

from junto.mpc.ot import symbol_vole, symbols
from junto.mpc.ot.seed_trees import correction_bytes
from junto.mpc.ot.symbol_vole import VoleInput, VoleKey
from junto.mpc.prg import Stream

SESSION = bytes(range(32))


def logarithms():
    """Powers of z modulo z**6 + z + 1, which is primitive, by shifting: another way to multiply."""
    powers = [1]
    for _ in range(62):
        shifted = powers[-1] << 1
        powers.append(shifted ^ 0b1000011 if shifted & 64 else shifted)
    return powers


def test_products_are_those_of_the_field():
    powers = logarithms()
    assert len(set(powers)) == 63
    place = {number: index for index, number in enumerate(powers)}
    for a in range(64):
        for b in range(64):
            expected = powers[(place[a] + place[b]) % 63] if a and b else 0
            assert symbols.product(a, b) == expected


def elements(planes):
    """[..., 6, width] as numbers."""
    bits = np.unpackbits(planes.view(np.uint8), axis=-1, bitorder="little").astype(np.int64)
    return (bits << np.arange(6)[:, None]).sum(axis=-2)


def planes_of(numbers):
    """[..., 64 * width] as planes."""
    bits = np.asarray(numbers)[..., None, :] >> np.arange(6)[:, None] & 1
    return np.packbits(bits.astype(np.uint8), axis=-1, bitorder="little").view(np.uint64)


def test_planes_are_scaled_symbol_by_symbol():
    numbers = np.arange(64)
    for factor in range(64):
        got = elements(symbols.scaled(factor, planes_of(numbers)))
        assert got.tolist() == [symbols.product(factor, each) for each in range(64)]


@pytest.mark.parametrize("length", [1, 2, 10, 13])
def test_words_of_the_code_differ_in_22_symbols(length):
    rng = np.random.default_rng(length)
    most = 64 * 40
    messages = np.zeros((length, most), np.int64)
    for column in range(most):  # few symbols that are not zero are what makes a word light
        heavy = 1 + column % min(length, 5)
        messages[rng.choice(length, heavy, replace=False), column] = rng.integers(1, 64, heavy)
    parity = elements(symbols.parities(planes_of(messages)))
    weights = (messages != 0).sum(axis=0) + (parity != 0).sum(axis=0)
    assert parity.shape == (symbols.PARITY, most)
    assert weights.min() >= symbols.PARITY + 1


def test_parities_are_linear_and_the_same_in_any_piece(monkeypatch):
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 2**64, (2, 9, 6, 5), np.uint64)
    np.testing.assert_array_equal(symbols.parities(x ^ y), symbols.parities(x) ^ symbols.parities(y))
    whole = symbols.parities(x)
    monkeypatch.setattr(symbols, "_PIECE", 2)
    np.testing.assert_array_equal(symbols.parities(x), whole)
    with pytest.raises(ValueError, match="at most 43"):
        symbols.parities(np.zeros((44, 6, 1), np.uint64))


def ends(columns):
    key = VoleKey(Stream(bytes(16)), columns, SESSION)
    given = VoleInput(Stream(b"b" * 16), memoryview(key.message), columns, SESSION)
    return key, given


@pytest.mark.parametrize("native", [True, False])
def test_outputs_differ_by_the_secret_times_the_inputs(monkeypatch, native):
    if not native:
        monkeypatch.setattr(symbol_vole, "kernels", lambda: None)
    key, given = ends(5)
    assert len(key.message) == symbol_vole.functions_bytes(5)
    assert len(given.message) == symbol_vole.reply_bytes(5)
    key.meet(memoryview(given.message))
    rng, seen = np.random.default_rng(1), []
    for column in range(5):
        inputs = rng.integers(0, 2**64, (6, 9), np.uint64)
        message, own = given.output(column, inputs)
        difference = key.output(column, message) ^ own
        np.testing.assert_array_equal(difference, key.scaled(column, inputs))
        seen.append(difference.tobytes())
        assert message.tobytes() != inputs.tobytes()
    factors = [elements(key.scaled(column, planes_of(np.ones(64, int))))[0] for column in range(5)]
    assert len(set(factors)) > 1


def test_a_message_shows_nothing_of_equal_inputs():
    _, given = ends(2)
    zeros = np.zeros((6, 64), np.uint64)
    drawn = np.unpackbits(np.concatenate([given.output(c, zeros)[0] for c in (0, 1)]).view(np.uint8))
    assert abs(drawn.mean() - 0.5) < 6 * 0.5 / len(drawn) ** 0.5


@pytest.mark.parametrize("flip", [0, symbol_vole.REPLY_BYTES + correction_bytes(6) - 1])
def test_what_no_honest_party_sends_is_refused(flip):
    key, given = ends(2)
    said = bytearray(given.message)
    said[flip] ^= 1
    with pytest.raises(ValueError, match="honest"):
        key.meet(memoryview(bytes(said)))
    with pytest.raises(ValueError, match="length"):
        key.meet(memoryview(given.message)[:-1])
    with pytest.raises(ValueError, match="number"):
        VoleInput(Stream(bytes(16)), memoryview(key.message), 3, SESSION)
    with pytest.raises(ValueError, match=r"point|send"):
        VoleInput(Stream(bytes(16)), memoryview(b"\xff" * len(key.message)), 2, SESSION)
