"""The hash of the transfers against AES as published, and its definition written out block by block."""

from __future__ import annotations

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from junto.mpc.ot.hashing import Hash

# FIPS 197, appendix B and C.1: AES-128.
KEYS = ("2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f")
PLAIN = ("3243f6a8885a308d313198a2e0370734", "00112233445566778899aabbccddeeff")
CIPHER = ("3925841d02dc09fbdc118597196a0b32", "69c4e0d86a7b0430d8cdb78070b4c55a")


def test_the_permutation_is_aes():
    for key, plain, cipher in zip(KEYS, PLAIN, CIPHER, strict=True):
        x = np.frombuffer(bytes.fromhex(plain), np.uint64).reshape(1, 2)
        assert Hash(bytes.fromhex(key))._permuted(x).tobytes().hex() == cipher


def tmmo(key: bytes, x: bytes, number: int, piece: int) -> bytes:
    """Guo, Katz, Wang, Yu, section 7.4, on one block."""

    def pi(block: bytes) -> bytes:
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)

    def xor(a: bytes, b: bytes) -> bytes:
        return bytes(x ^ y for x, y in zip(a, b, strict=True))

    tweak = number.to_bytes(8, "little") + piece.to_bytes(8, "little")
    return xor(pi(xor(pi(x), tweak)), pi(x))


def test_hashes_are_those_of_the_definition():
    key = bytes.fromhex(KEYS[0])
    x = np.random.default_rng(0).integers(0, 2**64, (9000, 2), dtype=np.uint64)  # more than one piece
    words, blocks = Hash(key).words(x, first=5), Hash(key).blocks(x, 3, first=5)
    for j in (0, 1, 4095, 4096, 8191, 8192, 8999):
        whole = [tmmo(key, x[j].tobytes(), 5 + j, piece) for piece in range(3)]
        assert [block.tobytes() for block in blocks[:, j]] == whole
        assert words[j].tobytes() == whole[0][:8]


def test_equal_inputs_have_different_hashes():
    x = np.zeros((100, 2), np.uint64)
    seen = {block.tobytes() for piece in Hash(bytes(16)).blocks(x, 4) for block in piece}
    assert len(seen) == 400
